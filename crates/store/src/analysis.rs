//! Text to index terms.
//!
//! Words that carry meaning are scored by BM25 ([`Analyzer::terms`]): Latin and other spaced words are stemmed by
//! the document's language, Chinese is cut by jieba in search mode (long words and the shorter ones in them),
//! other unspaced scripts become pairs of characters. Quoted phrases and codes are matched in a second form
//! ([`exact_terms`]) where nothing is stemmed and every Chinese character is a term.

use std::{collections::HashMap, sync::LazyLock};

use docent_core::Hash128;
use jieba_rs::{Jieba, TokenizeMode};
use tantivy::tokenizer::{Language, SimpleTokenizer, Stemmer, TextAnalyzer, TokenStream as _};

use crate::fold::{fold_text, is_han, is_unspaced};

/// Longer words are not indexed: they are encoded data, and tantivy refuses terms over 64 kB.
const LONGEST_WORD: usize = 64;

static JIEBA: LazyLock<Jieba> = LazyLock::new(Jieba::new);

/// Stems the words of one language.
#[derive(Clone)]
pub(crate) struct Analyzer {
    stemmer: Option<TextAnalyzer>,
    known: HashMap<String, String>,
}

impl Analyzer {
    /// For documents in the language with this ISO 639-3 code; English where it is unknown.
    pub(crate) fn new(language: Option<&str>) -> Self {
        Self::with_stemmer(stemmer_for(language))
    }

    fn with_stemmer(language: Option<Language>) -> Self {
        let stemmer = language.map(|language| {
            TextAnalyzer::builder(SimpleTokenizer::default()).filter(Stemmer::new(language)).build()
        });
        Self { stemmer, known: HashMap::new() }
    }

    /// The terms of `text`, in order, repeats kept.
    pub(crate) fn terms(&mut self, text: &str) -> Vec<String> {
        let folded = fold_text(text);
        let mut terms = Vec::new();
        for (script, run) in runs(&folded) {
            match script {
                Script::Han => terms.extend(cut(run)),
                Script::Unspaced => terms.extend(pairs(run)),
                Script::Spaced if run.len() > LONGEST_WORD => {}
                Script::Spaced => terms.push(self.stem(run)),
            }
        }
        terms
    }

    fn stem(&mut self, word: &str) -> String {
        let Some(stemmer) = &mut self.stemmer else {
            return word.to_owned();
        };
        if let Some(stem) = self.known.get(word) {
            return stem.clone();
        }
        let mut stream = stemmer.token_stream(word);
        let stem = if stream.advance() { stream.token().text.clone() } else { word.to_owned() };
        drop(stream);
        // A stemmer sees the same few thousand words again and again.
        if self.known.len() < 50_000 {
            self.known.insert(word.to_owned(), stem.clone());
        }
        stem
    }
}

/// The terms by which phrases are matched: unstemmed words, single Chinese characters.
pub(crate) fn exact_terms(text: &str) -> Vec<String> {
    let folded = fold_text(text);
    let mut terms = Vec::new();
    for (script, run) in runs(&folded) {
        match script {
            Script::Han | Script::Unspaced => terms.extend(run.chars().map(String::from)),
            // A term of its own for each: a key must not match every other key.
            Script::Spaced if run.len() > LONGEST_WORD => {
                terms.push(format!("\u{1}{}", Hash128::of(&[run.as_bytes()])));
            }
            Script::Spaced => terms.push(run.to_owned()),
        }
    }
    terms
}

/// The analyzers that make sense of a word whose language is not known, for an index that holds documents in
/// these languages. Where one of them has no stemmer, its words stand in the index as they are.
pub(crate) fn query_analyzers(languages: &[String]) -> Vec<Analyzer> {
    let mut chosen = vec![Some(Language::English)];
    for language in languages.iter().map(|code| stemmer_for(Some(code))) {
        if !chosen.contains(&language) {
            chosen.push(language);
        }
    }
    chosen.into_iter().map(Analyzer::with_stemmer).collect()
}

/// The words of `text` that may stand within the terms of a passage, or have none: Chinese ones as
/// [`Analyzer::terms`] cuts them, single characters of scripts that become pairs, and very long words.
pub(crate) fn parts_of(text: &str) -> Vec<String> {
    let folded = fold_text(text);
    let of = |(script, run): (Script, &str)| -> Vec<String> {
        match script {
            Script::Han => cut(run).collect(),
            Script::Unspaced if run.chars().count() == 1 => vec![run.to_owned()],
            Script::Spaced if run.len() > LONGEST_WORD => vec![run.to_owned()],
            Script::Unspaced | Script::Spaced => Vec::new(),
        }
    };
    runs(&folded).flat_map(of).collect()
}

/// The stemmer of a language; none for those without one.
fn stemmer_for(language: Option<&str>) -> Option<Language> {
    Some(match language {
        None | Some("eng" | "cmn") => Language::English,
        Some("ara") => Language::Arabic,
        Some("dan") => Language::Danish,
        Some("nld") => Language::Dutch,
        Some("fin") => Language::Finnish,
        Some("fra") => Language::French,
        Some("deu") => Language::German,
        Some("ell") => Language::Greek,
        Some("hun") => Language::Hungarian,
        Some("ita") => Language::Italian,
        Some("nob" | "nor") => Language::Norwegian,
        Some("por") => Language::Portuguese,
        Some("ron") => Language::Romanian,
        Some("rus") => Language::Russian,
        Some("spa") => Language::Spanish,
        Some("swe") => Language::Swedish,
        Some("tam") => Language::Tamil,
        Some("tur") => Language::Turkish,
        Some(_) => return None,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Script {
    Han,
    Unspaced,
    Spaced,
}

/// Runs of letters and digits of one script. Everything else parts them.
fn runs(folded: &str) -> impl Iterator<Item = (Script, &str)> {
    let mut rest = folded;
    std::iter::from_fn(move || {
        loop {
            let start = rest.find(|c: char| c.is_alphanumeric())?;
            rest = &rest[start..];
            let script = script_of(rest.chars().next()?);
            let end = rest.find(|c: char| !continues(c, script)).unwrap_or(rest.len());
            let (run, after) = rest.split_at(end);
            rest = after;
            if !run.is_empty() {
                return Some((script, run));
            }
        }
    })
}

fn script_of(c: char) -> Script {
    if is_han(c) {
        Script::Han
    } else if is_unspaced(c) {
        Script::Unspaced
    } else {
        Script::Spaced
    }
}

/// Whether `c` goes on with a run of `script`. Marks that hang on a letter belong to it.
fn continues(c: char, script: Script) -> bool {
    (c.is_alphanumeric() && script_of(c) == script) || matches!(c, '\u{300}'..='\u{36f}')
}

/// The words of a run of Chinese characters, and the shorter words in them.
fn cut(run: &str) -> impl Iterator<Item = String> {
    JIEBA.tokenize(run, TokenizeMode::Search, true).into_iter().map(|token| token.word.to_owned())
}

/// Overlapping pairs of characters; a single character stays alone.
fn pairs(run: &str) -> Vec<String> {
    let characters: Vec<char> = run.chars().collect();
    if characters.len() < 2 {
        return vec![run.to_owned()];
    }
    characters.windows(2).map(|pair| pair.iter().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn english_is_stemmed_and_chinese_is_cut() {
        let mut analyzer = Analyzer::new(Some("eng"));
        assert_eq!(analyzer.terms("Flying machines"), ["fli", "machin"]);
        let terms = analyzer.terms("南京市長江大橋");
        assert!(terms.contains(&"长江大桥".to_owned()) && terms.contains(&"大桥".to_owned()), "{terms:?}");
    }

    #[test]
    fn both_forms_of_chinese_give_the_same_terms() {
        let mut analyzer = Analyzer::new(Some("cmn"));
        assert_eq!(analyzer.terms("員工每年有多少天年假"), analyzer.terms("员工每年有多少天年假"));
    }

    #[test]
    fn codes_are_matched_part_by_part() {
        assert_eq!(exact_terms("ISO-9001:2015 Running 合同"), ["iso", "9001", "2015", "running", "合", "同"]);
    }

    #[test]
    fn languages_have_their_own_stems() {
        assert_eq!(Analyzer::new(Some("deu")).terms("Häuser"), ["haus"]);
        assert_eq!(Analyzer::new(Some("jpn")).terms("カタカナ"), ["カタ", "タカ", "カナ"]);
    }

    #[test]
    fn words_of_a_language_without_a_stemmer_are_looked_up_as_they_are() {
        let asked: Vec<Vec<String>> = query_analyzers(&["pol".into(), "deu".into(), "eng".into()])
            .iter_mut()
            .map(|analyzer| analyzer.terms("pracowników"))
            .collect();
        assert_eq!(asked.len(), 3);
        assert!(asked.contains(&Analyzer::new(Some("pol")).terms("pracowników")), "{asked:?}");
        assert_eq!(query_analyzers(&["eng".into(), "cmn".into()]).len(), 1);
    }

    #[test]
    fn accents_written_apart_are_the_same_word() {
        let mut analyzer = Analyzer::new(Some("pol"));
        assert_eq!(analyzer.terms("re\u{301}sume\u{301}"), analyzer.terms("résumé"));
        assert_eq!(exact_terms("re\u{301}sume\u{301} か\u{3099}"), exact_terms("résumé が"));
    }

    #[test]
    fn long_words_are_told_from_each_other() {
        let (one, other) = ("a".repeat(100), "b".repeat(100));
        assert_eq!(exact_terms(&one), exact_terms(&one.to_uppercase()));
        assert_ne!(exact_terms(&one), exact_terms(&other));
    }

    #[test]
    fn nothing_but_marks_gives_nothing() {
        assert!(Analyzer::new(None).terms("?! -- …").is_empty());
    }
}
