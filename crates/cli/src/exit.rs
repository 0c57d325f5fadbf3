//! How the program ends.

use docent::{Error, ErrorKind};

/// The exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, or answered.
    Done = 0,
    /// Failed, or something is left undone.
    Failed = 1,
    /// Wrong usage, or a configuration that makes no sense.
    Usage = 2,
    /// Nothing found, or not answerable from these documents.
    Nothing = 3,
    /// Stopped by Ctrl-C: 128 + SIGINT.
    Interrupted = 130,
}

impl Exit {
    /// `Done` or, where something is left undone, `Failed`.
    pub(crate) fn failed_if(failed: bool) -> Self {
        if failed { Self::Failed } else { Self::Done }
    }

    /// How a program ends that fails with `error`.
    pub(crate) fn of(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Usage | ErrorKind::Config => Self::Usage,
            ErrorKind::Interrupted => Self::Interrupted,
            _ => Self::Failed,
        }
    }
}
