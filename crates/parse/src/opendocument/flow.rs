//! Running text of OpenDocument: headings, paragraphs, lists, tables and slides.

use std::{collections::HashSet, mem};

use docent_core::{BlockKind, DocumentBuilder, Location};

use super::{
    End, Kind,
    elements::{Element, Ns},
    styles::Styles,
};
use crate::{html::push_collapsed, rows::Rows};

/// An item longer than this (in bytes) is cut into several blocks.
const LONG: usize = 4000;
/// Paragraphs in boxes in paragraphs deeper than this are lines of the outer one.
const DEEPEST: usize = 64;
/// The most blanks of one `text:s`.
const MOST_BLANKS: u32 = 40;
/// The most empty cells that one cell of a table in running text stands for.
const MOST_CELLS: u32 = 64;

/// A piece of text that is complete.
enum Piece {
    /// The title of a page.
    Title(String),
    Heading(u8, String),
    Paragraph(String),
    Item(String),
    Table(Rows),
}

impl Piece {
    fn text(&self) -> &str {
        match self {
            Self::Title(text) | Self::Heading(_, text) | Self::Paragraph(text) | Self::Item(text) => text,
            Self::Table(rows) => rows.text(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inside {
    Body,
    Item,
    /// A cell, header or footer: all text in it is lines.
    Lines,
}

/// What holds paragraphs: the body, and in it an item of a list, and in either the cell of a table.
struct Level {
    inside: Inside,
    /// Open paragraphs, each in a note or box of the one before, with the level of a heading.
    paragraphs: Vec<(u8, String)>,
    /// What waits for the end of the outermost paragraph: its notes and boxes.
    after: Vec<Piece>,
    lines: String,
}

impl Level {
    fn new(inside: Inside) -> Self {
        Self { inside, paragraphs: Vec::new(), after: Vec::new(), lines: String::new() }
    }

    fn line(&mut self, text: &str) {
        let text = text.trim_end();
        if !text.trim_start().is_empty() {
            if !self.lines.is_empty() {
                self.lines.push('\n');
            }
            self.lines.push_str(text);
        }
    }
}

/// The table that is open.
#[derive(Default)]
struct Table {
    rows: Rows,
    row: String,
    cells: usize,
    /// How many columns the open cell stands for.
    columns: u32,
    in_header: bool,
}

impl Table {
    fn cell(&mut self, text: &str) {
        if self.cells > 0 {
            self.row.push('\t');
        }
        self.cells += 1;
        for (n, word) in text.split_whitespace().enumerate() {
            if n > 0 {
                self.row.push(' ');
            }
            self.row.push_str(word);
        }
    }
}

pub(super) struct Flow {
    place: Location,
    has_slides: bool,
    levels: Vec<Level>,
    table: Option<Table>,
    /// The pieces of the open slide: its title stands anywhere among them.
    page: Option<Vec<Piece>>,
    pages: u32,
    page_title: Option<String>,
    in_notes: bool,
    /// Headers and footers, each once.
    headers: Vec<String>,
    footers: Vec<String>,
    seen: HashSet<String>,
}

impl Default for Flow {
    fn default() -> Self {
        Self {
            place: Location::default(),
            has_slides: false,
            levels: vec![Level::new(Inside::Body)],
            table: None,
            page: None,
            pages: 0,
            page_title: None,
            in_notes: false,
            headers: Vec::new(),
            footers: Vec::new(),
            seen: HashSet::new(),
        }
    }
}

impl Flow {
    /// Begins the body of a document. Its headers stand before it.
    pub(super) fn begin(&mut self, kind: Option<Kind>, builder: &mut DocumentBuilder) {
        self.has_slides = kind == Some(Kind::Presentation);
        let (headers, footers) = (mem::take(&mut self.headers), mem::take(&mut self.footers));
        if kind == Some(Kind::Text) {
            for header in headers {
                builder.push(BlockKind::Paragraph, &header, Location::default());
            }
            self.footers = footers;
        }
    }

    /// Ends it: its footers stand behind it.
    pub(super) fn finish(&mut self, builder: &mut DocumentBuilder) {
        builder.reset_headings();
        for footer in mem::take(&mut self.footers) {
            builder.push(BlockKind::Paragraph, &footer, Location::default());
        }
        if self.pages > 0 {
            builder.pages(self.pages);
        }
    }

    /// Begins a header or footer.
    pub(super) fn margin(&mut self, is_footer: bool) -> End {
        if self.in_margin() {
            return End::Nothing;
        }
        self.levels.push(Level::new(Inside::Lines));
        End::Margin { is_footer }
    }

    pub(super) fn in_margin(&self) -> bool {
        self.levels.len() > 1
    }

    fn inside(&self) -> Inside {
        self.levels.last().map_or(Inside::Body, |level| level.inside)
    }

    fn in_paragraph(&self) -> bool {
        self.levels.last().is_some_and(|level| !level.paragraphs.is_empty())
    }

    /// Begins an element; `None`: it is left out.
    pub(super) fn start(&mut self, element: &Element<'_>, styles: &Styles) -> Option<End> {
        let end = match (element.ns, element.local()) {
            (Ns::Text, name @ ("p" | "h")) => {
                let level = if name == "h" {
                    element.number("outline-level").min(6) as u8
                } else {
                    let style = element.attribute("style-name");
                    style.and_then(|style| styles.level(&style)).unwrap_or(0).min(6)
                };
                self.paragraph(level)
            }
            (Ns::Text, "s") => {
                let blanks = element.number("c").min(MOST_BLANKS) as usize;
                self.push(&" ".repeat(blanks));
                End::Nothing
            }
            (Ns::Text, "tab") => {
                self.push("\t");
                End::Nothing
            }
            (Ns::Text, "line-break") => {
                self.push("\n");
                End::Nothing
            }
            (Ns::Text, "list-item" | "list-header")
                if self.inside() == Inside::Body && !self.in_paragraph() && self.page_title.is_none() =>
            {
                self.levels.push(Level::new(Inside::Item));
                End::Item
            }
            (Ns::Table, name) => return self.start_of_table(name, element),
            (Ns::Draw, "page") => self.start_page(),
            (Ns::Draw, _) if self.page.is_some() => return self.shape(element),
            (Ns::Presentation, "notes") => {
                self.in_notes = true;
                End::Notes
            }
            _ => End::Nothing,
        };
        Some(end)
    }

    fn start_of_table(&mut self, name: &str, element: &Element<'_>) -> Option<End> {
        // A table in a cell is lines of it.
        if self.inside() == Inside::Lines {
            return Some(End::Nothing);
        }
        Some(match (name, &mut self.table) {
            ("table", None) => {
                self.table = Some(Table::default());
                End::Table
            }
            ("table-header-rows", Some(table)) => {
                table.in_header = true;
                End::HeaderRows
            }
            ("table-row", Some(table)) => {
                table.row.clear();
                table.cells = 0;
                End::Row
            }
            ("table-cell", Some(table)) => {
                table.columns = element.number("number-columns-repeated").min(MOST_CELLS);
                self.levels.push(Level::new(Inside::Lines));
                End::Cell
            }
            ("covered-table-cell", Some(table)) => {
                for _ in 0..element.number("number-columns-repeated").min(MOST_CELLS) {
                    table.cell("");
                }
                return None;
            }
            _ => End::Nothing,
        })
    }

    fn start_page(&mut self) -> End {
        if self.page.is_some() {
            return End::Nothing;
        }
        self.pages = self.pages.saturating_add(1);
        let number = Some(self.pages);
        self.place = if self.has_slides {
            Location { slide: number, ..Location::default() }
        } else {
            Location { page: number, ..Location::default() }
        };
        self.page = Some(Vec::new());
        End::Page
    }

    /// A shape on a page: its class tells what it is there for.
    fn shape(&mut self, element: &Element<'_>) -> Option<End> {
        if element.attribute("placeholder").is_some_and(|value| value == "true") {
            return None;
        }
        let class = element.attribute("class");
        match class.as_deref() {
            Some("page-number" | "date-time") => None,
            Some("page" | "header" | "footer") if self.in_notes => None,
            Some("title") if !self.in_notes && self.page_title.is_none() && !self.in_paragraph() => {
                self.page_title = Some(String::new());
                Some(End::PageTitle)
            }
            _ => Some(End::Nothing),
        }
    }

    fn paragraph(&mut self, level: u8) -> End {
        let Some(top) = self.levels.last_mut() else { return End::Nothing };
        if top.paragraphs.len() >= DEEPEST {
            self.push("\n");
            return End::Nothing;
        }
        top.paragraphs.push((level, String::new()));
        End::Paragraph
    }

    /// Running text: every run of white space is one blank, and nothing at the beginning of a line.
    pub(super) fn text(&mut self, text: &str) {
        if let Some((_, open)) = self.levels.last_mut().and_then(|level| level.paragraphs.last_mut()) {
            push_collapsed(open, text);
        }
    }

    /// Blanks that are meant.
    fn push(&mut self, text: &str) {
        if let Some((_, open)) = self.levels.last_mut().and_then(|level| level.paragraphs.last_mut()) {
            open.push_str(text);
        }
    }

    pub(super) fn end(&mut self, end: End, builder: &mut DocumentBuilder) {
        match end {
            End::Paragraph => self.end_paragraph(builder),
            End::Item => {
                let Some(level) = self.levels.pop_if(|level| level.inside == Inside::Item) else { return };
                self.put(Piece::Item(level.lines), builder);
            }
            End::Cell => {
                let Some(level) = self.levels.pop_if(|level| level.inside == Inside::Lines) else { return };
                if let Some(table) = &mut self.table {
                    table.cell(&level.lines);
                    // Copies say nothing new.
                    for _ in 1..table.columns {
                        table.cell("");
                    }
                }
            }
            End::Row => {
                if let Some(table) = &mut self.table {
                    table.rows.add(&table.row, table.in_header);
                }
            }
            End::HeaderRows => {
                if let Some(table) = &mut self.table {
                    table.in_header = false;
                }
            }
            End::Table => {
                if let Some(table) = self.table.take() {
                    self.put(Piece::Table(table.rows), builder);
                }
            }
            End::PageTitle => {
                if let Some(title) = self.page_title.take() {
                    self.put(Piece::Title(title), builder);
                }
            }
            End::Notes => self.in_notes = false,
            End::Page => self.end_page(builder),
            End::Margin { is_footer } => self.end_margin(is_footer),
            _ => {}
        }
    }

    fn end_paragraph(&mut self, builder: &mut DocumentBuilder) {
        let Some(top) = self.levels.last_mut() else { return };
        let Some((level, text)) = top.paragraphs.pop() else { return };
        let piece = if level > 0 { Piece::Heading(level, text) } else { Piece::Paragraph(text) };
        if !top.paragraphs.is_empty() {
            top.after.push(piece);
            return;
        }
        let after = mem::take(&mut top.after);
        match &mut self.page_title {
            Some(title) if top.inside == Inside::Body => {
                title.push(' ');
                title.push_str(piece.text().trim());
            }
            _ => self.put(piece, builder),
        }
        for piece in after {
            self.put(piece, builder);
        }
    }

    fn end_page(&mut self, builder: &mut DocumentBuilder) {
        let Some(pieces) = self.page.take() else { return };
        builder.reset_headings();
        let (titles, rest): (Vec<_>, Vec<_>) =
            pieces.into_iter().partition(|piece| matches!(piece, Piece::Title(_)));
        for piece in titles.into_iter().chain(rest) {
            self.add(&piece, builder);
        }
        self.place = Location::default();
    }

    fn end_margin(&mut self, is_footer: bool) {
        let Some(level) = self.levels.pop_if(|level| level.inside == Inside::Lines) else { return };
        // A number of a page alone says nothing.
        if level.lines.contains(char::is_alphabetic) && self.seen.insert(level.lines.clone()) {
            let margins = if is_footer { &mut self.footers } else { &mut self.headers };
            margins.push(level.lines);
        }
    }

    /// Puts a piece where it belongs: behind the paragraph that is open, into the item or cell, or into the document.
    fn put(&mut self, piece: Piece, builder: &mut DocumentBuilder) {
        let Some(top) = self.levels.last_mut() else { return };
        if !top.paragraphs.is_empty() {
            top.after.push(piece);
            return;
        }
        match (top.inside, &piece) {
            (Inside::Body, _) => self.emit(piece, builder),
            (Inside::Item, Piece::Heading(..) | Piece::Table(_)) => {
                // Numbered headings are items of lists.
                let lines = mem::take(&mut top.lines);
                self.emit(Piece::Item(lines), builder);
                self.emit(piece, builder);
            }
            (Inside::Item, _) => {
                top.line(piece.text());
                if top.lines.len() > LONG {
                    let lines = mem::take(&mut top.lines);
                    self.emit(Piece::Item(lines), builder);
                }
            }
            (Inside::Lines, _) => top.line(piece.text()),
        }
    }

    fn emit(&mut self, piece: Piece, builder: &mut DocumentBuilder) {
        match &mut self.page {
            Some(page) => page.push(piece),
            None => self.add(&piece, builder),
        }
    }

    fn add(&self, piece: &Piece, builder: &mut DocumentBuilder) {
        let place = self.place.clone();
        match piece {
            Piece::Title(text) => builder.heading(1, text, place),
            Piece::Heading(level, text) => builder.heading(*level, text, place),
            Piece::Paragraph(text) => {
                builder.push(BlockKind::Paragraph, text.trim_matches(['\n', ' ']), place);
            }
            Piece::Item(text) => builder.push(BlockKind::ListItem, text.trim(), place),
            Piece::Table(rows) => rows.add_to(builder, &place),
        }
    }
}
