//! Org.

use docent_core::BlockKind;

use super::{Page, indent, is_bulleted, is_counted};

/// Keywords that say something to a reader.
const SPOKEN: [&str; 8] =
    ["title", "subtitle", "author", "date", "description", "caption", "keywords", "email"];

pub(super) fn read(page: &mut Page<'_, '_>) {
    let ends = page.index(|line| {
        let line = line.trim_start();
        if line.eq_ignore_ascii_case(":end:") {
            return Some("drawer".to_owned());
        }
        let is_end = line.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("#+end_"));
        is_end.then(|| line[6..].trim().to_ascii_lowercase())
    });
    let headings = page.index(|line| level(line).map(|_| String::new()));
    let mut at = 0;
    while at < page.len() {
        let line = page.line(at);
        let start = line.trim_start();
        if start.is_empty() {
            page.flush();
            at += 1;
        } else if let Some(level) = level(line) {
            page.heading(level, &words(&line[usize::from(level)..]), at..at + 1);
            at += 1;
        } else if let Some(end) = drawer(start).then(|| ends.after("drawer", at)).flatten()
            && headings.after("", at).is_none_or(|heading| heading > end)
        {
            page.flush();
            at = end + 1;
        } else if let Some(keyword) = start.strip_prefix("#+") {
            at = keyworded(page, at, keyword, |kind| ends.after(kind, at));
        } else if start.starts_with("# ") || start == "#" || is_ruler(start) {
            page.flush();
            at += 1;
        } else if start.starts_with('|') {
            at = table(page, at);
        } else if is_item(line) {
            let end = page.end_of_item(at, |line| is_item(line) || level(line).is_some());
            page.block(BlockKind::ListItem, at..end);
            at = end;
        } else {
            page.push(at);
            at += 1;
        }
    }
}

/// The number of stars before a heading.
fn level(line: &str) -> Option<u8> {
    let stars = line.bytes().take_while(|byte| *byte == b'*').count();
    (stars > 0 && line[stars..].starts_with([' ', '\t'])).then(|| u8::try_from(stars).unwrap_or(u8::MAX))
}

/// The words of a heading, without its state, priority and tags; links by what they show.
fn words(line: &str) -> String {
    let mut line = line.trim_start_matches('*').trim();
    for state in ["TODO ", "DONE "] {
        line = line.strip_prefix(state).unwrap_or(line).trim_start();
    }
    if line.starts_with("[#") && line.get(3..4) == Some("]") {
        line = line[4..].trim_start();
    }
    if let Some((before, tags)) = line.rsplit_once([' ', '\t'])
        && tags.len() > 2
        && tags.starts_with(':')
        && tags.ends_with(':')
    {
        line = before.trim_end();
    }
    let mut words = String::new();
    while let Some((before, link)) = line.split_once("[[") {
        let Some((link, after)) = link.split_once("]]") else { break };
        words.push_str(before);
        words.push_str(link.split_once("][").map_or(link, |(_, shown)| shown));
        line = after;
    }
    words + line
}

fn drawer(line: &str) -> bool {
    line.len() > 2
        && line.starts_with(':')
        && line.ends_with(':')
        && line[1..line.len() - 1].bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
}

fn is_ruler(line: &str) -> bool {
    line.len() >= 5 && line.bytes().all(|byte| byte == b'-')
}

fn is_item(line: &str) -> bool {
    let start = line.trim_start();
    is_bulleted(start, "-+") || is_counted(start) || (indent(line) > 0 && is_bulleted(start, "*"))
}

/// Adds what a line `#+…` begins, and gives the line after it.
fn keyworded(
    page: &mut Page<'_, '_>,
    at: usize,
    keyword: &str,
    end_of: impl Fn(&str) -> Option<usize>,
) -> usize {
    let lower = keyword.to_ascii_lowercase();
    if let Some(kind) = lower.strip_prefix("begin_") {
        let kind = kind.split_whitespace().next().unwrap_or_default();
        page.flush();
        if !matches!(kind, "src" | "example" | "export" | "comment") {
            // A quotation, a verse: text as any other.
            return at + 1;
        }
        let Some(end) = end_of(kind) else { return at + 1 };
        if kind != "comment" {
            page.block(BlockKind::Code, at + 1..end);
        }
        return end + 1;
    }
    let (name, value) = keyword.split_once(':').unwrap_or((keyword, ""));
    if name.eq_ignore_ascii_case("title") {
        page.document.title(value);
    }
    if SPOKEN.iter().any(|spoken| name.eq_ignore_ascii_case(spoken)) && !value.trim().is_empty() {
        page.push(at);
    } else {
        page.flush();
    }
    at + 1
}

/// Adds the table that starts at line `at`. Its header is what stands above the first rule.
fn table(page: &mut Page<'_, '_>, at: usize) -> usize {
    let is_row = |line: &str| line.trim_start().starts_with('|');
    let is_rule = |line: &str| line.trim_start().starts_with("|-");
    let mut start = at;
    while is_rule(page.line(start)) {
        start += 1;
    }
    let mut end = start;
    let mut header = 0;
    while is_row(page.line(end)) {
        if header == 0 && end <= start + 3 && is_rule(page.line(end)) {
            header = end + 1 - start;
        }
        end += 1;
    }
    page.table(start..end, header);
    end
}

#[cfg(test)]
mod tests {
    use super::super::{Markup, parse, tests::blocks};
    use super::*;

    #[test]
    fn structure() {
        let text = "#+TITLE: Plan\n#+OPTIONS: toc:nil\n\n* TODO [#A] Ship [[https://x.example][it]]  :work:\n:PROPERTIES:\n:ID: 7\n:END:\nSome *bold* text\ngoes on.\n** 细节\n- one\n  more\n  - inner\n- two\n\n| a | b |\n|---+---|\n| 1 | 2 |\n\n#+begin_src sh\n* not a heading\n#+end_src\n# hidden\n#+begin_quote\nSaid.\n#+end_quote\n-----\n:NOTDRAWER:\nkept\n";
        let found = blocks(text, Markup::Org);
        let plain: Vec<_> = found.iter().map(|(kind, body, _)| (*kind, body.as_str())).collect();
        assert_eq!(
            plain,
            [
                (BlockKind::Paragraph, "#+TITLE: Plan"),
                (BlockKind::Heading, "* TODO [#A] Ship [[https://x.example][it]]  :work:"),
                (BlockKind::Paragraph, "Some *bold* text\ngoes on."),
                (BlockKind::Heading, "** 细节"),
                (BlockKind::ListItem, "- one\n  more\n  - inner"),
                (BlockKind::ListItem, "- two"),
                (BlockKind::Table, "| a | b |\n|---+---|\n| 1 | 2 |"),
                (BlockKind::Code, "* not a heading"),
                (BlockKind::Paragraph, "Said."),
                (BlockKind::Paragraph, ":NOTDRAWER:\nkept"),
            ]
        );
        assert_eq!(found[4].2, ["Ship it", "细节"]);
        let document = parse(text.to_owned(), Markup::Org);
        assert_eq!((document.title.as_deref(), document.blocks[6].header), (Some("Plan"), 20));
    }

    #[test]
    fn what_is_never_closed_hides_nothing() {
        let text = "* A\n:PROPERTIES:\nkept\n* B\n:END:\n#+begin_src\nalso kept\n";
        let found = blocks(text, Markup::Org);
        assert!(found.iter().any(|(_, body, _)| body.contains("\nkept")));
        assert!(found.iter().any(|(_, body, path)| body.contains("also kept") && *path == ["B"]));
    }
}
