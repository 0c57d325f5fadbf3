//! Watching, end to end: events of the system become searchable documents.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::{
    fs,
    path::Path,
    sync::Mutex,
    time::{Duration, Instant},
};

use docent_core::{ErrorKind, IndexStore, Result, WatchConfig};
use docent_indexer::{Cancel, IndexEvent, Progress, Scope, WatchHandle, Watcher};
use docent_testkit::{FakeEmbedder, FakeStore};
use support::World;

fn config() -> WatchConfig {
    WatchConfig { debounce_ms: 50, rescan_seconds: 600, poll_seconds: 1, idle_seconds: 600 }
}

/// Runs a watcher while `test` runs.
fn watching(world: &World, config: WatchConfig, test: impl FnOnce(&WatchHandle, &Mutex<Vec<Progress>>)) {
    let watcher = Watcher::new(world.indexer(), config);
    let handle = watcher.handle();
    let cancel = Cancel::new();
    let events = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        let progress = |event| events.lock().unwrap().push(event);
        let (watcher, cancel) = (&watcher, &cancel);
        let running = scope.spawn(move || watcher.run(&progress, cancel));
        let stop = StopAtEnd(cancel);
        until("the first look is done", || {
            events.lock().unwrap().iter().any(|event| matches!(event, Progress::Idle { .. }))
        });
        test(&handle, &events);
        drop(stop);
        running.join().unwrap().unwrap();
    });
}

/// A test that fails has to end the watcher too.
struct StopAtEnd<'a>(&'a Cancel);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < Duration::from_secs(20), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn searchable(world: &World, path: &str) {
    until(&format!("{path} is searchable"), || world.state(path) == "searchable");
}

#[test]
fn files_are_created_edited_renamed_and_deleted() {
    let world = World::new();
    world.write("a.md", "One.");
    watching(&world, config(), |_, _| {
        searchable(&world, "a.md");
        world.write("b.md", "Two.");
        searchable(&world, "b.md");
        world.write("a.md", "Edited.");
        until("the edit is found", || {
            world.store.find("Edited.").len() == 1 && world.store.find("One.").is_empty()
        });
        searchable(&world, "a.md");

        let (embedded, doc) = (world.embedder.passages(), world.store.record("b.md").unwrap().doc);
        fs::rename(world.path("b.md"), world.path("c.md")).unwrap();
        until("the rename is seen", || {
            world.state("c.md") == "searchable" && world.state("b.md") == "unknown"
        });
        assert_eq!(world.store.record("c.md").unwrap().doc, doc);
        assert_eq!(world.embedder.passages(), embedded);

        fs::remove_file(world.path("c.md")).unwrap();
        until("the deletion is seen", || world.store.find("Two.").is_empty());
    });
}

#[test]
fn folders_move_in_around_and_out() {
    let world = World::new();
    let outside = world.dir.path().join("outside");
    fs::create_dir_all(outside.join("deep")).unwrap();
    for n in 0..20 {
        fs::write(outside.join(format!("deep/{n}.md")), format!("Text {n}.")).unwrap();
    }
    watching(&world, config(), |_, _| {
        fs::rename(&outside, world.path("inside")).unwrap();
        searchable(&world, "inside/deep/7.md");
        until("all is embedded", || world.embedder.passages() == 20);
        fs::rename(world.path("inside/deep"), world.path("other")).unwrap();
        searchable(&world, "other/7.md");
        until("the old place is empty", || world.store.records().len() == 20);
        world.write("other/new.md", "A file in a moved folder.");
        searchable(&world, "other/new.md");
        assert_eq!(world.embedder.passages(), 21);
        fs::rename(world.path("other"), &outside).unwrap();
        until("all is gone", || world.store.records().is_empty());
    });
}

#[test]
fn moves_within_and_across_roots_embed_nothing() {
    let world = World::new();
    let other = world.dir.path().join("other");
    fs::create_dir(&other).unwrap();
    world.store.add_root("work", &other);
    for n in 0..10 {
        world.write(format!("{n}.md"), &format!("Text {n}."));
    }
    watching(&world, config(), |_, _| {
        until("all is searchable", || world.embedder.passages() == 10 && world.store.vectors() == 10);
        for n in 0..5 {
            fs::rename(world.path(format!("{n}.md")), world.path(format!("moved{n}.md"))).unwrap();
        }
        for n in 5..10 {
            fs::rename(world.path(format!("{n}.md")), other.join(format!("moved{n}.md"))).unwrap();
        }
        for n in 0..10 {
            searchable(&world, &format!("moved{n}.md"));
        }
        until("the old places are empty", || world.store.records().len() == 10);
        assert_eq!(world.embedder.passages(), 10);
    });
}

#[test]
fn a_rotation_embeds_only_what_is_new() {
    let world = World::new();
    world.write("log.1.md", "Monday.");
    world.write("log.2.md", "Sunday.");
    watching(&world, config(), |_, _| {
        until("all is searchable", || world.store.vectors() == 2);
        fs::rename(world.path("log.2.md"), world.path("log.3.md")).unwrap();
        fs::rename(world.path("log.1.md"), world.path("log.2.md")).unwrap();
        world.write("log.1.md", "Tuesday.");
        until("the new one is searchable", || world.store.vectors() == 3);
        assert_eq!(world.store.find("Sunday."), [Path::new("log.3.md")]);
        assert_eq!(world.store.find("Monday."), [Path::new("log.2.md")]);
        assert_eq!(world.embedder.passages(), 3);
    });
}

#[test]
fn a_request_to_a_watcher_that_ends_is_answered() {
    let world = World::with(FakeStore::new(), FakeEmbedder::new().with_delay(Duration::from_millis(50)));
    for n in 0..100 {
        world.write(format!("{n}.md"), &format!("Text {n}."));
    }
    let watcher = Watcher::new(world.indexer(), config());
    let (handle, cancel) = (watcher.handle(), Cancel::new());
    let kind = |answers: std::sync::mpsc::Receiver<IndexEvent>| {
        let last = answers.iter().find_map(|event| match event {
            IndexEvent::Done(result) => Some(result),
            IndexEvent::Progress(_) => None,
        });
        last.unwrap().unwrap_err().kind()
    };
    std::thread::scope(|scope| {
        let running = scope.spawn(|| watcher.run(&|_| {}, &cancel));
        let stop = StopAtEnd(&cancel);
        until("embedding has begun", || world.embedder.passages() > 0);
        let answers = handle.index(Scope::All);
        drop(stop);
        assert_eq!(kind(answers), ErrorKind::Unavailable, "its vectors are not done");
        running.join().unwrap().unwrap();
    });
    assert_eq!(kind(handle.index(Scope::All)), ErrorKind::Unavailable, "nobody is there any more");
}

#[test]
fn an_editor_that_replaces_the_file_is_followed() {
    let world = World::new();
    let file = world.dir.path().join("single.md");
    fs::write(&file, "First.").unwrap();
    world.store.add_root("work", &file);
    watching(&world, config(), |_, _| {
        until("it is indexed", || world.store.find("First.").len() == 1);
        let swap = world.dir.path().join("swap");
        fs::write(&swap, "Second.").unwrap();
        fs::rename(&swap, &file).unwrap();
        until("it is read again", || world.store.find("Second.") == [Path::new("")]);
        fs::remove_file(&file).unwrap();
        until("it is gone", || world.store.find("Second.").is_empty());
    });
}

#[test]
fn a_root_vanishes_and_returns() {
    let world = World::new();
    world.write("a.md", "One.");
    watching(&world, config(), |_, events| {
        searchable(&world, "a.md");
        let away = world.dir.path().join("away");
        fs::rename(world.path(""), &away).unwrap();
        until("it is unavailable", || world.store.roots().unwrap()[0].unavailable.is_some());
        assert_eq!(world.store.find("One.").len(), 1, "its documents are kept");
        fs::rename(&away, world.path("")).unwrap();
        until("it is back", || world.store.roots().unwrap()[0].unavailable.is_none());
        world.write("b.md", "Two.");
        searchable(&world, "b.md");
        let events = events.lock().unwrap();
        assert!(events.iter().any(|event| matches!(event, Progress::RootReturned { .. })));
    });
}

#[test]
fn other_commands_hand_their_work_over() {
    let world = World::new();
    watching(&world, config(), |handle, _| {
        let other = world.dir.path().join("other");
        fs::create_dir(&other).unwrap();
        fs::write(other.join("x.md"), "Handed over.").unwrap();
        let root = world.store.add_root("more", &other);
        handle.roots_changed();
        let mut done = None;
        for event in handle.index(Scope::Roots(vec![root])) {
            if let IndexEvent::Done(report) = event {
                done = Some(report.unwrap());
            }
        }
        let report = done.unwrap();
        assert!(!report.interrupted && report.seconds > 0.0, "{report:?}");
        assert_eq!(report.added, 1, "what the request did, not what the watcher found before it: {report:?}");
        assert_eq!(world.state("x.md"), "searchable");
        fs::write(other.join("y.md"), "Watched too.").unwrap();
        searchable(&world, "y.md");
    });
}

#[test]
fn a_new_document_does_not_wait_for_old_vectors() {
    let world = World::with(FakeStore::new(), FakeEmbedder::new().with_delay(Duration::from_millis(20)));
    for n in 0..200 {
        world.write(format!("old/{n}.md"), &format!("Old {n}."));
    }
    let watcher = Watcher::new(world.indexer(), config());
    let cancel = Cancel::new();
    std::thread::scope(|scope| {
        let running = scope.spawn(|| watcher.run(&|_| {}, &cancel));
        let stop = StopAtEnd(&cancel);
        until("embedding has begun", || world.embedder.passages() > 3);
        world.write("new.md", "New.");
        until("it is embedded", || world.embedder.texts().iter().any(|text| text == "New."));
        assert!(world.embedder.passages() < 150, "it went first");
        drop(stop);
        running.join().unwrap().unwrap();
    });
}

#[test]
fn an_idle_watcher_lets_its_models_go() {
    let world = World::new();
    world.write("a.md", "One.");
    watching(&world, WatchConfig { idle_seconds: 1, ..config() }, |_, _| {
        until("the embedder is let go", || world.embedder.unloads() == 1);
        world.write("b.md", "Two.");
        searchable(&world, "b.md");
        until("it is let go again", || world.embedder.unloads() == 2);
    });
}

#[test]
fn trouble_is_told_and_overcome() {
    let world = World::new();
    watching(&world, config(), |_, events| {
        world.store.fail_with(Some("disk full"));
        world.write("a.md", "One.");
        until("trouble is told", || {
            events.lock().unwrap().iter().any(|event| matches!(event, Progress::Trouble { .. }))
        });
        world.store.fail_with(None);
        searchable(&world, "a.md");
    });
}

#[test]
fn ignore_files_take_effect_at_once() {
    let world = World::new();
    world.write("sub/a.log", "One.");
    watching(&world, config(), |_, _| {
        searchable(&world, "sub/a.log");
        world.write("sub/.docentignore", "*.log\n");
        until("it is left out", || world.state("sub/a.log").starts_with("skipped"));
    });
}

/// Breaks down on a text, while another one is no trouble.
#[expect(clippy::unnecessary_wraps, reason = "what `embedding_if` takes")]
fn breaks(text: &str) -> Result<()> {
    assert!(!text.contains("BREAK"), "asked to");
    Ok(())
}

#[test]
fn an_embedder_that_breaks_down_is_told_and_work_goes_on() {
    let world = World::with(FakeStore::new(), FakeEmbedder::new().embedding_if(breaks));
    watching(&world, config(), |handle, _| {
        world.write("a.md", "BREAK");
        let answers = handle.index(Scope::All);
        let error = loop {
            match answers.recv_timeout(Duration::from_secs(20)).unwrap() {
                IndexEvent::Done(result) => break result.unwrap_err(),
                IndexEvent::Progress(_) => {}
            }
        };
        assert_eq!(error.kind(), ErrorKind::Internal, "the request is answered");
        world.write("a.md", "Mended.");
        searchable(&world, "a.md");
    });
}

#[test]
fn a_watcher_whose_loop_breaks_down_ends() {
    let world = World::with(FakeStore::new(), FakeEmbedder::new().with_delay(Duration::from_millis(50)));
    for n in 0..100 {
        world.write(format!("{n}.md"), &format!("Text {n}."));
    }
    let watcher = Watcher::new(world.indexer(), config());
    let cancel = Cancel::new();
    let progress = |event| {
        let reads = matches!(event, Progress::Reading { .. });
        assert!(!reads || world.embedder.passages() == 0, "asked to");
    };
    std::thread::scope(|scope| {
        let running = scope.spawn(|| watcher.run(&progress, &cancel));
        let stop = StopAtEnd(&cancel);
        until("embedding has begun", || world.embedder.passages() > 0);
        world.write("new.md", "New.");
        until("it has ended", || running.is_finished());
        drop(stop);
        assert_eq!(running.join().unwrap().unwrap_err().kind(), ErrorKind::Internal);
        assert!(world.store.vectors() < 100, "and embeds no more");
    });
}

#[test]
fn a_root_that_is_deleted_and_made_again_is_watched() {
    let world = World::new();
    world.write("a.md", "One.");
    watching(&world, config(), |_, _| {
        for n in 0..5 {
            fs::remove_dir_all(world.path("")).unwrap();
            fs::create_dir(world.path("")).unwrap();
            world.write(format!("{n}.md"), "Again.");
            searchable(&world, &format!("{n}.md"));
        }
    });
}

#[test]
fn what_could_not_be_read_is_not_read_at_every_look() {
    let world = World::new();
    world.write("locked.md", "LIBRARY");
    let rescans = WatchConfig { rescan_seconds: 1, ..config() };
    watching(&world, rescans, |handle, events| {
        let failures = || {
            let failed = |event: &&Progress| matches!(event, Progress::Failed { .. });
            events.lock().unwrap().iter().filter(failed).count()
        };
        until("it is read at the first look", || failures() == 1);
        let scans = world.store.listings();
        until("it is looked at again and again", || world.store.listings() > scans + 1);
        assert_eq!(failures(), 1);
        for _ in handle.index(Scope::All) {}
        assert_eq!(failures(), 2, "when asked to");
    });
}
