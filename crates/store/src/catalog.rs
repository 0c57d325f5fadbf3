//! The catalog: what is known of roots and files, and the journal of commits under way (SQLite).

mod files;
mod journal;
mod passages;
mod roots;
mod status;

use std::{path::Path, sync::Mutex, time::Duration};

use docent_core::{Error, ErrorKind, IoContext, Result};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params};

pub(crate) use journal::{DocumentEntry, JournalEntry, Step};
pub(crate) use passages::PassageRow;

/// The format of catalog and stores together. Another one is refused.
pub(crate) const FORMAT: u32 = 1;

const SCHEMA: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE collections (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE roots (
    id INTEGER PRIMARY KEY,
    collection INTEGER NOT NULL REFERENCES collections(id),
    path BLOB NOT NULL UNIQUE,
    is_file INTEGER NOT NULL,
    include TEXT NOT NULL,
    exclude TEXT NOT NULL,
    device INTEGER,
    unavailable TEXT
);
-- AUTOINCREMENT: a number is never used again, so that no store can take an old document for a new one.
CREATE TABLE documents (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    root INTEGER NOT NULL REFERENCES roots(id),
    path BLOB NOT NULL,
    size INTEGER,
    mtime_ns INTEGER,
    inode INTEGER,
    hash BLOB,
    state TEXT NOT NULL,
    reason TEXT,
    mime TEXT,
    title TEXT,
    language TEXT,
    pages INTEGER,
    first_seen TEXT NOT NULL,
    indexed TEXT,
    UNIQUE (root, path)
);
CREATE INDEX documents_by_hash ON documents (hash) WHERE hash IS NOT NULL;
CREATE INDEX documents_by_state ON documents (state);
CREATE TABLE passages (
    id BLOB PRIMARY KEY,
    doc INTEGER NOT NULL,
    position INTEGER NOT NULL,
    embed_key BLOB NOT NULL,
    has_vector INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX passages_by_doc ON passages (doc, position);
CREATE INDEX passages_by_key ON passages (embed_key) WHERE has_vector = 1;
CREATE INDEX passages_waiting ON passages (doc, position) WHERE has_vector = 0;
CREATE TABLE journal (generation INTEGER PRIMARY KEY, entry TEXT NOT NULL);
";

/// The catalog, one connection shared by this process's threads.
pub(crate) struct Catalog {
    connection: Mutex<Connection>,
}

impl Catalog {
    /// Opens the catalog at `path`; `None` where there is none.
    ///
    /// # Errors
    /// It cannot be read, is damaged, or of another format.
    pub(crate) fn open(path: &Path) -> Result<Option<Self>> {
        if !path.try_exists().doing("look for", path)? {
            return Ok(None);
        }
        let connection =
            connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(|cause| damaged(path, cause))?;
        let catalog = Self { connection: Mutex::new(connection) };
        let format: Option<String> = catalog.meta("format").map_err(|cause| cause.at(path))?;
        match format.as_deref().map(str::parse::<u32>) {
            Some(Ok(FORMAT)) => Ok(Some(catalog)),
            // A kill while it was made: the transaction that writes the schema did not finish.
            None => Ok(None),
            Some(other) => Err(Error::new(
                ErrorKind::IndexVersion,
                format!(
                    "{} has format {}, this docent reads format {FORMAT}",
                    path.display(),
                    other.map_or_else(|_| "unknown".to_owned(), |number| number.to_string())
                ),
            )
            .at(path)
            .hint("use the docent that wrote it, or move the home folder away and add the folders again")),
        }
    }

    /// Makes a new catalog at `path` for an index built with `embedder`.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn create(path: &Path, embedder: &str, dimensions: usize) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let connection = connect(path, flags).map_err(|cause| damaged(path, cause))?;
        let catalog = Self { connection: Mutex::new(connection) };
        catalog.write(|transaction| {
            let tables: i64 =
                transaction.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
            if tables > 0 {
                return Ok(());
            }
            transaction.execute_batch(SCHEMA)?;
            for (key, value) in [
                ("format", FORMAT.to_string()),
                ("embedder", embedder.to_owned()),
                ("dimensions", dimensions.to_string()),
                ("created", jiff::Timestamp::now().to_string()),
            ] {
                transaction.execute("INSERT INTO meta VALUES (?1, ?2)", params![key, value])?;
            }
            Ok(())
        })?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
                .doing("make private", path)?;
        }
        Ok(catalog)
    }

    /// A value of the `meta` table.
    ///
    /// # Errors
    /// The catalog cannot be read.
    pub(crate) fn meta(&self, key: &str) -> Result<Option<String>> {
        self.read(|connection| {
            let has_meta: i64 = connection.query_row(
                "SELECT count(*) FROM sqlite_master WHERE name = 'meta'",
                [],
                |row| row.get(0),
            )?;
            if has_meta == 0 {
                return Ok(None);
            }
            connection.query_row("SELECT value FROM meta WHERE key = ?1", [key], |row| row.get(0)).optional()
        })
    }

    /// Runs `work` on the connection.
    ///
    /// # Errors
    /// What SQLite says.
    pub(crate) fn read<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        let connection = self.connection.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        work(&connection).map_err(|cause| sqlite("read the catalog", cause))
    }

    /// Runs `work` in a transaction that is durable when this returns.
    ///
    /// # Errors
    /// What SQLite says; nothing is written then.
    pub(crate) fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T> {
        let mut connection = self.connection.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let run = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        };
        run().map_err(|cause| sqlite("write the catalog", cause))
    }
}

fn connect(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(Duration::from_secs(30))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "secure_delete", "ON")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn damaged(path: &Path, cause: rusqlite::Error) -> Error {
    sqlite("open the catalog", cause).at(path)
}

/// Turns SQLite's error into ours. Its messages name tables and columns, never document text.
pub(crate) fn sqlite(doing: &str, cause: rusqlite::Error) -> Error {
    use rusqlite::ErrorCode;
    let (kind, hint) = match cause.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => {
            (ErrorKind::DiskFull, "free some space and run the command again: nothing was lost")
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => (
            ErrorKind::IndexDamaged,
            "move the home folder away and add the folders again; the documents themselves are untouched",
        ),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            (ErrorKind::Permission, "check who owns the home folder and its permissions")
        }
        Some(ErrorCode::DatabaseBusy) => (ErrorKind::Locked, "another docent is writing; try again"),
        _ => (ErrorKind::Io, "run `docent check`"),
    };
    Error::new(kind, format!("cannot {doing}")).hint(hint).caused_by(cause)
}
