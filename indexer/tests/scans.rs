//! Scans: read last, page by page, and never twice.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::{
    fs,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use docent_core::{FileState, WatchConfig};
use docent_indexer::{Cancel, Indexer, Progress, RunReport, Scope, Watcher};
use support::{PageReader, World};

fn indexer(world: &World, reader: &Arc<PageReader>) -> Indexer {
    world.indexer().with_recogniser(Some(Arc::clone(reader) as _))
}

fn run(world: &World, reader: &Arc<PageReader>) -> RunReport {
    indexer(world, reader).run_once(&Scope::All, &|_| {}, &Cancel::new()).unwrap()
}

#[test]
fn scans_are_read_when_everything_else_is_indexed() {
    let world = World::new();
    let reader = Arc::new(PageReader::default());
    world.write("text.md", "Words of its own.");
    world.write("long.md", "SCAN\nfirst of three\nsecond\nthird");
    world.write("short.md", "SCAN\nonly one");
    world.write("both.md", "A text layer. SCAN\nand a plate");
    let events = Mutex::new(Vec::new());
    let progress = |event| events.lock().unwrap().push(event);
    let report = indexer(&world, &reader).run_once(&Scope::All, &progress, &Cancel::new()).unwrap();
    for file in ["text.md", "long.md", "short.md", "both.md"] {
        assert_eq!(world.state(file), "searchable", "{file}");
    }
    assert_eq!(world.store.find("second").len(), 1);
    assert_eq!(world.store.find("and a plate").len(), 1);
    assert_eq!(world.store.find("A text layer").len(), 1);
    assert_eq!((report.ocr_pages, report.added, report.failed), (5, 4, 0));
    // Short ones first; each page once.
    let read = reader.read.lock().unwrap().clone();
    assert_eq!(read.len(), 5);
    assert_eq!(read[2..], ["first of three", "second", "third"]);
    // They come behind all vectors, and say what they cost.
    let events = events.into_inner().unwrap();
    let first = |is: fn(&Progress) -> bool| events.iter().position(is).unwrap();
    assert!(
        first(|event| matches!(event, Progress::Embedding { .. }))
            < first(|event| matches!(event, Progress::Recognising { .. }))
    );
    let costs = events.iter().any(|event| matches!(event, Progress::Recognising { done: 5, total: 5, seconds_per_page, .. } if *seconds_per_page >= 0.0));
    assert!(costs, "{events:?}");
    assert_eq!(run(&world, &reader).ocr_pages, 0, "nothing is left");
    assert_eq!(reader.read.lock().unwrap().len(), 5);
}

#[test]
fn without_ocr_scans_are_left_out_until_there_is_one() {
    let world = World::new();
    world.write("a.md", "SCAN\nwords on paper");
    world.write("both.md", "A text layer. SCAN\nand a plate");
    let report = world.run();
    assert_eq!(world.state("a.md"), "skipped: a scan: 1 page without text; OCR is off or not installed");
    assert_eq!(world.state("both.md"), "searchable");
    assert_eq!((report.skipped, report.scanned), (1, 2));
    let again = world.run();
    assert_eq!((again.skipped, again.changed), (0, 0), "it is not read again and again");
    // OCR is installed.
    let reader = Arc::new(PageReader::default());
    let report = run(&world, &reader);
    assert_eq!((report.ocr_pages, report.added, report.changed), (2, 1, 1));
    assert_eq!(world.state("a.md"), "searchable");
    assert_eq!(world.store.find("words on paper").len(), 1);
}

#[test]
fn what_waits_for_ocr_is_left_out_when_it_is_turned_off() {
    let world = World::new();
    world.write("a.md", "SCAN\nUNAVAILABLE");
    let reader = Arc::new(PageReader::default());
    let report = run(&world, &reader);
    assert_eq!(world.state("a.md"), "pending: a scan: 1 page without text; waits for OCR");
    assert_eq!(report.failures.len(), 1, "why it could not be read is told");
    world.run();
    assert_eq!(world.state("a.md"), "skipped: a scan: 1 page without text; OCR is off or not installed");
}

#[test]
fn a_stop_costs_no_page_twice() {
    let world = World::new();
    world.write("a.md", "SCAN\none\ntwo\nthree\nfour");
    let reader = Arc::new(PageReader::default());
    let cancel = Cancel::new();
    let progress = |event| {
        if matches!(event, Progress::Recognising { done: 2, .. }) {
            cancel.cancel();
        }
    };
    let report = indexer(&world, &reader).run_once(&Scope::All, &progress, &cancel).unwrap();
    assert!(report.interrupted);
    assert_eq!(world.store.state_of("a.md").unwrap().0, FileState::Pending);
    assert_eq!(run(&world, &reader).ocr_pages, 2);
    assert_eq!(*reader.read.lock().unwrap(), ["one", "two", "three", "four"]);
    assert_eq!(world.state("a.md"), "searchable");
    assert_eq!(world.store.find("one").len() + world.store.find("four").len(), 2);
}

#[test]
fn a_scan_that_breaks_ocr_down_keeps_what_can_be_read_without() {
    let world = World::new();
    world.write("scan.md", "SCAN\nBREAKS");
    world.write("both.md", "A text layer. SCAN\nBREAKS");
    let reader = Arc::new(PageReader::default());
    let report = run(&world, &reader);
    assert_eq!(world.state("scan.md"), "failed: its parser broke down on it");
    assert_eq!(world.state("both.md"), "searchable");
    assert_eq!(world.store.find("A text layer").len(), 1);
    assert_eq!(report.failed, 2, "both are told");
    assert_eq!(report.failures.len(), 2);
}

#[test]
fn a_scan_that_moves_while_it_waits_keeps_its_pages() {
    let world = World::new();
    world.write("a.md", "SCAN\none\ntwo\nthree");
    let reader = Arc::new(PageReader::default());
    let cancel = Cancel::new();
    let progress = |event| {
        if matches!(event, Progress::Recognising { done: 2, .. }) {
            cancel.cancel();
        }
    };
    indexer(&world, &reader).run_once(&Scope::All, &progress, &cancel).unwrap();
    fs::rename(world.path("a.md"), world.path("b.md")).unwrap();
    let report = run(&world, &reader);
    assert_eq!((report.moved, report.ocr_pages), (1, 1));
    assert_eq!(*reader.read.lock().unwrap(), ["one", "two", "three"]);
    assert_eq!(world.state("b.md"), "searchable");
}

#[test]
fn equal_bytes_under_another_name_are_read_for_themselves() {
    let world = World::new();
    world.write("a.md", "SCAN\nthe same page");
    world.write("b.md", "SCAN\nthe same page");
    let reader = Arc::new(PageReader::default());
    run(&world, &reader);
    assert_eq!((world.state("a.md"), world.state("b.md")), ("searchable".into(), "searchable".into()));
    assert_eq!(world.store.find("the same page").len(), 2);
    assert_eq!(reader.read.lock().unwrap().len(), 1, "its pages are known");
}

#[test]
fn an_edit_that_comes_in_between_wins() {
    let world = World::new();
    world.write("a.md", "SCAN\nold words");
    let reader = Arc::new(PageReader::default());
    let path = world.path("a.md");
    let progress = |event| {
        if matches!(event, Progress::Recognising { done: 1, .. }) {
            fs::write(&path, "Typed anew.").unwrap();
        }
    };
    indexer(&world, &reader).run_once(&Scope::All, &progress, &Cancel::new()).unwrap();
    assert_eq!(world.state("a.md"), "searchable");
    assert_eq!((world.store.find("Typed anew").len(), world.store.find("old words").len()), (1, 0));
}

#[test]
fn a_watcher_reads_scans_when_it_is_at_rest() {
    let world = World::new();
    world.write("a.md", "SCAN\nthere from the beginning");
    let reader = Arc::new(PageReader::default());
    let config = WatchConfig { debounce_ms: 50, rescan_seconds: 600, poll_seconds: 1, idle_seconds: 600 };
    let watcher = Watcher::new(indexer(&world, &reader), config);
    let cancel = Cancel::new();
    let is_found = |what: &str| {
        let began = Instant::now();
        while world.store.find(what).is_empty() {
            assert!(began.elapsed() < Duration::from_secs(20), "waited in vain for {what}");
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    std::thread::scope(|scope| {
        let running = scope.spawn(|| watcher.run(&|_| {}, &cancel));
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            is_found("there from the beginning");
            world.write("b.md", "SCAN\ncame while it watched\nwith two pages");
            is_found("came while it watched");
            is_found("with two pages");
        }));
        cancel.cancel();
        running.join().unwrap().unwrap();
        found.unwrap();
    });
    assert_eq!(reader.read.lock().unwrap().len(), 3);
}
