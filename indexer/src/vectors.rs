//! The vectors lane: passages that have words only get their vectors.
//!
//! ```text
//! store -> 256 passages -> [embedder, one passage at a time] --1 batch--> [committer]
//! ```
//! The embedder works while a batch is published. A batch is what was embedded in four seconds, at most 1,024
//! passages: a kill costs no more than that.

use std::{
    collections::HashSet,
    sync::{
        Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    time::{Duration, Instant},
};

use docent_core::{Error, ErrorKind, Generation, PassageId, PassageVector, PendingPassage, Result};

use crate::{
    progress::{Progress, RunReport},
    run::Run,
};

/// Passages taken from the store at once.
const FETCH: usize = 256;
/// A batch holds at most this many vectors, ...
const BATCH: usize = 1024;
/// ... or what was embedded in this time.
const AGE: Duration = Duration::from_secs(4);
/// Passages that fail are left for the next run; when so many fail one after the other, the model may be what is broken,
/// which [`PROBE`] tells.
const FAILURES: u32 = 3;
/// What every model can embed.
const PROBE: &str = "test";
/// The store is maintained after this many batches, and at the end.
const MAINTAIN_EVERY: u32 = 32;
/// How often `Embedding` is reported at the most.
const REPORT_EVERY: Duration = Duration::from_millis(100);

/// Embeds until no passage lacks a vector.
pub(crate) fn run_vectors(run: &Run<'_>) -> Result<RunReport> {
    let mut report = RunReport::default();
    let mut total = run.store.count_without_vector()?;
    if total == 0 {
        // What was deleted is purged all the same.
        if !run.cancel.is_cancelled() {
            run.store.maintain()?;
        }
        return Ok(report);
    }
    let unpublished: Mutex<HashSet<PassageId>> = Mutex::default();
    let (result, published) = std::thread::scope(|scope| {
        let (sender, batches) = sync_channel::<Vec<PassageVector>>(1);
        let unpublished = &unpublished;
        let committer = scope.spawn(move || publish(run, &batches, unpublished));
        let mut lane = Lane::new(run, &sender, unpublished, &mut total, &mut report);
        let result = lane.drain();
        drop(sender);
        (result, committer.join())
    });
    let published = published.map_err(|_| Error::new(ErrorKind::Internal, "the committer broke down"))?;
    // A committer that failed is why the lane stopped.
    report.generation = published?;
    report.interrupted = run.cancel.is_cancelled();
    let upkeep = if report.interrupted { Ok(()) } else { run.store.maintain() };
    result.and(upkeep).map(|()| report)
}

fn publish(
    run: &Run<'_>,
    batches: &Receiver<Vec<PassageVector>>,
    unpublished: &Mutex<HashSet<PassageId>>,
) -> Result<Option<Generation>> {
    let mut last = None;
    let mut commits = 0;
    for batch in batches {
        let ids: Vec<PassageId> = batch.iter().map(|vector| vector.id).collect();
        let generation = run.store.commit_vectors(batch)?;
        last = Some(generation);
        {
            let mut unpublished = unpublished.lock().unwrap_or_else(PoisonError::into_inner);
            for id in ids {
                unpublished.remove(&id);
            }
        }
        (run.progress)(Progress::Committed { generation });
        commits += 1;
        if commits % MAINTAIN_EVERY == 0 {
            run.store.maintain()?;
        }
    }
    Ok(last)
}

struct Lane<'r, 'c> {
    run: &'r Run<'c>,
    sender: &'r SyncSender<Vec<PassageVector>>,
    unpublished: &'r Mutex<HashSet<PassageId>>,
    /// Passages that could not be embedded.
    failed: HashSet<PassageId>,
    /// Why the first of them could not.
    failure: Option<Error>,
    failures_in_a_row: u32,
    batch: Vec<PassageVector>,
    since: Instant,
    done: u64,
    total: &'r mut u64,
    report: &'r mut RunReport,
    reported: Option<Instant>,
    /// Time spent embedding, and passages embedded in it; fading, so that the rate is a recent one.
    spent: (f64, f64),
}

impl<'r, 'c> Lane<'r, 'c> {
    fn new(
        run: &'r Run<'c>,
        sender: &'r SyncSender<Vec<PassageVector>>,
        unpublished: &'r Mutex<HashSet<PassageId>>,
        total: &'r mut u64,
        report: &'r mut RunReport,
    ) -> Self {
        Self {
            run,
            sender,
            unpublished,
            failed: HashSet::new(),
            failure: None,
            failures_in_a_row: 0,
            batch: Vec::new(),
            since: Instant::now(),
            done: 0,
            total,
            report,
            reported: None,
            spent: (0.0, 0.0),
        }
    }

    /// Embeds what can be embedded, and hands all of it over, also when it fails.
    fn drain(&mut self) -> Result<()> {
        let result = self.embed_all();
        self.send();
        match self.failure.take() {
            Some(failure) if !self.run.cancel.is_cancelled() => result.and(Err(failure)),
            _ => result,
        }
    }

    fn embed_all(&mut self) -> Result<()> {
        let mut arrivals = self.run.gate.arrivals();
        while !self.run.cancel.is_cancelled() {
            let except: Vec<PassageId> =
                self.lock_unpublished().iter().chain(&self.failed).copied().collect();
            let waiting = self.run.store.passages_without_vector(FETCH, &except)?;
            if waiting.is_empty() {
                break;
            }
            for passage in waiting {
                // Newer documents go first: what is left of these is fetched again.
                if self.run.gate.arrivals() != arrivals {
                    arrivals = self.run.gate.arrivals();
                    *self.total =
                        self.done + self.run.store.count_without_vector()?.saturating_sub(self.in_flight());
                    break;
                }
                self.try_to_embed(passage)?;
                if self.is_broken() || (self.is_full() && !self.send()) {
                    return Ok(());
                }
                self.run.gate.wait_for_words(self.run.cancel);
                if self.run.cancel.is_cancelled() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// One passage that the model fails on does not stop the others.
    fn try_to_embed(&mut self, passage: PendingPassage) -> Result<()> {
        let (id, is_known) = (passage.id, passage.known.is_some());
        match self.embed(passage) {
            Err(error) if error.kind() == ErrorKind::Model => {
                self.failed.insert(id);
                self.failures_in_a_row += 1;
                self.failure.get_or_insert(error);
            }
            Ok(()) if !is_known => self.failures_in_a_row = 0,
            other => return other,
        }
        Ok(())
    }

    /// Whether it is the model that fails, and not the passages.
    fn is_broken(&mut self) -> bool {
        if self.failures_in_a_row < FAILURES {
            return false;
        }
        self.failures_in_a_row = 0;
        self.run.embedder.embed_passages(&[PROBE]).is_err()
    }

    fn lock_unpublished(&self) -> MutexGuard<'_, HashSet<PassageId>> {
        self.unpublished.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn in_flight(&self) -> u64 {
        self.lock_unpublished().len() as u64
    }

    fn embed(&mut self, passage: PendingPassage) -> Result<()> {
        let PendingPassage { id, text, known, .. } = passage;
        if self.batch.is_empty() {
            self.since = Instant::now();
        }
        let vector = if let Some(vector) = known {
            self.report.passages_known += 1;
            vector
        } else {
            let began = Instant::now();
            let vector = self.run.embedder.embed_passages(&[text.as_str()])?.pop().ok_or_else(|| {
                Error::new(ErrorKind::Model, format!("{} gave no vector", self.run.embedder.id()))
            })?;
            self.report.passages_embedded += 1;
            self.spent = (self.spent.0 * 0.98 + began.elapsed().as_secs_f64(), self.spent.1 * 0.98 + 1.0);
            vector
        };
        self.lock_unpublished().insert(id);
        self.batch.push(PassageVector { id, vector });
        self.done += 1;
        self.tell();
        Ok(())
    }

    fn tell(&mut self) {
        let total = (*self.total).max(self.done);
        if self.reported.is_some_and(|last| last.elapsed() < REPORT_EVERY) && self.done < total {
            return;
        }
        self.reported = Some(Instant::now());
        let per_second = if self.spent.0 > 0.0 { self.spent.1 / self.spent.0 } else { 0.0 };
        let seconds_left = if per_second > 0.0 { (total - self.done) as f64 / per_second } else { 0.0 };
        (self.run.progress)(Progress::Embedding { done: self.done, total, per_second, seconds_left });
    }

    fn is_full(&self) -> bool {
        self.batch.len() >= BATCH || self.since.elapsed() >= AGE
    }

    /// Hands the batch over; false when the committer has failed.
    fn send(&mut self) -> bool {
        self.batch.is_empty() || self.sender.send(std::mem::take(&mut self.batch)).is_ok()
    }
}
