//! Scans: pages that only OCR can read. They come last, when everything else is found by words and by meaning.
//!
//! ```text
//! store -> file with the fewest such pages -> [OCR, page by page, each kept in the store] -> words lane reads the file
//!         again, and takes what OCR made of it
//! ```
//! What OCR made is handed over under the hash of the bytes that it read: a file that changed meanwhile is read as it is
//! then.

use std::{
    collections::HashMap,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use docent_core::{
    ContentHash, DocId, FileRecord, FileState, ParseError, ParseErrorKind, ParsedDocument, Recogniser,
    Result, RootId,
};

use crate::{
    progress::{Progress, RunReport},
    read::read_whole,
    run::Run,
    standing::holds_words,
};

/// Files looked at for one that can be read.
const AT_ONCE: usize = 16;
/// The words lane takes what OCR made at once; after this time, the file is another one.
const KEPT: Duration = Duration::from_secs(600);

/// What OCR made of files, until the words lane takes it.
#[derive(Debug, Default)]
pub(crate) struct Recognised(Mutex<HashMap<Key, (Instant, Made)>>);

/// A document and its bytes: equal bytes under another name may be something else.
type Key = (DocId, ContentHash);
type Made = Result<ParsedDocument, ParseError>;

impl Recognised {
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, (Instant, Made)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, key: Key, made: Made) {
        let mut all = self.lock();
        all.retain(|_, (since, _)| since.elapsed() < KEPT);
        all.insert(key, (Instant::now(), made));
    }

    pub(crate) fn take(&self, doc: DocId, hash: ContentHash) -> Option<Made> {
        self.lock().remove(&(doc, hash)).map(|(_, made)| made)
    }

    fn holds(&self, record: &FileRecord) -> bool {
        record.hash.is_some_and(|hash| self.lock().contains_key(&(record.doc, hash)))
    }
}

/// Whether a file has to be read again because of OCR, though it looks as it did: OCR has read it, or it waits for OCR,
/// which is off now.
pub(crate) fn is_news(run: &Run<'_>, record: &FileRecord) -> bool {
    record.scanned > 0
        && (run.recognised.holds(record) || record.state == FileState::Pending && run.recogniser.is_none())
}

/// Scans one after the other, and what they cost.
pub(crate) struct Scans {
    /// Files that were tried, and when.
    tried: HashMap<DocId, Instant>,
    pages: u64,
    spent: Duration,
}

/// A file at work.
struct Target<'f> {
    path: &'f Path,
    hash: ContentHash,
    bytes: &'f [u8],
}

/// What became of the next scan.
pub(crate) enum Scanned {
    /// There is none, or none that can be read now.
    Nothing,
    /// It was stopped; what was read of it is kept.
    Stopped,
    /// This file is to be read again.
    Ready(RootId, PathBuf),
}

impl Scans {
    pub(crate) fn new() -> Self {
        Self { tried: HashMap::new(), pages: 0, spent: Duration::ZERO }
    }

    /// Files that were tried longer than `ago` ago may be tried again.
    pub(crate) fn forget(&mut self, ago: Duration) {
        self.tried.retain(|_, when| when.elapsed() < ago);
    }

    /// Reads the next scan. `is_stopped` is asked after each page.
    ///
    /// # Errors
    /// The store failed.
    pub(crate) fn next(
        &mut self,
        run: &Run<'_>,
        report: &mut RunReport,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<Scanned> {
        let Some(recogniser) = run.recogniser else { return Ok(Scanned::Nothing) };
        loop {
            let tried: Vec<DocId> = self.tried.keys().copied().collect();
            let files = run.store.scanned_files(AT_ONCE, &tried)?;
            if files.is_empty() {
                return Ok(Scanned::Nothing);
            }
            let roots = run.store.roots()?;
            for file in files {
                if run.cancel.is_cancelled() || is_stopped() {
                    return Ok(Scanned::Stopped);
                }
                let record = &file.record;
                self.tried.insert(record.doc, Instant::now());
                let Some(root) = roots.iter().find(|root| root.id == record.root) else { continue };
                let path = root.absolute(&record.relative);
                // One that cannot be read now, or changes, is for the words lane.
                let Some((hash, bytes)) = read_whole(&path, run.config) else { continue };
                let ready = || Scanned::Ready(record.root, record.relative.clone());
                if Some(hash) != record.hash {
                    return Ok(ready());
                }
                let name = path.display().to_string();
                let file = Target { path: &path, hash, bytes: &bytes };
                match self.recognise(run, recogniser, &file, report, is_stopped)? {
                    Ok(None) => {
                        // It goes on with the next page.
                        self.tried.remove(&record.doc);
                        return Ok(Scanned::Stopped);
                    }
                    Err(error) if error.kind == ParseErrorKind::Unavailable => {
                        report.failed += 1;
                        report.fail(name.clone(), error.reason.clone());
                        (run.progress)(Progress::Failed { path: name, reason: error.reason });
                        return Ok(Scanned::Nothing);
                    }
                    Ok(Some(document)) => run.recognised.put((record.doc, hash), Ok(document)),
                    Err(error) => {
                        // A file without words of its own is told of when it is entered as failed.
                        if holds_words(record.state) {
                            report.failed += 1;
                            report.fail(name.clone(), error.reason.clone());
                            (run.progress)(Progress::Failed { path: name, reason: error.reason.clone() });
                        }
                        run.recognised.put((record.doc, hash), Err(error));
                    }
                }
                return Ok(ready());
            }
        }
    }

    fn recognise(
        &mut self,
        run: &Run<'_>,
        recogniser: &dyn Recogniser,
        file: &Target<'_>,
        report: &mut RunReport,
        is_stopped: &dyn Fn() -> bool,
    ) -> Result<Result<Option<ParsedDocument>, ParseError>> {
        let known = run.store.recognised(file.hash)?;
        let total = self.pages + run.store.count_scanned()?.saturating_sub(known.len() as u64);
        let name = file.path.display().to_string();
        self.tell(run, total, &name);
        let mut trouble = None;
        let mut since = Instant::now();
        let recognised = recogniser.recognise(file.path, file.bytes, &known, &mut |page| {
            let spent = since.elapsed();
            let milliseconds = u64::try_from(spent.as_millis()).unwrap_or(u64::MAX);
            match run.store.keep_recognised(file.hash, &page, milliseconds) {
                Ok(true) => {}
                // It was removed, or left out, meanwhile.
                Ok(false) => return ControlFlow::Break(()),
                Err(error) => {
                    trouble = Some(error);
                    return ControlFlow::Break(());
                }
            }
            self.pages += 1;
            self.spent += spent;
            report.ocr_pages += 1;
            report.ocr_seconds += spent.as_secs_f64();
            self.tell(run, total, &name);
            // A file that was saved meanwhile goes first.
            run.gate.wait_for_words(run.cancel);
            since = Instant::now();
            if run.cancel.is_cancelled() || is_stopped() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        trouble.map_or(Ok(recognised), Err)
    }

    fn tell(&self, run: &Run<'_>, total: u64, path: &str) {
        let total = total.max(self.pages);
        let seconds_per_page =
            if self.pages == 0 { 0.0 } else { self.spent.as_secs_f64() / self.pages as f64 };
        (run.progress)(Progress::Recognising {
            done: self.pages,
            total,
            seconds_per_page,
            seconds_left: seconds_per_page * (total - self.pages) as f64,
            path: path.to_owned(),
        });
    }
}
