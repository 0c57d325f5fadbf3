//! Looking through the whole catalog.

use docent_core::Result;
use rusqlite::Connection;

use super::{
    Catalog,
    files::{RECORD, record_from},
    passages::passage_from,
    roots::read_roots,
};
use crate::failure::damaged;

impl Catalog {
    /// Looks through the whole file, and reads every row: a wrong byte in a text is no fault of the file's structure.
    ///
    /// # Errors
    /// It is damaged, or cannot be read.
    pub(crate) fn verify(&self) -> Result<()> {
        let found: String =
            self.read(|connection| connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)))?;
        if found != "ok" {
            return Err(damaged("the catalog is damaged").at(&self.path).caused_by(found));
        }
        if self.read(read_all)? {
            return Ok(());
        }
        Err(damaged("the catalog names passages that cannot be").at(&self.path))
    }
}

/// Decodes every row; whether each passage has a name and a key.
fn read_all(connection: &Connection) -> rusqlite::Result<bool> {
    read_roots(connection)?;
    let mut names = connection.prepare("SELECT name FROM collections")?;
    for name in names.query_map([], |row| row.get::<_, String>(0))? {
        name?;
    }
    let mut documents = connection.prepare(&format!(
        "SELECT {RECORD}, pages, attempts, retry_at, mime, title, language, first_seen, indexed, reader FROM documents"
    ))?;
    let mut rows = documents.query([])?;
    while let Some(row) = rows.next()? {
        record_from(row)?;
        row.get::<_, Option<u32>>(11)?;
        row.get::<_, u32>(12)?;
        row.get::<_, Option<i64>>(13)?;
        for column in 14..20 {
            row.get::<_, Option<String>>(column)?;
        }
    }
    let mut passages = connection.prepare("SELECT id, doc, embed_key, has_vector, position FROM passages")?;
    let mut rows = passages.query([])?;
    while let Some(row) = rows.next()? {
        row.get::<_, u32>(4)?;
        if passage_from(row)?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}
