//! Content words: what a text is about, without the words that every text has.
//!
//! Latin words are lower-cased, lose their commonest endings and stop words. Chinese, Japanese and Korean runs
//! become pairs of neighbouring characters: overlap is what matters here, not segmentation.

use std::collections::HashSet;

use docent_core::{fold, fold_text, is_han};

/// Words of English that say nothing about a text's subject.
const STOP_WORDS: &[&str] = &[
    "a", "about", "after", "all", "also", "an", "and", "any", "are", "as", "at", "be", "been", "before",
    "being", "but", "by", "can", "could", "did", "do", "does", "each", "for", "from", "get", "give", "had",
    "has", "have", "he", "her", "here", "him", "his", "how", "i", "if", "in", "into", "is", "it", "its",
    "just", "many", "may", "me", "might", "much", "must", "my", "no", "not", "of", "on", "or", "our",
    "please", "shall", "she", "should", "so", "some", "such", "tell", "than", "that", "the", "their", "them",
    "then", "there", "these", "they", "this", "those", "to", "up", "us", "was", "we", "were", "what", "when",
    "where", "which", "who", "whom", "whose", "why", "will", "with", "would", "yes", "you", "your",
];

/// What English puts behind an apostrophe.
const ENGLISH_ENDINGS: &[&str] = &["n't", "'s", "'t", "'re", "'ve", "'ll", "'d", "'m", "'"];

/// Words of Chinese that ask or point, cut out before pairs are made. Longer ones first.
const HAN_STOP_WORDS: &[&str] = &[
    "为什么",
    "怎么样",
    "是不是",
    "有没有",
    "什么",
    "多少",
    "怎么",
    "如何",
    "哪些",
    "哪个",
    "哪里",
    "哪年",
    "是否",
    "请问",
    "可以",
    "我们",
    "你们",
    "他们",
    "她们",
    "它们",
    "这个",
    "那个",
    "以及",
    "或者",
    "并且",
    "因为",
    "所以",
    "根据",
    "关于",
    "为何",
    "何时",
    "何地",
    "几个",
];

/// Characters of Chinese that join words rather than make them: a pair never reaches across one.
const HAN_STOP_CHARS: &str = "的了是在和与及或也都就吗呢吧啊么嘛把被而之其谁哪几於于";

/// One content word of a text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Word {
    /// Folded and stemmed, or a pair of characters.
    pub(crate) text: String,
    /// Whether it is a number, or has digits in it.
    pub(crate) number: bool,
    /// Whether it is a name: capitalised in the middle of a sentence, or in capitals throughout.
    pub(crate) name: bool,
}

impl Word {
    /// What it counts: numbers and names tell texts apart better than other words do.
    pub(crate) fn weight(&self) -> f32 {
        if self.number || self.name { 2.0 } else { 1.0 }
    }
}

/// Whether `c` is written without spaces between words.
pub(crate) fn is_cjk(c: char) -> bool {
    matches!(c, '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
}

/// A full-width character as its half-width one.
pub(crate) fn fold_width(c: char) -> char {
    match c {
        '\u{3000}' => ' ',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        _ => c,
    }
}

/// `text` folded as the index folds it, with one kind of hyphen, each run of white space as one space, none at the
/// ends and none beside Chinese: the form in which quoted phrases and identifiers are compared.
pub(crate) fn squash(text: &str) -> String {
    let mut squashed = String::new();
    for word in fold_text(text).replace(is_hyphen, "-").split_whitespace() {
        if squashed.ends_with(|last| !is_cjk(last)) && !word.starts_with(is_cjk) {
            squashed.push(' ');
        }
        squashed.push_str(word);
    }
    squashed
}

/// Whether `c` is one of the hyphens and dashes that stand where people type `-`.
fn is_hyphen(c: char) -> bool {
    matches!(c, '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe63}')
}

/// The content words of `text`, in order, repeats kept.
pub(crate) fn content_words(text: &str) -> Vec<Word> {
    let chars: Vec<char> = text.chars().map(fold_width).collect();
    let mut words = Vec::new();
    let mut at = 0;
    let mut sentence_start = true;
    while at < chars.len() {
        let c = chars[at];
        if is_cjk(c) {
            let end = run_end(&chars, at, is_cjk);
            // Traditional and simplified characters are the same words.
            push_pairs(&chars[at..end].iter().copied().map(fold).collect::<String>(), &mut words);
            at = end;
            sentence_start = false;
        } else if c.is_alphanumeric() {
            let end = word_end(&chars, at);
            push_word(&chars[at..end], sentence_start, &mut words);
            at = end;
            sentence_start = false;
        } else {
            sentence_start |= matches!(c, '.' | '!' | '?' | '。' | '\n' | ':' | '"' | '“');
            at += 1;
        }
    }
    words
}

/// `text` without the words that every text has, for the full-text store to look at.
pub(crate) fn without_stop_words(text: &str) -> String {
    let mut cleaned: String = text.chars().map(|c| if is_han(c) { fold(c) } else { c }).collect();
    for stop in HAN_STOP_WORDS {
        cleaned = cleaned.replace(stop, " ");
    }
    let counts = |word: &&str| {
        !STOP_WORDS.contains(&word.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase().as_str())
    };
    cleaned.split_whitespace().filter(counts).collect::<Vec<_>>().join(" ")
}

/// The distinct content words of `text`.
pub(crate) fn word_set(text: &str) -> HashSet<String> {
    content_words(text).into_iter().map(|word| word.text).collect()
}

/// The weighted share of `words` that `set` holds, 0 to 1; 0 where there are no words.
pub(crate) fn share(words: &[Word], set: &HashSet<String>) -> f32 {
    let total: f32 = words.iter().map(Word::weight).sum();
    if total == 0.0 {
        return 0.0;
    }
    words.iter().filter(|word| set.contains(&word.text)).map(Word::weight).sum::<f32>() / total
}

fn run_end(chars: &[char], from: usize, belongs: impl Fn(char) -> bool) -> usize {
    chars[from..].iter().position(|&c| !belongs(c)).map_or(chars.len(), |length| from + length)
}

/// The end of the word at `from`. A mark between two digits (`1,000`, `3.5`, `6:30`) belongs to it, as does `'s`.
fn word_end(chars: &[char], from: usize) -> usize {
    let mut at = from;
    while at < chars.len() {
        let c = chars[at];
        let inside = (c.is_alphanumeric() && !is_cjk(c))
            || (matches!(c, ',' | '.' | ':')
                && chars[at - 1].is_ascii_digit()
                && chars.get(at + 1).is_some_and(char::is_ascii_digit))
            || (matches!(c, '\'' | '’')
                && chars.get(at + 1).is_some_and(|next| next.is_alphabetic() && !is_cjk(*next)));
        if !inside {
            break;
        }
        at += 1;
    }
    at
}

fn push_word(chars: &[char], sentence_start: bool, words: &mut Vec<Word>) {
    let written: String = chars.iter().filter(|c| **c != ',').collect();
    let lower = written.to_lowercase().replace('’', "'");
    let ending = ENGLISH_ENDINGS.iter().find_map(|ending| lower.strip_suffix(ending));
    // Other apostrophes are within a name or a word: O'Neill is no O'Brien.
    let lower = ending.unwrap_or(&lower).replace('\'', "");
    if lower.is_empty() || STOP_WORDS.contains(&lower.as_str()) {
        return;
    }
    let number = lower.contains(|c: char| c.is_ascii_digit());
    let capitals = written.chars().filter(|c| c.is_uppercase()).count();
    let starts_upper = written.starts_with(char::is_uppercase);
    let name = !number && (capitals >= 2 || (starts_upper && !sentence_start && lower.len() > 1));
    let text = if number { lower } else { stem(&lower) };
    words.push(Word { text, number, name });
}

/// Takes off the endings that forms of one English word differ by. Crude, and the same on both sides.
fn stem(word: &str) -> String {
    if !word.is_ascii() || word.len() < 4 {
        return word.to_owned();
    }
    let plain = if let Some(base) = word.strip_suffix("ies") {
        format!("{base}y")
    } else if let Some(base) = word.strip_suffix("sses") {
        format!("{base}ss")
    } else if word.ends_with('s') && !word.ends_with("ss") && !word.ends_with("us") {
        word[..word.len() - 1].to_owned()
    } else {
        word.to_owned()
    };
    for ending in ["ing", "ed"] {
        if let Some(base) = plain.strip_suffix(ending).filter(|base| base.len() >= 3) {
            return undouble(base).trim_end_matches('e').to_owned();
        }
    }
    if plain.len() > 4 { plain.trim_end_matches('e').to_owned() } else { plain }
}

/// `stopp` as `stop`.
fn undouble(base: &str) -> &str {
    let bytes = base.as_bytes();
    match bytes {
        [.., a, b] if a == b && !matches!(b, b'l' | b's' | b'z') => &base[..base.len() - 1],
        _ => base,
    }
}

/// What a Chinese number counts: before one of these, a single numeral is a number, and not a part of a word.
const HAN_MEASURES: &str = "年月日天周个元次人名件台项条款章页号级层岁倍成折点米升吨克";

/// The numbers that stand in `run` in Chinese numerals, in digits: 十五 is 15, as in English texts.
fn push_han_numbers(run: &str, words: &mut Vec<Word>) {
    let chars: Vec<char> = run.chars().collect();
    let mut at = 0;
    while at < chars.len() {
        let end = run_end(&chars, at, |c| han_numeral(c).is_some());
        let numeral = &chars[at..end];
        let counts = match numeral {
            [] | ['零' | '〇' | '一' | '百' | '千' | '万' | '亿'] => false,
            [_] => {
                let before = at.checked_sub(1).map(|before| chars[before]);
                matches!(before, Some('之' | '第'))
                    || chars.get(end).is_some_and(|next| HAN_MEASURES.contains(*next))
            }
            // 百分, 千万要, 万一.
            [first, ..] => !matches!(first, '百' | '千' | '万' | '亿'),
        };
        if let Some(value) = counts.then(|| han_value(numeral)).flatten() {
            words.push(Word { text: value.to_string(), number: true, name: false });
        }
        at = end.max(at + 1);
    }
}

/// A digit, or 10 and its powers.
fn han_numeral(c: char) -> Option<u64> {
    Some(match c {
        '零' | '〇' => 0,
        '一' => 1,
        '二' | '两' => 2,
        '三' => 3,
        '四' => 4,
        '五' => 5,
        '六' => 6,
        '七' => 7,
        '八' => 8,
        '九' => 9,
        '十' => 10,
        '百' => 100,
        '千' => 1000,
        '万' => 10_000,
        '亿' => 100_000_000,
        _ => return None,
    })
}

/// The value of a number: 三百二十 is 320, 二〇二六 is 2026. `None` where it is too large.
fn han_value(numeral: &[char]) -> Option<u64> {
    let values = || numeral.iter().filter_map(|c| han_numeral(*c));
    if values().all(|value| value < 10) {
        return values().try_fold(0u64, |all, digit| all.checked_mul(10)?.checked_add(digit));
    }
    // Of the whole, of what 万 or 亿 will multiply, and of the digit that waits for its power.
    let (mut whole, mut part, mut digit) = (0u64, 0u64, None);
    for value in values() {
        match value {
            0..10 => digit = Some(value),
            10..10_000 => part = part.checked_add(digit.take().unwrap_or(1).checked_mul(value)?)?,
            _ => {
                part = part.checked_add(digit.take().unwrap_or(0))?.max(1);
                whole = if value > 10_000 {
                    whole.checked_add(part)?.checked_mul(value)?
                } else {
                    whole.checked_add(part.checked_mul(value)?)?
                };
                part = 0;
            }
        }
    }
    whole.checked_add(part)?.checked_add(digit.unwrap_or(0))
}

fn push_pairs(run: &str, words: &mut Vec<Word>) {
    push_han_numbers(run, words);
    let mut cleaned = run.to_owned();
    for stop in HAN_STOP_WORDS {
        if cleaned.contains(stop) {
            cleaned = cleaned.replace(stop, " ");
        }
    }
    for piece in cleaned.split(|c: char| c == ' ' || HAN_STOP_CHARS.contains(c)) {
        let chars: Vec<char> = piece.chars().collect();
        if let [only] = chars[..] {
            words.push(Word { text: only.to_string(), number: false, name: false });
        }
        for pair in chars.windows(2) {
            words.push(Word { text: pair.iter().collect(), number: false, name: false });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<String> {
        content_words(text).into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn english_loses_stop_words_and_endings() {
        assert_eq!(texts("How many days of leave do employees have?"), ["day", "leav", "employ"]);
        assert_eq!(texts("stopped policies"), ["stop", "policy"]);
        assert_eq!(texts("The company's rules"), ["company", "rule"]);
    }

    #[test]
    fn numbers_keep_their_value() {
        assert_eq!(texts("$45,000,000 or 3.5 %"), ["45000000", "3.5"]);
        assert!(content_words("E42").iter().all(|word| word.number));
    }

    #[test]
    fn names_are_capitalised_words_inside_a_sentence() {
        let words = content_words("Yesterday Adam Smith wrote to NASA.");
        let names: Vec<_> = words.iter().filter(|word| word.name).map(|word| word.text.as_str()).collect();
        assert_eq!(names, ["adam", "smith", "nasa"]);
    }

    #[test]
    fn chinese_becomes_pairs_that_do_not_reach_across_particles() {
        assert_eq!(texts("员工的年假有多少天？"), ["员工", "年假", "假有", "天"]);
        assert_eq!(texts("什么是工资"), ["工资"]);
        assert_eq!(texts("有１２０天"), ["有", "120", "天"]);
    }

    #[test]
    fn chinese_numbers_have_the_value_of_digits() {
        let numbers = |text: &str| -> Vec<String> {
            content_words(text).into_iter().filter(|word| word.number).map(|word| word.text).collect()
        };
        for (text, expected) in [
            ("员工每年有三十天年假", &["30"][..]),
            ("二〇二六年十二月", &["2026", "12"]),
            ("百分之五和百分之八", &["5", "8"]),
            ("第三条：五年", &["3", "5"]),
            ("一亿二千万零三百二十五元", &["120000325"]),
            ("三百二十", &["320"]),
            ("两个月", &["2"]),
            ("九千九百九十九亿九千九百九十九亿九千九百九十九亿", &[]),
            ("一个十分重要的万一，千万不要在四川", &[]),
        ] {
            assert_eq!(numbers(text), expected, "{text}");
        }
    }

    #[test]
    fn an_apostrophe_is_no_end_of_a_name() {
        assert_eq!(
            texts("O'Neill and O’Brien don't see the company’s rules"),
            ["oneill", "obrien", "see", "company", "rule"]
        );
        assert_eq!(texts("l'année l'entreprise"), ["lannée", "lentrepris"]);
    }

    #[test]
    fn stop_words_are_left_out_of_both_languages() {
        assert_eq!(without_stop_words("What is the leave rule?"), "leave rule?");
        assert_eq!(without_stop_words("请问年假有多少天？"), "年假有 天？");
        assert_eq!(without_stop_words("請問年假有多少天？"), "年假有 天？");
        assert_eq!(without_stop_words("What is it?"), "");
    }

    #[test]
    fn squash_folds_width_case_and_space() {
        assert_eq!(squash(" Ｅ＿4021\n\tＦｏｏ "), "e_4021 foo");
        assert_eq!(squash("HT\u{2011}2024\u{2013}001"), "ht-2024-001");
        assert_eq!(squash("年假\n天數 為 30"), "年假天数为30");
        assert_eq!(squash("cafe\u{301}"), squash("café"));
    }

    #[test]
    fn both_forms_of_chinese_are_the_same_words() {
        assert_eq!(texts("員工年假"), texts("员工年假"));
        assert_eq!(texts("請問為什麼"), texts("请问为什么"));
    }

    #[test]
    fn share_is_weighted_by_numbers_and_names() {
        let set = word_set("Staff get 30 days of leave");
        assert!((share(&content_words("30 days holiday"), &set) - 0.75).abs() < 1e-6);
        assert!(share(&[], &set).abs() < 1e-6);
    }
}
