//! Files made to break a parser: every one ends in a document or an error, soon.

use std::io::{Cursor, Write};

use docent_core::{ParseErrorKind, Parser};
use docent_parse::{ParseOptions, Parsers};
use zip::{ZipWriter, write::SimpleFileOptions};

use super::made::{container, docx};

const EXTENSIONS: [&str; 20] = [
    "txt", "md", "html", "csv", "json", "jsonl", "xml", "rs", "pdf", "docx", "xlsx", "pptx", "doc", "xls",
    "ppt", "eml", "mbox", "mhtml", "bin", "",
];

/// A small generator of repeatable noise (xorshift64).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
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
    let heads: [&[u8]; 9] = [
        b"",
        b"PK\x03\x04",
        b"%PDF-1.7\n",
        b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1",
        b"From: a\nTo: b\nSubject: c\n\n",
        b"<html>",
        b"<?xml version='1.0'?>",
        b"\xff\xfe",
        b"{",
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
