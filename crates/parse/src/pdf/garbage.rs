//! Text layers that say nothing: fonts whose codes are no characters.
//!
//! Such a page is only suspected here. OCR reads it, and where it reads the same words, the text layer stays; so that
//! tables of part numbers and rare languages cost time, not text.

use encoding_rs::{BIG5, GBK};

/// From this share on of characters that are none, a page is suspected.
const NONE: f32 = 0.1;
/// Pages with fewer letters of a script are not judged by it.
const LEAST: usize = 100;
/// Languages in Latin script have a third of vowels and more; letters shifted by a code have a seventh.
const VOWELS: f32 = 0.22;
/// Of Chinese text, a twentieth or so is none of the common characters; of mixed-up codes, half.
const RARE: f32 = 0.3;
/// Latin letters with marks, of all letters: Vietnamese has a third; Chinese bytes taken for Latin have all.
const MARKED: f32 = 0.6;

/// Whether the lines of a page look as if their characters were not those that are drawn.
pub(super) fn is_garbage<'l>(lines: impl Iterator<Item = &'l str>) -> bool {
    let (mut all, mut none) = (0usize, 0usize);
    let (mut latin, mut vowels, mut marked) = (0usize, 0usize, 0usize);
    let (mut chinese, mut rare) = (0usize, 0usize);
    for c in lines.flat_map(str::chars).filter(|c| !c.is_whitespace()) {
        all += 1;
        match c {
            // Hyphens at the ends of lines, as pdfium marks them.
            '\u{2}' => {}
            '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{e000}'..='\u{f8ff}'
            | '\u{fff0}'..='\u{ffff}'
            | '\u{f0000}'.. => {
                none += 1;
            }
            'a'..='z' | 'A'..='Z' => {
                latin += 1;
                vowels += usize::from("aeiouyAEIOUY".contains(c));
            }
            '\u{c0}'..='\u{24f}' => {
                latin += 1;
                marked += 1;
                vowels += 1;
            }
            '\u{4e00}'..='\u{9fff}' => {
                chinese += 1;
                rare += usize::from(!is_common(c));
            }
            _ => {}
        }
    }
    let is_more = |part: usize, whole: usize, share: f32| part as f32 > whole as f32 * share;
    (all > 0 && is_more(none, all, NONE))
        || latin >= LEAST && (!is_more(vowels, latin, VOWELS) || is_more(marked, latin, MARKED))
        || chinese >= LEAST && is_more(rare, chinese, RARE)
}

/// Whether a character is one of the few thousand that texts are written in: level 1 of GB 2312, or of Big5.
fn is_common(c: char) -> bool {
    let mut utf8 = [0; 4];
    let text = c.encode_utf8(&mut utf8);
    let lead = |encoding: &'static encoding_rs::Encoding| {
        let (bytes, _, failed) = encoding.encode(text);
        if failed { [0, 0] } else { [bytes[0], bytes.get(1).copied().unwrap_or(0)] }
    };
    let [lead_gb, trail_gb] = lead(GBK);
    ((0xB0..=0xD7).contains(&lead_gb) && trail_gb >= 0xA1) || (0xA4..=0xC6).contains(&lead(BIG5)[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(text: &str) -> bool {
        is_garbage(text.lines())
    }

    #[test]
    fn texts_are_not_suspected() {
        let english =
            "The Tenant may end the lease after the fifth year by giving six months' notice in writing. "
                .repeat(3);
        let chinese = "保修期为二十四个月，自最终验收之日起计算。更换的零件重新计算保修期。".repeat(5);
        let traditional =
            "為更換老化的供水管道，本大廈將於六月十八日上午九時至下午五時暫停食水供應。".repeat(5);
        let vietnamese =
            "Tất cả mọi người sinh ra đều được tự do và bình đẳng về nhân phẩm và quyền lợi. ".repeat(3);
        let polish =
            "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw. ".repeat(3);
        let czech = "Strč prst skrz krk, zvlášť čtvrtého vlka. Všichni lidé rodí se svobodní a sobě rovní. "
            .repeat(3);
        for text in [&english, &chinese, &traditional, &vietnamese, &polish, &czech] {
            assert!(!judged(text), "{text}");
        }
        assert!(!judged("MK-1320 TN-2410\n118.00 97.50"), "too little to tell");
        assert!(!judged(""));
    }

    #[test]
    fn broken_fonts_are() {
        let english =
            "The Tenant may end the lease after the fifth year by giving six months' notice in writing. "
                .repeat(3);
        let shifted: String = english
            .chars()
            .map(|c| if c == ' ' { c } else { char::from_u32(c as u32 - 29).unwrap_or(c) })
            .collect();
        assert!(judged(&shifted), "{shifted}");
        let private: String =
            english.chars().map(|c| char::from_u32(0xE000 + c as u32).unwrap_or(c)).collect();
        assert!(judged(&private));
        let chinese = "保修期为二十四个月自最终验收之日起计算更换的零件重新计算保修期".repeat(5);
        let mixed: String = chinese.chars().map(|c| char::from_u32(c as u32 + 1234).unwrap_or(c)).collect();
        assert!(judged(&mixed), "{mixed}");
        let (bytes, ..) = GBK.encode(&chinese);
        let bytes: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        assert!(judged(&bytes), "{bytes}");
        assert!(judged("\u{fffd}\u{fffd}\u{fffd} 3"));
    }
}
