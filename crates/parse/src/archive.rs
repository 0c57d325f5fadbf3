//! Archives: zip, tar, gzip and 7z. Each member that can be read is a part, under its path inside the archive.
//!
//! What is packed may be made to burst: an archive unpacks to no more than [`ParseOptions::max_unpacked`], those inside
//! it included, and no stream of it to more than [`MOST_RATIO`] times its packed size. A member that is refused costs
//! itself only, and is named in its place.
//!
//! [`ParseOptions::max_unpacked`]: crate::ParseOptions::max_unpacked

mod names;
mod seven;
mod tar;
mod zip;

use std::{
    cell::Cell,
    fmt,
    io::{self, Read},
    path::Path,
};

use docent_core::{
    BlockKind, DocumentBuilder, Location, MOST_BLOCKS, ParseError, ParseErrorKind, ParsedDocument,
};

pub(crate) use self::tar::is_tar;
use crate::{Parsed, Parsers, damaged, detect, encrypted, html::Patience, parts, too_large};

/// Archives inside archives deeper than this are not opened.
const DEEPEST: usize = 2;
/// The most members of one file's archives that are read, ...
const MOST_READ: usize = 10_000;
/// ... and that are looked at.
const MOST_SEEN: usize = 200_000;
/// A stream that unpacks to more than this many times its size is refused, ...
const MOST_RATIO: u64 = 200;
/// ... if it gives more than this many bytes: small ones harm nobody.
const LARGE: u64 = 10 << 20;
/// Bytes of a member that show whether it is a picture or a program.
const HEAD: u64 = 1024;

/// What an archive is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Zip,
    Tar,
    Gzip,
    SevenZip,
}

impl Kind {
    fn mime(self) -> &'static str {
        match self {
            Self::Zip => "application/zip",
            Self::Tar => "application/x-tar",
            Self::Gzip => "application/gzip",
            Self::SevenZip => "application/x-7z-compressed",
        }
    }
}

/// What the archives of one file have taken, those inside others included.
#[derive(Debug, Default)]
pub(crate) struct Unpacked {
    bytes: Cell<u64>,
    seen: Cell<usize>,
    read: Cell<usize>,
}

/// Parses the archive called `path`, which stands `depth` archives and messages deep.
pub(crate) fn parse(
    parsers: &Parsers,
    kind: Kind,
    path: &Path,
    bytes: &[u8],
    depth: usize,
    patience: &Patience,
) -> Parsed {
    if depth > DEEPEST {
        return Err(too_large("an archive inside archives inside an archive: not opened".to_owned()));
    }
    let mut contents = Contents {
        parsers,
        depth,
        patience,
        builder: DocumentBuilder::new(kind.mime()),
        blocks: 0,
        parts: 0,
        locked: 0,
        refused: None,
        is_cut: false,
    };
    match kind {
        Kind::Zip => zip::read(&mut contents, bytes)?,
        Kind::Tar => tar::read(&mut contents, bytes)?,
        Kind::Gzip => return tar::read_gzip(contents, path, bytes),
        Kind::SevenZip => seven::read(&mut contents, bytes)?,
    }
    contents.finish()
}

/// What is found in an archive.
struct Contents<'p> {
    parsers: &'p Parsers,
    depth: usize,
    patience: &'p Patience,
    builder: DocumentBuilder,
    blocks: usize,
    /// Members that gave text.
    parts: usize,
    /// Members that need a password.
    locked: usize,
    /// Why the first member that should have been read was not.
    refused: Option<ParseError>,
    /// Whether the rest was left out.
    is_cut: bool,
}

/// A member's bytes.
enum Member {
    Bytes(Vec<u8>),
    /// A picture, a program: nothing that is read.
    Other,
}

impl Contents<'_> {
    /// Whether another member may be looked at. If not, a note says so.
    fn next(&mut self) -> bool {
        if self.is_cut {
            return false;
        }
        let unpacked = &self.patience.unpacked;
        if unpacked.read.get() >= MOST_READ || unpacked.seen.get() >= MOST_SEEN {
            self.cut(&too_large(format!("more than {MOST_READ} members")));
        } else if unpacked.bytes.get() >= self.limit() {
            self.cut(&self.too_much());
        }
        unpacked.seen.set(unpacked.seen.get() + 1);
        !self.is_cut
    }

    /// Leaves out the rest of the archive.
    fn cut(&mut self, reason: &ParseError) {
        if !self.is_cut {
            self.is_cut = true;
            self.add_note(&format!("[the rest of the archive was not read: {reason}]"), Location::default());
            self.refused.get_or_insert_with(|| reason.clone());
        }
    }

    fn limit(&self) -> u64 {
        self.parsers.options().max_unpacked
    }

    fn too_much(&self) -> ParseError {
        too_large(format!("the archive unpacks to more than {} MB", self.limit() >> 20))
    }

    /// The most bytes that a stream of `packed` bytes may give, and why no more.
    fn room(&self, packed: u64) -> (u64, ParseError) {
        let left = self.limit().saturating_sub(self.patience.unpacked.bytes.get());
        let ratio = packed.saturating_mul(MOST_RATIO).max(LARGE);
        if ratio < left {
            (ratio, too_large(format!("unpacks to more than {MOST_RATIO} times its size: a bomb?")))
        } else {
            (left, self.too_much())
        }
    }

    fn charge(&self, bytes: u64) {
        let unpacked = &self.patience.unpacked.bytes;
        unpacked.set(unpacked.get().saturating_add(bytes));
    }

    /// Unpacks a member that takes `packed` bytes in the archive.
    fn unpack(&self, mut source: impl Read, packed: u64) -> Result<Member, ParseError> {
        let (most, reason) = self.room(packed);
        let mut bytes = Vec::new();
        // What comes after the head of a picture is not unpacked.
        let mut read = source.by_ref().take(HEAD.min(most + 1)).read_to_end(&mut bytes);
        if read.is_ok() && !detect::is_media(&bytes) {
            read = source.take((most + 1).saturating_sub(HEAD)).read_to_end(&mut bytes);
        } else if read.is_ok() {
            self.charge(bytes.len() as u64);
            return Ok(Member::Other);
        }
        self.charge(bytes.len() as u64);
        if bytes.len() as u64 > most {
            return Err(reason);
        }
        match read {
            Ok(_) => Ok(Member::Bytes(bytes)),
            Err(error) => Err(broken(&error)),
        }
    }

    /// Takes a member of `size` bytes out of a stream that is unpacked, and paid for, already.
    fn copy(&self, mut source: impl Read, size: u64) -> Result<Member, ParseError> {
        let mut bytes = Vec::new();
        let mut read = source.by_ref().take(HEAD).read_to_end(&mut bytes);
        if read.is_ok() && detect::is_media(&bytes) {
            return Ok(Member::Other);
        }
        let limit = self.parsers.options().max_file;
        if size > limit {
            return Err(too_large(format!("file of {} MB; the limit is {} MB", size >> 20, limit >> 20)));
        }
        if read.is_ok() {
            read = source.take(size).read_to_end(&mut bytes);
        }
        match read {
            Err(error) => Err(broken(&error)),
            Ok(_) if (bytes.len() as u64) < size => {
                Err(damaged("damaged: the archive ends in the middle of it"))
            }
            Ok(_) => Ok(Member::Bytes(bytes)),
        }
    }

    /// Adds what was unpacked of a member.
    fn add(&mut self, name: &str, member: Result<Member, ParseError>) {
        match member {
            Ok(Member::Bytes(bytes)) => self.read(name, &bytes),
            Ok(Member::Other) => {}
            Err(error) => self.refuse(name, &error),
        }
    }

    /// Reads a member.
    fn read(&mut self, name: &str, bytes: &[u8]) {
        let read = &self.patience.unpacked.read;
        read.set(read.get() + 1);
        match self.parsers.parse_part(Path::new(name), bytes, self.depth + 1, self.patience) {
            Ok(document) => self.add_document(name, &document),
            // A picture, an empty file: nothing is missing.
            Err(error) if error.kind.is_skip() => {}
            Err(error) => self.refuse(name, &error),
        }
    }

    fn add_document(&mut self, name: &str, document: &ParsedDocument) {
        let limit = self.parsers.options().max_text;
        if self.builder.text_bytes() + document.text.len() > limit {
            self.cut(&too_large(format!("more than {} MB of text", limit >> 20)));
        } else if self.blocks + document.blocks.len() + 2 >= MOST_BLOCKS {
            self.cut(&too_large(format!("more than {MOST_BLOCKS} headings, paragraphs and rows")));
        } else {
            self.builder.reset_headings();
            parts::transfer(&mut self.builder, document, name);
            self.blocks += document.blocks.len();
            self.parts += 1;
        }
    }

    /// Names a member that was not read.
    fn refuse(&mut self, name: &str, error: &ParseError) {
        let read = &self.patience.unpacked.read;
        read.set(read.get() + 1);
        if error.kind == ParseErrorKind::Encrypted {
            self.locked += 1;
        }
        let place = Location { part: Some(name.to_owned()), ..Location::default() };
        self.add_note(&format!("[member {name} was not read: {error}]"), place);
        let whole = || ParseError::new(error.kind, format!("nothing in it could be read: {name}: {error}"));
        // Another reason says more than a password that is missing for some.
        if error.kind != ParseErrorKind::Encrypted {
            self.refused.get_or_insert_with(whole);
        }
    }

    fn add_note(&mut self, note: &str, place: Location) {
        self.builder.reset_headings();
        self.builder.push(BlockKind::Paragraph, note, place);
        self.blocks += 1;
    }

    fn finish(self) -> Parsed {
        if self.parts > 0 {
            return Ok(self.builder.finish());
        }
        Err(if let Some(error) = self.refused {
            error
        } else if self.locked > 0 {
            encrypted()
        } else if self.patience.unpacked.seen.get() == 0 {
            ParseError::new(ParseErrorKind::Empty, "an archive with nothing in it")
        } else {
            ParseError::new(ParseErrorKind::Unsupported, "an archive with nothing in it that can be read")
        })
    }
}

/// A stream gave more than it may.
#[derive(Debug)]
struct Burst(ParseError);

impl fmt::Display for Burst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Burst {}

/// Why unpacking failed, in words.
fn broken(error: &io::Error) -> ParseError {
    if let Some(Burst(reason)) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
        reason.clone()
    } else if error.kind() == io::ErrorKind::UnexpectedEof {
        damaged("damaged: ends in the middle of the packed data")
    } else {
        damaged(format!("damaged: {error}"))
    }
}
