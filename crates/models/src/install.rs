//! Puts files in place so that a reader sees the old one or the new one, never half of one.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
};

use docent_core::{Error, ErrorKind, IoContext, Result};

use crate::verify;

/// Held while a model's folder changes; freed when the process ends, however it ends.
pub(crate) struct Lock {
    _file: File,
}

/// Waits until no other process changes model `name`.
///
/// # Errors
/// The models folder cannot be written to.
pub(crate) fn lock(models: &Path, name: &str) -> Result<Lock> {
    let folder = models.join(".locks");
    fs::create_dir_all(&folder).doing("create the folder", &folder)?;
    let path = folder.join(format!("{name}.lock"));
    let file = File::options().create(true).truncate(false).write(true).open(&path).doing("open", &path)?;
    file.lock().doing("lock", &path)?;
    Ok(Lock { _file: file })
}

/// Gives `source` a second name at `target`, or copies it where that is not possible, and returns only when it is on
/// the disk. `sum` is the sha256 that the result has to have.
///
/// # Errors
/// A file cannot be read or written, or the copy came out with other bytes.
pub(crate) fn link_or_copy(source: &Path, target: &Path, sum: &str) -> Result<()> {
    let half = half_name(target);
    let _ = fs::remove_file(&half);
    if fs::hard_link(source, &half).is_err() {
        fs::copy(source, &half).doing("copy to", target)?;
        if verify::sha256(&half)? != sum {
            let _ = fs::remove_file(&half);
            return Err(Error::new(ErrorKind::Io, "a file changed while it was copied")
                .at(source)
                .hint("run the command again"));
        }
    }
    finish(&half, target)
}

/// Moves `source`, which is on the same file system, to `target`, and returns only when it is on the disk.
///
/// # Errors
/// A file cannot be written.
pub(crate) fn move_into_place(source: &Path, target: &Path) -> Result<()> {
    finish(source, target)
}

fn finish(half: &Path, target: &Path) -> Result<()> {
    File::open(half).and_then(|file| file.sync_all()).doing("write", target)?;
    fs::rename(half, target).doing("put in place", target)?;
    if let Some(folder) = target.parent() {
        // A folder that cannot be opened to be synced costs the rename at a power cut, which the next check finds.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
    Ok(())
}

/// Writes a small file in one step.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    let mut half = tempfile::NamedTempFile::new_in(folder)?;
    half.write_all(bytes)?;
    half.as_file().sync_all()?;
    half.persist(path)?;
    Ok(())
}

fn half_name(target: &Path) -> std::path::PathBuf {
    let name = target.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    target.with_file_name(format!(".{name}.{}.half", std::process::id()))
}
