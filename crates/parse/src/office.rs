//! Word and PowerPoint: headings, paragraphs, lists, tables, notes, headers and footers.

use std::{collections::HashSet, io::Cursor};

use docent_core::{BlockKind, DocumentBuilder, Location};
use office_oxide::{
    Document, DocumentFormat, OfficeError,
    ir::{Element, HeaderFooter, List, Section, Table, inline_to_text},
    options::ParseOptions as OfficeOptions,
};

use crate::{
    ParseOptions, Parsed, damaged, detect::Format, encrypted, package, rows::Rows, spans::Spans, too_large,
};

/// Boxes in cells in boxes deeper than this are left out.
const DEEPEST: usize = 40;

pub(crate) fn parse(format: Format, bytes: &[u8], options: &ParseOptions) -> Parsed {
    let (format, mime) = match format {
        Format::Docx => {
            (DocumentFormat::Docx, "application/vnd.openxmlformats-officedocument.wordprocessingml.document")
        }
        Format::Pptx => (
            DocumentFormat::Pptx,
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        ),
        Format::Ppt => (DocumentFormat::Ppt, "application/vnd.ms-powerpoint"),
        _ => (DocumentFormat::Doc, "application/msword"),
    };
    let _turn = if matches!(format, DocumentFormat::Docx | DocumentFormat::Pptx) {
        package::check(bytes, options.max_unpacked)?
    } else {
        None
    };
    let mut limits = OfficeOptions::default();
    limits.limits.package_bytes = options.max_unpacked;
    limits.limits.part_bytes = limits.limits.part_bytes.min(options.max_unpacked);
    limits.limits.inflate_ratio = 200;
    limits.limits.text_chars = options.max_text;
    limits.limits.embedded_depth = 1;
    let document = Document::from_reader_with(Cursor::new(bytes.to_vec()), format, &limits)
        .map_err(|error| refused(&error))?;
    let slides = document.as_pptx().map(|deck| deck.slides.len());
    let is_deck = matches!(format, DocumentFormat::Pptx | DocumentFormat::Ppt);
    let ir = document.to_ir();
    let mut reader =
        Reader { builder: DocumentBuilder::new(mime), place: Location::default(), seen: HashSet::new() };
    reader.builder.title(ir.metadata.title.as_deref().unwrap_or_default());
    for (index, section) in ir.sections.iter().enumerate() {
        if is_deck {
            // What follows the slides is text of their master.
            let slide = slides.is_none_or(|slides| index < slides).then(|| index as u32 + 1);
            reader.place = Location { slide, ..Location::default() };
            reader.builder.reset_headings();
        }
        reader.section(section);
    }
    if is_deck && let Some(count) = slides {
        reader.builder.pages(u32::try_from(count).unwrap_or(u32::MAX));
    }
    let parsed = reader.builder.finish();
    if parsed.blocks.is_empty() && ir.metadata.text_truncated {
        return Err(too_large("unpacks to more than the limits allow".to_owned()));
    }
    Ok(parsed)
}

fn refused(error: &OfficeError) -> docent_core::ParseError {
    let words = error.to_string();
    let lower = words.to_lowercase();
    if lower.contains("password") || lower.contains("encrypt") {
        encrypted()
    } else if lower.contains("limit")
        || lower.contains("too large")
        || lower.contains("bomb")
        || lower.contains("ratio")
    {
        too_large(format!("a part of it unpacks to more than may be read: {words}"))
    } else {
        damaged(format!("damaged: {words}"))
    }
}

struct Reader {
    builder: DocumentBuilder,
    place: Location,
    /// Headers and footers that are there already: most sections repeat them.
    seen: HashSet<String>,
}

impl Reader {
    fn section(&mut self, section: &Section) {
        for header in [&section.header, &section.first_page_header, &section.even_page_header] {
            self.margin(header.as_ref());
        }
        self.elements(&section.elements, 0);
        for footer in [&section.footer, &section.first_page_footer, &section.even_page_footer] {
            self.margin(footer.as_ref());
        }
        if let Some(notes) = &section.speaker_notes {
            self.elements(notes, 0);
        }
    }

    fn margin(&mut self, margin: Option<&HeaderFooter>) {
        let Some(margin) = margin else { return };
        let mut text = String::new();
        plain(&margin.content, &mut text, 0);
        let text = text.trim();
        if !text.is_empty() && self.seen.insert(text.to_owned()) {
            self.builder.push(BlockKind::Paragraph, text, self.place.clone());
        }
    }

    fn elements(&mut self, elements: &[Element], depth: usize) {
        if depth > DEEPEST {
            return;
        }
        for element in elements {
            match element {
                Element::Heading(heading) => {
                    let text = inline_to_text(&heading.content);
                    self.builder.heading(heading.clamped_level(), &text, self.place.clone());
                }
                Element::Paragraph(paragraph) => {
                    let text = inline_to_text(&paragraph.content);
                    self.builder.push(BlockKind::Paragraph, text.trim(), self.place.clone());
                }
                Element::Table(table) => self.table(table),
                Element::List(list) => self.list(list),
                Element::TextBox(text_box) => self.elements(&text_box.content, depth + 1),
                Element::Footnote(note) | Element::Endnote(note) => {
                    let mut text = String::new();
                    plain(&note.content, &mut text, 0);
                    self.builder.push(BlockKind::Paragraph, text.trim(), self.place.clone());
                }
                Element::CodeBlock(code) => {
                    self.builder.push(BlockKind::Code, code.content.trim_matches('\n'), self.place.clone());
                }
                _ => {}
            }
        }
    }

    /// A block for each item; the items of a list inside it are lines of it.
    fn list(&mut self, list: &List) {
        for item in &list.items {
            let mut text = String::new();
            plain(&item.content, &mut text, 0);
            if let Some(nested) = &item.nested {
                plain_list(nested, &mut text, 1);
            }
            self.builder.push(BlockKind::ListItem, text.trim(), self.place.clone());
        }
    }

    fn table(&mut self, table: &Table) {
        let mut spans = Spans::default();
        let mut rows = Rows::default();
        for row in &table.rows {
            let mut cells = Vec::new();
            for cell in &row.cells {
                let mut text = String::new();
                plain(&cell.content, &mut text, 0);
                spans.add_cell(&mut cells, cell.col_span, cell.row_span);
                if let Some(last) = cells.last_mut() {
                    *last = text.split_whitespace().collect::<Vec<_>>().join(" ");
                }
            }
            spans.end_row(cells.len());
            rows.add(&cells.join("\t"), row.is_header);
        }
        rows.add_to(&mut self.builder, &self.place);
    }
}

/// The text of `elements`, an element a line.
fn plain(elements: &[Element], out: &mut String, depth: usize) {
    if depth > DEEPEST {
        return;
    }
    for element in elements {
        match element {
            Element::Heading(heading) => line(out, &inline_to_text(&heading.content)),
            Element::Paragraph(paragraph) => line(out, &inline_to_text(&paragraph.content)),
            Element::Table(table) => {
                for cell in table.rows.iter().flat_map(|row| &row.cells) {
                    plain(&cell.content, out, depth + 1);
                }
            }
            Element::List(list) => plain_list(list, out, depth + 1),
            Element::TextBox(text_box) => plain(&text_box.content, out, depth + 1),
            Element::Footnote(note) | Element::Endnote(note) => plain(&note.content, out, depth + 1),
            Element::CodeBlock(code) => line(out, &code.content),
            _ => {}
        }
    }
}

fn plain_list(list: &List, out: &mut String, depth: usize) {
    if depth > DEEPEST {
        return;
    }
    for item in &list.items {
        plain(&item.content, out, depth + 1);
        if let Some(nested) = &item.nested {
            plain_list(nested, out, depth + 1);
        }
    }
}

fn line(out: &mut String, text: &str) {
    if !text.trim().is_empty() {
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(text.trim_end());
    }
}
