//! Bytes to text: marks, declared character sets, and guesses.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{
    BIG5, EUC_JP, EUC_KR, Encoding, GB18030, SHIFT_JIS, UTF_8, UTF_16BE, UTF_16LE, X_USER_DEFINED,
};

/// Bytes looked at to tell text from binary, and to guess an encoding.
const SAMPLE: usize = 64 << 10;
/// Below this many bytes outside ASCII, statistics of whole languages say little.
const SHORT: usize = 400;

/// Decodes a text file; every byte gives something, so nothing is an error.
pub(crate) fn decode(bytes: &[u8]) -> String {
    decode_as(bytes, guess(bytes))
}

/// Decodes HTML: a mark, then what it declares, then a guess.
pub(crate) fn decode_html(bytes: &[u8]) -> String {
    decode_declared(bytes, &["charset"])
}

/// Decodes XML: a mark, then what it declares, then a guess.
pub(crate) fn decode_xml(bytes: &[u8]) -> String {
    decode_declared(bytes, &["encoding"])
}

fn decode_declared(bytes: &[u8], keys: &[&str]) -> String {
    if Encoding::for_bom(bytes).is_some() || utf16_without_mark(bytes).is_some() {
        return decode(bytes);
    }
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(4096)]).to_ascii_lowercase();
    let declared = keys
        .iter()
        .find_map(|key| declared_after(&head, key))
        .and_then(|label| Encoding::for_label(label.as_bytes()));
    match declared {
        // UTF-16 cannot declare itself in ASCII.
        Some(encoding) if encoding != UTF_16LE && encoding != UTF_16BE && encoding != X_USER_DEFINED => {
            let (text, _, errors) = encoding.decode(bytes);
            // Pages that lie about being UTF-8 are common, as are the reverse.
            if errors { decode(bytes) } else { text.into_owned() }
        }
        _ => decode(bytes),
    }
}

/// The label in `charset=gbk`, `charset="gbk"`, `encoding='gbk'`.
fn declared_after<'a>(head: &'a str, key: &str) -> Option<&'a str> {
    let mut rest = head;
    while let Some(at) = rest.find(key) {
        rest = &rest[at + key.len()..];
        let value = rest.trim_start();
        if let Some(value) = value.strip_prefix('=') {
            let value = value.trim_start().trim_start_matches(['"', '\'']);
            let end = value
                .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':' | '.')))
                .unwrap_or(value.len());
            return Some(&value[..end]).filter(|label| !label.is_empty());
        }
    }
    None
}

fn decode_as(bytes: &[u8], encoding: &'static Encoding) -> String {
    let (text, _, _) = encoding.decode(bytes);
    text.into_owned()
}

/// Whether `bytes` are no text in any encoding.
pub(crate) fn is_binary(bytes: &[u8]) -> bool {
    if Encoding::for_bom(bytes).is_some() || utf16_without_mark(bytes).is_some() {
        return false;
    }
    let sample = &bytes[..bytes.len().min(SAMPLE)];
    let (mut nuls, mut controls) = (0usize, 0usize);
    for byte in sample {
        match byte {
            0 => nuls += 1,
            0x01..=0x07 | 0x0B | 0x0E..=0x1A | 0x1C..=0x1F | 0x7F => controls += 1,
            _ => {}
        }
    }
    nuls * 1000 > sample.len() || controls * 50 > sample.len()
}

/// UTF-16 without a mark: NULs at every other place for Latin text; for other scripts the reading that gives
/// sound text.
fn utf16_without_mark(bytes: &[u8]) -> Option<&'static Encoding> {
    let sample = &bytes[..bytes.len().min(SAMPLE) & !1];
    if sample.len() < 4 {
        return None;
    }
    let pairs = sample.len() / 2;
    let even = sample.iter().step_by(2).filter(|byte| **byte == 0).count();
    let odd = sample.iter().skip(1).step_by(2).filter(|byte| **byte == 0).count();
    if even + odd == 0 {
        return None;
    }
    if odd * 10 >= pairs * 4 && even * 20 <= pairs {
        return Some(UTF_16LE).filter(|encoding| has_no_controls(sample, encoding));
    }
    if even * 10 >= pairs * 4 && odd * 20 <= pairs {
        return Some(UTF_16BE).filter(|encoding| has_no_controls(sample, encoding));
    }
    // UTF-8 and the double-byte encodings have no NULs, so here is UTF-16 or binary.
    [UTF_16LE, UTF_16BE].into_iter().find(|encoding| {
        let (text, _, _) = encoding.decode(sample);
        let total = text.chars().count();
        let sound = text
            .chars()
            .filter(|c| {
                matches!(*c as u32, 0x09 | 0x0A | 0x0D | 0x20..=0x7E | 0x3000..=0x30FF | 0x4E00..=0x9FFF | 0xAC00..=0xD7A3 | 0xFF00..=0xFF5E | 0x2010..=0x2026 | 0x0370..=0x06FF)
            })
            .count();
        let marks = text.chars().filter(|c| matches!(c, ' ' | '\n' | '，' | '。' | '、')).count();
        sound * 100 >= total * 97 && marks * 100 >= total
    })
}

/// Whether `sample` reads as text: records of small numbers have their NULs in a pattern too.
fn has_no_controls(sample: &[u8], encoding: &'static Encoding) -> bool {
    let (text, _, _) = encoding.decode(sample);
    let (mut all, mut controls) = (0usize, 0usize);
    for c in text.chars() {
        all += 1;
        controls += usize::from(c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{c}'));
    }
    controls * 50 <= all
}

/// The encoding of `bytes`.
pub(crate) fn guess(bytes: &[u8]) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return encoding;
    }
    if let Some(encoding) = utf16_without_mark(bytes) {
        return encoding;
    }
    if std::str::from_utf8(bytes).is_ok() {
        return UTF_8;
    }
    let high: usize = bytes.iter().filter(|byte| !byte.is_ascii()).take(SHORT + 1).count();
    // A few bad bytes in a long UTF-8 file (a cut, a stray byte) do not make it something else.
    let lossy = String::from_utf8_lossy(&bytes[..bytes.len().min(SAMPLE)]);
    let (good, bad) = lossy.chars().filter(|c| !c.is_ascii()).fold((0usize, 0usize), |(good, bad), c| {
        if c == char::REPLACEMENT_CHARACTER { (good, bad + 1) } else { (good + 1, bad) }
    });
    if good > 20 && bad * 20 < good {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(bytes, true);
    let guessed = detector.guess(None, Utf8Detection::Allow);
    if high > SHORT {
        return guessed;
    }
    // Short: among the East Asian encodings, take the one whose reading uses the commonest characters.
    let best = [GB18030, BIG5, SHIFT_JIS, EUC_JP, EUC_KR]
        .into_iter()
        .filter_map(|encoding| Some((encoding, commonness(bytes, encoding)?)))
        .max_by(|(_, a), (_, b)| a.total_cmp(b));
    match best {
        Some((encoding, score)) => {
            let mine = commonness(bytes, guessed);
            let clearly = mine.map_or(score >= 0.9, |mine| score > mine + 0.1);
            if clearly { encoding } else { guessed }
        }
        None => guessed,
    }
}

/// The share of two-byte characters of `bytes` that stand in the rows of `encoding` that hold its everyday characters
/// (level 1 of GB 2312, Big5 and JIS X 0208, the kana, the hangul syllables, the punctuation); `None` if the bytes
/// are not in that encoding or it is not a two-byte one. Rows after the standards' code tables.
pub(crate) fn commonness(bytes: &[u8], encoding: &'static Encoding) -> Option<f64> {
    if encoding == SHIFT_JIS && !may_be_shift_jis(bytes) {
        return None;
    }
    let (mut all, mut common, mut at) = (0usize, 0.0f64, 0usize);
    while let Some(&lead) = bytes.get(at) {
        if lead.is_ascii() {
            at += 1;
            continue;
        }
        if encoding == SHIFT_JIS && (0xA1..=0xDF).contains(&lead) {
            // Half-width kana: legal, rare.
            all += 1;
            at += 1;
            continue;
        }
        let Some(&trail) = bytes.get(at + 1) else {
            // Cut in the middle of a character.
            break;
        };
        let weight = if encoding == GB18030 {
            match (lead, trail) {
                (0xB0..=0xD7 | 0xA3, 0xA1..) | (0xA1, 0xA2..=0xBF) => 1.0,
                (0xD8..=0xF7, 0xA1..) => 0.5,
                (0xA4 | 0xA5, 0xA1..) => 0.3,
                (0x81..=0xFE, 0x40..=0x7E | 0x80..=0xFE) => 0.0,
                (0x81..=0xFE, 0x30..=0x39) => {
                    at += 2;
                    0.0
                }
                _ => return None,
            }
        } else if encoding == BIG5 {
            match (lead, trail) {
                (0xA1 | 0xA4..=0xC5, 0x40..=0x7E | 0xA1..=0xFE) | (0xC6, 0x40..=0x7E) => 1.0,
                (0xC9..=0xF9, 0x40..=0x7E | 0xA1..=0xFE) => 0.4,
                (0x81..=0xFE, 0x40..=0x7E | 0xA1..=0xFE) => 0.0,
                _ => return None,
            }
        } else if encoding == SHIFT_JIS {
            match (lead, trail) {
                (0x82, 0x9F..=0xF1) | (0x83, 0x40..=0x96) | (0x81, 0x41..=0x9A) => 1.0,
                (0x88, 0x9F..) | (0x89..=0x97, 0x40..=0xFC) | (0x98, 0x40..=0x72) => 0.9,
                (0x81..=0x9F | 0xE0..=0xFC, 0x40..=0x7E | 0x80..=0xFC) => 0.1,
                _ => return None,
            }
        } else if encoding == EUC_JP {
            match (lead, trail) {
                (0xA4 | 0xA5, 0xA1..) => 1.0,
                (0xA1, 0xA2..=0xDF) => 0.9,
                (0xB0..=0xCF, 0xA1..) => 0.85,
                (0xA1..=0xFE, 0xA1..) | (0x8E, 0xA1..=0xDF) => 0.1,
                (0x8F, 0xA1..) => {
                    at += 1;
                    0.0
                }
                _ => return None,
            }
        } else if encoding == EUC_KR {
            match (lead, trail) {
                (0xB0..=0xC8, 0xA1..) => 0.95,
                (0xA1, 0xA1..) => 0.9,
                (0x81..=0xFE, 0x41..=0xFE) => 0.1,
                _ => return None,
            }
        } else {
            return None;
        };
        all += 1;
        common += weight;
        at += 2;
    }
    // One or two characters are no evidence against a single-byte encoding.
    (all >= 2).then(|| common / all as f64)
}

/// Whether pairs that Shift-JIS allows are not the quotes and dashes of windows-1252 (0x91 to 0x97), each with the ASCII
/// letter behind it: `it’s`. Such a text has no kana and hardly a trail byte outside ASCII, and most of its pairs
/// stand between two letters.
fn may_be_shift_jis(bytes: &[u8]) -> bool {
    let (mut pairs, mut strong, mut kana, mut between) = (0usize, 0usize, 0usize, 0usize);
    let mut at = 0;
    while let (Some(&lead), trail) = (bytes.get(at), bytes.get(at + 1).copied()) {
        let Some(trail) = trail.filter(|_| matches!(lead, 0x81..=0x9F | 0xE0..=0xFC)) else {
            at += 1;
            continue;
        };
        pairs += 1;
        strong += usize::from(!trail.is_ascii());
        kana += usize::from(matches!((lead, trail), (0x82, 0x9F..=0xF1) | (0x83, 0x40..=0x96)));
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        between += usize::from(
            matches!(lead, 0x91..=0x97)
                && trail.is_ascii_alphabetic()
                && before.is_some_and(u8::is_ascii_alphabetic),
        );
        at += 2;
    }
    kana > 0 || (strong > 0 && (between == 0 || between * 2 < pairs))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(text: &str, encoding: &'static Encoding) -> String {
        let (bytes, _, lossy) = encoding.encode(text);
        assert!(!lossy, "{text}");
        decode(&bytes)
    }

    #[test]
    fn short_east_asian_texts_are_read_right() {
        for text in [
            "合同编号",
            "请假制度说明",
            "你好，世界",
            "第一章 总则",
            "报销标准：每天三百元。",
            "张三\n李四\n王五",
        ] {
            assert_eq!(round(text, GB18030), text);
        }
        for text in ["合約編號", "請假制度說明", "第一章 總則", "報銷標準：每天三百元。"]
        {
            assert_eq!(round(text, BIG5), text);
        }
        for text in ["御見積書 A様", "請求書"] {
            assert_eq!(round(text, SHIFT_JIS), text);
        }
        for text in ["お知らせです", "有給休暇は三十日です。", "こんにちは、世界"] {
            assert_eq!(round(text, SHIFT_JIS), text);
            assert_eq!(round(text, EUC_JP), text);
        }
        for text in ["안녕하세요 여러분", "연차 휴가는 삼십일이다"] {
            assert_eq!(round(text, EUC_KR), text);
        }
    }

    #[test]
    fn single_byte_texts_are_not_taken_for_chinese() {
        use encoding_rs::{WINDOWS_1251, WINDOWS_1252};
        for text in [
            "Die schöne Frau trägt ein grünes Kleid",
            "Les élèves français étaient déjà là",
            "Café à la crème",
            "It’s the company’s policy. Employees don’t carry over…",
            "The AX-200—our best pump—isn’t covered.",
            "The dogs’ owner doesn’t pay; it’s the “owners’” club.",
        ] {
            assert_eq!(round(text, WINDOWS_1252), text);
        }
        for text in ["Договор аренды помещения", "Отпуск составляет тридцать дней в году"]
        {
            assert_eq!(round(text, WINDOWS_1251), text);
        }
    }

    #[test]
    fn utf16_with_and_without_a_mark() {
        for text in ["Leave is 30 days a year.\n", "年假有三十天，须提前申请。\n第二行，也是中文。\n"]
        {
            let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
            assert_eq!(decode(&little), text);
            assert_eq!(decode(&big), text);
            assert_eq!(decode(&[b"\xff\xfe", &little[..]].concat()), text);
            assert_eq!(decode(&[b"\xfe\xff", &big[..]].concat()), text);
            assert!(!is_binary(&little) && !is_binary(&big));
        }
        assert_eq!(decode("\u{feff}mark".as_bytes()), "mark");
    }

    #[test]
    fn a_declared_charset_counts_unless_it_lies() {
        let (gbk, _, _) = GB18030.encode("<meta charset=\"gbk\"><p>乐为</p>");
        assert!(decode_html(&gbk).contains("乐为"));
        let lie = "<meta charset=gbk><p>年假有三十天</p>a".as_bytes();
        assert!(decode_html(lie).contains('年') || decode_html(lie).contains("<p>"));
        let (xml, _, _) = BIG5.encode("<?xml version='1.0' encoding='Big5'?><a>沒有</a>");
        assert!(decode_xml(&xml).contains("沒有"));
    }
}
