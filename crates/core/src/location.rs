//! Where text stands in its document.

use serde::{Deserialize, Serialize};

/// Where a block or passage stands. What a format does not have is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Location {
    /// Page, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<u32>,
    /// Headings above it, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub heading: Vec<String>,
    /// First and last line, from 1, inclusive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<[u32; 2]>,
    /// Half-open range of code points in the extracted text, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chars: Option<[u64; 2]>,
    /// Name of the sheet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    /// Cells in A1 form: `B2` or `A1:D7`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cells: Option<String>,
    /// Slide, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slide: Option<u32>,
    /// Part of a message or archive: `body`, or an attachment's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// The box around it on its page or picture, where OCR read it: left, top, right, bottom, in thousandths of the width
    /// and height from the upper left corner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub area: Option<[u16; 4]>,
}

impl Location {
    /// The smallest place that holds both: line, character and cell ranges grow, and areas of one page; everything else
    /// is kept from `self`.
    #[must_use]
    pub fn through(mut self, later: &Self) -> Self {
        self.lines = match (self.lines, later.lines) {
            (Some([a, b]), Some([c, d])) => Some([a.min(c), b.max(d)]),
            (mine, theirs) => mine.or(theirs),
        };
        self.chars = match (self.chars, later.chars) {
            (Some([a, b]), Some([c, d])) => Some([a.min(c), b.max(d)]),
            (mine, theirs) => mine.or(theirs),
        };
        self.cells = match (self.cells.as_deref(), later.cells.as_deref()) {
            (Some(first), Some(last)) => Some(join_cells(first, last)),
            (Some(only), None) | (None, Some(only)) => Some(only.to_owned()),
            (None, None) => None,
        };
        self.area = match (self.area, later.area) {
            (Some(mine), Some(theirs)) if self.page == later.page => Some(around(mine, theirs)),
            (mine, _) => mine,
        };
        self
    }

    /// The place in a few words: `page 3`, `sheet Costs, A1:D7`, `lines 10-14`.
    pub fn in_words(&self) -> String {
        let mut words = Vec::new();
        if let Some(part) = self.part.as_deref().filter(|part| *part != "body") {
            words.push(part.to_owned());
        }
        if let Some(page) = self.page {
            words.push(format!("page {page}"));
        }
        if let Some(slide) = self.slide {
            words.push(format!("slide {slide}"));
        }
        if let Some(sheet) = &self.sheet {
            words.push(format!("sheet {sheet}"));
        }
        if let Some(cells) = &self.cells {
            words.push(cells.clone());
        }
        match self.lines {
            Some([a, b]) if a == b => words.push(format!("line {a}")),
            Some([a, b]) => words.push(format!("lines {a}-{b}")),
            None => {}
        }
        words.join(", ")
    }
}

/// The box around two boxes, each left, top, right, bottom.
pub fn around(one: [u16; 4], other: [u16; 4]) -> [u16; 4] {
    let least = |at: usize| one[at].min(other[at]);
    let most = |at: usize| one[at].max(other[at]);
    [least(0), least(1), most(2), most(3)]
}

/// `A1:B3` and `A4:D4` give `A1:D4`.
fn join_cells(first: &str, last: &str) -> String {
    let corners = [first, last].map(|range| {
        let (from, to) = range.split_once(':').unwrap_or((range, range));
        (split_cell(from), split_cell(to))
    });
    let [(Some(a), Some(b)), (Some(c), Some(d))] = corners else {
        return format!("{first},{last}");
    };
    let from = cell_name(a.0.min(c.0), a.1.min(c.1));
    let to = cell_name(b.0.max(d.0), b.1.max(d.1));
    if from == to { from } else { format!("{from}:{to}") }
}

/// Column and row, both from 0.
fn split_cell(cell: &str) -> Option<(u32, u32)> {
    let digits = cell.find(|c: char| c.is_ascii_digit())?;
    let mut column = 0u32;
    for letter in cell[..digits].bytes() {
        if !letter.is_ascii_uppercase() {
            return None;
        }
        column = column.checked_mul(26)?.checked_add(u32::from(letter - b'A') + 1)?;
    }
    let row: u32 = cell[digits..].parse().ok()?;
    Some((column.checked_sub(1)?, row.checked_sub(1)?))
}

/// The A1 name of a cell; column and row from 0.
pub fn cell_name(column: u32, row: u32) -> String {
    let mut letters = Vec::new();
    let mut rest = u64::from(column) + 1;
    while rest > 0 {
        let digit = ((rest - 1) % 26) as u8;
        letters.push(char::from(b'A' + digit));
        rest = (rest - 1) / 26;
    }
    letters.iter().rev().collect::<String>() + &(u64::from(row) + 1).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_named_as_in_a_sheet() {
        assert_eq!(cell_name(0, 0), "A1");
        assert_eq!(cell_name(25, 9), "Z10");
        assert_eq!(cell_name(26, 0), "AA1");
        assert_eq!(cell_name(701, 0), "ZZ1");
        assert_eq!(cell_name(702, 0), "AAA1");
        assert_eq!(split_cell("AAA1"), Some((702, 0)));
    }

    #[test]
    fn ranges_grow() {
        let first = Location { cells: Some("A1:B3".into()), lines: Some([3, 4]), ..Location::default() };
        let last = Location { cells: Some("A4:D4".into()), lines: Some([6, 9]), ..Location::default() };
        let both = first.through(&last);
        assert_eq!(both.cells.as_deref(), Some("A1:D4"));
        assert_eq!(both.lines, Some([3, 9]));
        assert_eq!(both.in_words(), "A1:D4, lines 3-9");
        let at = |page, area| Location { page: Some(page), area: Some(area), ..Location::default() };
        let upper = at(1, [100, 50, 900, 80]);
        assert_eq!(upper.clone().through(&at(1, [80, 90, 500, 120])).area, Some([80, 50, 900, 120]));
        assert_eq!(upper.clone().through(&at(2, [80, 90, 500, 120])).area, upper.area);
    }
}
