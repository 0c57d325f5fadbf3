//! Zip.

use std::{borrow::Cow, io::Cursor};

use docent_core::{ParseError, ParseErrorKind};
use zip::{CompressionMethod, ExtraField, ZipArchive, result::ZipError};

use super::{Contents, names};
use crate::{damaged, encrypted, package};

/// The flag of names in UTF-8.
const UTF8: u16 = 1 << 11;

type Zip<'b> = ZipArchive<Cursor<&'b [u8]>>;

pub(super) fn read(contents: &mut Contents<'_>, bytes: &[u8]) -> Result<(), ParseError> {
    let mut archive = package::open(bytes)?;
    let names = member_names(&mut archive);
    for (index, name) in names.iter().enumerate() {
        let Ok(entry) = archive.by_index_data(index) else { continue };
        if entry.is_dir() || entry.is_symlink() || names::is_bookkeeping(name) {
            continue;
        }
        if !contents.next() {
            break;
        }
        if entry.encrypted() {
            contents.refuse(name, &encrypted());
            continue;
        }
        let packed = entry.compressed_size();
        let method = entry.compression();
        let member = match archive.by_index(index) {
            Ok(source) => contents.unpack(source, packed),
            Err(error) => Err(refused(&error, method)),
        };
        contents.add(name, member);
    }
    Ok(())
}

fn refused(error: &ZipError, method: CompressionMethod) -> ParseError {
    match error {
        ZipError::CompressionMethodNotSupported(_) | ZipError::UnsupportedArchive(_) => ParseError::new(
            ParseErrorKind::Unsupported,
            format!("packed by a method that is not read ({method})"),
        ),
        error => damaged(format!("damaged: {error}")),
    }
}

/// The names of all members, in order. Without a mark they are in the encoding of the computer that packed them.
fn member_names(archive: &mut Zip<'_>) -> Vec<String> {
    let raw: Vec<(Vec<u8>, bool)> = (0..archive.len())
        .map(|index| match archive.by_index_data(index) {
            Ok(entry) => (entry.name_raw().to_vec(), entry.flags().as_u16() & UTF8 != 0),
            Err(_) => (Vec::new(), true),
        })
        .collect();
    let unmarked = || raw.iter().filter(|(_, marked)| !marked).map(|(name, _)| name.as_slice());
    let is_foreign = unmarked().any(|name| std::str::from_utf8(name).is_err());
    let encoding = if is_foreign { names::encoding_of(unmarked()) } else { None };
    let mut names = Vec::with_capacity(raw.len());
    for (index, (name, marked)) in raw.iter().enumerate() {
        let text = if *marked || !is_foreign || name.is_ascii() {
            String::from_utf8_lossy(name).into_owned()
        } else if let Some(name) = unicode_name(archive, index, name) {
            name
        } else if let Some(encoding) = encoding {
            encoding.decode(name).0.into_owned()
        } else {
            // The library reads what is not UTF-8 as code page 437.
            let entry = archive.by_index_data(index);
            let dos = entry.as_ref().ok().and_then(|entry| entry.name().ok()).map(Cow::into_owned);
            dos.unwrap_or_else(|| String::from_utf8_lossy(name).into_owned())
        };
        let text = names::tidy(&text);
        names.push(if text.is_empty() { format!("member {}", index + 1) } else { text });
    }
    names
}

/// The name in UTF-8 that some programs keep beside the old one.
fn unicode_name(archive: &mut Zip<'_>, index: usize, name: &[u8]) -> Option<String> {
    let member = archive.by_index_raw(index).ok()?;
    let field = member.extra_data_fields().find_map(|field| match field {
        ExtraField::UnicodePath(field) => Some(field.clone()),
        _ => None,
    })?;
    String::from_utf8(field.unwrap_valid(name).ok()?.into_vec()).ok()
}
