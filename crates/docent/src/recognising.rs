//! OCR as the configuration names it: in child processes where the program has them, else in this one.

use std::{ops::ControlFlow, path::Path, sync::Mutex};

use docent_core::{Config, Error, ErrorKind, ParseError, ParsedDocument, RecognisedPage, Recogniser, Result};
use docent_models::{ModelStore, Role};
use docent_parse::{
    OcrSpec, ParseOptions, Parsers,
    workers::{WorkerLimits, WorkerPool},
};

use crate::workers;

/// A page takes more processor time than a small file, and the model memory of its own: so many times the limits of
/// parsing.
const MORE: u64 = 2;
/// Memory that the model takes whatever the limit is.
const MODEL: u64 = 1 << 30;

/// The configured OCR.
pub(crate) enum ConfiguredRecogniser {
    Workers(WorkerPool),
    Here(Box<Mutex<Parsers>>),
}

/// # Errors
/// The configuration names a model that the catalogue does not have, or that is not for OCR.
pub(crate) fn check(config: &Config, models: &ModelStore) -> Result<()> {
    let name = &config.models.ocr;
    if name.is_empty() || models.catalogue().get(name)?.role == Role::Ocr {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Config, format!("models.ocr is {name}, which is not for OCR"))
        .hint("`docent models list` shows which model plays which role"))
}

/// What a person does to have scans read.
pub(crate) fn way_in(config: &Config) -> String {
    if config.models.ocr.is_empty() {
        "OCR is off: `docent models use ocr NAME` turns it on, `docent models list` names models".into()
    } else {
        format!("its model {} is not installed: `docent doctor` says how to get it", config.models.ocr)
    }
}

impl ConfiguredRecogniser {
    /// `None` where OCR is off, or not installed.
    pub(crate) fn new(config: &Config, models: &ModelStore, options: ParseOptions) -> Option<Self> {
        let spec = spec(config, models).map_err(|error| tracing::debug!("{error:?}")).ok()??;
        let options = ParseOptions { ocr: Some(spec), ..options };
        Some(match workers::command() {
            // It loads the model when it is first needed.
            None => Self::Here(Box::new(Mutex::new(Parsers::new(options)))),
            Some(command) => {
                let limits = WorkerLimits {
                    memory: ((config.index.parse_memory_mb << 20) * MORE).max(MODEL),
                    seconds: config.index.parse_seconds * MORE,
                };
                Self::Workers(WorkerPool::new(command.clone(), options, limits))
            }
        })
    }
}

/// The files of the configured model; `None` where OCR is off.
///
/// # Errors
/// The model or ONNX Runtime is missing or damaged.
pub(crate) fn spec(config: &Config, models: &ModelStore) -> Result<Option<OcrSpec>> {
    if config.models.ocr.is_empty() {
        return Ok(None);
    }
    let model = models.locate(&config.models.ocr)?;
    // Workers stand in another folder.
    let absolute = |path: std::path::PathBuf| std::path::absolute(&path).unwrap_or(path);
    let mut files = model.entry.files.iter().map(|file| absolute(model.folder.join(&file.name)));
    let (Some(detector), Some(recogniser)) = (files.next(), files.next()) else {
        let message = format!("{} does not have the two files of an OCR model", model.entry.name);
        return Err(
            Error::new(ErrorKind::Config, message).hint("docs/models.md shows what its manifest holds")
        );
    };
    let runtime = absolute(models.runtime()?);
    Ok(Some(OcrSpec { detector, recogniser, runtime, threads: config.models.threads }))
}

impl Recogniser for ConfiguredRecogniser {
    fn recognise(
        &self,
        path: &Path,
        bytes: &[u8],
        known: &[RecognisedPage],
        on_page: &mut dyn FnMut(RecognisedPage) -> ControlFlow<()>,
    ) -> std::result::Result<Option<ParsedDocument>, ParseError> {
        match self {
            Self::Workers(pool) => pool.recognise(path, bytes, known, on_page),
            Self::Here(parsers) => {
                let parsers = parsers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                parsers.parse_with(path, bytes, known).map(Some)
            }
        }
    }
}
