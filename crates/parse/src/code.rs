//! Source code and JSON: blocks that end where a definition ends, or after enough lines.

use docent_core::{BlockKind, ParsedDocument};

use crate::verbatim::{self, lines};

/// A block that is at least this long ends at the next blank line.
const ENOUGH_LINES: usize = 40;
/// A block never has more lines than this.
const MOST_LINES: usize = 80;

/// Blocks end at a blank line that is followed by a line without indentation (a top-level definition in most
/// languages), at any blank line once they are long, and at [`MOST_LINES`].
pub(crate) fn parse(text: String, mime: &str) -> ParsedDocument {
    verbatim::build(mime, text, |document| {
        let text = document.text();
        let mut all = lines(text).peekable();
        let (mut start, mut length) = (0, 0);
        while let Some(line) = all.next() {
            length += 1;
            let blank = text[line.clone()].trim().is_empty();
            let definition_follows = all.peek().is_some_and(|next| {
                text[next.clone()]
                    .chars()
                    .next()
                    .is_some_and(|first| !first.is_whitespace() && !matches!(first, '}' | ')' | ']'))
            });
            if (blank && (definition_follows || length >= ENOUGH_LINES)) || length >= MOST_LINES {
                document.push(BlockKind::Code, start..line.end);
                (start, length) = (line.end, 0);
            }
        }
        document.push(BlockKind::Code, start..text.len());
    })
}

/// JSON lines: a block a record.
pub(crate) fn parse_lines(text: String) -> ParsedDocument {
    verbatim::build("application/jsonl", text, |document| {
        for record in lines(document.text()) {
            document.push(BlockKind::Code, record);
        }
    })
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
