//! HTML: headings, paragraphs, list items, tables and preformatted text, straight from the tokens.
//!
//! No tree is built, so a page nested a hundred thousand levels deep costs no more than its bytes.

use std::cell::RefCell;

use docent_core::{BlockKind, DocumentBuilder, Location, ParsedDocument};
use html5ever::{
    tendril::StrTendril,
    tokenizer::{
        BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
        states::RawKind,
    },
};

/// An item or cell longer than this is cut into several blocks.
const LONG: usize = 4000;

/// Parses a decoded page.
pub(crate) fn parse(text: &str) -> ParsedDocument {
    let mut builder = DocumentBuilder::new("text/html");
    add(&mut builder, text, &Location::default());
    builder.finish()
}

/// Adds the blocks of the page `text` to `builder`, each at `place`.
pub(crate) fn add(builder: &mut DocumentBuilder, text: &str, place: &Location) {
    let mut flow = read(text, false);
    if flow.skipped.is_some() {
        // Something that is left out is never closed: better all of it than half a page.
        flow = read(text, true);
    }
    builder.title(&flow.page_title);
    for piece in &flow.pieces {
        match piece.kind {
            BlockKind::Heading => builder.heading(piece.level, &piece.text, place.clone()),
            BlockKind::Table => builder.table(&piece.text, piece.header, place.clone()),
            kind => builder.push(kind, &piece.text, place.clone()),
        }
    }
}

fn read(text: &str, keep_all: bool) -> Flow {
    let page = Page { flow: RefCell::new(Flow { keep_all, ..Flow::default() }) };
    let tokenizer = Tokenizer::new(page, TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(text));
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    let mut flow = tokenizer.sink.flow.take();
    flow.close();
    flow
}

struct Page {
    flow: RefCell<Flow>,
}

impl TokenSink for Page {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut flow = self.flow.borrow_mut();
        match token {
            Token::CharacterTokens(text) => flow.text(&text),
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => {
                flow.start(&tag);
                match &*tag.name {
                    "title" | "textarea" => return TokenSinkResult::RawData(RawKind::Rcdata),
                    "script" => return TokenSinkResult::RawData(RawKind::ScriptData),
                    "style" | "xmp" | "iframe" | "noembed" | "noframes" => {
                        return TokenSinkResult::RawData(RawKind::Rawtext);
                    }
                    _ => {}
                }
            }
            Token::TagToken(tag) => flow.end(&tag.name),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

/// The table being read.
#[derive(Default)]
struct Table {
    rows: Vec<String>,
    row: Vec<String>,
    in_cell: bool,
    has_header: bool,
}

/// A block that is read.
struct Piece {
    kind: BlockKind,
    level: u8,
    text: String,
    header: usize,
}

struct Flow {
    pieces: Vec<Piece>,
    page_title: String,
    /// Whether navigation and hidden elements are read too.
    keep_all: bool,
    text: String,
    kind: BlockKind,
    level: u8,
    /// The element whose content is left out, and how deep it is in elements of its own name.
    skipped: Option<(String, u32)>,
    title: Option<String>,
    lists: u32,
    pre: bool,
    table: Option<Table>,
}

impl Default for Flow {
    fn default() -> Self {
        Self {
            pieces: Vec::new(),
            page_title: String::new(),
            keep_all: false,
            text: String::new(),
            kind: BlockKind::Paragraph,
            level: 0,
            skipped: None,
            title: None,
            lists: 0,
            pre: false,
            table: None,
        }
    }
}

impl Flow {
    fn piece(&mut self, kind: BlockKind, text: &str) {
        self.pieces.push(Piece { kind, level: self.level, text: text.to_owned(), header: 0 });
    }

    fn text(&mut self, text: &str) {
        if self.skipped.is_some() {
            return;
        }
        if let Some(title) = &mut self.title {
            title.push_str(text);
        } else if let Some(table) = &mut self.table {
            match table.row.last_mut() {
                Some(cell) if table.in_cell => push_collapsed(cell, text),
                _ => {}
            }
        } else if self.pre {
            self.text.push_str(text);
        } else {
            push_collapsed(&mut self.text, text);
        }
    }

    fn start(&mut self, tag: &Tag) {
        let name = &*tag.name;
        if let Some((skipped, depth)) = &mut self.skipped {
            if skipped == name && !tag.self_closing {
                *depth += 1;
            }
            return;
        }
        let unseen = !self.keep_all && (name == "nav" || (is_hidden(tag) && !is_void(name)));
        if unseen || is_left_out(name) {
            if !tag.self_closing {
                self.skipped = Some((name.to_owned(), 1));
            }
            return;
        }
        match name {
            "title" => self.title = Some(String::new()),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.leave_layout_table();
                self.flush();
                self.kind = BlockKind::Heading;
                self.level = name.as_bytes()[1] - b'0';
            }
            "table" => {
                self.leave_layout_table();
                self.flush();
                self.table = Some(Table::default());
            }
            "tr" => self.end_row(),
            "td" | "th" => match &mut self.table {
                Some(table) => {
                    table.row.push(String::new());
                    table.in_cell = true;
                    table.has_header |= name == "th";
                }
                None => self.flush(),
            },
            "br" | "hr" => self.line_break(),
            "img" | "input" | "wbr" | "meta" | "link" | "col" | "source" | "area" | "base" | "embed" => {}
            "ul" | "ol" | "menu" => {
                if self.table.is_none() && self.lists == 0 {
                    self.flush();
                }
                self.lists += 1;
            }
            "li" => self.list_item(),
            "pre" | "xmp" => {
                self.flush();
                if self.table.is_none() {
                    self.kind = BlockKind::Code;
                    self.pre = true;
                }
            }
            _ if is_block(name) => self.paragraph_break(),
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        if let Some((skipped, depth)) = &mut self.skipped {
            if skipped == name {
                *depth -= 1;
                if *depth == 0 {
                    self.skipped = None;
                }
            }
            return;
        }
        match name {
            "title" => {
                if let Some(title) = self.title.take()
                    && self.page_title.is_empty()
                {
                    self.page_title = title.split_whitespace().collect::<Vec<_>>().join(" ");
                }
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => self.flush(),
            "td" | "th" => {
                if let Some(table) = &mut self.table {
                    table.in_cell = false;
                }
            }
            "tr" => self.end_row(),
            "table" => self.end_table(),
            "ul" | "ol" | "menu" => {
                self.lists = self.lists.saturating_sub(1);
                if self.lists == 0 && self.table.is_none() {
                    self.flush();
                }
            }
            "pre" | "xmp" => {
                // First, so that what follows is running text again.
                self.pre = false;
                self.flush();
            }
            _ if is_block(name) => self.paragraph_break(),
            _ => {}
        }
    }

    /// One block for each item of the outermost list; inner items are lines of it.
    fn list_item(&mut self) {
        if self.table.is_some() {
            self.line_break();
        } else if self.lists <= 1 || self.text.len() > LONG {
            self.flush();
            self.kind = BlockKind::ListItem;
        } else {
            self.line_break();
        }
    }

    fn paragraph_break(&mut self) {
        let in_item = self.kind == BlockKind::ListItem && self.lists > 0 && self.text.len() <= LONG;
        if self.table.is_some() || in_item {
            self.line_break();
        } else if !self.pre {
            self.flush();
        }
    }

    fn line_break(&mut self) {
        let text = match &mut self.table {
            // Rows are lines, so a break in a cell is a blank.
            Some(table) => {
                if let Some(cell) = table.row.last_mut() {
                    push_collapsed(cell, " ");
                }
                return;
            }
            None => &mut self.text,
        };
        if self.pre || !(text.is_empty() || text.ends_with('\n')) {
            while !self.pre && text.ends_with(' ') {
                text.pop();
            }
            text.push('\n');
        }
    }

    fn flush(&mut self) {
        if self.table.is_some() {
            return;
        }
        let text = std::mem::take(&mut self.text);
        let kind = std::mem::replace(&mut self.kind, BlockKind::Paragraph);
        if self.lists > 0 && kind == BlockKind::ListItem {
            // Text after a cut item is still in the list.
            self.kind = BlockKind::ListItem;
        }
        match kind {
            BlockKind::Code => {
                self.kind = if self.pre { BlockKind::Code } else { BlockKind::Paragraph };
                self.piece(kind, text.trim_matches('\n'));
            }
            _ => self.piece(kind, text.trim()),
        }
    }

    fn end_row(&mut self) {
        if let Some(table) = &mut self.table {
            table.in_cell = false;
            let row = std::mem::take(&mut table.row);
            let cells: Vec<&str> = row.iter().map(|cell| cell.trim()).collect();
            if cells.iter().any(|cell| !cell.is_empty()) {
                table.rows.push(cells.join("\t"));
            }
        }
    }

    fn end_table(&mut self) {
        self.end_row();
        let Some(table) = self.table.take() else { return };
        let one_column = table.rows.iter().all(|row| !row.contains('\t'));
        if one_column {
            for row in &table.rows {
                self.piece(BlockKind::Paragraph, row);
            }
            return;
        }
        let header = match table.rows.first() {
            Some(first) if table.rows.len() > 1 && (table.has_header || first.contains('\t')) => {
                first.len() + 1
            }
            _ => 0,
        };
        self.pieces.push(Piece { kind: BlockKind::Table, level: 0, text: table.rows.join("\n"), header });
    }

    /// A table with a heading or another table in a cell is there for its looks: what it has is running text.
    fn leave_layout_table(&mut self) {
        self.end_row();
        if let Some(table) = self.table.take() {
            for row in table.rows {
                self.piece(BlockKind::Paragraph, &row);
            }
        }
    }

    fn close(&mut self) {
        self.end_table();
        self.flush();
    }
}

/// Adds `text` with every run of white space as one blank.
fn push_collapsed(to: &mut String, text: &str) {
    for c in text.chars() {
        if matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}') {
            if !(to.is_empty() || to.ends_with([' ', '\n'])) {
                to.push(' ');
            }
        } else if c != '\u{ad}' {
            to.push(if c == '\u{a0}' { ' ' } else { c });
        }
    }
}

fn is_left_out(name: &str) -> bool {
    matches!(
        name,
        "script"
            | "style"
            | "noscript"
            | "template"
            | "svg"
            | "math"
            | "iframe"
            | "noembed"
            | "noframes"
            | "object"
            | "audio"
            | "video"
            | "canvas"
            | "datalist"
            | "select"
    )
}

fn is_void(name: &str) -> bool {
    matches!(
        name,
        "br" | "hr"
            | "img"
            | "input"
            | "wbr"
            | "meta"
            | "link"
            | "col"
            | "source"
            | "area"
            | "base"
            | "embed"
            | "body"
            | "html"
    )
}

fn is_hidden(tag: &Tag) -> bool {
    tag.attrs.iter().any(|attribute| match &*attribute.name.local {
        "hidden" => true,
        "style" => {
            let style: String = attribute
                .value
                .chars()
                .filter(|c| !c.is_whitespace())
                .collect::<String>()
                .to_ascii_lowercase();
            style.contains("display:none") || style.contains("visibility:hidden")
        }
        _ => false,
    })
}

fn is_block(name: &str) -> bool {
    matches!(
        name,
        "p" | "div"
            | "section"
            | "article"
            | "header"
            | "footer"
            | "main"
            | "nav"
            | "aside"
            | "address"
            | "blockquote"
            | "center"
            | "dd"
            | "dt"
            | "dl"
            | "details"
            | "summary"
            | "fieldset"
            | "form"
            | "figure"
            | "figcaption"
            | "li"
            | "caption"
            | "legend"
            | "body"
            | "html"
            | "head"
            | "thead"
            | "tbody"
            | "tfoot"
            | "option"
            | "dialog"
            | "hgroup"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(text: &str) -> ParsedDocument {
        parse(text)
    }

    #[test]
    fn structure() {
        let document = page(
            "<title>Hand\nbook</title><style>p{}</style><h1>Leave</h1><p>Thirty&nbsp;days <b>a</b> year<br>at most\
             <p>Second<script>var x = '<p>no</p>';</script><h2>How</h2><ul><li>one<ul><li>inner</ul><li>two</ul>\
             <table><tr><th>a<th>b<tr><td>1<td><p>2</p></table><pre>x\n  y</pre><div hidden>no<div>no</div></div>end",
        );
        assert_eq!(document.title.as_deref(), Some("Hand book"));
        let blocks: Vec<_> =
            document.blocks.iter().map(|block| (block.kind, document.block_text(block))).collect();
        assert_eq!(
            blocks,
            [
                (BlockKind::Heading, "Leave"),
                (BlockKind::Paragraph, "Thirty days a year\nat most"),
                (BlockKind::Paragraph, "Second"),
                (BlockKind::Heading, "How"),
                (BlockKind::ListItem, "one\ninner"),
                (BlockKind::ListItem, "two"),
                (BlockKind::Table, "a\tb\n1\t2"),
                (BlockKind::Code, "x\n  y"),
                (BlockKind::Paragraph, "end"),
            ]
        );
        assert_eq!(document.blocks[6].header, 4);
        assert_eq!(document.blocks[6].location.heading, ["Leave", "How"]);
    }

    #[test]
    fn a_layout_table_is_running_text() {
        let document = page("<table><tr><td>menu<td><h1>Title</h1><p>Words</p></table>");
        let blocks: Vec<_> =
            document.blocks.iter().map(|block| (block.kind, document.block_text(block))).collect();
        assert_eq!(
            blocks,
            [(BlockKind::Paragraph, "menu"), (BlockKind::Heading, "Title"), (BlockKind::Paragraph, "Words")]
        );
    }

    #[test]
    fn navigation_is_left_out_unless_it_is_never_closed() {
        assert_eq!(page("<nav><ul><li>Home</ul></nav><p>Words").text, "Words\n");
        assert_eq!(page("<nav>Home<p>Words").text, "Home\nWords\n");
        assert_eq!(page("<p hidden>one<p>two<p>three").text, "one\ntwo\nthree\n");
    }

    #[test]
    fn deep_nesting_costs_nothing() {
        let text = "<div>".repeat(100_000) + "deep" + &"</div>".repeat(100_000);
        assert_eq!(page(&text).text, "deep\n");
    }
}
