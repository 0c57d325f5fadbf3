//! The two languages that docent answers in.

use crate::words::is_cjk;

/// The language of a question, and so of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English, and every language that is not Chinese.
    English,
    /// Chinese.
    Chinese,
}

impl Language {
    /// The language of `text`: Chinese if it has at least as many Chinese characters as Latin words. A Chinese
    /// question about `E_4021` is Chinese, an English one about 王小明 English.
    pub fn of(text: &str) -> Self {
        let han = text.chars().filter(|c| is_cjk(*c)).count();
        let latin = text
            .split(|c: char| !c.is_alphanumeric() || is_cjk(c))
            .filter(|word| word.contains(|c: char| c.is_alphabetic()))
            .count();
        if han > 0 && han >= latin { Self::Chinese } else { Self::English }
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
    }
}
