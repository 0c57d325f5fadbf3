//! Characters that a searcher takes for the same: case, full and half width, accents, traditional and simplified
//! Chinese. One character stays one character.

use unicode_normalization::{
    IsNormalized, UnicodeNormalization as _, char::decompose_canonical, is_nfc_quick,
};

/// Traditional characters and their simplified forms, sorted.
static SIMPLIFIED: &[(char, char)] = &include!(concat!(env!("OUT_DIR"), "/simplified.rs"));

/// The form of `c` that is indexed and searched.
///
/// ```
/// use docent_core::fold;
/// assert_eq!("ＡＢＣ　資料庫 Café".chars().map(fold).collect::<String>(), "abc 资料库 cafe");
/// ```
pub fn fold(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    let c = match c {
        '\u{3000}' => return ' ',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        _ => c,
    };
    if is_han(c) {
        return SIMPLIFIED.binary_search_by_key(&c, |(from, _)| *from).map_or(c, |found| SIMPLIFIED[found].1);
    }
    // `İ` has two, a letter and its dot.
    let lower = c.to_lowercase().next().unwrap_or(c);
    let mut base = None;
    decompose_canonical(lower, |part| {
        base.get_or_insert(part);
    });
    match base {
        Some(letter) if letter.is_alphabetic() && !is_hangul(lower) && !is_kana(lower) => letter,
        _ => lower,
    }
}

/// `text` as it is indexed and searched: [`fold`]ed, with its accents composed first, so that text from a system
/// that writes them apart (macOS file names, some PDFs) is the same.
///
/// ```
/// assert_eq!(docent_core::fold_text("Cafe\u{301} か\u{3099}"), "cafe が");
/// ```
pub fn fold_text(text: &str) -> String {
    if is_nfc_quick(text.chars()) == IsNormalized::Yes {
        return text.chars().map(fold).collect();
    }
    // What could not be composed is an accent all the same.
    text.nfc().map(fold).filter(|c| !matches!(c, '\u{300}'..='\u{36f}')).collect()
}

/// Whether `c` is a Chinese character.
pub fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3134f}' | '々' | '〇')
}

/// Whether `c` is a Japanese syllable.
pub fn is_kana(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{ff66}'..='\u{ff9f}')
}

/// Whether `c` is a Korean syllable or letter.
pub fn is_hangul(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{ac00}'..='\u{d7af}')
}

/// Whether words of `c`'s script are not parted by spaces, and no dictionary of it is at hand.
pub fn is_unspaced(c: char) -> bool {
    is_kana(c)
        || is_hangul(c)
        || matches!(c, '\u{0e00}'..='\u{0eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> String {
        text.chars().map(fold).collect()
    }

    #[test]
    fn traditional_and_simplified_are_one() {
        assert_eq!(folded("機器學習與資料庫"), "机器学习与资料库");
        assert_eq!(folded("合同编号"), "合同编号");
    }

    #[test]
    fn width_case_and_accents_are_one() {
        assert_eq!(folded("ＩＳＯ－９００１：２０１５"), "iso-9001:2015");
        assert_eq!(folded("ÀÉÎõü"), "aeiou");
        assert_eq!(folded("ß"), "ß");
    }

    #[test]
    fn syllables_keep_their_marks() {
        assert_eq!(folded("がぎ한글"), "がぎ한글");
    }
}
