//! Files and their states.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use docent_core::{
    ContentHash, DocId, DocumentInfo, FileChange, FileRecord, FileState, Hash128, Result, RootId, Stamp,
    paths,
};
use rusqlite::{OptionalExtension, Row, params};

use super::Catalog;

/// The columns of a [`FileRecord`]. The last one says whether a file is due: the time has come, or the clock was put
/// back since, or another version of docent read its bytes and could do nothing with them.
pub(super) const RECORD: &str = concat!(
    "id, root, path, size, mtime_ns, inode, hash, state, reason,
        coalesce(retry_at NOT BETWEEN unixepoch() + 1 AND unixepoch() + 7200, 0)
            OR (state IN ('failed', 'skipped') AND hash IS NOT NULL AND reader IS NOT '",
    env!("CARGO_PKG_VERSION"),
    "'), scanned"
);

impl Catalog {
    /// The files of `root` at or below `under`.
    pub(crate) fn files(&self, root: RootId, under: &Path) -> Result<Vec<FileRecord>> {
        let prefix = paths::to_bytes(under);
        self.read(|connection| {
            if prefix.is_empty() {
                let mut statement =
                    connection.prepare_cached(&format!("SELECT {RECORD} FROM documents WHERE root = ?1"))?;
                return statement.query_map([root.0], record_from)?.collect();
            }
            // Everything below a folder lies between "folder/" and "folder0", '0' being the byte after '/'.
            let mut from = prefix.clone();
            from.push(std::path::MAIN_SEPARATOR as u8);
            let mut to = prefix.clone();
            to.push(std::path::MAIN_SEPARATOR as u8 + 1);
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {RECORD} FROM documents WHERE root = ?1 AND (path = ?2 OR (path >= ?3 AND path < ?4))"
            ))?;
            statement.query_map(params![root.0, prefix, from, to], record_from)?.collect()
        })
    }

    pub(crate) fn files_with_hash(&self, hash: ContentHash) -> Result<Vec<FileRecord>> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached(&format!("SELECT {RECORD} FROM documents WHERE hash = ?1"))?;
            statement.query_map([hash.0.0.as_slice()], record_from)?.collect()
        })
    }

    pub(crate) fn discover(&self, root: RootId, relative: &[PathBuf]) -> Result<Vec<DocId>> {
        let now = jiff::Timestamp::now().to_string();
        self.write(|transaction| {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO documents (root, path, state, first_seen) VALUES (?1, ?2, 'pending', ?3)
                 ON CONFLICT (root, path) DO NOTHING",
            )?;
            let mut select =
                transaction.prepare_cached("SELECT id FROM documents WHERE root = ?1 AND path = ?2")?;
            relative
                .iter()
                .map(|path| {
                    let bytes = paths::to_bytes(path);
                    if insert.execute(params![root.0, bytes, now])? == 1 {
                        return Ok(DocId(transaction.last_insert_rowid()));
                    }
                    select.query_row(params![root.0, bytes], |row| row.get(0).map(DocId))
                })
                .collect()
        })
    }

    pub(crate) fn change_files(&self, changes: &[FileChange]) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        self.write(|transaction| {
            for change in changes {
                match change {
                    FileChange::Touched { doc, stamp } => {
                        transaction
                            .prepare_cached("UPDATE documents SET size = ?2, mtime_ns = ?3, inode = ?4 WHERE id = ?1")?
                            .execute(params![doc.0, stamp.size as i64, stamp.mtime_ns, stamp.inode as i64])?;
                    }
                    FileChange::Moved { doc, root, relative, stamp } => {
                        let path = paths::to_bytes(relative);
                        // A pending entry that was made for the new place gives way.
                        transaction
                            .prepare_cached(
                                "DELETE FROM documents WHERE root = ?1 AND path = ?2 AND id <> ?3 AND NOT EXISTS
                                 (SELECT 1 FROM passages WHERE doc = documents.id)",
                            )?
                            .execute(params![root.0, path, doc.0])?;
                        rename_title(transaction, *doc, relative)?;
                        transaction
                            .prepare_cached(
                                "UPDATE documents SET root = ?2, path = ?3, size = ?4, mtime_ns = ?5, inode = ?6
                                 WHERE id = ?1",
                            )?
                            .execute(params![
                                doc.0,
                                root.0,
                                path,
                                stamp.size as i64,
                                stamp.mtime_ns,
                                stamp.inode as i64
                            ])?;
                    }
                    FileChange::Dirty { doc } => mark_dirty(transaction, *doc)?,
                    FileChange::Waiting { doc, reason } => {
                        transaction
                            .prepare_cached("UPDATE documents SET reason = ?2 WHERE id = ?1 AND state = 'pending'")?
                            .execute(params![doc.0, reason])?;
                    }
                }
            }
            Ok(())
        })
    }

    /// Whether a file that can be searched, and reached, is to be read again all the same.
    pub(crate) fn has_dirty(&self) -> Result<bool> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT 1 FROM documents d JOIN roots r ON r.id = d.root
                     WHERE d.state IN ('searchable', 'lexical_only') AND d.size IS NULL AND r.unavailable IS NULL",
                )?
                .exists([])
        })
    }

    /// The documents whose root cannot be reached.
    pub(crate) fn out_of_reach(&self) -> Result<HashSet<DocId>> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT d.id FROM documents d JOIN roots r ON r.id = d.root WHERE r.unavailable IS NOT NULL",
                )?
                .query_map([], |row| row.get(0).map(DocId))?
                .collect()
        })
    }

    /// Those of `docs` that the catalog has.
    pub(crate) fn existing(&self, docs: impl Iterator<Item = DocId>) -> Result<HashSet<DocId>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached("SELECT 1 FROM documents WHERE id = ?1")?;
            let mut found = HashSet::new();
            for doc in docs {
                if statement.exists([doc.0])? {
                    found.insert(doc);
                }
            }
            Ok(found)
        })
    }

    /// What is known of the documents, in that order; those that are gone are left out.
    pub(crate) fn documents(&self, docs: &[DocId]) -> Result<Vec<DocumentInfo>> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT d.id, c.name, r.path, r.is_file, d.path, d.title, d.mime, d.language, d.mtime_ns, d.size, d.hash,
                    r.unavailable
                 FROM documents d JOIN roots r ON r.id = d.root JOIN collections c ON c.id = r.collection
                 WHERE d.id = ?1",
            )?;
            let mut found = Vec::with_capacity(docs.len());
            for doc in docs {
                found.extend(statement.query_row([doc.0], info_from).optional()?);
            }
            Ok(found)
        })
    }

    /// The absolute path of a document, for messages.
    pub(crate) fn path_of(&self, doc: DocId) -> Option<PathBuf> {
        self.documents(&[doc]).ok()?.pop().map(|info| info.path)
    }
}

/// Forgets what a file looked like, so that it is read again.
pub(super) fn mark_dirty(transaction: &rusqlite::Transaction<'_>, doc: DocId) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "UPDATE documents SET size = NULL, mtime_ns = NULL, inode = NULL, hash = NULL WHERE id = ?1",
        )?
        .execute([doc.0])?;
    Ok(())
}

/// A document without a title of its own goes by its file's name, also after a move.
fn rename_title(transaction: &rusqlite::Transaction<'_>, doc: DocId, to: &Path) -> rusqlite::Result<()> {
    let (path, title): (Vec<u8>, Option<String>) = transaction
        .prepare_cached("SELECT path, title FROM documents WHERE id = ?1")?
        .query_row([doc.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let name_of = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    if title.is_some() && title == name_of(&paths::from_bytes(&path)) {
        transaction
            .prepare_cached("UPDATE documents SET title = ?2 WHERE id = ?1")?
            .execute(params![doc.0, name_of(to)])?;
    }
    Ok(())
}

pub(super) fn record_from(row: &Row<'_>) -> rusqlite::Result<FileRecord> {
    let path: Vec<u8> = row.get(2)?;
    let stamp =
        match (row.get::<_, Option<i64>>(3)?, row.get::<_, Option<i64>>(4)?, row.get::<_, Option<i64>>(5)?) {
            (Some(size), Some(mtime_ns), Some(inode)) => {
                Some(Stamp { size: size as u64, mtime_ns, inode: inode as u64 })
            }
            _ => None,
        };
    Ok(FileRecord {
        doc: DocId(row.get(0)?),
        root: RootId(row.get(1)?),
        relative: paths::from_bytes(&path),
        stamp,
        hash: hash_from(row, 6)?.map(ContentHash),
        state: state_from(row.get_ref(7)?.as_str()?),
        reason: row.get(8)?,
        is_due: row.get(9)?,
        scanned: row.get(10)?,
    })
}

fn info_from(row: &Row<'_>) -> rusqlite::Result<DocumentInfo> {
    let root = paths::from_bytes(&row.get::<_, Vec<u8>>(2)?);
    let is_file: bool = row.get(3)?;
    let relative = paths::from_bytes(&row.get::<_, Vec<u8>>(4)?);
    let path = if is_file { root.clone() } else { root.join(&relative) };
    let relative = if is_file { path.file_name().map(PathBuf::from).unwrap_or_default() } else { relative };
    Ok(DocumentInfo {
        doc: DocId(row.get(0)?),
        collection: row.get(1)?,
        title: row.get::<_, Option<String>>(5)?.unwrap_or_default(),
        mime: row.get::<_, Option<String>>(6)?.unwrap_or_default(),
        language: row.get(7)?,
        mtime_ns: row.get::<_, Option<i64>>(8)?.unwrap_or_default(),
        size: row.get::<_, Option<i64>>(9)?.unwrap_or_default() as u64,
        hash: hash_from(row, 10)?.map(ContentHash),
        unavailable: row.get(11)?,
        path,
        relative,
    })
}

/// A 16-byte column.
pub(super) fn hash_from(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Hash128>> {
    let bytes: Option<Vec<u8>> = row.get(column)?;
    Ok(bytes.and_then(|bytes| bytes.try_into().ok()).map(Hash128))
}

/// A state that this version does not know is planned again.
fn state_from(name: &str) -> FileState {
    FileState::from_name(name).unwrap_or(FileState::Pending)
}
