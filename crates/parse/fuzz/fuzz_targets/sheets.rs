//! Excel: workbooks with one fuzzed part, and files of both generations as they come.

#![no_main]

use docent_parse_fuzz::{
    office::{BOOK_PARTS, xlsx},
    parse, variant,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((kind, bytes)) = variant(data) else { return };
    match BOOK_PARTS.get(usize::from(kind) % 8) {
        Some(part) => parse("a.xlsx", &xlsx(part, &bytes)),
        None => parse("a.xls", &bytes),
    }
});
