//! The processes that read files.

use std::{
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::home::{Home, PATIENCE};

/// The workers of process `parent`.
fn workers_of(parent: u32) -> Vec<PathBuf> {
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let is_worker = |process: &PathBuf| {
        let command = fs::read(process.join("cmdline")).unwrap_or_default();
        let status = fs::read_to_string(process.join("status")).unwrap_or_default();
        command.split(|byte| *byte == 0).any(|word| word == b"docent-parse-worker")
            && status.lines().any(|line| line == format!("PPid:\t{parent}"))
    };
    processes.filter(is_worker).collect()
}

#[test]
fn workers_are_sealed_and_end_with_their_parent() {
    let home = Home::small();
    home.write("a.md", "# Leave\n\nThirty days a year.\n");
    let doctor = home.json(&["doctor"]);
    let checks = doctor["checks"].as_array().unwrap();
    let parsers = checks.iter().find(|check| check["name"] == "parsers").unwrap();
    assert_eq!(parsers["state"], "ok", "{parsers}");
    assert!(parsers["detail"].as_str().unwrap().contains("processes"), "{parsers}");

    home.add();
    let mut watch = home.watch();
    home.write("b.md", "# Travel\n\nTrains before planes.\n");
    let begun = Instant::now();
    let workers = loop {
        let workers = workers_of(watch.pid());
        if !workers.is_empty() {
            break workers;
        }
        assert!(begun.elapsed() < PATIENCE, "no worker reads the file");
        thread::sleep(Duration::from_millis(2));
    };
    for worker in &workers {
        // Sealed before the first file; a worker that was met earlier gets there.
        while worker.exists() {
            let status = fs::read_to_string(worker.join("status")).unwrap_or_default();
            if status.lines().any(|line| line == "Seccomp:\t2") {
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "not sealed: {status}");
            thread::sleep(Duration::from_millis(2));
        }
    }
    watch.signal(Signal::KILL);
    watch.ended();
    while workers.iter().any(|worker| worker.join("status").exists()) {
        assert!(begun.elapsed() < PATIENCE, "a worker outlives its parent");
        thread::sleep(Duration::from_millis(10));
    }
}
