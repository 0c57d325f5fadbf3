//! Zip containers: what is in them, and whether they may be unpacked.

use std::{
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

/// Looks at the names of the members only.
pub(crate) fn look(bytes: &[u8]) -> Result<Package, String> {
    let archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| error.to_string())?;
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
    let mut archive = ZipArchive::new(Cursor::new(bytes))
        .map_err(|error| damaged(format!("the zip container is cut off or damaged: {error}")))?;
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
