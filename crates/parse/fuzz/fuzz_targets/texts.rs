//! Formats that are text: the first byte chooses the extension.

#![no_main]

use docent_parse_fuzz::{parse, pick, variant};
use libfuzzer_sys::fuzz_target;

// In the order of `seeds.py`.
const NAMES: [&str; 19] = [
    "a.txt", "a.md", "a.rst", "a.org", "a.adoc", "a.tex", "a.csv", "a.tsv", "a.json", "a.jsonl", "a.ipynb",
    "a.srt", "a.vtt", "a.ics", "a.vcf", "a.toml", "a.ini", "a.rs", "a",
];

fuzz_target!(|data: &[u8]| {
    let Some((kind, bytes)) = variant(data) else { return };
    parse(pick(&NAMES, kind), &bytes);
});
