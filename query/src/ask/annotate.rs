//! The answer as it comes out of the model, with its citations put right on the way.
//!
//! Text is let through as soon as it is known to be no part of a citation mark and not the end of a sentence;
//! at the end of a sentence its marks are settled and written before its full stop. What is shown while the
//! model talks is therefore, letter for letter, the answer that is reported at the end.

use crate::{
    ask::cite::{Cited, Evidence, nearest, settle},
    sentences::{is_abbreviation, is_closing, is_full_stop},
    words::{fold_width, is_cjk},
};

/// The longest mark, in characters: `[passages 1, 2, 3]` and the like.
const LONGEST_MARK: usize = 32;

/// A prompt never has more passages: a higher number in brackets is no citation.
const MOST_PASSAGES: usize = 99;

/// A sentence of the answer with what is cited for it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Checked {
    /// Without marks.
    pub(crate) text: String,
    /// What is cited, by passage.
    pub(crate) cited: Vec<Cited>,
}

/// Turns what the model says into the answer.
#[derive(Debug)]
pub(crate) struct Annotator<'a> {
    sources: &'a [Evidence],
    question: &'a str,
    /// Not looked at yet: a mark may be cut in two.
    raw: String,
    /// White space that is not let through yet.
    space: String,
    /// The stop of the sentence, and what closes after it.
    stop: String,
    /// The sentence so far, all of it let through.
    sentence: String,
    /// What the model cites for it, from 0.
    marks: Vec<usize>,
    /// Marks at the beginning of a line: of this sentence if nothing follows them there, else of the next one.
    line_marks: Vec<usize>,
    /// How much of `space` stood before them.
    line_marks_at: usize,
    /// The answer so far.
    out: String,
    /// The passages cited so far, in order of first appearance.
    numbered: Vec<usize>,
    checked: Vec<Checked>,
}

impl<'a> Annotator<'a> {
    /// An annotator for an answer to `question` from `sources`.
    pub(crate) fn new(question: &'a str, sources: &'a [Evidence]) -> Self {
        Self {
            sources,
            question,
            raw: String::new(),
            space: String::new(),
            stop: String::new(),
            sentence: String::new(),
            marks: Vec::new(),
            line_marks: Vec::new(),
            line_marks_at: 0,
            out: String::new(),
            numbered: Vec::new(),
            checked: Vec::new(),
        }
    }

    /// Takes the next piece of the model's text, and returns what can be shown now.
    pub(crate) fn push(&mut self, piece: &str) -> String {
        self.raw.push_str(piece);
        self.advance(false)
    }

    /// Ends the answer, and returns what is left to show. An answer without any citation gets the passage that
    /// comes nearest to it.
    pub(crate) fn finish(&mut self) -> String {
        let shown = self.advance(true);
        let from = self.out.len();
        self.space.clear();
        self.marks.append(&mut self.line_marks);
        self.close(true);
        shown + &self.out[from..]
    }

    /// The answer so far.
    pub(crate) fn text(&self) -> &str {
        &self.out
    }

    /// The passages that are cited: the first of them is number 1.
    pub(crate) fn numbered(&self) -> &[usize] {
        &self.numbered
    }

    /// The sentences with what is cited for them.
    pub(crate) fn checked(&self) -> &[Checked] {
        &self.checked
    }

    fn advance(&mut self, last: bool) -> String {
        let from = self.out.len();
        while let Some(c) = self.raw.chars().next() {
            if matches!(fold_width(c), '[') || c == '【' {
                match mark(&self.raw, last) {
                    Mark::Unfinished => break,
                    Mark::Numbers { length, numbers } if !self.is_text(&numbers) => {
                        self.take_marks(&numbers);
                        self.raw.drain(..length);
                        continue;
                    }
                    Mark::Numbers { .. } | Mark::Text => {}
                }
            }
            if c == '.' && self.stop.is_empty() && self.raw.len() == 1 && !last {
                break;
            }
            self.raw.drain(..c.len_utf8());
            self.take(c);
        }
        self.out[from..].to_owned()
    }

    /// Whether `numbers` in brackets are words of the sentence: `arr[0]`, `status [404]`.
    fn is_text(&self, numbers: &[usize]) -> bool {
        let glued = self.space.is_empty()
            && self.stop.is_empty()
            && self.sentence.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        !numbers.is_empty() && numbers.iter().all(|number| *number > MOST_PASSAGES || (*number == 0 && glued))
    }

    fn take_marks(&mut self, numbers: &[usize]) {
        // Numbers from 1, as the prompt has them. Those of passages that do not exist are dropped.
        let sources = numbers.iter().filter_map(|number| number.checked_sub(1));
        let sources = sources.filter(|source| *source < self.sources.len());
        if self.space.contains('\n') && !self.sentence.is_empty() {
            self.line_marks.extend(sources);
            self.line_marks_at = self.space.len();
        } else {
            self.marks.extend(sources);
        }
    }

    /// Gives the marks at the beginning of a line to the sentence before, if the line ends with them.
    fn settle_line_marks(&mut self) {
        let ends_line = || self.space.get(self.line_marks_at..).is_some_and(|space| space.contains('\n'));
        if !self.line_marks.is_empty() && ends_line() {
            self.marks.append(&mut self.line_marks);
            // Of the line that they had to themselves nothing is left.
            self.space.drain(..self.line_marks_at);
        }
    }

    fn take(&mut self, c: char) {
        if c.is_whitespace() {
            if !self.out.is_empty() || !self.sentence.is_empty() {
                self.space.push(c);
            }
            return;
        }
        let stopped = !self.stop.is_empty();
        if stopped && self.space.is_empty() && (is_closing(c) || is_full_stop(c) || c == '.') {
            self.stop.push(c);
            return;
        }
        if stopped || self.space.contains('\n') {
            self.settle_line_marks();
            if !self.line_marks.is_empty() {
                // They begin a line, and the space after them goes with them.
                self.space.truncate(self.line_marks_at);
            }
            self.close(false);
            self.marks.append(&mut self.line_marks);
        }
        if self.ends_sentence(c) {
            // A stop after a dropped mark follows its word directly.
            self.space.clear();
            self.stop.push(c);
            return;
        }
        let space = std::mem::take(&mut self.space);
        for c in space.chars().chain(std::iter::once(c)) {
            self.out.push(c);
            if !self.sentence.is_empty() || !c.is_whitespace() {
                self.sentence.push(c);
            }
        }
    }

    /// Whether `c`, just taken from the raw text, ends the sentence so far.
    fn ends_sentence(&self, c: char) -> bool {
        if self.sentence.is_empty() {
            return false;
        }
        if is_full_stop(c) {
            return true;
        }
        let next = self.raw.chars().next();
        let numbering = self.sentence.chars().all(|c| c.is_ascii_digit() || c.is_whitespace());
        c == '.'
            && next.is_none_or(|next| next.is_whitespace() || is_closing(next) || matches!(next, '[' | '【'))
            && !numbering
            && !is_abbreviation(&self.sentence)
    }

    /// Settles the sentence: its marks, then its stop.
    fn close(&mut self, last: bool) {
        if self.sentence.is_empty() {
            return;
        }
        let text = std::mem::take(&mut self.sentence);
        let marks = std::mem::take(&mut self.marks);
        let mut cited = settle(&text, &marks, self.question, self.sources);
        if last && cited.is_empty() && self.numbered.is_empty() {
            let answer = self.out.clone();
            cited.extend(nearest(&answer, self.question, self.sources));
        }
        let mut numbers: Vec<usize> = cited.iter().map(|cited| self.number(cited.source)).collect();
        numbers.sort_unstable();
        if !numbers.is_empty() && !self.out.ends_with(is_cjk_or_wide) {
            self.out.push(' ');
        }
        for number in numbers {
            self.out.push('[');
            self.out.push_str(&number.to_string());
            self.out.push(']');
        }
        self.out.push_str(&std::mem::take(&mut self.stop));
        // What stood between the text and a mark after it would now stand at the end of the line.
        if let Some(newline) = self.space.find('\n') {
            self.space.drain(..newline);
        }
        self.checked.push(Checked { text, cited });
    }

    /// The number of a passage in the answer, from 1.
    fn number(&mut self, source: usize) -> usize {
        let known = self.numbered.iter().position(|known| *known == source);
        known.unwrap_or_else(|| {
            self.numbered.push(source);
            self.numbered.len() - 1
        }) + 1
    }
}

fn is_cjk_or_wide(c: char) -> bool {
    is_cjk(c) || fold_width(c) != c || matches!(c, '”' | '」' | '》' | '、')
}

enum Mark {
    /// What comes next decides.
    Unfinished,
    /// A citation mark of `length` bytes.
    Numbers { length: usize, numbers: Vec<usize> },
    /// An ordinary bracket.
    Text,
}

/// Reads the mark that `raw` starts with: `[1]`, `[1, 2]`, `[1-3]`, `[passage 1]`, `［1］`, `【1】`, `[^1]`.
fn mark(raw: &str, last: bool) -> Mark {
    let open = raw.chars().next().map_or(0, char::len_utf8);
    let close = raw
        .char_indices()
        .skip(1)
        .take(LONGEST_MARK)
        .find(|(_, c)| matches!(fold_width(*c), ']') || *c == '】');
    let Some((end, c)) = close else {
        let inside = raw[open..].chars().all(in_mark);
        return match (raw.chars().count() <= LONGEST_MARK && inside, last) {
            (true, false) => Mark::Unfinished,
            (true, true) => Mark::Numbers { length: raw.len(), numbers: Vec::new() },
            (false, _) => Mark::Text,
        };
    };
    let inside: String = raw[open..end].chars().map(fold_width).flat_map(char::to_lowercase).collect();
    match mark_numbers(&inside) {
        Some(numbers) => Mark::Numbers { length: end + c.len_utf8(), numbers },
        None => Mark::Text,
    }
}

/// Whether `c` may stand in a mark.
fn in_mark(c: char) -> bool {
    let c = fold_width(c);
    c.is_ascii_alphanumeric()
        || matches!(c, ' ' | ',' | '-' | '–' | '^' | '、' | ';' | '段' | '落' | '文' | '献')
}

fn mark_numbers(inside: &str) -> Option<Vec<usize>> {
    let mut rest = inside.trim().to_owned();
    for name in ["passages", "passage", "sources", "source", "段落", "文献", "^"] {
        rest = rest.replace(name, " ");
    }
    let mut numbers = Vec::new();
    for part in rest.split([',', ' ', ';', '、']).filter(|part| !part.is_empty()) {
        let bounds: Vec<usize> =
            part.split(['-', '–']).map(|number| number.parse().ok()).collect::<Option<_>>()?;
        match bounds[..] {
            [one] => numbers.push(one),
            [from, to] if from <= to && to - from < 10 => numbers.extend(from..=to),
            _ => return None,
        }
    }
    (!numbers.is_empty() && numbers.iter().all(|number| *number < 1000)).then_some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources() -> Vec<Evidence> {
        vec![
            Evidence::new("Leave", "Staff have 30 days of annual leave. Unused days lapse on 31 March."),
            Evidence::new("Parking", "The garage closes at 22:00."),
            Evidence::new("考勤", "员工每年有十五天年假。加班费每小时80元。"),
        ]
    }

    /// The answer, and what was shown after each piece.
    fn annotated(pieces: &[&str]) -> (String, Vec<String>) {
        let sources = sources();
        let mut annotator = Annotator::new("", &sources);
        let mut shown: Vec<String> = pieces.iter().map(|piece| annotator.push(piece)).collect();
        shown.push(annotator.finish());
        assert_eq!(shown.concat(), annotator.text(), "what is shown is what is reported");
        (annotator.text().to_owned(), shown)
    }

    #[test]
    fn marks_are_put_right_whatever_the_pieces_are() {
        let cases = [
            // Right, and renumbered by first appearance.
            (
                "The garage closes at 22:00 [2]. Staff have 30 days [1].",
                "The garage closes at 22:00 [1]. Staff have 30 days [2].",
            ),
            // After the stop, before the sentence, in other brackets, several at once.
            ("Staff have 30 days of leave. [1]", "Staff have 30 days of leave [1]."),
            ("[1] Staff have 30 days of leave.", "Staff have 30 days of leave [1]."),
            ("员工每年有十五天年假【3】。", "员工每年有十五天年假[1]。"),
            ("员工每年有十五天年假。［３］", "员工每年有十五天年假[1]。"),
            ("Staff have 30 days of leave [passage 1].", "Staff have 30 days of leave [1]."),
            ("Staff have 30 days of leave [1, 1].", "Staff have 30 days of leave [1]."),
            // Wrong, out of range, missing.
            ("Staff have 30 days of annual leave [2].", "Staff have 30 days of annual leave [1]."),
            (
                "Blue whales sing [9]. Staff have 30 days of leave [1].",
                "Blue whales sing. Staff have 30 days of leave [1].",
            ),
            ("The garage closes at 22:00.", "The garage closes at 22:00 [1]."),
            ("加班费每小时80元。", "加班费每小时80元[1]。"),
            // No citation anywhere: the nearest passage, at the end.
            ("Blue whales sing.", "Blue whales sing [1]."),
            // Cut off in a mark, or without a stop.
            ("Staff have 30 days of leave [1", "Staff have 30 days of leave [1]"),
            ("Staff have 30 days of leave", "Staff have 30 days of leave [1]"),
            // Brackets that are no marks, numbers that are no ends, lists.
            (
                "Staff [all of them] have 30 days of leave [1].",
                "Staff [all of them] have 30 days of leave [1].",
            ),
            ("Staff have 30.0 days e.g. of leave [1]!", "Staff have 30.0 days e.g. of leave [1]!"),
            (
                "1. Staff have 30 days of leave.\n2. The garage closes at 22:00.",
                "1. Staff have 30 days of leave [1].\n2. The garage closes at 22:00 [2].",
            ),
            (
                "- 30 days of annual leave [1]\n- garage closes 22:00 [2]",
                "- 30 days of annual leave [1]\n- garage closes 22:00 [2]",
            ),
            // On a line of their own: of the sentence before.
            ("Staff have 30 days of leave.\n[1]", "Staff have 30 days of leave [1]."),
            ("Blue whales sing\n\n[2]\n", "Blue whales sing [1]"),
            (
                "Blue whales sing.\n[2]\nStaff have 30 days of leave.",
                "Blue whales sing [1].\nStaff have 30 days of leave [2].",
            ),
            (
                "Blue whales sing.\n[2] The garage closes at 22:00.",
                "Blue whales sing.\nThe garage closes at 22:00 [1].",
            ),
            // Brackets with numbers that are no citations.
            ("The first is arr[0] of leave days [1].", "The first is arr[0] of leave days [1]."),
            ("It fails with status [404].", "It fails with status [404] [1]."),
            ("Staff have 30 days[7].", "Staff have 30 days [1]."),
            ("", ""),
            ("  \n", ""),
        ];
        for (said, expected) in cases {
            assert_eq!(annotated(&[said]).0, expected, "{said:?} in one piece");
            let letters: Vec<String> = said.chars().map(String::from).collect();
            let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
            assert_eq!(annotated(&letters).0, expected, "{said:?} letter by letter");
        }
    }

    #[test]
    fn text_is_shown_at_once_and_marks_are_held_back() {
        let (_, shown) =
            annotated(&["The gar", "age closes", " at 22:00", " [", "9", "]", ".", " Staff", " rest."]);
        assert_eq!(&shown[..3], ["The gar", "age closes", " at 22:00"]);
        assert!(shown[3..7].iter().all(String::is_empty), "{shown:?}");
        assert_eq!(shown[7], " [1]. Staff", "passage 9 does not exist, the second one has the sentence");
    }

    #[test]
    fn sentences_are_kept_with_what_they_cite() {
        let sources = sources();
        let mut annotator = Annotator::new("", &sources);
        annotator.push("The garage closes at 22:00 [2]. Staff have 99 days of annual leave [1].");
        annotator.finish();
        assert_eq!(annotator.numbered(), [1, 0]);
        let supported: Vec<bool> =
            annotator.checked().iter().map(|checked| checked.cited[0].supported).collect();
        assert_eq!(supported, [true, false]);
        assert_eq!(annotator.checked()[0].text, "The garage closes at 22:00");
    }
}
