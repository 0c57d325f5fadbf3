//! Which passage bears out a sentence, and in which words.

use std::collections::HashSet;

use docent_core::Location;

use crate::{
    language::Language,
    sentences,
    words::{Word, content_words, share, word_set},
};

/// The share of a sentence's content words that a passage has to hold to be cited for it, and to count as
/// bearing it out.
pub(crate) const SUPPORT_BAR: f32 = 0.5;

/// What a passage has to have of a sentence to take the place of one that cannot be compared with it.
const CLEAR_FIT: f32 = 0.75;

/// The most passages that are cited for one sentence.
const MOST_PER_SENTENCE: usize = 3;

/// The longest quote, in characters.
const LONGEST_QUOTE: usize = 400;

/// What a passage says, for comparing.
#[derive(Clone, Debug)]
pub(crate) struct Evidence {
    words: HashSet<String>,
    language: Language,
}

impl Evidence {
    /// The evidence of a passage under `label` (title and headings).
    pub(crate) fn new(label: &str, text: &str) -> Self {
        let mut words = word_set(text);
        words.extend(word_set(label));
        Self { words, language: Language::of(text) }
    }
}

/// A passage that is cited for a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cited {
    /// Which passage, from 0.
    pub(crate) source: usize,
    /// Whether it bears the sentence out: its numbers and names, and half of its content words, stand there.
    pub(crate) supported: bool,
}

/// How well `evidence` fits `sentence`, 0 to 1; `None` where they cannot be compared: in different languages,
/// without a number or a Latin word.
fn fit(sentence: &str, words: &[Word], asked: &HashSet<String>, evidence: &Evidence) -> Option<f32> {
    let foreign = Language::of(sentence) != evidence.language;
    let comparable: Vec<Word> = if foreign {
        words.iter().filter(|word| word.number || word.text.is_ascii()).cloned().collect()
    } else {
        words.to_vec()
    };
    if comparable.is_empty() {
        return None;
    }
    let all = share(&comparable, &evidence.words);
    // What the question did not say already tells passages apart.
    let new: Vec<Word> = comparable.into_iter().filter(|word| !asked.contains(&word.text)).collect();
    Some(if new.is_empty() { all } else { f32::midpoint(all, share(&new, &evidence.words)) })
}

/// Decides what is cited for `sentence`, given the passages that the model cited (`marked`, from 0, those that
/// exist). A passage that has much less of the sentence than another one is replaced by it; a sentence without
/// a mark gets the passage that fits it best, if one does.
pub(crate) fn settle(sentence: &str, marked: &[usize], question: &str, sources: &[Evidence]) -> Vec<Cited> {
    let words = content_words(sentence);
    let asked = word_set(question);
    let fits: Vec<Option<f32>> = sources.iter().map(|source| fit(sentence, &words, &asked, source)).collect();
    let best = best_of(&fits).filter(|(_, fit)| *fit >= SUPPORT_BAR);
    let mut chosen: Vec<usize> = Vec::new();
    for &mark in marked {
        let source = match (fits.get(mark).copied().flatten(), best) {
            (Some(own), Some((better, fit))) if own < fit / 2.0 => better,
            // In another language, and one in the sentence's own has it all but word for word.
            (None, Some((better, fit))) if fit >= CLEAR_FIT => better,
            _ => mark,
        };
        if source < sources.len() && !chosen.contains(&source) {
            chosen.push(source);
        }
    }
    if chosen.is_empty() && marked.is_empty() {
        chosen.extend(best.map(|(source, _)| source));
    }
    if chosen.len() > MOST_PER_SENTENCE {
        chosen.sort_by(|a, b| fits[*b].unwrap_or(0.0).total_cmp(&fits[*a].unwrap_or(0.0)));
        chosen.truncate(MOST_PER_SENTENCE);
    }
    chosen
        .into_iter()
        .map(|source| Cited { source, supported: bears_out(&words, &sources[source]) })
        .collect()
}

/// The passage that has most of `text`, whether or not it has enough; the first one where none has anything.
pub(crate) fn nearest(text: &str, question: &str, sources: &[Evidence]) -> Option<Cited> {
    let words = content_words(text);
    let asked = word_set(question);
    let fits: Vec<Option<f32>> = sources.iter().map(|source| fit(text, &words, &asked, source)).collect();
    let source = best_of(&fits).map_or(0, |(source, _)| source);
    sources.get(source).map(|evidence| Cited { source, supported: bears_out(&words, evidence) })
}

/// Whether every word of `text`, but for those of the question, stands in one of `sources`. A single one is no
/// evidence: it may be there for any reason.
pub(crate) fn all_stands(text: &str, question: &str, sources: &[Evidence]) -> bool {
    let asked = word_set(question);
    let new: Vec<Word> = content_words(text).into_iter().filter(|word| !asked.contains(&word.text)).collect();
    new.len() >= 2 && sources.iter().any(|source| new.iter().all(|word| source.words.contains(&word.text)))
}

/// The first of the best.
fn best_of(fits: &[Option<f32>]) -> Option<(usize, f32)> {
    let known = fits.iter().enumerate().filter_map(|(at, fit)| fit.map(|fit| (at, fit)));
    known.fold(None, |best: Option<(usize, f32)>, (at, fit)| match best {
        Some((_, most)) if most >= fit => best,
        _ => Some((at, fit)),
    })
}

fn bears_out(words: &[Word], evidence: &Evidence) -> bool {
    let must_stand = words.iter().filter(|word| word.number || word.name);
    !words.is_empty()
        && must_stand.into_iter().all(|word| evidence.words.contains(&word.text))
        && share(words, &evidence.words) >= SUPPORT_BAR
}

/// The part of a passage that stands in its document as it is: a later part of a table has the table's header put
/// in front of it, and its characters are those of the rest.
pub(crate) fn contiguous<'a>(text: &'a str, location: &Location) -> &'a str {
    let Some([from, to]) = location.chars else { return text };
    let own = usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX);
    let Some(put_in_front) = text.chars().count().checked_sub(own) else { return text };
    let start = text.char_indices().nth(put_in_front).map_or(text.len(), |(at, _)| at);
    if own == 0 { text } else { &text[start..] }
}

/// The sentence of `text` that has most of `claim`, as an exact slice; its first where none has anything.
pub(crate) fn quote<'a>(claim: &str, question: &str, text: &'a str) -> &'a str {
    let claimed = content_words(claim);
    let asked = content_words(question);
    let mut best: Option<(&str, f32)> = None;
    for range in sentences::split(text) {
        let sentence = &text[range];
        let set = word_set(sentence);
        let score = share(&claimed, &set) + 0.2 * share(&asked, &set);
        if best.is_none_or(|(_, most)| score > most) {
            best = Some((sentence, score));
        }
    }
    shorten(best.map_or(text.trim(), |(sentence, _)| sentence))
}

/// The first [`LONGEST_QUOTE`] characters, to the end of a word.
fn shorten(sentence: &str) -> &str {
    let Some((end, _)) = sentence.char_indices().nth(LONGEST_QUOTE) else { return sentence };
    let cut = &sentence[..end];
    match cut.rfind(char::is_whitespace) {
        Some(space) if space > end / 2 => cut[..space].trim_end(),
        _ => cut,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources() -> Vec<Evidence> {
        vec![
            Evidence::new(
                "Leave policy",
                "Staff have 30 days of annual leave. Unused days lapse on 31 March.",
            ),
            Evidence::new("Parking", "The garage in Ulm opens at 6:30 and closes at 22:00."),
            Evidence::new("考勤制度", "员工每年有十五天年假。加班费按小时计算，每小时80元。"),
        ]
    }

    fn settled(sentence: &str, marked: &[usize]) -> Vec<(usize, bool)> {
        settle(sentence, marked, "", &sources())
            .into_iter()
            .map(|cited| (cited.source, cited.supported))
            .collect()
    }

    #[test]
    fn citations_are_kept_corrected_added_or_left_out() {
        type Case = (&'static str, &'static [usize], &'static [(usize, bool)]);
        let cases: [Case; 13] = [
            // Right.
            ("Staff have 30 days of annual leave", &[0], &[(0, true)]),
            ("加班费每小时80元", &[2], &[(2, true)]),
            // Wrong: another passage has it.
            ("Staff have 30 days of annual leave", &[1], &[(0, true)]),
            ("加班费按小时计算", &[0], &[(2, true)]),
            // Missing.
            ("The garage closes at 22:00", &[], &[(1, true)]),
            ("员工每年有十五天年假", &[], &[(2, true)]),
            ("员工每年有15天年假", &[2], &[(2, true)]),
            // Missing, and nothing fits.
            ("Pluto is a dwarf planet", &[], &[]),
            // Cited, and nothing fits: kept, not supported.
            ("Pluto is a dwarf planet", &[1], &[(1, false)]),
            // A number, or a name, that is not there.
            ("Staff have 45 days of annual leave", &[0], &[(0, false)]),
            ("The garage in Bonn closes at 22:00", &[1], &[(1, false)]),
            ("员工每年有三十天年假", &[2], &[(2, false)]),
            // Nothing to compare: the model is believed, but not confirmed.
            ("Yes", &[1], &[(1, false)]),
        ];
        for (sentence, marked, expected) in cases {
            assert_eq!(settled(sentence, marked), expected, "{sentence} {marked:?}");
        }
    }

    #[test]
    fn one_passage_is_cited_once_and_three_at_most() {
        assert_eq!(settled("Staff have 30 days of annual leave", &[0, 1, 0]), [(0, true)]);
        let many: Vec<Evidence> = (0..5).map(|n| Evidence::new("", &format!("red apple {n}"))).collect();
        assert_eq!(settle("red apple", &[0, 1, 2, 3, 4], "", &many).len(), 3);
    }

    #[test]
    fn a_citation_across_languages_is_believed_where_nothing_can_be_compared() {
        assert_eq!(settled("年假很长", &[0]), [(0, false)]);
        assert_eq!(settle("每年30天", &[1], "", &sources()[..2]), [Cited { source: 0, supported: true }]);
    }

    #[test]
    fn what_the_question_said_does_not_decide() {
        let sources = [
            Evidence::new("", "When does the garage in Ulm close? Ask the porter of the garage in Ulm."),
            Evidence::new("", "It shuts at 22:00 each night."),
        ];
        let cited =
            settle("The garage in Ulm shuts at 22:00", &[], "When does the garage in Ulm close?", &sources);
        assert_eq!(cited[0].source, 1);
    }

    #[test]
    fn a_quote_is_the_best_sentence_as_it_stands() {
        let text = "Leave\n\nStaff have 30 days\nof annual leave. Unused days lapse on 31 March.";
        assert_eq!(quote("They lapse on 31 March [1].", "", text), "Unused days lapse on 31 March.");
        assert_eq!(quote("30 days of annual leave", "", text), "Staff have 30 days\nof annual leave.");
        assert_eq!(
            quote("加班费是多少", "", "员工每年有十五天年假。加班费按小时计算，每小时80元。"),
            "加班费按小时计算，每小时80元。"
        );
        assert_eq!(quote("nothing in common", "", "First. Second."), "First.");
        let long = "word ".repeat(200);
        let quoted = quote("word", "", &long);
        assert!(quoted.chars().count() <= LONGEST_QUOTE && quoted.ends_with("word") && long.contains(quoted));
    }

    #[test]
    fn a_quote_leaves_out_the_header_that_was_put_in_front() {
        let rows = "valve\tnine days\tmay\npump\tten days\tjune";
        let text = format!("item\tdelivery\tdue\n{rows}");
        let location =
            Location { chars: Some([100, 100 + rows.chars().count() as u64]), ..Location::default() };
        assert_eq!(contiguous(&text, &location), rows);
        assert_eq!(
            quote("The delivery of the pump takes ten days", "", contiguous(&text, &location)),
            "pump\tten days\tjune"
        );
        for location in [Location::default(), Location { chars: Some([0, 400]), ..Location::default() }] {
            assert_eq!(contiguous(&text, &location), text);
        }
        let table = "物品\t期限\n阀门\t九天\n水泵\t十天";
        assert_eq!(quote("水泵的期限是十天", "", table), "水泵\t十天");
    }

    #[test]
    fn words_in_traditional_characters_bear_out_simplified_ones() {
        let sources = [Evidence::new("", "員工每年有十五天年假。")];
        assert_eq!(settle("员工每年有十五天年假", &[], "", &sources), [Cited { source: 0, supported: true }]);
    }

    #[test]
    fn nearest_always_finds_one() {
        assert_eq!(nearest("Pluto", "", &sources()).map(|cited| cited.source), Some(0));
        assert_eq!(nearest("Pluto", "", &[]), None);
    }
}
