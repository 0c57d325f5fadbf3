//! Whether a cited file is still what was indexed.

use std::{fs, time::UNIX_EPOCH};

use docent_core::{ContentHash, DocumentInfo};

/// Larger files are not read again to compare their bytes: a new time of modification is then enough.
const LARGEST_COMPARED: u64 = 64 << 20;

/// Whether the file behind `document` has changed, or is gone, since it was indexed. One under a root that
/// cannot be reached is not known to have changed.
pub(crate) fn is_stale(document: &DocumentInfo) -> bool {
    if document.unavailable.is_some() {
        return false;
    }
    let Ok(metadata) = fs::metadata(&document.path) else { return true };
    if metadata.len() != document.size {
        return true;
    }
    let modified = metadata.modified().ok().map(|time| match time.duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_nanos() as i64,
        Err(before) => -(before.duration().as_nanos() as i64),
    });
    if modified == Some(document.mtime_ns) {
        return false;
    }
    match document.hash {
        Some(hash) if metadata.len() <= LARGEST_COMPARED => {
            fs::read(&document.path).map_or(true, |bytes| ContentHash::of(&bytes) != hash)
        }
        _ => true,
    }
}
