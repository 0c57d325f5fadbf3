//! Word and PowerPoint: packages with one fuzzed part, and files of both generations as they come.

#![no_main]

use docent_parse_fuzz::{
    office::{SLIDE_PARTS, WORD_PARTS, docx, pptx},
    parse, variant,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((kind, bytes)) = variant(data) else { return };
    let kind = usize::from(kind) % 12;
    if let Some(part) = WORD_PARTS.get(kind) {
        parse("a.docx", &docx(part, &bytes));
    } else if let Some(part) = SLIDE_PARTS.get(kind - WORD_PARTS.len()) {
        parse("a.pptx", &pptx(part, &bytes));
    } else {
        parse("a.doc", &bytes);
    }
});
