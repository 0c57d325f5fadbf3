//! The write side: one process at a time.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use docent_core::{
    ContentHash, DocId, EmbedKey, Error, ErrorKind, FileChange, FileRecord, Generation, Home, IndexStore,
    IoContext, PassageId, PassageVector, PendingPassage, RecognisedPage, Result, Root, RootId, ScannedFile,
    WordsBatch,
};

use crate::{
    catalog::Catalog,
    durable::sync_dir,
    failure::{damaged, look_at},
    fault::{self, Point},
    locks::WriterLock,
    payload::Payload,
    store::{EmbedderIdentity, Store, catalog_lost, check_embedder, words_lost},
    vectors::Vectors,
    words::{Words, WordsWriter},
};

/// The index, open for writing.
pub struct StoreWriter {
    pub(crate) store: Arc<Store>,
    pub(crate) embedder: EmbedderIdentity,
    /// Opened when first needed: a run that finds nothing to do never opens the stores.
    pub(crate) open: Mutex<Option<OpenWriter>>,
    pub(crate) commits: AtomicU64,
    /// Vectors that a step took from passages whose text stands elsewhere now, until they are asked for. Only an
    /// economy: after a kill they are made anew.
    pub(crate) carried: Mutex<HashMap<EmbedKey, Vec<f32>>>,
    _lock: WriterLock,
}

/// What a commit works with. After any failure it is dropped, and opened again through recovery.
pub(crate) struct OpenWriter {
    pub(crate) words: WordsWriter,
    pub(crate) payload: Payload,
}

impl StoreWriter {
    /// Takes the writer lock and opens the index in `home`, making it if there is none; finishes or undoes what a
    /// killed writer left.
    ///
    /// # Errors
    /// Another process writes; the home cannot hold an index; the index is damaged, of another format, or built
    /// with another embedder.
    pub fn open(home: &Home, embedder: &EmbedderIdentity) -> Result<Self> {
        home.create()?;
        let lock = WriterLock::take(home)?;
        let store = Self::open_or_create(home, embedder)?;
        let writer = Self {
            store: Arc::new(store),
            embedder: embedder.clone(),
            open: Mutex::new(None),
            commits: AtomicU64::new(0),
            carried: Mutex::default(),
            _lock: lock,
        };
        // Upkeep is in no journal. Vectors that are gone are told of when they are needed.
        let unpublished =
            || -> Result<bool> { writer.store.vectors.has_newer_than(writer.store.words.payload()?.vectors) };
        if !writer.store.catalog.unfinished()?.is_empty() || unpublished().unwrap_or(false) {
            drop(writer.opened()?);
        }
        Ok(writer)
    }

    fn open_or_create(home: &Home, embedder: &EmbedderIdentity) -> Result<Store> {
        let catalog = match Catalog::open(&home.catalog())? {
            Some(catalog) => {
                catalog.keep_log()?;
                catalog
            }
            // A new one would number its documents like the old one, whose text the stores still hold.
            None if Words::open(&home.words())?.is_some() => return Err(catalog_lost(home)),
            None => {
                probe(home.path())?;
                Catalog::create(&home.catalog(), &embedder.id, embedder.dimensions)?
            }
        };
        check_embedder(&catalog, embedder)?;
        if let Some(words) = Words::open(&home.words())? {
            let index = words.payload()?.index;
            return Ok(Store::with(home, catalog, words, index, embedder.dimensions));
        }
        if catalog.has_passages()? {
            return Err(words_lost(home));
        }
        // Nothing was ever published: what is there is half of a first start.
        if look_at(&home.words())?.is_some() {
            // A reader that looks in may leave a lock file in it meanwhile.
            let remove = || fs::remove_dir_all(home.words());
            remove().or_else(|_| remove()).or_else(|_| remove()).doing("remove", home.words())?;
        }
        fault::pass(Point::CreateVectors)?;
        let vectors = Vectors::new(home.vectors(), embedder.dimensions).create()?;
        fault::pass(Point::CreateWords)?;
        let words = Words::create(&home.words())?;
        fault::pass(Point::CreatePublish)?;
        let mut first = WordsWriter::open(&words)?;
        let payload = Payload::first(embedder, vectors);
        first.commit(&payload)?;
        first.close()?;
        sync_dir(home.path())?;
        Ok(Store::with(home, catalog, words, payload.index, embedder.dimensions))
    }

    /// The read side of the same index.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Enters a root, or changes the settings of the one at that path. Absolute, links resolved.
    ///
    /// # Errors
    /// The catalog cannot be written.
    pub fn put_root(
        &self,
        collection: &str,
        path: &Path,
        is_file: bool,
        include: &[String],
        exclude: &[String],
        device: Option<u64>,
    ) -> Result<Root> {
        self.store.catalog.put_root(collection, path, is_file, include, exclude, device)
    }

    /// Forgets a root and every document below it; returns how many there were.
    ///
    /// # Errors
    /// A store cannot be written.
    pub fn remove_root(&self, root: RootId) -> Result<u64> {
        let files = || -> Result<Vec<DocId>> {
            Ok(self.store.catalog.files(root, Path::new(""))?.into_iter().map(|file| file.doc).collect())
        };
        let mut count = 0;
        loop {
            let removed = files()?;
            count += removed.len() as u64;
            for chunk in removed.chunks(2000) {
                self.commit_words(WordsBatch { updates: Vec::new(), removed: chunk.to_vec() })?;
            }
            // A watcher may have found files in between; none can be indexed while this is locked.
            let _locked = self.locked();
            let left = files()?;
            if self.store.catalog.passages_of(&left)?.is_empty() {
                fault::pass(Point::RootDelete)?;
                self.store.catalog.delete_root(root)?;
                return Ok(count);
            }
        }
    }

    /// Locks the stores against every other change. They may not be open yet.
    pub(crate) fn locked(&self) -> MutexGuard<'_, Option<OpenWriter>> {
        self.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Opens the stores if they are not open.
    pub(crate) fn ensure_open(&self, open: &mut Option<OpenWriter>) -> Result<()> {
        if open.is_none() {
            *open = Some(self.recover()?);
        }
        Ok(())
    }

    /// Locks the open stores, opening them first if need be.
    pub(crate) fn opened(&self) -> Result<MutexGuard<'_, Option<OpenWriter>>> {
        let mut open = self.locked();
        self.ensure_open(&mut open)?;
        Ok(open)
    }

    /// As [`Self::ensure_open`], but vectors that cannot be brought to the published version are set aside; the folder
    /// that they lie in then.
    pub(crate) fn ensure_open_mended(&self, open: &mut Option<OpenWriter>) -> Result<Option<PathBuf>> {
        match self.ensure_open(open) {
            Err(error) if error.kind() == ErrorKind::IndexDamaged => {}
            opened => return opened.map(|()| None),
        }
        // Where it is not the vectors, this fails in the same way.
        let (mut words, payload) = self.recover_words()?;
        let (version, aside) = self.replace_vectors()?;
        self.store.catalog.forget_all_vectors()?;
        let payload = payload.next_upkeep(version).anew();
        words.commit(&payload)?;
        *open = Some(OpenWriter { words, payload });
        Ok(Some(aside))
    }

    /// Opens the stores, and brings catalog, words and vectors to one published state.
    fn recover(&self) -> Result<OpenWriter> {
        let (words, payload) = self.recover_words()?;
        self.store.vectors.roll_back_to(payload.vectors)?;
        Ok(OpenWriter { words, payload })
    }

    /// Opens the full-text store, and brings the catalog to the step that it published last.
    fn recover_words(&self) -> Result<(WordsWriter, Payload)> {
        let store = &self.store;
        let words = WordsWriter::open(&store.words)?;
        let payload = store.words.payload()?;
        // Whatever is published next takes a number that an unpublished entry may bear.
        for (generation, entry) in store.catalog.unfinished()? {
            match entry {
                Some(entry) if generation <= payload.generation => {
                    fault::pass(Point::RecoverFinish)?;
                    store.catalog.finish(&entry)?;
                }
                _ => {
                    fault::pass(Point::RecoverDrop)?;
                    store.catalog.drop_entry(generation)?;
                }
            }
        }
        let known = store.catalog.last_step()?;
        if known != payload.step {
            let (age, step) = (if known < payload.step { "older" } else { "newer" }, payload.step);
            return Err(damaged(format!(
                "the catalog is {age} than the full-text store: it knows generation {known}, not {step}"
            ))
            .at(store.home.catalog()));
        }
        Ok((words, payload))
    }
}

impl Drop for StoreWriter {
    fn drop(&mut self) {
        let open = self.open.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(open) = open.take()
            && let Err(error) = open.words.close()
        {
            tracing::warn!("{error:?}");
        }
    }
}

impl IndexStore for StoreWriter {
    fn roots(&self) -> Result<Vec<Root>> {
        self.store.catalog.roots()
    }

    fn set_root_state(&self, root: RootId, unavailable: Option<&str>, device: Option<u64>) -> Result<()> {
        self.store.catalog.set_root_state(root, unavailable, device)
    }

    fn files(&self, root: RootId, under: &Path) -> Result<Vec<FileRecord>> {
        self.store.catalog.files(root, under)
    }

    fn files_with_hash(&self, hash: ContentHash) -> Result<Vec<FileRecord>> {
        self.store.catalog.files_with_hash(hash)
    }

    fn discover(&self, root: RootId, relative: &[PathBuf]) -> Result<Vec<DocId>> {
        self.store.catalog.discover(root, relative)
    }

    fn change_files(&self, changes: &[FileChange]) -> Result<()> {
        self.store.catalog.change_files(changes)
    }

    fn published(&self) -> Result<Generation> {
        self.store.generation()
    }

    fn commit_words(&self, batch: WordsBatch) -> Result<Generation> {
        self.publish_words(batch)
    }

    fn passages_without_vector(&self, limit: usize, except: &[PassageId]) -> Result<Vec<PendingPassage>> {
        let rows = self.store.catalog.waiting(limit, except)?;
        let mut carried = self.carried.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if rows.is_empty() {
            if except.is_empty() {
                carried.clear();
            }
            return Ok(Vec::new());
        }
        let (recent, _pin) = self.store.pinned()?;
        let ids: Vec<PassageId> = rows.iter().map(|row| row.id).collect();
        let mut texts = recent.searching.embedded_texts(&ids)?;
        let keys: Vec<_> = rows.iter().map(|row| row.key).collect();
        let known = self.store.catalog.vectors_for(&keys)?;
        let sources: Vec<PassageId> = known.values().copied().collect();
        let vectors = self.store.vectors.fetch(recent.payload.vectors, &sources)?;
        let pending = rows.into_iter().filter_map(|row| {
            // A passage that the words do not have was committed away meanwhile.
            let text = texts.remove(&row.id)?;
            let known =
                known.get(&row.key).and_then(|source| vectors.get(source)).map(|(_, vector)| vector.clone());
            let known = known.or_else(|| carried.get(&row.key).cloned());
            Some(PendingPassage { id: row.id, key: row.key, text, known })
        });
        Ok(pending.collect())
    }

    fn count_without_vector(&self) -> Result<u64> {
        self.store.catalog.count_waiting()
    }

    fn commit_vectors(&self, vectors: Vec<PassageVector>) -> Result<Generation> {
        self.publish_vectors(&vectors)
    }

    fn scanned_files(&self, limit: usize, except: &[DocId]) -> Result<Vec<ScannedFile>> {
        self.store.catalog.scanned_files(limit, except)
    }

    fn count_scanned(&self) -> Result<u64> {
        self.store.catalog.count_scanned()
    }

    fn recognised(&self, hash: ContentHash) -> Result<Vec<RecognisedPage>> {
        self.store.catalog.recognised(hash)
    }

    fn keep_recognised(&self, hash: ContentHash, page: &RecognisedPage, milliseconds: u64) -> Result<bool> {
        self.store.catalog.keep_recognised(hash, page, milliseconds)
    }

    fn maintain(&self) -> Result<()> {
        // Of a removal that was killed before its text was off the disk.
        let purge = self.store.catalog.purge_due()?;
        if self.commits.load(Ordering::Relaxed) == 0 && !purge {
            return Ok(());
        }
        self.maintain_now(purge)
    }
}

/// Tries what LanceDB needs of a file system: hard links, and names that stay where they are put.
///
/// # Errors
/// The folder cannot hold an index.
pub fn probe(folder: &Path) -> Result<()> {
    // Two may try at once, and a killed one leaves its files behind.
    let name = |end| folder.join(format!(".probe-{}-{end}", std::process::id()));
    let (first, second) = (name("a"), name("b"));
    let clean = |path: &Path| {
        fs::remove_file(path)
            .or_else(|cause| if cause.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(cause) })
    };
    clean(&second).and_then(|()| fs::write(&first, b"docent")).doing("write to", folder)?;
    let linked = fs::hard_link(&first, &second);
    let cleaned = clean(&second).and(clean(&first));
    linked.and(cleaned).map_err(|cause| match cause.kind() {
        std::io::ErrorKind::StorageFull => Error::io("write to", folder, cause),
        // FAT and exFAT answer with EPERM, others that it is not supported.
        _ => Error::new(
            ErrorKind::HomeUnfit,
            format!("{} cannot hold an index: its file system has no hard links", folder.display()),
        )
        .at(folder)
        .hint("choose a home on a local disk (ext4, xfs, btrfs, apfs, ntfs) with --home or DOCENT_HOME")
        .caused_by(cause),
    })
}
