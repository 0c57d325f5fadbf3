//! Outlook messages made here.

use docent_core::{ParseErrorKind, ParsedDocument, Parser};
use docent_parse::{ParseOptions, Parsers};

use super::{compound::compound, hostile::Noise};

type Streams = Vec<(String, Vec<u8>)>;

/// The fixed properties of an item, behind so many bytes.
fn fixed(before: usize, values: &[(u32, u64)]) -> Vec<u8> {
    let mut bytes = vec![0; before];
    for (tag, value) in values {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(6u32.to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    bytes
}

/// An item in `folder` with its fixed properties and those that are streams.
fn item(folder: &str, before: usize, values: &[(u32, u64)], streams: &[(u32, &[u8])]) -> Streams {
    let mut all = vec![(format!("{folder}__properties_version1.0"), fixed(before, values))];
    all.extend(streams.iter().map(|(tag, bytes)| (format!("{folder}__substg1.0_{tag:08X}"), bytes.to_vec())));
    all
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn attachment(number: usize) -> String {
    format!("__attach_version1.0_#{number:08X}/")
}

fn parse(streams: &[(String, Vec<u8>)]) -> ParsedDocument {
    super::without_pdfium().parse("a.msg".as_ref(), &compound(streams)).unwrap()
}

/// Each block and its part.
fn blocks(document: &ParsedDocument) -> Vec<(&str, &str)> {
    document
        .blocks
        .iter()
        .map(|block| (document.block_text(block), block.location.part.as_deref().unwrap_or_default()))
        .collect()
}

/// 1 July 2026, 8 o'clock, as Windows counts.
const MORNING: u64 = (1_782_892_800 + 11_644_473_600) * 10_000_000;

#[test]
fn a_message_its_people_and_its_attachments() {
    let mut file = item(
        "",
        32,
        &[(0x0039_0040, MORNING)],
        &[
            (0x0037_001F, &wide("请假\0")),
            (0x0042_001F, &wide("Ann")),
            (0x5D02_001F, &wide("ann@example.org")),
            (0x1000_001F, &wide("Thirty days a year, all of them paid.\r\n\r\nAnn")),
            (0x1013_0102, b"<html><body><p>Thirty days <b>a year</b>, all of them paid.</p><p>Ann</p>"),
        ],
    );
    for (number, (kind, name, address)) in
        [(1, "Bo", "bo@example.org"), (2, "'cy@example.org'", "cy@example.org"), (3, "Di", "di@example.org")]
            .into_iter()
            .enumerate()
    {
        let folder = format!("__recip_version1.0_#{number:08X}/");
        file.extend(item(
            &folder,
            8,
            &[(0x0C15_0003, kind)],
            &[(0x3001_001F, &wide(name)), (0x39FE_001F, &wide(address))],
        ));
    }
    let long = format!("Kind,Days\n{}", "Annual,30\n".repeat(1000));
    file.extend(item(
        &attachment(0),
        8,
        &[],
        &[(0x3707_001F, &wide("days.csv")), (0x3701_0102, long.as_bytes())],
    ));
    file.extend(item(
        &attachment(1),
        8,
        &[],
        &[(0x3704_001F, &wide("logo.gif")), (0x3701_0102, b"GIF89a\x01\x02")],
    ));
    let inner = format!("{}__substg1.0_3701000D/", attachment(2));
    file.extend(item(&attachment(2), 8, &[(0x3705_0003, 5)], &[(0x3001_001F, &wide("Forwarded"))]));
    file.extend(item(&inner, 24, &[], &[(0x0037_001F, &wide("Inner")), (0x1000_001F, &wide("Inside."))]));
    let innermost = format!("{inner}{}", attachment(0));
    file.extend(item(&innermost, 8, &[], &[(0x3707_001F, &wide("note.txt")), (0x3701_0102, b"Innermost.")]));
    file.extend(item(
        &attachment(10),
        8,
        &[],
        &[(0x3707_001F, &wide("plan.pdf")), (0x3701_0102, b"%PDF-1.4 ")],
    ));

    let document = parse(&file);
    assert_eq!(document.title.as_deref(), Some("请假"));
    assert_eq!(document.mime, "application/vnd.ms-outlook");
    let found = blocks(&document);
    assert_eq!(
        found[..4],
        [
            ("请假", "body"),
            (
                "From: Ann <ann@example.org>\nTo: Bo <bo@example.org>\nCc: cy@example.org\nDate: 2026-07-01T08:00:00Z",
                "body"
            ),
            ("Thirty days a year, all of them paid.", "body"),
            ("Ann", "body"),
        ]
    );
    assert_eq!((found[4].0.len(), found[4].1), (long.trim_end().len(), "days.csv"));
    assert_eq!(
        found[5..8],
        [("Inner", "Forwarded"), ("Inside.", "Forwarded"), ("Innermost.", "Forwarded/note.txt")]
    );
    assert!(found[8].0.starts_with("[attachment plan.pdf was not read: "), "{found:?}");
    assert_eq!((found[8].1, found.len()), ("plan.pdf", 9));
}

#[test]
fn texts_of_eight_bits_are_in_the_code_page_of_the_message() {
    let encoded = |encoding: &'static encoding_rs::Encoding, text: &str| encoding.encode(text).0.into_owned();
    let text = "年度合約";
    let body = |values: &[(u32, u64)], bytes: &[u8]| {
        let document = parse(&item("", 32, values, &[(0x1000_001E, bytes)]));
        document.text.trim().to_owned()
    };
    let big5 = encoded(encoding_rs::BIG5, text);
    assert_eq!(body(&[(0x3FFD_0003, 950)], &big5), text);
    assert_eq!(body(&[(0x3FDE_0003, 950)], &big5), text);
    assert_eq!(body(&[(0x3FF1_0003, 0x0404)], &big5), text);
    assert_eq!(body(&[(0x3FFD_0003, 20127)], text.as_bytes()), text, "it says ASCII");
    let gbk = encoded(encoding_rs::GBK, "请假制度说明，年假三十天。");
    assert_eq!(body(&[(0x3FFD_0003, 65001)], &gbk), "请假制度说明，年假三十天。", "it says UTF-8");
    let cyrillic = encoded(encoding_rs::WINDOWS_1251, "Отпуск");
    assert_eq!(body(&[(0x3FFD_0003, 1251), (0x3FDE_0003, 28595)], &cyrillic), "Отпуск");
    // A page is in the encoding of the internet message.
    let page = |values: &[(u32, u64)], bytes: &[u8]| {
        parse(&item("", 32, values, &[(0x1013_0102, bytes)])).text.trim().to_owned()
    };
    let html = format!("<p>{text}</p>");
    assert_eq!(page(&[(0x3FDE_0003, 950)], &encoded(encoding_rs::BIG5, &html)), text);
    assert_eq!(page(&[(0x3FDE_0003, 1252)], html.as_bytes()), text, "it is UTF-8");
    let declared = format!("<meta charset=big5>{html}");
    assert_eq!(page(&[], &encoded(encoding_rs::BIG5, &declared)), text);
}

#[test]
fn rich_text_is_read_where_there_is_nothing_else() {
    let packed = |rtf: &str| {
        let length = (rtf.len() as u32).to_le_bytes();
        [&length[..], &length, b"MELA", &[0; 4], rtf.as_bytes()].concat()
    };
    let of = |rtf: &str| {
        let document = parse(&item("", 32, &[], &[(0x1009_0102, &packed(rtf))]));
        blocks(&document).into_iter().map(|(text, _)| text.to_owned()).collect::<Vec<_>>()
    };
    let page = "{\\rtf1\\ansi\\ansicpg936\\fromhtml1{\\*\\htmltag <h1>}\\'ba\\'cf\\'cd\\'ac{\\*\\htmltag </h1><p>}\\htmlrtf{\\b\\htmlrtf0 Text\\htmlrtf\\par}\\htmlrtf0{\\*\\htmltag </p>}}";
    assert_eq!(of(page), ["合同", "Text"]);
    assert_eq!(
        of("{\\rtf1\\ansi{\\fonttbl{\\f0 Arial;}}Hello,\\par\\par\\b thirty days\\b0 .\\par}"),
        ["Hello,", "thirty days."]
    );
    let damaged = parse(&item("", 32, &[], &[(0x0037_001F, &wide("Subject")), (0x1009_0102, b"?")]));
    assert_eq!(damaged.text, "Subject\n");
}

#[test]
fn a_contact_is_told_of() {
    let contact = item(
        "",
        32,
        &[],
        &[
            (0x001A_001F, &wide("IPM.Contact")),
            (0x0037_001F, &wide("Ann Lee")),
            (0x3A16_001F, &wide("Kadeflow")),
            (0x3A15_001F, &wide("Main Road 1\r\nUtrecht")),
        ],
    );
    assert_eq!(parse(&contact).text, "Ann Lee\nCompany: Kadeflow\nAddress: Main Road 1 Utrecht\n");
}

#[test]
fn cut_and_flipped_messages() {
    let mut file = item("", 32, &[(0x0039_0040, MORNING)], &[(0x0037_001F, &wide("Subject"))]);
    file.extend(item("", 32, &[], &[(0x1000_001F, &wide(&"Words. ".repeat(3000)))]));
    file.extend(item(&attachment(0), 8, &[], &[(0x3707_001F, &wide("a.txt")), (0x3701_0102, &[b'a'; 5000])]));
    let sound = compound(&file);
    let parsers = super::without_pdfium();
    let mut noise = Noise(7);
    for round in 0..2000 {
        let mut bytes = sound.clone();
        for _ in 0..3 {
            // Where the structure is: the header, and the sectors at the end.
            let length = bytes.len() as u64;
            let at = if round % 2 == 0 { noise.next() % 512 } else { length - 1 - noise.next() % 2048 };
            bytes[at as usize] = noise.next() as u8;
        }
        if round % 3 == 0 {
            bytes.truncate(noise.next() as usize % bytes.len());
        }
        if let Err(error) = parsers.parse("x.msg".as_ref(), &bytes) {
            assert_ne!(error.kind, ParseErrorKind::Crashed, "round {round}: {error}");
        }
    }
    // A stream that says it is longer than what there is.
    let at = sound.windows(4).position(|window| window == 5000u32.to_le_bytes()).unwrap();
    let mut longer = sound.clone();
    longer[at..at + 4].copy_from_slice(&0x7FFF_0000u32.to_le_bytes());
    let document = parsers.parse("x.msg".as_ref(), &longer).unwrap();
    assert!(document.text.contains("Words.") && document.text.ends_with("cut off or damaged]\n"));
}

#[test]
fn messages_inside_messages_have_an_end() {
    let mut file = item("", 32, &[], &[(0x0037_001F, &wide("Level 0"))]);
    let mut folder = String::new();
    for level in 1..300 {
        folder = format!("{folder}{}__substg1.0_3701000D/", attachment(0));
        let subject = wide(&format!("Level {level}"));
        file.extend(item(&folder, 24, &[], &[(0x0037_001F, &subject)]));
    }
    let document = parse(&file);
    assert!(document.text.contains("Level 3") && !document.text.contains("Level 4"), "{}", document.text);
}

/// Streams that share one long chain of sectors, each of which says that it is short.
#[test]
fn chains_that_are_shared_are_not_read_again_and_again() {
    let long = 5 << 20;
    let mut file = item("", 32, &[], &[(0x0037_001F, &wide("Subject")), (0x8000_0102, &b"x".repeat(long))]);
    for number in 0..200 {
        let name = wide("a.txt");
        file.extend(item(&attachment(number), 8, &[], &[(0x3707_001F, &name), (0x3701_0102, &[b'y'; 4096])]));
    }
    let mut bytes = compound(&file);
    // Every attachment starts where the long one does, and says it is as long.
    let long = (long as u32).to_le_bytes();
    let entry = bytes.windows(4).rposition(|window| window == long).unwrap();
    let start: [u8; 4] = bytes[entry - 4..entry].try_into().unwrap();
    for at in 0..bytes.len() - 8 {
        if bytes[at + 4..at + 8] == 4096u32.to_le_bytes() && at % 128 == 116 {
            bytes[at..at + 4].copy_from_slice(&start);
            bytes[at + 4..at + 8].copy_from_slice(&long);
        }
    }
    let options = ParseOptions { max_text: 1 << 30, ..ParseOptions::default() };
    let document = Parsers::new(options).parse("a.msg".as_ref(), &bytes).unwrap();
    assert!(document.text.len() < 4 * bytes.len(), "{}", document.text.len());
}
