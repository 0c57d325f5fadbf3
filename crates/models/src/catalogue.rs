//! What is known about each model: a table compiled in, and manifests beside models that somebody added.

use std::{collections::BTreeMap, path::Path};

use docent_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

const BUILT_IN: &str = include_str!("catalogue.toml");

/// What a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Turns text into vectors.
    Embedder,
    /// Reorders hits.
    Reranker,
    /// Writes answers.
    Generator,
    /// Reads scans and pictures.
    Ocr,
    /// The library that embedders, rerankers and OCR run on.
    Runtime,
    /// A library that a parser needs.
    ParserLibrary,
}

impl Role {
    /// The word that people type and read.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Embedder => "embedder",
            Self::Reranker => "reranker",
            Self::Generator => "generator",
            Self::Ocr => "ocr",
            Self::Runtime => "runtime",
            Self::ParserLibrary => "parser-library",
        }
    }
}

/// How the vectors of a text's tokens become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// Their mean.
    Mean,
    /// The first token's.
    Cls,
}

/// One file of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Its name within the model's folder, without a folder of its own.
    pub name: String,
    /// Its size, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The sha256 of its bytes, in lower-case hex; where it is not known, the first pull or import records it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Whether the model works without it (a licence text).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
}

/// Where a model can be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Source {
    /// A repository on the model hub.
    Hub {
        /// `owner/name`.
        repo: String,
        /// The commit, or a branch where no commit is known.
        revision: String,
        /// Paths within the repository of files that are not at its top under their own names.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        paths: BTreeMap<String, String>,
    },
    /// Package registries, through `make models` in docent's source tree.
    Registry,
    /// Only files that somebody brings: `docent models import`.
    Import,
}

/// One model, or one native library.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its name, which is also its folder. Two sets of weights never share one: the name of an embedder is part of
    /// the key of its vectors.
    pub name: String,
    /// What it is for.
    pub role: Role,
    /// One line for people.
    pub summary: String,
    /// Languages it was made for, as codes, or `multilingual`.
    pub languages: Vec<String>,
    /// Its licence (SPDX).
    pub licence: String,
    /// Numbers in a vector (embedders).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimensions: Option<usize>,
    /// The longest input, in its own tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<usize>,
    /// How an embedder pools; `None` for other roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pooling: Option<Pooling>,
    /// What goes in front of a question before it is embedded.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub query_prefix: String,
    /// What goes in front of a passage before it is embedded.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub passage_prefix: String,
    /// Memory it takes in use, in megabytes.
    pub memory_mb: u64,
    /// It belongs to the default set of machines with at least this much memory, in megabytes; of several of a
    /// role, the one with the largest such number that the machine reaches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_from_mb: Option<u64>,
    /// The model that this one serves for where that one is not installed: the same model with other bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stands_in_for: Option<String>,
    /// Where it can be had, best first.
    pub sources: Vec<Source>,
    /// Its files. The first is the one that is loaded.
    pub files: Vec<FileEntry>,
}

impl Entry {
    /// The size of all its files, as far as known, in bytes.
    pub fn bytes(&self) -> u64 {
        self.files.iter().filter_map(|file| file.bytes).sum()
    }

    /// Whether a model hub has it.
    pub fn on_hub(&self) -> bool {
        self.sources.iter().any(|source| matches!(source, Source::Hub { .. }))
    }

    /// What a person brings to import a model of the hub: files without a pin are known by the record beside them only.
    pub(crate) fn to_be_carried(&self) -> &'static str {
        if self.files.iter().any(|file| file.sha256.is_none() && !file.optional) {
            "a copy of another machine's models folder"
        } else {
            "its files"
        }
    }

    /// What a person does to get it.
    pub fn way_in(&self) -> String {
        let import = "'docent models import PATH'";
        let registry = self.sources.contains(&Source::Registry);
        match (self.on_hub(), registry) {
            (true, true) => format!(
                "'docent models pull {}'; where no model hub can be reached, 'make models' in the source tree or {import}",
                self.name
            ),
            (true, false) => {
                format!("'docent models pull {}', or {import} with {}", self.name, self.to_be_carried())
            }
            (false, true) => format!("'make models' in the source tree, or {import} with its files"),
            (false, false) => format!("{import} with its files"),
        }
    }
}

/// All models that are known.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// In the order they are shown in.
    #[serde(rename = "model")]
    pub models: Vec<Entry>,
}

impl Catalogue {
    /// The models that docent comes with.
    ///
    /// # Errors
    /// The table compiled in is not one: a mistake in docent itself.
    pub fn built_in() -> Result<Self> {
        let catalogue: Self = toml::from_str(BUILT_IN).map_err(|cause| {
            Error::new(ErrorKind::Internal, "the model catalogue cannot be read").caused_by(cause)
        })?;
        Ok(catalogue)
    }

    /// Models out of a manifest: the same format as the table compiled in.
    ///
    /// # Errors
    /// It is not one, or names a file outside the model's folder.
    pub fn from_manifest(text: &str, path: &Path) -> Result<Self> {
        let bad = |message: String| {
            Error::new(ErrorKind::Config, message)
                .at(path)
                .hint("docs/models.md shows what a model manifest holds")
        };
        let mut catalogue: Self = toml::from_str(text)
            .map_err(|cause| bad(format!("cannot read {}", path.display())).caused_by(cause))?;
        for entry in &mut catalogue.models {
            if !is_plain_name(&entry.name) {
                return Err(bad(format!("'{}' cannot be the name of a model", entry.name)));
            }
            if entry.files.is_empty() {
                return Err(bad(format!("{} names no files", entry.name)));
            }
            if let Some(file) = entry.files.iter().find(|file| !is_plain_name(&file.name)) {
                return Err(bad(format!("{}: '{}' is not a plain file name", entry.name, file.name)));
            }
            for file in &mut entry.files {
                // Some tools write them in capitals.
                let Some(sum) = &mut file.sha256 else { continue };
                sum.make_ascii_lowercase();
                if sum.len() != 64 || !sum.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    let why = format!("{}: the sha256 of {} is not 64 hex digits", entry.name, file.name);
                    return Err(bad(why));
                }
            }
        }
        Ok(catalogue)
    }

    /// The model of this name.
    ///
    /// # Errors
    /// There is none; the hint lists names that are close, or all of them.
    pub fn get(&self, name: &str) -> Result<&Entry> {
        self.models.iter().find(|entry| entry.name == name).ok_or_else(|| {
            let known: Vec<&str> = self.models.iter().map(|entry| entry.name.as_str()).collect();
            Error::new(ErrorKind::NotFound, format!("no model is called '{name}'"))
                .hint(format!("'docent models list' shows them: {}", known.join(", ")))
        })
    }
}

/// Whether `name` stays within the folder it is put in, and is none of docent's own.
fn is_plain_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name != crate::verify::RECORD
        && name.chars().all(|c| c.is_alphanumeric() || "-_. +".contains(c))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashMap};

    use super::*;

    #[test]
    fn the_built_in_table_is_sound() {
        let catalogue = Catalogue::built_in().unwrap();
        let names: BTreeSet<_> = catalogue.models.iter().map(|entry| &entry.name).collect();
        assert_eq!(names.len(), catalogue.models.len(), "a name occurs twice");
        for entry in &catalogue.models {
            assert!(is_plain_name(&entry.name) && !entry.files.is_empty() && !entry.sources.is_empty());
            assert_eq!(entry.role == Role::Embedder, entry.pooling.is_some(), "{}", entry.name);
            assert_eq!(entry.role == Role::Embedder, entry.dimensions.is_some(), "{}", entry.name);
            for file in &entry.files {
                assert!(is_plain_name(&file.name), "{}", file.name);
                if let Some(sum) = &file.sha256 {
                    assert!(
                        sum.len() == 64 && sum.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')),
                        "{sum}"
                    );
                    assert!(file.bytes.is_some(), "{} is pinned but its size is not known", file.name);
                }
            }
            if let Some(other) = &entry.stands_in_for {
                assert_eq!(catalogue.get(other).unwrap().role, entry.role);
            }
        }
    }

    #[test]
    fn what_make_models_makes_is_what_is_pinned() {
        let sums = include_str!("../../../scripts/models/SHA256SUMS");
        let made: HashMap<&str, &str> =
            sums.lines().filter_map(|line| line.split_once("  ").map(|(sum, path)| (path, sum))).collect();
        let mut pinned = 0;
        for entry in &Catalogue::built_in().unwrap().models {
            if !entry.sources.contains(&Source::Registry) {
                continue;
            }
            for file in &entry.files {
                let path = format!("{}/{}", entry.name, file.name);
                assert_eq!(made.get(path.as_str()).copied(), file.sha256.as_deref(), "{path}");
                pinned += 1;
            }
        }
        assert_eq!(pinned, made.len());
    }

    #[test]
    fn a_manifest_cannot_leave_its_folder() {
        let manifest = |name: &str, file: &str| {
            format!(
                "[[model]]\nname = '{name}'\nrole = 'generator'\nsummary = ''\nlanguages = []\nlicence = 'MIT'\n\
                 memory_mb = 1\nsources = [{{ kind = 'import' }}]\nfiles = [{{ name = '{file}' }}]\n"
            )
        };
        let read = |text: String| Catalogue::from_manifest(&text, Path::new("m.toml"));
        assert_eq!(read(manifest("mine", "mine.gguf")).unwrap().models.len(), 1);
        for (name, file) in
            [("..", "a"), ("a/b", "a"), ("mine", "../a"), ("mine", ".."), ("mine", "verified.json")]
        {
            assert_eq!(read(manifest(name, file)).unwrap_err().kind(), ErrorKind::Config, "{name} {file}");
        }
        assert_eq!(read("[[model]]\nnam = 1".into()).unwrap_err().kind(), ErrorKind::Config);
    }

    #[test]
    fn a_sha256_is_read_in_capitals_too_and_has_64_digits() {
        let read = |sum: &str| {
            let text = format!(
                "[[model]]\nname = 'mine'\nrole = 'generator'\nsummary = ''\nlanguages = []\nlicence = 'MIT'\n\
                 memory_mb = 1\nsources = [{{ kind = 'import' }}]\nfiles = [{{ name = 'a', sha256 = '{sum}' }}]\n"
            );
            Catalogue::from_manifest(&text, Path::new("m.toml"))
        };
        let read_back = read(&"AB".repeat(32)).unwrap();
        assert_eq!(read_back.models[0].files[0].sha256, Some("ab".repeat(32)));
        for sum in ["", "ab", &"g".repeat(64)] {
            assert_eq!(read(sum).unwrap_err().kind(), ErrorKind::Config, "{sum}");
        }
    }

    #[test]
    fn what_has_no_pin_comes_with_a_record_only() {
        let catalogue = Catalogue::built_in().unwrap();
        let way_in = |name: &str| catalogue.get(name).unwrap().way_in();
        assert!(way_in("bge-reranker-v2-m3").ends_with("with a copy of another machine's models folder"));
        assert!(way_in("bge-m3").ends_with("with its files"), "{}", way_in("bge-m3"));
    }
}
