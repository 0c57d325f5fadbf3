//! What the parser made of a file.

use std::fmt::Write as _;

use docent::{BlockKind, ParsedDocument};

use super::{DIM, STRONG, clean, clean_line, count};

/// The text, below a line of what is known about it.
pub(crate) fn document(document: &ParsedDocument) -> String {
    let mut text = head(document);
    text.push('\n');
    text.push_str(clean(&document.text).trim_end());
    text.push('\n');
    text
}

/// The blocks, each with its kind and its place.
pub(crate) fn blocks(document: &ParsedDocument) -> String {
    let mut text = head(document);
    for block in &document.blocks {
        let kind = match block.kind {
            BlockKind::Heading => format!("heading {}", block.level),
            BlockKind::Paragraph => "paragraph".into(),
            BlockKind::Table => "table".into(),
            BlockKind::ListItem => "list item".into(),
            BlockKind::Code => "code".into(),
        };
        let mut place = block.location.in_words();
        if !block.location.heading.is_empty() && block.kind != BlockKind::Heading {
            let headings = block.location.heading.join(" > ");
            place = if place.is_empty() { headings } else { format!("{place}, under {headings}") };
        }
        let _ = writeln!(text, "\n{STRONG}{kind}{STRONG:#}  {DIM}{}{DIM:#}", clean_line(&place));
        let _ = writeln!(text, "{}", clean(document.block_text(block)).trim_end());
    }
    text
}

fn head(document: &ParsedDocument) -> String {
    let mut facts = vec![document.mime.clone()];
    facts.extend(document.title.as_deref().map(|title| format!("\"{}\"", clean_line(title))));
    facts.extend(document.language.clone());
    facts.extend(document.pages.map(|pages| count(u64::from(pages), "page")));
    facts.push(count(document.blocks.len() as u64, "block"));
    facts.push(count(document.text.chars().count() as u64, "character"));
    format!("{DIM}{}{DIM:#}\n", facts.join(", "))
}

#[cfg(test)]
mod tests {
    use docent::Location;

    use super::{super::plain, *};

    #[test]
    fn blocks_show_their_places() {
        let text = "Leave\nThirty days.\n";
        let heading = Location { page: Some(1), heading: vec!["Leave".into()], ..Location::default() };
        let parsed = ParsedDocument {
            mime: "application/pdf".into(),
            title: Some("Policy".into()),
            pages: Some(1),
            text: text.into(),
            blocks: vec![
                docent::Block {
                    kind: BlockKind::Heading,
                    level: 1,
                    range: 0..5,
                    header: 0,
                    location: heading.clone(),
                },
                docent::Block {
                    kind: BlockKind::Paragraph,
                    level: 0,
                    range: 6..18,
                    header: 0,
                    location: heading,
                },
            ],
            ..ParsedDocument::default()
        };
        insta::assert_snapshot!(plain(&blocks(&parsed)), @r#"
        application/pdf, "Policy", 1 page, 2 blocks, 19 characters

        heading 1  page 1
        Leave

        paragraph  page 1, under Leave
        Thirty days.
        "#);
        insta::assert_snapshot!(plain(&document(&parsed)), @r#"
        application/pdf, "Policy", 1 page, 2 blocks, 19 characters

        Leave
        Thirty days.
        "#);
    }
}
