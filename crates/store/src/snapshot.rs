//! One generation of both stores, pinned, and limited by a filter.

use std::sync::Arc;

use docent_core::{
    DocId, DocumentInfo, Filter, Generation, PassageId, Result, Scored, SearchIndex, Snapshot, StoredPassage,
};

use crate::{
    filter::{DocSet, resolve},
    locks::Pin,
    store::{Recent, Store},
};

/// An index that any thread may take snapshots of.
#[derive(Clone)]
pub struct SharedStore(pub Arc<Store>);

struct PinnedSnapshot {
    store: Arc<Store>,
    recent: Arc<Recent>,
    docs: DocSet,
    _pin: Pin,
}

impl SearchIndex for SharedStore {
    fn snapshot(&self, filter: &Filter) -> Result<Box<dyn Snapshot>> {
        let store = &self.0;
        let (recent, pin) = store.pinned()?;
        let docs = resolve(&store.catalog, filter)?;
        Ok(Box::new(PinnedSnapshot { store: store.clone(), recent, docs, _pin: pin }))
    }
}

impl PinnedSnapshot {
    /// Says which store a search failed in.
    fn in_words<T>(&self, found: Result<T>) -> Result<T> {
        found.map_err(|error| error.at(self.store.home.words()))
    }

    /// Documents outside the filter never reach a caller.
    fn within(&self, passages: Vec<StoredPassage>) -> Vec<StoredPassage> {
        passages.into_iter().filter(|passage| self.docs.contains(passage.doc.0 as u64)).collect()
    }
}

impl Snapshot for PinnedSnapshot {
    fn generation(&self) -> Generation {
        self.recent.payload.generation
    }

    fn lexical(&self, query: &str, must: &[String], limit: usize) -> Result<Vec<Scored>> {
        self.in_words(self.recent.searching.search(query, must, &self.recent.languages, &self.docs, limit))
    }

    fn vector(&self, query: &[f32], limit: usize) -> Result<Vec<Scored>> {
        let version = self.recent.payload.vectors;
        self.store.in_vectors(|vectors| vectors.nearest(version, query, &self.docs, limit))
    }

    fn cosines(&self, query: &[f32], ids: &[PassageId]) -> Result<Vec<Scored>> {
        self.store.in_vectors(|vectors| vectors.cosines(self.recent.payload.vectors, query, ids))
    }

    fn passages(&self, ids: &[PassageId]) -> Result<Vec<StoredPassage>> {
        Ok(self.within(self.in_words(self.recent.searching.passages(ids))?))
    }

    fn passages_at(&self, doc: DocId, from: u32, to: u32) -> Result<Vec<StoredPassage>> {
        Ok(self.within(self.in_words(self.recent.searching.passages_at(doc, from, to))?))
    }

    fn coverage(&self, query: &str, id: PassageId) -> Result<f32> {
        self.in_words(self.recent.searching.coverage(query, id))
    }

    fn documents(&self, docs: &[DocId]) -> Result<Vec<DocumentInfo>> {
        self.store.catalog.documents(docs)
    }
}
