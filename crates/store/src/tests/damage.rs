//! Stores that are broken, lost or behind: each is named, put right or set aside, and what is left is right.

use std::{fs, path::PathBuf, time::Duration};

use docent_core::{CheckReport, ErrorKind};

use super::*;

impl Index {
    /// Ends the writer; what is left is the files.
    fn close(self) -> (TempDir, Home) {
        let Self { folder, home, writer, .. } = self;
        drop(writer);
        (folder, home)
    }

    /// Does `change` to the files while nobody has them open.
    fn changed(self, change: impl FnOnce(&Home)) -> Self {
        let root = self.root.clone();
        let (folder, home) = self.close();
        change(&home);
        let writer = StoreWriter::open(&home, &identity()).unwrap();
        Self { folder, home, writer, root }
    }

    fn sql(&self, statements: &str) {
        self.writer.store().catalog.write(|transaction| transaction.execute_batch(statements)).unwrap();
    }

    /// Makes a write fail after it was published: the catalog has no room to say so.
    fn published_but_not_finished(&self, write: impl FnOnce()) {
        self.sql("CREATE TRIGGER full BEFORE DELETE ON journal BEGIN SELECT RAISE(ABORT, 'full'); END");
        write();
        self.sql("DROP TRIGGER full");
    }
}

/// Two documents, searchable.
fn two() -> Index {
    let index = Index::new();
    index.write("a.txt", &["alpha words"]);
    index.write("b.txt", &["beta words"]);
    index.embed_all();
    index
}

fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files_in(&path)) } else { found.push(path) }
    }
    found
}

fn kinds(report: &CheckReport) -> BTreeSet<&str> {
    report.differences.iter().map(|difference| difference.kind.as_str()).collect()
}

fn refusal(home: &Home) -> docent_core::Error {
    let opened = StoreWriter::open(home, &identity()).and_then(|writer| writer.opened().map(drop));
    opened.expect_err("a damaged index was opened")
}

fn states(writer: &StoreWriter) -> BTreeSet<&'static str> {
    let root = writer.roots().unwrap()[0].id;
    writer.files(root, Path::new("")).unwrap().into_iter().map(|file| file.state.as_str()).collect()
}

/// The words survive, and the vectors are made anew.
fn vectors_are_mended(index: &Index) {
    let report = index.writer.check(true).unwrap();
    assert!(report.clean, "{report:?}");
    assert!(kinds(&report).contains("set_aside"), "{report:?}");
    assert_eq!(found(&*index.snapshot(), "words", &[]).len(), 2);
    assert!(with_vector(&*index.snapshot()).is_empty());
    assert_eq!(index.embed_all(), 2);
    assert_eq!(with_vector(&*index.snapshot()).len(), 2);
    index.check();
}

#[test]
fn vectors_that_are_lost_or_cut_short_are_made_anew() {
    let damages: [fn(&Path); 2] = [
        |file| fs::remove_file(file).unwrap(),
        |file| {
            let bytes = fs::read(file).unwrap();
            fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
        },
    ];
    for damage in damages {
        let index = two();
        index.remove("a.txt");
        index.write("a.txt", &["alpha words"]);
        index.embed_all();
        let index = index.changed(|home| {
            for file in files_in(&home.vectors().join("passages.lance/data")) {
                damage(&file);
            }
        });
        let report = index.writer.check(false).unwrap();
        assert!(!report.clean && kinds(&report).contains("damaged"), "{report:?}");
        vectors_are_mended(&index);
        vectors_still_mended(index);
    }
}

fn vectors_still_mended(index: Index) {
    let index = index.reopen();
    assert_eq!(with_vector(&*index.snapshot()).len(), 2);
    index.check();
}

#[test]
fn a_table_that_is_gone_is_made_anew() {
    let index = two().changed(|home| fs::remove_dir_all(home.vectors()).unwrap());
    let error = index.writer.check(false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::IndexDamaged);
    assert!(error.hint_text().unwrap().contains("--repair"), "{error:?}");
    vectors_are_mended(&index);
    vectors_still_mended(index);
}

#[test]
fn a_file_of_the_words_with_a_wrong_bit_is_set_aside() {
    let (_folder, home) = two().close();
    let store =
        files_in(&home.words()).into_iter().find(|file| file.extension().is_some_and(|e| e == "store"));
    let store = store.unwrap();
    let mut bytes = fs::read(&store).unwrap();
    bytes[3] ^= 1;
    fs::remove_file(&store).unwrap();
    fs::write(&store, bytes).unwrap();
    let writer = StoreWriter::open(&home, &identity()).unwrap();
    let report = writer.check(false).unwrap();
    assert!(!report.clean && kinds(&report).contains("damaged_file"), "{report:?}");
    drop(writer);

    let (writer, report) = StoreWriter::repair(&home, &identity()).unwrap();
    assert!(report.clean, "{report:?}");
    assert_eq!(kinds(&report), ["damaged_file", "set_aside"].into());
    assert_eq!(states(&writer), ["pending"].into());
    assert!(writer.check(false).unwrap().clean);
    assert!(writer.has_backlog().unwrap());
}

#[test]
fn a_catalog_that_is_gone_or_empty_is_no_new_index() {
    for emptied in [false, true] {
        let (_folder, home) = two().close();
        fs::remove_file(home.catalog()).unwrap();
        if emptied {
            fs::write(home.catalog(), "").unwrap();
        }
        let error = refusal(&home);
        assert_eq!(error.kind(), ErrorKind::IndexDamaged);
        assert_eq!(error.path(), Some(home.catalog().as_path()));
        let reading = Store::open(&home, &identity()).err().unwrap();
        assert_eq!(reading.kind(), ErrorKind::IndexDamaged);
        assert_eq!(crate::built_with(&home).unwrap().as_deref(), Some("test"));

        let (writer, report) = StoreWriter::repair(&home, &identity()).unwrap();
        assert!(!report.clean, "{report:?}");
        assert!(kinds(&report).contains("lost_roots"), "{report:?}");
        // Nothing of the old text is left to be found under a new file's name.
        let root = writer.put_root("default", Path::new("/documents"), false, &[], &[], None).unwrap();
        writer.discover(root.id, &[PathBuf::from("c.txt")]).unwrap();
        let snapshot = SharedStore(writer.store().clone()).snapshot(&Filter::default()).unwrap();
        assert!(found(&*snapshot, "words", &[]).is_empty());
        drop(snapshot);
        drop(writer);
        let (_, report) = StoreWriter::repair(&home, &identity()).unwrap();
        assert!(report.clean && report.differences.is_empty(), "{report:?}");
    }
}

#[test]
fn a_broken_catalog_is_replaced_and_keeps_its_roots() {
    let index = two();
    let page = index.writer.store().catalog.read(|c| {
        c.query_row("SELECT rootpage FROM sqlite_master WHERE name = 'passages'", [], |r| r.get(0))
    });
    let page: i64 = page.unwrap();
    let page = usize::try_from(page).unwrap();
    let (_folder, home) = index.close();
    let mut bytes = fs::read(home.catalog()).unwrap();
    bytes[(page - 1) * 4096..page * 4096].fill(0xab);
    fs::write(home.catalog(), bytes).unwrap();

    let (writer, report) = StoreWriter::repair(&home, &identity()).unwrap();
    assert!(report.clean, "{report:?}");
    assert!(!kinds(&report).contains("lost_roots"), "{report:?}");
    assert_eq!(writer.roots().unwrap()[0].path, Path::new("/documents"));
    assert!(writer.has_backlog().unwrap(), "its files are to be found again");
    let aside = report.differences.iter().find(|difference| difference.kind == "set_aside").unwrap();
    assert!(Path::new(aside.path.as_ref().unwrap()).join("catalog.db").exists());
    assert!(writer.check(false).unwrap().clean);
}

#[test]
fn a_catalog_that_is_no_database_is_replaced() {
    let (_folder, home) = two().close();
    fs::write(home.catalog(), "no database at all ".repeat(1000)).unwrap();
    let error = refusal(&home);
    assert_eq!(error.kind(), ErrorKind::IndexDamaged);
    assert!(error.hint_text().unwrap().contains("--repair"), "{error:?}");
    let (writer, report) = StoreWriter::repair(&home, &identity()).unwrap();
    assert!(kinds(&report).contains("lost_roots"), "{report:?}");
    assert!(writer.check(false).unwrap().clean);
}

#[test]
fn a_catalog_older_than_the_words_is_noticed() {
    let index = two();
    let old = index.folder.path().join("old");
    let copy = old.clone();
    let index = index.changed(|home| fs::copy(home.catalog(), copy).map(drop).unwrap());
    index.write("a.txt", &["gamma words"]);
    index.embed_all();
    let (_folder, home) = index.close();
    fs::copy(old, home.catalog()).unwrap();
    let error = refusal(&home);
    assert_eq!(error.kind(), ErrorKind::IndexDamaged);
    assert!(error.message().contains("older"), "{error:?}");
    let (writer, report) = StoreWriter::repair(&home, &identity()).unwrap();
    assert!(report.clean, "{report:?}");
    assert_eq!(states(&writer), ["pending"].into());
    assert!(writer.check(false).unwrap().clean);
}

#[test]
fn words_that_are_gone_are_no_empty_index() {
    let (_folder, home) = two().close();
    fs::remove_dir_all(home.words()).unwrap();
    assert_eq!(Store::open(&home, &identity()).err().unwrap().kind(), ErrorKind::IndexDamaged);
    assert_eq!(refusal(&home).kind(), ErrorKind::IndexDamaged);
    let (writer, report) = StoreWriter::repair(&home, &identity()).unwrap();
    assert!(report.clean, "{report:?}");
    assert_eq!(states(&writer), ["pending"].into());
}

#[test]
fn an_edit_after_one_that_was_not_finished_leaves_no_old_words() {
    let index = Index::new();
    let update = index.update("a.txt", &["alpha words"], 5);
    index.published_but_not_finished(|| {
        let batch = WordsBatch { updates: vec![update], removed: vec![] };
        index.writer.commit_words(batch).unwrap_err();
    });
    index.write("a.txt", &["beta words"]);
    assert_eq!(found(&*index.snapshot(), "alpha beta", &[]), ["beta words"]);
    index.check();
}

#[test]
fn a_removal_after_an_edit_that_was_not_finished_leaves_nothing() {
    let index = Index::new();
    let update = index.update("a.txt", &["alpha words"], 5);
    index.published_but_not_finished(|| {
        let batch = WordsBatch { updates: vec![update], removed: vec![] };
        index.writer.commit_words(batch).unwrap_err();
    });
    index.remove("a.txt");
    assert!(found(&*index.snapshot(), "alpha", &[]).is_empty());
    assert!(index.writer.store().catalog.all_passages().unwrap().is_empty());
    index.reopen().check();
}

#[test]
fn a_manifest_that_a_power_cut_emptied_is_undone() {
    let index = two();
    let version = index.writer.store().words.payload().unwrap().vectors;
    let index = index.changed(|home| {
        let manifests = home.vectors().join("passages.lance/_versions");
        fs::write(manifests.join(format!("{:020}.manifest", u64::MAX - version - 1)), "").unwrap();
    });
    index.write("c.txt", &["gamma words"]);
    index.embed_all();
    assert_eq!(with_vector(&*index.snapshot()).len(), 3);
    index.check();
}

#[test]
fn a_step_that_failed_is_undone_while_the_process_goes_on() {
    let index = two();
    index.write("c.txt", &["gamma words"]);
    let pending = index.writer.passages_without_vector(10, &[]).unwrap();
    let rows = vector("gamma words");
    index.writer.store().vectors.add(&[(pending[0].id, index.doc("c.txt"), &rows)]).unwrap();
    *index.writer.locked() = None;
    assert_eq!(index.embed_all(), 1);
    assert_eq!(with_vector(&*index.snapshot()).len(), 3);
    index.check();
}

#[test]
fn what_is_deleted_leaves_the_disk() {
    let index = Index::new();
    let names: Vec<String> = (0..40).map(|number| format!("{number}.txt")).collect();
    let updates = names.iter().map(|name| index.update(name, &[&format!("words of {name}")], 5)).collect();
    index.writer.commit_words(WordsBatch { updates, removed: vec![] }).unwrap();
    index.embed_all();
    index.remove("7.txt");
    let leftovers = || {
        let deletions = |path: &PathBuf| {
            path.extension().is_some_and(|extension| extension == "del")
                || path.parent().is_some_and(|folder| folder.ends_with("_deletions"))
        };
        files_in(index.home.path()).into_iter().filter(deletions).count()
    };
    assert_eq!(leftovers(), 2, "one document of many is only marked as deleted");
    index.writer.store().release();
    index.writer.maintain_now(true).unwrap();
    assert_eq!(leftovers(), 0);
    assert_eq!(with_vector(&*index.snapshot()).len(), 39);
    assert_eq!(found(&*index.snapshot(), "words", &[]).len(), 39);
    index.check();
}

#[test]
fn a_check_beside_commits_finds_nothing() {
    let index = two();
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            for round in 0..20 {
                index.write("a.txt", &[&format!("round {round}"), "constant"]);
                index.embed_all();
            }
        });
        while !writing.is_finished() {
            index.check();
        }
    });
}

#[test]
fn passages_of_no_document_and_wrong_states_are_put_right() {
    let index = two();
    index.sql(
        "DELETE FROM documents WHERE path = CAST('a.txt' AS BLOB);
         UPDATE documents SET state = 'lexical_only' WHERE path = CAST('b.txt' AS BLOB);",
    );
    let report = index.writer.check(true).unwrap();
    assert!(report.clean, "{report:?}");
    assert_eq!(kinds(&report), ["orphaned_passages", "wrong_state"].into());
    assert_eq!(states(&index.writer), ["searchable"].into());
    assert_eq!(found(&*index.snapshot(), "words", &[]), ["beta words"]);
    assert_eq!(with_vector(&*index.snapshot()).len(), 1);
    index.check();
}

#[test]
fn a_reader_goes_over_to_the_index_that_was_made_anew() {
    let index = two();
    let reader = Arc::new(Store::open(&index.home, &identity()).unwrap().unwrap());
    let snapshot = || SharedStore(reader.clone()).snapshot(&Filter::default()).unwrap();
    assert_eq!(with_vector(&*snapshot()).len(), 2);
    let (folder, home) = index.close();
    // Broken for the next one that opens it: the reader has what it needs. The log stays while one reads.
    fs::write(home.catalog(), "no database at all ".repeat(1000)).unwrap();
    for end in ["wal", "shm"] {
        fs::remove_file(home.path().join(format!("catalog.db-{end}"))).unwrap();
    }
    let (writer, report) = StoreWriter::repair(&home, &identity()).unwrap();
    assert!(kinds(&report).contains("set_aside"), "{report:?}");
    let root = writer.put_root("default", Path::new("/documents"), false, &[], &[], None).unwrap();
    let index = Index { folder, home, writer, root };
    for text in ["gamma words", "delta words"] {
        index.write(&format!("{text}.txt"), &[text]);
    }
    index.embed_all();
    assert_eq!(found(&*snapshot(), "alpha gamma", &[]), ["gamma words"]);
    let hit = snapshot().lexical("gamma", &[], 1).unwrap()[0];
    assert_eq!(snapshot().documents(&[hit.doc]).unwrap()[0].path, Path::new("/documents/gamma words.txt"));
    assert_eq!(with_vector(&*snapshot()), ["gamma words", "delta words"].map(String::from).into());
}

#[test]
fn a_glance_at_the_lock_keeps_no_writer_out() {
    let (_folder, home) = Index::new().close();
    let lock = fs::File::open(home.writer_lock()).unwrap();
    lock.lock_shared().unwrap();
    let glance = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(40));
        drop(lock);
    });
    StoreWriter::open(&home, &identity()).unwrap();
    glance.join().unwrap();
}

#[test]
fn a_killed_probe_is_in_nobodys_way() {
    let folder = tempfile::tempdir().unwrap();
    for end in ["a", "b"] {
        fs::write(folder.path().join(format!(".probe-{}-{end}", std::process::id())), "").unwrap();
    }
    crate::probe(folder.path()).unwrap();
    assert!(files_in(folder.path()).is_empty());
}
