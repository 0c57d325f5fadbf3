//! Reads one file: bytes, hash, parser, passages.

use std::{
    collections::HashSet,
    fs::{File, OpenOptions},
    io::{self, Read},
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use docent_core::{
    ContentHash, DocId, FileChange, FileUpdate, Outcome, ParseError, ParseErrorKind, Result, Stamp,
};

use crate::{
    chunk::chunk,
    plan::{Job, Plan},
    run::Run,
    scan::{reason_of, stamp_of},
    standing::{holds_words, is_gone},
};

/// Two changes closer than this may carry one time stamp: a file is not read until its last one is older.
const CLOCK_TICK: Duration = Duration::from_millis(20);
/// Files above this many bytes are read one at a time, so that memory is bounded by one of them.
const LARGE: u64 = 8 << 20;

/// What became of a job.
pub(crate) enum Done {
    /// It was read, or is left out.
    Update(FileUpdate),
    /// The bytes are those that are known, or those of a document that was moved here.
    Change(FileChange),
    /// It is not there any more.
    Vanished(DocId),
    /// It kept changing; the next run reads it.
    Busy,
}

/// Reads files; shared by the threads that read.
pub(crate) struct Reader<'a> {
    run: &'a Run<'a>,
    plan: &'a Plan,
    /// Documents that were found again at a new place.
    claimed: Mutex<HashSet<DocId>>,
    large: Mutex<()>,
}

enum Bytes {
    Read(Stamp, Vec<u8>),
    TooLarge(Stamp),
    Changing,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(run: &'a Run<'a>, plan: &'a Plan) -> Self {
        let claimed = plan.moves.iter().filter_map(|change| match change {
            FileChange::Moved { doc, .. } => Some(*doc),
            _ => None,
        });
        Self { run, plan, claimed: Mutex::new(claimed.collect()), large: Mutex::default() }
    }

    /// Whether `doc` was found again at a new place.
    pub(crate) fn was_moved(&self, doc: DocId) -> bool {
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner).contains(&doc)
    }

    /// Reads the file of `job`.
    ///
    /// # Errors
    /// The store or the embedder's tokeniser failed; what is wrong with the file is no error but an outcome.
    pub(crate) fn read(&self, job: &Job) -> Result<Done> {
        let path = self.plan.roots[job.root].absolute(&job.relative);
        let turn =
            (job.stamp.size > LARGE).then(|| self.large.lock().unwrap_or_else(PoisonError::into_inner));
        let update = |stamp, hash, outcome| Done::Update(FileUpdate { doc: job.doc, stamp, hash, outcome });
        let (stamp, bytes) = match read_quiet(&path, self.run.config.max_file_mb.saturating_mul(1 << 20)) {
            Ok(Bytes::Read(stamp, bytes)) => (stamp, bytes),
            Ok(Bytes::TooLarge(stamp)) => {
                let rule = format!("larger than {} MB", self.run.config.max_file_mb);
                return Ok(update(stamp, None, Outcome::Skipped { rule }));
            }
            Ok(Bytes::Changing) => return Ok(Done::Busy),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                // A root that goes away meanwhile takes its files along; they are not deleted.
                let gone = is_gone(&self.plan.roots[job.root], &job.relative);
                return Ok(if gone { Done::Vanished(job.doc) } else { Done::Busy });
            }
            Err(cause) => return Ok(update(job.stamp, None, Outcome::Failed { reason: reason_of(&cause) })),
        };
        let hash = ContentHash::of(&bytes);
        if job.unless == Some(hash) {
            return Ok(Done::Change(FileChange::Touched { doc: job.doc, stamp }));
        }
        if job.is_new
            && let Some(doc) = self.moved_from(job, hash)?
        {
            let root = self.plan.roots[job.root].id;
            let relative = job.relative.clone();
            return Ok(Done::Change(FileChange::Moved { doc, root, relative, stamp }));
        }
        if bytes.is_empty() {
            return Ok(update(stamp, Some(hash), Outcome::Skipped { rule: "empty file".into() }));
        }
        let outcome = self.outcome(&path, bytes)?;
        drop(turn);
        Ok(update(stamp, Some(hash), outcome))
    }

    /// The document with these bytes whose own path is gone, if there is one that nobody else found.
    fn moved_from(&self, job: &Job, hash: ContentHash) -> Result<Option<DocId>> {
        let collection = &self.plan.roots[job.root].collection;
        for record in self.run.store.files_with_hash(hash)? {
            let Some(root) = self.plan.roots.iter().find(|root| root.id == record.root) else { continue };
            let fits = record.doc != job.doc && root.collection == *collection && holds_words(record.state);
            if !fits || !is_gone(root, &record.relative) {
                continue;
            }
            if self.claimed.lock().unwrap_or_else(PoisonError::into_inner).insert(record.doc) {
                return Ok(Some(record.doc));
            }
        }
        Ok(None)
    }

    fn outcome(&self, path: &Path, bytes: Vec<u8>) -> Result<Outcome> {
        let parsed = catch_unwind(AssertUnwindSafe(|| self.run.parser.parse(path, &bytes)))
            .unwrap_or_else(|_| Err(ParseError::new(ParseErrorKind::Crashed, "the parser broke down")));
        drop(bytes);
        let document = match parsed {
            Ok(document) => document,
            Err(error) if error.kind.is_skip() => return Ok(Outcome::Skipped { rule: error.reason }),
            Err(error) => return Ok(Outcome::Failed { reason: error.reason }),
        };
        let passages = chunk(&document, self.run.embedder, self.run.config.passage_tokens)?;
        let own = document.title.as_deref().map(str::trim).filter(|title| !title.is_empty());
        let name = || path.file_name().unwrap_or_default().display().to_string();
        Ok(Outcome::Indexed {
            mime: document.mime.clone(),
            title: own.map_or_else(name, str::to_owned),
            language: document.language.clone(),
            pages: document.pages,
            passages,
        })
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
        if let Some(wait) = too_fresh(stamp_of(&metadata)) {
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

/// How long to wait until a further change is sure to have another time stamp.
fn too_fresh(stamp: Stamp) -> Option<Duration> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let age = now.checked_sub(Duration::from_nanos(u64::try_from(stamp.mtime_ns).ok()?))?;
    CLOCK_TICK.checked_sub(age)
}
