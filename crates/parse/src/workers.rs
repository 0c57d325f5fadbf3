//! Parsing in child processes of the same binary, so that a file that is made to break a parser breaks a process that
//! holds nothing, may do nothing and is replaced.
//!
//! ```text
//! indexer --stdin: setup, then name + bytes + known pages per file--> worker (sealed)
//!         <--stdout: greeting, then [pages that OCR read,] document + text---
//! ```
//! A worker gets the bytes, never a path; it cannot open anything itself. [`WorkerPool`] is the parent's side,
//! [`serve`] the child's, [`Seal`] what the child gives up before it sees the first file. Every message is a frame: its
//! length in eight bytes (little-endian), then as many bytes.

mod pool;
mod seal;
mod serve;

use std::io::{self, Read, Write};

use docent_core::{ParseError, ParsedDocument};
use serde::{Deserialize, Serialize};

pub use pool::{WorkerCommand, WorkerPool};
pub use seal::Seal;
pub use serve::{Work, serve, serve_with};

use crate::{PageEvent, ParseOptions};

/// What a worker may use for one file before it is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerLimits {
    /// Memory of the worker, in bytes.
    pub memory: u64,
    /// Processor time for one file, or for one page of it that OCR reads, in seconds. By the clock it may take
    /// [`WorkerLimits::PATIENCE`] times as long, since other work may keep the processor busy.
    pub seconds: u64,
}

impl WorkerLimits {
    /// How many times its processor time a file may take by the clock.
    pub const PATIENCE: u64 = 3;
}

impl Default for WorkerLimits {
    fn default() -> Self {
        Self { memory: 1 << 30, seconds: 60 }
    }
}

/// The first frame to a worker.
#[derive(Serialize, Deserialize)]
struct Setup {
    options: ParseOptions,
    limits: WorkerLimits,
    /// The process that it works for.
    parent: u32,
}

/// The first frame from a worker.
#[derive(Serialize, Deserialize)]
struct Greeting {
    seal: Seal,
}

/// What became of a file. A document comes without its text, which is a frame of its own behind this one.
#[derive(Serialize, Deserialize)]
enum Answer {
    /// OCR is at work on a page, or has read it; more follows.
    Page(PageEvent),
    Parsed(ParsedDocument),
    Refused(ParseError),
}

/// The longest frame that is taken for settings, greetings and the structure of a document.
const LONGEST: u64 = 256 << 20;

fn write_frame(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    to.write_all(&(bytes.len() as u64).to_le_bytes())?;
    to.write_all(bytes)
}

/// Reads a frame of at most `longest` bytes.
fn read_frame(from: &mut impl Read, longest: u64) -> io::Result<Vec<u8>> {
    let mut length = [0; 8];
    from.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    if length > longest {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame that is too long"));
    }
    let mut bytes = Vec::new();
    // Memory grows with what comes, not with what was announced.
    from.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

fn write_json(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    write_frame(to, &serde_json::to_vec(message)?)
}

fn read_json<T: for<'de> Deserialize<'de>>(from: &mut impl Read) -> io::Result<T> {
    Ok(serde_json::from_slice(&read_frame(from, LONGEST)?)?)
}

/// What the fuzz targets reach for.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod inside {
    use std::io::{self, Read};

    use super::{
        Greeting, ParseError, ParsedDocument, Seal,
        pool::{self, Received},
        read_json,
    };

    pub fn greeting(from: &mut impl Read) -> io::Result<Seal> {
        read_json(from).map(|greeting: Greeting| greeting.seal)
    }

    /// `None` for a page that OCR has read.
    pub fn receive(
        from: &mut impl Read,
        max_text: usize,
    ) -> io::Result<Option<Result<ParsedDocument, ParseError>>> {
        Ok(match pool::receive(from, max_text)? {
            Received::Page(_) => None,
            Received::Parsed(parsed) => Some(parsed),
        })
    }

    pub fn is_sound(document: &ParsedDocument) -> bool {
        pool::is_sound(document)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_whole_or_not_at_all() {
        let mut stream = Vec::new();
        write_frame(&mut stream, b"one").unwrap();
        write_frame(&mut stream, b"").unwrap();
        let mut rest = stream.as_slice();
        assert_eq!(read_frame(&mut rest, 3).unwrap(), b"one");
        assert_eq!(read_frame(&mut rest, 3).unwrap(), b"");
        assert!(read_frame(&mut rest, 3).is_err(), "the end");
        assert!(read_frame(&mut &stream[..9], 3).is_err(), "cut off");
        assert!(read_frame(&mut stream.as_slice(), 2).is_err(), "too long");
        let lie = [u64::MAX.to_le_bytes().as_slice(), b"x"].concat();
        assert!(read_frame(&mut lie.as_slice(), u64::MAX).is_err(), "announced, never sent");
    }
}
