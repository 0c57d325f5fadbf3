//! Outlook messages: compound files as they come, and sound ones with fuzzed streams.

#![no_main]

use docent_parse_fuzz::{packed::message, parse, variant};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((kind, bytes)) = variant(data) else { return };
    match kind % 2 {
        0 => parse("a.msg", &bytes),
        _ => parse("a.msg", &message(&bytes)),
    }
});
