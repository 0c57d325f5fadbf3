//! Who may write, and what readers hold.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions, TryLockError},
    io::Write as _,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use docent_core::{Error, ErrorKind, Generation, Home, IoContext, Result};

/// How long a lock that is held is tried again.
const PATIENCE: Duration = Duration::from_millis(200);

/// The lock of the one writer. The operating system frees it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct WriterLock {
    _file: File,
}

impl WriterLock {
    /// Takes the lock, or says who holds it.
    pub(crate) fn take(home: &Home) -> Result<Self> {
        let path = home.writer_lock();
        let mut file = options().open(&path).doing("open", &path)?;
        match try_lock_patiently(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = holder(&path).unwrap_or_else(|| "another process".to_owned());
                return Err(Error::new(ErrorKind::Locked, format!("{} is being written by {holder}", home.path().display()))
                    .at(path)
                    .hint("wait until it is done or stop it; while `docent watch` runs, other commands work through it"));
            }
            Err(TryLockError::Error(cause)) => {
                return Err(Error::new(ErrorKind::HomeUnfit, format!("cannot lock {}", path.display()))
                    .at(path)
                    .hint("choose a home on a local disk with --home or DOCENT_HOME")
                    .caused_by(cause));
            }
        }
        let name =
            std::env::args().nth(1).filter(|word| word.chars().all(char::is_alphabetic)).unwrap_or_default();
        let line = format!("docent {name} (process {})", std::process::id());
        file.set_len(0).and_then(|()| file.write_all(line.as_bytes())).doing("write", &path)?;
        Ok(Self { _file: file })
    }
}

/// A `docent status` that looks who writes holds the lock for an instant itself.
fn try_lock_patiently(file: &File) -> Result<(), TryLockError> {
    let started = Instant::now();
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if started.elapsed() < PATIENCE => {
                thread::sleep(Duration::from_millis(10));
            }
            locked => return locked,
        }
    }
}

/// The process that holds the writer lock, in words; `None` if none does.
pub(crate) fn writer(home: &Home) -> Option<String> {
    let path = home.writer_lock();
    let file = File::open(&path).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => holder(&path),
        _ => None,
    }
}

fn holder(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    (!text.trim().is_empty()).then(|| text.trim().to_owned())
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}

/// A reader's hold on one generation: its Lance version is not pruned while this lives.
#[derive(Debug)]
pub(crate) struct Pin {
    _file: File,
}

impl Pin {
    /// Holds `generation`, whose vectors are Lance version `vectors`. The caller reads the payload once more
    /// afterwards: if it has changed, the hold may have come too late.
    pub(crate) fn take(home: &Home, generation: Generation, vectors: u64) -> Result<Self> {
        let folder = home.readers();
        docent_core::make_private_dir(&folder)?;
        // All is in the name: an empty file can be made on a full disk, too.
        let path = folder.join(format!("{generation}-{vectors}"));
        loop {
            let file = options().open(&path).doing("open", &path)?;
            file.lock_shared().doing("lock", &path)?;
            // The writer may have removed the file between opening and locking it.
            if !is_same_file(&file, &path) {
                continue;
            }
            return Ok(Self { _file: file });
        }
    }
}

/// The Lance versions that readers hold, generations below `current` that nobody holds being forgotten.
pub(crate) fn held_versions(home: &Home, current: Generation) -> Result<BTreeSet<u64>> {
    let folder = home.readers();
    let mut held = BTreeSet::new();
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(held),
        Err(cause) => return Err(Error::io("list", folder, cause)),
    };
    for entry in entries {
        let path: PathBuf = entry.doing("list", &folder)?.path();
        let Some((generation, version)) = path.file_name().and_then(|name| pin_named(name.to_str()?)) else {
            continue;
        };
        if generation >= current {
            continue;
        }
        let Ok(file) = File::open(&path) else { continue };
        match file.try_lock() {
            Ok(()) => fs::remove_file(&path).doing("remove", &path)?,
            Err(_) => {
                held.insert(version);
            }
        }
    }
    Ok(held)
}

/// The generation and the Lance version that a pin's name tells.
fn pin_named(name: &str) -> Option<(Generation, u64)> {
    let (generation, version) = name.split_once('-')?;
    Some((generation.parse().ok()?, version.parse().ok()?))
}

#[cfg(unix)]
fn is_same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(named)) => open.ino() == named.ino() && open.dev() == named.dev(),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_same_file(_file: &File, path: &Path) -> bool {
    path.exists()
}
