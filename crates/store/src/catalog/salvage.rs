//! What can still be read of a catalog that cannot be used any more.

use std::path::Path;

use docent_core::Root;
use rusqlite::{Connection, OpenFlags};

use super::roots::read_roots;

/// The roots that the file at `path` names; `None` if they cannot be read.
pub(crate) fn roots_in(path: &Path) -> Option<Vec<Root>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).ok()?;
    match read_roots(&connection) {
        Ok(roots) => Some(roots),
        Err(error) => {
            tracing::warn!("cannot read the roots: {error}");
            None
        }
    }
}
