//! Mailboxes: many messages in one file (mbox), each a part that is called by its place: `message 3`.

use std::borrow::Cow;

use docent_core::{BlockKind, DocumentBuilder, Location};

use crate::{Parsed, Parsers, html::Patience, mail, message::bounded};

pub(crate) fn parse(parsers: &Parsers, bytes: &[u8], depth: usize, patience: &Patience) -> Parsed {
    let mut builder = DocumentBuilder::new("application/mbox");
    for (index, message) in Messages::new(bytes).enumerate() {
        let part = format!("message {}", index + 1);
        builder.reset_headings();
        match mail::read(&mail::masked(&unquoted(message))) {
            Ok(Some(message)) => {
                mail::add(parsers, &mut builder, &message, Some(&part), depth + 1, patience);
                mail::dismantle(message);
                bounded(parsers, &builder)?;
            }
            Ok(None) => {}
            // One that cannot be read costs itself only, and is named in its place.
            Err(error) => {
                let note = format!("[{part} was not read: {error}]");
                let place = Location { part: Some(part), ..Location::default() };
                builder.push(BlockKind::Paragraph, &note, place);
            }
        }
    }
    let mut document = builder.finish();
    // A page in one of its messages is not the mailbox's title.
    document.title = None;
    Ok(document)
}

/// The messages of a mailbox, without the line before each.
struct Messages<'b> {
    /// From the line before the next message on.
    rest: &'b [u8],
}

impl<'b> Messages<'b> {
    fn new(bytes: &'b [u8]) -> Self {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let blank = bytes.len() - bytes.trim_ascii_start().len();
        let bytes = &bytes[blank..];
        if bytes.starts_with(b"From ") {
            return Self { rest: bytes };
        }
        // What stands before the first message is none.
        let first = next_separator(bytes).unwrap_or(bytes.len());
        Self { rest: &bytes[first..] }
    }
}

impl<'b> Iterator for Messages<'b> {
    type Item = &'b [u8];

    fn next(&mut self) -> Option<&'b [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let (_, message) = split_line(self.rest);
        let end = next_separator(message).unwrap_or(message.len());
        let (message, rest) = message.split_at(end);
        self.rest = rest;
        Some(message)
    }
}

/// Where the next line that parts two messages stands. Not every line that starts with `From ` does: programs that
/// count bytes leave those of a text as they are.
fn next_separator(bytes: &[u8]) -> Option<usize> {
    let (mut rest, mut after_blank) = (bytes, true);
    while !rest.is_empty() {
        let (line, after) = split_line(rest);
        if line.starts_with(b"From ") {
            let (postmark, header) = (is_postmark(line), is_header(split_line(after).0));
            if (after_blank && (postmark || header)) || (postmark && header) {
                return Some(bytes.len() - rest.len());
            }
        }
        after_blank = line.trim_ascii().is_empty();
        rest = after;
    }
    None
}

fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
    bytes.split_at(end)
}

/// Whether a line has the time and the year of `From ann@example.org Thu Jan  1 00:00:00 1970`.
fn is_postmark(line: &[u8]) -> bool {
    let words = || line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let is_time = |word: &[u8]| {
        let parts = || word.split(|byte| *byte == b':');
        (2..=3).contains(&parts().count())
            && parts().all(|part| matches!(part.len(), 1 | 2) && part.iter().all(u8::is_ascii_digit))
    };
    let is_year = |word: &[u8]| word.len() == 4 && word.iter().all(u8::is_ascii_digit);
    line.len() < 1000 && words().any(is_time) && words().any(is_year)
}

/// Whether a line is a field of a header: `Return-Path: <ann@example.org>`.
fn is_header(line: &[u8]) -> bool {
    let name = line.iter().position(|byte| *byte == b':').map_or(&[][..], |at| &line[..at]);
    !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// A message as it was before `>` was put in front of its lines that start with `From `.
fn unquoted(message: &[u8]) -> Cow<'_, [u8]> {
    let is_quoted = |line: &[u8]| {
        let marks = line.iter().take_while(|byte| **byte == b'>').count();
        marks > 0 && line[marks..].starts_with(b"From ")
    };
    if !message.split(|byte| *byte == b'\n').any(is_quoted) {
        return Cow::Borrowed(message);
    }
    let lines = message.split_inclusive(|byte| *byte == b'\n');
    Cow::Owned(lines.flat_map(|line| &line[usize::from(is_quoted(line))..]).copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Vec<&str> {
        Messages::new(text.as_bytes()).map(|message| std::str::from_utf8(message).unwrap()).collect()
    }

    #[test]
    fn messages_are_parted_by_their_postmarks_only() {
        let text = "From a@b Thu Jan  1 00:00:00 1970\nSubject: One\n\nFrom here on:\n\nFrom 10:30 on\n\n\
                    From c@d Fri Jan  2 00:00:00 1970\r\nSubject: Two\r\n\r\nText.\n\
                    From e@f Sat Jan 3 10:00 2026\nSubject: Three\n\n";
        assert_eq!(
            messages(text),
            [
                "Subject: One\n\nFrom here on:\n\nFrom 10:30 on\n\n",
                "Subject: Two\r\n\r\nText.\n",
                "Subject: Three\n\n"
            ]
        );
        // A mark without a date, and a mailbox that starts with something else.
        assert_eq!(messages("\n\nFrom -\nA: b\n\nText\n\nFrom -\nC: d\n"), ["A: b\n\nText\n\n", "C: d\n"]);
        assert_eq!(messages("left over\n\nFrom a@b\nA: b\n"), ["A: b\n"]);
        assert!(messages("").is_empty());
    }

    #[test]
    fn quoted_lines_are_as_they_were() {
        assert_eq!(
            &*unquoted(b"a\n>From b\n>>From c\n> From d\nFrom e"),
            b"a\nFrom b\n>From c\n> From d\nFrom e"
        );
        assert!(matches!(unquoted(b"> a\n>b"), Cow::Borrowed(_)));
    }
}
