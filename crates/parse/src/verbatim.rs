//! Documents whose text is the file itself: blocks are ranges of it, in order.

use std::ops::Range;

use docent_core::{Block, BlockKind, Location, ParsedDocument, heading_words};

/// Makes a document of `text`, whose blocks `fill` adds.
pub(crate) fn build(mime: &str, text: String, fill: impl FnOnce(&mut Verbatim<'_>)) -> ParsedDocument {
    let mut verbatim = Verbatim::new(mime, &text);
    fill(&mut verbatim);
    let document = verbatim.document;
    ParsedDocument { text, ..document }
}

/// Adds blocks to a text that stays as it is. Lines and code points are counted once, from block to block, so
/// the whole costs one pass.
#[derive(Debug)]
pub(crate) struct Verbatim<'t> {
    text: &'t str,
    document: ParsedDocument,
    headings: Vec<(u8, String)>,
    at: usize,
    chars: u64,
    line: u32,
}

impl<'t> Verbatim<'t> {
    fn new(mime: &str, text: &'t str) -> Self {
        Self {
            text,
            document: ParsedDocument { mime: mime.to_owned(), ..ParsedDocument::default() },
            headings: Vec::new(),
            at: 0,
            chars: 0,
            line: 1,
        }
    }

    pub(crate) fn text(&self) -> &'t str {
        self.text
    }

    pub(crate) fn title(&mut self, title: &str) {
        let title = heading_words(title);
        if !title.is_empty() && self.document.title.is_none() {
            self.document.title = Some(title);
        }
    }

    /// Adds a heading; `text` is its words without markup.
    pub(crate) fn heading(&mut self, level: u8, text: &str, range: Range<usize>) {
        let words = heading_words(text);
        if words.is_empty() {
            return;
        }
        self.headings.retain(|(above, _)| *above < level);
        self.headings.push((level, words));
        self.add(BlockKind::Heading, level, range, 0);
    }

    /// Adds a block. White space around it is left outside; a blank one adds nothing.
    pub(crate) fn push(&mut self, kind: BlockKind, range: Range<usize>) {
        self.add(kind, 0, range, 0);
    }

    /// Adds a table whose first `header` bytes are its header rows.
    pub(crate) fn table(&mut self, range: Range<usize>, header: usize) {
        self.add(BlockKind::Table, 0, range, header);
    }

    fn add(&mut self, kind: BlockKind, level: u8, range: Range<usize>, header: usize) {
        let Some(raw) = self.text.get(range.clone()) else { return };
        // Indentation in front of the first line belongs to the block, blank lines do not.
        let body = raw.trim_end();
        let lead = body.len() - body.trim_start().len();
        let skipped = body[..lead].rfind('\n').map_or(0, |newline| newline + 1);
        let start = range.start + skipped;
        let end = range.start + body.len();
        if start >= end || start < self.at {
            return;
        }
        let (first_line, first_char) = self.walk_to(start);
        let (last_line, last_char) = self.walk_to(end);
        self.document.push_block(Block {
            kind,
            level,
            range: start..end,
            header: header.saturating_sub(skipped).min(end - start),
            location: Location {
                heading: self.headings.iter().map(|(_, text)| text.clone()).collect(),
                lines: Some([first_line, last_line]),
                chars: Some([first_char, last_char]),
                ..Location::default()
            },
        });
    }

    /// The line and code point at byte `to`, counted on from where the last count ended.
    fn walk_to(&mut self, to: usize) -> (u32, u64) {
        if let Some(passed) = self.text.get(self.at..to) {
            self.line += passed.bytes().filter(|byte| *byte == b'\n').count() as u32;
            self.chars += passed.chars().count() as u64;
            self.at = to;
        }
        (self.line, self.chars)
    }
}

/// The lines of `text` as byte ranges, each with its line end.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        let range = at..at + line.len();
        at = range.end;
        range
    })
}
