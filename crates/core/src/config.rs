//! The configuration file, `config.toml` in the home folder. Defaults < file < environment < flags.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, Result};

/// All settings, each with its default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Which models play which role, and where they live.
    pub models: ModelsConfig,
    /// What is read, and how it is cut.
    pub index: IndexConfig,
    /// How folders are watched.
    pub watch: WatchConfig,
    /// How questions are searched.
    pub search: SearchConfig,
    /// How questions are answered.
    pub ask: AskConfig,
}

/// Which models play which role, and where they live.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelsConfig {
    /// Where models live, relative to the home if it is not absolute. Without one: the platform's data folder.
    /// `DOCENT_MODELS` overrides it.
    pub folder: Option<PathBuf>,
    /// The model that turns text into vectors.
    pub embedder: String,
    /// The model that writes answers.
    pub generator: String,
    /// The model that reorders hits; empty for none.
    pub reranker: String,
    /// The model that reads scans and pictures; empty for none: they are left out then.
    pub ocr: String,
    /// Threads that a model may use; 0 for one per core (for the generator: per core that is idle when it begins).
    pub threads: usize,
}

impl Default for ModelsConfig {
    fn default() -> Self {
        Self {
            folder: None,
            embedder: "multilingual-e5-small".into(),
            generator: "qwen2.5-coder-0.5b-instruct".into(),
            reranker: String::new(),
            ocr: "pp-ocrv6-small".into(),
            threads: 0,
        }
    }
}

/// What is read, and how it is cut.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IndexConfig {
    /// Larger files are skipped, in megabytes.
    pub max_file_mb: u64,
    /// Tokens per passage, headings included, counted by the embedder.
    pub passage_tokens: usize,
    /// Whether `.gitignore` files are honoured as `.docentignore` files are.
    pub gitignore: bool,
    /// Whether hidden files and folders are read.
    pub hidden: bool,
    /// Whether archives (zip, tar, gzip, 7z) are opened and their members read.
    pub archives: bool,
    /// Threads that parse; 0 for one per core.
    pub parse_threads: usize,
    /// Processor time that a file may take to be read, in seconds; by the clock, three times as much.
    pub parse_seconds: u64,
    /// Memory that reading a file may take, in megabytes.
    pub parse_memory_mb: u64,
}

impl Default for IndexConfig {
    fn default() -> Self {
        Self {
            max_file_mb: 256,
            passage_tokens: 256,
            gitignore: false,
            hidden: false,
            archives: true,
            parse_threads: 0,
            parse_seconds: 60,
            parse_memory_mb: 1024,
        }
    }
}

impl IndexConfig {
    /// The most bytes that a file may have to be read, and the rule that a larger one breaks, in words. Whoever reads a
    /// file holds all of it, so what does not fit in that memory need not be tried.
    pub fn size_limit(&self) -> (u64, String) {
        let (limit, key) = if self.parse_memory_mb < self.max_file_mb {
            (self.parse_memory_mb, "parse_memory_mb")
        } else {
            (self.max_file_mb, "max_file_mb")
        };
        (limit.saturating_mul(1 << 20), format!("larger than {limit} MB (index.{key})"))
    }
}

/// How folders are watched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WatchConfig {
    /// A file is read when it has been quiet for this long, in milliseconds.
    pub debounce_ms: u64,
    /// Everything is looked at again after this many seconds, events or none.
    pub rescan_seconds: u64,
    /// Roots that give no events are looked at this often, in seconds.
    pub poll_seconds: u64,
    /// Models are let go after this many seconds without use.
    pub idle_seconds: u64,
}

impl Default for WatchConfig {
    fn default() -> Self {
        Self { debounce_ms: 250, rescan_seconds: 600, poll_seconds: 10, idle_seconds: 300 }
    }
}

/// How questions are searched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SearchConfig {
    /// Hits to return.
    pub hits: usize,
    /// Candidates taken from each store before they are fused.
    pub candidates: usize,
}

impl Default for SearchConfig {
    fn default() -> Self {
        Self { hits: 10, candidates: 200 }
    }
}

/// How questions are answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AskConfig {
    /// Tokens that prompt and answer may have together.
    pub context_tokens: usize,
    /// The most tokens of an answer.
    pub answer_tokens: usize,
    /// The most passages that the model is given.
    pub passages: usize,
    /// 0 takes the likeliest word always, so that the same question gets the same answer.
    pub temperature: f32,
    /// For temperatures above 0.
    pub seed: u32,
}

impl Default for AskConfig {
    fn default() -> Self {
        Self { context_tokens: 4096, answer_tokens: 256, passages: 5, temperature: 0.0, seed: 42 }
    }
}

impl Config {
    /// Reads `file`; without one, the defaults.
    ///
    /// # Errors
    /// The file cannot be read, has a key that does not exist, or a value out of range: the message names it.
    pub fn load(file: &Path) -> Result<Self> {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(cause) => return Err(Error::io("read", file, cause)),
        };
        let mut config: Self = toml::from_str(&text).map_err(|cause| {
            Error::new(ErrorKind::Config, format!("{} is not a valid configuration", file.display()))
                .at(file)
                .hint("docs/configuration.md lists every key with its default")
                .caused_by(cause)
        })?;
        config
            .validate()
            .map_err(|why| Error::new(ErrorKind::Config, format!("{}: {why}", file.display())).at(file))?;
        // The same folder for every process, wherever it was started.
        if let (Some(folder), Some(home)) = (&mut config.models.folder, file.parent()) {
            *folder = home.join(&*folder);
        }
        Ok(config)
    }

    fn validate(&self) -> Result<(), String> {
        let in_range = [
            ("index.passage_tokens", self.index.passage_tokens, 32, 8192),
            ("index.parse_seconds", self.index.parse_seconds as usize, 1, 86_400),
            ("index.parse_memory_mb", self.index.parse_memory_mb as usize, 128, 1 << 20),
            ("search.hits", self.search.hits, 1, 1000),
            ("search.candidates", self.search.candidates, 1, 10_000),
            ("ask.context_tokens", self.ask.context_tokens, 512, 1 << 20),
            ("ask.answer_tokens", self.ask.answer_tokens, 1, 1 << 16),
            ("ask.passages", self.ask.passages, 1, 100),
        ];
        for (key, value, low, high) in in_range {
            if !(low..=high).contains(&value) {
                return Err(format!("{key} is {value}, must be from {low} to {high}"));
            }
        }
        if !(0.0..=5.0).contains(&self.ask.temperature) {
            return Err(format!("ask.temperature is {}, must be from 0 to 5", self.ask.temperature));
        }
        if self.models.embedder.is_empty() {
            return Err("models.embedder is empty, must name a model".into());
        }
        Ok(())
    }

    /// The file with every key at its default, as `docs/configuration.md` shows it.
    ///
    /// # Errors
    /// Never in practice: the defaults can be written as TOML.
    pub fn default_file() -> Result<String> {
        toml::to_string(&Self::default())
            .map_err(|cause| Error::new(ErrorKind::Internal, "cannot write the defaults").caused_by(cause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_is_named() {
        let error = toml::from_str::<Config>("[index]\npasage_tokens = 3\n").unwrap_err();
        assert!(error.to_string().contains("pasage_tokens"), "{error}");
    }

    #[test]
    fn the_smaller_of_two_limits_counts() {
        let mut index = IndexConfig::default();
        assert_eq!(index.size_limit(), (256 << 20, "larger than 256 MB (index.max_file_mb)".to_owned()));
        index.max_file_mb = 4096;
        let (bytes, rule) = index.size_limit();
        assert!(bytes == 1 << 30 && rule.contains("1024 MB (index.parse_memory_mb)"), "{bytes}: {rule}");
    }

    #[test]
    fn defaults_are_valid_and_survive_their_file() {
        let config = Config::default();
        config.validate().unwrap();
        let text = Config::default_file().unwrap();
        assert_eq!(toml::from_str::<Config>(&text).unwrap(), config);
    }
}
