//! XML.

#![no_main]

use docent_parse_fuzz::{parse, variant};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((_, bytes)) = variant(data) else { return };
    parse("a.xml", &bytes);
});
