//! PDF through pdfium: pages, lines in reading order, paragraphs by the gaps between lines. Pages that are pictures, or
//! whose text is garbage, are for OCR.

use std::{
    collections::HashSet,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

pub(crate) use self::{
    layout::{Headings, Paragraph, join},
    scan::lines_of,
};
use self::{
    layout::{Line, clean},
    outline::Outline,
};
use crate::{ParseOptions, Parsed, damaged, encrypted, ocr::Ocr, too_large};
use docent_core::{BlockKind, DocumentBuilder, Location, ParseError, ParseErrorKind};
use pdfium_render::prelude::{
    PdfDocument, PdfDocumentMetadataTagType, PdfPage, PdfPoints, PdfRect, Pdfium, PdfiumError,
    PdfiumInternalError,
};

mod garbage;
mod layout;
mod outline;
mod running;
mod scan;

/// Stands for a page that cannot be read.
pub(crate) const UNREADABLE_PAGE: &str = "[this page cannot be read]";

/// pdfium is bound once per process, and is not safe for use from several threads at once.
static PDFIUM: Mutex<Option<Pdfium>> = Mutex::new(None);

/// Loads the library, if it is there.
pub(crate) fn load(options: &ParseOptions) {
    // Why it is not is said with the first PDF.
    drop(bound(options));
}

fn bound(options: &ParseOptions) -> Result<MutexGuard<'static, Option<Pdfium>>, ParseError> {
    let mut bound = PDFIUM.lock().unwrap_or_else(PoisonError::into_inner);
    if bound.is_none() {
        *bound = Some(bind(options.pdfium.as_deref())?);
    }
    Ok(bound)
}

pub(crate) fn parse(bytes: &[u8], options: &ParseOptions, ocr: Option<&Ocr>) -> Parsed {
    let bound = bound(options)?;
    let Some(pdfium) = bound.as_ref() else { return Err(missing("it could not be loaded")) };
    let document = pdfium.load_pdf_from_byte_slice(bytes, None).map_err(|error| refused(&error))?;
    read(&document, options, ocr)
}

fn bind(library: Option<&Path>) -> Result<Pdfium, ParseError> {
    let library = library.ok_or_else(|| missing("it is not installed"))?;
    if !library.is_file() {
        return Err(missing(&format!("there is no {}", library.display())));
    }
    match Pdfium::bind_to_library(library) {
        Ok(bindings) => Ok(Pdfium::new(bindings)),
        Err(error) => Err(missing(&format!("{} cannot be loaded: {error}", library.display()))),
    }
}

fn missing(why: &str) -> ParseError {
    ParseError::new(
        ParseErrorKind::Unavailable,
        format!(
            "PDF files need the pdfium library; {why}; `make models` gets it, `docent models import PATH` takes in a \
             copy, DOCENT_PDFIUM names one"
        ),
    )
}

fn refused(error: &PdfiumError) -> ParseError {
    match error {
        PdfiumError::PdfiumLibraryInternalError(PdfiumInternalError::PasswordError) => encrypted(),
        PdfiumError::PdfiumLibraryInternalError(PdfiumInternalError::SecurityError) => {
            ParseError::new(ParseErrorKind::Encrypted, "encrypted in a way that is not known")
        }
        PdfiumError::PdfiumLibraryInternalError(PdfiumInternalError::FormatError) => {
            damaged("damaged: not a PDF that can be read")
        }
        other => damaged(format!("damaged: {other:?}")),
    }
}

fn read(document: &PdfDocument<'_>, options: &ParseOptions, ocr: Option<&Ocr>) -> Parsed {
    let pages = document.pages();
    let count = u32::try_from(pages.len()).unwrap_or(0);
    if count == 0 {
        return Err(damaged("damaged: no pages"));
    }
    if count > options.max_pages {
        return Err(too_large(format!("{count} pages; the limit is {}", options.max_pages)));
    }
    let mut builder = DocumentBuilder::new("application/pdf");
    builder.pages(count);
    if let Some(title) = document.metadata().get(PdfDocumentMetadataTagType::Title) {
        builder.title(title.value().trim_matches(['\0', '\u{feff}']));
    }
    let mut text_bytes = 0;
    let mut unreadable = HashSet::new();
    let mut by_page: Vec<Vec<Line>> = Vec::new();
    for index in 0..count {
        let page = i32::try_from(index).ok().and_then(|index| pages.get(index).ok());
        let own = page.as_ref().and_then(|page| lines(page));
        let is_scan =
            page.as_ref().is_some_and(|page| scan::needs_ocr(page, own.as_deref().unwrap_or_default()));
        let lines = match (own, page, ocr) {
            (own, Some(page), Some(ocr)) if is_scan => {
                match scan::recognise(&page, own.unwrap_or_default(), ocr)? {
                    Some(lines) => lines,
                    None => {
                        unreadable.insert(index);
                        Vec::new()
                    }
                }
            }
            (Some(own), ..) => {
                builder.scanned(u32::from(is_scan));
                own
            }
            _ => {
                unreadable.insert(index);
                Vec::new()
            }
        };
        text_bytes += lines.iter().map(|line| line.text.len() + 1).sum::<usize>();
        if text_bytes > options.max_text {
            return Err(too_large(format!("more than {} MB of text", options.max_text >> 20)));
        }
        by_page.push(lines);
    }
    if unreadable.len() == count as usize {
        return Err(damaged("damaged: none of its pages can be read"));
    }
    running::strip(&mut by_page);
    let mut all: Vec<(u32, Paragraph)> = Vec::new();
    for (index, lines) in (0..count).zip(by_page) {
        if unreadable.contains(&index) {
            all.push((index + 1, Paragraph::note(UNREADABLE_PAGE)));
        }
        all.extend(join(&lines).into_iter().map(|paragraph| (index + 1, paragraph)));
    }
    let outline = Outline::of(document);
    let headings = Headings::of(all.iter().map(|(_, paragraph)| paragraph), count);
    for (page, paragraph) in &all {
        let place = Location { page: Some(*page), area: paragraph.area, ..Location::default() };
        match outline.level(*page, &paragraph.text).or_else(|| headings.level(paragraph)) {
            Some(level) => builder.heading(level, &paragraph.text, place),
            None => builder.push(BlockKind::Paragraph, &paragraph.text, place),
        }
    }
    Ok(builder.finish())
}

/// A character may begin this far outside of the page, in points, and still be seen on it.
const OVERHANG: f32 = 6.0;

/// Whether a place is outside of what is shown of a page. Of a spread that was cut in two, both pages often hold all of
/// the text.
fn is_cut_off(shown: Option<PdfRect>, (x, y): (PdfPoints, PdfPoints)) -> bool {
    shown.is_some_and(|shown| {
        x.value < shown.left().value - OVERHANG
            || x.value > shown.right().value + OVERHANG
            || y.value < shown.bottom().value - OVERHANG
            || y.value > shown.top().value + OVERHANG
    })
}

fn lines(page: &PdfPage<'_>) -> Option<Vec<Line>> {
    let text = page.text().ok()?;
    let shown = page.boundaries().bounding().ok().map(|page| page.bounds);
    let mut lines = Vec::new();
    let mut line = Line::default();
    let mut units = Vec::new();
    for char in text.chars().iter() {
        let value = char.unicode_value();
        if value == u32::from(b'\n') || value == u32::from(b'\r') {
            close_line(&mut lines, &mut line, &mut units);
            continue;
        }
        let origin = if value > 0x20 { char.origin().ok() } else { None };
        if origin.is_some_and(|origin| is_cut_off(shown, origin)) {
            continue;
        }
        if line.baseline.is_none() && value > 0x20 {
            line.baseline = origin.map(|(_, y)| y.value);
            line.size = char.scaled_font_size().value;
        }
        push_units(&mut units, value);
    }
    close_line(&mut lines, &mut line, &mut units);
    Some(lines)
}

/// pdfium gives UTF-16 halves of characters beyond the first plane on some builds, whole ones on others.
fn push_units(units: &mut Vec<u16>, value: u32) {
    match (u16::try_from(value), char::from_u32(value)) {
        (Ok(unit), _) => units.push(unit),
        (Err(_), Some(c)) => units.extend_from_slice(c.encode_utf16(&mut [0; 2])),
        (Err(_), None) => {}
    }
}

fn close_line(lines: &mut Vec<Line>, line: &mut Line, units: &mut Vec<u16>) {
    line.text = clean(&String::from_utf16_lossy(units));
    units.clear();
    if line.text.trim().is_empty() {
        *line = Line::default();
    } else {
        lines.push(std::mem::take(line));
    }
}
