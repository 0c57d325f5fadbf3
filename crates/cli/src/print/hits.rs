//! Search results.

use std::fmt::Write as _;

use docent::{Hit, SearchReport, Signals};

use super::{DIM, MARKED, STRONG, clean, clean_line, mark::marks, notes, place, wrap::wrap};

/// Lines shown of each passage.
const LINES: usize = 4;
const INDENT: &str = "   ";

/// The hits, best first, each with its place and the part of its text that the query's words stand in.
pub(crate) fn search(report: &SearchReport, width: usize, explain: bool) -> String {
    let mut text = String::new();
    for (at, found) in report.hits.iter().enumerate() {
        if at > 0 {
            text.push('\n');
        }
        hit(&mut text, found, &report.query, width, explain);
    }
    if report.hits.is_empty() {
        text.push_str("nothing found\n");
    }
    if !report.notes.is_empty() {
        text.push('\n');
        notes(&mut text, &report.notes);
    }
    text
}

/// One hit: a line of title and score, a line of place, and some lines of text.
pub(super) fn hit(text: &mut String, hit: &Hit, query: &str, width: usize, explain: bool) {
    let title = clean_line(&hit.title);
    let title = if title.is_empty() { file_name(&hit.path) } else { title };
    let _ = writeln!(text, "{STRONG}{}. {title}{STRONG:#}  {DIM}{:.3}{DIM:#}", hit.rank, hit.score);
    let _ = writeln!(text, "{INDENT}{}", place(&hit.path, &hit.location));
    if explain {
        let when = hit.modified.split('T').next().unwrap_or_default();
        let facts =
            [signals(&hit.signals), format!("collection {}", clean_line(&hit.collection)), when.to_owned()];
        let facts: Vec<String> = facts.into_iter().filter(|fact| !fact.is_empty()).collect();
        let _ = writeln!(text, "{INDENT}{DIM}{}{DIM:#}", facts.join("  "));
    }
    excerpt(text, &hit.text, query, width);
}

fn file_name(path: &str) -> String {
    clean_line(path.rsplit(['/', '\\']).next().unwrap_or(path))
}

fn signals(signals: &Signals) -> String {
    let named = [
        ("bm25", signals.bm25),
        ("cosine", signals.cosine),
        ("fused", signals.fused),
        ("rerank", signals.rerank),
    ];
    let parts: Vec<String> =
        named.iter().filter_map(|(name, value)| value.map(|value| format!("{name} {value:.3}"))).collect();
    parts.join("  ")
}

/// Running text whose lines were cut by its author, joined again; what begins a line with anything but a small letter stays.
fn unwrapped(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let goes_on = c == '\n' && rest.peek().is_some_and(|next| next.is_lowercase());
        joined.push(if goes_on { ' ' } else { c });
    }
    joined
}

/// The lines around the most marked words, with those marked.
fn excerpt(text: &mut String, passage: &str, query: &str, width: usize) {
    let passage = unwrapped(&clean(passage));
    let marks = marks(&passage, query);
    let lines = wrap(&passage, width.saturating_sub(INDENT.len() + 2));
    let marked = |from: usize| {
        let shown = &lines[from..(from + LINES).min(lines.len())];
        marks.iter().filter(|mark| shown.iter().any(|line| line.contains(&mark.start))).count()
    };
    // The first of the best windows.
    let from = (0..=lines.len().saturating_sub(LINES)).rev().max_by_key(|from| marked(*from)).unwrap_or(0);
    let shown = &lines[from..(from + LINES).min(lines.len())];
    for (at, line) in shown.iter().enumerate() {
        let before = if at == 0 && from > 0 { "…" } else { "" };
        let after = if at + 1 == shown.len() && from + shown.len() < lines.len() { "…" } else { "" };
        let _ = write!(text, "{INDENT}{before}");
        let mut done = line.start;
        for mark in marks.iter().filter(|mark| mark.start < line.end && mark.end > line.start) {
            let (start, end) = (mark.start.max(line.start), mark.end.min(line.end));
            let _ = write!(text, "{}{MARKED}{}{MARKED:#}", &passage[done..start], &passage[start..end]);
            done = end;
        }
        let _ = writeln!(text, "{}{after}", &passage[done..line.end]);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use docent::Location;

    use super::{super::plain, *};

    pub(in crate::print) fn example() -> Hit {
        Hit {
            rank: 1,
            score: 0.8123,
            path: "/docs/hr/leave.pdf".into(),
            collection: "hr".into(),
            title: "Leave policy".into(),
            mime: "application/pdf".into(),
            modified: "2025-01-31T09:30:00Z".into(),
            text: "Every employee has thirty days of annual leave. Up to five days of annual leave can be carried \
                   over into the next year; they lapse on 31 March. Requests go to the head of the department, who \
                   answers within a week. Sick leave is another matter. Parental leave is another matter again."
                .into(),
            location: Location { page: Some(3), heading: vec!["Leave".into()], ..Location::default() },
            signals: Signals { bm25: Some(7.5), cosine: Some(0.81), fused: Some(0.8123), rerank: None },
        }
    }

    fn report(query: &str, hits: Vec<Hit>) -> SearchReport {
        SearchReport { query: query.into(), hits, ..SearchReport::default() }
    }

    #[test]
    fn a_hit_shows_where_its_words_stand() {
        let report = report("parental leave requests", vec![example()]);
        insta::assert_snapshot!(plain(&search(&report, 60, true)), @"
        1. Leave policy  0.812
           /docs/hr/leave.pdf, page 3
           bm25 7.500  cosine 0.810  fused 0.812  collection hr  2025-01-31
           …five days of annual leave can be carried over into the
           next year; they lapse on 31 March. Requests go to the
           head of the department, who answers within a week. Sick
           leave is another matter. Parental leave is another…
        ");
        let colours = search(&report, 60, false);
        assert!(colours.contains(&format!("{MARKED}Parental{MARKED:#}")), "{colours:?}");
    }

    #[test]
    fn nothing_is_said_to_be_nothing() {
        let mut nothing = report("x", Vec::new());
        nothing.notes = vec!["12 files are not searchable yet".into()];
        insta::assert_snapshot!(plain(&search(&nothing, 60, false)), @"
        nothing found

        note: 12 files are not searchable yet
        ");
    }
}
