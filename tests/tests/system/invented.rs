//! Words that stand in no other document, and documents that hold them.

use std::{
    fmt::Write as _,
    io::{Cursor, Write as _},
};

use zip::{ZipWriter, write::SimpleFileOptions};

/// The `n`th invented word. The last letter keeps stemmers off it.
pub(crate) fn word(n: u64) -> String {
    const CONSONANTS: &[u8; 14] = b"bdfgklmnprstvz";
    const VOWELS: &[u8; 5] = b"aeiou";
    // An odd factor that is no multiple of 5 or 7 spreads neighbours over all words.
    let mut left = n.wrapping_mul(9_699_691) % 70_u64.pow(4);
    let mut word = String::new();
    for _ in 0..4 {
        let syllable = (left % 70) as usize;
        left /= 70;
        word.push(char::from(CONSONANTS[syllable / 5]));
        word.push(char::from(VOWELS[syllable % 5]));
    }
    word + "x"
}

/// A few sentences about nothing in particular, other ones for each `n`.
pub(crate) fn sentences(n: u64) -> String {
    const SUBJECTS: [&str; 7] = [
        "The pump",
        "A gateway",
        "The night shift",
        "Our supplier",
        "The auditor",
        "This valve",
        "The crane",
    ];
    const VERBS: [&str; 5] =
        ["was inspected in", "is kept in", "moved to", "failed once in", "was paid for by"];
    const PLACES: [&str; 6] = ["Rotterdam", "hall 4", "the workshop", "Suzhou", "the cold store", "Bergen"];
    let mut text = String::new();
    for i in 0..4_u64 {
        let at = (n.wrapping_mul(31).wrapping_add(i * 17)) as usize;
        let (subject, verb) = (SUBJECTS[at % SUBJECTS.len()], VERBS[at / 7 % VERBS.len()]);
        let place = PLACES[at / 35 % PLACES.len()];
        let _ = write!(text, "{subject} {verb} {place} under number {}. ", n * 10 + i);
    }
    text
}

/// A document of `count` parts, other ones for each `n`.
pub(crate) fn parts(n: u64, count: u64) -> String {
    let mut text = String::new();
    for at in 0..count {
        let _ = write!(text, "# Part {at}\n\n{}\n\n", sentences(n * 1000 + at));
    }
    text
}

/// A zip archive of these members, packed.
pub(crate) fn packed(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// Numbers that look random, the same ones for the same seed (splitmix64, Steele et al. 2014).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.roll() % limit.max(1) as u64) as usize
    }
}

#[test]
fn invented_words_differ() {
    let words: std::collections::HashSet<String> = (0..20_000).map(word).collect();
    assert_eq!(words.len(), 20_000);
}
