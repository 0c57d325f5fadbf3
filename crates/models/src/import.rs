//! Takes over files that somebody carried in: known ones by their sha256, others with a manifest.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
};

use docent_core::{Error, ErrorKind, IoContext, Result};

use crate::{
    catalogue::{Catalogue, Entry, FileEntry},
    install,
    store::{ModelState, ModelStore},
    verify::{self, Record},
};

/// The name of a manifest: `[[model]]` tables as in docent's own catalogue, beside the files they name. A file without a
/// `sha256` in it is pinned as it is when it is imported.
pub const MANIFEST: &str = "docent-model.toml";

/// Folders are looked into this deep: a hub's cache has its files four levels down.
const DEPTH: usize = 5;
/// And no further than this many files.
const MOST_FILES: usize = 10_000;

/// What an import did.
#[derive(Debug)]
pub struct Imported {
    /// The models that are installed now.
    pub installed: Vec<String>,
    /// Why files of other models were not taken, one error each ([`ErrorKind::ModelDamaged`]).
    pub refused: Vec<Error>,
}

impl ModelStore {
    /// Installs the models whose files are at `path`, a file or a folder.
    ///
    /// Files are recognised by their sha256, whatever they are called; those that have no pin by the record that another
    /// machine's docent left beside them, in a folder named like the model. They are linked where possible and copied
    /// otherwise; the originals stay. Files in a folder that belong to no model are passed over. A file that bears
    /// the name of a model's but has other bytes does not keep the others away: it is refused, and named.
    ///
    /// # Errors
    /// Nothing is there; nothing in it is known; a known file has other bytes than the pinned ones
    /// ([`ErrorKind::ModelDamaged`]); a model's other files are not there ([`ErrorKind::ModelMissing`]); or a file
    /// cannot be read or written.
    pub fn import(&mut self, path: &Path) -> Result<Imported> {
        let metadata = fs::metadata(path).doing("read", path)?;
        let mut files = Vec::new();
        if metadata.is_dir() {
            fs::read_dir(path).doing("read the folder", path)?;
            gather(path, DEPTH, &mut files)?;
        } else {
            files.push(path.to_owned());
        }
        let manifests = self.read_manifests(&files)?;
        let found = self.recognise(&files)?;

        let mut installed = Vec::new();
        let mut incomplete = None;
        for entry in self.catalogue.models.clone() {
            let manifest = manifests.get(&entry.name);
            let mut sources = sources_of(&entry, &found, manifest.map(PathBuf::as_path));
            sources.extend(recorded_copies(&entry, &files)?);
            if sources.is_empty() {
                continue;
            }
            let missing: Vec<&str> = self.missing(&entry, &sources)?;
            if missing.is_empty() {
                self.take_over(&entry, &sources, manifest.map(PathBuf::as_path))?;
                installed.push(entry.name);
            } else if incomplete.is_none() {
                let message = format!("{} is not complete: {} is not there", entry.name, missing.join(", "));
                incomplete = Some(
                    Error::new(ErrorKind::ModelMissing, message)
                        .at(path)
                        .hint("put all files of a model into one folder and import the folder"),
                );
            }
        }
        let refused = self.with_other_bytes(&files, &installed);
        if installed.is_empty() {
            let damaged = refused.into_iter().next();
            return Err(damaged.or(incomplete).unwrap_or_else(|| unknown(path)));
        }
        self.add_manifests()?;
        Ok(Imported { installed, refused })
    }

    /// Adds what manifests among `files` name to the catalogue; returns the manifest's path by model.
    fn read_manifests(&mut self, files: &[PathBuf]) -> Result<HashMap<String, PathBuf>> {
        let mut manifests = HashMap::new();
        for path in files.iter().filter(|path| path.file_name().is_some_and(|name| name == MANIFEST)) {
            let text = fs::read_to_string(path).doing("read", path)?;
            for entry in Catalogue::from_manifest(&text, path)?.models {
                match self.catalogue.models.iter().find(|known| known.name == entry.name) {
                    Some(known) if *known == entry => {}
                    Some(_) => {
                        let message = format!("there is another model called {}", entry.name);
                        return Err(Error::new(ErrorKind::Config, message)
                            .at(path)
                            .hint("give it a name of its own in the manifest"));
                    }
                    None => self.catalogue.models.push(entry.clone()),
                }
                manifests.insert(entry.name, path.clone());
            }
        }
        Ok(manifests)
    }

    /// Paths of pinned files by sha256. Only files whose size is that of a pinned one are hashed.
    fn recognise(&self, files: &[PathBuf]) -> Result<HashMap<String, PathBuf>> {
        let pinned = || self.catalogue.models.iter().flat_map(|entry| &entry.files);
        let mut found = HashMap::new();
        for path in files {
            let size = fs::metadata(path).doing("read", path)?.len();
            let name = path.file_name().unwrap_or_default();
            let wanted = |file: &FileEntry| {
                file.sha256.is_some()
                    && match file.bytes {
                        Some(bytes) => bytes == size,
                        None => name == file.name.as_str(),
                    }
            };
            if pinned().any(wanted) {
                let sum = verify::sha256(path)?;
                if pinned().any(|file| file.sha256.as_ref() == Some(&sum)) {
                    found.entry(sum).or_insert_with(|| path.clone());
                }
            }
        }
        Ok(found)
    }

    /// The files of a model that are neither among `sources` nor installed.
    fn missing<'a>(&self, entry: &'a Entry, sources: &BTreeMap<&str, PathBuf>) -> Result<Vec<&'a str>> {
        let folder = self.folder.join(&entry.name);
        let mut record = Record::load(&folder);
        let mut missing = Vec::new();
        for file in entry.files.iter().filter(|file| !file.optional) {
            if !sources.contains_key(file.name.as_str())
                && record.check(&folder, file)? != verify::Finding::Sound
            {
                missing.push(file.name.as_str());
            }
        }
        Ok(missing)
    }

    fn take_over(
        &self,
        entry: &Entry,
        sources: &BTreeMap<&str, PathBuf>,
        manifest: Option<&Path>,
    ) -> Result<()> {
        let folder = self.folder.join(&entry.name);
        fs::create_dir_all(&folder).doing("create the folder", &folder)?;
        let _lock = install::lock(&self.folder, &entry.name)?;
        let in_place =
            sources.values().all(|source| source.parent().is_some_and(|from| same_folder(from, &folder)));
        if in_place && self.state(entry)? == ModelState::Installed {
            return Ok(());
        }
        let mut record = Record::load(&folder);
        for (name, source) in sources {
            // A hub's cache has links to its files: the file itself is taken over.
            let source = source.canonicalize().doing("find", source)?;
            let sum = verify::sha256(&source)?;
            let target = folder.join(name);
            if !same_file(&source, &target) {
                install::link_or_copy(&source, &target, &sum)?;
            }
            record.note(&folder, name, sum)?;
        }
        if let Some(manifest) = manifest {
            let target = folder.join(MANIFEST);
            let alone = Catalogue { models: vec![entry.clone()] };
            let text = toml::to_string(&alone).map_err(|cause| {
                Error::new(ErrorKind::Internal, "cannot write a model manifest").at(manifest).caused_by(cause)
            })?;
            install::write_whole(&target, text.as_bytes()).doing("write", &target)?;
        }
        record.save(&folder);
        Ok(())
    }

    /// A refusal for each of `files` that bears the name of a model's file, and has other bytes. Names that several
    /// models share (tokenizer.json) say nothing about which one was meant; models that are `installed` are whole.
    fn with_other_bytes(&self, files: &[PathBuf], installed: &[String]) -> Vec<Error> {
        let entries =
            || self.catalogue.models.iter().flat_map(|entry| entry.files.iter().map(move |f| (entry, f)));
        let refuse = |file: &PathBuf| {
            let name = file.file_name()?;
            let mut namesakes = entries().filter(|(_, known)| name == known.name.as_str());
            let (Some((entry, known)), None) = (namesakes.next(), namesakes.next()) else { return None };
            if installed.contains(&entry.name) || known.optional || known.sha256.is_none() {
                return None;
            }
            // Another file of the same model may be what is missing.
            if verify::sha256(file).ok() == known.sha256 {
                return None;
            }
            let message = format!("{} has other bytes than {} needs", file.display(), entry.name);
            let hint = "it may have been cut short or be another version: fetch it again";
            Some(Error::new(ErrorKind::ModelDamaged, message).at(file).hint(hint))
        };
        files.iter().filter_map(refuse).collect()
    }
}

/// Nothing at `path` is known.
fn unknown(path: &Path) -> Error {
    Error::new(ErrorKind::NotFound, format!("{} holds no model that docent knows", path.display()))
        .at(path)
        .hint(format!(
            "'docent models list' shows what is known; to add another model, put a {MANIFEST} beside its files \
             (docs/models.md)"
        ))
}

/// Which of the files found makes which file of `entry`.
fn sources_of<'a>(
    entry: &'a Entry,
    found: &HashMap<String, PathBuf>,
    manifest: Option<&Path>,
) -> BTreeMap<&'a str, PathBuf> {
    let beside = |file: &FileEntry| {
        let path = manifest?.with_file_name(&file.name);
        path.is_file().then_some(path)
    };
    entry
        .files
        .iter()
        .filter_map(|file| {
            let source = match &file.sha256 {
                Some(sum) => found.get(sum).cloned(),
                None => beside(file),
            };
            Some((file.name.as_str(), source?))
        })
        .collect()
}

/// Files of `entry` without a pin that lie in a folder of its name, as the record there says they are: a copy of another
/// machine's models folder.
fn recorded_copies<'a>(entry: &'a Entry, files: &[PathBuf]) -> Result<BTreeMap<&'a str, PathBuf>> {
    let mut copies = BTreeMap::new();
    for file in entry.files.iter().filter(|file| file.sha256.is_none()) {
        for path in
            files.iter().filter(|path| path.file_name().is_some_and(|name| name == file.name.as_str()))
        {
            let Some(folder) = path.parent() else { continue };
            if folder.file_name().is_none_or(|name| name != entry.name.as_str()) {
                continue;
            }
            let record = Record::load(folder);
            let Some(recorded) = record.recorded(&file.name) else { continue };
            if verify::sha256(path)? == recorded {
                copies.insert(file.name.as_str(), path.clone());
                break;
            }
        }
    }
    Ok(copies)
}

fn gather(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<()> {
    // A stick has folders that only root may list (lost+found): they hold no models.
    let Ok(listed) = fs::read_dir(folder) else { return Ok(()) };
    let mut entries: Vec<PathBuf> = listed.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        // Links are followed: a hub's cache is made of them.
        let Ok(metadata) = fs::metadata(&path) else { continue };
        if metadata.is_dir() && depth > 1 {
            gather(&path, depth - 1, files)?;
        } else if metadata.is_file() {
            files.push(path);
        }
        if files.len() > MOST_FILES {
            return Err(Error::new(ErrorKind::Usage, format!("{} holds too many files", folder.display()))
                .at(folder)
                .hint("name the folder that holds the model's files"));
        }
    }
    Ok(())
}

fn same_folder(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// Whether two names are one file already, so that nothing is to be done.
fn same_file(one: &Path, other: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        matches!(
            (fs::metadata(one), fs::symlink_metadata(other)),
            (Ok(one), Ok(other)) if one.dev() == other.dev() && one.ino() == other.ino()
        )
    }
    #[cfg(not(unix))]
    same_folder(one, other)
}
