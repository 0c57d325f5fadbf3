//! What the paragraphs, cells and notes of RTF come to.

use std::{collections::HashSet, mem};

use docent_core::{BlockKind, DocumentBuilder, Location};

use crate::rows::Rows;

/// What text beside the running text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aside {
    /// A note or a box: it stands behind its paragraph.
    Note,
    /// A header or footer: most sections repeat it.
    Margin,
}

/// The paragraph that ends.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Ending {
    /// Level of a heading; 0 for everything else.
    pub(super) level: u8,
    pub(super) is_item: bool,
    pub(super) in_table: bool,
}

pub(super) struct Flow {
    builder: DocumentBuilder,
    /// The paragraph or cell that is open.
    text: String,
    /// Notes that wait for the end of their paragraph.
    after: Vec<String>,
    aside: Option<(Aside, String)>,
    rows: Rows,
    row: String,
    cells: usize,
    /// Whether the open paragraph has the mark of a list item.
    has_mark: bool,
    seen: HashSet<String>,
}

impl Flow {
    pub(super) fn new() -> Self {
        Self {
            builder: DocumentBuilder::new("application/rtf"),
            text: String::new(),
            after: Vec::new(),
            aside: None,
            rows: Rows::default(),
            row: String::new(),
            cells: 0,
            has_mark: false,
            seen: HashSet::new(),
        }
    }

    pub(super) fn title(&mut self, title: &str) {
        self.builder.title(&title.replace('\u{ad}', ""));
    }

    pub(super) fn text(&mut self, text: &str) {
        let open = match &mut self.aside {
            Some((_, text)) => text,
            None => &mut self.text,
        };
        open.extend(text.chars().filter(|c| *c != '\u{ad}').map(|c| if c == '\u{a0}' { ' ' } else { c }));
    }

    /// A mark of a list item was left out.
    pub(super) fn mark(&mut self) {
        self.has_mark |= self.aside.is_none();
    }

    pub(super) fn begin_aside(&mut self, aside: Aside) {
        self.aside = Some((aside, String::new()));
    }

    pub(super) fn end_aside(&mut self) {
        let Some((aside, text)) = self.aside.take() else { return };
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let text = lines.join("\n");
        match aside {
            Aside::Note => self.after.push(text),
            // A number of a page alone says nothing.
            Aside::Margin => {
                if text.contains(char::is_alphabetic) && self.seen.insert(text.clone()) {
                    self.builder.push(BlockKind::Paragraph, &text, Location::default());
                }
            }
        }
    }

    pub(super) fn end_paragraph(&mut self, ending: Ending) {
        if self.aside.is_some() || ending.in_table || self.cells > 0 {
            return self.text("\n");
        }
        self.end_table();
        let text = mem::take(&mut self.text);
        let text = text.trim();
        let is_item = mem::take(&mut self.has_mark) || ending.is_item || has_written_mark(text);
        if ending.level > 0 {
            self.builder.heading(ending.level, text, Location::default());
        } else {
            let kind = if is_item { BlockKind::ListItem } else { BlockKind::Paragraph };
            self.builder.push(kind, text, Location::default());
        }
        self.add_notes();
    }

    pub(super) fn end_cell(&mut self) {
        if self.aside.is_some() {
            return self.text("\n");
        }
        if self.cells > 0 {
            self.row.push('\t');
        }
        self.cells += 1;
        for (n, word) in self.text.split_whitespace().enumerate() {
            if n > 0 {
                self.row.push(' ');
            }
            self.row.push_str(word);
        }
        self.text.clear();
        self.has_mark = false;
    }

    pub(super) fn end_row(&mut self, is_header: bool) {
        if self.aside.is_some() {
            return self.text("\n");
        }
        if !self.text.trim().is_empty() {
            self.end_cell();
        }
        self.rows.add(&self.row, is_header);
        self.row.clear();
        self.cells = 0;
    }

    fn end_table(&mut self) {
        if self.cells > 0 {
            self.rows.add(&self.row, false);
            self.row.clear();
            self.cells = 0;
        }
        if !self.rows.text().is_empty() {
            mem::take(&mut self.rows).add_to(&mut self.builder, &Location::default());
            self.add_notes();
        }
    }

    fn add_notes(&mut self) {
        for note in mem::take(&mut self.after) {
            self.builder.push(BlockKind::Paragraph, &note, Location::default());
        }
    }

    /// The document so far.
    pub(super) fn finish(mut self, ending: Ending) -> DocumentBuilder {
        self.end_aside();
        if self.cells > 0 {
            self.end_row(false);
        }
        self.end_paragraph(Ending { in_table: false, ..ending });
        self.builder
    }
}

/// Whether a text begins with the mark of a list item and a tab, as programs write it that have no lists.
fn has_written_mark(text: &str) -> bool {
    let Some((mark, _)) = text.split_once('\t') else { return false };
    let numbered = mark.strip_suffix(['.', ')']).is_some_and(|number| {
        (1..=3).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    numbered || matches!(mark, "\u{2022}" | "\u{b7}" | "-" | "\u{2013}")
}
