//! HTML: headings, paragraphs, list items, tables and preformatted text, straight from the tokens.
//!
//! No tree is built, so a page nested a hundred thousand levels deep costs no more than its bytes.

use std::{
    cell::{Cell, RefCell},
    time::{Duration, Instant},
};

use docent_core::{BlockKind, DocumentBuilder, Location, ParseError, ParseErrorKind};
use html5ever::{
    tendril::StrTendril,
    tokenizer::{
        BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
        states::RawKind,
    },
};

use crate::{Parsed, archive::Unpacked, spans::Spans};

/// An item or cell longer than this is cut into several blocks.
const LONG: usize = 4000;
/// The tokenizer compares each attribute of a tag with all before it, so a page can be made to take for ever. The pages
/// of an honest file take a small part of this time, and of a second for each megabyte.
const PATIENCE: Duration = Duration::from_secs(5);
/// Bytes between two looks at the clock.
const AT_ONCE: usize = 16 << 10;

/// The time left for the pages of one file: a feed or a message can have many.
#[derive(Debug)]
pub(crate) struct Patience {
    left: Cell<Duration>,
    /// What the archives of that file have taken.
    pub(crate) unpacked: Unpacked,
}

impl Default for Patience {
    fn default() -> Self {
        Self { left: Cell::new(PATIENCE), unpacked: Unpacked::default() }
    }
}

impl Patience {
    /// Whether a page was not read to its end.
    pub(crate) fn is_spent(&self) -> bool {
        self.left.get().is_zero()
    }

    /// The error of a file whose pages take too long.
    pub(crate) fn error() -> ParseError {
        ParseError::new(ParseErrorKind::Timeout, "takes too long to read: made to do so?")
    }

    /// Fails when a page was not read to its end.
    pub(crate) fn check(&self) -> Result<(), ParseError> {
        if self.is_spent() { Err(Self::error()) } else { Ok(()) }
    }

    /// The end of the time for a page of `bytes`; `None`: there is none left.
    fn deadline(&self, bytes: usize) -> Option<Instant> {
        let more = Duration::from_secs((bytes >> 20) as u64);
        (!self.is_spent()).then(|| Instant::now() + self.left.get() + more)
    }

    /// Keeps what is left until `deadline`.
    fn keep(&self, deadline: Instant) {
        self.left.set(deadline.saturating_duration_since(Instant::now()));
    }
}

/// Parses a decoded page.
pub(crate) fn parse(text: &str, patience: &Patience) -> Parsed {
    let flow = read_page(patience, text);
    patience.check()?;
    Ok(flow.builder.finish())
}

/// Adds the blocks of the page `text` to `builder`, each at `place`. Of one that takes too long it is the beginning.
pub(crate) fn add(builder: &mut DocumentBuilder, text: &str, place: &Location, patience: &Patience) {
    let page = read_page(patience, text).builder.finish();
    builder.title(page.title.as_deref().unwrap_or_default());
    for block in &page.blocks {
        let text = page.block_text(block);
        match block.kind {
            BlockKind::Heading => builder.heading(block.level, text, place.clone()),
            BlockKind::Table => builder.table(text, block.header, place.clone()),
            kind => builder.push(kind, text, place.clone()),
        }
    }
}

fn read_page(patience: &Patience, text: &str) -> Flow {
    let flow = read(patience, text, false);
    if flow.skipped.is_some() && !patience.is_spent() {
        // Something that is left out is never closed: better all of it than half a page.
        return read(patience, text, true);
    }
    flow
}

fn read(patience: &Patience, text: &str, keep_all: bool) -> Flow {
    let Some(deadline) = patience.deadline(text.len()) else { return Flow::default() };
    let page = Page { flow: RefCell::new(Flow { keep_all, ..Flow::default() }), is_xml: is_xhtml(text) };
    let tokenizer = Tokenizer::new(page, TokenizerOpts::default());
    let input = BufferQueue::default();
    let (mut rest, mut late) = (text, false);
    while !rest.is_empty() && !late {
        let (next, after) = rest.split_at(rest.floor_char_boundary(AT_ONCE));
        input.push_back(StrTendril::from_slice(next));
        let _ = tokenizer.feed(&input);
        rest = after;
        late = Instant::now() > deadline;
    }
    tokenizer.end();
    patience.keep(deadline);
    let mut flow = tokenizer.sink.flow.take();
    flow.close();
    flow
}

/// Whether the page says that it is XML, where `<script/>` has an end.
fn is_xhtml(text: &str) -> bool {
    let text = text.trim_start();
    let head = text[..text.floor_char_boundary(1024)].to_ascii_lowercase();
    head.starts_with("<?xml") || head.contains("dtd xhtml") || head.contains("www.w3.org/1999/xhtml")
}

struct Page {
    flow: RefCell<Flow>,
    is_xml: bool,
}

impl TokenSink for Page {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut flow = self.flow.borrow_mut();
        match token {
            Token::CharacterTokens(text) => flow.text(&text),
            Token::TagToken(tag) if tag.kind == TagKind::StartTag => {
                flow.start(&tag);
                if self.is_xml && tag.self_closing {
                    flow.end_empty(&tag.name);
                    return TokenSinkResult::Continue;
                }
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
    /// The row that is open; text belongs to its last cell.
    row: Vec<String>,
    spans: Spans,
    has_header: bool,
}

struct Flow {
    builder: DocumentBuilder,
    /// Whether navigation, hidden elements and drawings are read too.
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
            builder: DocumentBuilder::new("text/html"),
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
        match kind {
            BlockKind::Heading => self.builder.heading(self.level, text, Location::default()),
            kind => self.builder.push(kind, text, Location::default()),
        }
    }

    /// Whether a row of a table is open.
    fn in_row(&self) -> bool {
        self.table.as_ref().is_some_and(|table| !table.row.is_empty())
    }

    fn text(&mut self, text: &str) {
        if self.skipped.is_some() {
            return;
        }
        if let Some(title) = &mut self.title {
            title.push_str(text);
        } else if let Some(cell) = self.table.as_mut().and_then(|table| table.row.last_mut()) {
            push_collapsed(cell, text);
        } else if self.table.is_some() {
            self.text_beside_rows(text);
        } else if self.pre {
            self.text.push_str(text);
        } else {
            push_collapsed(&mut self.text, text);
        }
    }

    /// Text of a table outside its rows: before them a caption; after them, the end of the table was left out.
    fn text_beside_rows(&mut self, text: &str) {
        let is_blank = text.chars().all(char::is_whitespace);
        if !is_blank && self.table.as_ref().is_some_and(|table| !table.rows.is_empty()) {
            self.end_table();
        }
        push_collapsed(&mut self.text, text);
    }

    fn start(&mut self, tag: &Tag) {
        let name = &*tag.name;
        if let Some((skipped, depth)) = &mut self.skipped {
            if skipped == name && !tag.self_closing {
                *depth += 1;
            }
            return;
        }
        let hidden = name == "nav" || (is_hidden(tag) && !is_void(name)) || is_no_prose(name);
        if (hidden && !self.keep_all) || is_raw(name) {
            if !tag.self_closing {
                self.skipped = Some((name.to_owned(), 1));
            }
            return;
        }
        match name {
            "title" => self.title = Some(String::new()),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.leave_table();
                self.flush();
                self.kind = BlockKind::Heading;
                self.level = name.as_bytes()[1] - b'0';
            }
            "table" => {
                self.leave_table();
                self.end_table();
                self.flush();
                self.table = Some(Table::default());
            }
            "tr" => self.end_row(),
            "td" | "th" => match &mut self.table {
                Some(table) => {
                    let (columns, rows) = (number(tag, "colspan"), number(tag, "rowspan"));
                    table.spans.add_cell(&mut table.row, columns, rows);
                    table.has_header |= name == "th";
                }
                None => self.flush(),
            },
            "thead" | "tbody" | "tfoot" => {
                // Cells reach down to the end of their group at most.
                self.end_row();
                if let Some(table) = &mut self.table {
                    table.spans.clear();
                }
            }
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

    /// The end of `<name/>` in XML.
    fn end_empty(&mut self, name: &str) {
        if self.skipped.is_none() {
            self.end(name);
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
                if let Some(title) = self.title.take() {
                    self.builder.title(&title);
                }
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => self.flush(),
            "td" | "th" => self.line_break(),
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
        // Rows are lines, so a break in a cell is a blank.
        if let Some(cell) = self.table.as_mut().and_then(|table| table.row.last_mut()) {
            return push_collapsed(cell, " ");
        }
        let text = &mut self.text;
        if self.pre || !(text.is_empty() || text.ends_with('\n')) {
            while !self.pre && text.ends_with(' ') {
                text.pop();
            }
            text.push('\n');
        }
    }

    fn flush(&mut self) {
        if self.in_row() {
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
            let row = std::mem::take(&mut table.row);
            if !row.is_empty() {
                table.spans.end_row(row.len());
            }
            let cells: Vec<&str> = row.iter().map(|cell| cell.trim()).collect();
            if cells.iter().any(|cell| !cell.is_empty()) {
                table.rows.push(cells.join("\t"));
            }
        }
    }

    fn end_table(&mut self) {
        self.end_row();
        if self.table.is_none() {
            return;
        }
        // A caption stands before its table.
        self.flush();
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
        self.builder.table(&table.rows.join("\n"), header, Location::default());
    }

    /// A heading or another table begins. In a cell, it shows that the table is there for its looks: what it has is
    /// running text. After the rows, the end of the table was left out; before them, it stands in the caption.
    fn leave_table(&mut self) {
        if !self.in_row() {
            if self.table.as_ref().is_some_and(|table| !table.rows.is_empty()) {
                self.end_table();
            }
            return;
        }
        self.end_row();
        if let Some(table) = self.table.take() {
            for row in table.rows {
                self.piece(BlockKind::Paragraph, row.trim());
            }
        }
    }

    fn close(&mut self) {
        if let Some(title) = self.title.take() {
            // Never closed, it is the page.
            self.text(&title);
        }
        self.end_table();
        self.flush();
    }
}

/// Adds `text` with every run of white space as one blank.
pub(crate) fn push_collapsed(to: &mut String, text: &str) {
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

/// Drawings, programs' data and choices of forms.
fn is_no_prose(name: &str) -> bool {
    matches!(
        name,
        "noscript"
            | "template"
            | "svg"
            | "math"
            | "object"
            | "audio"
            | "video"
            | "canvas"
            | "datalist"
            | "select"
    )
}

/// What these hold is no markup; unclosed, they reach to the end of the page for every reader.
fn is_raw(name: &str) -> bool {
    matches!(name, "script" | "style" | "iframe" | "noembed" | "noframes")
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

/// The number that an attribute has; 1 without one.
fn number(tag: &Tag, name: &str) -> u32 {
    let value = tag.attrs.iter().find(|attribute| &*attribute.name.local == name);
    value.and_then(|attribute| attribute.value.trim().parse().ok()).unwrap_or(1)
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
    use docent_core::ParsedDocument;

    use super::*;

    fn page(text: &str) -> ParsedDocument {
        parse(text, &Patience::default()).unwrap()
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

    fn texts(text: &str) -> Vec<(BlockKind, String)> {
        let document = page(text);
        document.blocks.iter().map(|block| (block.kind, document.block_text(block).to_owned())).collect()
    }

    #[test]
    fn text_of_a_table_outside_its_cells_is_kept() {
        use BlockKind::{Heading, Paragraph, Table};
        let rows = "<tr><td>a<td>b</tr><tr><td>1<td>2</tr>";
        let table = (Table, "a\tb\n1\t2".to_owned());
        assert_eq!(
            texts(&format!("<table><caption>Prices\n<p>of 2026</caption>{rows}</table><p>After")),
            [(Paragraph, "Prices\nof 2026".into()), table.clone(), (Paragraph, "After".into())]
        );
        assert_eq!(
            texts(&format!("<table><caption><h3>Prices</h3></caption>{rows}</table>")),
            [(Heading, "Prices".into()), table.clone()]
        );
        // The table is never closed.
        assert_eq!(
            texts(&format!("<table>{rows}<p>One<p>Two<h2>Three</h2><p>Four")),
            [
                table.clone(),
                (Paragraph, "One".into()),
                (Paragraph, "Two".into()),
                (Heading, "Three".into()),
                (Paragraph, "Four".into())
            ]
        );
        assert_eq!(
            texts(&format!("<table>{rows}<h2>Three</h2><p>Four")),
            [table, (Heading, "Three".into()), (Paragraph, "Four".into())]
        );
        assert_eq!(texts("<table><tr><td>a</td> stray <td>b</table>"), [(Table, "a stray\tb".into())]);
    }

    #[test]
    fn drawings_and_titles_that_are_never_closed_hide_nothing() {
        assert_eq!(page("<svg><text>no</text></svg><p>Words").text, "Words\n");
        for name in ["svg", "object", "select", "video", "template"] {
            let document = page(&format!("<p>One<{name}><p>Two<p>Three"));
            assert!(
                document.text.contains("One") && document.text.contains("Three"),
                "{name}: {}",
                document.text
            );
        }
        assert!(page("<title>Never closed <p>Words").text.contains("Words"));
    }

    #[test]
    fn a_page_that_takes_too_long_is_given_up() {
        let attributes: String = (0..200_000).map(|n| format!(" a{n}=1")).collect();
        let patience = Patience { left: Cell::new(Duration::from_nanos(1)), ..Patience::default() };
        let error = parse(&format!("<p>One<p{attributes}>Two"), &patience).unwrap_err();
        assert_eq!(error.kind, ParseErrorKind::Timeout);
        // Nor are other pages of that file read.
        assert!(read_page(&patience, "<p>Three").builder.finish().blocks.is_empty());
    }

    #[test]
    fn empty_elements_of_xml_hide_nothing() {
        let body =
            "<head><title/><script src='a.js'/><style/></head><body><textarea/><p>One</p><iframe/>Two</body>";
        for head in [
            "<?xml version='1.0'?>\n<html>",
            "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Strict//EN\" \"x\"><html>",
            "<html xmlns='http://www.w3.org/1999/xhtml'>",
        ] {
            assert_eq!(page(&format!("{head}{body}</html>")).text, "One\nTwo\n", "{head}");
        }
    }

    #[test]
    fn cells_over_rows_and_columns_leave_the_others_in_their_places() {
        let document = page(
            "<table><tr><th rowspan=2>Kind<th colspan=2>Days<th>Note<tr><th>old<th>new<th><tr><td>Annual<td>28<td>30<td>a\
             <tr><td colspan=\"2\">Sick<td>10<td>b</table>",
        );
        assert_eq!(document.text, "Kind\tDays\t\tNote\n\told\tnew\t\nAnnual\t28\t30\ta\nSick\t\t10\tb\n");
    }

    #[test]
    fn a_page_is_read_in_parts() {
        let text = format!("<p>{}&amp;同{}</p>", "a".repeat(AT_ONCE - 5), "b".repeat(AT_ONCE));
        assert_eq!(page(&text).text, text[3..text.len() - 4].replace("&amp;", "&") + "\n");
    }

    #[test]
    fn deep_nesting_costs_nothing() {
        let text = "<div>".repeat(100_000) + "deep" + &"</div>".repeat(100_000);
        assert_eq!(page(&text).text, "deep\n");
    }
}
