//! Pages for OCR: kept one by one, and gone with their documents.

use docent_core::RecognisedPage;

use super::*;

const FILE: &str = "scan.pdf";

impl Index {
    /// Enters a file whose `pages` wait for OCR.
    fn scan(&self, bytes: &[u8], pages: u32) -> DocId {
        let mut update = self.update(FILE, &[], 5);
        let doc = update.doc;
        update.hash = Some(ContentHash::of(bytes));
        update.outcome = Outcome::Scanned {
            mime: "application/pdf".into(),
            pages: Some(pages),
            scanned: pages,
            reason: "waits for OCR".into(),
            waits: true,
        };
        self.writer.commit_words(WordsBatch { updates: vec![update], removed: vec![] }).unwrap();
        doc
    }

    fn keep(&self, bytes: &[u8], number: u32) -> bool {
        let page = RecognisedPage { number, content: format!("page {number}") };
        self.writer.keep_recognised(ContentHash::of(bytes), &page, 1500).unwrap()
    }

    fn kept(&self, bytes: &[u8]) -> usize {
        self.writer.recognised(ContentHash::of(bytes)).unwrap().len()
    }
}

#[test]
fn pages_are_kept_until_their_document_is_published() {
    let index = Index::new();
    index.scan(b"one", 3);
    assert_eq!(index.writer.count_scanned().unwrap(), 3);
    let files = index.writer.scanned_files(5, &[]).unwrap();
    assert_eq!((files.len(), files[0].pages, files[0].record.state), (1, 3, FileState::Pending));
    assert!(index.writer.scanned_files(5, &[files[0].record.doc]).unwrap().is_empty());
    assert!(index.keep(b"one", 0) && index.keep(b"one", 1));
    assert!(!index.keep(b"another", 0), "no file with these bytes waits");
    let index = index.reopen();
    assert_eq!((index.kept(b"one"), index.kept(b"another")), (2, 0));
    let status = index.writer.store().status().unwrap();
    let cost = status.ocr.unwrap();
    assert_eq!((status.scanned_pages, cost.pages, status.documents.pending), (3, 2, 1));
    assert!((cost.seconds_per_page - 1.5).abs() < 1e-9);

    let mut update = index.update(FILE, &["what the page says"], 5);
    update.hash = Some(ContentHash::of(b"one"));
    index.writer.commit_words(WordsBatch { updates: vec![update], removed: vec![] }).unwrap();
    assert_eq!((index.kept(b"one"), index.writer.count_scanned().unwrap()), (0, 0));
    index.check();
}

#[test]
fn what_is_removed_leaves_no_page_behind_and_gets_none() {
    let index = Index::new();
    let doc = index.scan(b"one", 2);
    assert!(index.keep(b"one", 0));
    index.writer.commit_words(WordsBatch { updates: vec![], removed: vec![doc] }).unwrap();
    assert_eq!(index.kept(b"one"), 0);
    assert!(!index.keep(b"one", 1), "OCR may still be at it");
    assert_eq!(index.kept(b"one"), 0);
}

#[test]
fn a_failure_that_is_tried_again_keeps_what_was_read() {
    let index = Index::new();
    index.scan(b"one", 2);
    assert!(index.keep(b"one", 0));
    let mut update = index.update(FILE, &[], 5);
    update.hash = Some(ContentHash::of(b"one"));
    update.outcome = Outcome::Failed { reason: "its parser broke down".into(), broke_down: true };
    index.writer.commit_words(WordsBatch { updates: vec![update], removed: vec![] }).unwrap();
    assert_eq!(index.kept(b"one"), 1);
    // Waiting again is not yet another attempt, and no new beginning either.
    index.scan(b"one", 2);
    let path = Path::new("/documents").join(FILE);
    assert_eq!(index.writer.store().file_report(&path).unwrap().unwrap().attempts, Some(1));
}

#[test]
fn a_catalog_without_scans_gets_them_and_looks_at_pdfs_again() {
    let index = Index::new();
    index.scan(b"one", 2);
    index.sql("UPDATE documents SET state = 'skipped', reason = 'no text layer: a scan?'");
    index.sql(
        "DROP INDEX documents_scanned; DROP TABLE recognised; ALTER TABLE documents DROP COLUMN scanned",
    );
    let index = index.reopen();
    let record = &index.writer.files(index.root.id, Path::new("")).unwrap()[0];
    assert_eq!((record.scanned, record.stamp, record.hash), (0, None, None), "it is read again");
    index.scan(b"one", 2);
    assert!(index.keep(b"one", 0));
}
