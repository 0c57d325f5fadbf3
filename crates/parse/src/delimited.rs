//! CSV and TSV: one table, as it stands in the file, whose header is its first row.

use std::path::Path;

use docent_core::ParsedDocument;

use crate::verbatim;

/// A first row longer than this (in bytes) is no header that is worth repeating.
const LONGEST_HEADER: usize = 2000;

pub(crate) fn parse(text: String, path: &Path) -> ParsedDocument {
    let tabs = path.extension().is_some_and(|ext| ext.eq_ignore_ascii_case("tsv") || ext == "tab");
    let start = text.len() - text.trim_start_matches(['\n', '\r']).len();
    let first = first_row(&text[start..]);
    let header = if first >= text.len() - start || first > LONGEST_HEADER { 0 } else { first };
    let end = text.len();
    let mime = if tabs { "text/tab-separated-values" } else { "text/csv" };
    verbatim::build(mime, text, |document| document.table(start..end, header))
}

/// Bytes of the first row, its line end included: newlines inside quotes do not end it.
fn first_row(text: &str) -> usize {
    let mut quoted = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => return at + 1,
            _ => {}
        }
        if at > LONGEST_HEADER {
            break;
        }
    }
    // An unclosed quote must not swallow the file.
    text.find('\n').map_or(text.len(), |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_row_is_the_header() {
        let document = parse("name,\"no\nte\"\nann,x\nbo,y\n".into(), Path::new("a.csv"));
        let block = &document.blocks[0];
        assert_eq!(&document.block_text(block)[..block.header], "name,\"no\nte\"\n");
        assert_eq!(block.location.lines, Some([1, 4]));
        assert_eq!(document.block_text(block), "name,\"no\nte\"\nann,x\nbo,y");
    }
}
