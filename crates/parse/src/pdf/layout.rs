//! The layout of a PDF page: lines to paragraphs, and which of them are headings.

use std::collections::{BTreeMap, HashMap, HashSet};

use docent_core::around;
use unicode_normalization::UnicodeNormalization;

/// What pdfium puts where a word is hyphenated at the end of a line.
pub(super) const LINE_END_HYPHEN: char = '\u{2}';
/// A gap this many times the usual distance between lines begins a new paragraph.
const PARAGRAPH_GAP: f32 = 1.35;
/// A heading has at most this many characters.
const LONGEST_HEADING: usize = 120;

/// A line of a page.
#[derive(Debug, Default)]
pub(crate) struct Line {
    pub(super) text: String,
    /// Height of its baseline on the page, in points from the bottom.
    pub(super) baseline: Option<f32>,
    /// Size of its first character, in points.
    pub(super) size: f32,
    /// The box around it, where OCR read it, as in [`docent_core::Location::area`].
    pub(super) area: Option<[u16; 4]>,
}

/// A paragraph of a page.
#[derive(Debug, PartialEq)]
pub(crate) struct Paragraph {
    pub(crate) text: String,
    /// Size of its first character, in points.
    size: f32,
    lines: u32,
    /// The box around it, where OCR read it.
    pub(crate) area: Option<[u16; 4]>,
}

impl Paragraph {
    /// Words of docent's own.
    pub(crate) fn note(text: &str) -> Self {
        Self { text: text.to_owned(), size: 0.0, lines: 1, area: None }
    }
}

/// Presentation forms as letters (ligatures, Kangxi radicals, compatibility ideographs, Arabic forms), no
/// soft hyphens, no controls but the line-end hyphen.
pub(super) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c as u32 {
            0xAD | 0xFEFF | 0xFFFE | 0xFFFF => {}
            0x2E80..=0x2FDF | 0xF900..=0xFDFF | 0xFE70..=0xFEFE => out.extend(std::iter::once(c).nfkc()),
            0xA0 => out.push(' '),
            _ if c == LINE_END_HYPHEN || c == '\t' || !c.is_control() => out.push(c),
            _ => {}
        }
    }
    out
}

/// Joins lines to paragraphs.
pub(crate) fn join(lines: &[Line]) -> Vec<Paragraph> {
    let usual = usual_gap(lines);
    let longest = lines.iter().map(|line| line.text.chars().count()).max().unwrap_or(0);
    let mut paragraphs: Vec<Paragraph> = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let above = index.checked_sub(1).and_then(|above| lines.get(above));
        match (above, paragraphs.last_mut()) {
            (Some(above), Some(open)) if !begins_paragraph(above, line, usual) => {
                append(&mut open.text, &line.text, above.text.chars().count() * 10 >= longest * 8);
                open.lines += 1;
                open.area = match (open.area, line.area) {
                    (Some(open), Some(line)) => Some(around(open, line)),
                    (open, line) => open.or(line),
                };
            }
            _ => paragraphs.push(Paragraph {
                text: line.text.trim().to_owned(),
                size: line.size,
                lines: 1,
                area: line.area,
            }),
        }
    }
    for paragraph in &mut paragraphs {
        close_hyphen(&mut paragraph.text);
        if paragraph.text.contains(LINE_END_HYPHEN) {
            paragraph.text = paragraph.text.replace(LINE_END_HYPHEN, "");
        }
    }
    paragraphs
}

/// A hyphen at the very end of a paragraph has nothing to join: it is one.
fn close_hyphen(paragraph: &mut String) {
    if paragraph.ends_with(LINE_END_HYPHEN) {
        paragraph.pop();
        paragraph.push('-');
    }
}

/// The median distance between baselines of lines that follow each other downwards.
fn usual_gap(lines: &[Line]) -> Option<f32> {
    let mut gaps: Vec<f32> = lines
        .windows(2)
        .filter_map(|pair| Some(pair[0].baseline? - pair[1].baseline?))
        .filter(|gap| *gap > 1.0 && *gap < 200.0)
        .collect();
    gaps.sort_by(f32::total_cmp);
    gaps.get(gaps.len() / 2).copied()
}

fn begins_paragraph(above: &Line, line: &Line, usual: Option<f32>) -> bool {
    // A word that is cut goes on, wherever its rest stands.
    if above.text.trim_end().ends_with(LINE_END_HYPHEN) {
        return false;
    }
    let (Some(upper), Some(lower), Some(usual)) = (above.baseline, line.baseline, usual) else {
        return false;
    };
    let gap = upper - lower;
    let resized =
        above.size > 0.0 && line.size > 0.0 && (above.size / line.size - 1.0).abs() > 0.15 && gap.abs() > 1.0;
    // Upwards by more than a line: a new column.
    resized || gap > usual * PARAGRAPH_GAP || gap < -usual
}

/// Appends a line: without the hyphen that cut a word; without anything between Chinese characters of a full
/// line; otherwise on a line of its own.
fn append(paragraph: &mut String, line: &str, above_is_full: bool) {
    let line = line.trim();
    if paragraph.ends_with(LINE_END_HYPHEN) {
        paragraph.pop();
    } else {
        let cjk = |c: Option<char>| {
            c.is_some_and(|c| matches!(c as u32, 0x3000..=0x9FFF | 0xF900..=0xFAFF | 0xFF00..=0xFF60 | 0x20000..=0x3FFFF))
        };
        let seamless = above_is_full && cjk(paragraph.chars().next_back()) && cjk(line.chars().next());
        if !seamless {
            paragraph.push('\n');
        }
    }
    paragraph.push_str(line);
}

/// Which paragraphs of a document are headings: short ones that are set larger than most of the text.
#[derive(Debug, Default)]
pub(crate) struct Headings {
    /// The sizes of headings, largest first.
    sizes: Vec<u32>,
    /// Headers and footers: the same words on most pages.
    running: HashSet<String>,
}

impl Headings {
    /// Looks at all paragraphs of a document of `pages` pages.
    pub(crate) fn of<'p>(paragraphs: impl Iterator<Item = &'p Paragraph> + Clone, pages: u32) -> Self {
        let mut letters: BTreeMap<u32, usize> = BTreeMap::new();
        let mut times: HashMap<&str, u32> = HashMap::new();
        for paragraph in paragraphs.clone() {
            *letters.entry(half_points(paragraph.size)).or_default() += paragraph.text.chars().count();
            *times.entry(&paragraph.text).or_default() += 1;
        }
        let all: usize = letters.values().sum();
        let Some((body, _)) = letters.iter().max_by_key(|(_, letters)| **letters) else {
            return Self::default();
        };
        let running: HashSet<String> = times
            .into_iter()
            .filter(|(_, times)| *times > 2 && times * 2 > pages)
            .map(|(text, _)| text.to_owned())
            .collect();
        let mut headings = Self { sizes: Vec::new(), running };
        let (mut sizes, mut held) = (HashSet::new(), 0usize);
        for paragraph in paragraphs.filter(|paragraph| headings.could_be(paragraph, *body)) {
            sizes.insert(half_points(paragraph.size));
            held += paragraph.text.chars().count();
        }
        // A poster or a deck, where much is large, has no headings that can be told from its text.
        if held * 10 <= all * 3 {
            headings.sizes = sizes.into_iter().collect();
            headings.sizes.sort_unstable_by(|a, b| b.cmp(a));
        }
        headings
    }

    /// The level of `paragraph`, if it is a heading.
    pub(crate) fn level(&self, paragraph: &Paragraph) -> Option<u8> {
        let smallest = self.sizes.last()?;
        if !self.could_be(paragraph, smallest * 100 / 115) {
            return None;
        }
        let rank = self.sizes.iter().position(|size| *size == half_points(paragraph.size))?;
        Some((rank + 1).min(6) as u8)
    }

    /// Whether `paragraph` looks like a heading above text of size `body`.
    fn could_be(&self, paragraph: &Paragraph, body: u32) -> bool {
        let text = paragraph.text.trim_end();
        half_points(paragraph.size) * 100 >= body * 115
            && paragraph.lines <= 2
            && text.chars().count() <= LONGEST_HEADING
            && text.chars().filter(|c| c.is_alphabetic()).count() > 1
            && !text.ends_with(['.', ',', ';', '。', '，', '；'])
            && !self.running.contains(text)
    }
}

/// A size in half points, so that rounding errors do not tell two headings apart.
fn half_points(size: f32) -> u32 {
    (size.clamp(0.0, 1000.0) * 2.0).round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str, baseline: f32) -> Line {
        Line { text: clean(text), baseline: Some(baseline), size: 10.0, area: None }
    }

    #[test]
    fn lines_become_paragraphs() {
        let paragraphs = join(&[
            line("The o\u{fb03}ce is hy\u{2}", 700.0),
            line("phenated here.", 688.0),
            line("Same one.", 676.0),
            line("Next, after a gap.", 650.0),
            line("第一行是一个很长很长的中文句子没有结束", 638.0),
            line("接着写完。", 626.0),
        ]);
        let joined: Vec<_> = paragraphs.iter().map(|paragraph| paragraph.text.as_str()).collect();
        assert_eq!(
            joined,
            [
                "The office is hyphenated here.\nSame one.",
                "Next, after a gap.\n第一行是一个很长很长的中文句子没有结束接着写完。"
            ]
        );
    }

    #[test]
    fn large_and_short_is_a_heading() {
        let paragraph =
            |text: &str, size: f32| Paragraph { text: text.to_owned(), size, lines: 1, area: None };
        let all = [
            paragraph("Handbook", 18.0),
            paragraph("ACME", 14.0),
            paragraph("1 请假", 14.02),
            paragraph(&"Thirty days a year, to be asked for two weeks ahead. ".repeat(3), 10.0),
            paragraph("A large sentence is no heading.", 14.0),
            paragraph("ACME", 14.0),
            paragraph("17", 14.0),
            paragraph("ACME", 14.0),
            paragraph("page 3", 8.0),
        ];
        let levels = |pages| {
            let headings = Headings::of(all.iter(), pages);
            all.iter().map(|paragraph| headings.level(paragraph)).collect::<Vec<_>>()
        };
        assert_eq!(levels(3), [Some(1), None, Some(2), None, None, None, None, None, None]);
        assert_eq!(Headings::of(all[..3].iter(), 1).level(&all[0]), None);
    }
}
