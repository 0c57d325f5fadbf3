//! PDF. pdfium comes as a library that is not instrumented: what is found is found by chance, and by the reader on top of
//! it. Without `$DOCENT_MODELS/pdfium` there is nothing to find.

#![no_main]

use docent_parse_fuzz::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| parse("a.pdf", data));
