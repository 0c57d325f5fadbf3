//! What a parser makes of a file, and the passages that are cut from it.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::{EmbedKey, Location};

/// The most blocks of a document: a parser that comes to it has met a file made to exhaust memory.
pub const MOST_BLOCKS: usize = 400_000;
/// A document that has this many blocks gets small ones joined, ...
const MANY_BLOCKS: usize = 100_000;
/// ... up to this many bytes, about what a passage holds.
const JOINED_BYTES: usize = 1024;
/// The most characters of a heading or title where it is repeated: in every block below it, in every passage.
const HEADING_CHARS: usize = 200;

/// A heading or title as it stands above other text: on one line, and cut where it is longer than any heading.
pub fn heading_words(text: &str) -> String {
    let mut words = String::new();
    for word in text.split_whitespace() {
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(word);
        if words.len() > HEADING_CHARS * 4 {
            break;
        }
    }
    if let Some((end, _)) = words.char_indices().nth(HEADING_CHARS) {
        words.truncate(end);
    }
    words
}

/// What a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockKind {
    /// A heading. Its own text is the last entry of its location's heading path.
    Heading,
    /// Running text.
    Paragraph,
    /// Rows of a table, a line each, cells parted by tabs or as in the source.
    Table,
    /// One item of a list.
    ListItem,
    /// Program text, or anything else that is preformatted.
    Code,
}

/// A piece of structure in a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// What it is.
    pub kind: BlockKind,
    /// Level of a heading, 1 to 6; 0 for everything else.
    pub level: u8,
    /// Byte range in [`ParsedDocument::text`], on character boundaries, not overlapping the next block's.
    pub range: Range<usize>,
    /// For a table: how many of its first bytes are the header row, which every passage of it repeats.
    pub header: usize,
    /// Where it stands. `chars` is always set.
    pub location: Location,
}

/// What a parser makes of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParsedDocument {
    /// Media type, by content rather than by name: `application/pdf`.
    pub mime: String,
    /// The document's own title, where it has one.
    pub title: Option<String>,
    /// ISO 639-3 code of the main language, where it is clear: `eng`, `cmn`.
    pub language: Option<String>,
    /// Number of pages, for formats that have them.
    pub pages: Option<u32>,
    /// Pages and pictures in it whose text only OCR can read, and that were not read.
    #[serde(default)]
    pub scanned: u32,
    /// The whole extracted text. Formats that are text keep it as it stands in the file, decoded.
    pub text: String,
    /// Its structure, in reading order.
    pub blocks: Vec<Block>,
}

impl ParsedDocument {
    /// The text of `block`.
    pub fn block_text(&self, block: &Block) -> &str {
        self.text.get(block.range.clone()).unwrap_or_default()
    }

    /// Adds a block. Where there are very many, a small one is joined to its like before it; beyond
    /// [`MOST_BLOCKS`] nothing is added.
    pub fn push_block(&mut self, block: Block) {
        if self.blocks.len() >= MANY_BLOCKS
            && let Some(last) = self.blocks.last_mut()
            && last.joins(&block)
        {
            last.range.end = block.range.end;
            last.location = std::mem::take(&mut last.location).through(&block.location);
        } else if self.blocks.len() < MOST_BLOCKS {
            self.blocks.push(block);
        }
    }
}

impl Block {
    fn joins(&self, next: &Self) -> bool {
        let place = |block: &Self| {
            let Location { page, slide, cells, .. } = &block.location;
            (block.kind, *page, *slide, cells.is_none())
        };
        !matches!(self.kind, BlockKind::Heading | BlockKind::Table)
            && place(self) == place(next)
            && next.range.end - self.range.start <= JOINED_BYTES
            && self.location.heading == next.location.heading
            && self.location.sheet == next.location.sheet
            && self.location.part == next.location.part
    }
}

/// Builds a [`ParsedDocument`] whose text is put together block by block.
///
/// ```
/// use docent_core::{BlockKind, DocumentBuilder, Location};
/// let mut builder = DocumentBuilder::new("text/html");
/// builder.heading(1, "Leave", Location::default());
/// builder.push(BlockKind::Paragraph, "30 days a year.", Location::default());
/// let document = builder.finish();
/// assert_eq!(document.text, "Leave\n30 days a year.\n");
/// assert_eq!(document.blocks[1].location.heading, ["Leave"]);
/// assert_eq!(document.blocks[1].location.chars, Some([6, 21]));
/// ```
#[derive(Debug)]
pub struct DocumentBuilder {
    document: ParsedDocument,
    headings: Vec<(u8, String)>,
    chars: u64,
}

impl DocumentBuilder {
    /// An empty document of type `mime`.
    pub fn new(mime: impl Into<String>) -> Self {
        Self {
            document: ParsedDocument { mime: mime.into(), ..ParsedDocument::default() },
            headings: Vec::new(),
            chars: 0,
        }
    }

    /// Sets the title, unless it is blank or there is one already.
    pub fn title(&mut self, title: &str) {
        let title = heading_words(title);
        if !title.is_empty() && self.document.title.is_none() {
            self.document.title = Some(title);
        }
    }

    /// Sets the number of pages.
    pub fn pages(&mut self, pages: u32) {
        self.document.pages = Some(pages);
    }

    /// Counts pages and pictures that only OCR can read, and that were not read.
    pub fn scanned(&mut self, pages: u32) {
        self.document.scanned = self.document.scanned.saturating_add(pages);
    }

    /// Forgets the headings above, at the start of a new page, slide or part whose headings are its own.
    pub fn reset_headings(&mut self) {
        self.headings.clear();
    }

    /// Adds a heading of `level` 1 to 6, under which the next blocks stand.
    pub fn heading(&mut self, level: u8, text: &str, location: Location) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        self.headings.retain(|(above, _)| *above < level);
        self.headings.push((level, heading_words(text)));
        self.add(BlockKind::Heading, level, text, 0, location);
    }

    /// Adds a block under the present headings. Blank text adds nothing.
    pub fn push(&mut self, kind: BlockKind, text: &str, location: Location) {
        self.add(kind, 0, text.trim_end(), 0, location);
    }

    /// Adds table rows, a line each, of which the first `header` bytes are the header row.
    pub fn table(&mut self, text: &str, header: usize, location: Location) {
        let text = text.trim_end();
        self.add(BlockKind::Table, 0, text, header.min(text.len()), location);
    }

    fn add(&mut self, kind: BlockKind, level: u8, text: &str, header: usize, mut location: Location) {
        if text.trim().is_empty() {
            return;
        }
        let start = self.document.text.len();
        self.document.text.push_str(text);
        let end = self.document.text.len();
        self.document.text.push('\n');
        let chars = text.chars().count() as u64;
        location.chars = Some([self.chars, self.chars + chars]);
        self.chars += chars + 1;
        if location.heading.is_empty() {
            location.heading = self.headings.iter().map(|(_, text)| text.clone()).collect();
        }
        self.document.push_block(Block { kind, level, range: start..end, header, location });
    }

    /// Bytes of text until now.
    pub fn text_bytes(&self) -> usize {
        self.document.text.len()
    }

    /// The document.
    pub fn finish(self) -> ParsedDocument {
        self.document
    }
}

/// What is embedded, indexed, retrieved and cited: some consecutive blocks of one document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Passage {
    /// The text as it stands in the document.
    pub text: String,
    /// The document's title and the headings above, for the index and for the embedder; may be empty.
    pub context: String,
    /// Where it stands.
    pub location: Location,
}

impl Passage {
    /// What the embedder is given: the context, then the text.
    pub fn embedded_text(&self) -> String {
        embedded_text(&self.context, &self.text)
    }

    /// The key of this passage's vector under the embedder called `embedder`.
    pub fn embed_key(&self, embedder: &str) -> EmbedKey {
        EmbedKey::new(embedder, &self.embedded_text())
    }
}

/// What the embedder is given for a passage: the context, then the text.
pub fn embedded_text(context: &str, text: &str) -> String {
    if context.is_empty() { text.to_owned() } else { format!("{context}\n{text}") }
}
