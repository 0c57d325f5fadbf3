//! The journal: each commit is written here before it touches a store, so that a kill at any instant leaves
//! either nothing to do or enough to finish.

use std::collections::BTreeSet;

use docent_core::{
    ContentHash, DocId, EmbedKey, FileState, Generation, MOST_ATTEMPTS, PassageId, Result, Stamp,
};
use rusqlite::{OptionalExtension as _, Transaction, params};
use serde::{Deserialize, Serialize};

use super::{Catalog, VERSION, files::mark_dirty, passages::settle};

/// What the catalog has to say once a generation is published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct JournalEntry {
    pub(crate) generation: Generation,
    pub(crate) step: Step,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Step {
    /// Words were published, or documents removed.
    Words { documents: Vec<DocumentEntry>, removed: Vec<DocId> },
    /// Vectors were published.
    Vectors { passages: Vec<PassageId> },
    /// Differences were put right.
    Repair(Repair),
}

/// What a repair leaves for the next run to do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Repair {
    /// Documents that lost what the stores held of them, to be read again.
    pub(crate) reread: Vec<DocId>,
    /// Documents to be read again, that keep what they have until then.
    pub(crate) dirty: Vec<DocId>,
    /// Passages to be embedded again.
    pub(crate) missing: Vec<PassageId>,
    /// Every passage is to be embedded again.
    pub(crate) all_vectors: bool,
}

/// A document as it is after its words are published.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct DocumentEntry {
    pub(crate) doc: DocId,
    pub(crate) stamp: Stamp,
    pub(crate) hash: Option<ContentHash>,
    /// `Searchable` stands for 'has words'; whether vectors are missing is worked out from the passages.
    pub(crate) state: FileState,
    pub(crate) reason: Option<String>,
    pub(crate) mime: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) language: Option<String>,
    pub(crate) pages: Option<u32>,
    /// In order. A passage that is known keeps its vector.
    pub(crate) passages: Vec<(PassageId, EmbedKey)>,
    /// Its parser died or took too long.
    #[serde(default)]
    pub(crate) broke_down: bool,
    /// Pages that only OCR can read.
    #[serde(default)]
    pub(crate) scanned: u32,
}

impl Catalog {
    /// Writes down what is about to be published.
    pub(crate) fn journal(&self, entry: &JournalEntry) -> Result<()> {
        let text = serde_json::to_string(entry).map_err(|cause| {
            docent_core::Error::new(docent_core::ErrorKind::Internal, "cannot write a journal entry")
                .caused_by(cause)
        })?;
        self.write(|transaction| {
            transaction
                .prepare_cached("INSERT OR REPLACE INTO journal VALUES (?1, ?2)")?
                .execute(params![entry.generation as i64, text])?;
            Ok(())
        })
    }

    /// The entries that were not finished, oldest first. One that cannot be read is of no use and left out.
    pub(crate) fn unfinished(&self) -> Result<Vec<(Generation, Option<JournalEntry>)>> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT generation, entry FROM journal ORDER BY generation")?;
            statement
                .query_map([], |row| {
                    let text = row.get_ref(1)?.as_bytes().unwrap_or_default();
                    Ok((row.get::<_, i64>(0)? as u64, serde_json::from_slice(text).ok()))
                })?
                .collect()
        })
    }

    /// Forgets an entry whose generation was never published. Its documents are as they were before it, and are
    /// planned again.
    pub(crate) fn drop_entry(&self, generation: Generation) -> Result<()> {
        self.write(|transaction| {
            transaction.execute("DELETE FROM journal WHERE generation = ?1", [generation as i64])?;
            Ok(())
        })
    }

    /// Applies an entry whose generation is published, and forgets it.
    pub(crate) fn finish(&self, entry: &JournalEntry) -> Result<()> {
        self.write(|transaction| {
            apply(transaction, &entry.step)?;
            transaction
                .prepare_cached("INSERT OR REPLACE INTO meta VALUES ('step', ?1)")?
                .execute([entry.generation.to_string()])?;
            transaction
                .prepare_cached("DELETE FROM journal WHERE generation = ?1")?
                .execute([entry.generation as i64])?;
            Ok(())
        })
    }

    /// Applies changes that need no generation, because they touch neither store.
    pub(crate) fn apply_quietly(&self, step: &Step) -> Result<()> {
        self.write(|transaction| apply(transaction, step))
    }
}

fn apply(transaction: &Transaction<'_>, step: &Step) -> rusqlite::Result<()> {
    match step {
        Step::Words { documents, removed } => {
            for doc in removed {
                transaction.prepare_cached("DELETE FROM passages WHERE doc = ?1")?.execute([doc.0])?;
                transaction.prepare_cached("DELETE FROM documents WHERE id = ?1")?.execute([doc.0])?;
            }
            let now = jiff::Timestamp::now().to_string();
            for document in documents {
                apply_document(transaction, document, &now)?;
            }
            // What OCR read is in the documents now, or of no use.
            transaction.execute(
                "DELETE FROM recognised WHERE hash NOT IN
                 (SELECT hash FROM documents WHERE (scanned > 0 OR retry_at IS NOT NULL) AND hash IS NOT NULL)",
                [],
            )?;
        }
        Step::Vectors { passages } => {
            let mut mark = transaction
                .prepare_cached("UPDATE passages SET has_vector = 1 WHERE id = ?1 RETURNING doc")?;
            let mut docs = BTreeSet::new();
            for passage in passages {
                let marked = mark.query_row([passage.0.0.as_slice()], |row| row.get::<_, i64>(0));
                docs.extend(marked.optional()?);
            }
            // Those alone: all that wait, looked through at each commit, would make a first run quadratic.
            let mut settle = transaction.prepare_cached(
                "UPDATE documents SET state = 'searchable' WHERE id = ?1 AND state = 'lexical_only' AND NOT EXISTS
                 (SELECT 1 FROM passages WHERE doc = ?1 AND has_vector = 0)",
            )?;
            for doc in docs {
                settle.execute([doc])?;
            }
        }
        Step::Repair(repair) => apply_repair(transaction, repair)?,
    }
    Ok(())
}

fn apply_repair(transaction: &Transaction<'_>, repair: &Repair) -> rusqlite::Result<()> {
    let Repair { reread, dirty, missing, all_vectors } = repair;
    for doc in reread {
        transaction.prepare_cached("DELETE FROM passages WHERE doc = ?1")?.execute([doc.0])?;
        transaction
            .prepare_cached("UPDATE documents SET state = 'pending' WHERE id = ?1")?
            .execute([doc.0])?;
    }
    for doc in reread.iter().chain(dirty) {
        mark_dirty(transaction, *doc)?;
    }
    let mut forget = transaction.prepare_cached("UPDATE passages SET has_vector = 0 WHERE id = ?1")?;
    for passage in missing {
        forget.execute([passage.0.0.as_slice()])?;
    }
    if *all_vectors {
        transaction.execute("UPDATE passages SET has_vector = 0", [])?;
    }
    settle(transaction)
}

fn apply_document(
    transaction: &Transaction<'_>,
    document: &DocumentEntry,
    now: &str,
) -> rusqlite::Result<()> {
    // Forgotten meanwhile: passages of a document that is no more would stay for ever.
    if !transaction.prepare_cached("SELECT 1 FROM documents WHERE id = ?1")?.exists([document.doc.0])? {
        return Ok(());
    }
    let mut known =
        transaction.prepare_cached("SELECT id FROM passages WHERE doc = ?1 AND has_vector = 1")?;
    let with_vector = known
        .query_map([document.doc.0], |row| row.get::<_, Vec<u8>>(0))?
        .collect::<rusqlite::Result<std::collections::HashSet<_>>>()?;
    transaction.prepare_cached("DELETE FROM passages WHERE doc = ?1")?.execute([document.doc.0])?;
    let mut insert = transaction.prepare_cached(
        "INSERT OR REPLACE INTO passages (id, doc, position, embed_key, has_vector) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    let mut waiting = false;
    for (position, (id, key)) in document.passages.iter().enumerate() {
        let has_vector = with_vector.contains(id.0.0.as_slice());
        waiting |= !has_vector;
        insert.execute(params![id.0.0, document.doc.0, position as i64, key.0.0, has_vector])?;
    }
    let state = match document.state {
        FileState::Searchable if waiting => FileState::LexicalOnly,
        state => state,
    };
    // What waits for OCR was read as far as it can be: whether OCR breaks down on it is still to be seen.
    let waits = document.state == FileState::Pending;
    let attempts = if document.broke_down || waits {
        attempts_before(transaction, document)? + u32::from(document.broke_down)
    } else {
        0
    };
    let retry_at = if waits { None } else { retry_at(attempts) };
    transaction
        .prepare_cached(
            "UPDATE documents SET size = ?2, mtime_ns = ?3, inode = ?4, hash = ?5, state = ?6, reason = ?7, mime = ?8,
                title = ?9, language = ?10, pages = ?11, indexed = ?12, reader = ?13, attempts = ?14, retry_at = ?15,
                scanned = ?16
             WHERE id = ?1",
        )?
        .execute(params![
            document.doc.0,
            document.stamp.size as i64,
            document.stamp.mtime_ns,
            document.stamp.inode as i64,
            document.hash.map(|hash| hash.0.0),
            state.as_str(),
            document.reason,
            document.mime,
            document.title,
            document.language,
            document.pages,
            now,
            VERSION,
            attempts,
            retry_at,
            document.scanned,
        ])?;
    Ok(())
}

/// How often a parser of this version broke down on these bytes before.
fn attempts_before(transaction: &Transaction<'_>, document: &DocumentEntry) -> rusqlite::Result<u32> {
    let hash = document.hash.map(|hash| hash.0.0);
    let before = transaction
        .prepare_cached("SELECT attempts FROM documents WHERE id = ?1 AND hash IS ?2 AND reader = ?3")?
        .query_row(params![document.doc.0, hash, VERSION], |row| row.get(0))
        .optional()?;
    Ok(before.unwrap_or(0))
}

/// Seconds since 1970 from which on a file is tried again whose parser broke down `attempts` times; `None`: no time is
/// going to help.
fn retry_at(attempts: u32) -> Option<i64> {
    let wait = match attempts {
        0 | MOST_ATTEMPTS.. => return None,
        1 => 60,
        _ => 3600,
    };
    Some(jiff::Timestamp::now().as_second() + wait)
}
