//! Books: containers with one fuzzed part, and containers as they come.

#![no_main]

use docent_parse_fuzz::{packed::zip, parse, pick, variant};
use libfuzzer_sys::fuzz_target;

const PARTS: [(&str, &[u8]); 5] = [
    ("a.xhtml", b"<html><body><p>One</p></body></html>"),
    (
        "a.opf",
        b"<package><manifest><item id='a' href='a.xhtml' media-type='application/xhtml+xml'/></manifest>\
        <spine><itemref idref='a'/></spine></package>",
    ),
    (
        "META-INF/container.xml",
        b"<container><rootfiles><rootfile full-path='a.opf'/></rootfiles></container>",
    ),
    ("META-INF/encryption.xml", b"<encryption/>"),
    ("mimetype", b"application/epub+zip"),
];

fuzz_target!(|data: &[u8]| {
    let Some((kind, bytes)) = variant(data) else { return };
    if kind % 5 == 4 {
        return parse("a.epub", &bytes);
    }
    let fuzzed = pick(&PARTS, kind % 5).0;
    let parts = PARTS.map(|(part, sound)| (part, if part == fuzzed { bytes.as_slice() } else { sound }));
    parse("a.epub", &zip(&parts));
});
