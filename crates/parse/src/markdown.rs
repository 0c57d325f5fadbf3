//! Markdown: structure from the markup, text as it stands in the file.

use std::ops::Range;

use docent_core::{BlockKind, ParsedDocument};
use pulldown_cmark::{Event, MetadataBlockKind, Options, Parser, Tag};

use crate::verbatim::Verbatim;

enum Piece {
    Heading(u8, String, Range<usize>),
    Block(BlockKind, Range<usize>),
    Table(Range<usize>, usize),
}

pub(crate) fn parse(text: String) -> ParsedDocument {
    let (pieces, front_title) = pieces(&text);
    let first_heading = pieces.iter().find_map(|piece| match piece {
        Piece::Heading(1, words, _) => Some(words.clone()),
        _ => None,
    });
    let mut document = Verbatim::new("text/markdown", text);
    document.title(&front_title.unwrap_or_default());
    document.title(&first_heading.unwrap_or_default());
    for piece in pieces {
        match piece {
            Piece::Heading(level, words, range) => document.heading(level, &words, range),
            Piece::Block(kind, range) => document.push(kind, range),
            Piece::Table(range, header) => document.table(range, header),
        }
    }
    document.finish()
}

/// The blocks at the top, and the items of lists at the top.
fn pieces(text: &str) -> (Vec<Piece>, Option<String>) {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS
        | Options::ENABLE_PLUSES_DELIMITED_METADATA_BLOCKS;
    let mut found = Vec::new();
    let mut title = None;
    let mut depth = 0usize;
    let mut in_list = false;
    let mut heading: Option<(u8, String, Range<usize>)> = None;
    let mut in_metadata = false;
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
                    Tag::MetadataBlock(MetadataBlockKind::YamlStyle | MetadataBlockKind::PlusesStyle) => {
                        in_metadata = true;
                    }
                    _ => found.push(Piece::Block(BlockKind::Paragraph, range)),
                }
            }
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    in_list = false;
                    in_metadata = false;
                    if let Some((level, words, range)) = heading.take() {
                        found.push(Piece::Heading(level, words, range));
                    }
                }
            }
            Event::Text(words) if in_metadata => title = title.or_else(|| front_matter_title(&words)),
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
    (found, title)
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
        assert_eq!(document.blocks[3].location.heading, ["Leave & rest", "申请"]);
        assert_eq!(document.blocks[5].header, 20);
        assert_eq!(document.text, SAMPLE);
    }
}
