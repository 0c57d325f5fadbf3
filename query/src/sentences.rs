//! Where sentences end, in Chinese and in English.

use std::ops::Range;

use crate::words::is_cjk;

/// Words before a full stop that do not end a sentence.
const ABBREVIATIONS: &[&str] = &[
    "approx", "cf", "co", "corp", "dept", "dr", "e.g", "eg", "eq", "fig", "figs", "i.e", "ie", "inc", "jr",
    "ltd", "mr", "mrs", "ms", "nr", "pp", "prof", "ref", "refs", "sec", "sr", "st", "vol", "vs",
];

/// A line at least this long, in characters, may have been wrapped in the middle of a sentence.
const WRAPPED_LINE: usize = 40;

/// Whether `c` ends a sentence wherever it stands.
pub(crate) fn is_full_stop(c: char) -> bool {
    matches!(c, '。' | '！' | '？' | '!' | '?' | '｡')
}

/// Whether `c` may follow the stop and still belong to the sentence.
pub(crate) fn is_closing(c: char) -> bool {
    matches!(c, '"' | '\'' | '”' | '’' | '」' | '』' | '）' | ')' | ']' | '》' | '】')
}

/// Whether a `.` that follows `before` is part of an abbreviation or of an initial.
pub(crate) fn is_abbreviation(before: &str) -> bool {
    let word =
        before.rsplit(|c: char| c.is_whitespace() || matches!(c, '(' | '"' | '“')).next().unwrap_or_default();
    let lower = word.to_lowercase();
    let mut letters = word.chars();
    let initial = matches!((letters.next(), letters.next()), (Some(c), None) if c.is_uppercase());
    initial || ABBREVIATIONS.contains(&lower.as_str())
}

/// The sentences of `text` as byte ranges, in order, without the white space around them. A blank line always
/// ends one, the end of a line does unless the line looks wrapped. A row of a table is one sentence.
pub(crate) fn split(text: &str) -> Vec<Range<usize>> {
    let chars: Vec<(usize, char)> = text.char_indices().collect();
    let mut ranges = Vec::new();
    let mut start = 0;
    let mut in_row = is_row(first_line(text));
    let mut at = 0;
    while at < chars.len() {
        let (offset, c) = chars[at];
        let next = chars.get(at + 1).map(|(_, c)| *c);
        let stops = if c == '\n' {
            !is_wrapped(text, offset)
        } else {
            !in_row
                && (is_full_stop(c)
                    || (c == '.'
                        && next.is_none_or(|next| next.is_whitespace() || is_closing(next))
                        && !is_abbreviation(&text[start..offset])))
        };
        at += 1;
        if c == '\n' {
            in_row = is_row(first_line(&text[offset + 1..]));
        }
        if stops {
            while let Some((_, c)) = chars.get(at)
                && (is_full_stop(*c) || is_closing(*c) || *c == '.')
            {
                at += 1;
            }
            let end = chars.get(at).map_or(text.len(), |(offset, _)| *offset);
            push_trimmed(text, start..end, &mut ranges);
            start = end;
        }
    }
    push_trimmed(text, start..text.len(), &mut ranges);
    ranges
}

fn first_line(text: &str) -> &str {
    text.split('\n').next().unwrap_or_default()
}

/// Whether `line` looks like a row of a table: cells parted by tabs or bars.
fn is_row(line: &str) -> bool {
    let line = line.trim();
    line.contains('\t') || line.starts_with('|') || line.contains(" | ")
}

/// Whether two lines have the same number of commas or semicolons, and several: rows of a file of values.
fn are_records(line: &str, next: &str) -> bool {
    [',', ';'].into_iter().any(|mark| {
        let marks = line.matches(mark).count();
        marks >= 2 && marks == next.matches(mark).count()
    })
}

/// Whether the line that ends at `newline` goes on in the next one.
fn is_wrapped(text: &str, newline: usize) -> bool {
    let line = text[..newline].rsplit('\n').next().unwrap_or_default().trim_end();
    let after = &text[newline + 1..];
    if is_row(line) || is_row(first_line(after)) || are_records(line, first_line(after)) {
        return false;
    }
    let next = after.trim_start_matches([' ', '\t']).chars().next();
    match next {
        Some(c) if c.is_lowercase() => true,
        Some(c) if is_cjk(c) || c.is_alphanumeric() => {
            line.chars().count() >= WRAPPED_LINE
                && line.ends_with(|c: char| c.is_alphanumeric() || matches!(c, ',' | '，' | '、'))
        }
        _ => false,
    }
}

fn push_trimmed(text: &str, range: Range<usize>, ranges: &mut Vec<Range<usize>>) {
    let piece = &text[range.clone()];
    let trimmed = piece.trim();
    if !trimmed.is_empty() {
        let start = range.start + (piece.len() - piece.trim_start().len());
        ranges.push(start..start + trimmed.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentences(text: &str) -> Vec<&str> {
        split(text).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn sentences_end_where_readers_end_them() {
        let cases: [(&str, &[&str]); 12] = [
            ("One. Two! Three?", &["One.", "Two!", "Three?"]),
            ("员工有年假。请提前申请！好吗？", &["员工有年假。", "请提前申请！", "好吗？"]),
            ("It costs 3.50 euros. Fine.", &["It costs 3.50 euros.", "Fine."]),
            ("Ask Dr. J. Smith, e.g. today. Bye.", &["Ask Dr. J. Smith, e.g. today.", "Bye."]),
            ("He said: \"Stop.\" Then left.", &["He said: \"Stop.\"", "Then left."]),
            ("他说：“好。”然后走了。", &["他说：“好。”", "然后走了。"]),
            ("Title\n\nFirst line\nof text.", &["Title", "First line\nof text."]),
            ("- one\n- two\n", &["- one", "- two"]),
            ("see v1.2.3 and file.txt now", &["see v1.2.3 and file.txt now"]),
            (
                "name\tdue\npump no. 7. new\tmay\nvalve\tjune",
                &["name\tdue", "pump no. 7. new\tmay", "valve\tjune"],
            ),
            ("| a | b |\n|---|---|\n| x. y | z |", &["| a | b |", "|---|---|", "| x. y | z |"]),
            ("id,name,due\n1,pump,may\n2,valve,june", &["id,name,due", "1,pump,may", "2,valve,june"]),
        ];
        for (text, expected) in cases {
            assert_eq!(sentences(text), expected, "{text}");
        }
    }

    #[test]
    fn nothing_but_space_has_no_sentences() {
        assert!(split(" \n\t\n ").is_empty());
        assert!(split("").is_empty());
    }
}
