//! The read side: what any process may open, at any time.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use docent_core::{
    CollectionReport, Error, ErrorKind, FileReport, Generation, Home, Result, Root, StatusReport, StoreParts,
};

use crate::{
    catalog::Catalog,
    failure::{damaged, look_at},
    locks::{self, Pin, WriterLock},
    payload::Payload,
    vectors::Vectors,
    words::{Searching, Words},
};

/// Which embedder an index is built with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbedderIdentity {
    /// Its name in the model catalogue.
    pub id: String,
    /// Numbers per vector.
    pub dimensions: usize,
}

/// An index, open for reading.
pub struct Store {
    pub(crate) home: Home,
    pub(crate) catalog: Catalog,
    pub(crate) words: Words,
    pub(crate) vectors: Vectors,
    /// The state searched last, kept while its generation is the published one.
    pub(crate) recent: Mutex<Option<Arc<Recent>>>,
    /// The index that the catalog's connection belongs to.
    seen_index: Mutex<String>,
}

/// What every search of one generation shares.
pub(crate) struct Recent {
    pub(crate) payload: Payload,
    pub(crate) searching: Searching,
    pub(crate) languages: Vec<String>,
}

impl Store {
    /// Opens the index in `home` for reading; `None` if there is none yet.
    ///
    /// # Errors
    /// It is damaged, of another format, or built with another embedder than `embedder`.
    pub fn open(home: &Home, embedder: &EmbedderIdentity) -> Result<Option<Self>> {
        // Before the catalog: one that takes its place in between is noticed then.
        let words = Words::open(&home.words()).and_then(|words| {
            words.map(|words| words.payload().map(|payload| (words, payload.index))).transpose()
        });
        let Some(catalog) = Catalog::open(&home.catalog())? else {
            return match words? {
                Some(_) => Err(catalog_lost(home)),
                None => Ok(None),
            };
        };
        check_embedder(&catalog, embedder)?;
        match words? {
            Some((words, index)) => Ok(Some(Self::with(home, catalog, words, index, embedder.dimensions))),
            None if catalog.has_passages()? => Err(words_lost(home)),
            None => Ok(None),
        }
    }

    pub(crate) fn with(
        home: &Home,
        catalog: Catalog,
        words: Words,
        index: String,
        dimensions: usize,
    ) -> Self {
        let vectors = Vectors::new(home.vectors(), dimensions);
        let (recent, seen_index) = (Mutex::new(None), Mutex::new(index));
        Self { home: home.clone(), catalog, words, vectors, recent, seen_index }
    }

    /// The published generation.
    ///
    /// # Errors
    /// The full-text store cannot be read.
    pub fn generation(&self) -> Result<Generation> {
        Ok(self.words.payload()?.generation)
    }

    /// The roots, all collections together.
    ///
    /// # Errors
    /// The catalog cannot be read.
    pub fn roots(&self) -> Result<Vec<Root>> {
        self.catalog.roots()
    }

    /// The ledger in numbers, and the state of the stores.
    ///
    /// # Errors
    /// The catalog or a store cannot be read.
    pub fn status(&self) -> Result<StatusReport> {
        let (recent, _pin) = self.pinned()?;
        let (rows, fragments, versions, indexed_vectors) =
            self.in_vectors(|vectors| vectors.parts(recent.payload.vectors))?;
        Ok(StatusReport {
            generation: recent.payload.generation,
            documents: self.catalog.counts()?.0,
            passages: recent.searching.count(),
            vectors: rows,
            bytes_on_disk: folder_size(self.home.path()),
            roots: self.catalog.root_reports()?,
            failures: self.catalog.failures()?,
            skipped: self.catalog.skipped()?,
            embedder: Some(recent.payload.embedder.clone()),
            parts: StoreParts { segments: self.words.segments()?, fragments, versions, indexed_vectors },
            writer: locks::writer(&self.home),
            scanned_pages: self.catalog.count_scanned()?,
            ocr: self.catalog.ocr_cost()?,
        })
    }

    /// The files in each state.
    ///
    /// # Errors
    /// The catalog cannot be read.
    pub fn counts(&self) -> Result<docent_core::FileCounts> {
        Ok(self.catalog.counts()?.0)
    }

    /// One file's story; `None` if no root holds it.
    ///
    /// # Errors
    /// The catalog cannot be read.
    pub fn file_report(&self, path: &Path) -> Result<Option<FileReport>> {
        self.catalog.file_report(path)
    }

    /// The collections with their roots.
    ///
    /// # Errors
    /// The catalog cannot be read.
    pub fn collections(&self) -> Result<Vec<CollectionReport>> {
        let (_, counts) = self.catalog.counts()?;
        let roots = self.catalog.roots()?;
        let reports = self.catalog.root_reports()?;
        let mut collections: Vec<CollectionReport> = Vec::new();
        for (root, report) in roots.iter().zip(reports) {
            if collections.last().is_none_or(|last| last.name != root.collection) {
                collections
                    .push(CollectionReport { name: root.collection.clone(), ..CollectionReport::default() });
            }
            let Some(collection) = collections.last_mut() else { continue };
            collection.roots.push(report);
            if let Some((_, of)) = counts.iter().find(|(id, _)| *id == root.id) {
                let sum = &mut collection.documents;
                sum.searchable += of.searchable;
                sum.lexical_only += of.lexical_only;
                sum.pending += of.pending;
                sum.unavailable += of.unavailable;
                sum.skipped += of.skipped;
                sum.failed += of.failed;
            }
        }
        Ok(collections)
    }

    /// Lets go of files and memory that only speed up the next search.
    pub fn release(&self) {
        *self.recent.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = None;
        self.vectors.release();
    }

    /// The published state, and a hold on it: its vectors are not pruned while the hold lives.
    pub(crate) fn pinned(&self) -> Result<(Arc<Recent>, Pin)> {
        loop {
            let recent = self.recent()?;
            let pin = Pin::take(&self.home, recent.payload.generation, recent.payload.vectors)?;
            // Held before it was replaced: the writer will see the hold before it prunes.
            if self.words.payload()? == recent.payload {
                return Ok((recent, pin));
            }
        }
    }

    /// Reads vectors. What a killed writer left unpublished, which after a power cut may keep the table from opening, is
    /// undone first where nobody writes.
    pub(crate) fn in_vectors<T>(&self, read: impl Fn(&Vectors) -> Result<T>) -> Result<T> {
        match read(&self.vectors) {
            Err(error) if error.kind() == ErrorKind::IndexDamaged => {
                if self.undo_unpublished().unwrap_or(false) { read(&self.vectors) } else { Err(error) }
            }
            found => found,
        }
    }

    /// Removes the versions of the vectors that were never published; whether there were any.
    fn undo_unpublished(&self) -> Result<bool> {
        let _lock = WriterLock::take(&self.home)?;
        let published = self.words.payload()?.vectors;
        let newer = self.vectors.has_newer_than(published)?;
        if newer {
            self.vectors.roll_back_to(published)?;
        }
        Ok(newer)
    }

    /// The published state, loaded again only when it is a new one.
    pub(crate) fn recent(&self) -> Result<Arc<Recent>> {
        loop {
            let before = self.words.payload()?;
            let mut recent = self.recent.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if let Some(recent) = &*recent
                && recent.payload == before
            {
                return Ok(recent.clone());
            }
            let mut seen = self.seen_index.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if *seen != before.index {
                // Set aside and made anew: its numbers begin again, and its files are others.
                self.vectors.release();
                self.catalog.reopen()?;
                seen.clone_from(&before.index);
            }
            drop(seen);
            let searching = self.words.searching()?;
            let languages = self.catalog.languages()?;
            // A commit in between would give the words of one generation with the vectors of another.
            if self.words.payload()? == before {
                let loaded = Arc::new(Recent { payload: before, searching, languages });
                *recent = Some(loaded.clone());
                return Ok(loaded);
            }
        }
    }
}

/// Whether `home` holds an index, be it a damaged one.
pub fn exists(home: &Home) -> bool {
    // One that cannot be looked at is told of when it is opened.
    [home.catalog(), home.words().join("meta.json")].iter().any(|path| !matches!(look_at(path), Ok(None)))
}

/// The embedder that the index in `home` was built with; `None` where there is no index.
///
/// # Errors
/// The index cannot be read, or is of another format.
pub fn built_with(home: &Home) -> Result<Option<String>> {
    match Catalog::open(&home.catalog()) {
        Ok(Some(catalog)) => return catalog.meta("embedder"),
        Err(error) if error.kind() != ErrorKind::IndexDamaged => return Err(error),
        Ok(None) | Err(_) => {}
    }
    // Without the catalog the other store tells: a repair needs the same embedder.
    match Words::open(&home.words()) {
        Ok(Some(words)) => Ok(Some(words.payload()?.embedder)),
        Ok(None) | Err(_) => Ok(None),
    }
}

pub(crate) fn catalog_lost(home: &Home) -> Error {
    damaged("the catalog is gone, or empty, although the full-text store holds an index").at(home.catalog())
}

pub(crate) fn words_lost(home: &Home) -> Error {
    damaged("the full-text store is gone, although the catalog knows passages").at(home.words())
}

/// Refuses an embedder that the index was not built with.
pub(crate) fn check_embedder(catalog: &Catalog, embedder: &EmbedderIdentity) -> Result<()> {
    let built_with = catalog.meta("embedder")?.unwrap_or_default();
    if built_with == embedder.id {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::IndexVersion,
        format!("the index was built with the embedder {built_with}, the configuration names {}", embedder.id),
    )
    .hint(format!(
        "go on with `docent models use embedder {built_with}`, or index the folders anew in another home with --home DIR"
    )))
}

/// Bytes of all files below a folder; what cannot be read counts nothing.
fn folder_size(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => folder_size(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}
