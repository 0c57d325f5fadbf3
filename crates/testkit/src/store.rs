//! A store in memory, for tests of what writes to one.

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use docent_core::{
    ContentHash, DocId, EmbedKey, Embedder, Error, ErrorKind, FileChange, FileRecord, FileState, Generation,
    IndexStore, Outcome, Passage, PassageId, PassageVector, PendingPassage, RecognisedPage, Result, Root,
    RootId, ScannedFile, WordsBatch,
};

use crate::FakeEmbedder;

/// What was published, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum FakeCommit {
    /// A batch of words.
    Words(WordsBatch),
    /// A batch of vectors.
    Vectors(Vec<PassageVector>),
}

#[derive(Debug)]
struct FakeDocument {
    record: FileRecord,
    title: String,
    passages: Vec<(PassageId, EmbedKey, Passage)>,
}

#[derive(Debug, Default)]
struct State {
    roots: Vec<Root>,
    documents: BTreeMap<i64, FakeDocument>,
    vectors: HashMap<PassageId, Vec<f32>>,
    commits: Vec<FakeCommit>,
    changes: Vec<FileChange>,
    next: i64,
    recognised: Vec<(ContentHash, RecognisedPage)>,
    failure: Option<String>,
}

/// An [`IndexStore`] in memory that lets a test see what was committed.
#[derive(Debug)]
pub struct FakeStore {
    embedder: String,
    delay: Duration,
    state: Mutex<State>,
    maintained: AtomicU64,
    lookups: AtomicU64,
    listings: AtomicU64,
}

impl Default for FakeStore {
    fn default() -> Self {
        Self::new()
    }
}

impl FakeStore {
    /// An empty store whose vectors are of [`FakeEmbedder`].
    pub fn new() -> Self {
        Self::for_embedder(FakeEmbedder::new().id())
    }

    /// An empty store whose vectors are of the embedder called `id`.
    pub fn for_embedder(id: &str) -> Self {
        Self {
            embedder: id.to_owned(),
            delay: Duration::ZERO,
            state: Mutex::default(),
            maintained: AtomicU64::new(0),
            lookups: AtomicU64::new(0),
            listings: AtomicU64::new(0),
        }
    }

    /// Takes this long for each commit.
    #[must_use]
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds `path` as a root of `collection`.
    pub fn add_root(&self, collection: &str, path: &Path) -> RootId {
        self.add_root_with(collection, path, &[], &[])
    }

    /// Adds `path` as a root of `collection` with include and exclude globs.
    pub fn add_root_with(&self, collection: &str, path: &Path, include: &[&str], exclude: &[&str]) -> RootId {
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let mut state = self.state();
        let id = RootId(state.roots.len() as i64 + 1);
        let is_file = path.is_file();
        state.roots.push(Root {
            id,
            collection: collection.to_owned(),
            path,
            is_file,
            include: include.iter().map(|&glob| glob.to_owned()).collect(),
            exclude: exclude.iter().map(|&glob| glob.to_owned()).collect(),
            device: None,
            unavailable: None,
        });
        id
    }

    /// Changes a root in place.
    pub fn change_root(&self, id: RootId, change: impl FnOnce(&mut Root)) {
        if let Some(root) = self.state().roots.iter_mut().find(|root| root.id == id) {
            change(root);
        }
    }

    /// Makes every commit fail from now on with `reason`, or work again.
    pub fn fail_with(&self, reason: Option<&str>) {
        self.state().failure = reason.map(str::to_owned);
    }

    /// All that is known of all files, by number.
    pub fn records(&self) -> Vec<FileRecord> {
        self.state().documents.values().map(|document| document.record.clone()).collect()
    }

    /// What is known of the file at `relative`, in whichever root.
    pub fn record(&self, relative: impl AsRef<Path>) -> Option<FileRecord> {
        self.records().into_iter().find(|record| record.relative == relative.as_ref())
    }

    /// The state and reason of the file at `relative`.
    pub fn state_of(&self, relative: impl AsRef<Path>) -> Option<(FileState, Option<String>)> {
        self.record(relative).map(|record| (record.state, record.reason))
    }

    /// The passages of the file at `relative`.
    pub fn passages_of(&self, relative: impl AsRef<Path>) -> Vec<Passage> {
        self.state()
            .documents
            .values()
            .filter(|document| document.record.relative == relative.as_ref())
            .flat_map(|document| document.passages.iter().map(|(.., passage)| passage.clone()))
            .collect()
    }

    /// The title of the file at `relative`.
    pub fn title_of(&self, relative: impl AsRef<Path>) -> Option<String> {
        let state = self.state();
        let found = state.documents.values().find(|document| document.record.relative == relative.as_ref());
        found.map(|document| document.title.clone())
    }

    /// The relative paths of the documents of which a passage contains `words`.
    pub fn find(&self, words: &str) -> Vec<PathBuf> {
        self.state()
            .documents
            .values()
            .filter(|document| document.passages.iter().any(|(.., passage)| passage.text.contains(words)))
            .map(|document| document.record.relative.clone())
            .collect()
    }

    /// How many passages have a vector.
    pub fn vectors(&self) -> usize {
        self.state().vectors.len()
    }

    /// The published generation.
    pub fn generation(&self) -> Generation {
        self.state().commits.len() as Generation
    }

    /// What was published, in order.
    pub fn commits(&self) -> Vec<FakeCommit> {
        self.state().commits.clone()
    }

    /// The changes of the catalog alone, in order.
    pub fn changes(&self) -> Vec<FileChange> {
        self.state().changes.clone()
    }

    /// How often maintenance was asked for.
    pub fn maintained(&self) -> u64 {
        self.maintained.load(Ordering::SeqCst)
    }

    /// How often the files of a root, or of a part of one, were listed.
    pub fn listings(&self) -> u64 {
        self.listings.load(Ordering::SeqCst)
    }

    /// How often files were looked up by their bytes.
    pub fn lookups(&self) -> u64 {
        self.lookups.load(Ordering::SeqCst)
    }
}

impl State {
    fn check(&self) -> Result<()> {
        match &self.failure {
            Some(reason) => Err(Error::new(ErrorKind::Io, reason.clone())),
            None => Ok(()),
        }
    }

    fn has_text(&self, doc: DocId) -> bool {
        self.documents.get(&doc.0).is_some_and(|document| !document.passages.is_empty())
    }

    fn remove(&mut self, doc: DocId) {
        if let Some(document) = self.documents.remove(&doc.0) {
            for (id, ..) in document.passages {
                self.vectors.remove(&id);
            }
        }
    }

    /// Puts a document into the state that its passages' vectors say.
    fn settle(&mut self, doc: DocId) {
        let Some(document) = self.documents.get_mut(&doc.0) else { return };
        if !matches!(document.record.state, FileState::Searchable | FileState::LexicalOnly) {
            return;
        }
        let complete = document.passages.iter().all(|(id, ..)| self.vectors.contains_key(id));
        document.record.state = if complete { FileState::Searchable } else { FileState::LexicalOnly };
    }

    fn waiting(&self) -> Vec<(&FakeDocument, &(PassageId, EmbedKey, Passage))> {
        let mut documents: Vec<_> = self.documents.values().collect();
        documents.sort_by_key(|document| {
            std::cmp::Reverse(document.record.stamp.map(|stamp| stamp.mtime_ns).unwrap_or_default())
        });
        documents
            .into_iter()
            .flat_map(|document| document.passages.iter().map(move |passage| (document, passage)))
            .filter(|(_, (id, ..))| !self.vectors.contains_key(id))
            .collect()
    }
}

impl IndexStore for FakeStore {
    fn roots(&self) -> Result<Vec<Root>> {
        Ok(self.state().roots.clone())
    }

    fn set_root_state(&self, root: RootId, unavailable: Option<&str>, device: Option<u64>) -> Result<()> {
        self.change_root(root, |root| {
            root.unavailable = unavailable.map(str::to_owned);
            root.device = device;
        });
        Ok(())
    }

    fn files(&self, root: RootId, under: &Path) -> Result<Vec<FileRecord>> {
        self.listings.fetch_add(1, Ordering::SeqCst);
        let all = self.records().into_iter();
        Ok(all.filter(|record| record.root == root && record.relative.starts_with(under)).collect())
    }

    fn files_with_hash(&self, hash: ContentHash) -> Result<Vec<FileRecord>> {
        self.lookups.fetch_add(1, Ordering::SeqCst);
        Ok(self.records().into_iter().filter(|record| record.hash == Some(hash)).collect())
    }

    fn discover(&self, root: RootId, relative: &[PathBuf]) -> Result<Vec<DocId>> {
        let mut state = self.state();
        let known: HashMap<PathBuf, DocId> = state
            .documents
            .values()
            .filter(|document| document.record.root == root)
            .map(|document| (document.record.relative.clone(), document.record.doc))
            .collect();
        let mut numbers = Vec::with_capacity(relative.len());
        for path in relative {
            if let Some(&doc) = known.get(path) {
                numbers.push(doc);
                continue;
            }
            state.next += 1;
            let doc = DocId(state.next);
            let record = FileRecord {
                doc,
                root,
                relative: path.clone(),
                stamp: None,
                hash: None,
                state: FileState::Pending,
                reason: None,
                is_due: false,
                scanned: 0,
            };
            state
                .documents
                .insert(doc.0, FakeDocument { record, title: String::new(), passages: Vec::new() });
            numbers.push(doc);
        }
        Ok(numbers)
    }

    fn change_files(&self, changes: &[FileChange]) -> Result<()> {
        let mut state = self.state();
        state.check()?;
        state.changes.extend_from_slice(changes);
        for change in changes {
            match change {
                FileChange::Touched { doc, stamp } => {
                    if let Some(document) = state.documents.get_mut(&doc.0) {
                        document.record.stamp = Some(*stamp);
                    }
                }
                FileChange::Moved { doc, root, relative, stamp } => {
                    let displaced: Vec<DocId> = state
                        .documents
                        .values()
                        .filter(|other| other.record.root == *root && other.record.relative == *relative)
                        .filter(|other| other.record.doc != *doc)
                        .map(|other| other.record.doc)
                        .collect();
                    for other in displaced {
                        if state.has_text(other) {
                            return Err(Error::new(ErrorKind::Internal, "two documents at one path"));
                        }
                        state.remove(other);
                    }
                    if let Some(document) = state.documents.get_mut(&doc.0) {
                        document.record.root = *root;
                        document.record.relative.clone_from(relative);
                        document.record.stamp = Some(*stamp);
                    }
                }
                FileChange::Dirty { doc } => {
                    if let Some(document) = state.documents.get_mut(&doc.0) {
                        document.record.stamp = None;
                        document.record.hash = None;
                    }
                }
                FileChange::Waiting { doc, reason } => {
                    if let Some(document) = state.documents.get_mut(&doc.0)
                        && document.record.state == FileState::Pending
                    {
                        document.record.reason = Some(reason.clone());
                    }
                }
            }
        }
        Ok(())
    }

    fn published(&self) -> Result<Generation> {
        Ok(self.generation())
    }

    fn commit_words(&self, batch: WordsBatch) -> Result<Generation> {
        std::thread::sleep(self.delay);
        let mut state = self.state();
        state.check()?;
        let updated = batch.updates.iter().map(|update| &update.doc);
        let goes = updated.chain(&batch.removed).any(|doc| state.has_text(*doc));
        let comes = batch.updates.iter().any(
            |update| matches!(&update.outcome, Outcome::Indexed { passages, .. } if !passages.is_empty()),
        );
        for &doc in &batch.removed {
            state.remove(doc);
        }
        for update in &batch.updates {
            let Some(document) = state.documents.get_mut(&update.doc.0) else { continue };
            document.record.stamp = Some(update.stamp);
            document.record.hash = update.hash;
            document.record.reason = None;
            document.record.scanned = 0;
            let mut passages = Vec::new();
            match &update.outcome {
                Outcome::Indexed { title, passages: new, scanned, .. } => {
                    document.record.state = FileState::LexicalOnly;
                    document.record.scanned = *scanned;
                    document.title.clone_from(title);
                    let mut seen: HashMap<EmbedKey, u32> = HashMap::new();
                    for passage in new {
                        let key = passage.embed_key(&self.embedder);
                        let occurrence = seen.entry(key).or_default();
                        passages.push((PassageId::new(update.doc, key, *occurrence), key, passage.clone()));
                        *occurrence += 1;
                    }
                }
                Outcome::Scanned { scanned, reason, waits, .. } => {
                    document.record.state = if *waits { FileState::Pending } else { FileState::Skipped };
                    document.record.reason = Some(reason.clone());
                    document.record.scanned = *scanned;
                }
                Outcome::Skipped { rule } => {
                    document.record.state = FileState::Skipped;
                    document.record.reason = Some(rule.clone());
                }
                Outcome::Failed { reason, .. } => {
                    document.record.state = FileState::Failed;
                    document.record.reason = Some(reason.clone());
                }
            }
            let old = std::mem::replace(&mut document.passages, passages);
            let kept: Vec<PassageId> = document.passages.iter().map(|(id, ..)| *id).collect();
            for (id, ..) in old {
                if !kept.contains(&id) {
                    state.vectors.remove(&id);
                }
            }
            state.settle(update.doc);
        }
        if goes || comes {
            state.commits.push(FakeCommit::Words(batch));
        }
        Ok(state.commits.len() as Generation)
    }

    fn passages_without_vector(&self, limit: usize, except: &[PassageId]) -> Result<Vec<PendingPassage>> {
        let state = self.state();
        let known: HashMap<EmbedKey, &Vec<f32>> = state
            .documents
            .values()
            .flat_map(|document| &document.passages)
            .filter_map(|(id, key, _)| state.vectors.get(id).map(|vector| (*key, vector)))
            .collect();
        let waiting = state.waiting().into_iter().filter(|(_, (id, ..))| !except.contains(id));
        Ok(waiting
            .take(limit)
            .map(|(_, (id, key, passage))| PendingPassage {
                id: *id,
                key: *key,
                text: passage.embedded_text(),
                known: known.get(key).map(|vector| (*vector).clone()),
            })
            .collect())
    }

    fn count_without_vector(&self) -> Result<u64> {
        Ok(self.state().waiting().len() as u64)
    }

    fn commit_vectors(&self, vectors: Vec<PassageVector>) -> Result<Generation> {
        std::thread::sleep(self.delay);
        let mut state = self.state();
        state.check()?;
        let owners: HashMap<PassageId, DocId> = state
            .documents
            .values()
            .flat_map(|document| document.passages.iter().map(|(id, ..)| (*id, document.record.doc)))
            .collect();
        for vector in &vectors {
            if let Some(&doc) = owners.get(&vector.id) {
                state.vectors.insert(vector.id, vector.vector.clone());
                state.settle(doc);
            }
        }
        state.commits.push(FakeCommit::Vectors(vectors));
        Ok(state.commits.len() as Generation)
    }

    fn scanned_files(&self, limit: usize, except: &[DocId]) -> Result<Vec<ScannedFile>> {
        let waiting = self.records().into_iter().filter(|record| record.scanned > 0 && record.hash.is_some());
        let mut waiting: Vec<FileRecord> = waiting
            .filter(|record| record.state != FileState::Failed && !except.contains(&record.doc))
            .collect();
        waiting.sort_by_key(|record| record.scanned);
        let waiting = waiting.into_iter();
        Ok(waiting.take(limit).map(|record| ScannedFile { pages: record.scanned, record }).collect())
    }

    fn count_scanned(&self) -> Result<u64> {
        Ok(self.records().iter().map(|record| u64::from(record.scanned)).sum())
    }

    fn recognised(&self, hash: ContentHash) -> Result<Vec<RecognisedPage>> {
        let state = self.state();
        Ok(state.recognised.iter().filter(|(of, _)| *of == hash).map(|(_, page)| page.clone()).collect())
    }

    fn keep_recognised(&self, hash: ContentHash, page: &RecognisedPage, _milliseconds: u64) -> Result<bool> {
        let mut state = self.state();
        state.check()?;
        let waits = state
            .documents
            .values()
            .any(|document| document.record.hash == Some(hash) && document.record.scanned > 0);
        if waits {
            state.recognised.push((hash, page.clone()));
        }
        Ok(waits)
    }

    fn maintain(&self) -> Result<()> {
        self.maintained.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}
