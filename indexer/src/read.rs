//! Reads one file: bytes, hash, parser, passages.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    fs::{File, OpenOptions},
    io::{self, Read},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use docent_core::{
    ContentHash, DocId, ErrorKind, FileChange, FileRecord, FileUpdate, IndexConfig, Outcome, ParseError,
    ParseErrorKind, ParsedDocument, Result, Root, Stamp,
};

use crate::{
    chunk::chunk,
    plan::{Job, Plan, same_type},
    run::Run,
    scan::{reason_of, stamp_of},
    standing::{can_move, is_gone, is_here},
};

/// Two changes closer than this may carry one time stamp: a file is not read until its last one is older.
const CLOCK_TICK: Duration = Duration::from_millis(20);
/// The same for a time stamp of whole seconds: file systems with coarse clocks (FAT, HFS+, ext3) count up to two of them.
const COARSE_TICK: Duration = Duration::from_millis(2020);
/// A time stamp that is ahead by less than this is of a clock that runs ahead (a server's), or was rounded up.
const AHEAD: Duration = Duration::from_secs(2);
/// Files above this many bytes are read one at a time, ...
const LARGE: u64 = 8 << 20;
/// ... and texts above this many bytes are committed one at a time, so that memory is bounded by one of them for
/// each thread.
pub(crate) const LARGE_TEXT: usize = 4 << 20;

/// How often a reader that waits for its turn looks whether to stop.
const LOOK: Duration = Duration::from_millis(100);

/// What became of a job.
pub(crate) enum Done {
    /// It was read, or is left out.
    Update(FileUpdate),
    /// The bytes are those that are known, or those of a document that was moved here.
    Change(FileChange),
    /// It is not there any more.
    Vanished(DocId),
    /// Its bytes could not be had, for this reason. That says nothing about the document: it is left as it is known.
    Unread(String),
    /// It kept changing; the next run reads it.
    Busy,
}

/// Reads files; shared by the threads that read.
pub(crate) struct Reader<'a> {
    run: &'a Run<'a>,
    plan: &'a Plan,
    /// Documents that were found again at a new place.
    claimed: Mutex<HashSet<DocId>>,
    /// Documents whose own path is gone, by their bytes, for those bytes that were asked for.
    lost: Mutex<HashMap<ContentHash, Vec<FileRecord>>>,
    turns: Turns,
    /// Nobody takes what is read any more.
    ended: AtomicBool,
}

/// Lets one large file through at a time.
#[derive(Default)]
struct Turns {
    taken: Mutex<bool>,
    free: Condvar,
}

/// While it lives, no other large file is read. It goes along with the file's text until that is committed.
pub(crate) struct Turn<'t>(&'t Turns);

impl Turns {
    /// Waits for a turn; `None` if it is to stop meanwhile.
    fn take(&self, is_stopped: impl Fn() -> bool) -> Option<Turn<'_>> {
        let mut taken = lock(&self.taken);
        while *taken && !is_stopped() {
            taken = self.free.wait_timeout(taken, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
        if is_stopped() {
            return None;
        }
        *taken = true;
        Some(Turn(self))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *lock(&self.0.taken) = false;
        self.0.free.notify_one();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

enum Bytes {
    Read(Stamp, Vec<u8>),
    TooLarge(Stamp),
    Changing,
}

/// What a file's bytes came to.
struct Reading {
    outcome: Outcome,
    /// Whether equal bytes may come to something else next time: what was missing is not in the file.
    again: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(run: &'a Run<'a>, plan: &'a Plan) -> Self {
        let claimed = plan.moves.iter().filter_map(|change| match change {
            FileChange::Moved { doc, .. } => Some(*doc),
            _ => None,
        });
        let claimed = Mutex::new(claimed.collect());
        Self {
            run,
            plan,
            claimed,
            lost: Mutex::default(),
            turns: Turns::default(),
            ended: AtomicBool::new(false),
        }
    }

    /// Lets those that read stop: nobody takes what they read any more.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// Whether no more files are to be read.
    pub(crate) fn is_stopped(&self) -> bool {
        self.run.cancel.is_cancelled() || self.ended.load(Ordering::Relaxed)
    }

    /// Whether `doc` was found again at a new place.
    pub(crate) fn was_moved(&self, doc: DocId) -> bool {
        lock(&self.claimed).contains(&doc)
    }

    /// Reads the file of `job`; `None` if it was stopped before that. A large text comes with its turn, to be kept
    /// until it is committed.
    ///
    /// # Errors
    /// The store or the embedder as a whole failed; what is wrong with the file is no error but an outcome.
    pub(crate) fn read(&self, job: &Job) -> Option<(Result<Done>, Option<Turn<'_>>)> {
        let turn = || self.turns.take(|| self.is_stopped());
        let early = if job.stamp.size > LARGE { Some(turn()?) } else { None };
        let done = self.read_now(job);
        let has_large_text =
            matches!(&done, Ok(Done::Update(update)) if text_bytes(&update.outcome) > LARGE_TEXT);
        if !has_large_text {
            return Some((done, None));
        }
        let turn = match early {
            Some(turn) => turn,
            None => turn()?,
        };
        Some((done, Some(turn)))
    }

    fn read_now(&self, job: &Job) -> Result<Done> {
        let path = self.plan.roots[job.root].absolute(&job.relative);
        let update = |stamp, hash, outcome| Done::Update(FileUpdate { doc: job.doc, stamp, hash, outcome });
        let (limit, rule) = self.run.config.size_limit();
        let (stamp, bytes) = match read_quiet(&path, limit) {
            Ok(Bytes::Read(stamp, bytes)) => (stamp, bytes),
            Ok(Bytes::TooLarge(stamp)) => return Ok(update(stamp, None, Outcome::Skipped { rule })),
            Ok(Bytes::Changing) => return Ok(Done::Busy),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                // A root that goes away meanwhile takes its files along; they are not deleted.
                let gone = is_gone(&self.plan.roots[job.root], &job.relative);
                return Ok(if gone { Done::Vanished(job.doc) } else { Done::Busy });
            }
            // The old stamp stays, so that the next look tries it again.
            Err(cause) if job.had_words => return Ok(Done::Unread(reason_of(&cause))),
            Err(_) if !is_here(&self.plan.roots[job.root]) => return Ok(Done::Busy),
            Err(cause) => return Ok(update(job.stamp, None, failed(reason_of(&cause), false))),
        };
        let hash = ContentHash::of(&bytes);
        if job.unless == Some(hash) {
            return Ok(Done::Change(FileChange::Touched { doc: job.doc, stamp }));
        }
        if bytes.is_empty() {
            return Ok(update(stamp, Some(hash), Outcome::Skipped { rule: "empty file".into() }));
        }
        if job.is_new
            && let Some(doc) = self.moved_from(job, hash)?
        {
            let root = self.plan.roots[job.root].id;
            let relative = job.relative.clone();
            return Ok(Done::Change(FileChange::Moved { doc, root, relative, stamp }));
        }
        let Reading { outcome, again } = self.reading(job.doc, &path, bytes, hash)?;
        // A library, or a process to read it in, could not be had: what is known of the file stays.
        let outcome = match outcome {
            Outcome::Failed { reason, .. } if again && job.had_words => return Ok(Done::Unread(reason)),
            outcome => outcome,
        };
        Ok(update(stamp, (!again).then_some(hash), outcome))
    }

    /// The document with these bytes whose own path is gone, if there is one that nobody else found.
    fn moved_from(&self, job: &Job, hash: ContentHash) -> Result<Option<DocId>> {
        let root = &self.plan.roots[job.root];
        let path = root.absolute(&job.relative);
        let mut lost = lock(&self.lost);
        // Asked for once, so that ten thousand copies of a template are not compared with each other.
        let records = match lost.entry(hash) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(self.lost_with(hash)?),
        };
        let fits = |record: &FileRecord| {
            self.root_of(record).is_some_and(|old| {
                old.collection == root.collection && same_type(&old.absolute(&record.relative), &path)
            })
        };
        while let Some(at) = records.iter().position(fits) {
            let doc = records.swap_remove(at).doc;
            if doc != job.doc && lock(&self.claimed).insert(doc) {
                return Ok(Some(doc));
            }
        }
        Ok(None)
    }

    fn lost_with(&self, hash: ContentHash) -> Result<Vec<FileRecord>> {
        let mut records = self.run.store.files_with_hash(hash)?;
        records.retain(|record| {
            can_move(record) && self.root_of(record).is_some_and(|root| is_gone(root, &record.relative))
        });
        Ok(records)
    }

    fn root_of(&self, record: &FileRecord) -> Option<&Root> {
        self.plan.roots.iter().find(|root| root.id == record.root)
    }

    fn reading(&self, doc: DocId, path: &Path, bytes: Vec<u8>, hash: ContentHash) -> Result<Reading> {
        let failed = |reason, again| Ok(Reading { outcome: failed(reason, false), again });
        let parsed = self.parsed(doc, path, &bytes, hash);
        drop(bytes);
        let document = match parsed {
            Ok(document) => document,
            Err(error) if error.kind.is_skip() => {
                return Ok(Reading { outcome: Outcome::Skipped { rule: error.reason }, again: false });
            }
            Err(error) if broke_down(error.kind) => {
                return Ok(Reading { outcome: self::failed(error.reason, true), again: false });
            }
            Err(error) => return failed(error.reason, error.kind == ParseErrorKind::Unavailable),
        };
        if document.scanned > 0 && document.text.trim().is_empty() {
            return Ok(Reading { outcome: scanned(&document, self.run.recogniser.is_some()), again: false });
        }
        let (embedder, tokens) = (self.run.embedder, self.run.config.passage_tokens);
        let passages = match catch_unwind(AssertUnwindSafe(|| chunk(&document, embedder, tokens))) {
            Ok(Ok(passages)) => passages,
            Ok(Err(error)) if concerns_all(error.kind()) => return Err(error),
            Ok(Err(error)) => return failed(error.to_report().message, true),
            Err(_) => return failed("its text could not be cut into passages".into(), false),
        };
        let own = document.title.as_deref().map(str::trim).filter(|title| !title.is_empty());
        let name = || path.file_name().unwrap_or_default().display().to_string();
        let outcome = Outcome::Indexed {
            mime: document.mime.clone(),
            title: own.map_or_else(name, str::to_owned),
            language: document.language.clone(),
            pages: document.pages,
            passages,
            scanned: document.scanned,
        };
        Ok(Reading { outcome, again: false })
    }

    /// What OCR made of the file, or else the parser.
    fn parsed(
        &self,
        doc: DocId,
        path: &Path,
        bytes: &[u8],
        hash: ContentHash,
    ) -> Result<ParsedDocument, ParseError> {
        let parse = || {
            catch_unwind(AssertUnwindSafe(|| self.run.parser.parse(path, bytes)))
                .unwrap_or_else(|_| Err(ParseError::new(ParseErrorKind::Crashed, "the parser broke down")))
        };
        match self.run.recognised.take(doc, hash) {
            None => parse(),
            Some(Ok(document)) => Ok(document),
            // What can be read without OCR stays; the rest is given up.
            Some(Err(failure)) => match parse() {
                Ok(document) if document.text.trim().is_empty() => Err(failure),
                parsed => parsed.map(|document| ParsedDocument { scanned: 0, ..document }),
            },
        }
    }
}

/// A document without any text but what OCR can read.
fn scanned(document: &ParsedDocument, waits: bool) -> Outcome {
    let pages = document.scanned;
    let what = match (document.mime.starts_with("image/"), pages) {
        (true, 1) => "a picture".to_owned(),
        (true, _) => format!("a picture of {pages} pages"),
        (false, 1) => "a scan: 1 page without text".to_owned(),
        (false, _) => format!("a scan: {pages} pages without text"),
    };
    let reason =
        if waits { format!("{what}; waits for OCR") } else { format!("{what}; OCR is off or not installed") };
    let mime = document.mime.clone();
    Outcome::Scanned { mime, pages: document.pages, scanned: pages, reason, waits }
}

/// The bytes of a file and their hash; `None` where it cannot be read, is too large, or keeps changing.
pub(crate) fn read_whole(path: &Path, config: &IndexConfig) -> Option<(ContentHash, Vec<u8>)> {
    match read_quiet(path, config.max_file_mb.saturating_mul(1 << 20)) {
        Ok(Bytes::Read(_, bytes)) => Some((ContentHash::of(&bytes), bytes)),
        _ => None,
    }
}

fn failed(reason: String, broke_down: bool) -> Outcome {
    Outcome::Failed { reason, broke_down }
}

/// Whether a parser failed in a way that may be the moment's fault: a machine without memory or time to spare.
fn broke_down(kind: ParseErrorKind) -> bool {
    matches!(kind, ParseErrorKind::Crashed | ParseErrorKind::Timeout)
}

/// Whether the tokeniser failed for a reason that it has with every text, not with this one.
fn concerns_all(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ModelMissing | ErrorKind::ModelDamaged | ErrorKind::RuntimeMissing)
}

/// Bytes of text that an outcome holds in memory.
pub(crate) fn text_bytes(outcome: &Outcome) -> usize {
    match outcome {
        Outcome::Indexed { passages, .. } => passages.iter().map(|p| p.text.len() + p.context.len()).sum(),
        Outcome::Scanned { .. } | Outcome::Skipped { .. } | Outcome::Failed { .. } => 0,
    }
}

/// Reads a file that does not change meanwhile; one that does is read a second time, and then left alone.
fn read_quiet(path: &Path, limit: u64) -> io::Result<Bytes> {
    for _ in 0..2 {
        let mut file = open(path)?;
        let mut metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("not a regular file any more"));
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        if let Some(wait) = too_fresh(stamp_of(&metadata), now) {
            std::thread::sleep(wait);
            metadata = file.metadata()?;
        }
        let stamp = stamp_of(&metadata);
        if stamp.size > limit {
            return Ok(Bytes::TooLarge(stamp));
        }
        let mut bytes = Vec::with_capacity(stamp.size as usize + 1);
        (&mut file).take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        // Another file may stand at the path now: it has another inode.
        if stamp_of(&std::fs::metadata(path)?) == stamp && bytes.len() as u64 == stamp.size {
            return Ok(Bytes::Read(stamp, bytes));
        }
    }
    Ok(Bytes::Changing)
}

/// Opens a file without following a link or waiting for the other end of a FIFO that took its place.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        options.custom_flags(flags.bits() as i32);
    }
    options.open(path)
}

/// How long to wait until a further change is sure to have another time stamp. `now` counts from 1970.
fn too_fresh(stamp: Stamp, now: Duration) -> Option<Duration> {
    let changed = Duration::from_nanos(u64::try_from(stamp.mtime_ns).ok()?);
    let age = match now.checked_sub(changed) {
        Some(age) => age,
        None if changed.saturating_sub(now) < AHEAD => Duration::ZERO,
        None => return None,
    };
    let tick = if changed.subsec_nanos() == 0 { COARSE_TICK } else { CLOCK_TICK };
    tick.checked_sub(age)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_once_a_further_change_has_another_time() {
        let second = 1_700_000_000_000_000_000;
        let wait = |mtime_ns, age_ms: i64| {
            let now = Duration::from_nanos((mtime_ns + age_ms * 1_000_000) as u64);
            let wait = too_fresh(Stamp { size: 1, mtime_ns, inode: 1 }, now);
            wait.map_or(0, |wait| wait.as_millis())
        };
        assert_eq!((wait(second + 1, 5), wait(second + 1, 30)), (15, 0));
        assert_eq!((wait(second, 20), wait(second, 1500), wait(second, 3000)), (2000, 520, 0));
        assert_eq!((wait(second + 1, -1500), wait(second, -1500)), (20, 2020), "a clock that runs ahead");
        assert_eq!(wait(second + 1, -5000), 0, "a date in the future");
    }
}
