//! Lance never syncs its files. This makes what it wrote durable before a commit names it.

use std::{
    collections::HashSet,
    fs::{self, File},
    path::{Path, PathBuf},
};

use docent_core::{IoContext, Result};

/// Remembers which files below a folder are durable already.
#[derive(Debug, Default)]
pub(crate) struct Durable {
    synced: HashSet<PathBuf>,
}

impl Durable {
    /// Syncs every file below `folder` that is new since the last call, and the folders that hold new files.
    /// Lance never changes a file that it has written.
    ///
    /// # Errors
    /// A file cannot be read or synced.
    pub(crate) fn sync(&mut self, folder: &Path) -> Result<()> {
        let mut seen = HashSet::with_capacity(self.synced.len());
        self.sync_folder(folder, &mut seen)?;
        self.synced = seen;
        Ok(())
    }

    fn sync_folder(&self, folder: &Path, seen: &mut HashSet<PathBuf>) -> Result<()> {
        let mut has_new = !self.synced.contains(folder);
        for entry in fs::read_dir(folder).doing("list", folder)? {
            let entry = entry.doing("list", folder)?;
            let path = entry.path();
            if entry.file_type().doing("look at", &path)?.is_dir() {
                // The name of a new folder is its parent's to keep.
                has_new |= !self.synced.contains(&path);
                self.sync_folder(&path, seen)?;
                continue;
            }
            if !self.synced.contains(&path) {
                has_new = true;
                match File::open(&path) {
                    Ok(file) => file.sync_all().doing("sync", &path)?,
                    // A temporary file that Lance has renamed since the folder was listed.
                    Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => continue,
                    Err(cause) => return Err(docent_core::Error::io("open", &path, cause)),
                }
            }
            seen.insert(path);
        }
        if has_new {
            sync_dir(folder)?;
        }
        seen.insert(folder.to_owned());
        Ok(())
    }
}

/// Makes the names in a folder durable.
///
/// # Errors
/// The folder cannot be opened or synced.
pub(crate) fn sync_dir(folder: &Path) -> Result<()> {
    #[cfg(unix)]
    File::open(folder).and_then(|folder| folder.sync_all()).doing("sync", folder)?;
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}
