//! Text cut into lines by the columns that it takes: Chinese characters take two and may be parted anywhere.

use unicode_width::UnicodeWidthChar;

/// Cuts `text` into lines of at most `width` columns. Returns ranges of bytes; blanks at line ends are in none.
pub(super) fn wrap(text: &str, width: usize) -> Vec<std::ops::Range<usize>> {
    let mut lines = Vec::new();
    for (start, paragraph) in paragraphs(text) {
        wrap_paragraph(paragraph, width.max(2), start, &mut lines);
    }
    lines
}

fn paragraphs(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split('\n').scan(0, |start, paragraph| {
        let at = *start;
        *start += paragraph.len() + 1;
        Some((at, paragraph))
    })
}

fn wrap_paragraph(text: &str, width: usize, offset: usize, lines: &mut Vec<std::ops::Range<usize>>) {
    let (mut start, mut columns) = (None, 0);
    // Where the line may be cut, and where the next one begins then.
    let mut cut: Option<(usize, usize)> = None;
    let mut before: Option<char> = None;
    for (at, c) in text.char_indices() {
        let Some(begin) = start else {
            if !c.is_whitespace() {
                (start, columns, cut) = (Some(at), columns_of(c), None);
                before = Some(c);
            }
            continue;
        };
        if c.is_whitespace() {
            if before.is_some_and(|c| !c.is_whitespace()) {
                cut = Some((at, at + c.len_utf8()));
            }
        } else if before.is_some_and(|b| !b.is_whitespace() && may_part(b, c)) {
            cut = Some((at, at));
        } else if let (Some((_, next)), true) = (cut.as_mut(), before.is_some_and(char::is_whitespace)) {
            *next = at;
        }
        columns += columns_of(c);
        if columns > width && !c.is_whitespace() {
            let (end, next) = cut.unwrap_or((at, at));
            lines.push(offset + begin..offset + end);
            start = Some(next);
            columns = text[next..at + c.len_utf8()].chars().map(columns_of).sum();
            cut = None;
        }
        before = Some(c);
    }
    if let Some(start) = start {
        lines.push(offset + start..offset + text.trim_end().len());
    }
}

/// Between two characters of which one is wide a line may end, but not before a closing mark.
fn may_part(before: char, after: char) -> bool {
    // Stops and closing brackets, wide and narrow.
    const NOT_FIRST: &str = "\u{ff0c}\u{3002}\u{3001}\u{ff1b}\u{ff1a}\u{ff1f}\u{ff01}\u{ff09}\u{300b}\u{300d}\u{300f}\u{3011}\u{3009}\u{2026},.;:?!)]}";
    // Opening brackets, wide and narrow.
    const NOT_LAST: &str = "\u{ff08}\u{300a}\u{300c}\u{300e}\u{3010}\u{3008}([{";
    (columns_of(before) == 2 || columns_of(after) == 2)
        && !NOT_FIRST.contains(after)
        && !NOT_LAST.contains(before)
}

fn columns_of(c: char) -> usize {
    if c == '\t' { 1 } else { c.width().unwrap_or(0) }
}

/// The columns that `text` takes.
pub(super) fn columns(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str, width: usize) -> Vec<&str> {
        wrap(text, width).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn words_stay_whole() {
        assert_eq!(lines("the quick  brown fox", 10), ["the quick", "brown fox"]);
        assert_eq!(lines("one\n\n  two ", 10), ["one", "two"]);
        assert_eq!(lines("", 10), [""; 0]);
    }

    #[test]
    fn what_is_too_long_is_cut() {
        assert_eq!(lines("abcdefghij kl", 4), ["abcd", "efgh", "ij", "kl"]);
    }

    #[test]
    fn chinese_is_cut_anywhere_but_before_a_stop() {
        assert_eq!(lines("员工每年有十天年假。", 10), ["员工每年有", "十天年假。"]);
        assert_eq!(lines("员工每年有\u{ff0c}十天", 10), ["员工每年", "有\u{ff0c}十天"]);
    }

    #[test]
    fn no_line_is_too_wide_and_nothing_is_lost() {
        let text = "Ein Satz mit 中文字符 und words_that_go_on_and_on_and_on, 还有更多的文字(在括号里)。";
        for width in 4..40 {
            let lines = lines(text, width);
            assert!(lines.iter().all(|line| columns(line) <= width), "{width}: {lines:?}");
            let kept: String = lines.concat().split_whitespace().collect();
            assert_eq!(kept, text.split_whitespace().collect::<String>(), "{width}");
        }
    }
}
