//! Internet messages: header, body, and the attachments that can be read, each as a part. Pages that a browser saved
//! as one file (MHTML) are messages too, and read as the page that they hold.

use std::{borrow::Cow, collections::HashMap, thread};

use docent_core::{DocumentBuilder, Location, ParseError, ParseErrorKind};
use mail_parser::{
    Address, Encoding, HeaderName, Message, MessageParser, MessagePart, MimeHeaders, PartType,
    decoders::{base64::base64_decode, quoted_printable::quoted_printable_decode},
};

use crate::{
    Parsed, Parsers, damaged, encoding,
    html::{self, Patience},
    message::{self, Body, DEEPEST, MOST_PARTS, MOST_PEOPLE, Piece, bounded, within},
    parts, quiet, too_large,
};

/// The levels of messages that fit into this many bytes need little stack.
const HARMLESS: usize = 16 << 10;
/// Stack for each byte of a file: a level takes about 1 KB of stack, and 30 bytes of the file.
const ROOM_PER_BYTE: usize = 96;
/// The most stack. It is reserved; only what is used takes memory.
const MOST_ROOM: usize = 256 << 20;

pub(crate) fn parse(parsers: &Parsers, bytes: &[u8], depth: usize, patience: &Patience) -> Parsed {
    let bytes = masked(bytes);
    let message = read(&bytes)?.ok_or_else(|| damaged("damaged: not a message that can be read"))?;
    let mut builder;
    if is_saved_page(&message) {
        builder = DocumentBuilder::new("multipart/related");
        add_saved_page(&mut builder, &message, patience);
    } else {
        builder = DocumentBuilder::new("message/rfc822");
        add(parsers, &mut builder, &message, None, depth, patience);
    }
    dismantle(message);
    bounded(parsers, &builder)?;
    Ok(builder.finish())
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
pub(crate) fn read(bytes: &[u8]) -> Result<Option<Message<'_>>, ParseError> {
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

/// Puts another kind in place of that of encoded messages inside the message, so that they come as bytes. The library
/// would read them too, and copy all the bytes of one for every message that is inside it.
pub(crate) fn masked(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !may_nest(bytes) {
        return Cow::Borrowed(bytes);
    }
    let has_digest = find_all(bytes, b"digest").next().is_some();
    let mut out = Vec::with_capacity(bytes.len());
    let (mut start, mut end) = (0, 0);
    // A header stands between blank lines, as do other things, which have no such fields.
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        end += line.len();
        if matches!(line, b"\n" | b"\r\n") || end == bytes.len() {
            mask(&bytes[start..end], has_digest, &mut out);
            start = end;
        }
    }
    Cow::Owned(out)
}

/// Adds the lines of `header` to `out`; where they are those of an encoded message, it is called [`MASKED`].
fn mask(header: &[u8], in_digest: bool, out: &mut Vec<u8>) {
    let has = |word: &[u8]| find_all(header, word).next().is_some();
    if !has(b"base64") && !has(b"quoted-printable") {
        return out.extend(header);
    }
    let first = out.len();
    out.extend(header);
    let mut done = 0;
    for field in find_all(header, b"content-type") {
        if field < done {
            continue;
        }
        let lines = header[field..].split_inclusive(|byte| *byte == b'\n');
        let more = lines.clone().skip(1).take_while(|line| line.starts_with(b" ") || line.starts_with(b"\t"));
        done = field + lines.take(1).chain(more).map(<[u8]>::len).sum::<usize>();
        for at in find_all(&header[field..done], b"message") {
            out[first + field + at] = b'x';
        }
    }
    // In a digest a part is a message unless it says otherwise.
    if in_digest
        && done == 0
        && let Some(at) = find_all(header, b"content-transfer-encoding").next()
    {
        let kind = format!("Content-Type: {MASKED}/rfc822\r\n");
        out.splice(first + at..first + at, kind.into_bytes());
    }
}

/// What encoded messages inside a message are called, instead of `message`.
const MASKED: &str = "xessage";

/// Drops a message part by part: dropped as it is, messages nested a hundred thousand deep would overflow the
/// stack.
pub(crate) fn dismantle(message: Message<'_>) {
    let mut waiting = vec![message];
    while let Some(message) = waiting.pop() {
        waiting.extend(message.parts.into_iter().filter_map(|part| match part.body {
            PartType::Message(inner) => Some(inner),
            _ => None,
        }));
    }
}

/// Adds a message: `part` is what it is called inside a mailbox or another message.
pub(crate) fn add(
    parsers: &Parsers,
    builder: &mut DocumentBuilder,
    message: &Message<'_>,
    part: Option<&str>,
    depth: usize,
    patience: &Patience,
) {
    let place = message::begin(builder, part, message.subject(), &header(message));
    let (rich, plain) = (body(message, &message.html_body), body(message, &message.text_body));
    message::bodies(builder, &rich, &plain, &place, patience);
    for (index, attachment) in message.attachments().take(MOST_PARTS).enumerate() {
        if depth >= DEEPEST || bounded(parsers, builder).is_err() {
            break;
        }
        let name =
            attachment.attachment_name().map_or_else(|| format!("attachment {}", index + 1), str::to_owned);
        let name = within(part, &name);
        if let PartType::Message(inner) = &attachment.body {
            builder.reset_headings();
            add(parsers, builder, inner, Some(&name), depth + 1, patience);
        } else if attachment.content_type().is_some_and(|kind| kind.ctype() == MASKED) {
            builder.reset_headings();
            if let Ok(document) = parse(parsers, attachment.contents(), depth + 1, patience) {
                parts::transfer(builder, &document, &name);
            }
        } else {
            message::attach(parsers, builder, &name, &contents(message, attachment), depth, patience);
        }
    }
}

/// Whether a message is a page that a browser or a word processor saved. It is to nobody, and from nobody but the
/// program.
fn is_saved_page(message: &Message<'_>) -> bool {
    let by_program = message.from().is_none()
        || message.header_raw(HeaderName::From).is_some_and(|from| from.contains("Saved by"));
    let is_page =
        message.html_body.first().and_then(|id| message.part(*id)).is_some_and(MessagePart::is_text_html);
    let is_whole = message.parts.first().is_some_and(|root| {
        root.content_type().is_some_and(|kind| {
            matches!((kind.ctype(), kind.subtype()), ("multipart", Some("related")) | ("text", Some("html")))
        })
    });
    by_program && is_page && is_whole && message.to().is_none() && message.cc().is_none()
}

/// Adds a saved page and the frames in it. Style sheets, scripts and pictures are no text of it.
fn add_saved_page(builder: &mut DocumentBuilder, message: &Message<'_>, patience: &Patience) {
    let place = Location { part: Some("body".to_owned()), ..Location::default() };
    message::bodies(builder, &body(message, &message.html_body), &Body::default(), &place, patience);
    // Some browsers spoil the title of the page where they repeat it.
    builder.title(message.subject().unwrap_or_default());
    for (index, frame) in message.attachments().take(MOST_PARTS).enumerate() {
        let PartType::Html(page) = &frame.body else { continue };
        let name = frame
            .content_location()
            .and_then(|location| location.split(['?', '#']).next()?.rsplit(['/', '\\']).next())
            .filter(|name| !name.is_empty())
            .map_or_else(|| format!("frame {}", index + 1), str::to_owned);
        let place = Location { part: Some(name), ..Location::default() };
        builder.reset_headings();
        html::add(builder, &sound_text(message, frame, page), &place, patience);
        message::unread_page(builder, &place, patience);
    }
}

/// One of the two bodies of a message.
fn body<'m>(message: &'m Message<'m>, ids: &[u32]) -> Body<'m> {
    let piece = |part: &'m MessagePart<'m>| match &part.body {
        PartType::Text(text) => Some(Piece::Plain(sound_text(message, part, text))),
        PartType::Html(page) => Some(Piece::Page(sound_text(message, part, page))),
        _ => None,
    };
    Body(ids.iter().filter_map(|id| message.part(*id)).filter_map(piece).collect())
}

/// The `text` of a part. Where its character set is not declared, or a wrong one is, the library puts replacement
/// characters: such a text is decoded again. Pages often declare it themselves.
fn sound_text<'m>(message: &Message<'_>, part: &MessagePart<'_>, text: &'m str) -> Cow<'m, str> {
    let bad = |text: &str| text.matches(char::REPLACEMENT_CHARACTER).count();
    let decode = if part.is_text_html() { encoding::decode_html } else { encoding::decode };
    if let Some(bytes) = still_packed(message, part) {
        return Cow::Owned(decode(&bytes));
    }
    if bad(text) == 0 {
        return Cow::Borrowed(text);
    }
    match raw(message, part).map(|bytes| decode(&bytes)) {
        Some(again) if bad(&again) < bad(text) => Cow::Owned(again),
        _ => Cow::Borrowed(text),
    }
}

/// The bytes of a part without its transfer encoding, none of its characters decoded.
fn raw(message: &Message<'_>, part: &MessagePart<'_>) -> Option<Vec<u8>> {
    let packed =
        message.raw_message().get(part.raw_body_offset() as usize..part.raw_end_offset() as usize)?;
    match part.encoding {
        Encoding::None => Some(packed.to_vec()),
        Encoding::Base64 => base64_decode(packed),
        Encoding::QuotedPrintable => quoted_printable_decode(packed),
    }
}

/// The bytes of a part that the library left in its transfer encoding, as it does where the multipart around it is
/// never closed.
fn still_packed(message: &Message<'_>, part: &MessagePart<'_>) -> Option<Vec<u8>> {
    let encoding = part.content_transfer_encoding().filter(|_| part.is_encoding_problem)?;
    let packed =
        message.raw_message().get(part.raw_body_offset() as usize..part.raw_end_offset() as usize)?;
    if encoding.eq_ignore_ascii_case("quoted-printable") {
        return quoted_printable_decode(packed);
    }
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=\r\n\t ".contains(byte);
    let length = packed.iter().position(|byte| !is_base64(byte)).unwrap_or(packed.len());
    // Behind it a boundary may stand. Anything else is text that only claims to be encoded.
    let is_whole = length == packed.len() || packed[length..].starts_with(b"--");
    if encoding.eq_ignore_ascii_case("base64") && is_whole { base64_decode(&packed[..length]) } else { None }
}

/// The mark that a text is UTF-8.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// The bytes of an attachment.
fn contents<'m>(message: &Message<'_>, part: &'m MessagePart<'_>) -> Cow<'m, [u8]> {
    if let Some(bytes) = still_packed(message, part) {
        return Cow::Owned(bytes);
    }
    match &part.body {
        PartType::Text(text) | PartType::Html(text) if text.contains(char::REPLACEMENT_CHARACTER) => {
            raw(message, part).map_or(Cow::Borrowed(part.contents()), Cow::Owned)
        }
        // It is UTF-8 by now, whatever the page says about itself.
        PartType::Html(page) if !page.is_ascii() => Cow::Owned([MARK, page.as_bytes()].concat()),
        _ => Cow::Borrowed(part.contents()),
    }
}

/// Who, to whom and when, as lines.
fn header(message: &Message<'_>) -> String {
    let people = |address: Option<&Address<'_>>| address.map(people).unwrap_or_default();
    let date = message.date().filter(|date| date.is_valid()).map(mail_parser::DateTime::to_rfc3339);
    message::header(&[
        ("From", people(message.from())),
        ("To", people(message.to())),
        ("Cc", people(message.cc())),
        ("Date", date.unwrap_or_default()),
    ])
}

fn people(address: &Address<'_>) -> String {
    address
        .iter()
        .take(MOST_PEOPLE)
        .map(|one| message::person(one.name(), one.address()))
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
    fn encoded_messages_are_masked() {
        let of = |text: &str| String::from_utf8(masked(text.as_bytes()).into_owned()).unwrap();
        let part = "a message\n--x\nContent-Type:\n Message/rfc822; name=\"a message\"\nX: message\nContent-Transfer-Encoding: Base64\n\nmessage/rfc822\n";
        assert_eq!(
            of(part),
            "a message\n--x\nContent-Type:\n xessage/rfc822; name=\"a xessage\"\nX: message\nContent-Transfer-Encoding: Base64\n\nmessage/rfc822\n"
        );
        let plain = "Content-Type: message/rfc822\n\nContent-Type: text/plain\nContent-Transfer-Encoding: base64\n\nx";
        assert_eq!(of(plain), plain);
        let digest =
            "Content-Type: multipart/digest; boundary=x\n\n--x\nContent-Transfer-Encoding: base64\n\nx";
        assert!(
            of(digest).contains("\n--x\nContent-Type: xessage/rfc822\r\nContent-Transfer"),
            "{}",
            of(digest)
        );
        let _ = of(&"content-type message base64 rfc822 ".repeat(100_000));
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
