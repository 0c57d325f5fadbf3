//! reStructuredText, Org, AsciiDoc and LaTeX: structure from the lines, text as it stands in the file.

mod asciidoc;
mod latex;
mod org;
mod rst;

use std::{collections::HashMap, ops::Range};

use docent_core::{BlockKind, ParsedDocument};

use crate::{
    text,
    verbatim::{self, Verbatim},
};

/// Longer files are taken as plain text: nobody wrote them by hand.
const LONGEST: usize = 8 << 20;

/// A markup whose blocks are found line by line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Markup {
    Rst,
    Org,
    AsciiDoc,
    Latex,
}

pub(crate) fn parse(text: String, markup: Markup) -> ParsedDocument {
    let mime = match markup {
        Markup::Rst => "text/x-rst",
        Markup::Org => "text/x-org",
        Markup::AsciiDoc => "text/asciidoc",
        Markup::Latex => "text/x-tex",
    };
    if text.len() > LONGEST {
        return text::parse_as(mime, text);
    }
    verbatim::build(mime, text, |document| {
        let mut page = Page::new(document);
        match markup {
            Markup::Rst => rst::read(&mut page),
            Markup::Org => org::read(&mut page),
            Markup::AsciiDoc => asciidoc::read(&mut page),
            Markup::Latex => latex::read(&mut page),
        }
        page.flush();
    })
}

/// A text by its lines, and the block that is open.
struct Page<'d, 't> {
    document: &'d mut Verbatim<'t>,
    text: &'t str,
    lines: Vec<Range<usize>>,
    open: Option<(BlockKind, Range<usize>)>,
}

impl<'d, 't> Page<'d, 't> {
    fn new(document: &'d mut Verbatim<'t>) -> Self {
        let text = document.text();
        Self { text, lines: verbatim::lines(text).collect(), document, open: None }
    }

    fn len(&self) -> usize {
        self.lines.len()
    }

    /// Line `at` without its line end and blanks before that; blank beyond the last.
    fn line(&self, at: usize) -> &'t str {
        self.lines.get(at).map_or("", |line| self.text[line.clone()].trim_end())
    }

    fn is_blank(&self, at: usize) -> bool {
        self.line(at).trim_start().is_empty()
    }

    /// The text of some lines.
    fn span(&self, lines: Range<usize>) -> Range<usize> {
        if lines.is_empty() {
            return 0..0;
        }
        self.lines[lines.start].start..self.lines[lines.end - 1].end
    }

    /// Adds a line to the open block, or opens a paragraph with it.
    fn push(&mut self, at: usize) {
        let line = self.lines[at].clone();
        match &mut self.open {
            Some((_, open)) => open.end = line.end,
            None => self.open = Some((BlockKind::Paragraph, line)),
        }
    }

    /// Opens a block with a line.
    fn start(&mut self, kind: BlockKind, at: usize) {
        self.flush();
        self.open = Some((kind, self.lines[at].clone()));
    }

    /// Whether a paragraph or an item is open.
    fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Ends the open block.
    fn flush(&mut self) {
        if let Some((kind, range)) = self.open.take() {
            self.document.push(kind, range);
        }
    }

    fn heading(&mut self, level: u8, words: &str, lines: Range<usize>) {
        self.flush();
        let span = self.span(lines);
        self.document.heading(level.clamp(1, 6), words, span);
    }

    fn block(&mut self, kind: BlockKind, lines: Range<usize>) {
        self.flush();
        let span = self.span(lines);
        self.document.push(kind, span);
    }

    /// Adds a table, of which the first `header` lines are the header.
    fn table(&mut self, lines: Range<usize>, header: usize) {
        self.flush();
        let header =
            if header < lines.len() { self.span(lines.start..lines.start + header).len() } else { 0 };
        let span = self.span(lines);
        self.document.table(span, header);
    }

    /// Where lines of a kind stand: `key` names it.
    fn index(&self, key: impl Fn(&'t str) -> Option<String>) -> Index {
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for at in 0..self.len() {
            if let Some(key) = key(self.line(at)) {
                places.entry(key).or_default().push(at);
            }
        }
        Index(places)
    }

    /// Where the list item that line `at` opens ends: before a line that is indented no more than its mark, unless the
    /// text just goes on. What is below it, blank lines included, is part of it.
    fn end_of_item(&self, at: usize, is_item: impl Fn(&str) -> bool) -> usize {
        let own = indent(self.line(at));
        let mut end = at + 1;
        let mut after_blank = false;
        for next in at + 1..self.len() {
            let line = self.line(next);
            if line.is_empty() {
                after_blank = true;
                continue;
            }
            if indent(line) <= own && (after_blank || is_item(line)) {
                break;
            }
            // An item that is long is as good as several.
            if next - at > LONGEST_ITEM && after_blank {
                break;
            }
            end = next + 1;
            after_blank = false;
        }
        end
    }
}

/// Lines of an item after which it may end at any blank line.
const LONGEST_ITEM: usize = 200;

/// Where lines of some kinds stand.
struct Index(HashMap<String, Vec<usize>>);

impl Index {
    /// The first line of kind `key` after line `at`.
    fn after(&self, key: &str, at: usize) -> Option<usize> {
        let places = self.0.get(key)?;
        places.get(places.partition_point(|place| *place <= at)).copied()
    }
}

/// Columns of white space before a line.
fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Whether a line starts with a number or a letter that counts, as in `1.`, `2)` and `a.`, and blanks.
fn is_counted(line: &str) -> bool {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let letters =
        if digits == 0 { line.bytes().take_while(u8::is_ascii_alphabetic).take(2).count() } else { 0 };
    let count = if letters == 1 { 1 } else { digits };
    let rest = &line.as_bytes()[count..];
    (1..=9).contains(&count) && matches!(rest, [b'.' | b')', b' ' | b'\t', ..] | [b'.' | b')'])
}

/// Whether a line starts with one of `bullets` and a blank.
fn is_bulleted(line: &str, bullets: &str) -> bool {
    let mut chars = line.chars();
    chars.next().is_some_and(|c| bullets.contains(c)) && matches!(chars.next(), None | Some(' ' | '\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The blocks of a text: kind, text, heading path.
    pub(super) fn blocks(text: &str, markup: Markup) -> Vec<(BlockKind, String, Vec<String>)> {
        let document = parse(text.to_owned(), markup);
        assert_eq!(document.text, text, "the text stays as it is");
        document
            .blocks
            .iter()
            .map(|block| {
                let lines = block.location.lines.unwrap();
                let body = document.block_text(block);
                assert_eq!(lines[1] - lines[0], body.matches('\n').count() as u32);
                (block.kind, body.to_owned(), block.location.heading.clone())
            })
            .collect()
    }

    #[test]
    fn marks_of_lists() {
        assert!(is_counted("1. a") && is_counted("12) a") && is_counted("a. b") && is_counted("3."));
        assert!(
            !is_counted("1.5 m") && !is_counted("al. b") && !is_counted("") && !is_counted("1234567890. a")
        );
        assert!(is_bulleted("* a", "*-") && is_bulleted("- ", "*-") && !is_bulleted("**a**", "*-"));
    }

    #[test]
    fn repeated_beginnings_take_no_longer_than_their_lines() {
        for (markup, part) in [
            (Markup::Rst, "* a\n\n"),
            (Markup::Rst, "a\n\n  b::\n\n"),
            (Markup::Rst, ".. code::\n"),
            (Markup::Rst, "== ==\n"),
            (Markup::Rst, "+--+\n"),
            (Markup::Org, "#+begin_src a\n"),
            (Markup::Org, ":PROPERTIES:\n"),
            (Markup::Org, "- a\n\n "),
            (Markup::AsciiDoc, "----\na\n-----\n"),
            (Markup::AsciiDoc, "|===\n////\n"),
            (Markup::AsciiDoc, "* a\n+\n"),
            (Markup::Latex, "\\begin{verbatim}\n"),
            (Markup::Latex, "\\begin{tabular}{\n\\title{\n"),
            (Markup::Latex, "\\section{\\textbf{\n"),
            (Markup::Latex, "\\begin{itemize}\\item "),
        ] {
            let began = std::time::Instant::now();
            let _ = parse(part.repeat(40_000), markup);
            // Not a measurement: the square of this length is minutes and more.
            assert!(began.elapsed() < std::time::Duration::from_secs(60), "{markup:?} {part:?}");
        }
    }
}
