//! Zip containers: what is in them, and whether they may be unpacked.

use std::{
    collections::HashSet,
    io::{Cursor, Read},
    sync::{Mutex, MutexGuard, PoisonError},
};

use docent_core::ParseError;
use zip::ZipArchive;

use crate::{damaged, too_large};

/// Deflate packs at most about 1032 to 1.
pub(crate) const DEFLATE_MOST: u64 = 1032;
/// The most members of a container.
const MOST_MEMBERS: usize = 100_000;
/// The locator of an end record of 64 bits stands in this many bytes at the end, comment included.
const LOCATOR_TAIL: usize = (64 << 10) + 128;
/// Containers that unpack to more than this are read one at a time: what is made of one takes several times that.
const LARGE: u64 = 32 << 20;

static ONE_LARGE: Mutex<()> = Mutex::new(());

/// While it lives, no other large container is read.
pub(crate) type Turn = Option<MutexGuard<'static, ()>>;

/// What a container holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Package {
    Word,
    Excel,
    ExcelBinary,
    PowerPoint,
    OpenDocument,
    Epub,
    Other,
}

/// Opens a container, unless it declares more members than anyone packs: the library makes room for all of them.
pub(crate) fn open(bytes: &[u8]) -> Result<ZipArchive<Cursor<&[u8]>>, ParseError> {
    let members = declared_members(bytes);
    if members > MOST_MEMBERS as u64 {
        return Err(too_large(format!("{members} members in one container")));
    }
    ZipArchive::new(Cursor::new(bytes))
        .map_err(|error| damaged(format!("the zip container is cut off or damaged: {error}")))
}

/// The most members that an end record of 64 bits declares; the records of 16 bits have no room for many. The record is
/// the one that ends at its locator, which stands before the container's last comment.
fn declared_members(bytes: &[u8]) -> u64 {
    let number = |at: usize| {
        let bytes: Option<[u8; 8]> = bytes.get(at..at.checked_add(8)?)?.try_into().ok();
        bytes.map(u64::from_le_bytes)
    };
    let tail = bytes.len().saturating_sub(LOCATOR_TAIL);
    let locators: HashSet<u64> = find_all(bytes, tail, b"PK\x06\x07").map(|at| at as u64).collect();
    if locators.is_empty() {
        return 0;
    }
    find_all(bytes, 0, b"PK\x06\x06")
        .filter(|at| {
            let end = number(at + 4).and_then(|size| size.checked_add(*at as u64 + 12));
            end.is_some_and(|end| locators.contains(&end))
        })
        .filter_map(|at| number(at + 24).max(number(at + 32)))
        .max()
        .unwrap_or(0)
}

/// Where `mark` stands, from `start` on.
fn find_all<'b>(bytes: &'b [u8], start: usize, mark: &'b [u8; 4]) -> impl Iterator<Item = usize> + 'b {
    let from = bytes.get(start..).unwrap_or_default();
    from.windows(4).enumerate().filter(move |(_, window)| window == mark).map(move |(at, _)| start + at)
}

/// Looks at the names of the members only.
pub(crate) fn look(bytes: &[u8]) -> Result<Package, ParseError> {
    let archive = open(bytes)?;
    let has = |prefix: &str| {
        archive.file_names().flatten().any(|name| name.trim_start_matches('/').starts_with(prefix))
    };
    Ok(if has("[Content_Types].xml") {
        if has("word/") {
            Package::Word
        } else if has("xl/workbook.bin") {
            Package::ExcelBinary
        } else if has("xl/") {
            Package::Excel
        } else if has("ppt/") {
            Package::PowerPoint
        } else {
            Package::Other
        }
    } else if has("META-INF/container.xml") {
        Package::Epub
    } else if (has("content.xml") && (has("META-INF/manifest.xml") || has("mimetype")))
        || (has("encrypted-package") && has("META-INF/manifest.xml"))
    {
        Package::OpenDocument
    } else {
        Package::Other
    })
}

/// Makes sure that the container does not unpack to more than `limit` bytes. The sizes that it declares are
/// believed where they are too big, and checked by unpacking where the packed size would allow them to lie. A large
/// one waits for its turn.
pub(crate) fn check(bytes: &[u8], limit: u64) -> Result<Turn, ParseError> {
    let unpacked = unpacked(bytes, limit)?;
    Ok((unpacked > LARGE).then(|| ONE_LARGE.lock().unwrap_or_else(PoisonError::into_inner)))
}

/// Bytes that the container unpacks to, pictures included.
fn unpacked(bytes: &[u8], limit: u64) -> Result<u64, ParseError> {
    let bomb = || too_large(format!("unpacks to more than {} MB: a zip bomb?", limit >> 20));
    let mut archive = open(bytes)?;
    if archive.len() > MOST_MEMBERS {
        return Err(too_large(format!("{} members in one container", archive.len())));
    }
    let mut declared = 0u64;
    let mut possible = 0u64;
    for index in 0..archive.len() {
        let Ok(member) = archive.by_index_raw(index) else { continue };
        declared = declared.saturating_add(member.size());
        possible = possible.saturating_add(member.compressed_size().saturating_mul(DEFLATE_MOST));
    }
    if declared > limit {
        return Err(bomb());
    }
    if possible <= limit {
        return Ok(declared);
    }
    let mut left = limit;
    for index in 0..archive.len() {
        let Ok(member) = archive.by_index(index) else { continue };
        // Pictures and the like are not unpacked by the parsers.
        let Ok(name) = member.name().map(|name| name.to_ascii_lowercase()) else { continue };
        if !std::path::Path::new(&name)
            .extension()
            .is_some_and(|ext| ext == "xml" || ext == "rels" || ext == "vml")
        {
            continue;
        }
        let read = std::io::copy(&mut member.take(left + 1), &mut std::io::sink()).unwrap_or(0);
        if read > left {
            return Err(bomb());
        }
        left -= read;
    }
    Ok(declared.max(limit - left))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;

    #[test]
    fn large_containers_take_turns() {
        let pack = |bytes: u64| {
            let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
            zip.start_file("word/document.xml", SimpleFileOptions::default()).unwrap();
            zip.write_all(&vec![b' '; bytes as usize]).unwrap();
            zip.finish().unwrap().into_inner()
        };
        let turn = check(&pack(LARGE + 1), 64 << 20).unwrap();
        assert!(turn.is_some() && ONE_LARGE.try_lock().is_err());
        assert!(check(&pack(1000), 64 << 20).unwrap().is_none());
        drop(turn);
    }

    #[test]
    fn members_beyond_all_measure_are_not_made_room_for() {
        let mut bytes = b"PK\x03\x04".to_vec();
        bytes.resize(64, 0);
        bytes.extend(b"PK\x06\x06");
        bytes.extend(44u64.to_le_bytes());
        bytes.extend([0; 12]);
        bytes.extend([400_000_000u64; 2].into_iter().flat_map(u64::to_le_bytes));
        bytes.extend([0; 16]);
        bytes.extend(b"PK\x06\x07\0\0\0\0\x40\0\0\0\0\0\0\0\x01\0\0\0PK\x05\x06");
        bytes.extend([0xFF; 18]);
        assert_eq!(declared_members(&bytes), 400_000_000);
        assert_eq!(open(&bytes).unwrap_err().kind, docent_core::ParseErrorKind::TooLarge);
    }

    /// The sum of the sizes that are declared is a bound only because no member gives more than its own.
    #[test]
    fn a_member_gives_no_more_than_it_declares() {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        zip.start_file("xl/sheet.dat", SimpleFileOptions::default()).unwrap();
        zip.write_all(&vec![b' '; 4 << 20]).unwrap();
        let mut bytes = zip.finish().unwrap().into_inner();
        // Both headers say that it is small.
        let size = (4u32 << 20).to_le_bytes();
        for at in 0..bytes.len() - 4 {
            if bytes[at..at + 4] == size {
                bytes[at..at + 4].copy_from_slice(&1000u32.to_le_bytes());
            }
        }
        let mut archive = ZipArchive::new(Cursor::new(bytes)).unwrap();
        let mut read = Vec::new();
        assert!(archive.by_index(0).unwrap().read_to_end(&mut read).is_err());
        assert!(read.len() <= 2000, "{}", read.len());
    }
}
