//! Pictures, as far as they are looked at before OCR: which they are, how large, how many pages.

#![no_main]

use docent_parse_fuzz::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| parse("a.tiff", data));
