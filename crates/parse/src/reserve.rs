//! Sizes that workbooks declare, looked at before calamine reserves memory for them: a reservation that fails ends the
//! process, and no panic is there to be caught.

use std::io::{Cursor, Read};

use docent_core::ParseError;
use zip::ZipArchive;

use crate::{damaged, encoding, package, too_large};

/// The table of strings starts this early.
const HEAD: u64 = 64 << 10;
/// A string takes this many bytes at least: `<si/>`.
const STRING: u64 = 5;
/// The most cells that one sheet of the old format has room for: 65,536 rows of 256 columns.
const SHEET: u64 = 1 << 24;
/// How many times the limit of cells the sheets of an old workbook may span, blank cells included.
const SPARSE: u64 = 4;

/// Refuses an xlsx whose table of strings says that it has more of them than its bytes can hold.
pub(crate) fn check_strings(bytes: &[u8]) -> Result<(), ParseError> {
    let Ok(mut archive) = ZipArchive::new(Cursor::new(bytes)) else { return Ok(()) };
    for index in 0..archive.len() {
        let Ok(member) = archive.by_index(index) else { continue };
        let Ok(name) = member.name().map(|name| name.to_ascii_lowercase()) else { continue };
        if !name.ends_with("sharedstrings.xml") {
            continue;
        }
        let size = member.size().min(member.compressed_size().saturating_mul(package::DEFLATE_MOST));
        let mut head = Vec::new();
        // What is read until an error is looked at: calamine reads no further either.
        let _ = member.take(HEAD).read_to_end(&mut head);
        let head = encoding::decode_xml(&head);
        let Some(tag) = strings_tag(&head) else {
            return Err(damaged("damaged: its table of strings has no beginning"));
        };
        let count = declared_count(tag).unwrap_or(0);
        if count > size / STRING {
            return Err(damaged(format!(
                "damaged: its table of strings says it has {count} of them in {size} bytes"
            )));
        }
    }
    Ok(())
}

/// The first tag of the table of strings, `<sst …>`.
fn strings_tag(head: &str) -> Option<&str> {
    let mut rest = head;
    loop {
        rest = &rest[rest.find('<')?..];
        let (length, is_tag) = if rest.starts_with("<!--") {
            (rest.find("-->")? + 3, false)
        } else if rest.starts_with("<?") {
            (rest.find("?>")? + 2, false)
        } else if rest.starts_with("<!") {
            // No spreadsheet program declares types here, and what they hold looks like tags.
            return None;
        } else {
            (tag_length(rest)?, true)
        };
        let (tag, after) = rest.split_at(length);
        let name = tag[1..].split(|c: char| c.is_whitespace() || matches!(c, '/' | '>')).next()?;
        if is_tag && name.rsplit(':').next() == Some("sst") {
            return Some(tag);
        }
        rest = after;
    }
}

/// The length of the tag that `text` starts with; `>` in quotes does not end it.
fn tag_length(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, '>') => return Some(at + 1),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if open == c => quote = None,
            _ => {}
        }
    }
    None
}

/// The largest number that `uniqueCount` is set to in `tag`.
fn declared_count(tag: &str) -> Option<u64> {
    tag.split("uniqueCount")
        .skip(1)
        .filter_map(|after| {
            let value = after.trim_start().strip_prefix('=')?.trim_start();
            let value = value.trim_start_matches(|c: char| !c.is_ascii_digit() && c != '>');
            let end = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
            (end > 0).then(|| value[..end].parse().unwrap_or(u64::MAX))
        })
        .max()
}

/// Refuses the book of an xls with cells where there are none, or whose sheets span far more than `max_cells`, which are
/// read of one workbook: calamine makes room for every cell between the first and the last.
pub(crate) fn check_old(book: &[u8], max_cells: usize) -> Result<(), ParseError> {
    check_book(book, (max_cells as u64).saturating_mul(SPARSE))
}

fn check_book(stream: &[u8], most: u64) -> Result<(), ParseError> {
    let globals = || records(stream).take_while(|(kind, _)| *kind != END);
    if globals().any(|(kind, data)| kind == FILE_PASS && word(data, 0) != Some(0)) {
        // It needs a password, which is said later; positions of cells mean nothing.
        return Ok(());
    }
    let sheets = globals()
        .filter(|(kind, _)| *kind == BOUND_SHEET)
        .filter_map(|(_, data)| Some(u32::from_le_bytes(*data.first_chunk()?)));
    let (mut cells, mut walked) = (0u64, 0usize);
    for at in sheets {
        let sheet =
            stream.get(at as usize..).ok_or_else(|| damaged("damaged: a sheet lies outside of it"))?;
        let (spanned, length) = spanned(sheet)?;
        cells = cells.saturating_add(spanned);
        walked = walked.saturating_add(length);
        if cells > most {
            return Err(too_large(format!("its sheets span more than {most} cells")));
        }
        if walked > stream.len() {
            return Err(damaged("damaged: its sheets lie upon each other"));
        }
    }
    Ok(())
}

/// Types of records ([MS-XLS] 2.3.1).
const END: u16 = 0x000A;
const BEGINNING: u16 = 0x0809;
const FILE_PASS: u16 = 0x002F;
const BOUND_SHEET: u16 = 0x0085;
const DIMENSIONS: u16 = 0x0200;
const MUL_RK: u16 = 0x00BD;
/// Formula, number, label, rich label, boolean or error, small number, shared string: each starts with row and column.
const CELLS: [u16; 7] = [0x0006, 0x0203, 0x0204, 0x00D6, 0x0205, 0x027E, 0x00FD];

/// The cells of the smallest box around those of `sheet`, and the bytes of its records.
fn spanned(sheet: &[u8]) -> Result<(u64, usize), ParseError> {
    let (mut rows, mut columns) = ((u16::MAX, 0), (u16::MAX, 0));
    let (mut depth, mut length) = (0u32, 0usize);
    for (kind, data) in records(sheet) {
        length += 4 + data.len();
        match kind {
            // Charts have records of their own.
            BEGINNING => depth += 1,
            END if depth <= 1 => break,
            END => depth -= 1,
            _ if depth > 1 => {}
            DIMENSIONS => check_dimensions(data)?,
            _ if CELLS.contains(&kind) || kind == MUL_RK => {
                let (Some(row), Some(first)) = (word(data, 0), word(data, 2)) else { continue };
                let last = if kind == MUL_RK { word(data, data.len() - 2) } else { None }.unwrap_or(first);
                if first.max(last) > 255 {
                    return Err(damaged(format!("damaged: a cell in column {}, of 256", first.max(last))));
                }
                rows = (rows.0.min(row), rows.1.max(row));
                columns = (columns.0.min(first), columns.1.max(last));
            }
            _ => {}
        }
    }
    let side = |(first, last): (u16, u16)| if first > last { 0 } else { u64::from(last - first) + 1 };
    Ok((side(rows) * side(columns), length))
}

/// Rows and columns as calamine takes them out of a record of dimensions.
fn check_dimensions(data: &[u8]) -> Result<(), ParseError> {
    let long = |at: usize| Some(u64::from(u32::from_le_bytes(*data.get(at..)?.first_chunk()?)));
    let short = |at: usize| word(data, at).map(u64::from);
    let sides = if data.len() == 10 {
        (short(0), short(2), short(4), short(6))
    } else {
        (long(0), long(4), short(8), short(10))
    };
    let (Some(top), Some(bottom), Some(left), Some(right)) = sides else { return Ok(()) };
    let left = if left > 255 || right < left { 0 } else { left };
    // A top below the bottom comes to nearly 2^32 rows.
    let rows = if bottom >= top { bottom - top } else { u64::from(u32::MAX) };
    if bottom > 0 && right > 0 && rows.saturating_mul(right - left) > SHEET {
        return Err(damaged(format!("damaged: a sheet of {rows} rows and {} columns", right - left)));
    }
    Ok(())
}

/// The records of a stream: type and data.
fn records(stream: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = stream;
    std::iter::from_fn(move || {
        let (kind, length) = (word(rest, 0)?, word(rest, 2)?);
        let data = rest.get(4..4 + usize::from(length))?;
        rest = &rest[4 + usize::from(length)..];
        Some((kind, data))
    })
}

fn word(data: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*data.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use docent_core::ParseErrorKind;
    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;

    #[test]
    fn a_table_of_more_strings_than_bytes_is_refused() {
        let book = |strings: &str| {
            let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
            zip.start_file("xl/SharedStrings.xml", SimpleFileOptions::default()).unwrap();
            zip.write_all(strings.as_bytes()).unwrap();
            zip.finish().unwrap().into_inner()
        };
        let good = "<?xml version='1.0'?><!-- <sst uniqueCount='9'> --><x:sst count='8' uniqueCount=\"2\">";
        assert!(check_strings(&book(&format!("{good}<si/><si/></x:sst>"))).is_ok());
        assert!(check_strings(&book("<sst><si/></sst>")).is_ok());
        for bad in [
            "<sst uniqueCount=\"1000000000000\"/>",
            "<!-- <sst> --><x:sst a='>' uniqueCount = '99999999999999999999999'>",
            "<!DOCTYPE a [<!ENTITY b '<sst>'>]><sst uniqueCount='1000000000'>",
        ] {
            assert_eq!(check_strings(&book(bad)).unwrap_err().kind, ParseErrorKind::Damaged, "{bad}");
        }
    }

    fn record(kind: u16, data: &[u16]) -> Vec<u8> {
        let head = [kind, data.len() as u16 * 2];
        head.iter().chain(data).flat_map(|word| word.to_le_bytes()).collect()
    }

    /// A book of one sheet with these records.
    fn book(sheet: &[Vec<u8>]) -> Vec<u8> {
        let globals = [record(BEGINNING, &[0x600, 5]), record(BOUND_SHEET, &[24, 0, 0, 0]), record(END, &[])];
        let sheet = [record(BEGINNING, &[0x600, 16]), sheet.concat(), record(END, &[])];
        [globals.concat(), sheet.concat()].concat()
    }

    #[test]
    fn old_sheets_of_more_cells_than_they_have_room_for_are_refused() {
        let cell = |row: u16, column: u16| record(0x0203, &[row, column, 0, 0, 0, 0, 0]);
        let check = |sheet: &[Vec<u8>]| check_book(&book(sheet), 20_000).map_err(|error| error.kind);
        let dimensions = |rows: u16, columns: u16| record(DIMENSIONS, &[0, 0, rows, 0, 0, columns, 0]);
        assert_eq!(check(&[dimensions(65_535, 256), cell(7, 1), cell(9, 255)]), Ok(()));
        assert_eq!(check(&[cell(65_535, 65_535)]), Err(ParseErrorKind::Damaged));
        assert_eq!(check(&[cell(0, 0), cell(65_535, 255)]), Err(ParseErrorKind::TooLarge));
        assert_eq!(check(&[dimensions(65_535, 65_535)]), Err(ParseErrorKind::Damaged));
        assert_eq!(check(&[record(MUL_RK, &[1, 0, 0, 0, 0, 300])]), Err(ParseErrorKind::Damaged));
        // What a chart in the sheet has is no cell of it.
        let chart = [record(BEGINNING, &[0x600, 32]), cell(65_535, 65_535), record(END, &[])];
        assert_eq!(check(&chart), Ok(()));
        let locked = [record(FILE_PASS, &[1, 1]), book(&[cell(65_535, 65_535)])].concat();
        assert!(check_book(&locked, 20_000).is_ok());
    }
}
