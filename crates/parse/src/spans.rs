//! Cells that reach over several rows and columns: what follows them must stand under its own header.

/// Columns beyond this are taken as they come, so that cells over millions of rows cost little.
const MOST: usize = 64;

/// The columns of a table that cells of earlier rows still cover.
#[derive(Debug, Default)]
pub(crate) struct Spans {
    /// The rows that each column is covered for.
    open: Vec<u32>,
    /// Columns that the last cell of the open row covers beside its own.
    beside: usize,
}

impl Spans {
    /// Adds an empty cell to `row` where a cell of so many `columns` and `rows` stands, with blank ones before it for what
    /// is covered.
    pub(crate) fn add_cell(&mut self, row: &mut Vec<String>, columns: u32, rows: u32) {
        self.pass_beside(row);
        while let Some(left) = self.open.get_mut(row.len()).filter(|left| **left > 0) {
            *left -= 1;
            row.push(String::new());
        }
        let first = row.len();
        row.push(String::new());
        self.beside = (columns.max(1) as usize).min(MOST) - 1;
        let end = (first + self.beside + 1).min(MOST);
        if self.open.len() < end && (rows > 1 || !self.open.is_empty()) {
            self.open.resize(end, 0);
        }
        for left in self.open.iter_mut().take(end).skip(first) {
            *left = rows.saturating_sub(1);
        }
    }

    /// Ends a row of so many `cells`.
    pub(crate) fn end_row(&mut self, cells: usize) {
        for left in self.open.iter_mut().skip(cells + std::mem::take(&mut self.beside)) {
            *left = left.saturating_sub(1);
        }
    }

    /// No cell reaches further down.
    pub(crate) fn clear(&mut self) {
        self.open.clear();
    }

    fn pass_beside(&mut self, row: &mut Vec<String>) {
        row.extend((0..std::mem::take(&mut self.beside)).map(|_| String::new()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stand_in_their_columns() {
        let mut spans = Spans::default();
        let mut lines = Vec::new();
        for cells in [
            vec![("a", 1, 2), ("b", 2, 1), ("c", 1, 3)],
            vec![("d", 1, 1), ("e", 1, 1)],
            vec![("f", 1, 1)],
            vec![("g", 3, u32::MAX), ("h", 1, 1)],
            vec![("i", 1, 0)],
        ] {
            let mut row = Vec::new();
            for (text, columns, rows) in cells {
                spans.add_cell(&mut row, columns, rows);
                row.last_mut().unwrap().push_str(text);
            }
            spans.end_row(row.len());
            lines.push(row.join("|"));
        }
        assert_eq!(lines, ["a|b||c", "|d|e", "f", "g|||h", "|||i"]);
    }

    #[test]
    fn wide_spans_stay_small() {
        let mut spans = Spans::default();
        for _ in 0..10 {
            let mut row = Vec::new();
            for _ in 0..1000 {
                spans.add_cell(&mut row, 1, u32::MAX);
            }
            spans.end_row(row.len());
            assert!(row.len() <= 1000 + MOST && spans.open.len() <= MOST);
        }
    }
}
