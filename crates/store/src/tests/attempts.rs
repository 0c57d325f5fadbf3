//! Files whose parser breaks down, and files that another version could not read.

use super::*;

const FILE: &str = "a.pdf";

impl Index {
    /// Reads the file, whose parser breaks down on `bytes`.
    fn break_down(&self, bytes: &[u8]) {
        let mut update = self.update(FILE, &[], 5);
        update.hash = Some(ContentHash::of(bytes));
        update.outcome = Outcome::Failed { reason: "took longer than 60 s".into(), broke_down: true };
        self.writer.commit_words(WordsBatch { updates: vec![update], removed: vec![] }).unwrap();
    }

    fn is_due(&self) -> bool {
        self.writer.files(self.root.id, Path::new("")).unwrap()[0].is_due
    }

    /// How often it was tried, and whether it will be.
    fn attempts(&self) -> (Option<u32>, bool) {
        let path = Path::new("/documents").join(FILE);
        let report = self.writer.store().file_report(&path).unwrap().unwrap();
        (report.attempts, report.next_attempt.is_some())
    }
}

#[test]
fn a_parser_that_breaks_down_is_given_three_attempts() {
    let index = Index::new();
    for attempt in 1..=3 {
        index.break_down(b"one");
        assert_eq!(index.attempts(), (Some(attempt), attempt < 3));
        assert!(!index.is_due(), "not at once");
        index.sql("UPDATE documents SET retry_at = unixepoch() WHERE retry_at IS NOT NULL");
        assert_eq!(index.is_due(), attempt < 3);
    }
    index.break_down(b"two");
    assert_eq!(index.attempts(), (Some(1), true), "new bytes are new attempts");
    index.sql("UPDATE documents SET retry_at = unixepoch() + 100000");
    assert!(index.is_due(), "the clock was put back");
    index.check();
}

#[test]
fn what_another_version_could_not_read_is_read_again() {
    let index = Index::new();
    for _ in 0..3 {
        index.break_down(b"one");
    }
    index.sql("UPDATE documents SET reader = '0.0.1'");
    assert!(index.is_due());
    index.break_down(b"one");
    assert_eq!(index.attempts(), (Some(1), true));

    let mut update = index.update(FILE, &[], 5);
    update.hash = Some(ContentHash::of(b"one"));
    update.outcome = Outcome::Skipped { rule: "not read yet".into() };
    index.writer.commit_words(WordsBatch { updates: vec![update.clone()], removed: vec![] }).unwrap();
    assert_eq!((index.is_due(), index.attempts()), (false, (None, false)));
    index.sql("UPDATE documents SET reader = NULL");
    assert!(index.is_due(), "by a version that did not say which it was");
    update.hash = None;
    index.writer.commit_words(WordsBatch { updates: vec![update], removed: vec![] }).unwrap();
    index.sql("UPDATE documents SET reader = '0.0.1'");
    assert!(!index.is_due(), "a rule about names is no matter of versions");
}

#[test]
fn a_catalog_without_attempts_gets_them() {
    let index = Index::new();
    index.break_down(b"one");
    for column in ["reader", "attempts", "retry_at"] {
        index.sql(&format!("ALTER TABLE documents DROP COLUMN {column}"));
    }
    let index = index.reopen();
    assert_eq!(index.attempts(), (None, false));
    index.break_down(b"one");
    assert_eq!(index.attempts(), (Some(1), true));
}
