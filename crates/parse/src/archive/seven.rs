//! 7z.

use std::io::Cursor;

use docent_core::{ParseError, ParseErrorKind};
use sevenz_rust2::{Archive, Block, BlockDecoder, EncoderMethod, Error, Password};

use super::{Contents, names};
use crate::{damaged, encrypted, too_large};

/// The largest table of contents: the library makes more than a hundred bytes of each of its.
const MOST_HEADER: u64 = 4 << 20;
/// The largest dictionary, in KiB. It grows with what is unpacked.
const MOST_DICTIONARY: usize = 512 << 10;
/// The most coders of a block.
const MOST_CODERS: u64 = 8;
/// The header that tells where the table of contents is.
const START: usize = 32;

pub(super) fn read(contents: &mut Contents<'_>, bytes: &[u8]) -> Result<(), ParseError> {
    let size = header_size(bytes)
        .ok_or_else(|| damaged("damaged: the table of contents of the 7z archive is missing or cut off"))?;
    if size > MOST_HEADER {
        return Err(too_large(format!("a table of contents of {} MB", size >> 20)));
    }
    let mut source = Cursor::new(bytes);
    let password = Password::empty();
    let archive = Archive::read_with_memory_limit(&mut source, &password, MOST_DICTIONARY)
        .map_err(|error| refused(&error))?;
    for (index, block) in archive.blocks.iter().enumerate() {
        let decoder =
            BlockDecoder::new_with_memory_limit(1, MOST_DICTIONARY, index, &archive, &password, &mut source);
        let packed = packed_size(&archive, index).min(bytes.len() as u64);
        let unpacked = block.get_unpack_size();
        let (most, too_much) = contents.room(packed);
        let reason = match allowed(block) {
            Ok(true) if unpacked > most => Some(too_much),
            Ok(true) => None,
            Ok(false) => {
                contents.next();
                continue;
            }
            Err(error) => Some(error),
        };
        if let Some(reason) = reason {
            for entry in decoder.entries().iter().filter(|entry| entry.has_stream) {
                if !contents.next() {
                    return Ok(());
                }
                contents.refuse(&names::tidy(&entry.name), &reason);
            }
            continue;
        }
        contents.charge(unpacked);
        // The member that is read, for when its block breaks off.
        let mut at = String::new();
        let read = decoder.for_each_entries(&mut |entry, reader| {
            let name = names::tidy(&entry.name);
            if !entry.has_stream || entry.is_directory || names::is_bookkeeping(&name) {
                return Ok(true);
            }
            if !contents.next() {
                return Ok(false);
            }
            name.clone_into(&mut at);
            let member = contents.copy(reader, entry.size);
            contents.add(&name, member);
            Ok(true)
        });
        if let Err(error) = read {
            let name = if at.is_empty() { format!("block {}", index + 1) } else { at };
            contents.refuse(&name, &refused(&error));
        }
    }
    Ok(())
}

fn refused(error: &Error) -> ParseError {
    let method = match error {
        Error::PasswordRequired => return encrypted(),
        Error::MaxMemLimited { .. } => return too_large(format!("needs more memory than is given: {error}")),
        Error::UnsupportedCompressionMethod(method) => method,
        error => return damaged(format!("damaged: {error}")),
    };
    if method.contains("AES") { encrypted() } else { not_read(method) }
}

fn not_read(method: &str) -> ParseError {
    ParseError::new(ParseErrorKind::Unsupported, format!("packed by a method that is not read ({method})"))
}

/// Whether a block is to be unpacked. Coders one behind the other multiply what each gives, so one of them may unpack;
/// others take part where programs are split into several streams, and those are not read anyway.
fn allowed(block: &Block) -> Result<bool, ParseError> {
    let has = |id: &[u8]| block.coders.iter().any(|coder| coder.encoder_method_id() == id);
    if has(EncoderMethod::ID_AES256_SHA256) {
        return Err(encrypted());
    }
    if has(EncoderMethod::ID_BCJ2) {
        return Ok(false);
    }
    let unpacking = block.coders.iter().filter(|coder| unpacks(coder.encoder_method_id())).count();
    if unpacking > 1 { Err(not_read("several methods on top of each other")) } else { Ok(true) }
}

fn unpacks(id: &[u8]) -> bool {
    [EncoderMethod::ID_LZMA, EncoderMethod::ID_LZMA2, EncoderMethod::ID_DEFLATE].contains(&id)
}

/// Bytes that a block takes in the archive.
fn packed_size(archive: &Archive, block: usize) -> u64 {
    let firsts = archive.stream_map.block_first_pack_stream_index();
    let sizes = archive.pack_sizes();
    let first = firsts.get(block).copied().unwrap_or(0);
    let end = firsts.get(block + 1).copied().unwrap_or(sizes.len());
    sizes.get(first..end).unwrap_or_default().iter().fold(0, |sum: u64, size| sum.saturating_add(*size))
}

/// Bytes of the table of contents, unpacked. `None`: it is not where it should be, or packed in a way that no program
/// packs it.
fn header_size(bytes: &[u8]) -> Option<u64> {
    let number = |at: usize| bytes.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
    let start = usize::try_from(number(12)?).ok()?.checked_add(START)?;
    let size = number(20)?;
    let end = start.checked_add(usize::try_from(size).ok()?)?;
    let (kind, rest) = bytes.get(start..end)?.split_first()?;
    match kind {
        0x01 => Some(size),
        0x17 => Fields(rest).unpacked_size(),
        _ => None,
    }
}

/// The description of a packed table of contents.
struct Fields<'b>(&'b [u8]);

impl Fields<'_> {
    fn unpacked_size(&mut self) -> Option<u64> {
        self.expect(0x06)?;
        self.number()?;
        let streams = self.number().filter(|streams| *streams <= MOST_CODERS)?;
        loop {
            match self.byte()? {
                0x00 => break,
                0x09 => {
                    self.numbers(streams)?;
                }
                0x0A => {
                    // Checksums, of all of them.
                    self.expect(1)?;
                    self.skip(usize::try_from(streams).ok()? * 4)?;
                }
                _ => return None,
            }
        }
        self.expect(0x07)?;
        self.expect(0x0B)?;
        // One block, described here.
        self.expect(1)?;
        self.expect(0)?;
        let coders = self.number().filter(|coders| *coders <= MOST_CODERS)?;
        let mut unpacking = 0;
        for _ in 0..coders {
            let flags = self.byte()?;
            unpacking += u32::from(unpacks(self.skip(usize::from(flags & 0x0F))?));
            if flags & 0x10 != 0 {
                return None;
            }
            if flags & 0x20 != 0 {
                let properties = usize::try_from(self.number()?).ok()?;
                self.skip(properties)?;
            }
        }
        if unpacking > 1 {
            return None;
        }
        for _ in 1..coders {
            self.numbers(2)?;
        }
        self.expect(0x0C)?;
        self.numbers(coders)
    }

    fn skip(&mut self, count: usize) -> Option<&[u8]> {
        let (skipped, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(skipped)
    }

    fn byte(&mut self) -> Option<u8> {
        let (byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*byte)
    }

    fn expect(&mut self, expected: u8) -> Option<()> {
        (self.byte()? == expected).then_some(())
    }

    /// A number: as many further bytes as the first one has leading ones.
    fn number(&mut self) -> Option<u64> {
        let first = self.byte()?;
        let more = first.leading_ones();
        let mut value = 0;
        for at in 0..more {
            value |= u64::from(self.byte()?) << (8 * at);
        }
        // What is left of the first byte is the highest part.
        let high = if more >= 7 { 0 } else { u64::from(first) & ((1 << (7 - more)) - 1) };
        Some(value | high.checked_shl(8 * more).unwrap_or(0))
    }

    /// The largest of so many numbers.
    fn numbers(&mut self, count: u64) -> Option<u64> {
        (0..count).try_fold(0, |most: u64, _| Some(most.max(self.number()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_length() {
        for (bytes, expected) in [
            (&[0x05][..], Some(5)),
            (&[0x81, 0x02], Some(0x102)),
            (&[0xC1, 0x02, 0x03], Some(0x1_0302)),
            (&[0xFF, 1, 2, 3, 4, 5, 6, 7, 8], Some(0x0807_0605_0403_0201)),
            (&[0xFE, 1, 2, 3, 4, 5, 6, 7], Some(0x0007_0605_0403_0201)),
            (&[0xC1, 0x02], None),
        ] {
            assert_eq!(Fields(bytes).number(), expected, "{bytes:?}");
        }
    }
}
