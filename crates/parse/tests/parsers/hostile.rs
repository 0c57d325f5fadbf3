//! Files made to break a parser: every one ends in a document or an error, soon.

use std::io::{Cursor, Write};

use docent_core::{ParseErrorKind, Parser};
use docent_parse::{ParseOptions, Parsers};
use zip::{ZipWriter, write::SimpleFileOptions};

use super::{
    compound::compound,
    made::{container, docx},
};

const EXTENSIONS: [&str; 37] = [
    "txt", "md", "html", "csv", "json", "jsonl", "xml", "rs", "pdf", "docx", "xlsx", "pptx", "doc", "xls",
    "ppt", "eml", "mbox", "mhtml", "rtf", "odt", "fods", "odp", "bin", "", "rst", "org", "adoc", "tex",
    "ipynb", "srt", "vtt", "ics", "vcf", "toml", "zip", "tgz", "7z",
];

/// A small generator of repeatable noise (xorshift64).
pub(super) struct Noise(pub(super) u64);

impl Noise {
    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

#[test]
fn noise_under_every_name() {
    let parsers = super::parsers();
    let mut noise = Noise(0x9E37_79B9_7F4A_7C15);
    let heads: [&[u8]; 17] = [
        b"",
        b"PK\x03\x04",
        b"%PDF-1.7\n",
        b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1",
        b"From: a\nTo: b\nSubject: c\n\n",
        b"<html>",
        b"<?xml version='1.0'?>",
        b"\xff\xfe",
        b"{",
        b"{\\rtf1",
        b"<office:document ><office:body><office:text><text:p>",
        b"\x1f\x8b\x08\0\0\0\0\0\0\0",
        b"7z\xbc\xaf\x27\x1c\0\x04",
        b"WEBVTT\n\n00:01 --> 00:02\n",
        b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:",
        b"BEGIN:VCARD\nFN;QUOTED-PRINTABLE:",
        b"{\"cells\":[",
    ];
    for round in 0..20 {
        for head in heads {
            let length = [7, 100, 3000][round % 3];
            let bytes = [head, &noise.bytes(length)].concat();
            for extension in EXTENSIONS {
                let parsed = parsers.parse(format!("x.{extension}").as_ref(), &bytes);
                if let Err(error) = parsed {
                    assert_ne!(
                        error.kind,
                        ParseErrorKind::Crashed,
                        "round {round}, .{extension}, {head:?}: {error}"
                    );
                    assert!(!error.reason.is_empty());
                }
            }
        }
    }
}

#[test]
fn flipped_and_cut_containers() {
    let parsers = super::without_pdfium();
    let sound = docx("<w:p><w:r><w:t>words that are here</w:t></w:r></w:p>");
    let mut noise = Noise(42);
    for round in 0..300 {
        let mut bytes = sound.clone();
        for _ in 0..3 {
            let at = noise.next() as usize % bytes.len();
            bytes[at] = noise.next() as u8;
        }
        if round % 3 == 0 {
            bytes.truncate(noise.next() as usize % bytes.len());
        }
        let _ = parsers.parse("x.docx".as_ref(), &bytes);
    }
    let cut = parsers.parse("x.docx".as_ref(), &sound[..sound.len() / 2]).unwrap_err();
    assert_eq!(cut.kind, ParseErrorKind::Damaged, "{cut}");
}

#[test]
fn an_old_workbook_cut_off_anywhere() {
    let record =
        |kind: u16, data: &[u8]| [&kind.to_le_bytes()[..], &(data.len() as u16).to_le_bytes(), data].concat();
    // The start of the globals, blanks to make it more than a few sectors, and the end.
    let mut book = record(0x0809, &[0, 6, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    book.extend(record(0x00FF, &[0; 5000]));
    book.extend(record(0x000A, &[]));
    let sound = compound(&[("Workbook".to_owned(), book)]);
    for length in (0..sound.len()).step_by(7) {
        if let Err(error) = super::without_pdfium().parse("a.xls".as_ref(), &sound[..length]) {
            assert_ne!(error.kind, ParseErrorKind::Crashed, "cut off after {length} bytes: {error}");
        }
    }
}

#[test]
fn an_old_workbook_that_ends_within_a_record() {
    let record =
        |kind: u16, data: &[u8]| [&kind.to_le_bytes()[..], &(data.len() as u16).to_le_bytes(), data].concat();
    let beginning = |kind| record(0x0809, &[0, 6, kind, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    // One sheet, called S, which says that it has 2^32 rows; the last bytes of that record are not there.
    let globals = |at: u32| {
        let sheet = [&at.to_le_bytes()[..], &[0, 0, 1, 0, b'S']].concat();
        [beginning(5), record(0x0085, &sheet), record(0x000A, &[])].concat()
    };
    let mut book = globals(globals(0).len() as u32);
    book.extend(beginning(0x10));
    book.extend(record(0x0200, &[0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 1, 0, 0]));
    book.truncate(book.len() - 2);
    let refused = |book: Vec<u8>| {
        let file = compound(&[("Workbook".to_owned(), book)]);
        let error = super::without_pdfium().parse("a.xls".as_ref(), &file).unwrap_err();
        assert_eq!(error.kind, ParseErrorKind::Damaged, "{error}");
    };
    refused(book);
    // References to other books, without the number of them.
    refused([beginning(5), record(0x0017, &[]), record(0x000A, &[])].concat());
}

/// A container whose `part` inflates to `megabytes` of blanks.
fn bomb(part: &str, megabytes: usize) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("[Content_Types].xml", SimpleFileOptions::default()).unwrap();
    zip.write_all(b"<Types/>").unwrap();
    zip.start_file(part, SimpleFileOptions::default()).unwrap();
    let blanks = vec![b' '; 1 << 20];
    for _ in 0..megabytes {
        zip.write_all(&blanks).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

#[test]
fn zip_bombs_are_refused() {
    let parsers = Parsers::new(ParseOptions { max_unpacked: 8 << 20, ..ParseOptions::default() });
    for (name, part) in [
        ("a.docx", "word/document.xml"),
        ("a.xlsx", "xl/worksheets/sheet1.xml"),
        ("a.pptx", "ppt/presentation.xml"),
    ] {
        let honest = bomb(part, 16);
        assert_eq!(
            parsers.parse(name.as_ref(), &honest).unwrap_err().kind,
            ParseErrorKind::TooLarge,
            "{name}"
        );
        // The same with a central directory that says it is small.
        let mut liar = honest.clone();
        let size = (16u32 << 20).to_le_bytes();
        for at in 0..liar.len() - 4 {
            if liar[at..at + 4] == size {
                liar[at..at + 4].copy_from_slice(&1000u32.to_le_bytes());
            }
        }
        assert_ne!(honest, liar);
        assert!(parsers.parse(name.as_ref(), &liar).is_err(), "{name}");
    }
}

#[test]
fn entities_are_not_multiplied() {
    let mut bomb = "<!DOCTYPE x [<!ENTITY a0 \"hahahahaha\">".to_owned();
    for n in 1..60 {
        bomb = format!("{bomb}<!ENTITY a{n} \"&a{};&a{};\">", n - 1, n - 1);
    }
    let xml = format!("<?xml version=\"1.0\"?>{bomb}]><x>&a59;</x>");
    let document = super::without_pdfium().parse("a.xml".as_ref(), xml.as_bytes()).unwrap();
    assert!(document.text.len() < 100);
    let inside = container(&[("[Content_Types].xml", "<Types/>"), ("word/document.xml", &xml)]);
    let _ = super::without_pdfium().parse("a.docx".as_ref(), &inside);
}

#[test]
fn depth_is_no_danger() {
    let parsers = super::without_pdfium();
    let depth = 100_000;
    let html = "<div><p>".repeat(depth) + "deep" + &"</p></div>".repeat(depth);
    assert_eq!(parsers.parse("a.html".as_ref(), html.as_bytes()).unwrap().text, "deep\n");
    let tables = "<table><tr><td>".repeat(depth) + "deep";
    assert!(parsers.parse("a.html".as_ref(), tables.as_bytes()).unwrap().text.contains("deep"));
    let xml = "<?xml version='1.0'?>".to_owned() + &"<a>".repeat(depth) + "deep";
    assert_eq!(parsers.parse("a.xml".as_ref(), xml.as_bytes()).unwrap().text, "deep\n");
    for quote in ["> ", "- ", "[", "*a "] {
        let _ = parsers.parse("a.md".as_ref(), (quote.repeat(20_000) + "deep").as_bytes());
    }
    let nested = "<w:tbl><w:tr><w:tc>".repeat(2_000) + "<w:p/>" + &"</w:tc></w:tr></w:tbl>".repeat(2_000);
    let _ = parsers.parse("a.docx".as_ref(), &docx(&nested));
    let mail = "Content-Type: message/rfc822\n\n".repeat(depth) + "Subject: x\n\ndeep";
    let _ = parsers.parse("a.eml".as_ref(), mail.as_bytes());
    let encoded = format!(
        "Content-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable\n\n{}",
        "Content-Type: message/rfc822\n\n".repeat(3_000) + "Subject: x\n\ndeep"
    );
    let _ = parsers.parse("a.eml".as_ref(), encoded.as_bytes());
}

#[test]
fn a_file_over_the_limit_is_not_opened() {
    let parsers = Parsers::new(ParseOptions { max_file: 10, ..ParseOptions::default() });
    let error = parsers.parse("a.txt".as_ref(), b"more than ten bytes").unwrap_err();
    assert_eq!(error.kind, ParseErrorKind::TooLarge);
}

/// Each of these took time with the square of its length: at this length they are read in a moment, or not today.
#[test]
fn repeated_beginnings_take_no_longer_than_their_bytes() {
    let parsers = super::without_pdfium();
    let times = 100_000;
    for (name, part) in [
        ("a.md", "---\t\nx\n\n"),
        ("a.md", "+++\nx\n\n"),
        ("a.md", "> - * 1. "),
        ("a.md", "[a]: b\n[a] "),
        ("a.md", "<!-- <? <![CDATA[ "),
        ("a.md", "`` ``` ` **_[]( "),
        ("a.md", "|a|b|\n|-|-|\n"),
        ("a.xml", "<!DOCTYPE "),
        ("a.xml", "<!DOCTYPE x [ "),
        ("a.xml", "<!-- <? <![CDATA "),
        ("a.html", "<!-- <![CDATA[ <? "),
        ("a.html", "<table><tr><td><table><caption>"),
        ("a.html", "<nav><p hidden><svg>"),
        ("a.html", "<title><select><ul><li>"),
        ("a.html", "&am &#x <p =\" "),
        ("a.json", "[{\"a\":"),
        ("a.csv", "\"a,\"\"b\n"),
        ("a.eml", "Content-Type: multipart/mixed; boundary=x\n\n--x\n"),
        ("a.eml", "Subject: =?utf-8?q?a\n"),
        ("a.mbox", "From a@b Thu Jan 1 00:00:00 1970\n\n"),
        ("a.txt", "a\u{200b}"),
    ] {
        let head = if name == "a.xml" { "<?xml version='1.0'?>" } else { "" };
        let began = std::time::Instant::now();
        let _ = parsers.parse(name.as_ref(), (head.to_owned() + &part.repeat(times)).as_bytes());
        println!("{name} {part:?}: {:?}", began.elapsed());
        // Not a measurement: the square of this length is minutes and more.
        assert!(began.elapsed() < std::time::Duration::from_secs(60), "{name} {part:?}");
    }
}

#[test]
fn millions_of_tiny_pieces_are_joined() {
    let parsers = super::without_pdfium();
    for (name, part) in [
        ("a.jsonl", "1\n"),
        ("a.txt", "a\n\n"),
        ("a.html", "<p>a"),
        ("a.xml", "<a>b"),
        ("a.md", "- a\n"),
        ("a.rtf", "a\\par "),
    ] {
        let head = match name {
            "a.xml" => "<?xml version='1.0'?>",
            "a.rtf" => "{\\rtf1 ",
            _ => "",
        };
        let text = head.to_owned() + &part.repeat(600_000);
        let document = parsers.parse(name.as_ref(), text.as_bytes()).unwrap();
        assert!(document.blocks.len() < 110_000, "{name}: {}", document.blocks.len());
        let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).count();
        let found: usize = document.blocks.iter().map(|block| letters(document.block_text(block))).sum();
        assert_eq!(found, 600_000, "{name}: nothing is lost");
        let last = document.blocks.last().unwrap();
        let end = document.text[..last.range.end].chars().count() as u64;
        assert_eq!(last.location.chars.unwrap()[1], end, "{name}");
    }
    // Headings are not joined: there is an end to them.
    let error = parsers.parse("a.md".as_ref(), "# a\n".repeat(500_000).as_bytes()).unwrap_err();
    assert_eq!(error.kind, ParseErrorKind::TooLarge, "{error}");
}

#[test]
fn a_heading_is_repeated_only_as_far_as_one_reads() {
    let parsers = super::without_pdfium();
    let words = "很长的标题 ".repeat(10_000);
    for (name, text) in [
        ("a.md", format!("# {words}\n\none\n\ntwo\n")),
        ("a.html", format!("<title>{words}</title><h1>{words}</h1><p>one<p>two")),
    ] {
        let document = parsers.parse(name.as_ref(), text.as_bytes()).unwrap();
        assert!(document.text.contains(words.trim()), "{name}: its text is all there");
        let heading = &document.blocks[1].location.heading[0];
        assert!(heading.starts_with("很长的标题") && heading.chars().count() <= 200, "{name}");
        assert!(document.title.unwrap().chars().count() <= 200, "{name}");
    }
}

#[test]
fn one_long_line_and_many_short_ones() {
    let parsers = super::without_pdfium();
    let line = "word ".repeat(4 << 20);
    assert_eq!(parsers.parse("a.txt".as_ref(), line.as_bytes()).unwrap().blocks.len(), 1);
    let table = "1,2,3\n".repeat(1 << 20);
    let document = parsers.parse("a.csv".as_ref(), table.as_bytes()).unwrap();
    assert_eq!((document.blocks.len(), document.blocks[0].location.lines), (1, Some([1, 1 << 20])));
    let deep = "[".repeat(1 << 20) + &"]".repeat(1 << 20);
    parsers.parse("a.json".as_ref(), deep.as_bytes()).unwrap();
}

#[test]
fn attachments_together_are_bounded() {
    let parsers = Parsers::new(ParseOptions { max_text: 1 << 20, ..ParseOptions::default() });
    let part =
        format!("--x\nContent-Disposition: attachment; filename=a.txt\n\n{}\n", "word ".repeat(60_000));
    let mail = format!("From: a\nContent-Type: multipart/mixed; boundary=x\n\n{}--x--\n", part.repeat(8));
    let error = parsers.parse("a.eml".as_ref(), mail.as_bytes()).unwrap_err();
    assert_eq!(error.kind, ParseErrorKind::TooLarge, "{error}");
}
