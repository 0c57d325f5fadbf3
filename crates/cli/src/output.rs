//! Standard output and standard error: who reads them, and in what form.

use std::{
    ffi::OsString,
    io::{self, IsTerminal, Write},
};

use anstream::{AutoStream, ColorChoice};
use docent::{Error, ErrorKind, Result};
use serde::Serialize;

use crate::args::{Color, Global};

/// The widest that text for people gets, in columns.
const WIDEST: usize = 100;

/// How results and messages are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    /// Whether results are JSON.
    pub(crate) json: bool,
    /// Whether progress and notes are left out.
    pub(crate) quiet: bool,
}

#[expect(clippy::unused_self, reason = "all output goes through it, so that all of it follows the flags")]
impl Output {
    /// What can be told before the arguments are parsed, so that wrong arguments are reported in the right form.
    pub(crate) fn before_parsing(words: &[OsString]) -> Self {
        let options = || words.iter().skip(1).take_while(|word| *word != "--");
        let says = |text: &str| options().any(|word| word == text);
        let color = |choice: &str| {
            says(&format!("--color={choice}"))
                || options().zip(options().skip(1)).any(|(a, b)| a == "--color" && b == choice)
        };
        if color("never") {
            ColorChoice::Never.write_global();
        } else if color("always") {
            ColorChoice::Always.write_global();
        }
        Self { json: says("--json"), quiet: false }
    }

    /// Takes over what was parsed.
    pub(crate) fn take(&mut self, global: &Global) {
        self.json = global.json;
        self.quiet = global.quiet;
        match global.color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        }
        .write_global();
    }

    /// Writes the result: `value` as JSON, or the text that `people` makes of it (with colours, which are taken out
    /// where nobody sees them).
    ///
    /// # Errors
    /// Standard output cannot be written. A reader that went away is no error.
    pub(crate) fn result<T: Serialize>(self, value: &T, people: impl FnOnce(&T) -> String) -> Result<()> {
        if self.json { self.object(value) } else { self.text(&people(value)) }
    }

    /// Writes one object as a line of JSON.
    ///
    /// # Errors
    /// As [`Output::result`].
    pub(crate) fn object<T: Serialize + ?Sized>(self, value: &T) -> Result<()> {
        let mut line = serde_json::to_vec(value)
            .map_err(|cause| Error::new(ErrorKind::Internal, "cannot write JSON").caused_by(cause))?;
        line.push(b'\n');
        let mut out = io::stdout().lock();
        written(out.write_all(&line).and_then(|()| out.flush()))
    }

    /// Writes text for people to standard output.
    ///
    /// # Errors
    /// As [`Output::result`].
    pub(crate) fn text(self, text: &str) -> Result<()> {
        let mut out = AutoStream::auto(io::stdout().lock());
        written(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
    }

    /// Writes bytes as they are to standard output.
    ///
    /// # Errors
    /// As [`Output::result`].
    pub(crate) fn bytes(self, bytes: &[u8]) -> Result<()> {
        let mut out = io::stdout().lock();
        written(out.write_all(bytes).and_then(|()| out.flush()))
    }

    /// Writes a line to standard error. Nobody can be told where that fails.
    pub(crate) fn message(self, line: &str) {
        let mut err = AutoStream::auto(io::stderr().lock());
        let _ = writeln!(err, "{line}");
    }

    /// Writes something worth knowing to standard error, unless it is quiet there or the result says it as JSON.
    pub(crate) fn note(self, line: &str) {
        if !self.quiet && !self.json {
            self.message(&format!("{}note{}: {line}", NOTE.render(), NOTE.render_reset()));
        }
    }

    /// Whether a person watches standard output.
    pub(crate) fn is_terminal(self) -> bool {
        !self.json && io::stdout().is_terminal()
    }

    /// Columns that text for people may take.
    pub(crate) fn width(self) -> usize {
        match terminal_size::terminal_size() {
            Some((width, _)) if self.is_terminal() => usize::from(width.0).clamp(40, WIDEST),
            _ => WIDEST,
        }
    }
}

const NOTE: anstyle::Style = anstyle::AnsiColor::Yellow.on_default().bold();

fn written(result: io::Result<()>) -> Result<()> {
    match result {
        Err(cause) if cause.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(cause) if cause.kind() == io::ErrorKind::StorageFull => {
            Err(Error::new(ErrorKind::DiskFull, "cannot write to standard output").caused_by(cause))
        }
        Err(cause) => Err(Error::new(ErrorKind::Io, "cannot write to standard output").caused_by(cause)),
        Ok(()) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(line: &str) -> bool {
        let words: Vec<OsString> = line.split_whitespace().map(Into::into).collect();
        Output::before_parsing(&words).json
    }

    #[test]
    fn json_is_seen_before_parsing() {
        assert!(json("docent serch x --json"));
        assert!(!json("docent search x"));
        assert!(!json("docent search -- --json"));
    }

    #[test]
    fn a_reader_that_went_away_is_no_error() {
        assert!(written(Err(io::ErrorKind::BrokenPipe.into())).is_ok());
        let full = written(Err(io::ErrorKind::StorageFull.into())).unwrap_err();
        assert_eq!(full.kind(), ErrorKind::DiskFull);
    }
}
