//! vCard. Cards of version 2.1 may have each line in an encoding of its own.

use docent_core::{BlockKind, DocumentBuilder, ParsedDocument};
use encoding_rs::{Encoding, UTF_8};

use super::{Property, address, place, push_line, split, unescape};
use crate::encoding;

pub(crate) fn parse(bytes: &[u8]) -> ParsedDocument {
    let guessed = encoding::guess(bytes);
    let whole;
    let (bytes, guessed) = if Encoding::for_bom(bytes).is_some() || !guessed.is_ascii_compatible() {
        whole = encoding::decode(bytes);
        (whole.as_bytes(), UTF_8)
    } else {
        (bytes, guessed)
    };
    let mut contacts =
        Contacts { builder: DocumentBuilder::new("text/vcard"), card: None, encoding: guessed };
    let mut logical = Vec::new();
    let (mut first, mut last) = (1, 0);
    let mut goes_on = false;
    for line in bytes.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if goes_on {
            // The line before ended in a soft break of quoted-printable.
            logical.pop();
            logical.extend_from_slice(line);
        } else if let Some((b' ' | b'\t', more)) = line.split_first() {
            logical.extend_from_slice(more);
        } else {
            contacts.read(&logical, first, last);
            logical.clear();
            logical.extend_from_slice(line);
            first = last + 1;
        }
        goes_on = logical.ends_with(b"=") && is_quoted_printable(&logical);
        last += 1;
    }
    contacts.read(&logical, first, last);
    contacts.end(last);
    contacts.builder.finish()
}

fn is_quoted_printable(line: &[u8]) -> bool {
    let head = &line[..line.len().min(200)];
    let head = head.split(|byte| *byte == b':').next().unwrap_or_default();
    head.to_ascii_uppercase().windows(16).any(|window| window == b"QUOTED-PRINTABLE")
}

struct Contacts {
    builder: DocumentBuilder,
    card: Option<Card>,
    /// Of lines that name none and are not UTF-8.
    encoding: &'static Encoding,
}

#[derive(Default)]
struct Card {
    first: u32,
    name: String,
    /// Family name, given name and so on.
    parts: Vec<String>,
    lines: String,
    notes: String,
}

impl Contacts {
    fn read(&mut self, line: &[u8], first: u32, last: u32) {
        // What stands before the value is ASCII; one byte is one character for as long as its places matter.
        let line = self.decode(line);
        let Some(property) = Property::of(&line) else { return };
        match (property.name.as_str(), &mut self.card) {
            ("BEGIN", None) if property.value.trim().eq_ignore_ascii_case("VCARD") => {
                self.card = Some(Card { first, ..Card::default() });
            }
            ("END", Some(_)) if property.value.trim().eq_ignore_ascii_case("VCARD") => self.end(last),
            (_, Some(card)) => card.read(&property),
            _ => {}
        }
    }

    /// A line as text: its value taken out of quoted-printable and out of its character set.
    fn decode(&self, line: &[u8]) -> String {
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (head, value) = line.split_at(colon);
        let head_text = String::from_utf8_lossy(head);
        let declared = Property::of(&format!("{head_text}:"))
            .and_then(|property| Encoding::for_label(property.param("CHARSET")?.as_bytes()));
        let unquoted = if is_quoted_printable(head) { unquoted(value) } else { value.to_vec() };
        let encoding = match declared {
            Some(encoding) => encoding,
            None if std::str::from_utf8(&unquoted).is_ok() => UTF_8,
            None => self.encoding,
        };
        format!("{head_text}{}", encoding.decode_without_bom_handling(&unquoted).0)
    }

    fn end(&mut self, last: u32) {
        if let Some(card) = self.card.take() {
            self.builder.push(BlockKind::Paragraph, &card.text(), place(card.first, last.max(card.first)));
        }
    }
}

impl Card {
    fn read(&mut self, property: &Property<'_>) {
        let value = property.value;
        match property.name.as_str() {
            "FN" if self.name.is_empty() => self.name = unescape(value),
            "N" => self.parts = split(value, ';'),
            "NICKNAME" => self.line("Nickname", &unescape(value)),
            "ORG" => self.line("Organization", &joined(value)),
            "TITLE" => self.line("Title", &unescape(value)),
            "ROLE" => self.line("Role", &unescape(value)),
            "TEL" => self.typed("Phone", property, value.trim().trim_start_matches("tel:")),
            "EMAIL" => self.typed("Email", property, address(value.trim())),
            "ADR" => self.typed("Address", property, &joined(value)),
            "IMPP" => self.typed("Chat", property, value.trim()),
            "URL" => self.typed("URL", property, value.trim()),
            "BDAY" => self.line("Birthday", &unescape(value)),
            "ANNIVERSARY" => self.line("Anniversary", &unescape(value)),
            "CATEGORIES" => self.line("Categories", &split(value, ',').join(", ")),
            "NOTE" => push_line(&mut self.notes, "Note", &unescape(value)),
            _ => {}
        }
    }

    fn line(&mut self, label: &str, value: &str) {
        push_line(&mut self.lines, label, value);
    }

    /// A line whose label says what kind it is: `Phone (work, cell)`.
    fn typed(&mut self, label: &str, property: &Property<'_>, value: &str) {
        const SILENT: [&str; 6] = ["pref", "internet", "voice", "x400", "quoted-printable", "other"];
        let kinds: Vec<String> = property
            .params()
            .filter(|(name, _)| name.is_empty() || name.eq_ignore_ascii_case("TYPE"))
            .flat_map(|(_, value)| value.split(','))
            .map(|kind| kind.trim().to_lowercase())
            .filter(|kind| !kind.is_empty() && !SILENT.contains(&kind.as_str()))
            .take(5)
            .collect();
        let value = unescape(value);
        if kinds.is_empty() {
            self.line(label, &value);
        } else {
            self.line(&format!("{label} ({})", kinds.join(", ")), &value);
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        push_line(&mut text, "Name", &self.full_name());
        for lines in [&self.lines, &self.notes] {
            if !lines.is_empty() && !text.is_empty() {
                text.push('\n');
            }
            text.push_str(lines);
        }
        text
    }

    fn full_name(&self) -> String {
        if !self.name.is_empty() {
            return self.name.clone();
        }
        // Prefix, given, middle, family, suffix.
        let parts = [3, 1, 2, 0, 4].into_iter().filter_map(|part| self.parts.get(part));
        parts.filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(" ")
    }
}

/// The parts of a value in parts that are not empty.
fn joined(value: &str) -> String {
    let parts = split(value, ';').into_iter().map(|part| part.replace('\n', ", "));
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// Bytes out of quoted-printable, soft breaks removed before.
fn unquoted(value: &[u8]) -> Vec<u8> {
    let hex = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let mut bytes = Vec::with_capacity(value.len());
    let mut at = 0;
    while let Some(&byte) = value.get(at) {
        let digits = (value.get(at + 1).and_then(|b| hex(*b)), value.get(at + 2).and_then(|b| hex(*b)));
        if let (b'=', (Some(high), Some(low))) = (byte, digits) {
            bytes.push(high * 16 + low);
            at += 3;
        } else {
            bytes.push(byte);
            at += 1;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(bytes: &[u8]) -> Vec<(String, Option<[u32; 2]>)> {
        let document = parse(bytes);
        document.blocks.iter().map(|b| (document.block_text(b).to_owned(), b.location.lines)).collect()
    }

    #[test]
    fn contacts_read_like_notes() {
        let text = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Lee;Ann;;Dr.;\r\nFN:Dr. Ann Lee\r\nORG:Kadeflow;Sales\r\nTEL;TYPE=WORK,VOICE:+49 30 1\r\nitem1.EMAIL;type=INTERNET:ann@example.org\r\nADR;TYPE=home:;;Elm 1\\, rear;Bonn;;53111;\r\nNOTE:One\\nt\r\n wo\r\nPHOTO;ENCODING=b:AAAA\r\n AAAA\r\nEND:VCARD\r\nBEGIN:VCARD\r\nN:王;伟\r\nEND:VCARD\r\n";
        assert_eq!(
            blocks(text.as_bytes()),
            [
                (
                    "Name: Dr. Ann Lee\nOrganization: Kadeflow, Sales\nPhone (work): +49 30 1\nEmail: ann@example.org\nAddress (home): Elm 1, rear, Bonn, 53111\nNote: One\ntwo".to_owned(),
                    Some([1, 13])
                ),
                ("Name: 伟 王".to_owned(), Some([14, 16])),
            ]
        );
    }

    #[test]
    fn old_cards_in_any_encoding() {
        let mut card = b"BEGIN:VCARD\nVERSION:2.1\nFN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller=\n=20Anne\nTEL;CELL:1\nNOTE;CHARSET=GBK:".to_vec();
        card.extend_from_slice(&encoding_rs::GBK.encode("采购经理").0);
        card.extend_from_slice(b"\nEND:VCARD\n");
        assert_eq!(blocks(&card)[0].0, "Name: Müller Anne\nPhone (cell): 1\nNote: 采购经理");
        let utf16: Vec<u8> =
            "\u{feff}BEGIN:VCARD\nFN:Jürg\nEND:VCARD".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(blocks(&utf16)[0].0, "Name: Jürg");
        // The whole file in one old encoding.
        let latin = encoding_rs::WINDOWS_1252.encode("BEGIN:VCARD\nFN:Jürg Müller\nEND:VCARD").0;
        assert_eq!(blocks(&latin)[0].0, "Name: Jürg Müller");
    }

    #[test]
    fn soft_breaks_without_end() {
        let card = "BEGIN:VCARD\nNOTE;QUOTED-PRINTABLE:=\n".to_owned() + &"=\n".repeat(200_000);
        let _ = parse(card.as_bytes());
        let _ = parse(&b"BEGIN:VCARD\n".repeat(200_000));
    }
}
