//! What cannot be repaired is set aside, and made anew: never dropped.

use std::{
    fs,
    path::{Path, PathBuf},
};

use docent_core::{CheckReport, Difference, Error, ErrorKind, Home, IoContext as _, Result, Root};

use crate::{
    catalog::{Catalog, roots_in},
    durable::sync_dir,
    failure::look_at,
    locks::WriterLock,
    store::EmbedderIdentity,
    writer::StoreWriter,
};

/// What became of a damaged index.
struct SetAside {
    /// Where it lies; `None` if nothing was left of it.
    folder: Option<PathBuf>,
    /// Whether it is still known which folders are watched.
    roots_kept: bool,
}

impl StoreWriter {
    /// Opens the index in `home` and repairs it, as [`Self::check`] does. Where that does not help, the index is set
    /// aside, whole, and an empty one made that still knows the roots, and the files if the catalog is sound: the next
    /// run reads them all again. Roots that cannot be read any more are a difference that is left.
    ///
    /// # Errors
    /// As [`Self::open`] and [`Self::check`], except for damage.
    pub fn repair(home: &Home, embedder: &EmbedderIdentity) -> Result<(Self, CheckReport)> {
        let checked = Self::open(home, embedder).and_then(|writer| {
            let (report, beyond) = writer.checked(true)?;
            Ok((writer, report, beyond))
        });
        let mut differences = match checked {
            Ok((writer, report, false)) => return Ok((writer, report)),
            Ok((writer, report, true)) => {
                drop(writer);
                report.differences
            }
            Err(error) if error.kind() == ErrorKind::IndexDamaged => vec![damage(&error)],
            Err(error) => return Err(error),
        };
        let SetAside { folder, roots_kept } = set_aside(home, embedder)?;
        if let Some(folder) = &folder {
            differences.push(set_aside_to(folder, "the index could not be repaired"));
        }
        let repaired = differences.len() as u64;
        if !roots_kept {
            differences.push(Difference {
                kind: "lost_roots".into(),
                path: Some(home.catalog().display().to_string()),
                detail: "which folders were watched cannot be read any more: `docent add` them again".into(),
            });
        }
        let anew = Self::open(home, embedder).and_then(|writer| {
            let generation = writer.store().generation()?;
            Ok((writer, generation))
        });
        let (writer, generation) = anew.map_err(|error| lies_in(folder.as_deref(), error))?;
        Ok((writer, CheckReport { generation, clean: roots_kept, differences, repaired }))
    }

    /// Repairs the index as far as it can be while this process has it open. Where that is not enough, the report or
    /// the error says what is.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn repair_open(&self) -> Result<CheckReport> {
        const CLOSED: &str = "stop `docent watch`, then run `docent check --repair`";
        match self.checked(true) {
            Ok((mut report, beyond)) => {
                if beyond {
                    report.differences.push(Difference {
                        kind: "in_use".into(),
                        path: Some(self.store.home.path().display().to_string()),
                        detail: format!("the rest cannot be put right while the index is in use: {CLOSED}"),
                    });
                }
                Ok(report)
            }
            Err(error) if error.kind() == ErrorKind::IndexDamaged => Err(error.hint(CLOSED)),
            Err(error) => Err(error),
        }
    }

    /// Sets the vectors alone aside, and makes an empty table whose version it returns: the catalog is to be told that
    /// every passage waits for its vector. Killed in between, the published version is missing, and the next repair does
    /// this again.
    pub(crate) fn replace_vectors(&self) -> Result<(u64, PathBuf)> {
        let store = &self.store;
        let folder = move_aside(&store.home, &[store.home.vectors()])?;
        let version = store.vectors.create()?;
        sync_dir(store.home.path())?;
        Ok((version, folder))
    }
}

/// Moves a damaged index into a folder of its own. The catalog stays if it is sound, and forgets what the stores held;
/// else a new one takes its place, with the roots of the old one.
fn set_aside(home: &Home, embedder: &EmbedderIdentity) -> Result<SetAside> {
    let _lock = WriterLock::take(home)?;
    let sound = sound_catalog(home)?;
    let roots = match &sound {
        Some(catalog) => Some(catalog.roots()?),
        None => roots_in(&home.catalog()),
    };
    let folder = move_aside(home, &[home.words(), home.vectors()])?;
    let replaced = match sound {
        Some(catalog) => catalog.forget_stores(),
        None => replace_catalog(home, embedder, roots.as_deref().unwrap_or_default(), &folder),
    };
    replaced.and_then(|()| sync_dir(home.path())).map_err(|error| lies_in(Some(&folder), error))?;
    let empty = fs::read_dir(&folder).doing("list", &folder)?.next().is_none();
    if empty {
        fs::remove_dir(&folder).doing("remove", &folder)?;
    }
    Ok(SetAside { folder: (!empty).then_some(folder), roots_kept: roots.is_some() })
}

/// The catalog, if there is one and nothing is wrong with it.
fn sound_catalog(home: &Home) -> Result<Option<Catalog>> {
    let opened = Catalog::open(&home.catalog()).and_then(|catalog| match catalog {
        Some(catalog) => catalog.verify().map(|()| Some(catalog)),
        None => Ok(None),
    });
    match opened {
        Err(error) if error.kind() == ErrorKind::IndexDamaged => Ok(None),
        opened => opened,
    }
}

/// Puts a new catalog in the place of one that cannot be used, which moves to `aside`. The new one takes the name only
/// when it is whole: killed before, the roots can still be read from the old one.
fn replace_catalog(home: &Home, embedder: &EmbedderIdentity, roots: &[Root], aside: &Path) -> Result<()> {
    let path = home.catalog();
    let beside = |end: &str| PathBuf::from(format!("{}{end}", path.display()));
    let new = beside("-new");
    for end in ["-new", "-new-wal", "-new-shm"] {
        remove(&beside(end))?;
    }
    let catalog = Catalog::create(&new, &embedder.id, embedder.dimensions)?;
    for root in roots {
        let Root { collection, path, is_file, include, exclude, device, .. } = root;
        catalog.put_root(collection, path, *is_file, include, exclude, *device)?;
    }
    // The last connection leaves one file, without a log.
    drop(catalog);
    for end in ["", "-wal", "-shm"] {
        let old = beside(end);
        if let (Some(_), Some(name)) = (look_at(&old)?, old.file_name()) {
            fs::hard_link(&old, aside.join(name)).doing("set aside", &old)?;
        }
    }
    sync_dir(aside)?;
    for end in ["-wal", "-shm"] {
        remove(&beside(end))?;
    }
    fs::rename(&new, &path).doing("replace", &path)
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", path, cause)),
        _ => Ok(()),
    }
}

/// Moves `parts` of the home into a new folder within it.
fn move_aside(home: &Home, parts: &[PathBuf]) -> Result<PathBuf> {
    let aside = unused_folder(home.path(), &format!("damaged-{}", jiff::Timestamp::now().as_second()))?;
    docent_core::make_private_dir(&aside)?;
    for part in parts {
        if let (Some(_), Some(name)) = (look_at(part)?, part.file_name()) {
            fs::rename(part, aside.join(name)).doing("set aside", part)?;
        }
    }
    sync_dir(&aside)?;
    Ok(aside)
}

/// `name` within `folder`, with a number behind it where that is taken: two repairs may fall into one second.
fn unused_folder(folder: &Path, name: &str) -> Result<PathBuf> {
    let mut path = folder.join(name);
    let mut number = 2;
    while look_at(&path)?.is_some() {
        path = folder.join(format!("{name}-{number}"));
        number += 1;
    }
    Ok(path)
}

/// Says where what was set aside lies, when the new index cannot be made.
fn lies_in(folder: Option<&Path>, error: Error) -> Error {
    let Some(folder) = folder else { return error };
    let lies = format!("what the index was lies in {}", folder.display());
    let hint = error.hint_text().map_or_else(|| lies.clone(), |hint| format!("{hint}; {lies}"));
    error.hint(hint)
}

/// Damage that kept a store from being read, as a difference.
pub(crate) fn damage(error: &Error) -> Difference {
    let report = error.to_report();
    Difference { kind: "damaged".into(), path: report.path, detail: report.message }
}

/// Says where something lies now. It is left to the user to delete it: it may hold what is nowhere else.
pub(crate) fn set_aside_to(folder: &Path, why: &str) -> Difference {
    Difference {
        kind: "set_aside".into(),
        path: Some(folder.display().to_string()),
        detail: format!(
            "{why}; it lies in this folder now, with text of the documents, and is rebuilt: the folder may be deleted"
        ),
    }
}
