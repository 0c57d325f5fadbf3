//! What messages of every format have in common: their header, the choice of a body, and attachments as parts.

use std::{borrow::Cow, path::Path};

use docent_core::{BlockKind, DocumentBuilder, Location, ParseError};

use crate::{
    Parsers,
    html::{self, Patience},
    parts, text, too_large,
};

/// Messages inside messages deeper than this are left out.
pub(crate) const DEEPEST: usize = 3;
/// The most attachments read of one message.
pub(crate) const MOST_PARTS: usize = 200;
/// The most people named in one line of a header.
pub(crate) const MOST_PEOPLE: usize = 50;

/// The most characters of an attachment's name.
const LONGEST: usize = 240;

/// Adds the subject of a message and the lines of its header, and gives the place of what is its own. `part` is what
/// the message is called inside a mailbox or another message.
pub(crate) fn begin(
    builder: &mut DocumentBuilder,
    part: Option<&str>,
    subject: Option<&str>,
    header: &str,
) -> Location {
    let place = Location { part: Some(part.unwrap_or("body").to_owned()), ..Location::default() };
    if let Some(subject) = subject {
        if part.is_none() {
            builder.title(subject);
        }
        builder.heading(1, subject, place.clone());
    }
    builder.push(BlockKind::Paragraph, header, place.clone());
    place
}

/// Who, to whom and when, as lines. What is blank is left out.
pub(crate) fn header(lines: &[(&str, String)]) -> String {
    lines
        .iter()
        .filter(|(_, value)| !value.trim().is_empty())
        .map(|(name, value)| format!("{name}: {value}"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// A person with a name, an address or both.
pub(crate) fn person(name: Option<&str>, address: Option<&str>) -> String {
    match (name, address) {
        (Some(name), Some(address)) => format!("{name} <{address}>"),
        (Some(only), None) | (None, Some(only)) => only.to_owned(),
        (None, None) => String::new(),
    }
}

/// A piece of a body.
#[derive(Debug)]
pub(crate) enum Piece<'m> {
    Plain(Cow<'m, str>),
    Page(Cow<'m, str>),
}

/// One of the two bodies of a message, the plain or the rich one: its pieces in order, most often one.
#[derive(Debug, Default)]
pub(crate) struct Body<'m>(pub(crate) Vec<Piece<'m>>);

impl Body<'_> {
    /// Letters and digits, without the links that stand in place of a page's anchors.
    fn letters(&self, patience: &Patience) -> usize {
        let mut alone = DocumentBuilder::new("");
        self.add_to(&mut alone, &Location::default(), patience);
        alone
            .finish()
            .text
            .split_whitespace()
            .filter(|word| !word.contains("://"))
            .flat_map(str::chars)
            .filter(|c| c.is_alphanumeric())
            .count()
    }

    fn add_to(&self, builder: &mut DocumentBuilder, place: &Location, patience: &Patience) {
        for piece in &self.0 {
            match piece {
                Piece::Plain(text) => paragraphs(builder, text, place),
                Piece::Page(page) => html::add(builder, page, place, patience),
            }
        }
    }
}

/// Adds what the reader was shown: the HTML body, unless the plain one says much more (the HTML of some senders is a
/// picture and a link).
pub(crate) fn bodies(
    builder: &mut DocumentBuilder,
    rich: &Body<'_>,
    plain: &Body<'_>,
    place: &Location,
    patience: &Patience,
) {
    let has_html = rich.0.iter().any(|piece| matches!(piece, Piece::Page(_)));
    let rich_enough =
        has_html && (plain.0.is_empty() || rich.letters(patience) * 2 >= plain.letters(patience));
    let chosen = if rich_enough { rich } else { plain };
    chosen.add_to(builder, place, patience);
    unread_page(builder, place, patience);
}

/// Says so where a page took too long.
pub(crate) fn unread_page(builder: &mut DocumentBuilder, place: &Location, patience: &Patience) {
    if patience.is_spent() {
        let note = format!("[the page was not read to its end: {}]", Patience::error());
        builder.push(BlockKind::Paragraph, &note, place.clone());
    }
}

fn paragraphs(builder: &mut DocumentBuilder, body: &str, place: &Location) {
    let parsed = text::parse(body.to_owned());
    for block in &parsed.blocks {
        builder.push(BlockKind::Paragraph, &parsed.block_text(block).replace('\r', ""), place.clone());
    }
}

/// What `name` is called, seen from outside: `message 3/report.pdf` for an attachment of `message 3`. Every block of
/// the attachment repeats it, so the middle of a very long one is left out.
pub(crate) fn within(part: Option<&str>, name: &str) -> String {
    let from_end = |back: usize| name.char_indices().rev().nth(back).map_or(0, |(at, _)| at);
    let end = from_end(LONGEST / 4);
    let name = match name.char_indices().nth(LONGEST / 2) {
        Some((start, _)) if start < end => Cow::Owned(format!("{}…{}", &name[..start], &name[end..])),
        _ => Cow::Borrowed(name),
    };
    part.map_or_else(|| name.clone().into_owned(), |part| format!("{part}/{name}"))
}

/// Attachments unpack: many small ones can come to more than a document may hold.
pub(crate) fn bounded(parsers: &Parsers, builder: &DocumentBuilder) -> Result<(), ParseError> {
    let limit = parsers.options().max_text;
    if builder.text_bytes() > limit {
        return Err(too_large(format!("more than {} MB of text, attachments included", limit >> 20)));
    }
    Ok(())
}

/// Adds the attachment `name` of a message that is `depth` messages deep.
pub(crate) fn attach(
    parsers: &Parsers,
    builder: &mut DocumentBuilder,
    name: &str,
    bytes: &[u8],
    depth: usize,
    patience: &Patience,
) {
    builder.reset_headings();
    match parsers.parse_part(Path::new(name), bytes, depth + 1, patience) {
        Ok(document) => parts::transfer(builder, &document, name),
        // A picture, a signature: nothing is missing.
        Err(error) if error.kind.is_skip() => {}
        // One that cannot be read costs itself only, and is named in its place.
        Err(error) => {
            let own = name.rsplit('/').next().unwrap_or(name);
            let note = format!("[attachment {own} was not read: {error}]");
            let place = Location { part: Some(name.to_owned()), ..Location::default() };
            builder.push(BlockKind::Paragraph, &note, place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_their_message_and_have_an_end() {
        assert_eq!(within(None, "report.pdf"), "report.pdf");
        assert_eq!(within(Some("message 3"), "report.pdf"), "message 3/report.pdf");
        let long = format!("{}.xlsx", "名".repeat(100_000));
        let name = within(None, &long);
        assert!(
            name.starts_with("名名") && name.ends_with("名.xlsx") && name.chars().count() <= LONGEST,
            "{name}"
        );
        assert_eq!(within(None, &"a".repeat(150)).len(), 150);
    }

    #[test]
    fn a_header_has_what_is_there() {
        let lines =
            [("From", person(Some("Ann"), Some("a@b.c"))), ("To", person(None, None)), ("Cc", "x".into())];
        assert_eq!(header(&lines), "From: Ann <a@b.c>\nCc: x");
    }
}
