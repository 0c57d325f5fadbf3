//! OpenDocument: flat files, containers with one fuzzed part, and containers as they come.

#![no_main]

use docent_parse_fuzz::{packed::zip, parse, pick, variant};
use libfuzzer_sys::fuzz_target;

const PARTS: [&str; 4] = ["content.xml", "styles.xml", "meta.xml", "META-INF/manifest.xml"];
const CONTENT: &[u8] =
    b"<office:document-content xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" \
    xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\"><office:body><office:text>\
    <text:p text:style-name=\"P1\">One</text:p></office:text></office:body></office:document-content>";

fuzz_target!(|data: &[u8]| {
    let Some((kind, bytes)) = variant(data) else { return };
    match kind % 8 {
        0..4 => {
            let fuzzed = pick(&PARTS, kind);
            let parts = PARTS.map(|part| match part {
                _ if part == fuzzed => (part, bytes.as_slice()),
                "content.xml" => (part, CONTENT),
                _ => (part, b"<x/>".as_slice()),
            });
            parse("a.odt", &zip(&parts));
        }
        4 | 5 => parse("a.fodt", &bytes),
        _ => parse("a.odt", &bytes),
    }
});
