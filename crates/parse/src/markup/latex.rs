//! LaTeX.

use std::ops::Range;

use docent_core::BlockKind;
use unicode_normalization::UnicodeNormalization;

use super::{Index, Page, indent};

/// Commands that make headings, the highest first.
const HEADINGS: [&str; 7] =
    ["part", "chapter", "section", "subsection", "subsubsection", "paragraph", "subparagraph"];
/// Lines that are nothing but one of these are for the typesetter.
const LAYOUT: [&str; 34] = [
    "begin",
    "end",
    "centering",
    "maketitle",
    "tableofcontents",
    "newpage",
    "clearpage",
    "label",
    "vspace",
    "hspace",
    "includegraphics",
    "bibliographystyle",
    "bibliography",
    "usepackage",
    "documentclass",
    "input",
    "include",
    "noindent",
    "hline",
    "toprule",
    "midrule",
    "bottomrule",
    "newcommand",
    "renewcommand",
    "def",
    "setlength",
    "pagestyle",
    "thispagestyle",
    "appendix",
    "bigskip",
    "medskip",
    "smallskip",
    "frontmatter",
    "mainmatter",
];
/// Environments whose lines are taken as they are.
const CODE: [&str; 5] = ["verbatim", "verbatim*", "lstlisting", "minted", "alltt"];
const TABLES: [&str; 5] = ["tabular", "tabular*", "tabularx", "longtable", "tabulary"];
const LISTS: [&str; 4] = ["itemize", "enumerate", "description", "thebibliography"];
/// Lines that the argument of a command may take.
const LONGEST_ARGUMENT: usize = 2000;

pub(super) fn read(page: &mut Page<'_, '_>) {
    let ends = page.index(|line| environment(line, "\\end{").map(str::to_owned));
    let begin = page.index(|line| environment(line, "\\begin{").map(str::to_owned)).after("document", 0);
    let top = top_level(page);
    // Lists that are open.
    let mut lists = 0usize;
    let mut at = 0;
    while at < page.len() {
        let start = page.line(at).trim_start();
        let is_preamble = begin.is_some_and(|begin| at < begin);
        if start.is_empty() || start.starts_with('%') {
            // A comment is no part of a block: what goes on below it is another.
            if lists == 0 || !start.is_empty() {
                page.flush();
            }
            at += 1;
        } else if let Some(name) = environment(start, "\\begin{") {
            at = opened(page, at, name, &mut lists, &ends);
        } else if let Some(name) = environment(start, "\\end{") {
            if name == "document" {
                break;
            }
            if LISTS.contains(&name) {
                lists = lists.saturating_sub(1);
            }
            if lists == 0 {
                page.flush();
            }
            at += 1;
        } else if let Some(lines) = titled(page, at) {
            at += lines;
        } else if is_preamble {
            at += 1;
        } else if let Some(lines) = heading(page, at, top) {
            at += lines;
        } else if lists <= 1 && (start.starts_with("\\item") || start.starts_with("\\bibitem")) {
            page.start(BlockKind::ListItem, at);
            at += 1;
        } else if is_layout(start) {
            if lists == 0 {
                page.flush();
            }
            at += 1;
        } else {
            page.push(at);
            at += 1;
        }
    }
}

/// The environment that a line begins or ends.
fn environment<'t>(line: &'t str, command: &str) -> Option<&'t str> {
    let rest = line.trim_start().strip_prefix(command)?;
    rest.split_once('}').map(|(name, _)| name).filter(|name| name.len() < 40)
}

/// The highest kind of heading in the text, as a place in [`HEADINGS`].
fn top_level(page: &Page<'_, '_>) -> usize {
    (0..page.len())
        .filter_map(|at| command(page.line(at).trim_start()).map(|(level, _)| level))
        .min()
        .unwrap_or(0)
}

/// The kind of the heading that a line starts, and the length of its command.
fn command(line: &str) -> Option<(usize, usize)> {
    let rest = line.strip_prefix('\\')?;
    let name = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
    let level = HEADINGS.iter().position(|heading| *heading == &rest[..name])?;
    let star = usize::from(rest[name..].starts_with('*'));
    rest[name + star..].starts_with(['{', '[']).then_some((level, 1 + name + star))
}

/// Adds what `\begin{name}` in line `at` opens, and gives the line after what was read.
fn opened(page: &mut Page<'_, '_>, at: usize, name: &str, lists: &mut usize, ends: &Index) -> usize {
    let is_code = CODE.contains(&name);
    if is_code || TABLES.contains(&name) || name == "comment" {
        let Some(end) = ends.after(name, at) else {
            page.flush();
            return at + 1;
        };
        if is_code {
            page.block(BlockKind::Code, at + 1..end);
        } else if name != "comment" {
            table(page, at + 1..end);
        }
        return end + 1;
    }
    if LISTS.contains(&name) {
        *lists += 1;
    }
    if *lists <= 1 {
        page.flush();
    }
    at + 1
}

/// Adds the rows of a table; the first is the header.
fn table(page: &mut Page<'_, '_>, lines: Range<usize>) {
    let is_rule = |line: &str| {
        let line = line.trim();
        line.is_empty() || is_layout(line)
    };
    let start = lines.clone().find(|at| !is_rule(page.line(*at))).unwrap_or(lines.end);
    let header =
        (start..lines.end).take(10).position(|at| page.line(at).contains("\\\\")).map_or(0, |at| at + 1);
    page.table(start..lines.end, header);
}

/// Takes the document's title, and gives the number of its lines.
fn titled(page: &mut Page<'_, '_>, at: usize) -> Option<usize> {
    let start = page.line(at).trim_start();
    let name = ["title", "author", "date", "subtitle"].into_iter().find(|name| {
        start
            .strip_prefix('\\')
            .and_then(|rest| rest.strip_prefix(name))
            .is_some_and(|rest| rest.starts_with(['{', '[']))
    })?;
    let from = page.lines[at].start + indent(page.line(at)) + 1 + name.len();
    let (inner, _) = argument(page.text, from)?;
    let lines = line_at(page, inner.end) - at + 1;
    if name == "title" {
        page.document.title(&words(&page.text[inner.clone()]));
    }
    page.flush();
    page.document.push(BlockKind::Paragraph, inner);
    Some(lines)
}

/// Adds the heading that starts at line `at`, and gives the number of its lines. What stands behind it stays.
fn heading(page: &mut Page<'_, '_>, at: usize, top: usize) -> Option<usize> {
    let line = page.line(at);
    let (level, length) = command(line.trim_start())?;
    let start = page.lines[at].start + indent(line);
    let (inner, end) = argument(page.text, start + length)?;
    let last = line_at(page, inner.end);
    let text = words(&page.text[inner]);
    page.flush();
    page.document.heading(u8::try_from(level - top + 1).unwrap_or(6).min(6), &text, start..end);
    let rest = page.lines[last].end;
    let behind = page.text[end..rest].trim_start();
    if !behind.is_empty() && !behind.starts_with('%') && !is_layout(behind.trim_end()) {
        page.open = Some((BlockKind::Paragraph, rest - behind.len()..rest));
    }
    Some(last - at + 1)
}

/// The argument in braces at `from`, without them, and its end; one in brackets before it is passed over.
fn argument(text: &str, from: usize) -> Option<(Range<usize>, usize)> {
    let most = text.floor_char_boundary(from.saturating_add(LONGEST_ARGUMENT));
    let mut start = from;
    let rest = text.get(from..most)?;
    if rest.starts_with('[') {
        start += rest.find(']')? + 1;
    }
    let inside = text.get(start..most)?.strip_prefix('{')?;
    let mut depth = 1usize;
    let mut escaped = false;
    for (at, byte) in inside.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((start + 1..start + 1 + at, start + at + 2));
        }
    }
    None
}

/// The line that byte `at` stands in.
fn line_at(page: &Page<'_, '_>, at: usize) -> usize {
    page.lines.partition_point(|line| line.end <= at).min(page.len() - 1)
}

/// Whether a line is commands of [`LAYOUT`] and their arguments, and nothing more.
fn is_layout(line: &str) -> bool {
    let mut rest = line;
    while let Some(command) = rest.strip_prefix('\\') {
        let name = command.bytes().take_while(u8::is_ascii_alphabetic).count();
        if !LAYOUT.contains(&&command[..name]) {
            return false;
        }
        if &command[..name] == "def" {
            return true;
        }
        rest = after_arguments(&command[name..]);
        if rest.is_empty() || rest.starts_with('%') {
            return true;
        }
    }
    false
}

/// What follows arguments in braces and brackets.
fn after_arguments(text: &str) -> &str {
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            '*' | ' ' | '\t' => {}
            _ if depth == 0 => return &text[at..],
            _ => {}
        }
    }
    ""
}

/// Words without commands: `M\"uller \emph{said}` is `Müller said`.
fn words(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(mark) if mark.is_ascii_alphabetic() => {
                    let mut name = String::from(mark);
                    while let Some(next) = chars.next_if(char::is_ascii_alphabetic) {
                        name.push(next);
                    }
                    while chars.next_if(|c| *c == ' ').is_some() {}
                    match (accent(&name), letter(&name)) {
                        (Some(accent), _) => accented(&mut out, &mut chars, accent),
                        (None, Some(letter)) => out.push_str(letter),
                        (None, None) => {}
                    }
                }
                Some(mark) => match accent(mark.encode_utf8(&mut [0; 4])) {
                    Some(accent) => accented(&mut out, &mut chars, accent),
                    None if mark == '\\' || mark == ',' => out.push(' '),
                    None => out.push(mark),
                },
                None => {}
            },
            '{' | '}' => {}
            '~' => out.push(' '),
            c => out.push(c),
        }
    }
    out.nfc().collect()
}

/// Adds the next letter with `accent`.
fn accented(out: &mut String, chars: &mut std::iter::Peekable<std::str::Chars<'_>>, accent: char) {
    while chars.next_if(|c| *c == '{').is_some() {}
    let dotless = chars.next_if(|c| *c == '\\').is_some();
    match chars.next() {
        Some(c) if c.is_alphabetic() || dotless => out.extend([c, accent]),
        Some(c) => out.push(c),
        None => {}
    }
}

fn accent(name: &str) -> Option<char> {
    Some(match name {
        "\"" => '\u{308}',
        "'" => '\u{301}',
        "`" => '\u{300}',
        "^" => '\u{302}',
        "~" => '\u{303}',
        "=" => '\u{304}',
        "." => '\u{307}',
        "c" => '\u{327}',
        "v" => '\u{30c}',
        "u" => '\u{306}',
        "H" => '\u{30b}',
        "r" => '\u{30a}',
        "k" => '\u{328}',
        _ => return None,
    })
}

fn letter(name: &str) -> Option<&'static str> {
    Some(match name {
        "ss" => "ß",
        "ae" => "æ",
        "AE" => "Æ",
        "oe" => "œ",
        "OE" => "Œ",
        "o" => "ø",
        "O" => "Ø",
        "l" => "ł",
        "L" => "Ł",
        "LaTeX" => "LaTeX",
        "TeX" => "TeX",
        "ldots" | "dots" => "…",
        "thanks" => " ",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Markup, parse, tests::blocks};
    use super::*;

    #[test]
    fn structure() {
        let text = "\\documentclass{article}\n\\usepackage{x}\n\\title{On \\emph{Pumps}}\n\\begin{document}\n\\maketitle\n\n\\section{M\\\"uller \\& S\\o n}\\label{sec:a}\nFirst line\nsecond.\n% hidden\nThird.\n\n\\subsection*{细节} Text behind.\n\\begin{itemize}\n\\item one\n  more\n\n\\item two\n\\begin{enumerate}\n\\item inner\n\\end{enumerate}\n\\end{itemize}\n\\begin{verbatim}\n\\section{no}\n\\end{verbatim}\n\\begin{table}\n\\begin{tabular}{ll}\n\\hline\nA & B \\\\\n\\hline\n1 & 2 \\\\\n\\end{tabular}\n\\caption{Prices of 2026.}\n\\end{table}\n\\end{document}\nnot set\n";
        let found = blocks(text, Markup::Latex);
        let plain: Vec<_> = found.iter().map(|(kind, body, _)| (*kind, body.as_str())).collect();
        assert_eq!(
            plain,
            [
                (BlockKind::Paragraph, "On \\emph{Pumps}"),
                (BlockKind::Heading, "\\section{M\\\"uller \\& S\\o n}"),
                (BlockKind::Paragraph, "First line\nsecond."),
                (BlockKind::Paragraph, "Third."),
                (BlockKind::Heading, "\\subsection*{细节}"),
                (BlockKind::Paragraph, "Text behind."),
                (BlockKind::ListItem, "\\item one\n  more"),
                (BlockKind::ListItem, "\\item two\n\\begin{enumerate}\n\\item inner"),
                (BlockKind::Code, "\\section{no}"),
                (BlockKind::Table, "A & B \\\\\n\\hline\n1 & 2 \\\\"),
                (BlockKind::Paragraph, "\\caption{Prices of 2026.}"),
            ]
        );
        assert_eq!(found[5].2, ["Müller & Søn", "细节"]);
        let document = parse(text.to_owned(), Markup::Latex);
        assert_eq!(document.title.as_deref(), Some("On Pumps"));
        assert_eq!(document.blocks[9].header, "A & B \\\\\n".len());
    }

    #[test]
    fn levels_are_counted_from_the_highest() {
        let found =
            blocks("\\chapter{A}\n\\section[short]{B}\nText.\n\\section{Never closed\n", Markup::Latex);
        assert_eq!(found[2].2, ["A", "B"]);
        assert_eq!(found[2].1, "Text.\n\\section{Never closed");
        assert!(is_layout("\\includegraphics[width=2cm]{a b} % x") && is_layout("\\label{a}\\vspace{1em}"));
        assert!(!is_layout("\\includegraphics[width=2cm]{a} and words") && !is_layout("\\noindent Words"));
    }
}
