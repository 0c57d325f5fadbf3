//! Whether a file is the one that was pinned, without hashing it each time.
//!
//! `verified.json` beside a model's files records, for each file that was hashed, its size, modification time and
//! sha256. As long as size and time are the recorded ones the hash is believed.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Read,
    path::Path,
    time::UNIX_EPOCH,
};

use docent_core::{IoContext, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::catalogue::FileEntry;

/// The name of the record within a model's folder.
pub(crate) const RECORD: &str = "verified.json";

/// What was hashed, and when it looked like what.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    files: BTreeMap<String, Hashed>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Hashed {
    bytes: u64,
    /// Nanoseconds since 1970.
    modified: u64,
    sha256: String,
}

/// How a file compares with its entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    Sound,
    Missing,
    /// Why it is not the pinned one.
    Damaged(String),
}

impl Record {
    /// The record in `folder`; an empty one where there is none, or none that can be read: then files are hashed again.
    pub(crate) fn load(folder: &Path) -> Self {
        fs::read(folder.join(RECORD))
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default()
    }

    /// Writes the record if it differs from what `folder` has. A folder that cannot be written to (an administrator's)
    /// only costs hashing again, so that is no error.
    pub(crate) fn save(&self, folder: &Path) {
        if *self == Self::load(folder) {
            return;
        }
        let saved = serde_json::to_vec_pretty(self)
            .map_err(std::io::Error::other)
            .and_then(|bytes| crate::install::write_whole(&folder.join(RECORD), &bytes));
        if let Err(cause) = saved {
            tracing::debug!(folder = %folder.display(), %cause, "cannot record what was verified");
        }
    }

    /// Compares one file of `folder` with its entry, hashing it if it changed since it was recorded.
    ///
    /// # Errors
    /// It is there but cannot be read.
    pub(crate) fn check(&mut self, folder: &Path, file: &FileEntry) -> Result<Finding> {
        let path = folder.join(&file.name);
        let Ok(metadata) = fs::metadata(&path) else { return Ok(Finding::Missing) };
        if !metadata.is_file() {
            return Ok(Finding::Missing);
        }
        if let Some(bytes) = file.bytes.filter(|bytes| *bytes != metadata.len()) {
            let why = format!("{} has {} bytes instead of {bytes}", file.name, metadata.len());
            return Ok(Finding::Damaged(why));
        }
        let modified = nanoseconds(&metadata);
        let recorded = self.files.get(&file.name);
        let unchanged = recorded.filter(|seen| seen.bytes == metadata.len() && seen.modified == modified);
        let sum = match unchanged {
            Some(seen) => seen.sha256.clone(),
            None => sha256(&path)?,
        };
        // Without a pin, what was first recorded is the pin.
        let pinned = file.sha256.clone().or_else(|| recorded.map(|seen| seen.sha256.clone()));
        if pinned.is_some_and(|pinned| pinned != sum) {
            return Ok(Finding::Damaged(format!("the bytes of {} are not the pinned ones", file.name)));
        }
        let seen = Hashed { bytes: metadata.len(), modified, sha256: sum };
        self.files.insert(file.name.clone(), seen);
        Ok(Finding::Sound)
    }

    /// The sha256 that is recorded for a file.
    pub(crate) fn recorded(&self, name: &str) -> Option<&str> {
        self.files.get(name).map(|seen| seen.sha256.as_str())
    }

    /// Notes the hash of a file that was just installed, whatever was recorded under its name.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn note(&mut self, folder: &Path, name: &str, sum: String) -> Result<()> {
        let path = folder.join(name);
        let metadata = fs::metadata(&path).doing("read", &path)?;
        let seen = Hashed { bytes: metadata.len(), modified: nanoseconds(&metadata), sha256: sum };
        self.files.insert(name.to_owned(), seen);
        Ok(())
    }
}

fn nanoseconds(metadata: &fs::Metadata) -> u64 {
    metadata
        .modified()
        .ok()
        .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
        .and_then(|age| u64::try_from(age.as_nanos()).ok())
        .unwrap_or(0)
}

/// The sha256 of a file, in lower-case hex.
///
/// # Errors
/// It cannot be read.
pub(crate) fn sha256(path: &Path) -> Result<String> {
    let mut file = File::open(path).doing("open", path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer).doing("read", path)?;
        if read == 0 {
            return Ok(hex(&hasher.finalize()));
        }
        hasher.update(&buffer[..read]);
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(sum: Option<&str>) -> FileEntry {
        FileEntry { name: "a.bin".into(), bytes: None, sha256: sum.map(str::to_owned), optional: false }
    }

    #[test]
    fn the_hash_is_the_published_one() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), b"abc").unwrap();
        // FIPS 180-4, the first example.
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(&folder.path().join("a")).unwrap(), abc);
    }

    #[test]
    fn without_a_pin_the_first_sight_is_the_pin() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        fs::write(&path, b"one").unwrap();
        let mut record = Record::default();
        assert_eq!(record.check(folder.path(), &entry(None)).unwrap(), Finding::Sound);
        record.save(folder.path());
        fs::write(&path, b"two").unwrap();
        File::open(&path).unwrap().set_modified(UNIX_EPOCH).unwrap();
        let mut record = Record::load(folder.path());
        assert!(matches!(record.check(folder.path(), &entry(None)).unwrap(), Finding::Damaged(_)));
    }

    #[test]
    fn a_file_is_hashed_again_only_when_it_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        fs::write(&path, b"abc").unwrap();
        let pin = entry(Some("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
        let mut record = Record::default();
        assert_eq!(record.check(folder.path(), &pin).unwrap(), Finding::Sound);
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        // Same size and time: believed. Another time: hashed, and found out.
        fs::write(&path, b"abd").unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        assert_eq!(record.check(folder.path(), &pin).unwrap(), Finding::Sound);
        File::options().write(true).open(&path).unwrap().set_modified(UNIX_EPOCH).unwrap();
        assert!(matches!(record.check(folder.path(), &pin).unwrap(), Finding::Damaged(_)));
    }
}
