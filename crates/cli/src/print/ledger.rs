//! Where every file stands: status, one file, collections, and what a check found.

use std::fmt::Write as _;

use docent::{CheckReport, CollectionReport, FileCounts, FileReport, RootReport, StatusReport};

use super::{BAD, DIM, DOUBTFUL, GOOD, STRONG, bytes, clean_line, count, index::failures, number};

/// Failures shown by name.
const FAILURES: usize = 50;
/// Differences shown.
const DIFFERENCES: usize = 100;

/// `12 searchable, 1 failed`: the states that some file is in.
pub(super) fn counts(counts: &FileCounts) -> String {
    let states = [
        (counts.searchable, "searchable"),
        (counts.lexical_only, "by words only so far"),
        (counts.pending, "pending"),
        (counts.unavailable, "unavailable"),
        (counts.skipped, "left out"),
        (counts.failed, "failed"),
    ];
    let named: Vec<String> = states
        .into_iter()
        .filter(|(value, _)| *value > 0)
        .map(|(value, what)| format!("{} {what}", number(value)))
        .collect();
    if named.is_empty() { "none".into() } else { named.join(", ") }
}

/// The ledger in numbers, with the roots and whatever is not searchable.
pub(crate) fn status(report: &StatusReport, home: &str) -> String {
    let mut text = String::new();
    line(&mut text, "home", &clean_line(home));
    line(&mut text, "generation", &report.generation.to_string());
    line(&mut text, "files", &format!("{}: {}", number(report.documents.total()), counts(&report.documents)));
    let vectors = format!("{}, {} with a vector", number(report.passages), number(report.vectors));
    line(&mut text, "passages", &vectors);
    line(&mut text, "on disk", &bytes(report.bytes_on_disk));
    if let Some(embedder) = &report.embedder {
        line(&mut text, "embedder", embedder);
    }
    let parts = &report.parts;
    let parts = format!(
        "{}, {}, {}",
        count(parts.segments, "segment"),
        count(parts.fragments, "fragment"),
        count(parts.versions, "version"),
    );
    line(&mut text, "stores", &parts);
    if let Some(scans) = scans(report) {
        line(&mut text, "scans", &scans);
    }
    if let Some(writer) = &report.writer {
        line(&mut text, "writer", &clean_line(writer));
    }
    if report.roots.is_empty() {
        text.push_str("\nnothing is watched yet: `docent add PATH` begins\n");
    } else {
        let _ = writeln!(text, "\n{STRONG}folders{STRONG:#}");
        roots(&mut text, &report.roots, true);
    }
    if !report.failures.is_empty() {
        let _ = writeln!(text, "\n{STRONG}could not be read{STRONG:#}");
        failures(&mut text, &report.failures, FAILURES);
    }
    if !report.skipped.is_empty() {
        let _ = writeln!(text, "\n{STRONG}left out{STRONG:#}");
        for skipped in &report.skipped {
            let _ = writeln!(text, "  {}: {}", count(skipped.files, "file"), clean_line(&skipped.rule));
        }
    }
    text
}

/// Pages for OCR: those that it has read, and those that it has not.
fn scans(report: &StatusReport) -> Option<String> {
    let read = report
        .ocr
        .map(|ocr| format!("{} read, {:.1} s each", count(ocr.pages, "page"), ocr.seconds_per_page));
    let left =
        (report.scanned_pages > 0).then(|| format!("{} not read", count(report.scanned_pages, "page")));
    let parts: Vec<String> = read.into_iter().chain(left).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn line(text: &mut String, name: &str, value: &str) {
    let _ = writeln!(text, "{DIM}{name:<12}{DIM:#}{value}");
}

fn roots(text: &mut String, roots: &[RootReport], with_collection: bool) {
    for root in roots {
        let colour = if root.state == "ok" { GOOD } else { BAD };
        let _ = write!(text, "  {colour}{:<12}{colour:#}{}", root.state, clean_line(&root.path));
        if with_collection {
            let _ = write!(text, "  {DIM}{}{DIM:#}", clean_line(&root.collection));
        }
        let _ = write!(text, "  {}", count(root.files, "file"));
        if let Some(reason) = &root.reason {
            let _ = write!(text, ": {}", clean_line(reason));
        }
        text.push('\n');
    }
}

/// One file's story.
pub(crate) fn file(report: &FileReport) -> String {
    let mut text = String::new();
    let colour = match report.state.as_str() {
        "searchable" => GOOD,
        "failed" | "unavailable" => BAD,
        _ => DOUBTFUL,
    };
    let _ = writeln!(text, "{}", clean_line(&report.path));
    let state = format!("{colour}{}{colour:#}", report.state.replace('_', " "));
    let state = match &report.reason {
        Some(reason) => format!("{state}: {}", clean_line(reason)),
        None => state,
    };
    line(&mut text, "state", &state);
    let passages = report.passages.map(|passages| match report.vectors {
        Some(vectors) => format!("{}, {} with a vector", number(passages), number(vectors)),
        None => number(passages),
    });
    let read = report.indexed.as_ref().map(|when| match &report.reader {
        Some(version) => format!("{when} by docent {version}"),
        None => when.clone(),
    });
    let facts = [
        ("collection", report.collection.clone()),
        ("title", report.title.clone()),
        ("type", report.mime.clone()),
        ("language", report.language.clone()),
        ("pages", report.pages.map(|pages| number(u64::from(pages)))),
        ("not read", report.scanned_pages.map(|pages| count(u64::from(pages), "scanned page"))),
        ("passages", passages),
        ("modified", report.modified.clone()),
        ("first seen", report.first_seen.clone()),
        ("read", read),
        ("broke down", report.attempts.map(|attempts| count(u64::from(attempts), "time"))),
        ("next attempt", report.next_attempt.clone()),
    ];
    for (name, value) in facts {
        if let Some(value) = value {
            line(&mut text, name, &clean_line(&value));
        }
    }
    text
}

/// The collections and their roots.
pub(crate) fn collections(reports: &[CollectionReport]) -> String {
    if reports.is_empty() {
        return "no collection yet: `docent add PATH` begins one\n".into();
    }
    let mut text = String::new();
    for (at, report) in reports.iter().enumerate() {
        if at > 0 {
            text.push('\n');
        }
        let total = count(report.documents.total(), "file");
        let name = clean_line(&report.name);
        let _ = writeln!(text, "{STRONG}{name}{STRONG:#}  {total}: {}", counts(&report.documents));
        roots(&mut text, &report.roots, false);
    }
    text
}

/// What a check found, and what was put right.
pub(crate) fn check(report: &CheckReport, repair: bool) -> String {
    let mut text = String::new();
    for difference in report.differences.iter().take(DIFFERENCES) {
        let _ = write!(text, "{BAD}{}{BAD:#}", difference.kind.replace('_', " "));
        if let Some(path) = &difference.path {
            let _ = write!(text, "  {}", clean_line(path));
        }
        let _ = writeln!(text, "  {}", clean_line(&difference.detail));
    }
    if report.differences.len() > DIFFERENCES {
        let _ = writeln!(text, "and {} more", number((report.differences.len() - DIFFERENCES) as u64));
    }
    let found = count(report.differences.len() as u64, "difference");
    let generation = report.generation;
    let _ = match (report.clean, report.differences.is_empty()) {
        (true, true) => {
            writeln!(text, "{GOOD}clean{GOOD:#}: catalog, stores and disk agree (generation {generation})")
        }
        (true, false) => writeln!(text, "{GOOD}{found}, all put right{GOOD:#} (generation {generation})"),
        (false, _) if repair => {
            writeln!(text, "{found}, {} put right (generation {generation})", number(report.repaired))
        }
        (false, _) => writeln!(text, "{found}: `docent check --repair` puts them right"),
    };
    text
}

#[cfg(test)]
mod tests {
    use docent::{Difference, Failure, SkippedCount, StoreParts};

    use super::{super::plain, *};

    fn root() -> RootReport {
        RootReport {
            path: "/docs".into(),
            collection: "default".into(),
            state: "ok".into(),
            reason: None,
            files: 14,
        }
    }

    #[test]
    fn status_shows_every_state() {
        let report = StatusReport {
            generation: 12,
            documents: FileCounts {
                searchable: 10,
                lexical_only: 1,
                skipped: 2,
                failed: 1,
                ..FileCounts::default()
            },
            passages: 40,
            vectors: 38,
            bytes_on_disk: 1_234_567,
            roots: vec![root()],
            failures: vec![Failure { path: "/docs/a\n.pdf".into(), reason: "password needed".into() }],
            skipped: vec![SkippedCount { rule: "larger than 256 MB".into(), files: 2 }],
            embedder: Some("multilingual-e5-small".into()),
            parts: StoreParts { segments: 1, fragments: 2, versions: 3, indexed_vectors: 0 },
            writer: Some("docent watch, process 7".into()),
            scanned_pages: 3,
            ocr: Some(docent::OcrCost { pages: 12, seconds_per_page: 2.34 }),
        };
        insta::assert_snapshot!(plain(&status(&report, "/home/me/docent")), @"
        home        /home/me/docent
        generation  12
        files       14: 10 searchable, 1 by words only so far, 2 left out, 1 failed
        passages    40, 38 with a vector
        on disk     1.2 MB
        embedder    multilingual-e5-small
        stores      1 segment, 2 fragments, 3 versions
        scans       12 pages read, 2.3 s each, 3 pages not read
        writer      docent watch, process 7

        folders
          ok          /docs  default  14 files

        could not be read
          /docs/a .pdf: password needed

        left out
          2 files: larger than 256 MB
        ");
    }

    #[test]
    fn one_file_has_a_story() {
        let report = FileReport {
            path: "/docs/scan.pdf".into(),
            state: "failed".into(),
            reason: Some("password needed".into()),
            collection: Some("default".into()),
            pages: Some(3),
            ..FileReport::default()
        };
        insta::assert_snapshot!(plain(&file(&report)), @"
        /docs/scan.pdf
        state       failed: password needed
        collection  default
        pages       3
        ");
    }

    #[test]
    fn a_check_says_what_is_left() {
        let mut report = CheckReport { generation: 3, clean: true, ..CheckReport::default() };
        let said = |report: &CheckReport, repair| plain(&check(report, repair));
        insta::assert_snapshot!(said(&report, false), @"clean: catalog, stores and disk agree (generation 3)");
        report.differences = vec![Difference {
            kind: "stray_vector".into(),
            path: Some("/docs/a".into()),
            detail: "no passage".into(),
        }];
        report.repaired = 1;
        insta::assert_snapshot!(said(&report, true), @"
        stray vector  /docs/a  no passage
        1 difference, all put right (generation 3)
        ");
        report.clean = false;
        report.repaired = 0;
        insta::assert_snapshot!(said(&report, false), @"
        stray vector  /docs/a  no passage
        1 difference: `docent check --repair` puts them right
        ");
    }

    #[test]
    fn collections_list_their_roots() {
        assert!(collections(&[]).contains("docent add"));
        let report = CollectionReport {
            name: "default".into(),
            roots: vec![root()],
            documents: FileCounts { searchable: 14, ..FileCounts::default() },
        };
        insta::assert_snapshot!(plain(&collections(&[report])), @"
        default  14 files: 14 searchable
          ok          /docs  14 files
        ");
    }
}
