//! Source code and JSON: blocks that end where a definition ends, or after enough lines.

use std::ops::Range;

use docent_core::{BlockKind, ParsedDocument};

use crate::verbatim::{Verbatim, lines};

/// A block that is at least this long ends at the next blank line.
const ENOUGH_LINES: usize = 40;
/// A block never has more lines than this.
const MOST_LINES: usize = 80;

/// Blocks end at a blank line that is followed by a line without indentation (a top-level definition in most
/// languages), at any blank line once they are long, and at [`MOST_LINES`].
pub(crate) fn parse(text: String, mime: &str) -> ParsedDocument {
    let all: Vec<Range<usize>> = lines(&text).collect();
    let mut blocks = Vec::new();
    let mut start = 0;
    for (number, line) in all.iter().enumerate() {
        let length = number + 1 - start;
        let blank = text[line.clone()].trim().is_empty();
        let definition_follows = all.get(number + 1).is_some_and(|next| {
            text[next.clone()]
                .chars()
                .next()
                .is_some_and(|first| !first.is_whitespace() && !matches!(first, '}' | ')' | ']'))
        });
        if (blank && (definition_follows || length >= ENOUGH_LINES)) || length >= MOST_LINES {
            blocks.push(all[start].start..line.end);
            start = number + 1;
        }
    }
    if let (Some(first), Some(last)) = (all.get(start), all.last()) {
        blocks.push(first.start..last.end);
    }
    build(text, mime, blocks)
}

/// JSON lines: a block a record.
pub(crate) fn parse_lines(text: String) -> ParsedDocument {
    let blocks = lines(&text).collect();
    build(text, "application/jsonl", blocks)
}

fn build(text: String, mime: &str, blocks: Vec<Range<usize>>) -> ParsedDocument {
    let mut document = Verbatim::new(mime, text);
    for range in blocks {
        document.push(BlockKind::Code, range);
    }
    document.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_end_between_definitions() {
        let source = "fn a() {\n    one();\n\n    two();\n}\n\nfn b() {}\n";
        let document = parse(source.into(), "text/x-rust");
        let blocks: Vec<_> = document.blocks.iter().map(|block| document.block_text(block)).collect();
        assert_eq!(blocks, ["fn a() {\n    one();\n\n    two();\n}", "fn b() {}"]);
        assert_eq!(document.blocks[1].location.lines, Some([7, 7]));
    }

    #[test]
    fn long_blocks_are_cut_and_nothing_is_lost() {
        let source = (0..500).fold(String::new(), |text, n| text + &format!("  line {n}\n"));
        let document = parse(source, "text/plain");
        assert_eq!(document.blocks.len(), 7);
        assert_eq!(document.blocks[6].location.lines, Some([481, 500]));
    }
}
