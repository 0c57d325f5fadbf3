//! The two steps of a change: its words are published first, its vectors follow.
//!
//! Each step journals what it will do, changes the vector store, then commits the full-text store, whose payload
//! names both; only then does the catalog say so. A step that fails half way drops the open stores: the next use
//! opens them again through recovery, which undoes what was not published.

use std::{
    collections::{HashMap, HashSet},
    sync::atomic::Ordering,
};

use docent_core::{
    DocId, EmbedKey, FileState, FileUpdate, Generation, Outcome, Passage, PassageId, PassageVector, Result,
    WordsBatch,
};

use crate::{
    catalog::{DocumentEntry, JournalEntry, PassageRow, Step},
    fault::{self, Point},
    words::PassageWords,
    writer::{OpenWriter, StoreWriter},
};

impl StoreWriter {
    pub(crate) fn publish_words(&self, mut batch: WordsBatch) -> Result<Generation> {
        if batch.is_empty() {
            return self.store.generation();
        }
        // Taken before the catalog is read: vectors must not be published in between.
        let mut open = self.locked();
        // Nor must the catalog be behind: it is, where the last step was published and not finished.
        if open.is_none() && !self.store.catalog.unfinished()?.is_empty() {
            self.ensure_open(&mut open)?;
        }
        let known = self.store.catalog.existing(batch.updates.iter().map(|update| update.doc))?;
        batch.updates.retain(|update| known.contains(&update.doc));
        let updated: Vec<DocId> = batch.updates.iter().map(|update| update.doc).collect();
        let mut before: HashMap<DocId, Vec<PassageRow>> = HashMap::new();
        for docs in [&updated, &batch.removed] {
            for row in self.store.catalog.passages_of(docs)? {
                before.entry(row.doc).or_default().push(row);
            }
        }
        let entries: Vec<DocumentEntry> = batch.updates.iter().map(|update| self.entry_for(update)).collect();
        let touches_stores = !before.is_empty() || entries.iter().any(|entry| !entry.passages.is_empty());
        let step = Step::Words { documents: entries, removed: batch.removed.clone() };
        if !touches_stores {
            self.store.catalog.apply_quietly(&step)?;
            return self.store.generation();
        }
        self.ensure_open(&mut open)?;
        self.carry_over(&step, &before)?;
        let (whole, single) = stale_vectors(&step, &before);
        self.publish_with(open, step, |open, store| {
            let vectors = Change::of(store.vectors.delete(&whole, &single)?);
            for doc in updated.iter().chain(&batch.removed) {
                open.words.delete(*doc);
            }
            for update in &batch.updates {
                add_words(open, update, &self.embedder.id)?;
            }
            Ok(vectors)
        })
    }

    /// Keeps the vectors of passages that go, as far as other ones in the same step have the same text: files that
    /// change places are embedded no more than one that moves.
    fn carry_over(&self, step: &Step, before: &HashMap<DocId, Vec<PassageRow>>) -> Result<()> {
        let Step::Words { documents, .. } = step else { return Ok(()) };
        let with_vector = || before.values().flatten().filter(|row| row.has_vector);
        let stays: HashSet<PassageId> = with_vector().map(|row| row.id).collect();
        let needed: HashSet<EmbedKey> = documents
            .iter()
            .flat_map(|document| &document.passages)
            .filter(|(id, _)| !stays.contains(id))
            .map(|(_, key)| *key)
            .collect();
        let sources: HashMap<PassageId, EmbedKey> =
            with_vector().filter(|row| needed.contains(&row.key)).map(|row| (row.id, row.key)).collect();
        if sources.is_empty() {
            return Ok(());
        }
        let ids: Vec<PassageId> = sources.keys().copied().collect();
        let vectors = self.store.vectors.fetch(self.store.words.payload()?.vectors, &ids)?;
        let mut carried = self.carried.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        carried
            .extend(vectors.into_iter().filter_map(|(id, (_, vector))| Some((*sources.get(&id)?, vector))));
        Ok(())
    }

    pub(crate) fn publish_vectors(&self, vectors: &[PassageVector]) -> Result<Generation> {
        let ids: Vec<PassageId> = vectors.iter().map(|vector| vector.id).collect();
        // Taken before the check: no other commit may come between it and ours.
        let open = self.opened()?;
        let waiting = self.store.catalog.still_waiting(&ids)?;
        let mut seen = HashSet::new();
        let rows: Vec<(PassageId, DocId, &[f32])> = vectors
            .iter()
            .filter(|vector| seen.insert(vector.id))
            .filter_map(|vector| Some((vector.id, *waiting.get(&vector.id)?, vector.vector.as_slice())))
            .collect();
        if rows.is_empty() {
            drop(open);
            return self.store.generation();
        }
        let step = Step::Vectors { passages: rows.iter().map(|(id, _, _)| *id).collect() };
        self.publish_with(open, step, |_, store| store.vectors.add(&rows).map(Change::At))
    }

    fn publish_with(
        &self,
        mut guard: std::sync::MutexGuard<'_, Option<OpenWriter>>,
        step: Step,
        change: impl FnOnce(&mut OpenWriter, &crate::Store) -> Result<Change>,
    ) -> Result<Generation> {
        self.publish_step(&mut guard, step, change)
    }

    /// Runs one step of the protocol. `change` alters the stores, uncommitted, and returns what became of the vectors.
    pub(crate) fn publish_step(
        &self,
        guard: &mut Option<OpenWriter>,
        step: Step,
        change: impl FnOnce(&mut OpenWriter, &crate::Store) -> Result<Change>,
    ) -> Result<Generation> {
        // Taken out until the step is done: a panic half way must not leave it to the next step.
        let Some(mut open) = guard.take() else {
            return self.store.generation();
        };
        let entry = JournalEntry { generation: open.payload.generation + 1, step };
        let run = |open: &mut OpenWriter| -> Result<Generation> {
            fault::pass(Point::JournalWrite)?;
            self.store.catalog.journal(&entry)?;
            let payload = match change(open, &self.store)? {
                Change::None => open.payload.next(open.payload.vectors),
                Change::At(version) => open.payload.next(version),
                Change::Anew(version) => open.payload.next(version).anew(),
            };
            open.words.commit(&payload)?;
            open.payload = payload;
            fault::pass(Point::CatalogFinish)?;
            self.store.catalog.finish(&entry)?;
            fault::pass(Point::CatalogFinished)?;
            Ok(entry.generation)
        };
        let published = run(&mut open);
        if published.is_ok() {
            *guard = Some(open);
            self.commits.fetch_add(1, Ordering::Relaxed);
        } else if let Err(error) = open.words.rollback() {
            tracing::debug!("{error:?}");
        }
        published
    }

    fn entry_for(&self, update: &FileUpdate) -> DocumentEntry {
        let FileUpdate { doc, stamp, hash, outcome } = update;
        let empty = DocumentEntry {
            doc: *doc,
            stamp: *stamp,
            hash: *hash,
            state: FileState::Searchable,
            reason: None,
            mime: None,
            title: None,
            language: None,
            pages: None,
            passages: Vec::new(),
            broke_down: false,
            scanned: 0,
        };
        match outcome {
            Outcome::Indexed { mime, title, language, pages, passages, scanned } => DocumentEntry {
                scanned: *scanned,
                mime: Some(mime.clone()),
                title: Some(title.clone()),
                language: language.clone(),
                pages: *pages,
                passages: passage_ids(*doc, passages, &self.embedder.id),
                ..empty
            },
            Outcome::Scanned { mime, pages, scanned, reason, waits } => DocumentEntry {
                state: if *waits { FileState::Pending } else { FileState::Skipped },
                reason: Some(reason.clone()),
                mime: Some(mime.clone()),
                pages: *pages,
                scanned: *scanned,
                ..empty
            },
            Outcome::Skipped { rule } => {
                DocumentEntry { state: FileState::Skipped, reason: Some(rule.clone()), ..empty }
            }
            Outcome::Failed { reason, broke_down } => DocumentEntry {
                state: FileState::Failed,
                reason: Some(reason.clone()),
                broke_down: *broke_down,
                ..empty
            },
        }
    }
}

/// What a step did to the vector store.
pub(crate) enum Change {
    None,
    /// This is its version now.
    At(u64),
    /// It is another one, at this version.
    Anew(u64),
}

impl Change {
    pub(crate) fn of(version: Option<u64>) -> Self {
        version.map_or(Self::None, Self::At)
    }
}

/// Names the passages of a document. Equal ones are told apart by their order.
fn passage_ids(doc: DocId, passages: &[Passage], embedder: &str) -> Vec<(PassageId, EmbedKey)> {
    let mut occurrences: HashMap<EmbedKey, u32> = HashMap::new();
    passages
        .iter()
        .map(|passage| {
            let key = passage.embed_key(embedder);
            let occurrence = occurrences.entry(key).or_default();
            let id = PassageId::new(doc, key, *occurrence);
            *occurrence += 1;
            (id, key)
        })
        .collect()
}

fn add_words(open: &mut OpenWriter, update: &FileUpdate, embedder: &str) -> Result<()> {
    let Outcome::Indexed { language, passages, .. } = &update.outcome else {
        return Ok(());
    };
    let ids = passage_ids(update.doc, passages, embedder);
    for (position, (passage, (id, _))) in passages.iter().zip(ids).enumerate() {
        let words = PassageWords { id, doc: update.doc, position, language: language.as_deref(), passage };
        open.words.add(&words)?;
    }
    Ok(())
}

/// The vectors that a step makes wrong: those of documents that keep none of theirs, and single ones.
fn stale_vectors(step: &Step, before: &HashMap<DocId, Vec<PassageRow>>) -> (Vec<DocId>, Vec<PassageId>) {
    let mut kept: HashMap<DocId, HashSet<PassageId>> = HashMap::new();
    if let Step::Words { documents, .. } = step {
        for document in documents {
            kept.insert(document.doc, document.passages.iter().map(|(id, _)| *id).collect());
        }
    }
    let (mut whole, mut single) = (Vec::new(), Vec::new());
    for (doc, rows) in before {
        let with_vector: Vec<PassageId> =
            rows.iter().filter(|row| row.has_vector).map(|row| row.id).collect();
        if with_vector.is_empty() {
            continue;
        }
        let stale: Vec<PassageId> = match kept.get(doc) {
            Some(kept) => with_vector.iter().filter(|id| !kept.contains(id)).copied().collect(),
            None => with_vector.clone(),
        };
        if stale.len() == with_vector.len() {
            whole.push(*doc);
        } else {
            single.extend(stale);
        }
    }
    (whole, single)
}
