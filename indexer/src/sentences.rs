//! Where sentences end, in English and in Chinese.

use unicode_segmentation::UnicodeSegmentation;

/// Abbreviations after which a full stop ends no sentence, in lower case and without it.
const ABBREVIATIONS: &[&str] = &[
    "al", "approx", "apr", "art", "aug", "bros", "ca", "cf", "ch", "co", "corp", "dec", "dept", "dr", "e.g",
    "ed", "eds", "eq", "est", "etc", "feb", "fig", "figs", "gen", "gov", "i.e", "inc", "jan", "jr", "jul",
    "jun", "ltd", "mar", "mr", "mrs", "ms", "mt", "no", "nos", "nov", "oct", "op", "p", "para", "pp", "prof",
    "ref", "rev", "sec", "sep", "sept", "sr", "st", "tab", "tel", "viz", "vol", "vs",
];

/// Ends a sentence in either script.
fn is_stop(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '…' | '。' | '！' | '？' | '；' | '｡' | '．')
}

/// Stands after a stop and belongs to the sentence before it.
fn closes(c: char) -> bool {
    matches!(c, '"' | '\'' | ')' | ']' | '}' | '”' | '’' | '»' | '」' | '』' | '）' | '》' | '】')
}

/// The end of each sentence of `text`, in bytes, white space after it included; the last is `text.len()`.
///
/// The bounds are those of Unicode (UAX #29), except that a line break alone ends nothing (a blank line does),
/// an abbreviation or an initial ends nothing, and the full-width semicolon is a stop.
pub(crate) fn sentence_ends(text: &str) -> Vec<usize> {
    let mut ends: Vec<usize> = Vec::new();
    for (start, segment) in text.split_sentence_bound_indices() {
        if start > 0 && is_bound(text, ends.last().copied().unwrap_or(0), start) {
            ends.push(start);
        }
        for (at, c) in segment.char_indices().filter(|&(_, c)| c == '；') {
            let end = start + at + c.len_utf8();
            if end < start + segment.len() {
                ends.push(end);
            }
        }
    }
    if !text.is_empty() {
        ends.push(text.len());
    }
    ends
}

/// Whether the bound that Unicode sees at `at` ends the sentence that begins at `from`.
fn is_bound(text: &str, from: usize, at: usize) -> bool {
    let before = &text[from..at];
    let trimmed = before.trim_end();
    if trimmed.is_empty() {
        return false;
    }
    let breaks = before[trimmed.len()..].matches('\n').count();
    if breaks > 1 {
        return true;
    }
    let bare = trimmed.trim_end_matches(closes);
    if !bare.ends_with(is_stop) {
        // Broken by a line end alone: a list starts a line with a mark of its own.
        return breaks == 1 && text[at..].trim_start().starts_with(['-', '*', '•', '·', '–']);
    }
    !(bare.ends_with('.') && is_abbreviation(bare.trim_end_matches('.')))
}

fn is_abbreviation(text: &str) -> bool {
    let word =
        text.rsplit(|c: char| c.is_whitespace() || matches!(c, '(' | '[' | '"')).next().unwrap_or_default();
    let mut chars = word.chars();
    if let (Some(initial), None) = (chars.next(), chars.next())
        && initial.is_uppercase()
    {
        return true;
    }
    ABBREVIATIONS.contains(&word.to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentences(text: &str) -> Vec<&str> {
        let mut start = 0;
        let ends = sentence_ends(text).into_iter();
        ends.map(|end| text[std::mem::replace(&mut start, end)..end].trim()).collect()
    }

    #[test]
    fn english() {
        assert_eq!(
            sentences("Dr. J. Smith left at 3.30 p.m. and \"went home.\" Why? Nobody, e.g. his wife, knows!"),
            ["Dr. J. Smith left at 3.30 p.m. and \"went home.\"", "Why?", "Nobody, e.g. his wife, knows!"]
        );
    }

    #[test]
    fn chinese() {
        assert_eq!(
            sentences("他说：“今天放假。”大家都走了！真的？是的；没错。"),
            ["他说：“今天放假。”", "大家都走了！", "真的？", "是的；", "没错。"]
        );
    }

    #[test]
    fn a_line_break_ends_nothing_but_a_blank_line_does() {
        assert_eq!(
            sentences("A line that is\nwrapped. Second one\n\nA title\n- one\n- two"),
            ["A line that is\nwrapped.", "Second one", "A title", "- one", "- two"]
        );
    }

    #[test]
    fn the_whole_text_is_covered() {
        for text in ["", " ", "。", "a", "A.\n\n", "；；"] {
            assert_eq!(sentence_ends(text).last().copied().unwrap_or(0), text.len(), "{text:?}");
        }
    }
}
