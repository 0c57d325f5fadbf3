//! The home folder: where the index, the configuration and the socket live.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{Error, ErrorKind, IoContext, Result};

/// What marks a folder as a home, even one that was only configured or whose first run was killed.
const OWN_NAMES: [&str; 8] =
    ["config.toml", "catalog.db", "words", "vectors", "readers", "cache", "writer.lock", "models"];

/// A home folder. Nothing is made before it is needed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Home {
    path: PathBuf,
}

impl Home {
    /// The home at `path`, which need not exist yet; without one, `DOCENT_HOME`, else the platform's data
    /// folder.
    ///
    /// # Errors
    /// The platform names no data folder, or the current folder is gone.
    pub fn locate(path: Option<&Path>) -> Result<Self> {
        let chosen = match path {
            Some(path) => path.to_owned(),
            None => match std::env::var_os("DOCENT_HOME").filter(|value| !value.is_empty()) {
                Some(value) => PathBuf::from(value),
                None => data_folder()?,
            },
        };
        let path = std::path::absolute(&chosen).doing("find", &chosen)?;
        Ok(Self { path })
    }

    /// Makes the folder, readable by its owner alone.
    ///
    /// # Errors
    /// The folder cannot be made, or its permissions cannot be set; or it is there and holds something else than an
    /// index ([`ErrorKind::HomeUnfit`]): closing a folder that others use, `/tmp` say, would harm them.
    pub fn create(&self) -> Result<()> {
        if let Ok(entries) = fs::read_dir(&self.path) {
            let names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
            let own = |name: &std::ffi::OsString| OWN_NAMES.iter().any(|own| name == own);
            let foreign = |name: &&std::ffi::OsString| {
                *name != "lost+found" && !name.as_encoded_bytes().starts_with(b".")
            };
            if let Some(other) = names.iter().find(foreign).filter(|_| !names.iter().any(own)) {
                let (path, other) = (self.path.display(), other.display());
                let message = format!("{path} is no home of docent's: {other} lies in it");
                return Err(Error::new(ErrorKind::HomeUnfit, message)
                    .at(&self.path)
                    .hint("name a folder that is empty or not there yet with --home DIR or DOCENT_HOME"));
            }
        }
        make_private_dir(&self.path)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.path.join("config.toml")
    }

    /// The catalog (SQLite).
    pub fn catalog(&self) -> PathBuf {
        self.path.join("catalog.db")
    }

    /// The full-text store (tantivy).
    pub fn words(&self) -> PathBuf {
        self.path.join("words")
    }

    /// The vector store (LanceDB).
    pub fn vectors(&self) -> PathBuf {
        self.path.join("vectors")
    }

    /// The locks that readers hold on generations.
    pub fn readers(&self) -> PathBuf {
        self.path.join("readers")
    }

    /// The lock of the one writer. Its content names the process.
    pub fn writer_lock(&self) -> PathBuf {
        self.path.join("writer.lock")
    }

    /// The socket over which a running writer takes requests.
    pub fn socket(&self) -> PathBuf {
        self.path.join("docent.sock")
    }

    /// Things that can be made again: prompt states.
    pub fn cache(&self) -> PathBuf {
        self.path.join("cache")
    }
}

/// Makes `path` and its parents; `path` itself is readable by its owner alone.
///
/// # Errors
/// It cannot be made, or its permissions cannot be set.
pub fn make_private_dir(path: &Path) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
        if !path.exists() {
            builder.mode(0o700);
        }
        builder.create(path).doing("create the folder", path)?;
        let mode = fs::metadata(path).doing("read", path)?.permissions().mode();
        if mode & 0o077 != 0 {
            fs::set_permissions(path, fs::Permissions::from_mode(0o700)).doing("make private", path)?;
        }
    }
    #[cfg(not(unix))]
    builder.create(path).doing("create the folder", path)?;
    Ok(())
}

/// docent's folder within the platform's data folder.
fn data_folder() -> Result<PathBuf> {
    directories::ProjectDirs::from("", "", "docent").map(|dirs| dirs.data_dir().to_owned()).ok_or_else(|| {
        Error::new(ErrorKind::NotFound, "cannot find a data folder for this user")
            .hint("name a home with --home DIR or DOCENT_HOME")
    })
}

/// The folder that models live in: `DOCENT_MODELS`, else `configured`, else `models` in the platform's data
/// folder. Shared by all homes.
///
/// # Errors
/// The platform names no data folder.
pub fn models_folder(configured: Option<&Path>) -> Result<PathBuf> {
    if let Some(value) = std::env::var_os("DOCENT_MODELS").filter(|value| !value.is_empty()) {
        return std::path::absolute(&value).doing("find", PathBuf::from(value));
    }
    if let Some(path) = configured {
        return Ok(path.to_owned());
    }
    Ok(data_folder()?.join("models"))
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_folder_that_holds_something_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let mode = || fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(folder.path().join("letter.txt"), "Dear").unwrap();
        let home = Home::locate(Some(folder.path())).unwrap();
        let error = home.create().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::HomeUnfit);
        assert!(error.message().contains("letter.txt"), "{error:?}");
        assert_eq!(mode(), 0o755);

        fs::remove_file(folder.path().join("letter.txt")).unwrap();
        home.create().unwrap();
        assert_eq!(mode(), 0o700, "an empty one is taken, and closed");
        fs::write(home.config_file(), "").unwrap();
        fs::write(folder.path().join("notes.txt"), "mine").unwrap();
        home.create().unwrap();
    }
}
