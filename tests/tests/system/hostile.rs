//! A folder of everything that is made, or happens, to break an indexer: the run ends, in bounded memory, each file has
//! its reason, and what stands beside them is found.

use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{BufWriter, Write as _},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, SystemTime},
};

use rustix::fs::{CWD, FileType, Mode, makedev, mknodat, statvfs};

use crate::{
    home::{Home, Output, shown, start, total},
    invented::{packed, word},
};

/// A line without an end.
const LINE: u64 = 1 << 30;
/// What no process of docent may take, in bytes.
const MEMORY: u64 = 1536 << 20;

/// Writes to a file all the time, until it is dropped.
struct Writer {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    fn new(path: PathBuf) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let is_stopped = Arc::clone(&stop);
        // Many MB, so that reading it takes longer than it stays the same; of few words, so that they are soon indexed.
        fs::write(&path, format!("One line of a log.{}", "\n".repeat(32 << 20))).unwrap();
        let thread = thread::spawn(move || {
            let mut file = OpenOptions::new().append(true).open(path).unwrap();
            while !is_stopped.load(Ordering::Relaxed) {
                file.write_all(b"\n").unwrap();
                thread::sleep(Duration::from_micros(200));
            }
        });
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(thread::panicking() || matches!(ended, Some(Ok(()))), "the writer broke down");
    }
}

/// The most memory that a process and those that it started have taken, in bytes, by their names.
#[derive(Default)]
struct Peaks(HashMap<&'static str, u64>);

impl Peaks {
    fn look(&mut self, parent: u32) {
        self.note("docent index", parent);
        let own = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
        for pid in fs::read_dir("/proc").unwrap().flatten().filter_map(own) {
            if field(pid, "PPid:").is_some_and(|of| of == u64::from(parent)) {
                self.note("a worker", pid);
            }
        }
    }

    fn note(&mut self, name: &'static str, pid: u32) {
        let peak = field(pid, "VmHWM:").unwrap_or(0) << 10;
        let most = self.0.entry(name).or_default();
        *most = peak.max(*most);
    }
}

/// A number out of `/proc/PID/status`.
fn field(pid: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
}

/// Runs docent and watches its memory, and that of its workers if it needs any.
fn watched(home: &Home, arguments: &[&str], workers: bool) -> Output {
    let mut peaks = Peaks::default();
    let mut running = start(home.command(arguments));
    while !running.has_ended() {
        peaks.look(running.pid());
        thread::sleep(Duration::from_millis(10));
    }
    let output = running.finish();
    for (name, peak) in &peaks.0 {
        eprintln!("{name}: {} MB at most", peak >> 20);
    }
    assert!(!workers || peaks.0.len() == 2, "both were seen: {:?}", peaks.0);
    assert!(peaks.0.values().all(|peak| *peak > 1 << 20 && *peak < MEMORY), "{:?}", peaks.0);
    output
}

/// Fills the folder, and tells what each thing is to come to: the states it may be in, and a part of its reason.
fn made(home: &Home) -> Vec<(PathBuf, &'static [&'static str], &'static str)> {
    let mut made = Vec::new();
    let zeros = vec![0; 256 << 20];
    let bomb = packed(&[("zeros.txt", &zeros)]);
    // Together they come to more than a container may unpack to.
    let document = packed(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("word/document.xml", &zeros),
        ("word/styles.xml", &zeros),
        ("word/comments.xml", &zeros),
    ]);
    drop(zeros);
    let inner = packed(&[("secret.md", format!("# Inside\n\n{}\n", word(2)).as_bytes())]);
    let nested = (0..5).fold(inner, |inner, _| packed(&[("inner.zip", &inner)]));
    let entities: String =
        (1..12).map(|at| format!("<!ENTITY e{at} \"{}\">", format!("&e{};", at - 1).repeat(10))).collect();
    let laughs = format!("<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY e0 \"ha\">{entities}]><x>&e11;</x>");
    for (name, bytes, states, reason) in [
        ("bomb.zip", bomb, &["failed", "skipped"][..], "unpack"),
        ("bomb.docx", document, &["failed", "skipped"], "unpack"),
        ("nested.zip", nested, &["failed", "skipped"], "archive"),
        ("laughs.xml", laughs.into_bytes(), &["failed", "skipped", "searchable"], ""),
    ] {
        made.push((home.write(name, bytes), states, reason));
    }
    let docs = home.docs();
    fs::write(home.beside("outside.md"), format!("# Outside\n\n{}\n", word(3))).unwrap();
    symlink(home.beside("outside.md"), docs.join("link.md")).unwrap();
    made.push((docs.join("link.md"), &["skipped"], "symbolic link, not followed"));
    let make =
        |name: &str, kind, device| mknodat(CWD, docs.join(name), kind, Mode::RUSR | Mode::WUSR, device);
    make("fifo", FileType::Fifo, 0).unwrap();
    made.push((docs.join("fifo"), &["skipped"], "not a regular file"));
    // As /dev/zero, which never ends.
    if make("device", FileType::CharacterDevice, makedev(1, 5)).is_ok() {
        made.push((docs.join("device"), &["skipped"], "not a regular file"));
    } else {
        eprintln!("passed over: no device can be made here");
    }
    made
}

/// Writes a line of a gigabyte; `false` where there is no room for it and what docent may write beside it.
fn write_line(path: &Path) -> bool {
    let room = statvfs(path.parent().unwrap()).map_or(0, |disk| disk.f_bavail * disk.f_frsize);
    if room < 3 * LINE {
        eprintln!("passed over: no room for a file of {} MB", LINE >> 20);
        return false;
    }
    let words = b"all work and no play makes a long line ".repeat(26_887);
    let mut file = BufWriter::new(File::create(path).unwrap());
    let mut left = LINE as usize;
    while left > 0 {
        let length = left.min(words.len());
        file.write_all(&words[..length]).unwrap();
        left -= length;
    }
    file.flush().unwrap();
    true
}

#[test]
fn a_hostile_folder_costs_only_itself() {
    let home = Home::small();
    let mut made = made(&home);
    let neighbour =
        home.write("neighbour.md", format!("# Neighbour\n\nThis one can be read: {}.\n", word(1)));
    let log = home.docs().join("changes.log");
    let writer = Writer::new(log.clone());
    // On a busy machine the writer may have to wait just while it is read.
    made.push((log.clone(), &["pending", "searchable"], "changed"));
    let line = home.docs().join("line.txt");
    let has_line = write_line(&line);
    let state_of = |path: &Path| {
        let story = home.json(&["status", "--file", &shown(path)]);
        let text = |key: &str| story[key].as_str().unwrap_or_default().to_owned();
        (text("state"), text("reason"))
    };
    let check = || {
        for (path, states, reason) in &made {
            let (state, said) = state_of(path);
            assert!(states.contains(&state.as_str()), "{}: {state}, {said}", path.display());
            let has_reason = if state == "searchable" { said.is_empty() } else { said.contains(reason) };
            assert!(has_reason && (state == "searchable" || !said.is_empty()), "{}: {said}", path.display());
        }
        assert_eq!(home.found(&["--mode", "lexical", &word(1)]), std::slice::from_ref(&neighbour));
        for hidden in [2, 3] {
            assert!(
                home.found(&["--mode", "lexical", &word(hidden)]).is_empty(),
                "what is not to be read was"
            );
        }
    };

    let output = watched(&home, &["add", "--json", &shown(&home.docs())], true);
    assert_eq!(output.code, Some(0), "{output:?}");
    let documents = &output.json()["documents"];
    assert_eq!(total(documents), (made.len() + 1 + usize::from(has_line)) as u64, "{documents}");
    check();
    if has_line {
        let (state, reason) = state_of(&line);
        assert_eq!((state.as_str(), reason.as_str()), ("skipped", "larger than 256 MB (index.max_file_mb)"));
        // Where files may be larger than anything, it is read, and still bounded.
        home.configure("[index]\nmax_file_mb = 100000\n");
        let output = watched(&home, &["index", "--json"], true);
        assert_eq!(output.code, Some(0), "{output:?}");
        let (state, reason) = state_of(&line);
        eprintln!("a line of {} MB: {reason}", LINE >> 20);
        assert_eq!(state, "failed", "{reason}");
        assert!(reason.contains("of memory to be read"), "{reason}");
        check();
        // With memory enough for the file, it is still too much text.
        home.configure("[index]\nmax_file_mb = 100000\nparse_memory_mb = 1400\n");
        File::options().append(true).open(&line).unwrap().set_modified(SystemTime::now()).unwrap();
        let output = watched(&home, &["index", "--json"], true);
        assert_eq!(output.code, Some(0), "{output:?}");
        assert_eq!(state_of(&line).1, "512 MB or more of text; the limit is 128 MB");
        // Larger than the memory that may be taken, it is not even tried.
        home.configure("[index]\nmax_file_mb = 100000\nparse_memory_mb = 512\n");
        let output = watched(&home, &["index", "--json"], false);
        assert_eq!(output.code, Some(0), "{output:?}");
        let rule = "larger than 512 MB (index.parse_memory_mb)".to_owned();
        assert_eq!(state_of(&line), ("skipped".into(), rule));
    }
    // It comes to rest, and is read.
    drop(writer);
    home.json(&["index"]);
    assert_eq!(state_of(&log).0, "searchable");
    home.assert_clean();
}
