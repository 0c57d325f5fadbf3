//! TOML and INI: source text whose sections are headings.

use docent_core::{BlockKind, ParsedDocument};

use crate::verbatim::{self, lines};

/// Low enough that small sections share a passage.
const LEVEL: u8 = 3;
/// A block never has more lines than this.
const MOST_LINES: usize = 80;

pub(crate) fn parse(text: String, mime: &str) -> ParsedDocument {
    verbatim::build(mime, text, |document| {
        let text = document.text();
        let (mut start, mut length) = (0, 0);
        for line in lines(text) {
            if let Some(name) = section(&text[line.clone()]) {
                document.push(BlockKind::Code, start..line.start);
                document.heading(LEVEL, name, line.clone());
                (start, length) = (line.end, 0);
            } else {
                length += 1;
            }
            if length >= MOST_LINES {
                document.push(BlockKind::Code, start..line.end);
                (start, length) = (line.end, 0);
            }
        }
        document.push(BlockKind::Code, start..text.len());
    })
}

/// The name in `[name]` or `[[name]]`, where a line is nothing else but perhaps a comment.
fn section(line: &str) -> Option<&str> {
    let (name, rest) = line.trim().strip_prefix('[')?.split_once(']')?;
    let rest = rest.trim_start_matches(']').trim_start();
    let name = name.trim_start_matches('[').trim();
    // Brackets with commas and quotes are a list that goes on from the line above.
    let is_name = !name.is_empty() && !name.contains(',') && !name.starts_with(['"', '\'']);
    (is_name && (rest.is_empty() || rest.starts_with(['#', ';']))).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_headings() {
        let text = "# top\nname = 1\n\n[server] # main\nport = 80\nlist = [\n  [1, 2],\n]\n[[a.b]]\nx = 1\n";
        let document = parse(text.to_owned(), "text/x-toml");
        let blocks: Vec<_> =
            document.blocks.iter().map(|block| (block.kind, document.block_text(block))).collect();
        assert_eq!(
            blocks,
            [
                (BlockKind::Code, "# top\nname = 1"),
                (BlockKind::Heading, "[server] # main"),
                (BlockKind::Code, "port = 80\nlist = [\n  [1, 2],\n]"),
                (BlockKind::Heading, "[[a.b]]"),
                (BlockKind::Code, "x = 1"),
            ]
        );
        assert_eq!(document.blocks[4].location.heading, ["a.b"]);
    }
}
