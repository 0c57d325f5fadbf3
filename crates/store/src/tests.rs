//! The two stores as one: what is published, what survives, what is undone.

mod attempts;
mod damage;
mod faults;
mod histories;
mod scans;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use docent_core::{
    ContentHash, DocId, EmbedKey, FileChange, FileState, FileUpdate, Filter, Home, IndexStore, Location,
    Outcome, Passage, PassageVector, Root, SearchIndex, Snapshot, Stamp, WordsBatch,
};
use tempfile::TempDir;

use crate::{
    EmbedderIdentity, SharedStore, Store, StoreWriter,
    catalog::{JournalEntry, Step},
};

const DIMENSIONS: usize = 8;

fn identity() -> EmbedderIdentity {
    EmbedderIdentity { id: "test".into(), dimensions: DIMENSIONS }
}

/// A unit vector that depends on the text alone.
fn vector(text: &str) -> Vec<f32> {
    let hash = EmbedKey::new("vector", text).0.0;
    let raw: Vec<f32> = hash[..DIMENSIONS].iter().map(|byte| f32::from(*byte) + 1.0).collect();
    let norm = raw.iter().map(|x| x * x).sum::<f32>().sqrt();
    raw.iter().map(|x| x / norm).collect()
}

fn passage(text: &str) -> Passage {
    Passage { text: text.into(), context: String::new(), location: Location::default() }
}

struct Index {
    folder: Option<TempDir>,
    home: Home,
    writer: StoreWriter,
    root: Root,
}

impl Index {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let index = Self::at(folder.path()).unwrap();
        Self { folder: Some(folder), ..index }
    }

    /// The one in `folder`, which is made if there is none.
    fn at(folder: &Path) -> docent_core::Result<Self> {
        let home = Home::locate(Some(folder))?;
        let writer = StoreWriter::open(&home, &identity())?;
        let root = writer.put_root("default", Path::new("/documents"), false, &[], &[], None)?;
        Ok(Self { folder: None, home, writer, root })
    }

    /// Ends the writer and starts another one, as after a kill.
    fn reopen(self) -> Self {
        let Self { folder, home, writer, root } = self;
        drop(writer);
        let writer = StoreWriter::open(&home, &identity()).unwrap();
        Self { folder, home, writer, root }
    }

    fn doc(&self, name: &str) -> DocId {
        self.writer.discover(self.root.id, &[PathBuf::from(name)]).unwrap()[0]
    }

    fn update(&self, name: &str, passages: &[&str], mtime: i64) -> FileUpdate {
        FileUpdate {
            doc: self.doc(name),
            stamp: Stamp { size: 1, mtime_ns: mtime, inode: 1 },
            hash: Some(ContentHash::of(passages.join("\n").as_bytes())),
            outcome: Outcome::Indexed {
                mime: "text/plain".into(),
                title: name.into(),
                language: Some("eng".into()),
                pages: None,
                scanned: 0,
                passages: passages.iter().map(|text| passage(text)).collect(),
            },
        }
    }

    fn write(&self, name: &str, passages: &[&str]) {
        let updates = vec![self.update(name, passages, 1_700_000_000_000_000_000)];
        self.writer.commit_words(WordsBatch { updates, removed: vec![] }).unwrap();
    }

    fn remove(&self, name: &str) {
        let removed = vec![self.doc(name)];
        self.writer.commit_words(WordsBatch { updates: vec![], removed }).unwrap();
    }

    /// Gives every waiting passage its vector; returns how many had to be embedded.
    fn embed_all(&self) -> usize {
        self.try_embed_all().unwrap()
    }

    fn try_embed_all(&self) -> docent_core::Result<usize> {
        let pending = self.writer.passages_without_vector(10_000, &[])?;
        let embedded = pending.iter().filter(|passage| passage.known.is_none()).count();
        let vectors = pending
            .into_iter()
            .map(|passage| PassageVector {
                id: passage.id,
                vector: passage.known.unwrap_or_else(|| vector(&passage.text)),
            })
            .collect();
        self.writer.commit_vectors(vectors)?;
        Ok(embedded)
    }

    fn snapshot(&self) -> Box<dyn Snapshot> {
        self.filtered(&Filter::default())
    }

    fn filtered(&self, filter: &Filter) -> Box<dyn Snapshot> {
        SharedStore(self.writer.store().clone()).snapshot(filter).unwrap()
    }

    fn sql(&self, statements: &str) {
        self.writer.store().catalog.write(|transaction| transaction.execute_batch(statements)).unwrap();
    }

    fn check(&self) {
        let report = self.writer.check(false).unwrap();
        assert!(report.clean, "{:?}", report.differences);
    }
}

/// The texts that a query finds by its words, best first.
fn found(snapshot: &dyn Snapshot, query: &str, must: &[&str]) -> Vec<String> {
    let must: Vec<String> = must.iter().map(|phrase| (*phrase).to_owned()).collect();
    let ids: Vec<_> = snapshot.lexical(query, &must, 100).unwrap().iter().map(|hit| hit.id).collect();
    snapshot.passages(&ids).unwrap().into_iter().map(|passage| passage.text).collect()
}

/// The texts that have a vector.
fn with_vector(snapshot: &dyn Snapshot) -> BTreeSet<String> {
    let ids: Vec<_> = snapshot.vector(&vector("x"), 1000).unwrap().iter().map(|hit| hit.id).collect();
    snapshot.passages(&ids).unwrap().into_iter().map(|passage| passage.text).collect()
}

#[test]
fn words_are_found_at_once_and_vectors_follow() {
    let index = Index::new();
    index.write("a.txt", &["pumps need oil", "valves do not"]);
    assert_eq!(found(&*index.snapshot(), "does a pump need oil?", &[]), ["pumps need oil"]);
    assert!(with_vector(&*index.snapshot()).is_empty());
    let counts = index.writer.store().counts().unwrap();
    assert_eq!((counts.lexical_only, counts.searchable), (1, 0));

    assert_eq!(index.embed_all(), 2);
    assert_eq!(with_vector(&*index.snapshot()).len(), 2);
    assert_eq!(index.writer.store().counts().unwrap().searchable, 1);
    let best = index.snapshot().vector(&vector("valves do not"), 1).unwrap()[0];
    assert!((best.score - 1.0).abs() < 1e-5, "{best:?}");
    index.check();
}

#[test]
fn an_edit_embeds_changed_passages_only() {
    let index = Index::new();
    index.write("a.txt", &["one stays", "two goes", "three stays"]);
    assert_eq!(index.embed_all(), 3);
    index.write("a.txt", &["one stays", "two is new", "three stays"]);
    assert_eq!(with_vector(&*index.snapshot()), ["one stays", "three stays"].map(String::from).into());
    assert_eq!(index.embed_all(), 1);
    assert!(found(&*index.snapshot(), "goes", &[]).is_empty());
    index.check();
}

#[test]
fn an_equal_text_elsewhere_is_not_embedded_again() {
    let index = Index::new();
    index.write("a.txt", &["the same text"]);
    assert_eq!(index.embed_all(), 1);
    index.write("b.txt", &["the same text"]);
    assert_eq!(index.embed_all(), 0);
    let snapshot = index.snapshot();
    assert_eq!(snapshot.vector(&vector("the same text"), 10).unwrap().len(), 2);
    index.check();
}

#[test]
fn a_removed_document_is_gone_from_both_stores() {
    let index = Index::new();
    index.write("a.txt", &["alpha words"]);
    index.write("b.txt", &["beta words"]);
    index.embed_all();
    index.remove("a.txt");
    assert_eq!(found(&*index.snapshot(), "alpha beta", &[]), ["beta words"]);
    assert_eq!(with_vector(&*index.snapshot()), ["beta words".to_owned()].into());
    index.check();
}

#[test]
fn a_file_that_cannot_be_read_any_more_loses_its_passages() {
    let index = Index::new();
    index.write("a.txt", &["alpha words"]);
    index.embed_all();
    let mut update = index.update("a.txt", &[], 5);
    update.outcome = Outcome::Failed { reason: "password needed".into(), broke_down: false };
    index.writer.commit_words(WordsBatch { updates: vec![update], removed: vec![] }).unwrap();
    assert!(found(&*index.snapshot(), "alpha", &[]).is_empty());
    assert_eq!(index.writer.store().status().unwrap().failures[0].reason, "password needed");
    index.check();
}

#[test]
fn a_moved_document_rewrites_neither_store() {
    let index = Index::new();
    index.write("a.txt", &["alpha words"]);
    index.embed_all();
    let before = index.writer.store().generation().unwrap();
    let stamp = Stamp { size: 1, mtime_ns: 7, inode: 9 };
    let doc = index.doc("a.txt");
    let relative = PathBuf::from("new/b.txt");
    index.writer.change_files(&[FileChange::Moved { doc, root: index.root.id, relative, stamp }]).unwrap();
    assert_eq!(index.writer.store().generation().unwrap(), before);
    let snapshot = index.snapshot();
    let hit = snapshot.lexical("alpha", &[], 1).unwrap()[0];
    let info = snapshot.documents(&[hit.doc]).unwrap().pop().unwrap();
    assert_eq!(info.path, Path::new("/documents/new/b.txt"));
    assert_eq!(index.writer.files(index.root.id, Path::new("new")).unwrap().len(), 1);
    index.check();
}

#[test]
fn a_snapshot_keeps_its_generation_through_commits_and_pruning() {
    let index = Index::new();
    index.write("a.txt", &["alpha words"]);
    index.embed_all();
    let old = index.snapshot();
    index.remove("a.txt");
    index.write("b.txt", &["beta words"]);
    index.embed_all();
    index.writer.maintain_now(true).unwrap();
    index.writer.store().release();
    assert_eq!(found(&*old, "alpha beta", &[]), ["alpha words"]);
    assert_eq!(with_vector(&*old), ["alpha words".to_owned()].into());
    assert_eq!(with_vector(&*index.snapshot()), ["beta words".to_owned()].into());

    drop(old);
    index.writer.maintain_now(true).unwrap();
    assert_eq!(index.writer.store().status().unwrap().parts.versions, 1);
    assert_eq!(with_vector(&*index.snapshot()), ["beta words".to_owned()].into());
    index.check();
}

#[test]
fn unpublished_vectors_are_undone_at_the_next_start() {
    let index = Index::new();
    index.write("a.txt", &["alpha words"]);
    let pending = index.writer.passages_without_vector(10, &[]).unwrap();
    let generation = index.writer.store().generation().unwrap() + 1;
    // Killed between Lance's commit and tantivy's.
    let step = Step::Vectors { passages: vec![pending[0].id] };
    index.writer.store().catalog.journal(&JournalEntry { generation, step }).unwrap();
    index.writer.store().vectors.add(&[(pending[0].id, index.doc("a.txt"), &vector("alpha"))]).unwrap();

    let index = index.reopen();
    assert!(with_vector(&*index.snapshot()).is_empty());
    index.check();
    assert_eq!(index.embed_all(), 1);
    assert_eq!(with_vector(&*index.snapshot()).len(), 1);
    index.writer.maintain_now(true).unwrap();
    index.check();
}

#[test]
fn a_published_step_is_finished_at_the_next_start() {
    let index = Index::new();
    index.write("a.txt", &["alpha words"]);
    index.embed_all();
    // Killed between tantivy's commit and the catalog's: the catalog still says what it said before.
    let doc = index.doc("a.txt");
    let generation = index.writer.store().generation().unwrap() + 1;
    let entry = JournalEntry { generation, step: Step::Words { documents: vec![], removed: vec![doc] } };
    {
        let mut guard = index.writer.opened().unwrap();
        let open = guard.as_mut().unwrap();
        index.writer.store().catalog.journal(&entry).unwrap();
        let version = index.writer.store().vectors.delete(&[doc], &[]).unwrap().unwrap();
        open.words.delete(doc);
        open.payload = open.payload.next(version);
        open.words.commit(&open.payload).unwrap();
    }
    let index = index.reopen();
    assert!(index.writer.files(index.root.id, Path::new("")).unwrap().is_empty());
    index.check();
}

#[test]
fn an_unpublished_edit_is_planned_again() {
    let index = Index::new();
    index.write("a.txt", &["alpha words"]);
    index.embed_all();
    let doc = index.doc("a.txt");
    let before = index.writer.files(index.root.id, Path::new("")).unwrap();
    let generation = index.writer.store().generation().unwrap() + 1;
    let entry = JournalEntry { generation, step: Step::Words { documents: vec![], removed: vec![doc] } };
    index.writer.store().catalog.journal(&entry).unwrap();
    index.writer.store().vectors.delete(&[doc], &[]).unwrap();
    let index = index.reopen();
    assert_eq!(index.writer.files(index.root.id, Path::new("")).unwrap(), before);
    assert_eq!(with_vector(&*index.snapshot()).len(), 1);
    index.check();
}

#[test]
fn filters_hold_inside_both_stores() {
    let index = Index::new();
    for number in 0..60 {
        index.write(&format!("notes/{number}.txt"), &[&format!("common words {number}")]);
    }
    index.write("plan.md", &["common plan"]);
    index.embed_all();
    let only = Filter { paths: vec!["*.md".into()], ..Filter::default() };
    let snapshot = index.filtered(&only);
    assert_eq!(found(&*snapshot, "common words", &[]), ["common plan"]);
    assert_eq!(with_vector(&*snapshot), ["common plan".to_owned()].into());
    let both = |filter: &Filter| {
        let snapshot = index.filtered(filter);
        (found(&*snapshot, "common", &[]).len(), with_vector(&*snapshot).len())
    };
    assert_eq!(both(&Filter { paths: vec!["notes/1?.txt".into()], ..Filter::default() }), (10, 10));
    assert_eq!(both(&Filter { types: vec!["md".into()], ..Filter::default() }), (1, 1));
    assert_eq!(both(&Filter { collections: vec!["default".into()], ..Filter::default() }), (61, 61));
    let later = "2030-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(both(&Filter { since: Some(later), ..Filter::default() }), (0, 0));
    assert_eq!(both(&Filter { until: Some(later), ..Filter::default() }), (61, 61));
    let unknown = Filter { collections: vec!["none".into()], ..Filter::default() };
    assert!(SharedStore(index.writer.store().clone()).snapshot(&unknown).is_err());
}

#[test]
fn scripts_and_phrases_are_searched_as_people_mean_them() {
    let index = Index::new();
    index.write(
        "zh.txt",
        &["員工每年享有十五天年假", "合同编号：HT-2024-031 已签署", "error E_4021 means low pressure"],
    );
    let snapshot = index.snapshot();
    assert_eq!(found(&*snapshot, "员工有多少年假？", &[])[0], "員工每年享有十五天年假");
    assert_eq!(found(&*snapshot, "ｅｒｒｏｒ", &[]).len(), 1);
    assert_eq!(found(&*snapshot, "HT-2024-031", &["HT-2024-031"]), ["合同编号：HT-2024-031 已签署"]);
    assert_eq!(found(&*snapshot, "签署", &["编号"]), ["合同编号：HT-2024-031 已签署"]);
    assert!(found(&*snapshot, "签署", &["号编"]).is_empty());
    assert!(found(&*snapshot, "?!", &[]).is_empty());
}

#[test]
fn damage_is_found_and_put_right() {
    let index = Index::new();
    index.write("a.txt", &["alpha words"]);
    index.write("b.txt", &["beta words"]);
    index.embed_all();
    let store = index.writer.store();
    let doc = index.doc("a.txt");
    // A vector without a passage, a passage without a vector, and words that the catalog does not know.
    let row = store.catalog.passages_of(&[doc]).unwrap()[0];
    {
        let mut guard = index.writer.opened().unwrap();
        let open = guard.as_mut().unwrap();
        store.vectors.delete(&[doc], &[]).unwrap();
        let version =
            store.vectors.add(&[(docent_core::PassageId(row.key.0), DocId(99), &vector("x"))]).unwrap();
        open.words.delete(index.doc("b.txt"));
        open.payload = open.payload.next(version);
        open.words.commit(&open.payload).unwrap();
    }
    let report = index.writer.check(false).unwrap();
    let kinds: BTreeSet<&str> =
        report.differences.iter().map(|difference| difference.kind.as_str()).collect();
    assert!(!report.clean);
    assert_eq!(kinds, ["missing_vector", "missing_words", "stray_vector"].into());

    let report = index.writer.check(true).unwrap();
    assert!(report.clean, "{report:?}");
    assert_eq!(report.repaired, 3);
    index.check();
    // What has to be read again is marked so.
    let b = &index.writer.files(index.root.id, Path::new("b.txt")).unwrap()[0];
    assert_eq!((b.state, b.stamp), (FileState::Pending, None));
    assert_eq!(index.embed_all(), 1);
    index.check();
}

#[test]
fn another_embedder_is_refused_with_the_way_out() {
    let index = Index::new();
    let other = EmbedderIdentity { id: "other".into(), dimensions: DIMENSIONS };
    let error = Store::open(&index.home, &other).err().unwrap();
    assert_eq!(error.kind(), docent_core::ErrorKind::IndexVersion);
    assert!(error.hint_text().unwrap().contains("models use embedder test"));
}

#[test]
fn a_second_writer_is_told_who_the_first_is() {
    let index = Index::new();
    let error = StoreWriter::open(&index.home, &identity()).err().unwrap();
    assert_eq!(error.kind(), docent_core::ErrorKind::Locked);
    assert!(error.message().contains(&std::process::id().to_string()), "{error}");
}

#[test]
fn an_index_of_another_format_is_refused() {
    let index = Index::new();
    index
        .writer
        .store()
        .catalog
        .write(|t| t.execute("UPDATE meta SET value = '9' WHERE key = 'format'", []))
        .unwrap();
    let error = Store::open(&index.home, &identity()).err().unwrap();
    assert_eq!(error.kind(), docent_core::ErrorKind::IndexVersion);
    assert!(error.message().contains("format 9"));
}

#[test]
fn a_reader_in_another_handle_sees_whole_generations() {
    let index = Index::new();
    let reader = Arc::new(Store::open(&index.home, &identity()).unwrap().unwrap());
    let done = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let watching = {
        let (reader, done) = (reader.clone(), done.clone());
        std::thread::spawn(move || {
            let mut last = 0;
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let snapshot = SharedStore(reader.clone()).snapshot(&Filter::default()).unwrap();
                assert!(snapshot.generation() >= last);
                last = snapshot.generation();
                // Never a vector whose words this generation does not have.
                let near = snapshot.vector(&vector("x"), 100).unwrap();
                let ids: Vec<_> = near.iter().map(|hit| hit.id).collect();
                assert_eq!(snapshot.passages(&ids).unwrap().len(), ids.len());
            }
        })
    };
    // Each with a handle of its own, as commands have: what they are about to read may be pruned meanwhile.
    let asking = {
        let (home, done) = (index.home.clone(), done.clone());
        std::thread::spawn(move || {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let status = Store::open(&home, &identity()).unwrap().unwrap().status().unwrap();
                assert!(status.vectors <= 2, "{status:?}");
            }
        })
    };
    for round in 0..15 {
        index.write("a.txt", &[&format!("round {round}"), "constant"]);
        index.embed_all();
        index.writer.maintain_now(round % 4 == 0).unwrap();
    }
    done.store(true, std::sync::atomic::Ordering::Relaxed);
    watching.join().unwrap();
    asking.join().unwrap();
}
