//! Messages: header, body, and the attachments that can be read, each as a part.

use std::{collections::HashMap, path::Path, thread};

use docent_core::{BlockKind, DocumentBuilder, Location, ParseError, ParseErrorKind};
use mail_parser::{
    Address, Message, MessageParser, MessagePart, MimeHeaders, PartType, mailbox::mbox::MessageIterator,
};

use crate::{
    Parsed, Parsers, damaged,
    html::{self, Patience},
    parts, quiet, text, too_large,
};

/// Messages inside messages deeper than this are left out.
const DEEPEST: usize = 3;
/// The most attachments read of one message.
const MOST_PARTS: usize = 200;
/// The levels of messages that fit into this many bytes need little stack.
const HARMLESS: usize = 16 << 10;
/// Stack for each byte of a file: a level takes about 1 KB of stack, and 30 bytes of the file.
const ROOM_PER_BYTE: usize = 96;
/// The most stack. It is reserved; only what is used takes memory.
const MOST_ROOM: usize = 256 << 20;

pub(crate) fn parse(parsers: &Parsers, bytes: &[u8], depth: usize, patience: &Patience) -> Parsed {
    let message = read(bytes)?.ok_or_else(|| damaged("damaged: not a message that can be read"))?;
    let mut builder = DocumentBuilder::new("message/rfc822");
    add(parsers, &mut builder, &message, None, depth, patience);
    dismantle(message);
    bounded(parsers, &builder)?;
    Ok(builder.finish())
}

pub(crate) fn parse_mailbox(parsers: &Parsers, bytes: &[u8], depth: usize, patience: &Patience) -> Parsed {
    let mut builder = DocumentBuilder::new("application/mbox");
    for raw in MessageIterator::new(std::io::Cursor::new(bytes)).flatten() {
        builder.reset_headings();
        match read(raw.contents()) {
            Ok(Some(message)) => {
                add(parsers, &mut builder, &message, None, depth + 1, patience);
                dismantle(message);
                bounded(parsers, &builder)?;
            }
            Ok(None) => {}
            // One that cannot be read costs itself only, and is named in its place.
            Err(error) => {
                let note = format!("[a message was not read: {error}]");
                builder.push(BlockKind::Paragraph, &note, Location::default());
            }
        }
    }
    let mut document = builder.finish();
    // The first message's subject is not the mailbox's title.
    document.title = None;
    Ok(document)
}

/// Attachments unpack: many small ones can come to more than a document may hold.
fn bounded(parsers: &Parsers, builder: &DocumentBuilder) -> Result<(), ParseError> {
    let limit = parsers.options().max_text;
    if builder.text_bytes() > limit {
        return Err(too_large(format!("more than {} MB of text, attachments included", limit >> 20)));
    }
    Ok(())
}

/// The library looks for the boundary of every multipart to the end of the file. Where so many are never found that
/// more bytes than this are gone through (some seconds), the file is not read.
const MOST_LOOKED_THROUGH: usize = 4_000_000_000;

/// Makes sure that looking for boundaries comes to an end.
fn check_boundaries(bytes: &[u8]) -> Result<(), ParseError> {
    let starts: Vec<usize> = find_all(bytes, b"multipart").collect();
    if starts.len().saturating_mul(bytes.len()) <= MOST_LOOKED_THROUGH {
        return Ok(());
    }
    let last = delimiters(bytes);
    let ends = starts.iter().copied().skip(1).chain([bytes.len()]);
    let lost = starts
        .iter()
        .zip(ends)
        .filter(|&(&start, end)| {
            let header = &bytes[start..end.min(start + HEADER)];
            boundary(header).is_none_or(|name| last.get(name).is_none_or(|at| *at <= start))
        })
        .count();
    if lost.saturating_mul(bytes.len()) > MOST_LOOKED_THROUGH {
        return Err(too_large(format!(
            "{lost} multiparts whose boundary never comes: made to take for ever?"
        )));
    }
    Ok(())
}

/// The boundary of a multipart stands in this many bytes.
const HEADER: usize = 1000;

/// The boundary that `header` names, if it names one and no more.
fn boundary(header: &[u8]) -> Option<&[u8]> {
    let after = |at: usize| header[at + "boundary".len()..].trim_ascii_start();
    let mut found = find_all(header, b"boundary")
        .map(after)
        .filter(|rest| rest.starts_with(b"=") || rest.starts_with(b"*") || rest.starts_with(b"("));
    let (Some(rest), None) = (found.next(), found.next()) else { return None };
    let value = rest.strip_prefix(b"=")?.trim_ascii_start();
    let name = match value.strip_prefix(b"\"") {
        Some(quoted) => quoted.split(|byte| *byte == b'"').next()?,
        None => value.split(|byte| byte.is_ascii_whitespace() || *byte == b';').next()?,
    };
    (!name.is_empty()).then_some(name)
}

/// Lines that start with two dashes, without those at either end, and where each stands last.
fn delimiters(bytes: &[u8]) -> HashMap<&[u8], usize> {
    let mut last = HashMap::new();
    let mut at = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if let Some(name) = line.strip_prefix(b"--") {
            let name = name.trim_ascii_end();
            last.insert(name, at);
            if let Some(name) = name.strip_suffix(b"--") {
                last.insert(name, at);
            }
        }
        at += line.len();
    }
    last
}

/// Where `word` stands, in capitals or not.
fn find_all<'b>(bytes: &'b [u8], word: &'b [u8]) -> impl Iterator<Item = usize> + 'b {
    bytes
        .windows(word.len())
        .enumerate()
        .filter(|(_, window)| window.eq_ignore_ascii_case(word))
        .map(|(at, _)| at)
}

/// Parses a message. The library calls itself once for each message inside an encoded one, so a file that could hold
/// many of them is read on a thread with room for all.
fn read(bytes: &[u8]) -> Result<Option<Message<'_>>, ParseError> {
    check_boundaries(bytes)?;
    let parse = || MessageParser::default().parse(bytes);
    if bytes.len() <= HARMLESS || !may_nest(bytes) {
        return Ok(parse());
    }
    let room = bytes.len().saturating_mul(ROOM_PER_BYTE).min(MOST_ROOM);
    thread::scope(|scope| {
        let reader = thread::Builder::new()
            .stack_size(room)
            .spawn_scoped(scope, || quiet::catch(parse))
            .map_err(|error| too_large(format!("no memory for the messages inside messages: {error}")))?;
        let parsed = reader.join().ok().flatten();
        parsed.ok_or_else(|| {
            ParseError::new(ParseErrorKind::Crashed, "the mail parser broke down on this file")
        })
    })
}

/// Whether there may be messages in an encoded part.
fn may_nest(bytes: &[u8]) -> bool {
    let has = |word: &str| find_all(bytes, word.as_bytes()).next().is_some();
    (has("rfc822") || has("digest") || has("message/global")) && (has("base64") || has("quoted-printable"))
}

/// Drops a message part by part: dropped as it is, messages nested a hundred thousand deep would overflow the
/// stack.
fn dismantle(message: Message<'_>) {
    let mut waiting = vec![message];
    while let Some(message) = waiting.pop() {
        waiting.extend(message.parts.into_iter().filter_map(|part| match part.body {
            PartType::Message(inner) => Some(inner),
            _ => None,
        }));
    }
}

/// Adds a message: `part` is what it is called inside another.
fn add(
    parsers: &Parsers,
    builder: &mut DocumentBuilder,
    message: &Message<'_>,
    part: Option<&str>,
    depth: usize,
    patience: &Patience,
) {
    let place = Location { part: Some(part.unwrap_or("body").to_owned()), ..Location::default() };
    if let Some(subject) = message.subject() {
        if part.is_none() {
            builder.title(subject);
        }
        builder.heading(1, subject, place.clone());
    }
    builder.push(BlockKind::Paragraph, &header(message), place.clone());
    bodies(builder, message, &place, patience);
    for (index, attachment) in message.attachments().take(MOST_PARTS).enumerate() {
        let name =
            attachment.attachment_name().map_or_else(|| format!("attachment {}", index + 1), str::to_owned);
        if depth >= DEEPEST || bounded(parsers, builder).is_err() {
            break;
        }
        builder.reset_headings();
        if let PartType::Message(inner) = &attachment.body {
            add(parsers, builder, inner, Some(&name), depth + 1, patience);
            continue;
        }
        match parsers.parse_part(Path::new(&name), attachment.contents(), depth + 1, patience) {
            Ok(document) => parts::transfer(builder, &document, &name),
            // A picture, a signature: nothing is missing.
            Err(error) if error.kind.is_skip() => {}
            // One that cannot be read costs itself only, and is named in its place.
            Err(error) => {
                let note = format!("[attachment {name} was not read: {error}]");
                let place = Location { part: Some(name), ..Location::default() };
                builder.push(BlockKind::Paragraph, &note, place);
            }
        }
    }
}

/// What the reader was shown: the HTML body, unless the plain one says much more (the HTML of some senders is a
/// picture and a link).
fn bodies(builder: &mut DocumentBuilder, message: &Message<'_>, place: &Location, patience: &Patience) {
    let has_html = message.html_body.iter().filter_map(|id| message.part(*id)).any(MessagePart::is_text_html);
    let (rich, plain) = (Body::of(message, &message.html_body), Body::of(message, &message.text_body));
    let rich_enough = has_html && rich.letters(patience) * 2 >= plain.letters(patience);
    let chosen = if rich_enough { rich } else { plain };
    chosen.add_to(builder, place, patience);
    if patience.is_spent() {
        let note = format!("[the page was not read to its end: {}]", Patience::error());
        builder.push(BlockKind::Paragraph, &note, place.clone());
    }
}

/// One of the two bodies of a message: its parts in order, most often one.
struct Body<'m>(Vec<&'m MessagePart<'m>>);

impl<'m> Body<'m> {
    fn of(message: &'m Message<'m>, ids: &[u32]) -> Self {
        Self(ids.iter().filter_map(|id| message.part(*id)).collect())
    }

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
        for part in &self.0 {
            match &part.body {
                PartType::Text(text) => paragraphs(builder, text, place),
                PartType::Html(page) => html::add(builder, page, place, patience),
                _ => {}
            }
        }
    }
}

fn paragraphs(builder: &mut DocumentBuilder, body: &str, place: &Location) {
    let parsed = text::parse(body.to_owned());
    for block in &parsed.blocks {
        builder.push(BlockKind::Paragraph, &parsed.block_text(block).replace('\r', ""), place.clone());
    }
}

/// Who, to whom and when, as lines.
fn header(message: &Message<'_>) -> String {
    let mut lines = Vec::new();
    for (name, address) in [("From", message.from()), ("To", message.to()), ("Cc", message.cc())] {
        if let Some(people) = address.map(people).filter(|people| !people.is_empty()) {
            lines.push(format!("{name}: {people}"));
        }
    }
    if let Some(date) = message.date().filter(|date| date.is_valid()) {
        lines.push(format!("Date: {}", date.to_rfc3339()));
    }
    lines.join("\n")
}

fn people(address: &Address<'_>) -> String {
    address
        .iter()
        .take(50)
        .map(|one| match (one.name(), one.address()) {
            (Some(name), Some(address)) => format!("{name} <{address}>"),
            (Some(only), None) | (None, Some(only)) => only.to_owned(),
            (None, None) => String::new(),
        })
        .filter(|one| !one.is_empty())
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boundaries_that_never_come_are_counted() {
        let multipart =
            |n: usize| format!("Content-Type: Multipart/mixed; boundary=\"b{n}\"\n\n--b{n}\n\nx\n\n");
        let good: String = (0..10_000).map(multipart).collect();
        assert!(check_boundaries(good.as_bytes()).is_ok(), "a long digest is no attack");
        let part = "--x\nContent-Type: multipart/mixed; boundary=y\n\n";
        let bad = format!("Content-Type: multipart/mixed; boundary=x\n\n{}", part.repeat(20_000));
        assert_eq!(check_boundaries(bad.as_bytes()).unwrap_err().kind, ParseErrorKind::TooLarge);
        assert!(check_boundaries(&bad.as_bytes()[..100_000]).is_ok());
    }

    #[test]
    fn a_boundary_is_read_out_of_its_header() {
        assert_eq!(boundary(b"multipart/mixed;\r\n boundary=\"a b\""), Some(&b"a b"[..]));
        assert_eq!(boundary(b"multipart/mixed; Boundary = ab; charset=x"), Some(&b"ab"[..]));
        assert_eq!(
            boundary(b"multipart/mixed; boundary=a-boundary\n\n--a-boundary"),
            Some(&b"a-boundary"[..])
        );
        assert_eq!(boundary(b"multipart/mixed; (boundary=a) boundary*=b"), None);
    }
}
