//! One file's story: what the ledger says of it, or why it says nothing.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use docent_core::{Error, FileReport, Result, Root};
use docent_store::Store;

use crate::engine::Inner;

impl Inner {
    pub(crate) fn file_status(&self, path: &Path) -> Result<FileReport> {
        let absolute = std::path::absolute(path).map_err(|cause| Error::io("find", path, cause))?;
        let store = self.store()?;
        let named = in_real_folder(&absolute);
        let reason = match &store {
            None => "nothing is watched yet: `docent add` begins".to_owned(),
            Some(store) => {
                // Of a symbolic link, its own entry says why it is not followed; elsewhere its file is meant.
                let resolved = absolute.canonicalize().unwrap_or_else(|_| absolute.clone());
                for path in [&named, &resolved, &absolute] {
                    if let Some(report) = store.file_report(path)? {
                        return Ok(report);
                    }
                }
                self.why_not_in_ledger(store, &named)?
            }
        };
        Ok(FileReport {
            path: absolute.display().to_string(),
            state: "unknown".into(),
            reason: Some(reason),
            ..FileReport::default()
        })
    }

    /// Why no entry of the ledger is that of `path`.
    fn why_not_in_ledger(&self, store: &Store, path: &Path) -> Result<String> {
        let is_own = |own: PathBuf| path.starts_with(own.canonicalize().unwrap_or(own));
        if self.own_folders().into_iter().any(is_own) {
            return Ok("it is docent's own, and not looked at".into());
        }
        let roots = store.roots()?;
        let Some(root) = roots.iter().find(|root| path.starts_with(&root.path)) else {
            return Ok("no watched folder holds it: `docent add` watches one".into());
        };
        if let Some(why) = &root.unavailable {
            return Ok(format!("{} cannot be reached: {why}", root.path.display()));
        }
        if let Some((folder, why)) = closed_folder(store, root, path)? {
            return Ok(format!("it stands in {}, which could not be looked into: {why}", folder.display()));
        }
        Ok(match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_dir() => "it is a folder: name a file in it".into(),
            Ok(_) => "not seen yet: `docent index` looks at it".into(),
            Err(cause) if is_missing(&cause) => "there is no such file, and none was seen there".into(),
            Err(cause) => format!("it cannot be looked at: {cause}"),
        })
    }
}

/// The folder above `path` that the ledger has as one that could not be looked into, and why.
fn closed_folder(store: &Store, root: &Root, path: &Path) -> Result<Option<(PathBuf, String)>> {
    for folder in path.ancestors().skip(1).take_while(|folder| folder.starts_with(&root.path)) {
        if let Some(report) = store.file_report(folder)? {
            return Ok(report.reason.map(|why| (folder.to_owned(), why)));
        }
    }
    Ok(None)
}

/// `path` with its folder as it really is, and its own name as it was given.
fn in_real_folder(path: &Path) -> PathBuf {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return path.to_owned() };
    folder.canonicalize().map_or_else(|_| path.to_owned(), |folder| folder.join(name))
}

fn is_missing(cause: &io::Error) -> bool {
    matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
