//! The two languages that docent answers in.

use docent_core::{is_han, is_hangul, is_kana};

use crate::words::is_cjk;

/// Words that only an English sentence has.
const ENGLISH_WORDS: &[&str] = &[
    "a", "an", "and", "are", "can", "did", "do", "does", "for", "from", "has", "have", "how", "in", "is",
    "of", "on", "the", "to", "was", "were", "what", "when", "where", "which", "who", "whose", "why", "with",
];

/// Words by which Chinese asks and joins.
const CHINESE_WORDS: &[&str] = &[
    "什么", "什麼", "多少", "怎", "哪", "谁", "吗", "嗎", "呢", "请", "是", "的", "有", "几", "如何", "为何",
];

/// Among Chinese characters more than one syllable in so many makes a text Japanese or Korean: a name or a title
/// of theirs does not.
const FOREIGN_SYLLABLES: usize = 5;

/// The language of a question, and so of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English, and every language that is not Chinese.
    English,
    /// Chinese.
    Chinese,
}

impl Language {
    /// The language of `text`: that whose small words it has, else Chinese if it has at least as many Chinese
    /// characters as Latin words. A Chinese question about `E_4021` is Chinese, an English one about 王小明 English.
    pub fn of(text: &str) -> Self {
        let han = text.chars().filter(|c| is_han(*c)).count();
        let syllables = text.chars().filter(|c| is_kana(*c) || is_hangul(*c)).count();
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if han == 0 || (syllables * FOREIGN_SYLLABLES > han && !says(&["什么", "多少", "谁", "吗", "哪"]))
        {
            return Self::English;
        }
        let latin: Vec<String> = text
            .split(|c: char| !c.is_alphanumeric() || is_cjk(c))
            .filter(|word| word.contains(|c: char| c.is_alphabetic()))
            .map(str::to_lowercase)
            .collect();
        let english = latin.iter().any(|word| ENGLISH_WORDS.contains(&word.as_str()));
        match (english, says(CHINESE_WORDS)) {
            (true, false) => Self::English,
            _ if han >= latin.len() => Self::Chinese,
            _ => Self::English,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_decides() {
        assert_eq!(Language::of("How many days of leave?"), Language::English);
        assert_eq!(Language::of("年假有多少天？"), Language::Chinese);
        assert_eq!(Language::of("E_4021 是什么意思"), Language::Chinese);
        assert_eq!(Language::of("Who is 王小明 in the sales team of Berlin?"), Language::English);
        assert_eq!(Language::of("123"), Language::English);
        assert_eq!(Language::of("Who is 王小明?"), Language::English);
        assert_eq!(Language::of("The Beatles 是什么乐队？"), Language::Chinese);
        assert_eq!(Language::of("東京の休暇は何日ですか？"), Language::English);
        assert_eq!(Language::of("年次休暇는 며칠입니까?"), Language::English);
        assert_eq!(Language::of("《ドラえもん》的作者是谁？"), Language::Chinese);
    }
}
