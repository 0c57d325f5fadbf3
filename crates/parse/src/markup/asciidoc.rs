//! AsciiDoc.

use std::ops::Range;

use docent_core::BlockKind;

use super::{Index, Page, is_bulleted, is_counted};

/// A longer line of one character delimits nothing.
const LONGEST_DELIMITER: usize = 200;

pub(super) fn read(page: &mut Page<'_, '_>) {
    let delimiters = page.index(|line| delimiter(line).map(str::to_owned));
    let mut at = 0;
    while at < page.len() {
        let line = page.line(at);
        if line.trim_start().is_empty() {
            page.flush();
            at += 1;
        } else if let Some((level, words)) = heading(line) {
            if level == 1 {
                page.document.title(words);
            }
            page.heading(level, words, at..at + 1);
            at += 1;
        } else if let Some(level) = underlined(page, at) {
            if level == 1 {
                page.document.title(line);
            }
            page.heading(level, line, at..at + 2);
            at += 2;
        } else if let Some(delimiter) = delimiter(line) {
            at = delimited(page, at, delimiter, &delimiters);
        } else if line.starts_with("//") || is_setting(line) || matches!(line, "'''" | "<<<" | "+") {
            // A comment, an attribute, a ruler.
            page.flush();
            at += 1;
        } else if is_item(line) {
            let end = end_of_list_item(page, at);
            page.block(BlockKind::ListItem, at..end);
            at = end;
        } else {
            page.push(at);
            at += 1;
        }
    }
}

/// The level and the words of a heading of one line.
fn heading(line: &str) -> Option<(u8, &str)> {
    let mark = line.chars().next().filter(|c| matches!(c, '=' | '#'))?;
    let words = line.trim_start_matches(mark);
    let level = u8::try_from(line.len() - words.len()).ok().filter(|level| *level <= 6)?;
    (words.starts_with([' ', '\t']) && !words.trim().is_empty()).then(|| (level, words.trim()))
}

/// The level of a heading that is underlined by as many characters as it has.
fn underlined(page: &Page<'_, '_>, at: usize) -> Option<u8> {
    let (words, below) = (page.line(at), page.line(at + 1));
    let mark = below.chars().next()?;
    let level = "=-~^+".find(mark)? + 1;
    let length = words.chars().count();
    let is_line = below.len() >= 3 && below.chars().all(|c| c == mark) && below.len().abs_diff(length) <= 1;
    let is_words = words.starts_with(char::is_alphanumeric) && !page.is_open();
    // A caption above a listing ends in a colon.
    (is_line && is_words && !words.ends_with(':')).then_some(level as u8)
}

/// A line that starts or ends a block.
fn delimiter(line: &str) -> Option<&str> {
    if line.starts_with("```") {
        return Some("```");
    }
    if line.len() > LONGEST_DELIMITER {
        return None;
    }
    if matches!(line, "--" | "|===" | ",===" | ":===") {
        return Some(line);
    }
    let first = line.chars().next().filter(|c| "-.+=*_/".contains(*c))?;
    (line.len() >= 4 && line.chars().all(|c| c == first)).then_some(line)
}

/// Adds the block that starts at line `at`, and gives the line after what was read of it.
fn delimited(page: &mut Page<'_, '_>, at: usize, delimiter: &str, delimiters: &Index) -> usize {
    page.flush();
    if delimiter == "|===" || delimiter == ",===" || delimiter == ":===" {
        let Some(end) = delimiters.after(delimiter, at) else { return at + 1 };
        return table(page, at + 1..end);
    }
    let is_comment = delimiter.starts_with('/');
    let is_code = delimiter.starts_with(['`', '-', '.', '+']) && delimiter != "--";
    if !is_comment && !is_code {
        // An example, a quotation, a sidebar: text as any other.
        return at + 1;
    }
    let Some(end) = delimiters.after(delimiter, at) else { return at + 1 };
    if is_code {
        page.block(BlockKind::Code, at + 1..end);
    }
    end + 1
}

/// Adds a table. Its header is the first row, if a blank line follows it or nothing says that there is none.
fn table(page: &mut Page<'_, '_>, lines: Range<usize>) -> usize {
    let end = lines.end;
    let mut first = lines.start;
    while first < end && page.is_blank(first) {
        first += 1;
    }
    let header = (first..end.min(first + 10)).take_while(|at| !page.is_blank(*at)).count();
    let is_parted = first + header < end && page.is_blank(first + header);
    page.table(first..end, if is_parted { header } else { 1 });
    end + 1
}

/// Whether a line sets something: an attribute of the document (`:toc:`), or of the block below (`[source,c]`).
fn is_setting(line: &str) -> bool {
    if line.starts_with('[') && line.ends_with(']') {
        // Who is quoted is for the reader.
        return !line.starts_with("[quote") && !line.starts_with("[verse");
    }
    line.strip_prefix(':').and_then(|rest| rest.split_once(':')).is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_!".contains(&byte))
    })
}

fn is_item(line: &str) -> bool {
    let line = line.trim_start();
    let deep = line.trim_start_matches(['*', '.']);
    let marks = line.len() - deep.len();
    is_bulleted(line, "*-") || is_counted(line) || ((1..=5).contains(&marks) && deep.starts_with(' '))
}

/// The nesting of an item: how often its mark is repeated, then its indentation.
fn depth(line: &str) -> (usize, usize) {
    let start = line.trim_start();
    let marks = start.len() - start.trim_start_matches(['*', '.']).len();
    (marks.max(1), line.len() - start.len())
}

/// An item ends before the next one of its level or above it, or at a blank line.
fn end_of_list_item(page: &Page<'_, '_>, at: usize) -> usize {
    let own = depth(page.line(at));
    let mut end = at + 1;
    while end < page.len() {
        let line = page.line(end);
        let is_next = is_item(line) && depth(line) <= own;
        if line.trim_start().is_empty() || is_next || delimiter(line).is_some() {
            break;
        }
        end += 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::super::{Markup, parse, tests::blocks};
    use super::*;

    #[test]
    fn structure() {
        let text = "= Handbook\nAnn Author\n:toc: left\n\nPreface.\n\n== Start\n\n// hidden\n* one\n** inner\n* two\n+\nmore\n\n. counted\n\n[source,sh]\n----\n== no heading\n----\n\n////\nhidden\n////\n\n.Prices\n[cols=\"1,1\"]\n|===\n|Item |Price\n\n|Pump |3\n|===\n\n=== 细节\n\n[NOTE]\n====\nMind the gap.\n====\n\nOld style\n---------\nText.\n";
        let found = blocks(text, Markup::AsciiDoc);
        let plain: Vec<_> = found.iter().map(|(kind, body, _)| (*kind, body.as_str())).collect();
        assert_eq!(
            plain,
            [
                (BlockKind::Heading, "= Handbook"),
                (BlockKind::Paragraph, "Ann Author"),
                (BlockKind::Paragraph, "Preface."),
                (BlockKind::Heading, "== Start"),
                (BlockKind::ListItem, "* one\n** inner"),
                (BlockKind::ListItem, "* two\n+\nmore"),
                (BlockKind::ListItem, ". counted"),
                (BlockKind::Code, "== no heading"),
                (BlockKind::Paragraph, ".Prices"),
                (BlockKind::Table, "|Item |Price\n\n|Pump |3"),
                (BlockKind::Heading, "=== 细节"),
                (BlockKind::Paragraph, "Mind the gap."),
                (BlockKind::Heading, "Old style\n---------"),
                (BlockKind::Paragraph, "Text."),
            ]
        );
        assert_eq!(found[11].2, ["Handbook", "Start", "细节"]);
        let document = parse(text.to_owned(), Markup::AsciiDoc);
        assert_eq!((document.title.as_deref(), document.blocks[9].header), (Some("Handbook"), 13));
    }

    #[test]
    fn what_is_never_closed_hides_nothing() {
        let found = blocks("----\ncode\n\n////\nalso\n\n|===\n|row\n", Markup::AsciiDoc);
        let all: Vec<_> = found.iter().map(|(_, body, _)| body.as_str()).collect();
        assert_eq!(all, ["code", "also", "|row"]);
    }
}
