//! Outlook messages (msg, \[MS-OXMSG\]): a compound file whose streams are the properties of a message, its recipients and its
//! attachments.

use docent_core::{BlockKind, DocumentBuilder, Location};
use encoding_rs::{Encoding, UTF_16LE};
use mail_parser::DateTime;

use crate::{
    ParseOptions, Parsed, Parsers, code_page, damaged, encoding,
    html::{self, Patience},
    lzfu, mail,
    message::{self, Body, DEEPEST, MOST_PARTS, MOST_PEOPLE, Piece, bounded, within},
    ole::{self, Ole, u32_at},
    parts, rich_body, rtf,
};

/// Bytes before the fixed properties of the message that is the file, of one inside it, and of anything else.
const FILE: usize = 32;
const INSIDE: usize = 24;
const OTHER: usize = 8;
/// Recipients looked at.
const MOST_RECIPIENTS: usize = 1000;
/// Where the calendar of the properties begins, in seconds before 1970, and the end of the year 9999.
const EPOCH: i64 = 11_644_473_600;
const LAST_SECOND: i64 = 253_402_300_799;

// Properties, by the names of [MS-OXPROPS].
const MESSAGE_CLASS: u16 = 0x001A;
const SUBJECT: u16 = 0x0037;
const CLIENT_SUBMIT_TIME: u16 = 0x0039;
const SENT_REPRESENTING_NAME: u16 = 0x0042;
const START_DATE: u16 = 0x0060;
const END_DATE: u16 = 0x0061;
const SENT_REPRESENTING_EMAIL: u16 = 0x0065;
const RECIPIENT_TYPE: u16 = 0x0C15;
const SENDER_NAME: u16 = 0x0C1A;
const SENDER_EMAIL: u16 = 0x0C1F;
const DISPLAY_CC: u16 = 0x0E03;
const DISPLAY_TO: u16 = 0x0E04;
const MESSAGE_DELIVERY_TIME: u16 = 0x0E06;
const BODY: u16 = 0x1000;
const RTF_COMPRESSED: u16 = 0x1009;
const HTML: u16 = 0x1013;
const DISPLAY_NAME: u16 = 0x3001;
const EMAIL: u16 = 0x3003;
const ATTACH_DATA: u16 = 0x3701;
const ATTACH_FILENAME: u16 = 0x3704;
const ATTACH_LONG_FILENAME: u16 = 0x3707;
const ATTACH_MIME_TAG: u16 = 0x370E;
const SMTP_ADDRESS: u16 = 0x39FE;
const INTERNET_CODE_PAGE: u16 = 0x3FDE;
const MESSAGE_LOCALE: u16 = 0x3FF1;
const MESSAGE_CODE_PAGE: u16 = 0x3FFD;
const SENDER_SMTP: u16 = 0x5D01;
const SENT_REPRESENTING_SMTP: u16 = 0x5D02;

/// What is told of a contact.
const CONTACT: [(&str, u16); 7] = [
    ("Company", 0x3A16),
    ("Job title", 0x3A17),
    ("Business phone", 0x3A08),
    ("Home phone", 0x3A09),
    ("Mobile phone", 0x3A1C),
    ("Address", 0x3A15),
    ("Web page", 0x3A51),
];

pub(crate) fn parse(parsers: &Parsers, bytes: &[u8], depth: usize, patience: &Patience) -> Parsed {
    let ole = Ole::open(bytes).ok_or_else(|| damaged("damaged: the directory of the file cannot be read"))?;
    let mut builder = DocumentBuilder::new("application/vnd.ms-outlook");
    let item = Item::message(&ole, ole::ROOT, FILE);
    add(parsers, &mut builder, &item, None, depth, patience);
    bounded(parsers, &builder)?;
    if ole.is_cut() {
        if builder.text_bytes() == 0 {
            return Err(damaged("damaged: the message is cut off"));
        }
        let note = "[this message was not read to its end: the file is cut off or damaged]";
        builder.push(BlockKind::Paragraph, note, Location::default());
    }
    Ok(builder.finish())
}

/// Adds a message: `part` is what it is called inside another.
fn add(
    parsers: &Parsers,
    builder: &mut DocumentBuilder,
    item: &Item<'_>,
    part: Option<&str>,
    depth: usize,
    patience: &Patience,
) {
    let subject = item.text(SUBJECT);
    let place = message::begin(builder, part, subject.as_deref(), &header(item));
    body(builder, item, &place, parsers.options(), patience);
    let is_signed =
        item.text(MESSAGE_CLASS).is_some_and(|class| class.to_lowercase().starts_with("ipm.note.smime"));
    for (index, storage) in
        item.ole.storages(item.storage, "__attach_version1.0_#").take(MOST_PARTS).enumerate()
    {
        if depth >= DEEPEST || bounded(parsers, builder).is_err() {
            break;
        }
        let attachment = item.inside(storage);
        let name = [ATTACH_LONG_FILENAME, ATTACH_FILENAME, DISPLAY_NAME]
            .into_iter()
            .find_map(|id| attachment.text(id));
        let name = within(part, &name.unwrap_or_else(|| format!("attachment {}", index + 1)));
        if let Some(inner) = item.ole.storage(storage, "__substg1.0_3701000d") {
            // What has no properties is an object of a program.
            if item.ole.stream(inner, PROPERTIES).is_some() {
                builder.reset_headings();
                let inner = Item::message(item.ole, inner, INSIDE);
                add(parsers, builder, &inner, Some(&name), depth + 1, patience);
            }
            continue;
        }
        let Some(bytes) = attachment.bytes(ATTACH_DATA) else { continue };
        if is_signed && attachment.text(ATTACH_MIME_TAG).is_some_and(|mime| mime.starts_with("multipart/")) {
            // The message that was signed.
            builder.reset_headings();
            if let Ok(document) = mail::parse(parsers, &bytes, depth + 1, patience) {
                parts::transfer(builder, &document, &name);
            }
            continue;
        }
        message::attach(parsers, builder, &name, &bytes, depth, patience);
    }
}

/// The plain body or the page; where there is neither, rich text.
fn body(
    builder: &mut DocumentBuilder,
    item: &Item<'_>,
    place: &Location,
    options: &ParseOptions,
    patience: &Patience,
) {
    let plain: Vec<_> = item.text(BODY).map(|text| Piece::Plain(text.into())).into_iter().collect();
    let rich: Vec<_> = item.page().map(|page| Piece::Page(page.into())).into_iter().collect();
    if !plain.is_empty() || !rich.is_empty() {
        message::bodies(builder, &Body(rich), &Body(plain), place, patience);
    } else if let Some(packed) = item.bytes(RTF_COMPRESSED) {
        let limit = usize::try_from(options.max_unpacked).unwrap_or(usize::MAX);
        if let Some(rtf) = lzfu::unpack(&packed, limit) {
            rich_text(builder, &rtf, place, patience);
        }
    }
}

/// Adds a body of rich text.
fn rich_text(builder: &mut DocumentBuilder, rtf: &[u8], place: &Location, patience: &Patience) {
    if let Some(page) = rich_body::page(rtf) {
        html::add(builder, &page, place, patience);
        message::unread_page(builder, place, patience);
    } else if let Ok(text) = rtf::parse(rtf) {
        parts::transfer(builder, &text, place.part.as_deref().unwrap_or("body"));
    }
}

/// Who, to whom and when, as lines; what is told of a contact.
fn header(item: &Item<'_>) -> String {
    let sender = |name, addresses: [u16; 2]| {
        person(item.text(name), addresses.into_iter().find_map(|id| item.address(id)).as_deref())
    };
    let mut from = sender(SENT_REPRESENTING_NAME, [SENT_REPRESENTING_SMTP, SENT_REPRESENTING_EMAIL]);
    if from.is_empty() {
        from = sender(SENDER_NAME, [SENDER_SMTP, SENDER_EMAIL]);
    }
    let [mut to, mut cc] = recipients(item);
    if to.is_empty() && cc.is_empty() {
        to = item.text(DISPLAY_TO).unwrap_or_default();
        cc = item.text(DISPLAY_CC).unwrap_or_default();
    }
    let date = item.date(CLIENT_SUBMIT_TIME).or_else(|| item.date(MESSAGE_DELIVERY_TIME));
    let mut lines = vec![
        ("From", from),
        ("To", to),
        ("Cc", cc),
        ("Date", date.unwrap_or_default()),
        ("Start", item.date(START_DATE).unwrap_or_default()),
        ("End", item.date(END_DATE).unwrap_or_default()),
    ];
    if item.text(MESSAGE_CLASS).is_some_and(|class| class.eq_ignore_ascii_case("IPM.Contact")) {
        let on_one_line = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
        lines.extend(CONTACT.map(|(name, id)| (name, item.text(id).map(on_one_line).unwrap_or_default())));
    }
    message::header(&lines)
}

/// Those who a message is to, and those who get a copy.
fn recipients(item: &Item<'_>) -> [String; 2] {
    let mut people = [Vec::new(), Vec::new()];
    for storage in item.ole.storages(item.storage, "__recip_version1.0_#").take(MOST_RECIPIENTS) {
        let one = item.inside(storage);
        let kind = match one.number(RECIPIENT_TYPE).unwrap_or(1) & 0xF {
            1 => 0,
            2 => 1,
            _ => continue,
        };
        if people[kind].len() < MOST_PEOPLE {
            let address = one.address(SMTP_ADDRESS).or_else(|| one.address(EMAIL));
            people[kind].push(person(one.text(DISPLAY_NAME), address.as_deref()));
        }
    }
    people.map(|mut people| {
        people.retain(|one| !one.is_empty());
        people.join(", ")
    })
}

/// A person; programs often put the address where the name should be.
fn person(name: Option<String>, address: Option<&str>) -> String {
    let quotes = |c| matches!(c, '\'' | '"');
    let name = name.filter(|name| Some(name.trim_matches(quotes)) != address);
    message::person(name.as_deref(), address)
}

/// The fixed properties of an item.
const PROPERTIES: &str = "__properties_version1.0";

/// A message, a recipient or an attachment: a storage with properties.
struct Item<'o> {
    ole: &'o Ole<'o>,
    storage: ole::Id,
    /// The fixed properties, sixteen bytes each.
    fixed: Vec<u8>,
    /// The encodings that texts of eight bits may be in, the likeliest first.
    encodings: Vec<&'static Encoding>,
    /// The encoding of the page.
    page_encoding: Option<&'static Encoding>,
}

impl<'o> Item<'o> {
    /// The message in `storage`, whose properties stand behind so many bytes.
    fn message(ole: &'o Ole<'o>, storage: ole::Id, before: usize) -> Self {
        let mut item = Self { ole, storage, fixed: Vec::new(), encodings: Vec::new(), page_encoding: None };
        item.fixed = item.fixed_properties(before);
        item.page_encoding = item.number(INTERNET_CODE_PAGE).and_then(code_page::encoding);
        item.encodings = [
            item.number(MESSAGE_CODE_PAGE).and_then(code_page::encoding),
            item.page_encoding,
            item.number(MESSAGE_LOCALE).and_then(code_page::of_language),
        ]
        .into_iter()
        .flatten()
        .collect();
        item
    }

    /// A recipient or attachment of this message.
    fn inside(&self, storage: ole::Id) -> Self {
        let mut item = Self { storage, fixed: Vec::new(), encodings: self.encodings.clone(), ..*self };
        item.fixed = item.fixed_properties(OTHER);
        item
    }

    fn fixed_properties(&self, before: usize) -> Vec<u8> {
        let properties = self.ole.stream(self.storage, PROPERTIES).unwrap_or_default();
        properties.get(before..).unwrap_or_default().to_vec()
    }

    fn stream(&self, id: u16, kind: &str) -> Option<Vec<u8>> {
        self.ole.stream(self.storage, &format!("__substg1.0_{id:04x}{kind}"))
    }

    /// A property of bytes.
    fn bytes(&self, id: u16) -> Option<Vec<u8>> {
        self.stream(id, "0102").filter(|bytes| !bytes.is_empty())
    }

    /// A property of text, unless it is blank.
    fn text(&self, id: u16) -> Option<String> {
        let wide = || {
            self.stream(id, "001f").map(|bytes| UTF_16LE.decode_without_bom_handling(&bytes).0.into_owned())
        };
        let narrow = || self.stream(id, "001e").map(|bytes| self.decode(&bytes));
        let text = wide().filter(|text| !is_blank(text)).or_else(narrow)?;
        (!is_blank(&text)).then(|| text.trim_end_matches('\0').replace('\0', " "))
    }

    fn decode(&self, bytes: &[u8]) -> String {
        let bytes = &bytes[..bytes.len() - bytes.iter().rev().take_while(|byte| **byte == 0).count()];
        self.encodings
            .iter()
            .find_map(|encoding| encoding.decode_without_bom_handling_and_without_replacement(bytes))
            .map_or_else(|| encoding::decode(bytes), std::borrow::Cow::into_owned)
    }

    /// An address as one writes it, not one of a company's directory.
    fn address(&self, id: u16) -> Option<String> {
        self.text(id).filter(|address| address.contains('@') && !address.starts_with('/'))
    }

    /// The page, which is bytes in the encoding of the internet message, or a text.
    fn page(&self) -> Option<String> {
        let Some(bytes) = self.bytes(HTML).or_else(|| self.stream(HTML, "001e")) else {
            return self.text(HTML);
        };
        let is_utf8 = !bytes.is_ascii() && std::str::from_utf8(&bytes).is_ok();
        let declared = self
            .page_encoding
            .filter(|_| !is_utf8)
            .and_then(|encoding| encoding.decode_without_bom_handling_and_without_replacement(&bytes));
        let page = declared.map_or_else(|| encoding::decode_html(&bytes), std::borrow::Cow::into_owned);
        (!is_blank(&page)).then_some(page)
    }

    /// The value of a fixed property of `kind`.
    fn fixed(&self, id: u16, kind: u16) -> Option<u64> {
        let tag = u32::from(id) << 16 | u32::from(kind);
        let property = self.fixed.as_chunks::<16>().0.iter().find(|property| u32_at(*property, 0) == tag)?;
        Some(u64::from(u32_at(property, 12)) << 32 | u64::from(u32_at(property, 8)))
    }

    fn number(&self, id: u16) -> Option<u32> {
        self.fixed(id, 0x0003).map(|value| value as u32)
    }

    /// A time, as mail has it.
    fn date(&self, id: u16) -> Option<String> {
        let seconds = i64::try_from(self.fixed(id, 0x0040)? / 10_000_000).ok()? - EPOCH;
        let date = (0..=LAST_SECOND).contains(&seconds).then(|| DateTime::from_timestamp(seconds))?;
        Some(date.to_rfc3339())
    }
}

fn is_blank(text: &str) -> bool {
    text.trim_matches(|c: char| c == '\0' || c.is_whitespace()).is_empty()
}
