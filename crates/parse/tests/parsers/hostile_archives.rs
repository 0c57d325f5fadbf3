//! Archives and containers made to burst, beside those that `archives` and `hostile` look at.

use std::fmt::Write as _;

use docent_core::{ParseErrorKind, Parser};
use docent_parse::{ParseOptions, Parsers};

use super::made::container;

/// The list of members of a zip, and the record that ends it.
fn split_zip(bytes: &[u8]) -> (&[u8], &[u8], &[u8]) {
    let end = bytes.windows(4).rposition(|window| window == b"PK\x05\x06").unwrap();
    let list = u32::from_le_bytes(bytes[end + 16..end + 20].try_into().unwrap()) as usize;
    (&bytes[..list], &bytes[list..end], &bytes[end..])
}

/// A zip whose members, `times` of them, are all the same bytes: a bomb that needs no archive inside it (Fifield, 2019).
fn overlapping(text: &str, times: u16) -> Vec<u8> {
    let one = container(&[("a.txt", text)]);
    let (data, list, end) = split_zip(&one);
    let mut bytes = data.to_vec();
    bytes.extend(list.repeat(times.into()));
    let mut end = end.to_vec();
    end[8..10].copy_from_slice(&times.to_le_bytes());
    end[10..12].copy_from_slice(&times.to_le_bytes());
    end[12..16].copy_from_slice(&((list.len() * usize::from(times)) as u32).to_le_bytes());
    bytes.extend(end);
    bytes
}

#[test]
fn members_that_overlap() {
    let parsers = Parsers::new(ParseOptions { max_unpacked: 32 << 20, ..ParseOptions::default() });
    let text = "words that are here, again and again\n".repeat(30_000);
    let bytes = overlapping(&text, 60_000);
    assert!(bytes.len() < 4 << 20);
    match parsers.parse("a.zip".as_ref(), &bytes) {
        Ok(document) => assert!(document.text.len() <= 33 << 20, "{}", document.text.len()),
        Err(error) => assert_eq!(error.kind, ParseErrorKind::TooLarge, "{error}"),
    }
}

#[test]
fn archives_that_branch_at_every_level() {
    let mut bytes = b"words".to_vec();
    let mut name = "a.txt";
    for _ in 0..4 {
        let inside = bytes.clone();
        let names: Vec<String> = (0..10).map(|number| format!("{number}-{name}")).collect();
        let members: Vec<(&str, &[u8])> =
            names.iter().map(|name| (name.as_str(), inside.as_slice())).collect();
        bytes = super::archives::zip(&members);
        name = "a.zip";
    }
    let document = super::without_pdfium().parse("a.zip".as_ref(), &bytes);
    // Nothing of it is text above the depth that is opened.
    let error = document.unwrap_err();
    assert_eq!(error.kind, ParseErrorKind::TooLarge, "{error}");
    assert!(error.reason.contains("an archive inside archives inside an archive"), "{error}");
}

#[test]
fn entities_are_not_multiplied_in_any_container() {
    let mut bomb = "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY a0 \"hahahahaha\">".to_owned();
    for n in 1..60 {
        let _ = write!(bomb, "<!ENTITY a{n} \"&a{0};&a{0};\">", n - 1);
    }
    bomb += "]><x>&a59;</x>";
    let types = "<Types/>";
    for (name, members) in [
        ("a.odt", vec![("mimetype", types), ("content.xml", &bomb), ("META-INF/manifest.xml", &bomb)]),
        ("a.epub", vec![("META-INF/container.xml", &bomb), ("a.opf", &bomb), ("a.xhtml", &bomb)]),
        (
            "a.xlsx",
            vec![("[Content_Types].xml", types), ("xl/workbook.xml", &bomb), ("xl/sharedStrings.xml", &bomb)],
        ),
        ("a.pptx", vec![("[Content_Types].xml", types), ("ppt/presentation.xml", &bomb)]),
        ("a.docx", vec![("[Content_Types].xml", &bomb), ("word/document.xml", &bomb)]),
    ] {
        match super::without_pdfium().parse(name.as_ref(), &container(&members)) {
            Ok(document) => assert!(document.text.len() < 1000, "{name}"),
            Err(error) => assert_ne!(error.kind, ParseErrorKind::Crashed, "{name}: {error}"),
        }
    }
}
