//! The models folder: what is installed, and what would fit.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use docent_core::{Error, ErrorKind, Result};
use serde::Serialize;

use crate::{
    catalogue::{Catalogue, Entry, Role},
    import::MANIFEST,
    verify::{Finding, Record},
};

/// The models of one folder. Cheap to make; nothing is read but manifests.
#[derive(Clone, Debug)]
pub struct ModelStore {
    pub(crate) folder: PathBuf,
    pub(crate) catalogue: Catalogue,
}

/// Whether a model can be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "state", content = "why", rename_all = "snake_case")]
pub enum ModelState {
    /// All its files are there, and are the pinned ones.
    Installed,
    /// A file is not there.
    Missing,
    /// A file is there with other bytes: which, and how it differs.
    Damaged(String),
}

/// One line of `docent models list`.
#[derive(Clone, Debug, Serialize)]
pub struct ModelStatus {
    /// What is known about it.
    #[serde(flatten)]
    pub entry: Entry,
    /// Whether it can be used.
    #[serde(flatten)]
    pub state: ModelState,
    /// Bytes on disk; of a model that is missing, what it would take, as far as known.
    pub bytes: u64,
}

/// A model that can be loaded.
#[derive(Clone, Debug)]
pub struct InstalledModel {
    /// What is known about it. Its name is the key of its vectors, and may differ from the name asked for: a model may
    /// stand in for the same one with other bytes.
    pub entry: Entry,
    /// Where its files lie.
    pub folder: PathBuf,
    /// Its files, in the entry's order; the first is the one to load. Optional ones that are not there are left out.
    pub files: Vec<PathBuf>,
}

impl InstalledModel {
    /// The file to load: the ONNX graph, the first GGUF part, the library.
    pub fn main_file(&self) -> &Path {
        self.files.first().map_or(self.folder.as_path(), PathBuf::as_path)
    }
}

impl ModelStore {
    /// The models in `folder` (as [`docent_core::models_folder`] names it), which need not exist yet.
    ///
    /// # Errors
    /// A manifest in it cannot be read.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self> {
        Self::with_catalogue(folder, Catalogue::built_in()?)
    }

    /// The same with another catalogue than the one compiled in.
    ///
    /// # Errors
    /// A manifest in the folder cannot be read.
    pub fn with_catalogue(folder: impl Into<PathBuf>, catalogue: Catalogue) -> Result<Self> {
        let mut store = Self { folder: folder.into(), catalogue };
        store.add_manifests()?;
        Ok(store)
    }

    /// Adds the models that were imported with a manifest of their own.
    pub(crate) fn add_manifests(&mut self) -> Result<()> {
        let Ok(folders) = fs::read_dir(&self.folder) else { return Ok(()) };
        let mut paths: Vec<PathBuf> =
            folders.filter_map(|entry| Some(entry.ok()?.path().join(MANIFEST))).collect();
        paths.sort();
        for path in paths {
            let text = match fs::read_to_string(&path) {
                Ok(text) => text,
                Err(cause)
                    if matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
                {
                    continue;
                }
                Err(cause) => return Err(Error::io("read", &path, cause)),
            };
            // One that a newer docent wrote, say, must not take all the other models away.
            let manifest = match Catalogue::from_manifest(&text, &path) {
                Ok(manifest) => manifest,
                Err(error) => {
                    tracing::error!("passed over {}: {error}", path.display());
                    continue;
                }
            };
            for entry in manifest.models {
                if !self.catalogue.models.iter().any(|known| known.name == entry.name) {
                    self.catalogue.models.push(entry);
                }
            }
        }
        Ok(())
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Everything that is known.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Every known model and its state. Files that changed since they were last hashed are hashed again.
    ///
    /// # Errors
    /// A file is there but cannot be read.
    pub fn list(&self) -> Result<Vec<ModelStatus>> {
        self.catalogue
            .models
            .iter()
            .map(|entry| {
                let state = self.state(entry)?;
                let bytes = match &state {
                    ModelState::Missing => entry.bytes(),
                    _ => self.bytes_on_disk(entry),
                };
                Ok(ModelStatus { entry: entry.clone(), state, bytes })
            })
            .collect()
    }

    /// The model of this name, or, where it is not installed or damaged, the one that stands in for it.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]: no model has this name. [`ErrorKind::ModelMissing`]: it is not installed.
    /// [`ErrorKind::ModelDamaged`]: a file has other bytes than the pinned ones. The hints say how to mend each.
    pub fn locate(&self, name: &str) -> Result<InstalledModel> {
        let entry = self.catalogue.get(name)?;
        let state = self.state(entry)?;
        if state == ModelState::Installed {
            return Ok(self.installed(entry));
        }
        for stand_in in self.stand_ins(name) {
            if self.state(stand_in)? == ModelState::Installed {
                return Ok(self.installed(stand_in));
            }
        }
        let error = match state {
            ModelState::Damaged(why) => {
                Error::new(ErrorKind::ModelDamaged, format!("the model {name} is damaged: {why}"))
                    .hint(format!("get it again: {}", self.way_in(entry)))
            }
            _ => Error::new(ErrorKind::ModelMissing, format!("the model {name} is not installed"))
                .hint(format!("get it: {}", self.way_in(entry))),
        };
        Err(error.at(self.folder.join(name)))
    }

    /// Names of the models that suit a machine with this much memory, in bytes: an embedder, a generator and the
    /// native libraries. Larger ones are had by name.
    pub fn default_set(&self, memory_bytes: u64) -> Vec<String> {
        let megabytes = memory_bytes >> 20;
        let roles = [Role::Runtime, Role::ParserLibrary, Role::Embedder, Role::Generator];
        let best = |role: Role| {
            let fitting = self.catalogue.models.iter().filter(move |entry| {
                entry.role == role && entry.default_from_mb.is_some_and(|from| from <= megabytes)
            });
            // Of the libraries all are needed, and of a model one.
            let all = matches!(role, Role::Runtime | Role::ParserLibrary);
            let mut fitting: Vec<&Entry> = fitting.collect();
            if !all {
                fitting = fitting.into_iter().max_by_key(|entry| entry.default_from_mb).into_iter().collect();
            }
            fitting
        };
        roles.into_iter().flat_map(best).map(|entry| entry.name.clone()).collect()
    }

    /// Compares a model's files with their pins.
    pub(crate) fn state(&self, entry: &Entry) -> Result<ModelState> {
        let folder = self.folder.join(&entry.name);
        let mut record = Record::load(&folder);
        let mut state = ModelState::Installed;
        for file in &entry.files {
            match record.check(&folder, file)? {
                Finding::Sound => {}
                Finding::Missing if file.optional => {}
                Finding::Missing => state = ModelState::Missing,
                Finding::Damaged(why) => return Ok(ModelState::Damaged(why)),
            }
        }
        if folder.is_dir() {
            record.save(&folder);
        }
        Ok(state)
    }

    /// Models that are the same as `name` with other bytes.
    pub(crate) fn stand_ins<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.catalogue.models.iter().filter(move |entry| entry.stands_in_for.as_deref() == Some(name))
    }

    /// What a person does to get a model or what stands in for it.
    pub(crate) fn way_in(&self, entry: &Entry) -> String {
        if entry.on_hub() || !self.stand_ins(&entry.name).any(Entry::on_hub) {
            return entry.way_in();
        }
        format!(
            "'docent models pull {}', which takes the hub's form of it; where no model hub can be reached, {}",
            entry.name,
            entry.way_in()
        )
    }

    fn installed(&self, entry: &Entry) -> InstalledModel {
        let folder = self.folder.join(&entry.name);
        let files =
            entry.files.iter().map(|file| folder.join(&file.name)).filter(|path| path.is_file()).collect();
        InstalledModel { entry: entry.clone(), folder, files }
    }

    fn bytes_on_disk(&self, entry: &Entry) -> u64 {
        let folder = self.folder.join(&entry.name);
        entry
            .files
            .iter()
            .filter_map(|file| fs::metadata(folder.join(&file.name)).ok())
            .map(|metadata| metadata.len())
            .sum()
    }
}
