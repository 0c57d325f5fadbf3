//! Bringing an index up to date once: every case that a plan knows.

mod support;

use std::{
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use docent_core::{
    Embedder, Error, ErrorKind, FileChange, IndexStore, ParseError, ParseErrorKind, ParsedDocument, Parser,
    Result,
};
use docent_indexer::{Cancel, Progress, Scope, estimate};
use docent_testkit::{FakeCommit, FakeEmbedder, FakeStore};
use support::{TextParser, World};

#[test]
fn files_become_searchable_words_first() {
    let world = World::new();
    world.write("a.md", "# Leave\n\nThirty days a year.");
    world.write("sub/b.md", "Pumps break.");
    let report = world.run();
    assert_eq!((report.added, report.changed, report.failed, report.passages_embedded), (2, 0, 0, 2));
    assert_eq!(world.state("a.md"), "searchable");
    assert_eq!(world.store.find("Thirty days"), [PathBuf::from("a.md")]);
    assert_eq!(world.store.title_of("a.md").as_deref(), Some("a.md"));
    assert_eq!(world.embedder.calls(), 2, "one passage at a time");
    let commits = world.store.commits();
    assert!(matches!(commits[0], FakeCommit::Words(_)) && matches!(commits[1], FakeCommit::Vectors(_)));
    assert_eq!(report.generation, Some(2));
    assert_eq!(world.store.maintained(), 1);
}

#[test]
fn nothing_changed_means_nothing_done() {
    let world = World::new();
    world.write("a.md", "One.");
    world.write("locked.md", "LOCKED");
    world.write(".hidden", "x");
    world.run();
    let generation = world.store.generation();
    let report = world.run();
    assert_eq!(report.seen, 3);
    assert_eq!((report.added, report.changed, report.failed, report.skipped), (0, 0, 0, 0));
    assert_eq!((report.generation, world.store.generation()), (None, generation));
}

#[test]
fn an_edit_replaces_and_embeds_only_what_is_new() {
    let world = World::new();
    let long = |text: &str| format!("# One\n\nThe same.\n\n# Two\n\n{text}");
    world.write("a.md", &long("Old."));
    world.run();
    world.write("a.md", &long("New."));
    let report = world.run();
    assert_eq!((report.added, report.changed, report.passages_embedded), (0, 1, 1));
    assert!(world.store.find("Old.").is_empty());
    assert_eq!(world.store.find("New.").len(), 1);
    assert_eq!(world.store.vectors(), 2);
}

#[test]
fn a_touched_file_is_not_parsed() {
    let world = World::new();
    world.write("a.md", "One.");
    world.run();
    world.write("a.md", "One.");
    let generation = world.store.generation();
    let report = world.run();
    assert_eq!((report.touched, report.changed), (1, 0));
    assert_eq!(world.store.generation(), generation);
    assert_eq!(world.run().touched, 0);
}

#[test]
fn a_deleted_file_is_gone() {
    let world = World::new();
    world.write("a.md", "One.");
    world.write("b.md", "Two.");
    world.run();
    fs::remove_file(world.path("a.md")).unwrap();
    let report = world.run();
    assert_eq!(report.removed, 1);
    assert_eq!(world.state("a.md"), "unknown");
    assert_eq!(world.store.vectors(), 1);
    assert_eq!(world.store.maintained(), 2, "its text is purged although there is nothing to embed");
}

#[test]
fn only_documents_count_as_removed() {
    let world = World::new();
    for (path, text) in [("a.md", "One."), (".hidden", "x"), ("empty.md", ""), ("locked.md", "LOCKED")] {
        world.write(path, text);
    }
    assert_eq!(world.run().added, 1);
    for path in ["a.md", ".hidden", "empty.md", "locked.md"] {
        fs::remove_file(world.path(path)).unwrap();
    }
    assert_eq!(world.run().removed, 1);
    assert!(world.store.records().is_empty());
}

#[test]
fn an_emptied_root_is_a_deletion() {
    let world = World::new();
    for n in 0..20 {
        world.write(format!("{n}.md"), &format!("Text {n}."));
    }
    world.run();
    for n in 0..20 {
        fs::remove_file(world.path(format!("{n}.md"))).unwrap();
    }
    assert_eq!(world.run().removed, 20);
    assert!(world.store.records().is_empty());
}

#[test]
fn a_moved_tree_embeds_nothing_and_touches_neither_store() {
    let world = World::new();
    for n in 0..30 {
        world.write(format!("old/{}/{n}.md", n % 3), &format!("Text number {n}."));
    }
    world.run();
    let (generation, docs) = (world.store.generation(), world.store.records());
    fs::create_dir(world.path("archive")).unwrap();
    fs::rename(world.path("old"), world.path("archive/new")).unwrap();
    let report = world.run();
    assert_eq!((report.moved, report.added, report.removed, report.passages_embedded), (30, 0, 0, 0));
    assert_eq!(world.store.generation(), generation);
    let moved = world.store.record("archive/new/1/1.md").unwrap();
    assert_eq!(moved.doc, docs.iter().find(|old| old.relative == Path::new("old/1/1.md")).unwrap().doc);
    assert_eq!(world.store.records().len(), 30);
    assert_eq!(world.run().moved, 0);
}

#[test]
fn a_copy_whose_original_is_gone_is_a_move_across_roots_of_a_collection() {
    let world = World::new();
    let other = world.dir.path().join("other");
    fs::create_dir(&other).unwrap();
    world.store.add_root("work", &other);
    let foreign = world.dir.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    world.store.add_root("private", &foreign);
    world.write("a.md", "One.");
    world.write("b.md", "Two!");
    world.run();
    fs::copy(world.path("a.md"), other.join("z.md")).unwrap();
    fs::remove_file(world.path("a.md")).unwrap();
    fs::copy(world.path("b.md"), foreign.join("z2.md")).unwrap();
    fs::remove_file(world.path("b.md")).unwrap();
    let report = world.run();
    assert_eq!((report.moved, report.added, report.removed), (1, 1, 1));
    assert_eq!(world.state("z.md"), "searchable");
    assert_eq!(world.store.records().len(), 2);
    let moves = world.store.changes();
    assert!(matches!(moves.as_slice(), [FileChange::Moved { .. }]), "{moves:?}");
}

#[test]
fn a_file_renamed_over_another_takes_its_place() {
    let world = World::new();
    world.write("a.md", "One.");
    world.write("b.md", "Two.");
    world.run();
    fs::rename(world.path("a.md"), world.path("b.md")).unwrap();
    let report = world.run();
    assert_eq!((report.moved, report.passages_embedded), (1, 0));
    assert_eq!(world.store.find("One."), [PathBuf::from("b.md")]);
    assert_eq!(world.store.records().len(), 1);
}

#[test]
fn rotated_logs_are_moved_and_only_the_new_one_is_embedded() {
    let world = World::new();
    for n in 1..=3 {
        world.write(format!("log.{n}.md"), &format!("Entry of day {n}."));
    }
    world.run();
    let docs = |n: u32| world.store.record(format!("log.{n}.md")).unwrap().doc;
    let (first, second) = (docs(1), docs(2));
    for n in [2, 1] {
        fs::rename(world.path(format!("log.{n}.md")), world.path(format!("log.{}.md", n + 1))).unwrap();
    }
    world.write("log.1.md", "Entry of day 4.");
    let report = world.run();
    assert_eq!((report.moved, report.added, report.removed, report.passages_embedded), (2, 1, 1, 1));
    assert_eq!((docs(2), docs(3)), (first, second));
    assert_eq!(world.store.find("day 4"), [PathBuf::from("log.1.md")]);
    assert!(world.store.find("day 3").is_empty());
    assert_eq!(world.store.records().len(), 3);
    let report = world.run();
    assert_eq!((report.moved, report.added, report.changed, report.touched), (0, 0, 0, 0));
}

#[test]
fn files_that_change_places_are_read_again() {
    let world = World::new();
    world.write("a.md", "One.");
    world.write("b.md", "Two.");
    world.run();
    for (from, to) in [("a.md", "x"), ("b.md", "a.md"), ("x", "b.md")] {
        fs::rename(world.path(from), world.path(to)).unwrap();
    }
    let report = world.run();
    assert_eq!((report.moved, report.changed), (0, 2));
    assert_eq!(world.store.find("One."), [PathBuf::from("b.md")]);
    assert_eq!(world.store.find("Two."), [PathBuf::from("a.md")]);
}

#[test]
fn another_extension_makes_another_document() {
    let world = World::new();
    world.write("notes.txt", "# One\n\nText.");
    world.write("copied.txt", "# Two\n\nMore.");
    world.write("kept.TXT", "# Three\n\nAnd more.");
    world.run();
    fs::rename(world.path("notes.txt"), world.path("notes.md")).unwrap();
    // As a copy it is known by its bytes alone.
    fs::copy(world.path("copied.txt"), world.path("copied.md")).unwrap();
    fs::remove_file(world.path("copied.txt")).unwrap();
    fs::rename(world.path("kept.TXT"), world.path("renamed.txt")).unwrap();
    let report = world.run();
    assert_eq!((report.moved, report.added, report.removed), (1, 2, 2));
    assert_eq!(world.store.find("Text."), [PathBuf::from("notes.md")]);
    assert_eq!(world.store.records().len(), 3);
}

#[test]
fn equal_files_are_not_compared_with_each_other() {
    let world = World::new();
    for n in 0..100 {
        world.write(format!("{n}.md"), "The same template.");
        world.write(format!("empty/{n}.md"), "");
    }
    assert_eq!(world.run().added, 100);
    assert_eq!(world.store.lookups(), 1);
    // They move all at once, as copies.
    for n in 0..100 {
        fs::create_dir_all(world.path("copies")).unwrap();
        fs::copy(world.path(format!("{n}.md")), world.path(format!("copies/{n}.md"))).unwrap();
        fs::remove_file(world.path(format!("{n}.md"))).unwrap();
    }
    let report = world.run();
    assert_eq!((report.moved, report.added, report.removed), (100, 0, 0));
    assert_eq!(world.store.lookups(), 2);
}

/// Needs a library that may come later.
struct NeedsLibrary(AtomicBool);

impl Parser for NeedsLibrary {
    fn parse(&self, path: &Path, bytes: &[u8]) -> Result<ParsedDocument, ParseError> {
        if self.0.load(Ordering::SeqCst) {
            return TextParser.parse(path, bytes);
        }
        Err(ParseError::new(ParseErrorKind::Unavailable, "needs a library"))
    }
}

#[test]
fn what_failed_for_lack_of_a_library_is_tried_again() {
    let world = World::new();
    world.write("a.md", "One.");
    let parser = Arc::new(NeedsLibrary(AtomicBool::new(false)));
    let indexer = world.indexer_with(parser.clone(), world.embedder.clone());
    let run = || indexer.run_once(&Scope::All, &|_| {}, &Cancel::new()).unwrap();
    assert_eq!(run().failed, 1);
    assert_eq!(world.state("a.md"), "failed: needs a library");
    let report = run();
    assert_eq!((report.failed, report.generation), (1, None), "it is still missing");
    parser.0.store(true, Ordering::SeqCst);
    assert_eq!(run().failed, 0);
    assert_eq!(world.state("a.md"), "searchable");
}

/// A tokeniser that some texts are too much for.
fn choosy(text: &str) -> Result<Vec<usize>> {
    assert!(!text.contains("BREAK"), "asked to");
    if text.contains("REFUSE") {
        return Err(Error::new(ErrorKind::Model, "cannot read it"));
    }
    if text.contains("MISSING") {
        return Err(Error::new(ErrorKind::ModelMissing, "no model"));
    }
    FakeEmbedder::new().token_ends(text)
}

#[test]
fn a_text_that_cannot_be_cut_costs_its_own_document_only() {
    let world = World::with(FakeStore::new(), FakeEmbedder::new().with_tokens(choosy));
    world.write("a.md", "One.");
    world.write("break.md", "BREAK");
    world.write("refuse.md", "REFUSE");
    let report = world.run();
    assert_eq!((report.added, report.failed), (1, 2));
    assert_eq!(world.state("a.md"), "searchable");
    assert_eq!(world.state("break.md"), "failed: its text could not be cut into passages");
    assert_eq!(world.state("refuse.md"), "failed: cannot read it");
    // Without a model there is nothing to be done for any of them.
    world.write("missing.md", "MISSING");
    let error = world.indexer().run_once(&Scope::All, &|_| {}, &Cancel::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ModelMissing);
}

/// Counts the large files whose text is in memory, from the parser until they are committed.
#[derive(Default)]
struct Counting {
    parsed: AtomicUsize,
    now: AtomicUsize,
    most: AtomicUsize,
    cancel: Cancel,
}

impl Counting {
    /// A world with more large files than threads that read.
    fn world() -> World {
        let world = World::new();
        for n in 0..4 {
            world.write(format!("large{n}.md"), &format!("Line {n} of many.\n").repeat(600_000));
        }
        world
    }
}

impl Parser for Counting {
    fn parse(&self, path: &Path, bytes: &[u8]) -> Result<ParsedDocument, ParseError> {
        self.parsed.fetch_add(1, Ordering::SeqCst);
        self.most.fetch_max(self.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        // Enough to be a large text.
        TextParser.parse(path, &bytes[..5 << 20])
    }
}

#[test]
fn large_files_are_read_and_committed_one_at_a_time() {
    let world = Counting::world();
    let counting = Arc::new(Counting::default());
    let indexer = world.indexer_with(counting.clone(), world.embedder.clone());
    let cancel = Cancel::new();
    let watch = |event| match event {
        Progress::Committed { .. } => drop(counting.now.fetch_sub(1, Ordering::SeqCst)),
        Progress::Embedding { .. } => cancel.cancel(),
        _ => {}
    };
    let report = indexer.run_once(&Scope::All, &watch, &cancel).unwrap();
    assert_eq!((report.added, report.failed), (4, 0));
    assert_eq!(counting.most.load(Ordering::SeqCst), 1);
}

/// Is stopped while the first file is parsed.
struct Stopped(Arc<Counting>);

impl Parser for Stopped {
    fn parse(&self, path: &Path, bytes: &[u8]) -> Result<ParsedDocument, ParseError> {
        self.0.cancel.cancel();
        self.0.parse(path, bytes)
    }
}

#[test]
fn a_cancelled_run_reads_no_more_large_files() {
    let world = Counting::world();
    let counting = Arc::new(Counting::default());
    let indexer = world.indexer_with(Arc::new(Stopped(counting.clone())), world.embedder.clone());
    let report = indexer.run_once(&Scope::All, &|_| {}, &counting.cancel).unwrap();
    assert_eq!((report.interrupted, report.busy), (true, 0));
    assert_eq!(counting.parsed.load(Ordering::SeqCst), 1, "whoever waited for its turn has given up");
}

#[test]
fn an_equal_text_is_not_embedded_again() {
    let world = World::new();
    world.write("a.md", "The same text.");
    world.run();
    world.write("b.md", "The same text.");
    let report = world.run();
    assert_eq!((report.added, report.passages_embedded, report.passages_known), (1, 0, 1));
    assert_eq!(world.embedder.passages(), 1);
    assert_eq!(world.state("b.md"), "searchable");
}

#[test]
fn every_file_has_a_state_and_a_reason() {
    let world = World::new();
    world.write("a.md", "One.");
    world.write("empty.md", "");
    world.write("locked.md", "LOCKED");
    world.write("panic.md", "PANIC");
    fs::write(world.path("binary"), [0xff, 0xfe, 0]).unwrap();
    world.write(".hidden/x.md", "x");
    world.write(".git/objects/ab", "x");
    world.write("~$a.docx", "x");
    world.write(".docentignore", "drafts/\n*.log\n!keep.log\n");
    world.write("drafts/deep/x.md", "x");
    world.write("x.log", "x");
    world.write("keep.log", "Kept.");
    world.write("sub/.docentignore", "!y.log\n");
    world.write("sub/y.log", "Also kept.");
    let large = fs::File::create(world.path("large.md")).unwrap();
    large.set_len(5 << 30).unwrap();
    std::os::unix::fs::symlink(world.path("."), world.path("loop")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        world.path("fifo"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .unwrap();
    let report = world.run();
    for (path, state) in [
        ("a.md", "searchable"),
        ("empty.md", "skipped: empty file"),
        ("locked.md", "failed: password needed"),
        ("panic.md", "failed: the parser broke down"),
        ("binary", "skipped: no text in it: binary"),
        (".hidden/x.md", "skipped: hidden"),
        (".git/objects/ab", "skipped: system folder"),
        ("~$a.docx", "skipped: system or lock file"),
        (".docentignore", "skipped: system or lock file"),
        ("drafts/deep/x.md", "skipped: ignored by .docentignore"),
        ("x.log", "skipped: ignored by .docentignore"),
        ("keep.log", "searchable"),
        ("sub/y.log", "searchable"),
        ("large.md", "skipped: larger than 256 MB (index.max_file_mb)"),
        ("loop", "skipped: symbolic link, not followed"),
        ("fifo", "skipped: not a regular file"),
    ] {
        assert_eq!(world.state(path), state, "{path}");
    }
    assert_eq!(report.seen as usize, world.store.records().len());
    assert_eq!((report.added, report.failed), (3, 2));
    assert_eq!(report.failures.len(), 2);

    // A rule that no longer holds lets the file in.
    world.write(".docentignore", "");
    let report = world.run();
    assert_eq!((report.added, report.changed), (0, 2), "{report:?}");
    assert_eq!(world.state("drafts/deep/x.md"), "searchable");
    // One that is new takes it out again.
    world.write(".docentignore", "drafts\n");
    world.run();
    assert_eq!(world.state("drafts/deep/x.md"), "skipped: ignored by .docentignore");
    assert!(world.store.passages_of("drafts/deep/x.md").is_empty());
}

#[test]
fn a_name_that_is_not_utf8_is_a_name() {
    let world = World::new();
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.md");
    world.write(name, "Coffee.");
    world.run();
    assert_eq!(world.state(name), "searchable");
    assert_eq!(world.run().seen, 1);
}

#[test]
fn globs_of_the_root_decide() {
    let world = World::new();
    world.store.change_root(world.root, |root| {
        root.include = vec!["*.md".into()];
        root.exclude = vec!["old".into()];
    });
    world.write("a.md", "One.");
    world.write("b.txt", "Two.");
    world.write("old/c.md", "Three.");
    world.run();
    assert_eq!(world.state("a.md"), "searchable");
    assert_eq!(world.state("b.txt"), "skipped: not among the included files");
    assert_eq!(world.state("old/c.md"), "skipped: excluded by 'old'");
}

#[test]
fn a_root_that_is_away_keeps_its_documents_and_returns() {
    let world = World::new();
    world.write("a.md", "One.");
    world.run();
    let (here, away) = (world.path(""), world.dir.path().join("away"));
    fs::rename(&here, &away).unwrap();
    let seen = Mutex::new(Vec::new());
    let progress = |event| seen.lock().unwrap().push(event);
    let report = world.indexer().run_once(&Scope::All, &progress, &Cancel::new()).unwrap();
    assert_eq!(report.unavailable.len(), 1);
    assert_eq!(report.unavailable[0].files, 1);
    assert_eq!(report.removed, 0);
    assert_eq!(world.store.find("One.").len(), 1);
    assert!(matches!(seen.lock().unwrap()[0], Progress::RootUnavailable { .. }));
    let why = world.store.roots().unwrap()[0].unavailable.clone().unwrap();
    assert!(why.contains("not mounted"), "{why}");

    fs::rename(&away, &here).unwrap();
    world.write("b.md", "Two.");
    let report = world.run();
    assert_eq!((report.unavailable.len(), report.added, report.removed), (0, 1, 0));
    assert_eq!(world.store.roots().unwrap()[0].unavailable, None);
}

#[test]
fn a_mount_point_without_its_mount_is_no_deletion() {
    let world = World::new();
    world.write("a.md", "One.");
    world.run();
    let device = world.store.roots().unwrap()[0].device.unwrap();
    // As if the documents had been on another file system.
    world.store.change_root(world.root, |root| root.device = Some(device + 1));
    fs::remove_file(world.path("a.md")).unwrap();
    let report = world.run();
    assert_eq!((report.unavailable.len(), report.removed), (1, 0));
    assert_eq!(world.store.roots().unwrap()[0].device, Some(device + 1));
    // The documents under another device number: the same file system after a restart.
    world.write("a.md", "One.");
    let report = world.run();
    assert_eq!((report.unavailable.len(), report.removed), (0, 0));
    assert_eq!(world.store.roots().unwrap()[0].device, Some(device));
}

#[test]
fn a_root_that_is_a_file() {
    let world = World::new();
    let file = world.dir.path().join("single.md");
    fs::write(&file, "Alone.").unwrap();
    world.store.add_root("work", &file);
    world.run();
    assert_eq!(world.store.find("Alone."), [PathBuf::new()]);
    assert_eq!(world.store.title_of("").as_deref(), Some("single.md"));
    fs::remove_file(&file).unwrap();
    let report = world.run();
    assert_eq!((report.removed, report.unavailable.len()), (1, 0));
}

#[test]
fn a_folder_without_permission_keeps_its_documents() {
    use std::os::unix::fs::PermissionsExt;
    if World::is_root_user() {
        println!("skipped: root may read everything");
        return;
    }
    let world = World::new();
    world.write("sub/a.md", "One.");
    world.run();
    fs::set_permissions(world.path("sub"), fs::Permissions::from_mode(0o000)).unwrap();
    let report = world.run();
    fs::set_permissions(world.path("sub"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!((report.removed, report.failed), (0, 1));
    assert_eq!(report.failures[0].reason, "permission denied");
}

#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_read_keeps_its_documents() {
    let world = World::new();
    world.write("a.md", "One.");
    world.write("sub/b.md", "Two.");
    world.run();
    let (old, generation) = (world.store.records(), world.store.generation());
    world.write("a.md", "Edited.");
    world.lengthen();
    let report = world.run();
    assert_eq!((report.removed, report.changed, report.failed), (0, 0, 2), "a.md and sub: {report:?}");
    assert!(report.failures.iter().all(|failure| failure.reason.contains("too long")), "{report:?}");
    // The ledger names the folder that could not be looked into, beside what is known of it.
    assert!(world.state("sub").contains("too long"), "{}", world.state("sub"));
    let others = |mut records: Vec<docent_core::FileRecord>| {
        records.retain(|record| record.relative != Path::new("sub"));
        records
    };
    assert_eq!((others(world.store.records()), world.store.generation()), (old.clone(), generation));
    world.shorten();
    assert_eq!(world.run().changed, 1, "its old stamp has stayed");
    assert_eq!((world.state("sub").as_str(), world.store.records().len()), ("unknown", old.len()));
    assert_eq!(world.store.find("Edited."), [PathBuf::from("a.md")]);
}

#[test]
fn what_an_ignore_file_says_is_known_or_nothing_is_read() {
    let world = World::new();
    world.write("sub/known.md", "Known.");
    world.write("other.md", "Other.");
    world.run();
    world.write("sub/private.md", "Private.");
    let file = world.path("sub/.docentignore");
    let utf16 = |mark: &[u8]| {
        let units = "private*\n".encode_utf16().flat_map(u16::to_le_bytes);
        mark.iter().copied().chain(units).collect::<Vec<u8>>()
    };
    for bytes in [b"# caf\xe9\nprivate*\n".to_vec(), utf16(b"")] {
        fs::write(&file, bytes).unwrap();
        for scope in [Scope::All, Scope::Below(vec![(world.root, "sub/private.md".into())])] {
            let report = world.run_scope(&scope);
            assert_eq!((report.added, report.removed, report.failed), (0, 0, 1), "{report:?}");
            assert!(report.failures[0].path.ends_with("sub"), "{report:?}");
            assert!(report.failures[0].reason.contains(".docentignore"), "{report:?}");
        }
        assert_eq!(
            (world.state("sub/known.md"), world.state("sub/private.md")),
            ("searchable".into(), "unknown".into())
        );
        assert!(world.state("sub").starts_with("failed: what its .docentignore leaves out"));
    }
    // A link that leads nowhere.
    fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(world.path("nowhere"), &file).unwrap();
    assert_eq!((world.run().failed, world.state("sub/private.md")), (1, "unknown".into()));
    fs::remove_file(&file).unwrap();
    fs::write(&file, utf16(b"\xff\xfe")).unwrap();
    assert_eq!((world.run().failed, world.state("sub")), (0, "unknown".into()));
    assert_eq!(world.state("sub/private.md"), "skipped: ignored by .docentignore");
    // A line that is no pattern is told, and the others hold.
    fs::write(&file, "[z-a]\nprivate*\n").unwrap();
    let report = world.run();
    assert!(report.failures[0].path.ends_with("sub/.docentignore"), "{report:?}");
    assert!(report.failures[0].reason.starts_with("line 1 "), "{report:?}");
    assert_eq!(world.state("sub/private.md"), "skipped: ignored by .docentignore");
}

#[test]
fn docents_own_folders_are_not_even_counted() {
    let world = World::new();
    world.write("a.md", "One.");
    world.write("home/index/x.md", "Mine.");
    let indexer = world.indexer().with_own_folders([world.path("home")]);
    let report = indexer.run_once(&Scope::All, &|_| {}, &Cancel::new()).unwrap();
    assert_eq!(report.seen, 1);
}

#[test]
fn a_scope_limits_what_is_looked_at() {
    let world = World::new();
    for path in ["a.md", "x/b.md", "x/y/c.md", "xy/d.md"] {
        world.write(path, path);
    }
    let scope = Scope::Below(vec![(world.root, "x".into()), (world.root, "x/y".into())]);
    assert_eq!(world.run_scope(&scope).added, 2);
    fs::remove_dir_all(world.path("x")).unwrap();
    assert_eq!(world.run_scope(&scope).removed, 2);
    assert_eq!(world.run_scope(&Scope::Collection("other".into())).added, 0);
    assert_eq!(world.run_scope(&Scope::Collection("work".into())).added, 2);
}

#[test]
fn a_cancelled_run_goes_on_where_it_stopped() {
    let world = World::new();
    for n in 0..300 {
        world.write(format!("{n}.md"), &format!("Text {n}."));
    }
    let cancel = Cancel::new();
    let stop_at_vectors = |event| {
        if let Progress::Embedding { done: 100, .. } = event {
            cancel.cancel();
        }
        if let Progress::Embedding { done, .. } = event
            && done >= 1
        {
            cancel.cancel();
        }
    };
    let report = world.indexer().run_once(&Scope::All, &stop_at_vectors, &cancel).unwrap();
    assert!(report.interrupted);
    assert_eq!(report.added, 300);
    let (before, vectors) = (world.embedder.passages(), world.store.vectors() as u64);
    assert!(before < 300);
    assert_eq!(before, vectors, "what was embedded is published");
    let report = world.run();
    assert_eq!((report.added, report.passages_embedded, report.interrupted), (0, 300 - before, false));
    assert_eq!(world.store.vectors(), 300);
}

#[test]
fn a_run_cancelled_while_reading_removes_nothing() {
    let world = World::new();
    world.write("gone.md", "Text 7.");
    world.run();
    let doc = world.store.record("gone.md").unwrap().doc;
    fs::remove_file(world.path("gone.md")).unwrap();
    for n in 0..50 {
        world.write(format!("{n}.md"), &format!("Text {n}."));
    }
    let cancel = Cancel::new();
    let stop = |event| {
        if matches!(event, Progress::Reading { .. }) {
            cancel.cancel();
        }
    };
    let report = world.indexer().run_once(&Scope::All, &stop, &cancel).unwrap();
    assert!(report.interrupted);
    assert!(world.store.records().iter().any(|record| record.doc == doc), "one not yet read may be it");
    let report = world.run();
    assert!(!report.interrupted);
    assert_eq!(world.store.record("7.md").unwrap().doc, doc);
    assert_eq!(world.embedder.texts().iter().filter(|text| *text == "Text 7.").count(), 1);
    assert_eq!(world.store.records().len(), 50);
    assert!(world.store.records().iter().all(|record| record.state.as_str() == "searchable"));
}

#[test]
fn a_store_that_fails_ends_the_run_and_loses_nothing() {
    let world = World::new();
    world.write("a.md", "One.");
    world.store.fail_with(Some("disk full"));
    world.indexer().run_once(&Scope::All, &|_| {}, &Cancel::new()).unwrap_err();
    world.store.fail_with(None);
    assert_eq!(world.run().added, 1);

    world.write("b.md", "Two.");
    world.embedder.fail_with(Some("no model"));
    world.indexer().run_once(&Scope::All, &|_| {}, &Cancel::new()).unwrap_err();
    assert_eq!(world.state("b.md"), "lexical_only", "findable by its words all the same");
    world.embedder.fail_with(None);
    assert_eq!(world.run().passages_embedded, 1);
}

#[test]
fn a_passage_that_cannot_be_embedded_costs_no_other_its_vector() {
    let refuse = |text: &str| {
        if text.contains("REFUSE") {
            return Err(Error::new(ErrorKind::Model, format!("not this one: {text}")));
        }
        Ok(())
    };
    let world = World::with(FakeStore::new(), FakeEmbedder::new().embedding_if(refuse));
    let write = |name: &str, text: &str, age| {
        world.write(name, text);
        let file = fs::File::options().write(true).open(world.path(name)).unwrap();
        file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(age)).unwrap();
    };
    for (n, text) in ["One.", "REFUSE 1", "Two.", "REFUSE 2", "Three."].iter().enumerate() {
        write(&format!("{n}.md"), text, 100 + n as u64);
    }
    let run = || world.indexer().run_once(&Scope::All, &|_| {}, &Cancel::new()).unwrap_err();
    assert_eq!(run().message(), "not this one: REFUSE 1", "the first failure is told");
    assert_eq!((world.store.vectors(), world.embedder.passages()), (3, 3));
    // Nor do many in a row.
    write("new.md", "New.", 10);
    for n in 0..7 {
        write(&format!("refused{n}.md"), &format!("REFUSE new {n}"), 20 + n);
    }
    write("late.md", "Late.", 5000);
    run();
    assert_eq!((world.store.vectors(), world.state("late.md")), (5, "searchable".into()));
}

#[test]
fn a_model_that_is_broken_is_given_up_and_what_was_done_before_is_published() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let breaks = |text: &str| {
        let call = CALLS.fetch_add(1, Ordering::SeqCst);
        if call < 2 { Ok(()) } else { Err(Error::new(ErrorKind::Model, format!("cannot embed {text}"))) }
    };
    let world = World::with(FakeStore::new(), FakeEmbedder::new().embedding_if(breaks));
    for n in 0..20 {
        world.write(format!("{n}.md"), &format!("Text {n}."));
    }
    assert!(world.indexer().run_once(&Scope::All, &|_| {}, &Cancel::new()).is_err());
    // Three passages, and a text that every model can embed.
    assert_eq!((world.store.vectors(), CALLS.load(Ordering::SeqCst)), (2, 2 + 3 + 1));
}

#[test]
fn newest_documents_are_embedded_first() {
    let world = World::with(FakeStore::new(), FakeEmbedder::new());
    for (n, age) in [(1, 300), (2, 100), (3, 200)] {
        world.write(format!("{n}.md"), &format!("Text {n}."));
        let file = fs::File::options().write(true).open(world.path(format!("{n}.md"))).unwrap();
        file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(age)).unwrap();
    }
    world.run();
    assert_eq!(world.embedder.texts(), ["Text 2.", "Text 3.", "Text 1."]);
}

#[test]
fn a_dry_run_estimates_and_writes_nothing() {
    let world = World::new();
    for n in 0..40 {
        world.write(format!("{n}.md"), &format!("Text number {n}."));
    }
    world.write(".hidden", "x");
    let root = world.store.roots().unwrap().remove(0);
    let report =
        estimate(&root, &TextParser, world.embedder.as_ref(), &world.config, &[], &Cancel::new()).unwrap();
    assert_eq!((report.files, report.skipped), (40, 1));
    assert!((38..=42).contains(&report.passages), "{report:?}");
    assert!(world.store.records().is_empty());
}

/// `cargo test --release -p docent-indexer --test run -- --ignored --nocapture no_change`
#[test]
#[ignore = "a measurement"]
fn no_change_over_ten_thousand_files() {
    let world = World::new();
    for n in 0..10_000 {
        world.write(format!("{}/{}/{n}.md", n % 10, n % 100), &format!("Text number {n}."));
    }
    world.run();
    for _ in 0..5 {
        let began = std::time::Instant::now();
        let output = std::process::Command::new("find")
            .arg(world.path(""))
            .args(["-printf", "%p %s %T@ %i\n"])
            .output()
            .unwrap();
        let find = began.elapsed();
        assert!(output.status.success());
        let began = std::time::Instant::now();
        let report = world.run();
        let ours = began.elapsed();
        assert_eq!((report.seen, report.generation), (10_000, None));
        println!(
            "find {find:?}, no-change run {ours:?}, ratio {:.2}",
            ours.as_secs_f64() / find.as_secs_f64()
        );
    }
}
