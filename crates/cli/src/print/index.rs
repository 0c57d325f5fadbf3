//! What adding and indexing did.

use std::fmt::Write as _;

use docent::{DryRunReport, Failure, IndexReport};

use super::{BAD, STRONG, bytes, clean_line, count, duration, ledger::counts, number};

/// Failures shown by name.
const FAILURES: usize = 10;

/// What changed, what could not be read, and where the index stands.
pub(crate) fn indexed(report: &IndexReport) -> String {
    let mut text = String::new();
    let changes = [
        (report.added, "added"),
        (report.changed, "changed"),
        (report.moved, "moved"),
        (report.removed, "removed"),
        (report.failed, "failed"),
    ];
    let changes: Vec<String> = changes
        .into_iter()
        .filter(|(value, _)| *value > 0)
        .map(|(value, what)| format!("{} {what}", number(value)))
        .collect();
    let took = duration(report.seconds);
    if changes.is_empty() && report.passages_embedded == 0 && report.ocr.is_none() {
        let _ = writeln!(text, "nothing changed ({took})");
    } else {
        let changes = if changes.is_empty() { "nothing changed".into() } else { changes.join(", ") };
        let passages = count(report.passages_embedded, "passage");
        let _ = writeln!(text, "{STRONG}{changes}{STRONG:#}; {passages} embedded ({took})");
    }
    if let Some(ocr) = &report.ocr {
        let pages = count(ocr.pages, "scanned page");
        let _ = writeln!(text, "{pages} read by OCR, {:.1} s a page", ocr.seconds_per_page);
    }
    let _ = writeln!(
        text,
        "{} in the index: {}",
        count(report.documents.total(), "file"),
        counts(&report.documents)
    );
    if !report.failures.is_empty() {
        let _ = writeln!(text, "\ncould not be read:");
        failures(&mut text, &report.failures, FAILURES);
    }
    for root in &report.unavailable_roots {
        let reason = root.reason.as_deref().unwrap_or("cannot be reached");
        let _ = writeln!(
            text,
            "\n{BAD}unavailable{BAD:#}: {}: {} ({} kept and still searchable)",
            clean_line(&root.path),
            clean_line(reason),
            count(root.files, "file"),
        );
    }
    text
}

/// Files that could not be read, with the reason.
pub(super) fn failures(text: &mut String, failures: &[Failure], most: usize) {
    for failure in failures.iter().take(most) {
        let _ = writeln!(text, "  {}: {}", clean_line(&failure.path), clean_line(&failure.reason));
    }
    if failures.len() > most {
        let _ = writeln!(
            text,
            "  and {} more: `docent status` lists them",
            number((failures.len() - most) as u64)
        );
    }
}

/// What adding would cost.
pub(crate) fn dry_run(report: &DryRunReport) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "would read {} ({}); {} left out by rule",
        count(report.files, "file"),
        bytes(report.bytes),
        number(report.skipped),
    );
    let _ = writeln!(
        text,
        "estimated: {}, {} until all is searchable, {} on disk",
        count(report.passages, "passage"),
        duration(report.seconds),
        bytes(report.index_bytes),
    );
    if report.scanned_pages > 0 {
        let pages = count(report.scanned_pages, "scanned page");
        let _ = writeln!(text, "beside that, {pages} for OCR, some seconds each");
    }
    text.push_str("nothing was changed\n");
    text
}

#[cfg(test)]
mod tests {
    use docent::{FileCounts, RootReport};

    use super::{super::plain, *};

    #[test]
    fn changes_and_failures_are_told() {
        let report = IndexReport {
            documents: FileCounts { searchable: 1200, failed: 1, ..FileCounts::default() },
            added: 1200,
            failed: 1,
            passages_embedded: 4321,
            seconds: 75.2,
            failures: vec![Failure { path: "/docs/a.pdf".into(), reason: "password needed".into() }],
            unavailable_roots: vec![RootReport {
                path: "/mnt/x".into(),
                reason: Some("it is not mounted".into()),
                files: 7,
                ..RootReport::default()
            }],
            ..IndexReport::default()
        };
        insta::assert_snapshot!(plain(&indexed(&report)), @"
        1,200 added, 1 failed; 4,321 passages embedded (1 min 15 s)
        1,201 files in the index: 1,200 searchable, 1 failed

        could not be read:
          /docs/a.pdf: password needed

        unavailable: /mnt/x: it is not mounted (7 files kept and still searchable)
        ");
    }

    #[test]
    fn no_change_is_said_in_a_line() {
        let report = IndexReport { seconds: 0.04, ..IndexReport::default() };
        insta::assert_snapshot!(plain(&indexed(&report)), @"
        nothing changed (0.0 s)
        0 files in the index: none
        ");
    }

    #[test]
    fn a_dry_run_says_what_it_would_cost() {
        let report = DryRunReport {
            scanned_pages: 40,
            files: 10,
            bytes: 2_500_000,
            skipped: 2,
            passages: 90,
            seconds: 4.5,
            index_bytes: 900_000,
        };
        insta::assert_snapshot!(plain(&dry_run(&report)), @"
        would read 10 files (2.5 MB); 2 left out by rule
        estimated: 90 passages, 4.5 s until all is searchable, 900.0 kB on disk
        beside that, 40 scanned pages for OCR, some seconds each
        nothing was changed
        ");
    }
}
