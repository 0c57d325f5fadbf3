//! Rich text, in files and as the body of Outlook messages, packed and not.

#![no_main]

use docent_parse_fuzz::{packed::rich_message, parse, variant};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((kind, bytes)) = variant(data) else { return };
    match kind % 3 {
        0 => parse("a.rtf", &bytes),
        1 => parse("a.msg", &rich_message(b"MELA", &bytes)),
        _ => parse("a.msg", &rich_message(b"LZFu", &bytes)),
    }
});
