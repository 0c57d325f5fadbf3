//! The rows of a table in running text.

use docent_core::{BlockKind, DocumentBuilder, Location};

/// The most rows of a header that is repeated.
const HEADER_ROWS: usize = 3;

/// Rows, a line each, and which of them are the header.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    text: String,
    count: usize,
    /// Rows from the first on that are marked as header: how many, and their bytes.
    marked: (usize, usize),
    /// Bytes of the first row.
    first: usize,
    has_columns: bool,
}

impl Rows {
    /// Adds a row of cells parted by tabs. A blank row adds nothing.
    pub(crate) fn add(&mut self, row: &str, is_header: bool) {
        if row.trim().is_empty() {
            return;
        }
        self.has_columns |= row.trim_end().contains('\t');
        self.text.push_str(row);
        self.text.push('\n');
        if is_header && self.marked.0 == self.count && self.count < HEADER_ROWS {
            self.marked = (self.count + 1, self.text.len());
        }
        if self.count == 0 {
            self.first = self.text.len();
        }
        self.count += 1;
    }

    /// The rows as lines.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Adds them as a table. The header is what is marked, or the first row; one column is a frame around running
    /// text.
    pub(crate) fn add_to(&self, builder: &mut DocumentBuilder, place: &Location) {
        if !self.has_columns {
            for row in self.text.lines() {
                builder.push(BlockKind::Paragraph, row.trim(), place.clone());
            }
            return;
        }
        let header = match self.count {
            0 | 1 => 0,
            rows if self.marked.0 > 0 && self.marked.0 < rows => self.marked.1,
            _ => self.first,
        };
        builder.table(self.text.trim_end_matches('\n'), header, place.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rows: &[(&str, bool)]) -> Vec<(BlockKind, String, usize)> {
        let mut table = Rows::default();
        for (row, is_header) in rows {
            table.add(row, *is_header);
        }
        let mut builder = DocumentBuilder::new("");
        table.add_to(&mut builder, &Location::default());
        let document = builder.finish();
        let text = |block| document.block_text(block).to_owned();
        document.blocks.iter().map(|block| (block.kind, text(block), block.header)).collect()
    }

    #[test]
    fn a_header_is_marked_or_the_first_row() {
        use BlockKind::{Paragraph, Table};
        assert_eq!(read(&[("a\tb", false), ("1\t2", false)]), [(Table, "a\tb\n1\t2".into(), 4)]);
        assert_eq!(
            read(&[("a\t", true), ("\t\t", false), ("b\tc", true), ("1\t2", false)]),
            [(Table, "a\t\nb\tc\n1\t2".into(), 7)]
        );
        assert_eq!(read(&[("a\tb", true), ("c\td", true)]), [(Table, "a\tb\nc\td".into(), 4)]);
        assert_eq!(read(&[("a\tb", false)]), [(Table, "a\tb".into(), 0)]);
        assert_eq!(
            read(&[("a", false), ("b\t", false)]),
            [(Paragraph, "a".into(), 0), (Paragraph, "b".into(), 0)]
        );
    }
}
