//! The catalog: what is known of roots and files, and the journal of commits under way (SQLite).

mod files;
mod journal;
mod passages;
mod roots;
mod salvage;
mod scans;
mod status;
mod verify;

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use docent_core::{Error, ErrorKind, Generation, IoContext, Result};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params};

use crate::failure;

pub(crate) use journal::{DocumentEntry, JournalEntry, Repair, Step};
pub(crate) use passages::PassageRow;
pub(crate) use salvage::roots_in;

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
    reader TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    retry_at INTEGER,
    scanned INTEGER NOT NULL DEFAULT 0,
    UNIQUE (root, path)
);
CREATE INDEX documents_by_hash ON documents (hash) WHERE hash IS NOT NULL;
CREATE INDEX documents_by_state ON documents (state, mtime_ns DESC, id);
CREATE TABLE passages (
    id BLOB PRIMARY KEY,
    doc INTEGER NOT NULL,
    position INTEGER NOT NULL,
    embed_key BLOB NOT NULL,
    has_vector INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX passages_by_doc ON passages (doc, position);
CREATE INDEX passages_by_key ON passages (embed_key) WHERE has_vector = 1;
CREATE INDEX documents_scanned ON documents (scanned) WHERE scanned > 0;
CREATE INDEX passages_waiting ON passages (doc, position) WHERE has_vector = 0;
CREATE TABLE journal (generation INTEGER PRIMARY KEY, entry TEXT NOT NULL);
CREATE TABLE recognised (hash BLOB NOT NULL, number INTEGER NOT NULL, content TEXT NOT NULL, PRIMARY KEY (hash, number))
    WITHOUT ROWID;
";

/// The version of docent that reads files here.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What was added without a new format, each with the column or table that shows whether it is there: who does not know
/// them leaves them alone.
const ADDED: [(&str, &str); 2] = [
    (
        "SELECT 1 FROM pragma_table_info('documents') WHERE name = 'retry_at'",
        "ALTER TABLE documents ADD COLUMN reader TEXT;
         ALTER TABLE documents ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;
         ALTER TABLE documents ADD COLUMN retry_at INTEGER;",
    ),
    (
        "SELECT 1 FROM sqlite_master WHERE name = 'recognised'",
        "ALTER TABLE documents ADD COLUMN scanned INTEGER NOT NULL DEFAULT 0;
         CREATE TABLE recognised (hash BLOB NOT NULL, number INTEGER NOT NULL, content TEXT NOT NULL,
            PRIMARY KEY (hash, number)) WITHOUT ROWID;
         CREATE INDEX documents_scanned ON documents (scanned) WHERE scanned > 0;
         -- Read before there was OCR: looked at again.
         UPDATE documents SET size = NULL, mtime_ns = NULL, inode = NULL, hash = NULL
            WHERE mime = 'application/pdf' OR reason LIKE 'binary file (image/%' OR reason LIKE 'no text layer%';",
    ),
];

/// The catalog, one connection shared by this process's threads.
pub(crate) struct Catalog {
    path: PathBuf,
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
        let catalog = Self::connected(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        let format: Option<String> = catalog.meta("format")?;
        match format.as_deref().map(str::parse::<u32>) {
            Some(Ok(FORMAT)) => {
                catalog.add_columns()?;
                Ok(Some(catalog))
            }
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

    /// Adds the columns that an older docent did not make.
    fn add_columns(&self) -> Result<()> {
        for (is_there, add) in ADDED {
            if self.read(|connection| connection.prepare(is_there)?.exists([]))? {
                continue;
            }
            self.write(|transaction| {
                // Another process may have been faster.
                if transaction.prepare(is_there)?.exists([])? {
                    Ok(())
                } else {
                    transaction.execute_batch(add)
                }
            })?;
        }
        Ok(())
    }

    /// Makes a new catalog at `path` for an index built with `embedder`.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn create(path: &Path, embedder: &str, dimensions: usize) -> Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE;
        let catalog = Self::connected(path, flags)?;
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

    fn connected(path: &Path, flags: OpenFlags) -> Result<Self> {
        let connection = connect(path, flags).map_err(|cause| sqlite("open the catalog", cause).at(path))?;
        Ok(Self { path: path.to_owned(), connection: Mutex::new(connection) })
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes over to the file that bears the catalog's name now.
    ///
    /// # Errors
    /// It cannot be opened.
    pub(crate) fn reopen(&self) -> Result<()> {
        let opened = connect(&self.path, OpenFlags::SQLITE_OPEN_READ_WRITE);
        *self.connection() = opened.map_err(|cause| sqlite("open the catalog", cause).at(&self.path))?;
        // An older docent may have written it.
        self.add_columns()
    }

    /// Sees to it that readers and the writer do not wait for each other: a catalog that was copied by other means than docent's
    /// may have lost that. For the one writer.
    ///
    /// # Errors
    /// What SQLite says.
    pub(crate) fn keep_log(&self) -> Result<()> {
        self.read(|connection| {
            let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
            if mode != "wal" {
                connection.pragma_update(None, "journal_mode", "WAL")?;
            }
            Ok(())
        })
    }

    /// Moves what was written into the main file, so that the log keeps nothing that was deleted; `false` where a
    /// reader was in the way.
    ///
    /// # Errors
    /// What SQLite says.
    pub(crate) fn checkpoint(&self) -> Result<bool> {
        let busy: i64 = self.read(|connection| {
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        })?;
        Ok(busy == 0)
    }

    /// Whether a root was removed and its text may be on the disk still.
    ///
    /// # Errors
    /// The catalog cannot be read.
    pub(crate) fn purge_due(&self) -> Result<bool> {
        Ok(self.meta("purge_due")?.is_some())
    }

    /// Notes that nothing that was deleted is left on the disk.
    ///
    /// # Errors
    /// The catalog cannot be written.
    pub(crate) fn purged(&self) -> Result<()> {
        if !self.purge_due()? {
            return Ok(());
        }
        self.write(|transaction| {
            transaction.execute("DELETE FROM meta WHERE key = 'purge_due'", []).map(drop)
        })
    }

    /// The last step that the catalog knows of.
    ///
    /// # Errors
    /// The catalog cannot be read.
    pub(crate) fn last_step(&self) -> Result<Generation> {
        Ok(self.meta("step")?.and_then(|text| text.parse().ok()).unwrap_or(0))
    }

    /// Forgets what the stores held; every file is to be read again.
    ///
    /// # Errors
    /// The catalog cannot be written.
    pub(crate) fn forget_stores(&self) -> Result<()> {
        self.write(|transaction| {
            transaction.execute_batch(
                "DELETE FROM passages; DELETE FROM journal; DELETE FROM recognised; DELETE FROM meta WHERE key = 'step';
                 UPDATE documents SET state = 'pending', size = NULL, mtime_ns = NULL, inode = NULL, hash = NULL
                    WHERE state IN ('searchable', 'lexical_only');",
            )
        })
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
        work(&self.connection()).map_err(|cause| sqlite("read the catalog", cause).at(&self.path))
    }

    /// Runs `work` in a transaction that is durable when this returns.
    ///
    /// # Errors
    /// What SQLite says; nothing is written then.
    pub(crate) fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T> {
        let mut connection = self.connection();
        let run = || {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let result = work(&transaction)?;
            transaction.commit()?;
            Ok(result)
        };
        run().map_err(|cause| sqlite("write the catalog", cause).at(&self.path))
    }
}

fn connect(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(Duration::from_secs(30))?;
    // Of a file that is there, it is the mode already (see `keep_log`). Asked for by a reader while another process makes the
    // file, SQLite would refuse at once, whatever the timeout.
    if flags.contains(OpenFlags::SQLITE_OPEN_CREATE) {
        connection.pragma_update(None, "journal_mode", "WAL")?;
    }
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "secure_delete", "ON")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// Turns SQLite's error into ours. Its messages name tables and columns, never document text.
fn sqlite(doing: &str, cause: rusqlite::Error) -> Error {
    use rusqlite::{ErrorCode, ffi};
    // The file that connections share could not be made larger.
    let no_room = cause.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_IOERR_SHMSIZE);
    let (kind, hint) = match cause.sqlite_error_code() {
        code if no_room || code == Some(ErrorCode::DiskFull) => {
            (ErrorKind::DiskFull, "free some space and run the command again: nothing was lost")
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            (ErrorKind::IndexDamaged, failure::REPAIR)
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            (ErrorKind::Permission, "check who owns the home folder and its permissions")
        }
        Some(ErrorCode::DatabaseBusy) => (ErrorKind::Locked, "another docent is writing; try again"),
        // A value that is not what was written there.
        None if is_undecodable(&cause) => (ErrorKind::IndexDamaged, failure::REPAIR),
        _ => (ErrorKind::Io, "run `docent check`"),
    };
    Error::new(kind, format!("cannot {doing}")).hint(hint).caused_by(cause)
}

fn is_undecodable(cause: &rusqlite::Error) -> bool {
    use rusqlite::Error as E;
    matches!(
        cause,
        E::FromSqlConversionFailure(..)
            | E::InvalidColumnType(..)
            | E::IntegralValueOutOfRange(..)
            | E::Utf8Error(..)
    )
}
