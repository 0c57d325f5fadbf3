//! Stores that are broken, lost or behind: each is named, put right or set aside, and what is left is right.

use std::{fs, path::PathBuf, time::Duration};

use docent_core::{CheckReport, ErrorKind, PassageId};

use super::*;
use crate::{
    catalog::Repair,
    words::{PassageWords, WordsWriter},
};

impl Index {
    /// Ends the writer; what is left is the files.
    fn close(self) -> (Option<TempDir>, Home) {
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

    /// Takes a document's words out of the full-text store alone.
    fn lose_words(&self, name: &str) {
        let doc = self.doc(name);
        self.change_words(|words| words.delete(doc));
    }

    fn change_words(&self, change: impl FnOnce(&mut WordsWriter)) {
        let mut guard = self.writer.opened().unwrap();
        let open = guard.as_mut().unwrap();
        change(&mut open.words);
        open.payload = open.payload.next_upkeep(open.payload.vectors);
        open.words.commit(&open.payload).unwrap();
    }

    /// Leaves an empty manifest, as a power cut during upkeep does; its path.
    fn empty_manifest(&self) -> PathBuf {
        let version = self.writer.store().words.payload().unwrap().vectors;
        let manifests = self.home.vectors().join("passages.lance/_versions");
        manifests.join(format!("{:020}.manifest", u64::MAX - version - 1))
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
    let old = index.home.path().join("old");
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
    let manifest = index.empty_manifest();
    let index = index.changed(|_| fs::write(&manifest, "").unwrap());
    assert!(!manifest.exists(), "a writer undoes it when it starts");
    index.write("c.txt", &["gamma words"]);
    index.embed_all();
    assert_eq!(with_vector(&*index.snapshot()).len(), 3);
    index.check();
}

#[test]
fn a_manifest_that_a_power_cut_emptied_keeps_no_reader_out() {
    let index = two();
    let manifest = index.empty_manifest();
    let (_folder, home) = index.close();
    fs::write(&manifest, "").unwrap();
    let reader = Arc::new(Store::open(&home, &identity()).unwrap().unwrap());
    let snapshot = SharedStore(reader).snapshot(&Filter::default()).unwrap();
    assert_eq!(with_vector(&*snapshot).len(), 2);
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
    goes_over(|reader| assert_eq!(with_vector(&*all_of(reader)).len(), 2));
}

#[test]
fn a_reader_that_has_not_searched_yet_goes_over_as_well() {
    goes_over(|_| {});
}

#[test]
fn a_reader_that_let_go_goes_over_as_well() {
    goes_over(|reader| {
        drop(all_of(reader));
        reader.release();
    });
}

fn all_of(reader: &Arc<Store>) -> Box<dyn Snapshot> {
    SharedStore(reader.clone()).snapshot(&Filter::default()).unwrap()
}

fn goes_over(before: impl FnOnce(&Arc<Store>)) {
    let index = two();
    let reader = Arc::new(Store::open(&index.home, &identity()).unwrap().unwrap());
    let snapshot = || all_of(&reader);
    before(&reader);
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

#[test]
fn a_repair_that_was_not_finished_is_finished_at_the_next_start() {
    let index = two();
    index.lose_words("b.txt");
    index.published_but_not_finished(|| {
        index.writer.check(true).unwrap_err();
    });
    let index = index.reopen();
    index.check();
    assert_eq!(states(&index.writer), ["pending", "searchable"].into());
    index.write("b.txt", &["beta words"]);
    assert_eq!(index.embed_all(), 1);
    assert_eq!(with_vector(&*index.snapshot()).len(), 2);
    index.check();
}

#[test]
fn a_repair_that_was_not_published_is_undone() {
    let index = two();
    let (store, doc) = (index.writer.store(), index.doc("b.txt"));
    let step = Step::Repair(Repair { reread: vec![doc], ..Repair::default() });
    let generation = store.generation().unwrap() + 1;
    store.catalog.journal(&JournalEntry { generation, step }).unwrap();
    store.vectors.delete(&[doc], &[]).unwrap();
    let index = index.reopen();
    assert_eq!(with_vector(&*index.snapshot()).len(), 2);
    index.check();
}

#[test]
fn documents_out_of_reach_keep_what_is_sound_of_them() {
    let index = Index::new();
    index.write("a.txt", &["alpha words", "more words"]);
    index.write("b.txt", &["beta words", "lost words"]);
    index.embed_all();
    let doc = index.doc("a.txt");
    let rows = index.writer.store().catalog.passages_of(&[doc]).unwrap();
    let lost = index.writer.store().catalog.passages_of(&[index.doc("b.txt")]).unwrap()[1].id;
    index.change_words(|words| {
        for (id, text) in [(rows[0].id, "alpha words"), (PassageId(rows[0].key.0), "stray words")] {
            let passage = passage(text);
            let words_of = PassageWords { id, doc, position: 0, language: None, passage: &passage };
            words.add(&words_of).unwrap();
        }
        words.delete_passage(lost);
    });
    index.writer.set_root_state(index.root.id, Some("not mounted"), None).unwrap();
    let root = index.root.clone();
    let (folder, home) = index.close();

    let (writer, report) = StoreWriter::repair(&home, &identity()).unwrap();
    assert_eq!(kinds(&report), ["doubled_words", "missing_words", "stray_words"].into());
    assert!(!report.clean && report.repaired == 2, "{report:?}");
    let index = Index { folder, home, writer, root };
    let texts: BTreeSet<String> = found(&*index.snapshot(), "words", &[]).into_iter().collect();
    assert_eq!(texts, ["alpha words", "more words", "beta words"].map(String::from).into());
    assert_eq!(index.snapshot().lexical("words", &[], 10).unwrap().len(), 3);
    assert_eq!(states(&index.writer), ["searchable"].into());

    index.writer.set_root_state(index.root.id, None, None).unwrap();
    assert!(index.writer.has_backlog().unwrap());
    index.write("b.txt", &["beta words", "lost words"]);
    assert_eq!(index.embed_all(), 0);
    index.check();
}

#[test]
fn a_file_that_changed_unseen_is_found_until_it_is_read_again() {
    let index = Index::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.txt");
    fs::write(&path, "beta words").unwrap();
    let root = index.writer.put_root("default", folder.path(), false, &[], &[], None).unwrap();
    let doc = index.writer.discover(root.id, &[PathBuf::from("a.txt")]).unwrap()[0];
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    let mtime_ns = modified.duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as i64;
    let mut update = index.update("a.txt", &["alpha words"], mtime_ns);
    (update.doc, update.stamp.size) = (doc, 10);
    index.writer.commit_words(WordsBatch { updates: vec![update], removed: vec![] }).unwrap();
    index.embed_all();

    let report = index.writer.check(true).unwrap();
    assert_eq!(kinds(&report), ["changed_file"].into());
    assert!(report.clean && index.writer.store().catalog.has_dirty().unwrap(), "{report:?}");
    assert_eq!(found(&*index.snapshot(), "alpha", &[]), ["alpha words"]);
    assert_eq!(with_vector(&*index.snapshot()).len(), 1);
    assert_eq!(index.writer.files(root.id, Path::new("")).unwrap()[0].stamp, None);
}

#[cfg(unix)]
#[test]
fn what_cannot_be_looked_at_is_not_set_aside() {
    for file in ["words/meta.json", "vectors/passages.lance/_versions"] {
        let (_folder, home) = two().close();
        let (path, kept) = (home.path().join(file), home.path().join("kept"));
        fs::rename(&path, &kept).unwrap();
        // A link to itself: there, and every look at it fails.
        std::os::unix::fs::symlink(&path, &path).unwrap();
        let error = StoreWriter::repair(&home, &identity()).map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io, "{error:?}");
        assert!(crate::exists(&home));
        fs::remove_file(&path).unwrap();
        fs::rename(&kept, &path).unwrap();
        let (_, report) = StoreWriter::repair(&home, &identity()).unwrap();
        assert!(report.clean && report.differences.is_empty(), "{report:?}");
    }
}

#[test]
fn a_wrong_byte_in_a_text_of_the_catalog_is_damage() {
    let index = two();
    index.sql("UPDATE documents SET title = CAST(x'ff' AS TEXT) WHERE id = 1");
    let error = index.writer.check(false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::IndexDamaged, "{error:?}");
    let (_folder, home) = index.close();
    let (writer, report) = StoreWriter::repair(&home, &identity()).unwrap();
    assert!(report.clean, "{report:?}");
    assert_eq!(writer.roots().unwrap().len(), 1);
    assert!(writer.check(false).unwrap().clean);
}

#[test]
fn a_wrong_byte_in_the_journal_is_an_entry_that_cannot_be_read() {
    let index = two();
    index.sql("INSERT INTO journal VALUES (99, CAST(x'ff' AS TEXT))");
    let index = index.reopen();
    assert!(index.writer.store().catalog.unfinished().unwrap().is_empty());
    index.check();
}

#[test]
fn a_removal_that_was_killed_is_purged_later() {
    let index = two();
    let other = index.writer.put_root("default", Path::new("/other"), false, &[], &[], None).unwrap();
    let doc = index.writer.discover(other.id, &[PathBuf::from("c.txt")]).unwrap()[0];
    let names: Vec<String> = (0..20).map(|number| format!("{number}.txt")).collect();
    let mut updates: Vec<FileUpdate> = names.iter().map(|name| index.update(name, &["gamma"], 5)).collect();
    updates[7].doc = doc;
    index.writer.commit_words(WordsBatch { updates, removed: vec![] }).unwrap();
    index.writer.remove_root(other.id).unwrap();
    let index = index.reopen();
    let deletions = || {
        files_in(&index.home.words()).iter().filter(|path| path.extension() == Some("del".as_ref())).count()
    };
    assert_eq!(deletions(), 1);
    index.writer.maintain().unwrap();
    assert_eq!(deletions(), 0);
    assert!(!index.writer.store().catalog.purge_due().unwrap());
    index.check();
}

#[test]
fn what_is_gone_altogether_is_not_said_to_be_set_aside() {
    let (_folder, home) = two().close();
    for store in [home.words(), home.vectors()] {
        fs::remove_dir_all(store).unwrap();
    }
    let (_, report) = StoreWriter::repair(&home, &identity()).unwrap();
    assert!(report.clean && !kinds(&report).contains("set_aside"), "{report:?}");
    let left = |path: &PathBuf| path.to_string_lossy().contains("damaged-");
    assert!(!fs::read_dir(home.path()).unwrap().any(|entry| left(&entry.unwrap().path())));
}

#[test]
fn a_repair_of_an_index_in_use_says_what_is_left_to_do() {
    let index = two().changed(|home| {
        let stored = |file: &PathBuf| file.extension() == Some("store".as_ref());
        let store = files_in(&home.words()).into_iter().find(stored).unwrap();
        let mut bytes = fs::read(&store).unwrap();
        bytes[3] ^= 1;
        fs::remove_file(&store).unwrap();
        fs::write(&store, bytes).unwrap();
    });
    let report = index.writer.repair_open().unwrap();
    assert!(!report.clean);
    let left = report.differences.iter().find(|difference| difference.kind == "in_use").unwrap();
    assert!(left.detail.contains("stop `docent watch`"), "{left:?}");
}
