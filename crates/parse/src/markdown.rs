//! Markdown: structure from the markup, text as it stands in the file.

use std::ops::Range;

use docent_core::{BlockKind, ParsedDocument};
use pulldown_cmark::{Event, Options, Parser, Tag};

use crate::{
    text,
    verbatim::{self, Verbatim, lines},
};

/// Longer files are taken as plain text: nobody wrote them by hand, and the library's tree of one takes many times
/// its bytes.
const LONGEST: usize = 8 << 20;

enum Piece {
    Heading(u8, String, Range<usize>),
    Block(BlockKind, Range<usize>),
    Table(Range<usize>, usize),
}

impl Piece {
    fn range(&self) -> &Range<usize> {
        match self {
            Self::Heading(_, _, range) | Self::Block(_, range) | Self::Table(range, _) => range,
        }
    }
}

pub(crate) fn parse(text: String) -> ParsedDocument {
    if text.len() > LONGEST {
        return text::parse_as("text/markdown", text);
    }
    verbatim::build("text/markdown", text, structure)
}

fn structure(document: &mut Verbatim<'_>) {
    let text = document.text();
    let mut body = 0;
    if let Some((front, end)) = front_matter(text) {
        document.title(&front_matter_title(&text[front.clone()]).unwrap_or_default());
        document.push(BlockKind::Paragraph, front);
        body = end;
    }
    let pieces = with_gaps(&text[body..], pieces(&text[body..]));
    let first_heading = pieces.iter().find_map(|piece| match piece {
        Piece::Heading(1, words, _) => Some(words.as_str()),
        _ => None,
    });
    document.title(first_heading.unwrap_or_default());
    let at = |range: Range<usize>| body + range.start..body + range.end;
    for piece in pieces {
        match piece {
            Piece::Heading(level, words, range) => document.heading(level, &words, at(range)),
            Piece::Block(kind, range) => document.push(kind, at(range)),
            Piece::Table(range, header) => document.table(at(range), header),
        }
    }
}

/// Metadata at the very start, as YAML between lines of dashes or TOML between lines of pluses: where it stands, and
/// where the rest begins. Anywhere else such lines are rulers, which part text that is to be read.
fn front_matter(text: &str) -> Option<(Range<usize>, usize)> {
    let mut lines = lines(text);
    let first = lines.next()?;
    let fence = text[first.clone()].trim_end();
    if !matches!(fence, "---" | "+++") || !text[first.end..].lines().next()?.contains([':', '=']) {
        return None;
    }
    let last = lines.find(|line| {
        let line = text[line.clone()].trim_end();
        line == fence || (line == "..." && fence == "---")
    })?;
    Some((first.end..last.start, last.end))
}

/// The blocks at the top, and the items of lists at the top.
fn pieces(text: &str) -> Vec<Piece> {
    let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_TASKLISTS;
    let mut found = Vec::new();
    let mut depth = 0usize;
    let mut in_list = false;
    let mut heading: Option<(u8, String, Range<usize>)> = None;
    for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
        match event {
            Event::Start(tag) => {
                let top = depth == 0 || (depth == 1 && in_list);
                depth += 1;
                if !top {
                    continue;
                }
                match tag {
                    Tag::Heading { level, .. } => heading = Some((level as u8, String::new(), range)),
                    Tag::List(_) if depth == 1 => in_list = true,
                    Tag::Item => found.push(Piece::Block(BlockKind::ListItem, range)),
                    Tag::CodeBlock(_) => found.push(Piece::Block(BlockKind::Code, range)),
                    Tag::Table(_) => {
                        let header = header_bytes(&text[range.clone()]);
                        found.push(Piece::Table(range, header));
                    }
                    _ => found.push(Piece::Block(BlockKind::Paragraph, range)),
                }
            }
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    in_list = false;
                    if let Some((level, words, range)) = heading.take() {
                        found.push(Piece::Heading(level, words, range));
                    }
                }
            }
            Event::Text(words) | Event::Code(words) => {
                if let Some((_, text, _)) = &mut heading {
                    text.push_str(&words);
                }
            }
            Event::SoftBreak | Event::HardBreak => {
                if let Some((_, text, _)) = &mut heading {
                    text.push(' ');
                }
            }
            _ => {}
        }
    }
    found
}

/// The pieces, with what stands between them as paragraphs: the library has no events for the targets of links
/// (`[Invoice]: INV-2024-118`). Rulers say nothing.
fn with_gaps(text: &str, pieces: Vec<Piece>) -> Vec<Piece> {
    let mut all = Vec::with_capacity(pieces.len());
    let mut at = 0;
    for piece in pieces {
        let Range { start, end } = *piece.range();
        add_gap(&mut all, text, at..start);
        at = at.max(end);
        all.push(piece);
    }
    add_gap(&mut all, text, at..text.len());
    all
}

/// A paragraph for each run of lines that are not blank.
fn add_gap(pieces: &mut Vec<Piece>, text: &str, gap: Range<usize>) {
    let Some(between) = text.get(gap.clone()) else { return };
    let mut run: Option<Range<usize>> = None;
    let blank_end = between.len()..between.len();
    for line in lines(between).chain([blank_end]) {
        if !between[line.clone()].trim().is_empty() {
            run = Some(run.map_or(line.start, |run| run.start)..line.end);
        } else if let Some(run) = run.take()
            && between[run.clone()].contains(char::is_alphanumeric)
        {
            pieces.push(Piece::Block(BlockKind::Paragraph, gap.start + run.start..gap.start + run.end));
        }
    }
}

/// The header row and the line of dashes below it.
fn header_bytes(table: &str) -> usize {
    table.split_inclusive('\n').take(2).map(str::len).sum()
}

fn front_matter_title(front: &str) -> Option<String> {
    front.lines().find_map(|line| {
        let value = line.strip_prefix("title")?.trim_start().strip_prefix([':', '='])?;
        Some(value.trim().trim_matches(['"', '\'']).to_owned()).filter(|title| !title.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE: &str = "---\ntitle: \"Hand book\"\n---\n\n# Leave & `rest`\n\nThirty days.\n\n## 申请\n\n- one\n  - nested\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```sh\nls\n\npwd\n```\n\n> quote\n";

    #[test]
    fn structure_and_places() {
        let document = parse(SAMPLE.into());
        assert_eq!(document.title.as_deref(), Some("Hand book"));
        let blocks: Vec<_> = document
            .blocks
            .iter()
            .map(|block| (block.kind, block.level, document.block_text(block), block.location.lines.unwrap()))
            .collect();
        assert_eq!(
            blocks,
            [
                (BlockKind::Paragraph, 0, "title: \"Hand book\"", [2, 2]),
                (BlockKind::Heading, 1, "# Leave & `rest`", [5, 5]),
                (BlockKind::Paragraph, 0, "Thirty days.", [7, 7]),
                (BlockKind::Heading, 2, "## 申请", [9, 9]),
                (BlockKind::ListItem, 0, "- one\n  - nested", [11, 12]),
                (BlockKind::ListItem, 0, "- two", [13, 13]),
                (BlockKind::Table, 0, "| a | b |\n|---|---|\n| 1 | 2 |", [15, 17]),
                (BlockKind::Code, 0, "```sh\nls\n\npwd\n```", [19, 23]),
                (BlockKind::Paragraph, 0, "> quote", [25, 25]),
            ]
        );
        assert_eq!(document.blocks[4].location.heading, ["Leave & rest", "申请"]);
        assert_eq!(document.blocks[6].header, 20);
        assert_eq!(document.text, SAMPLE);
    }

    fn blocks(text: &str) -> Vec<String> {
        let document = parse(text.into());
        document.blocks.iter().map(|block| document.block_text(block).to_owned()).collect()
    }

    #[test]
    fn front_matter_is_found_and_rulers_hide_nothing() {
        let document = parse("+++\ntitle = 'T'\ntags = ['pump']\n+++\nText.\n".into());
        assert_eq!(document.title.as_deref(), Some("T"));
        assert_eq!(blocks("---\nauthor: Ann\n...\nText.\n"), ["author: Ann", "Text."]);
        assert_eq!(blocks("Before.\n\n---\nnote: kept\n\nmore\n\n---\nAfter.\n").len(), 4);
        let text = "One.\n\n---\ntitle: no\n---\nTwo.\n";
        assert!(blocks(text).iter().any(|block| block.contains("title: no")), "{:?}", blocks(text));
        assert_eq!(parse(text.into()).title, None);
        assert_eq!(blocks("---\nkey: never closed\n\nText.\n").len(), 2);
        assert_eq!(blocks("---\n\nText.\n"), ["Text."]);
    }

    #[test]
    fn what_stands_between_the_blocks_is_kept() {
        let text = "# A\n\n[Invoice]: INV-2024-118\n[Order]: <O 7>\n\n---\n\nSee [Invoice].\n\n- one\n\n***\n\n[Last]: x \"Y\"";
        let document = parse(text.into());
        let found: Vec<_> =
            document.blocks.iter().map(|b| (document.block_text(b), b.location.lines.unwrap())).collect();
        assert_eq!(
            found,
            [
                ("# A", [1, 1]),
                ("[Invoice]: INV-2024-118\n[Order]: <O 7>", [3, 4]),
                ("See [Invoice].", [8, 8]),
                ("- one", [10, 10]),
                ("[Last]: x \"Y\"", [14, 14]),
            ]
        );
        assert_eq!(document.blocks[1].location.heading, ["A"]);
    }

    #[test]
    fn a_file_too_long_for_the_library_is_plain_text() {
        let document = parse("# One\n\nText.\n\n".repeat(LONGEST / 12));
        assert_eq!(
            (document.mime.as_str(), document.blocks[0].kind),
            ("text/markdown", BlockKind::Paragraph)
        );
    }
}
