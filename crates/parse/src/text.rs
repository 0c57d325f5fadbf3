//! Plain text: paragraphs parted by blank lines.

use docent_core::{BlockKind, ParsedDocument};

use crate::verbatim::{Verbatim, lines};

pub(crate) fn parse(text: String) -> ParsedDocument {
    let mut paragraphs = Vec::new();
    let mut open: Option<std::ops::Range<usize>> = None;
    for line in lines(&text) {
        if text[line.clone()].trim().is_empty() {
            paragraphs.extend(open.take());
        } else {
            open = Some(open.map_or(line.clone(), |range| range.start..line.end));
        }
    }
    paragraphs.extend(open);
    let mut document = Verbatim::new("text/plain", text);
    for range in paragraphs {
        document.push(BlockKind::Paragraph, range);
    }
    document.finish()
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
