//! Archives: as they come, with their checksums put right, and fuzzed ones inside sound ones.

#![no_main]

use docent_parse_fuzz::{
    packed::{gzip, mend, zip},
    parse, variant,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((kind, mut bytes)) = variant(data) else { return };
    match kind % 5 {
        0 => parse("a.zip", &bytes),
        1 | 2 => {
            mend(&mut bytes);
            parse("a.tar", &bytes);
        }
        3 => {
            mend(&mut bytes);
            parse("a.tgz", &gzip(&bytes));
        }
        _ => parse("a.zip", &zip(&[("b.txt", b"words"), ("c", &bytes)])),
    }
});
