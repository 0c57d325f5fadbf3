//! Comparing catalog, words, vectors and disk, and putting right what differs.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::PathBuf,
};

use docent_core::{
    CheckReport, ContentHash, Difference, DocId, ErrorKind, Passage, PassageId, Result, Stamp,
};

use crate::{
    aside::{damage, set_aside_to},
    catalog::{PassageRow, Repair, Step},
    commit::Change,
    words::PassageWords,
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
    /// To be read again from their files; until then nothing is known of them.
    reread: HashSet<DocId>,
    /// To be read again, where what the stores hold is to stay until then.
    dirty: HashSet<DocId>,
    /// Single passages to be removed from the words: of documents whose files are out of reach.
    stray_passages: HashSet<PassageId>,
    /// Such passages of which one is to stay.
    doubled_passages: HashSet<PassageId>,
    /// Vectors to be removed.
    stray_vectors: HashSet<PassageId>,
    /// Passages to be embedded again.
    missing_vectors: HashSet<PassageId>,
    /// Differences that only a file that is out of reach can put right.
    out_of_reach: usize,
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
        Ok(self.checked(repair)?.0)
    }

    /// As [`Self::check`]; and whether something is left that neither a repair nor a file that comes back puts right.
    pub(crate) fn checked(&self, repair: bool) -> Result<(CheckReport, bool)> {
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
        let mut waiting = findings.out_of_reach;
        if repair && left > 0 {
            aside = self.put_right(&findings, &mut guard)?.or(aside);
            let mut again = Findings::default();
            self.compare(&mut again)?;
            left = again.differences.len();
            waiting = again.out_of_reach;
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
        Ok((report, left > waiting))
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

        self.compare_words(&recent.searching.all()?, &catalog, findings)?;

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

    /// Documents whose files cannot be read now keep what is sound of them.
    fn compare_words(
        &self,
        words: &[(PassageId, DocId)],
        catalog: &HashMap<PassageId, PassageRow>,
        findings: &mut Findings,
    ) -> Result<()> {
        let out_of_reach = self.store.catalog.out_of_reach()?;
        let mut in_words: HashMap<PassageId, u32> = HashMap::new();
        let (mut stray, mut bad) = (HashSet::new(), HashSet::new());
        for &(id, doc) in words {
            *in_words.entry(id).or_default() += 1;
            if catalog.contains_key(&id) {
                continue;
            }
            if out_of_reach.contains(&doc) {
                findings.stray_passages.insert(id);
            }
            if stray.insert(doc) {
                let detail = "the full-text store has passages that the catalog does not know";
                findings.add(self, "stray_words", Some(doc), detail);
            }
        }
        for row in catalog.values() {
            let kept = out_of_reach.contains(&row.doc);
            let (kind, detail) = match in_words.get(&row.id) {
                Some(1) => continue,
                Some(_) => {
                    if kept {
                        findings.doubled_passages.insert(row.id);
                    }
                    ("doubled_words", "the full-text store has a passage twice")
                }
                None if kept => {
                    if findings.dirty.insert(row.doc) {
                        findings.out_of_reach += 1;
                        let detail = "the full-text store lacks passages that the catalog knows, and the root is not \
                            available: the file is read again when it is";
                        findings.add(self, "missing_words", Some(row.doc), detail);
                    }
                    continue;
                }
                None => ("missing_words", "the full-text store lacks passages that the catalog knows"),
            };
            if bad.insert(row.doc) {
                findings.add(self, kind, Some(row.doc), detail);
            }
        }
        findings.reread.extend(stray.union(&bad).filter(|doc| !out_of_reach.contains(*doc)));
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
                    findings.dirty.insert(file.doc);
                }
            }
        }
        Ok(())
    }

    /// Puts right what can be, as one step of the protocol; where the vectors had to be set aside, returns the folder
    /// that they lie in.
    fn put_right(&self, findings: &Findings, guard: &mut Option<OpenWriter>) -> Result<Option<PathBuf>> {
        if findings.damaged_words {
            return Ok(None);
        }
        let reread: Vec<DocId> = findings.reread.iter().copied().collect();
        let mut vectors: HashSet<PassageId> = findings.stray_vectors.clone();
        vectors.extend(self.store.catalog.passages_of(&reread)?.iter().map(|row| row.id));
        let vectors: Vec<PassageId> = vectors.into_iter().collect();
        let step = Step::Repair(Repair {
            reread,
            dirty: findings.dirty.difference(&findings.reread).copied().collect(),
            missing: findings.missing_vectors.iter().copied().collect(),
            all_vectors: findings.damaged_vectors,
        });
        if !findings.touch_stores() && vectors.is_empty() {
            self.store.catalog.apply_quietly(&step)?;
            return Ok(None);
        }
        let mut aside = None;
        self.publish_step(guard, step, |open, store| {
            self.mend_words(findings, open)?;
            if findings.damaged_vectors {
                let (version, folder) = self.replace_vectors()?;
                aside = Some(folder);
                return Ok(Change::Anew(version));
            }
            store.vectors.delete(&[], &vectors).map(Change::of)
        })?;
        Ok(aside)
    }

    /// Removes what is stray or doubled from the words, uncommitted.
    fn mend_words(&self, findings: &Findings, open: &mut OpenWriter) -> Result<()> {
        for doc in &findings.reread {
            open.words.delete(*doc);
        }
        let doubled: Vec<PassageId> = findings.doubled_passages.iter().copied().collect();
        let kept = self.store.recent()?.searching.whole_passages(&doubled)?;
        for id in findings.stray_passages.iter().chain(&doubled) {
            open.words.delete_passage(*id);
        }
        for (stored, extra) in kept {
            let passage = Passage { text: stored.text, context: extra.context, location: stored.location };
            open.words.add(&PassageWords {
                id: stored.id,
                doc: stored.doc,
                position: stored.position as usize,
                language: extra.language.as_deref(),
                passage: &passage,
            })?;
        }
        Ok(())
    }

    /// Whether any file waits to be read again, any passage for its vector, or any root to be looked through: after a
    /// repair it may be that only the roots are known.
    ///
    /// # Errors
    /// The catalog cannot be read.
    pub fn has_backlog(&self) -> Result<bool> {
        let catalog = &self.store.catalog;
        Ok(catalog.counts()?.0.pending > 0
            || catalog.has_dirty()?
            || catalog.count_waiting()? > 0
            || catalog.has_unread_root()?)
    }
}

impl Findings {
    fn touch_stores(&self) -> bool {
        let Self { damaged_vectors, reread, stray_passages, doubled_passages, .. } = self;
        *damaged_vectors || !(reread.is_empty() && stray_passages.is_empty() && doubled_passages.is_empty())
    }

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
