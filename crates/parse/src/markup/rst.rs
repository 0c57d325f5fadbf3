//! reStructuredText.

use docent_core::BlockKind;

use super::{Page, indent, is_bulleted, is_counted};

/// Adornments are made of these, each of one.
const PUNCTUATION: &str = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
/// Directives whose body is program text.
const CODE: [&str; 7] =
    ["code-block", "code", "sourcecode", "highlight", "parsed-literal", "math", "productionlist"];

pub(super) fn read(page: &mut Page<'_, '_>) {
    let mut styles: Vec<(char, bool)> = Vec::new();
    let mut at = 0;
    while at < page.len() {
        at = if page.is_blank(at) {
            page.flush();
            at + 1
        } else if let Some(lines) = heading(page, at, &mut styles) {
            at + lines
        } else {
            body(page, at)
        };
    }
}

/// The character that a line is made of, if it is at least so long.
fn adornment(line: &str, least: usize) -> Option<char> {
    let first = line.chars().next().filter(|c| PUNCTUATION.contains(*c))?;
    (line.len() >= least && line.chars().all(|c| c == first)).then_some(first)
}

/// Adds the heading that starts at line `at`, and gives the number of its lines.
fn heading(page: &mut Page<'_, '_>, at: usize, styles: &mut Vec<(char, bool)>) -> Option<usize> {
    if page.is_open() {
        return None;
    }
    let line = page.line(at);
    let (mark, words, lines) = if let Some(mark) = adornment(line, 2) {
        let (words, below) = (page.line(at + 1), page.line(at + 2));
        if words.trim().is_empty() || below != line || adornment(words, 3).is_some() {
            return None;
        }
        ((mark, true), words.trim(), 3)
    } else {
        let below = page.line(at + 1);
        let mark = adornment(below, 2)?;
        // A line that is too short underlines nothing, or is a slip where it is long enough to be meant.
        let is_long = below.len() >= line.chars().count() || below.len() >= 4;
        if indent(line) > 0 || !is_long || line.starts_with(".. ") {
            return None;
        }
        ((mark, false), line, 2)
    };
    let level = styles.iter().position(|style| *style == mark).unwrap_or_else(|| {
        styles.push(mark);
        styles.len() - 1
    });
    if level == 0 {
        page.document.title(words);
    }
    page.heading(u8::try_from(level + 1).unwrap_or(6), words, at..at + lines);
    Some(lines)
}

/// Adds what starts at line `at`, and gives the line after it.
fn body(page: &mut Page<'_, '_>, at: usize) -> usize {
    let line = page.line(at);
    if page.is_open() {
        page.push(at);
        if line.ends_with("::") {
            page.flush();
            return literal(page, at, indent(line));
        }
        return at + 1;
    }
    if adornment(line, 4).is_some() {
        // A ruler.
        return at + 1;
    }
    if let Some(rest) = line.strip_prefix("..")
        && (rest.is_empty() || rest.starts_with(' '))
    {
        return explicit(page, at, rest.trim());
    }
    if line.starts_with("+-") || is_border(line) {
        return table(page, at);
    }
    if is_item(line) {
        let end = page.end_of_item(at, is_item);
        page.block(BlockKind::ListItem, at..end);
        return end;
    }
    page.push(at);
    if line.ends_with("::") {
        page.flush();
        return literal(page, at, indent(line));
    }
    at + 1
}

fn is_item(line: &str) -> bool {
    let line = line.trim_start();
    is_bulleted(line, "*-+•")
        || is_counted(line)
        || line.starts_with("#. ")
        || (line.starts_with('(') && is_counted(&line[1..]))
}

/// The end of the lines after `at` that are indented by more than `column`, blank ones between them included.
fn indented(page: &Page<'_, '_>, at: usize, column: usize) -> usize {
    let mut end = at + 1;
    for next in at + 1..page.len() {
        let line = page.line(next);
        if line.is_empty() {
            continue;
        }
        if indent(line) <= column {
            break;
        }
        end = next + 1;
    }
    end
}

/// Adds the program text below a paragraph that ends in `::`.
fn literal(page: &mut Page<'_, '_>, at: usize, column: usize) -> usize {
    if !page.is_blank(at + 1) {
        return at + 1;
    }
    let end = indented(page, at, column);
    page.block(BlockKind::Code, (at + 1).min(end)..end);
    end
}

/// Adds a directive, a note or a target; comments are left out.
fn explicit(page: &mut Page<'_, '_>, at: usize, words: &str) -> usize {
    let end = indented(page, at, 0);
    let Some((name, arguments)) = words.split_once("::") else {
        // A target without an address says nothing.
        if words.starts_with('[') || (words.starts_with(['_', '|']) && !words.ends_with(':')) {
            page.block(BlockKind::Paragraph, at..end);
        }
        return end;
    };
    let name = name.trim().to_ascii_lowercase();
    if name.is_empty() || (name.contains(char::is_whitespace) && !name.starts_with(['|', '_'])) {
        // A sentence with two colons in it, commented out.
        return end;
    }
    let mut first = at + 1;
    while first < end && page.line(first).trim_start().starts_with(':') {
        first += 1;
    }
    if CODE.contains(&name.as_str()) {
        page.block(BlockKind::Code, first..end);
        return end;
    }
    if matches!(name.as_str(), "contents" | "toctree" | "highlight" | "raw") {
        return end;
    }
    if !arguments.trim().is_empty() {
        page.push(at);
    }
    for line in at + 1..end {
        if page.is_blank(line) {
            page.flush();
        } else {
            page.push(line);
        }
    }
    page.flush();
    end
}

/// Whether a line is a border of a simple table: runs of `=` with blanks between them.
fn is_border(line: &str) -> bool {
    line.starts_with('=') && line.contains(' ') && line.bytes().all(|byte| matches!(byte, b'=' | b' '))
}

/// Adds the table that starts at line `at`.
fn table(page: &mut Page<'_, '_>, at: usize) -> usize {
    let mut end = at + 1;
    let mut header = 0;
    if page.line(at).starts_with('+') {
        while page.line(end).starts_with(['+', '|']) {
            if header == 0 && page.line(end).starts_with("+=") {
                header = end + 1 - at;
            }
            end += 1;
        }
    } else {
        // It ends at a border that nothing follows; the one before it parts header and body.
        let mut borders = 0;
        for next in at + 1..page.len() {
            if is_border(page.line(next)) {
                borders += 1;
                end = next + 1;
                if borders == 2 || page.is_blank(next + 1) {
                    break;
                }
                header = end - at;
            }
        }
        if borders == 0 {
            page.push(at);
            return at + 1;
        }
    }
    page.table(at..end, header);
    end
}

#[cfg(test)]
mod tests {
    use super::super::{Markup, parse, tests::blocks};
    use super::*;

    #[test]
    fn structure() {
        let text = "=====\nGuide\n=====\n\n:Author: Ann\n\nStart\n-----\n\nOne line\nand more.\n\n* first\n  goes on\n\n  - inner\n* second\n\nRun::\n\n    ls\n\n    pwd\n\nAfter.\n\n.. comment\n   hidden\n\n.. note::\n   Mind the gap.\n\n.. code-block:: sh\n   :linenos:\n\n   make\n\n设置\n----\n\n=== ===\nA   B\n=== ===\n1   2\n=== ===\n\n+---+---+\n| H | I |\n+===+===+\n| 1 | 2 |\n+---+---+\n\n----\n\n.. [1] A source.\n";
        let found = blocks(text, Markup::Rst);
        let plain: Vec<_> = found.iter().map(|(kind, body, _)| (*kind, body.as_str())).collect();
        assert_eq!(
            plain,
            [
                (BlockKind::Heading, "=====\nGuide\n====="),
                (BlockKind::Paragraph, ":Author: Ann"),
                (BlockKind::Heading, "Start\n-----"),
                (BlockKind::Paragraph, "One line\nand more."),
                (BlockKind::ListItem, "* first\n  goes on\n\n  - inner"),
                (BlockKind::ListItem, "* second"),
                (BlockKind::Paragraph, "Run::"),
                (BlockKind::Code, "    ls\n\n    pwd"),
                (BlockKind::Paragraph, "After."),
                (BlockKind::Paragraph, "   Mind the gap."),
                (BlockKind::Code, "   make"),
                (BlockKind::Heading, "设置\n----"),
                (BlockKind::Table, "=== ===\nA   B\n=== ===\n1   2\n=== ==="),
                (BlockKind::Table, "+---+---+\n| H | I |\n+===+===+\n| 1 | 2 |\n+---+---+"),
                (BlockKind::Paragraph, ".. [1] A source."),
            ]
        );
        assert_eq!(found[12].2, ["Guide", "设置"]);
        let document = parse(text.to_owned(), Markup::Rst);
        assert_eq!(document.title.as_deref(), Some("Guide"));
        assert_eq!(document.blocks[12].header, "=== ===\nA   B\n=== ===\n".len());
        assert_eq!(document.blocks[13].header, "+---+---+\n| H | I |\n+===+===+\n".len());
    }

    #[test]
    fn levels_go_by_their_first_use() {
        let text = "A\n~~~~\n\nB\n====\n\nC\n~~~~\n\nD\n====\n";
        let paths: Vec<_> =
            blocks(text, Markup::Rst).into_iter().map(|(_, _, path)| path.join("/")).collect();
        assert_eq!(paths, ["A", "A/B", "C", "C/D"]);
    }
}
