//! Messages, mailboxes and saved pages.

#![no_main]

use docent_parse_fuzz::{parse, pick, variant};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((kind, bytes)) = variant(data) else { return };
    parse(pick(&["a.eml", "a.mbox", "a.mhtml"], kind), &bytes);
});
