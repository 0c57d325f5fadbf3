//! Tar and gzip, most often both.

use std::{
    cell::Cell,
    io::{self, Read},
    path::Path,
};

use docent_core::{ParseError, ParseErrorKind};
use flate2::bufread::GzDecoder;

use super::{Burst, Contents, broken, names};
use crate::{Parsed, encoding};

/// A header of tar.
const BLOCK: usize = 512;
/// The most streams that follow each other in one gzip file.
const MOST_STREAMS: u32 = 100_000;

/// Whether `bytes` start with a header of tar: one with the mark that nearly all have, or one whose sum is right.
pub(crate) fn is_tar(bytes: &[u8]) -> bool {
    let Some(header) = bytes.get(..BLOCK) else { return false };
    if &header[257..262] == b"ustar" {
        return true;
    }
    let sum: u32 =
        (0..BLOCK).map(|at| if (148..156).contains(&at) { 32 } else { u32::from(header[at]) }).sum();
    let digits =
        header[148..156].trim_ascii().split(|byte| matches!(byte, 0 | b' ')).next().unwrap_or_default();
    let declared = std::str::from_utf8(digits).ok().and_then(|digits| u32::from_str_radix(digits, 8).ok());
    header[0] != 0 && declared == Some(sum)
}

pub(super) fn read(contents: &mut Contents<'_>, bytes: &[u8]) -> Result<(), ParseError> {
    match read_members(contents, bytes) {
        Some(error) if contents.parts == 0 => Err(broken(&error)),
        Some(error) => {
            contents.cut(&broken(&error));
            Ok(())
        }
        None => Ok(()),
    }
}

/// Reads a stream of tar: what ended it, if not its end.
fn read_members(contents: &mut Contents<'_>, source: impl Read) -> Option<io::Error> {
    let mut archive = ::tar::Archive::new(source);
    let entries = match archive.entries() {
        Ok(entries) => entries,
        Err(error) => return Some(error),
    };
    for entry in entries {
        let mut entry = match entry {
            Ok(entry) => entry,
            Err(error) => return Some(error),
        };
        let kind = entry.header().entry_type();
        let name = names::tidy(&encoding::decode(&entry.path_bytes()));
        if !(kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse()) || names::is_bookkeeping(&name) {
            continue;
        }
        if !contents.next() {
            return None;
        }
        if kind.is_gnu_sparse() {
            // Its holes are no bytes of the archive: a few of them declare as many as they like.
            let reason = ParseError::new(ParseErrorKind::Unsupported, "a sparse file");
            contents.refuse(&name, &reason);
            continue;
        }
        let size = entry.size();
        let member = contents.copy(&mut entry, size);
        // Behind one that is cut off comes nothing.
        let is_cut = matches!(&member, Err(error) if error.kind == ParseErrorKind::Damaged);
        contents.add(&name, member);
        if is_cut {
            return None;
        }
    }
    None
}

/// Reads a file packed by gzip: an archive, or one file.
pub(super) fn read_gzip(mut contents: Contents<'_>, path: &Path, bytes: &[u8]) -> Parsed {
    let (most, reason) = contents.room(bytes.len() as u64);
    let left = Cell::new(most);
    let mut stream = Metered { stream: Gunzip::new(bytes), left: &left, reason: reason.clone() };
    let name = stream.stream.name().unwrap_or_else(|| name_of(path));
    let mut head = Vec::new();
    let read = stream.by_ref().take(BLOCK as u64).read_to_end(&mut head);
    if !is_tar(&head) {
        // One file, for which the archive stands.
        if let Err(error) = read.and_then(|_| stream.read_to_end(&mut head)) {
            return Err(broken(&error));
        }
        contents.charge(most - left.get());
        if contents.next() {
            let (parsers, depth, patience) = (contents.parsers, contents.depth + 1, contents.patience);
            let inner = parsers.parse_part(Path::new(&name), &head, depth, patience)?;
            contents.builder.title(inner.title.as_deref().unwrap_or_default());
            contents.add_document(&name, &inner);
        }
        return contents.finish();
    }
    let ended = read_members(&mut contents, head.chain(stream));
    contents.charge(most - left.get());
    match ended {
        Some(_) if left.get() == 0 => contents.cut(&reason),
        Some(error) => contents.cut(&broken(&error)),
        None => {}
    }
    contents.finish()
}

/// `notes.txt` for `notes.txt.gz`.
fn name_of(path: &Path) -> String {
    let name = path.file_name().map_or_else(|| "file".to_owned(), |name| name.to_string_lossy().into_owned());
    let lower = name.to_ascii_lowercase();
    match lower.strip_suffix(".gz").or_else(|| lower.strip_suffix(".gzip")) {
        Some(stem) if !stem.is_empty() => name[..stem.len()].to_owned(),
        _ => name,
    }
}

/// A stream that gives no more than what is left. When nothing is, it fails.
struct Metered<'l, R> {
    stream: R,
    left: &'l Cell<u64>,
    reason: ParseError,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        if count as u64 > self.left.get() {
            self.left.set(0);
            return Err(io::Error::other(Burst(self.reason.clone())));
        }
        self.left.set(self.left.get() - count as u64);
        Ok(count)
    }
}

/// The streams of a gzip file, one after the other. What comes behind them (padding of tapes) is nothing.
struct Gunzip<'b> {
    decoder: GzDecoder<&'b [u8]>,
    streams: u32,
}

impl<'b> Gunzip<'b> {
    fn new(bytes: &'b [u8]) -> Self {
        Self { decoder: GzDecoder::new(bytes), streams: 1 }
    }

    /// The name in the header.
    fn name(&self) -> Option<String> {
        let name = names::tidy(&encoding::decode(self.decoder.header()?.filename()?));
        Some(name).filter(|name| !name.is_empty())
    }
}

impl Read for Gunzip<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.decoder.read(buffer)?;
            let rest: &[u8] = self.decoder.get_ref();
            if count > 0 || buffer.is_empty() || !rest.starts_with(b"\x1f\x8b\x08") {
                return Ok(count);
            }
            if self.streams >= MOST_STREAMS {
                return Err(io::Error::other("too many streams in one file"));
            }
            self.streams += 1;
            self.decoder = GzDecoder::new(rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_files_are_named_without_their_ending() {
        assert_eq!(name_of(Path::new("a/notes.txt.gz")), "notes.txt");
        assert_eq!(name_of(Path::new("合同.TXT.GZ")), "合同.TXT");
        assert_eq!(name_of(Path::new(".gz")), ".gz");
    }

    #[test]
    fn old_headers_are_known_by_their_sum() {
        let mut header = ::tar::Header::new_old();
        header.set_path("a.txt").unwrap();
        header.set_size(3);
        header.set_cksum();
        assert!(is_tar(header.as_bytes()));
        assert!(!is_tar(&[b' '; 512]) && !is_tar(&[0; 512]) && !is_tar(b"ustar"));
    }
}
