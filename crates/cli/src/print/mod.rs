//! Reports as people read them. Every function makes a text with colours, which are taken out where nobody sees them.

mod answer;
mod eval;
mod extract;
mod hits;
mod index;
mod ledger;
mod machine;
mod mark;
mod wrap;

pub(crate) use answer::{after_answer, answer};
pub(crate) use eval::eval;
pub(crate) use extract::{blocks, document};
pub(crate) use hits::search;
pub(crate) use index::{dry_run, indexed};
pub(crate) use ledger::{check, collections, file, status};
pub(crate) use machine::{doctor, models};

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

pub(crate) const STRONG: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
pub(crate) const DOUBTFUL: Style = AnsiColor::Yellow.on_default();
pub(crate) const MARKED: Style = AnsiColor::Yellow.on_default().bold();

/// Text out of documents and file names without control characters, so that no document can give a terminal orders.
/// Line ends and tabs stay.
pub(crate) fn clean(text: &str) -> String {
    let harmless = |c: char| c == '\n' || c == '\t' || !(c.is_control() || is_direction(c));
    text.replace("\r\n", "\n").chars().map(|c| if harmless(c) { c } else { '\u{fffd}' }).collect()
}

/// The same on one line.
pub(crate) fn clean_line(text: &str) -> String {
    clean(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Marks that turn the direction of writing, and so can make a name look like another one.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `1,234,567`.
pub(crate) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 file`, `2 files`.
pub(crate) fn count(value: u64, what: &str) -> String {
    format!("{} {what}{}", number(value), if value == 1 { "" } else { "s" })
}

/// Bytes in powers of ten: `512 B`, `1.5 MB`.
pub(crate) fn bytes(value: u64) -> String {
    if value < 1000 {
        return format!("{value} B");
    }
    let mut amount = value as f64 / 1000.0;
    for unit in ["kB", "MB", "GB"] {
        if amount < 999.95 {
            return format!("{amount:.1} {unit}");
        }
        amount /= 1000.0;
    }
    format!("{amount:.1} TB")
}

/// Seconds in words: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 10 min`.
pub(crate) fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "?".into();
    }
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// Notes below a result.
pub(crate) fn notes(text: &mut String, notes: &[String]) {
    for note in notes {
        let _ = writeln!(text, "{DOUBTFUL}note{DOUBTFUL:#}: {}", clean_line(note));
    }
}

/// `path:page 3`, the way a hit names its place.
pub(crate) fn place(path: &str, location: &docent::Location) -> String {
    let words = location.in_words();
    let path = clean_line(path);
    if words.is_empty() { path } else { format!("{path}, {}", clean_line(&words)) }
}

#[cfg(test)]
pub(crate) fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!([0, 999, 1000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [0, 999, 1000, 1_500_000, 999_960].map(bytes),
            ["0 B", "999 B", "1.0 kB", "1.5 MB", "1.0 MB"]
        );
        assert_eq!(
            [0.04, 9.0, 9.97, 59.4, 185.0, 7800.0].map(duration),
            ["0.0 s", "9.0 s", "10 s", "59 s", "3 min 5 s", "2 h 10 min"]
        );
        assert_eq!(duration(f64::INFINITY), "?");
        assert_eq!((count(1, "file"), count(2, "file")), ("1 file".into(), "2 files".into()));
    }

    #[test]
    fn no_document_gives_orders_to_a_terminal() {
        assert_eq!(clean("a\u{1b}[31mb\r\nc\u{202e}d\u{9b}e"), "a\u{fffd}[31mb\nc\u{fffd}d\u{fffd}e");
        assert_eq!(clean_line(" a\n\tb "), "a b");
    }
}
