//! Comparing catalog, words, vectors and disk, and putting right what differs.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::PathBuf,
};

use docent_core::{
    CheckReport, ContentHash, Difference, DocId, ErrorKind, FileChange, PassageId, Result, Stamp,
};

use crate::{
    aside::{damage, set_aside_to},
    catalog::PassageRow,
    writer::{OpenWriter, StoreWriter},
};

/// What differs, in the form that a repair needs.
#[derive(Debug, Default)]
struct Findings {
    differences: Vec<Difference>,
    /// The full-text store is beyond repair.
    damaged_words: bool,
    /// The vector store cannot be read.
    damaged_vectors: bool,
    /// To be read again from their files.
    reread: HashSet<DocId>,
    /// Words to be removed: of documents that the catalog does not have, or that are read again.
    stray_words: HashSet<DocId>,
    /// Vectors to be removed.
    stray_vectors: HashSet<PassageId>,
    /// Passages to be embedded again.
    missing_vectors: HashSet<PassageId>,
}

impl StoreWriter {
    /// Finishes or undoes what a killed writer left, then compares catalog, full-text store, vector store and the
    /// files on disk. With `repair`, differences are put right as far as the stores go; documents that have to be
    /// read again are marked, and the next index run reads them. Vectors that cannot be read are set aside then.
    /// [`Self::repair`] goes further.
    ///
    /// Files that are new, edited or gone since the last run are no difference: that is what a run is for.
    ///
    /// # Errors
    /// The catalog or a store cannot be read or, with `repair`, written.
    pub fn check(&self, repair: bool) -> Result<CheckReport> {
        self.store.catalog.verify()?;
        let mut findings = Findings::default();
        self.compare_with_disk(&mut findings)?;
        // Held to the end: what is published in between would look like a difference.
        let mut guard = self.locked();
        let mut aside = None;
        if repair {
            aside = self.ensure_open_mended(&mut guard)?;
        } else {
            self.ensure_open(&mut guard)?;
        }
        self.compare(&mut findings)?;
        let mut left = findings.differences.len();
        if let (true, Some(open)) = (repair && left > 0, guard.as_mut()) {
            match self.put_right(&findings, open) {
                Ok(replaced) => aside = replaced.or(aside),
                Err(error) => {
                    *guard = None;
                    return Err(error);
                }
            }
            let mut again = Findings::default();
            self.compare(&mut again)?;
            left = again.differences.len();
        }
        let found = findings.differences.len();
        let mut report = CheckReport {
            generation: self.store.generation()?,
            clean: left == 0,
            differences: findings.differences,
            repaired: found.saturating_sub(left) as u64,
        };
        if let Some(folder) = aside {
            report.differences.push(set_aside_to(&folder, "the vectors could not be read"));
            report.repaired += 1;
        }
        Ok(report)
    }

    fn compare(&self, findings: &mut Findings) -> Result<()> {
        let store = &self.store;
        for file in store.words.damaged_files()? {
            findings.damaged_words = true;
            findings.differences.push(Difference {
                kind: "damaged_file".into(),
                path: Some(file.display().to_string()),
                detail: "the file's checksum is wrong".into(),
            });
        }
        if findings.damaged_words {
            // What else it says is of no use.
            return Ok(());
        }
        let recent = store.recent()?;
        let catalog: HashMap<PassageId, PassageRow> =
            store.catalog.all_passages()?.into_iter().map(|row| (row.id, row)).collect();

        let mut in_words: HashMap<PassageId, u32> = HashMap::new();
        for (id, doc) in recent.searching.all()? {
            *in_words.entry(id).or_default() += 1;
            if !catalog.contains_key(&id) && findings.stray_words.insert(doc) {
                findings.add(
                    self,
                    "stray_words",
                    Some(doc),
                    "the full-text store has passages that the catalog does not know",
                );
            }
        }
        let mut bad_words: HashSet<DocId> = HashSet::new();
        for row in catalog.values() {
            let (kind, detail) = match in_words.get(&row.id) {
                Some(1) => continue,
                Some(_) => ("doubled_words", "the full-text store has a passage twice"),
                None => ("missing_words", "the full-text store lacks passages that the catalog knows"),
            };
            if bad_words.insert(row.doc) {
                findings.add(self, kind, Some(row.doc), detail);
            }
        }
        findings.reread.extend(bad_words.iter().copied());
        findings.reread.extend(findings.stray_words.iter().copied());
        findings.stray_words.extend(bad_words);

        for doc in store.catalog.orphaned()? {
            findings.add(
                self,
                "orphaned_passages",
                None,
                "the catalog has passages of a document that is gone",
            );
            findings.reread.insert(doc);
        }
        for doc in store.catalog.unsettled()? {
            let detail = "the document's state is not what its passages' vectors say";
            findings.add(self, "wrong_state", Some(doc), detail);
        }

        let version = recent.payload.vectors;
        let listed =
            store.vectors.all(version).and_then(|all| store.vectors.try_search(version).map(|()| all));
        let vectors = match listed {
            Err(error) if error.kind() == ErrorKind::IndexDamaged => {
                findings.damaged_vectors = true;
                findings.differences.push(damage(&error));
                return Ok(());
            }
            vectors => vectors?,
        };
        let mut in_vectors: HashMap<PassageId, u32> = HashMap::new();
        for (id, doc) in vectors {
            *in_vectors.entry(id).or_default() += 1;
            if catalog.get(&id).is_none_or(|row| !row.has_vector) && findings.stray_vectors.insert(id) {
                findings.add(
                    self,
                    "stray_vector",
                    Some(doc),
                    "the vector store has a vector that the catalog does not know",
                );
            }
        }
        for row in catalog.values().filter(|row| row.has_vector) {
            match in_vectors.get(&row.id) {
                Some(1) => {}
                Some(_) => {
                    findings.add(
                        self,
                        "doubled_vector",
                        Some(row.doc),
                        "the vector store has a passage's vector twice",
                    );
                    findings.stray_vectors.insert(row.id);
                    findings.missing_vectors.insert(row.id);
                }
                None => {
                    findings.add(
                        self,
                        "missing_vector",
                        Some(row.doc),
                        "the vector store lacks a passage's vector",
                    );
                    findings.missing_vectors.insert(row.id);
                }
            }
        }
        Ok(())
    }

    /// Finds files whose bytes are not the indexed ones although they look unchanged from outside.
    fn compare_with_disk(&self, findings: &mut Findings) -> Result<()> {
        for root in self.store.catalog.roots()?.into_iter().filter(|root| root.unavailable.is_none()) {
            for file in self.store.catalog.files(root.id, std::path::Path::new(""))? {
                let path = root.absolute(&file.relative);
                let (Some(stamp), Some(hash)) = (file.stamp, file.hash) else { continue };
                let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
                if !metadata.is_file() || !looks_like(&metadata, stamp) {
                    continue;
                }
                let Ok(bytes) = fs::read(&path) else { continue };
                if ContentHash::of(&bytes) != hash {
                    let detail = "the file's bytes are not the indexed ones, although its size and time are";
                    findings.add(self, "changed_file", Some(file.doc), detail);
                    findings.reread.insert(file.doc);
                }
            }
        }
        Ok(())
    }

    /// Puts right what can be; where the vectors had to be set aside, returns the folder that they lie in.
    fn put_right(&self, findings: &Findings, open: &mut OpenWriter) -> Result<Option<PathBuf>> {
        if findings.damaged_words {
            return Ok(None);
        }
        let store = &self.store;
        let reread: Vec<DocId> = findings.reread.iter().copied().collect();
        let mut stray_vectors: HashSet<PassageId> = findings.stray_vectors.clone();
        stray_vectors.extend(store.catalog.passages_of(&reread)?.iter().map(|row| row.id));
        let missing: Vec<PassageId> = findings.missing_vectors.iter().copied().collect();
        // The catalog first: killed after it, the next check finds stray words and vectors, and removes them.
        store.catalog.forget_vectors(&missing)?;
        store.catalog.write(|transaction| {
            for doc in &reread {
                transaction.execute("DELETE FROM passages WHERE doc = ?1", [doc.0])?;
                transaction.execute("UPDATE documents SET state = 'pending' WHERE id = ?1", [doc.0])?;
            }
            Ok(())
        })?;
        store
            .catalog
            .change_files(&reread.iter().map(|doc| FileChange::Dirty { doc: *doc }).collect::<Vec<_>>())?;
        for doc in findings.stray_words.iter().chain(&findings.reread) {
            open.words.delete(*doc);
        }
        store.catalog.settle()?;
        let (payload, aside) = if findings.damaged_vectors {
            let (version, folder) = self.replace_vectors()?;
            (open.payload.next_anew(version), Some(folder))
        } else {
            let list: Vec<PassageId> = stray_vectors.into_iter().collect();
            let version = store.vectors.delete(&[], &list)?.unwrap_or(open.payload.vectors);
            (open.payload.next_upkeep(version), None)
        };
        open.words.commit(&payload)?;
        open.payload = payload;
        Ok(aside)
    }

    /// Whether any file waits to be read again, any passage for its vector, or any root to be looked through: after a
    /// repair it may be that only the roots are known.
    ///
    /// # Errors
    /// The catalog cannot be read.
    pub fn has_backlog(&self) -> Result<bool> {
        let catalog = &self.store.catalog;
        Ok(catalog.counts()?.0.pending > 0 || catalog.count_waiting()? > 0 || catalog.has_unread_root()?)
    }
}

impl Findings {
    fn add(&mut self, writer: &StoreWriter, kind: &str, doc: Option<DocId>, detail: &str) {
        let path =
            doc.and_then(|doc| writer.store.catalog.path_of(doc)).map(|path| path.display().to_string());
        self.differences.push(Difference { kind: kind.to_owned(), path, detail: detail.to_owned() });
    }
}

/// Whether a file looks from outside as it did when it was read.
fn looks_like(metadata: &fs::Metadata, stamp: Stamp) -> bool {
    let mtime = metadata
        .modified()
        .ok()
        .and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok())
        .map(|time| time.as_nanos() as i64);
    metadata.len() == stamp.size && mtime == Some(stamp.mtime_ns)
}
