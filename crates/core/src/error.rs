//! One error for every crate: what kind, what was being done, to which file, why, and what to do next.

use std::{
    error::Error as StdError,
    fmt, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// The result of everything that can fail in docent.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, in the words that `--json` prints as `error.kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The arguments do not make sense (exit code 2).
    Usage,
    /// The configuration file has a typo or a value out of range (exit code 2).
    Config,
    /// A path, collection, model or document that was named does not exist.
    NotFound,
    /// The operating system refused access.
    Permission,
    /// Reading or writing failed for another reason.
    Io,
    /// No room is left on the disk.
    DiskFull,
    /// Another process holds the writer lock.
    Locked,
    /// The index was written by another version, or with another embedder.
    IndexVersion,
    /// The stores disagree or cannot be read.
    IndexDamaged,
    /// The home folder cannot hold an index (file system without hard links, say).
    HomeUnfit,
    /// A model is not installed.
    ModelMissing,
    /// A model is installed, but its bytes are not the ones that were pinned.
    ModelDamaged,
    /// The ONNX Runtime or pdfium library is missing, or too old.
    RuntimeMissing,
    /// A model could not be loaded or failed while it ran.
    Model,
    /// Something was fetched and the other side failed or sent the wrong bytes.
    Download,
    /// A document could not be parsed.
    Parse,
    /// A watched root cannot be reached.
    Unavailable,
    /// Ctrl-C or SIGINT (exit code 130).
    Interrupted,
    /// A mistake in docent itself.
    Internal,
}

impl ErrorKind {
    /// The name that `--json` prints.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::Config => "config",
            Self::NotFound => "not_found",
            Self::Permission => "permission",
            Self::Io => "io",
            Self::DiskFull => "disk_full",
            Self::Locked => "locked",
            Self::IndexVersion => "index_version",
            Self::IndexDamaged => "index_damaged",
            Self::HomeUnfit => "home_unfit",
            Self::ModelMissing => "model_missing",
            Self::ModelDamaged => "model_damaged",
            Self::RuntimeMissing => "runtime_missing",
            Self::Model => "model",
            Self::Download => "download",
            Self::Parse => "parse",
            Self::Unavailable => "unavailable",
            Self::Interrupted => "interrupted",
            Self::Internal => "internal",
        }
    }
}

/// A failure with everything a person needs to mend it.
///
/// `message` says what was being done, in lower case and without a full stop; the cause chain says why.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    path: Option<PathBuf>,
    hint: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// A failure of `kind`, described by `message`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), path: None, hint: None, source: None }))
    }

    /// A failed file operation: `doing` is a verb phrase, `"read"` say. The kind follows from the cause.
    pub fn io(doing: &str, path: impl Into<PathBuf>, cause: io::Error) -> Self {
        let path = path.into();
        let (kind, hint) = match cause.kind() {
            io::ErrorKind::NotFound => (ErrorKind::NotFound, None),
            io::ErrorKind::PermissionDenied => {
                (ErrorKind::Permission, Some("check who owns it and its permissions"))
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                (ErrorKind::DiskFull, Some("free some space and run the command again: nothing was lost"))
            }
            io::ErrorKind::Interrupted => (ErrorKind::Interrupted, None),
            _ => (ErrorKind::Io, None),
        };
        let mut error = Self::new(kind, format!("cannot {doing} {}", path.display())).caused_by(cause);
        error.0.path = Some(path);
        error.0.hint = hint.map(str::to_owned);
        error
    }

    /// Names the file that the failure is about.
    #[must_use]
    pub fn at(mut self, path: impl Into<PathBuf>) -> Self {
        self.0.path = Some(path.into());
        self
    }

    /// Says what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Keeps the error underneath.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(cause.into());
        self
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What was being done, without the causes.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The file it is about.
    pub fn path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    /// What to do next.
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The causes underneath, outermost first, each as one line and without repeats.
    pub fn causes(&self) -> Vec<String> {
        let mut causes: Vec<String> = Vec::new();
        let mut next = self.source();
        while let Some(cause) = next {
            let line = cause.to_string();
            if causes.last() != Some(&line) {
                causes.push(line);
            }
            next = cause.source();
        }
        causes
    }

    /// The form that `--json` prints under `error`.
    pub fn to_report(&self) -> ErrorReport {
        let mut message = self.0.message.clone();
        for cause in self.causes() {
            message.push_str(": ");
            message.push_str(&cause);
        }
        ErrorReport {
            kind: self.0.kind,
            message,
            path: self.0.path.as_ref().map(|path| path.display().to_string()),
            hint: self.0.hint.clone(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.to_report();
        write!(f, "{}: {}", report.kind.as_str(), report.message)?;
        if let Some(hint) = report.hint {
            write!(f, " ({hint})")?;
        }
        Ok(())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// An [`Error`] as data: what `--json` prints, and what one process tells another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReport {
    /// What went wrong.
    pub kind: ErrorKind,
    /// What was being done, and why it failed.
    pub message: String,
    /// The file it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl From<ErrorReport> for Error {
    fn from(report: ErrorReport) -> Self {
        let mut error = Self::new(report.kind, report.message);
        error.0.path = report.path.map(PathBuf::from);
        error.0.hint = report.hint;
        error
    }
}

/// Gives the path and the verb to a failed file operation.
pub trait IoContext<T> {
    /// Turns an I/O error into an [`Error`] that names `path`.
    ///
    /// # Errors
    /// The I/O error, with what was being done.
    fn doing(self, doing: &str, path: impl AsRef<Path>) -> Result<T>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn doing(self, doing: &str, path: impl AsRef<Path>) -> Result<T> {
        self.map_err(|cause| Error::io(doing, path.as_ref(), cause))
    }
}
