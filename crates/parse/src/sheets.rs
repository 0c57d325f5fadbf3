//! Excel workbooks: a table block for each region of filled rows, with its cells.

use std::{collections::BTreeMap, io::Cursor};

use calamine::{Data, DataRef, ExcelDateTime, Reader, SheetType, Xls, XlsError, Xlsx, XlsxError};
use docent_core::{BlockKind, DocumentBuilder, Location, ParseError, cell_name, heading_words};

use crate::{
    ParseOptions, Parsed, damaged,
    detect::Format,
    encrypted,
    ole::{self, Ole},
    package, quiet, reserve, too_large,
};

/// This many blank rows part two regions.
const GAP: u32 = 3;
/// A header longer than this (in bytes) is not worth repeating.
const LONGEST_HEADER: usize = 2000;
/// A header stands in one of the first rows of its region.
const HEADER_WITHIN: usize = 3;
/// The record that ends a part of an old workbook.
const END_OF_PART: [u8; 4] = [0x0A, 0, 0, 0];
/// The last row and column that Excel has.
const LAST: (u32, u32) = (1_048_575, 16_383);

pub(crate) fn parse(format: Format, bytes: &[u8], options: &ParseOptions) -> Parsed {
    if format == Format::Xls {
        return old(bytes, options);
    }
    let _turn = package::check(bytes, options.max_unpacked)?;
    reserve::check_strings(bytes)?;
    let mut book = Xlsx::new(Cursor::new(bytes)).map_err(|error| refused(&error))?;
    let mut builder =
        DocumentBuilder::new("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet");
    let mut budget = Budget::new(options);
    let sheets: Vec<(String, bool)> = book
        .sheets_metadata()
        .iter()
        .map(|sheet| (sheet.name.clone(), sheet.typ == SheetType::WorkSheet))
        .collect();
    let (mut first_error, mut cells_read) = (None, false);
    for (name, _) in sheets.iter().filter(|(_, is_cells)| *is_cells) {
        let mut sheet = Sheet::default();
        let broken = read_sheet(&mut book, name, &mut sheet, &mut budget)?;
        sheet.add_to(&mut builder, name, &mut budget)?;
        // A sheet that cannot be read costs itself only, and is named in its place.
        if let Some(error) = broken {
            let note = format!("[the sheet {name} was not read to its end: {error}]");
            let place = Location { sheet: Some(name.clone()), ..Location::default() };
            builder.push(BlockKind::Paragraph, &note, place);
            first_error.get_or_insert(error);
        }
        cells_read |= !sheet.rows.is_empty();
    }
    match first_error {
        Some(error) if !cells_read => Err(refused(&error)),
        _ => Ok(builder.finish()),
    }
}

/// Reads what can be read of a sheet; `Some`: why it ends there.
fn read_sheet(
    book: &mut Xlsx<Cursor<&[u8]>>,
    name: &str,
    sheet: &mut Sheet,
    budget: &mut Budget,
) -> Result<Option<XlsxError>, ParseError> {
    let mut cells = match book.worksheet_cells_reader(name) {
        Ok(cells) => cells,
        Err(error) => return Ok(Some(error)),
    };
    loop {
        match cells.next_cell() {
            Ok(Some(cell)) => {
                if let Some(text) = written_ref(cell.get_value()) {
                    budget.take(text.len())?;
                    sheet.put(cell.get_position(), text);
                }
            }
            Ok(None) => return Ok(None),
            // An error value that the library does not know (#SPILL!, #CALC!): the reader stands behind it.
            Err(XlsxError::CellError(_)) => {}
            Err(error) => return Ok(Some(error)),
        }
    }
}

/// The format before 2007: at most 65,536 rows of 256 columns, read whole. calamine gets the book alone, in a file made
/// here: it trusts the chains of sectors of the file that it stands in.
fn old(bytes: &[u8], options: &ParseOptions) -> Parsed {
    let ole = Ole::open(bytes).ok_or_else(|| damaged("damaged: the directory of the file cannot be read"))?;
    let stream = ["workbook", "book"].iter().find_map(|name| ole.stream(ole::ROOT, name));
    let mut stream = stream.ok_or_else(|| damaged("damaged: there is no workbook in it"))?;
    let cut_off = || damaged("damaged: the workbook is cut off");
    // Before it is checked: what ends within a record is read on into what was added.
    let missing = ole::SHORTEST.saturating_sub(stream.len());
    stream.extend(END_OF_PART.iter().cycle().take(missing));
    reserve::check_old(&stream, options.max_cells)
        .map_err(|error| if ole.is_cut() { cut_off() } else { error })?;
    let whole = ole::with_stream("Workbook", &stream)
        .ok_or_else(|| too_large("its workbook is larger than 400 MB".to_owned()))?;
    drop(stream);
    // It reads the fields of a record without looking whether they are there, and panics at one that is too short.
    let mut book = match quiet::catch(|| Xls::new(Cursor::new(whole))) {
        Some(Ok(book)) => book,
        Some(Err(XlsError::Password)) => return Err(encrypted()),
        _ if ole.is_cut() => return Err(cut_off()),
        Some(Err(other)) => return Err(damaged(format!("damaged: {other}"))),
        None => return Err(damaged("damaged: its records are not such as Excel writes")),
    };
    let mut builder = DocumentBuilder::new("application/vnd.ms-excel");
    let mut budget = Budget::new(options);
    for name in book.sheet_names() {
        let Ok(range) = book.worksheet_range(&name) else { continue };
        let (top, left) = range.start().unwrap_or_default();
        let mut sheet = Sheet::default();
        for (row, column, value) in range.used_cells() {
            if let Some(text) = written(value) {
                budget.take(text.len())?;
                sheet.put((top + row as u32, left + column as u32), text);
            }
        }
        sheet.add_to(&mut builder, &name, &mut budget)?;
    }
    if ole.is_cut() {
        if builder.text_bytes() == 0 {
            return Err(cut_off());
        }
        let note = "[this workbook was not read to its end: the file is cut off or damaged]";
        builder.push(BlockKind::Paragraph, note, Location::default());
    }
    Ok(builder.finish())
}

fn refused(error: &XlsxError) -> ParseError {
    match error {
        XlsxError::Password => encrypted(),
        other => damaged(format!("damaged: {other}")),
    }
}

/// What is left of the limits.
pub(crate) struct Budget {
    cells: usize,
    text: usize,
}

impl Budget {
    pub(crate) fn new(options: &ParseOptions) -> Self {
        Self { cells: options.max_cells, text: options.max_text }
    }

    /// Takes what a cell of so many `bytes` needs.
    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), ParseError> {
        self.cells = self.cells.checked_sub(1).ok_or_else(|| too_large("too many cells".to_owned()))?;
        self.text =
            self.text.checked_sub(bytes).ok_or_else(|| too_large("too much text in its cells".to_owned()))?;
        Ok(())
    }

    /// What stands between cells counts too.
    fn part(&mut self, bytes: usize) -> Result<(), ParseError> {
        let left = self.text.checked_sub(bytes);
        self.text = left.ok_or_else(|| too_large("its cells are too far apart".to_owned()))?;
        Ok(())
    }
}

/// The filled cells of a sheet by row and column, so that a cell far away costs nothing.
#[derive(Default)]
pub(crate) struct Sheet {
    rows: BTreeMap<u32, BTreeMap<u32, String>>,
}

impl Sheet {
    /// Fills a cell. One beyond those that Excel has is left out.
    pub(crate) fn put(&mut self, (row, column): (u32, u32), text: String) {
        if row <= LAST.0 && column <= LAST.1 {
            self.rows.entry(row).or_default().insert(column, text);
        }
    }

    /// Adds a table for each region of it.
    pub(crate) fn add_to(
        &self,
        builder: &mut DocumentBuilder,
        name: &str,
        budget: &mut Budget,
    ) -> Result<(), ParseError> {
        builder.reset_headings();
        let mut region: Vec<(u32, &BTreeMap<u32, String>)> = Vec::new();
        for (row, cells) in &self.rows {
            if region.last().is_some_and(|(last, _)| row - last > GAP) {
                add_region(builder, name, &region, budget)?;
                region.clear();
            }
            region.push((*row, cells));
        }
        add_region(builder, name, &region, budget)
    }
}

/// Rows with their blank rows between them, from the leftmost column on.
fn add_region(
    builder: &mut DocumentBuilder,
    name: &str,
    region: &[(u32, &BTreeMap<u32, String>)],
    budget: &mut Budget,
) -> Result<(), ParseError> {
    let (Some((top, _)), Some((bottom, _))) = (region.first(), region.last()) else { return Ok(()) };
    let columns = || region.iter().flat_map(|(_, cells)| cells.keys().copied());
    let (Some(left), Some(right)) = (columns().min(), columns().max()) else { return Ok(()) };
    budget.part((bottom - top) as usize)?;
    let mut text = String::new();
    let mut row = *top;
    for (number, cells) in region {
        while row < *number {
            text.push('\n');
            row += 1;
        }
        let mut at = left;
        for (column, value) in *cells {
            // Columns far apart are parted by one tab: a line of ten thousand tabs helps nobody.
            let tabs = if column - at > 256 { 1 } else { column - at };
            budget.part(tabs as usize)?;
            text.extend(std::iter::repeat_n('\t', tabs as usize));
            at = *column;
            text.push_str(value);
        }
        text.push('\n');
        row += 1;
    }
    let from = cell_name(left, *top);
    let to = cell_name(right, *bottom);
    let cells = if from == to { from } else { format!("{from}:{to}") };
    let header = header_bytes(&text, region);
    builder.table(
        &text,
        header,
        Location {
            // Above its cells, so that it is found by it.
            heading: vec![heading_words(name)],
            sheet: Some(name.to_owned()),
            cells: Some(cells),
            ..Location::default()
        },
    );
    Ok(())
}

/// Bytes down to the first row that names two columns or more, if that is one of the first.
fn header_bytes(text: &str, region: &[(u32, &BTreeMap<u32, String>)]) -> usize {
    let Some((top, _)) = region.first() else { return 0 };
    let named = region.iter().take(HEADER_WITHIN).find(|(row, cells)| {
        row - top < HEADER_WITHIN as u32
            && cells.len() > 1
            && cells.values().filter(|value| value.parse::<f64>().is_err()).count() * 2 > cells.len()
    });
    let Some((row, _)) = named else { return 0 };
    let header: usize = text.split_inclusive('\n').take((row - top + 1) as usize).map(str::len).sum();
    if header >= text.len() || header > LONGEST_HEADER { 0 } else { header }
}

fn written_ref(value: &DataRef<'_>) -> Option<String> {
    match value {
        DataRef::SharedString(text) => one_line(text),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => one_line(text),
        DataRef::Int(number) => Some(number.to_string()),
        DataRef::Float(number) => Some(number.to_string()),
        DataRef::Bool(value) => Some(if *value { "TRUE" } else { "FALSE" }.to_owned()),
        DataRef::DateTime(time) => Some(date(time)),
        DataRef::Error(error) => Some(error.to_string()),
        DataRef::Empty => None,
    }
}

fn written(value: &Data) -> Option<String> {
    match value {
        Data::String(text) | Data::DateTimeIso(text) | Data::DurationIso(text) => one_line(text),
        Data::Int(number) => Some(number.to_string()),
        Data::Float(number) => Some(number.to_string()),
        Data::Bool(value) => Some(if *value { "TRUE" } else { "FALSE" }.to_owned()),
        Data::DateTime(time) => Some(date(time)),
        Data::Error(error) => Some(error.to_string()),
        Data::Empty => None,
    }
}

/// A cell is one line of no tabs, since rows are lines and tabs part cells.
pub(crate) fn one_line(text: &str) -> Option<String> {
    let text = text
        .trim()
        .replace("\r\n", " ")
        .replace(['\n', '\r', '\t', '\u{b}', '\u{c}', '\u{2028}', '\u{85}'], " ");
    (!text.is_empty()).then_some(text)
}

/// `2024-05-31`, `2024-05-31 08:30`, `08:30:05`; a length of time in hours.
fn date(time: &ExcelDateTime) -> String {
    let serial = time.as_f64();
    if time.is_duration() {
        let seconds = (serial * 86_400.0).round() as i64;
        return format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    }
    let (year, month, day, hour, minute, second, _) = time.to_ymd_hms_milli();
    let clock = match (hour, minute, second) {
        (0, 0, 0) => String::new(),
        (_, _, 0) => format!("{hour:02}:{minute:02}"),
        _ => format!("{hour:02}:{minute:02}:{second:02}"),
    };
    let day = format!("{year:04}-{month:02}-{day:02}");
    match (serial < 1.0, clock.is_empty()) {
        (true, false) => clock,
        (_, true) => day,
        (false, false) => format!("{day} {clock}"),
    }
}
