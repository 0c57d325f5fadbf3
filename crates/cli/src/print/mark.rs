//! Which parts of a passage the query's words stand in.

use std::ops::Range;

/// Ranges of bytes in `text` that the words of `query` stand in, in order, not overlapping. Spaced words match from
/// their beginning and may end differently (`approve`, `approved`); in unspaced scripts two characters in a row match.
pub(super) fn marks(text: &str, query: &str) -> Vec<Range<usize>> {
    let wanted: Vec<Vec<char>> = words(query).into_iter().map(|range| folded(&query[range])).collect();
    let mut marks: Vec<Range<usize>> = Vec::new();
    for range in words(text) {
        let word = &text[range.clone()];
        if word.chars().next().is_some_and(is_unspaced) {
            mark_pairs(word, range.start, &wanted, &mut marks);
        } else {
            let word = folded(word);
            if wanted.iter().any(|other| same_stem(other, &word)) {
                marks.push(range);
            }
        }
    }
    marks
}

/// Runs of letters and digits, in one kind of script each.
fn words(text: &str) -> Vec<Range<usize>> {
    let mut words: Vec<Range<usize>> = Vec::new();
    let mut last: Option<char> = None;
    for (at, c) in text.char_indices() {
        let end = at + c.len_utf8();
        if !c.is_alphanumeric() {
            last = None;
            continue;
        }
        match (last, words.last_mut()) {
            (Some(before), Some(word)) if is_unspaced(before) == is_unspaced(c) => word.end = end,
            _ => words.push(at..end),
        }
        last = Some(c);
    }
    words
}

fn folded(word: &str) -> Vec<char> {
    word.chars().flat_map(char::to_lowercase).collect()
}

/// Han, kana and the like are written without blanks.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{312f}' | '\u{31a0}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Words of which one is the other with an ending of at most three letters. Short words have to be equal, and the
/// commonest ones of English are no mark at all.
fn same_stem(query: &[char], word: &[char]) -> bool {
    const COMMON: [&str; 24] = [
        "the", "and", "for", "are", "was", "who", "how", "what", "when", "where", "which", "why", "does",
        "can", "may", "with", "from", "this", "that", "not", "has", "have", "many", "much",
    ];
    let text: String = query.iter().collect();
    if COMMON.contains(&text.as_str()) || (query.len() < 3 && !query.iter().any(char::is_ascii_digit)) {
        return false;
    }
    if query == word {
        return true;
    }
    let same = query.iter().zip(word).take_while(|(a, b)| a == b).count();
    same >= 4
        && query.len() - same <= 3
        && word.len() - same <= 3
        && (query.len() == same || word.len() == same || same >= 5)
}

fn mark_pairs(run: &str, offset: usize, wanted: &[Vec<char>], marks: &mut Vec<Range<usize>>) {
    let characters: Vec<(usize, char)> = run.char_indices().collect();
    let wants = |pair: &[(usize, char)]| {
        wanted.iter().any(|word| word.windows(2).any(|other| other[0] == pair[0].1 && other[1] == pair[1].1))
    };
    for pair in characters.windows(2).filter(|pair| wants(pair)) {
        let (start, end) = (offset + pair[0].0, offset + pair[1].0 + pair[1].1.len_utf8());
        match marks.last_mut() {
            Some(last) if last.end >= start => last.end = end,
            _ => marks.push(start..end),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked<'a>(text: &'a str, query: &str) -> Vec<&'a str> {
        marks(text, query).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn words_match_with_other_endings() {
        assert_eq!(
            marked("Travel is approved by the Approver.", "Who approves travel?"),
            ["Travel", "approved", "Approver"]
        );
        assert_eq!(marked("The contract and its contents", "contract"), ["contract"]);
        assert_eq!(marked("form ABC-1234 of 7 May", "abc-1234 7"), ["ABC", "1234", "7"]);
    }

    #[test]
    fn common_words_are_not_marked() {
        assert!(marked("the what how", "what how the").is_empty());
    }

    #[test]
    fn chinese_matches_by_pairs() {
        assert_eq!(marked("员工的年假可以结转五天", "年假可以结转多少天?"), ["年假可以结转"]);
        assert!(marked("天", "天").is_empty());
    }
}
