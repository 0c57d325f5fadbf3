//! The words lane: files that were planned become findable by their words.
//!
//! ```text
//! plan -> jobs -> [N readers: read, hash, parse, cut] --32 results--> [committer: 256 files, 4 MB or 0.5 s]
//! ```
//! The jobs are a list that readers take from; a full channel stops them. Files above 8 MB, and texts above 4 MB, go
//! one at a time, from the reader until they are committed. Batches grow during a long run, so that it does not spend its time on committing.

use std::{
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    time::{Duration, Instant},
};

use docent_core::{DocId, FileChange, FileUpdate, Outcome, Result, WordsBatch};

use crate::{
    plan::{Job, Plan},
    progress::{Progress, RunReport},
    read::{Done, LARGE_TEXT, Reader, Turn, text_bytes},
    run::Run,
};

/// Results that wait for the committer.
const RESULTS: usize = 32;
/// A batch is committed when it has this many files, ...
const FILES: usize = 256;
/// ... this many bytes of text, ...
const TEXT_BYTES: usize = LARGE_TEXT;
/// ... or is this old.
const AGE: Duration = Duration::from_millis(500);
/// A batch never holds more than this many files that are only left out.
const SKIPS: usize = 5000;
/// After this many commits, batches grow up to eightfold.
const GROW_AFTER: u32 = 8;
/// How often `Reading` is reported at the most.
const REPORT_EVERY: Duration = Duration::from_millis(50);

/// Does what `plan` says, and reports it. Files that kept changing are `report.busy`.
pub(crate) fn run_words(run: &Run<'_>, plan: &mut Plan) -> Result<RunReport> {
    let mut report = std::mem::take(&mut plan.report);
    let mut committer = Committer::new(run, &mut report);
    committer.at_once(plan)?;
    let plan = &*plan;
    let reader = Reader::new(run, plan);
    if !plan.jobs.is_empty() && !run.cancel.is_cancelled() {
        read_all(run, plan, &reader, &mut committer)?;
    }
    if run.cancel.is_cancelled() {
        committer.report.interrupted = true;
    } else {
        let gone = plan.removed_unless_moved.iter().copied().filter(|&doc| !reader.was_moved(doc));
        committer.remove(gone);
    }
    committer.flush()?;
    Ok(report)
}

fn read_all(
    run: &Run<'_>,
    plan: &Plan,
    reader: &Reader<'_>,
    committer: &mut Committer<'_, '_>,
) -> Result<()> {
    let threads = match run.config.parse_threads {
        0 => std::thread::available_parallelism().map_or(2, std::num::NonZero::get),
        threads => threads,
    };
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let (sender, results) = sync_channel(RESULTS);
        for _ in 0..threads.min(plan.jobs.len()) {
            let sender = sender.clone();
            let next = &next;
            scope.spawn(move || take_jobs(plan, reader, next, &sender));
        }
        drop(sender);
        let result = committer.collect(plan, &results);
        reader.end();
        drop(results);
        result
    })
}

type Read<'p> = (&'p Job, Result<Done>, Option<Turn<'p>>);

fn take_jobs<'p>(plan: &'p Plan, reader: &'p Reader<'_>, next: &AtomicUsize, results: &SyncSender<Read<'p>>) {
    while !reader.is_stopped() {
        let Some(job) = plan.jobs.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
        let Some((done, turn)) = reader.read(job) else { return };
        if results.send((job, done, turn)).is_err() {
            return;
        }
    }
}

/// Gathers results into batches and publishes them.
struct Committer<'r, 'c> {
    run: &'r Run<'c>,
    report: &'r mut RunReport,
    batch: WordsBatch,
    changes: Vec<FileChange>,
    text_bytes: usize,
    since: Option<Instant>,
    commits: u32,
    done: u64,
    total: u64,
    reported: Option<Instant>,
}

impl<'r, 'c> Committer<'r, 'c> {
    fn new(run: &'r Run<'c>, report: &'r mut RunReport) -> Self {
        Self {
            run,
            report,
            batch: WordsBatch::default(),
            changes: Vec::new(),
            text_bytes: 0,
            since: None,
            commits: 0,
            done: 0,
            total: 0,
            reported: None,
        }
    }

    /// What needs no reading: removals first, so that the place of a moved document is free, and moves before new
    /// files are entered, so that the place that a document left is.
    fn at_once(&mut self, plan: &mut Plan) -> Result<()> {
        self.batch.removed.append(&mut plan.removed);
        self.flush()?;
        self.report.moved += plan.moves.len() as u64;
        self.run.store.change_files(&plan.moves)?;
        plan.enter(self.run.store)?;
        self.total = plan.jobs.len() as u64;
        let is_skip = |update: &&FileUpdate| matches!(update.outcome, Outcome::Skipped { .. });
        self.report.skipped += plan.unread.iter().filter(is_skip).count() as u64;
        let mut unread = std::mem::take(&mut plan.unread).into_iter().peekable();
        while unread.peek().is_some() {
            self.batch.updates.extend(unread.by_ref().take(SKIPS));
            self.flush()?;
        }
        Ok(())
    }

    /// Removes documents that were found.
    fn remove(&mut self, docs: impl IntoIterator<Item = DocId>) {
        let before = self.batch.removed.len();
        self.batch.removed.extend(docs);
        self.report.removed += (self.batch.removed.len() - before) as u64;
    }

    fn collect<'p>(&mut self, plan: &'p Plan, results: &Receiver<Read<'p>>) -> Result<()> {
        loop {
            let wait =
                self.since.map_or(Duration::from_secs(1), |since| self.age().saturating_sub(since.elapsed()));
            match results.recv_timeout(wait) {
                Ok((job, done, turn)) => {
                    self.add(plan, job, done?);
                    // The next large text waits until this one is out of memory.
                    if turn.is_some() {
                        self.flush()?;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.flush(),
            }
            if self.is_full() {
                self.flush()?;
            }
        }
    }

    fn add(&mut self, plan: &Plan, job: &Job, done: Done) {
        let path = || plan.roots[job.root].absolute(&job.relative).display().to_string();
        self.done += 1;
        self.since.get_or_insert_with(Instant::now);
        match done {
            Done::Update(update) => {
                self.text_bytes += text_bytes(&update.outcome);
                match &update.outcome {
                    Outcome::Indexed { scanned, .. } => {
                        self.report.scanned += u64::from(*scanned);
                        *(if job.is_new || job.was_scanned {
                            &mut self.report.added
                        } else {
                            &mut self.report.changed
                        }) += 1;
                    }
                    Outcome::Scanned { scanned, waits, .. } => {
                        self.report.scanned += u64::from(*scanned);
                        self.report.skipped += u64::from(!waits);
                    }
                    Outcome::Skipped { .. } => self.report.skipped += 1,
                    Outcome::Failed { reason, .. } => self.failed(path(), reason.clone()),
                }
                self.batch.updates.push(update);
            }
            Done::Change(change) => {
                match change {
                    FileChange::Moved { .. } => self.report.moved += 1,
                    _ => self.report.touched += 1,
                }
                self.changes.push(change);
            }
            Done::Vanished(doc) => {
                self.report.removed += u64::from(job.had_words);
                self.batch.removed.push(doc);
            }
            Done::Unread(reason) => self.failed(path(), reason),
            Done::Busy => {
                let reason =
                    "changed, or went out of reach, while it was read: the next run tries again".to_owned();
                self.changes.push(FileChange::Waiting { doc: job.doc, reason });
                self.report.busy += 1;
                self.report.busy_paths.push((plan.roots[job.root].id, job.relative.clone()));
            }
        }
        let due = self.reported.is_none_or(|last| last.elapsed() >= REPORT_EVERY);
        if due || self.done == self.total {
            self.reported = Some(Instant::now());
            (self.run.progress)(Progress::Reading { done: self.done, total: self.total, path: Some(path()) });
        }
    }

    fn failed(&mut self, path: String, reason: String) {
        self.report.failed += 1;
        self.report.fail(path.clone(), reason.clone());
        (self.run.progress)(Progress::Failed { path, reason });
    }

    /// How many times larger than at first batches may be by now.
    fn growth(&self) -> u32 {
        (1 + self.commits / GROW_AFTER).min(8)
    }

    fn age(&self) -> Duration {
        AGE * self.growth()
    }

    fn is_full(&self) -> bool {
        self.batch.updates.len() + self.changes.len() >= FILES * self.growth() as usize
            || self.text_bytes >= TEXT_BYTES
            || self.since.is_some_and(|since| since.elapsed() >= self.age())
    }

    fn flush(&mut self) -> Result<()> {
        self.since = None;
        self.text_bytes = 0;
        let changes = std::mem::take(&mut self.changes);
        if !changes.is_empty() {
            self.run.store.change_files(&changes)?;
        }
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        let indexed = |update: &FileUpdate| matches!(update.outcome, Outcome::Indexed { .. });
        let fresh = batch.updates.iter().any(indexed);
        let before = self.run.store.published().ok();
        let generation = self.run.store.commit_words(batch)?;
        self.commits += 1;
        // It stays what it was where nothing findable changed: files that are left out, or cannot be read.
        if before.is_none_or(|before| generation > before) {
            self.report.generation = Some(generation);
            (self.run.progress)(Progress::Committed { generation });
        }
        if fresh {
            self.run.gate.words_arrived();
        }
        Ok(())
    }
}
