//! Passages: which document has which, and which of them have a vector.

use std::collections::{HashMap, HashSet};

use docent_core::{DocId, EmbedKey, PassageId, Result};
use rusqlite::Transaction;

use super::{Catalog, files::hash_from};

/// That a document has a passage without a vector.
const WAITS: &str = "EXISTS (SELECT 1 FROM passages WHERE doc = documents.id AND has_vector = 0)";

/// A passage as the catalog knows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PassageRow {
    pub(crate) id: PassageId,
    pub(crate) doc: DocId,
    pub(crate) key: EmbedKey,
    pub(crate) has_vector: bool,
}

impl Catalog {
    /// The passages of some documents.
    pub(crate) fn passages_of(&self, docs: &[DocId]) -> Result<Vec<PassageRow>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, doc, embed_key, has_vector FROM passages WHERE doc = ?1 ORDER BY position",
            )?;
            let mut rows = Vec::new();
            for doc in docs {
                for row in statement.query_map([doc.0], passage_from)? {
                    rows.extend(row?);
                }
            }
            Ok(rows)
        })
    }

    /// Every passage.
    pub(crate) fn all_passages(&self) -> Result<Vec<PassageRow>> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT id, doc, embed_key, has_vector FROM passages")?;
            let rows = statement.query_map([], passage_from)?.collect::<rusqlite::Result<Vec<_>>>()?;
            Ok(rows.into_iter().flatten().collect())
        })
    }

    /// Whether there is any passage.
    pub(crate) fn has_passages(&self) -> Result<bool> {
        self.read(|connection| connection.prepare_cached("SELECT 1 FROM passages")?.exists([]))
    }

    /// Passages without a vector, those of the newest documents first.
    pub(crate) fn waiting(&self, limit: usize, except: &[PassageId]) -> Result<Vec<PassageRow>> {
        let except: HashSet<PassageId> = except.iter().copied().collect();
        self.read(|connection| {
            // The rowid table of documents is small beside that of passages, so it leads.
            let mut statement = connection.prepare_cached(
                "SELECT p.id, p.doc, p.embed_key, p.has_vector FROM documents d
                 JOIN passages p ON p.doc = d.id AND p.has_vector = 0
                 WHERE d.state = 'lexical_only' ORDER BY d.mtime_ns DESC, d.id, p.position LIMIT ?1",
            )?;
            let rows = statement.query_map([(limit + except.len()) as i64], passage_from)?;
            let mut waiting = Vec::new();
            for row in rows {
                waiting.extend(row?.filter(|row| !except.contains(&row.id)));
            }
            waiting.truncate(limit);
            Ok(waiting)
        })
    }

    pub(crate) fn count_waiting(&self) -> Result<u64> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT count(*) FROM passages WHERE has_vector = 0")?
                .query_row([], |row| row.get::<_, i64>(0))
        })
        .map(|count| count as u64)
    }

    /// For each key that some passage has a vector for, one such passage.
    pub(crate) fn vectors_for(&self, keys: &[EmbedKey]) -> Result<HashMap<EmbedKey, PassageId>> {
        self.read(|connection| {
            let mut statement = connection
                .prepare_cached("SELECT id FROM passages WHERE embed_key = ?1 AND has_vector = 1 LIMIT 1")?;
            let mut found = HashMap::new();
            for key in keys {
                let mut rows = statement.query([key.0.0.as_slice()])?;
                if let Some(row) = rows.next()?
                    && let Some(id) = hash_from(row, 0)?
                {
                    found.insert(*key, PassageId(id));
                }
            }
            Ok(found)
        })
    }

    /// Of `ids`, those that exist and lack a vector.
    pub(crate) fn still_waiting(&self, ids: &[PassageId]) -> Result<HashMap<PassageId, DocId>> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT doc FROM passages WHERE id = ?1 AND has_vector = 0")?;
            let mut found = HashMap::new();
            for id in ids {
                let mut rows = statement.query([id.0.0.as_slice()])?;
                if let Some(row) = rows.next()? {
                    found.insert(*id, DocId(row.get(0)?));
                }
            }
            Ok(found)
        })
    }

    /// Documents that passages name and that the catalog does not have.
    pub(crate) fn orphaned(&self) -> Result<Vec<DocId>> {
        self.documents_where(
            "SELECT DISTINCT doc FROM passages WHERE NOT EXISTS (SELECT 1 FROM documents WHERE id = doc)",
        )
    }

    /// Documents whose state is not what their passages say.
    pub(crate) fn unsettled(&self) -> Result<Vec<DocId>> {
        self.documents_where(&format!(
            "SELECT id FROM documents WHERE (state = 'searchable' AND {WAITS})
                OR (state = 'lexical_only' AND NOT {WAITS})"
        ))
    }

    fn documents_where(&self, query: &str) -> Result<Vec<DocId>> {
        self.read(|connection| {
            connection.prepare_cached(query)?.query_map([], |row| row.get(0).map(DocId))?.collect()
        })
    }

    /// Marks every passage as lacking a vector.
    pub(crate) fn forget_all_vectors(&self) -> Result<()> {
        self.write(|transaction| {
            transaction.execute("UPDATE passages SET has_vector = 0", [])?;
            settle(transaction)
        })
    }
}

/// Gives every document the state that its passages say.
pub(super) fn settle(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(&format!(
        "UPDATE documents SET state = 'lexical_only' WHERE state = 'searchable' AND {WAITS};
         UPDATE documents SET state = 'searchable' WHERE state = 'lexical_only' AND NOT {WAITS};"
    ))
}

pub(super) fn passage_from(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<PassageRow>> {
    let (Some(id), Some(key)) = (hash_from(row, 0)?, hash_from(row, 2)?) else {
        return Ok(None);
    };
    Ok(Some(PassageRow {
        id: PassageId(id),
        doc: DocId(row.get(1)?),
        key: EmbedKey(key),
        has_vector: row.get(3)?,
    }))
}
