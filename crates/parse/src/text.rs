//! Plain text: paragraphs parted by blank lines.

use std::ops::Range;

use docent_core::{BlockKind, ParsedDocument};

use crate::verbatim::{self, Verbatim, lines};

pub(crate) fn parse(text: String) -> ParsedDocument {
    parse_as("text/plain", text)
}

/// Text of another type, taken as plain text.
pub(crate) fn parse_as(mime: &str, text: String) -> ParsedDocument {
    verbatim::build(mime, text, paragraphs)
}

fn paragraphs(document: &mut Verbatim<'_>) {
    let text = document.text();
    let mut open: Option<Range<usize>> = None;
    for line in lines(text) {
        if text[line.clone()].trim().is_empty() {
            if let Some(range) = open.take() {
                document.push(BlockKind::Paragraph, range);
            }
        } else {
            open = Some(open.map_or(line.clone(), |range| range.start..line.end));
        }
    }
    if let Some(range) = open {
        document.push(BlockKind::Paragraph, range);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_know_their_lines_and_characters() {
        let document = parse("第一段。\r\n还是第一段\r\n\r\n  \r\nSecond one.\r\n".into());
        let blocks: Vec<_> = document
            .blocks
            .iter()
            .map(|block| (document.block_text(block), block.location.lines, block.location.chars))
            .collect();
        assert_eq!(
            blocks,
            [
                ("第一段。\r\n还是第一段", Some([1, 2]), Some([0, 11])),
                ("Second one.", Some([5, 5]), Some([19, 30])),
            ]
        );
    }
}
