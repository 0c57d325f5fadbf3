//! The parent's side: hands files to workers, and replaces those that die, hang or swell.

use std::{
    collections::HashSet,
    ffi::OsString,
    io::{self, BufReader, BufWriter, Read, Write},
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel},
    },
    thread,
    time::{Duration, Instant},
};

use docent_core::{MOST_BLOCKS, ParseError, ParseErrorKind, ParsedDocument, Parser, RecognisedPage};
use tracing::debug;

use super::{
    Answer, Greeting, LONGEST, Seal, Setup, WorkerLimits, read_frame, read_json, write_frame, write_json,
};
use crate::{PageEvent, ParseOptions, Parsed, damaged, detect, logged, ocr::UNREADABLE, too_large};

/// A worker that has nothing to do ends after this time.
const IDLE: Duration = Duration::from_secs(20);
/// A worker that has read this many files is replaced, ...
const MOST_FILES: u32 = 1000;
/// ... and so is one that has read a file or written a text of this many bytes: memory does not come back.
const LARGE: usize = 8 << 20;
/// What is looked at of a dead worker's last words: all that its pipe holds.
const LAST_WORDS: u64 = 64 << 10;
/// The most headings above a block, and characters of a reason or title, that are taken from a worker.
const MOST_HEADINGS: usize = 32;
const LONGEST_REASON: usize = 1000;
/// Pages of one file that may break OCR down before the file is given up.
const BAD_PAGES: usize = 20;
/// Workers that one file may take with it while OCR reads it: two for each bad page, one more for what is no page. What
/// they say they are at is not believed further.
const MOST_DEATHS: usize = 2 * BAD_PAGES + 2;
/// Longer than anything takes.
const NO_END: Duration = Duration::from_secs(365 * 86_400);
/// Signals that no parser causes. That one came says nothing about the file.
const FROM_OUTSIDE: [&str; 4] = ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"];
/// How long a worker may take to come up, ...
const STARTING: Duration = Duration::from_secs(30);
/// ... and one that loads a model for OCR.
const LOADING: Duration = Duration::from_secs(180);

/// How a worker is started: a program that calls [`serve`](super::serve).
#[derive(Clone, Debug)]
pub struct WorkerCommand {
    /// The program.
    pub program: PathBuf,
    /// What makes it a worker.
    pub arguments: Vec<OsString>,
}

/// A [`Parser`] that parses in child processes, one for each thread that calls it at the same time.
///
/// A worker that dies or takes too long is replaced; its file gets the reason. Nothing is started before the first
/// file comes, and idle workers end.
#[derive(Debug)]
pub struct WorkerPool {
    shared: Arc<Shared>,
    orders: OnceLock<Sender<Order>>,
}

#[derive(Debug)]
struct Shared {
    command: WorkerCommand,
    options: ParseOptions,
    limits: WorkerLimits,
    idle: Mutex<Vec<(Worker, Instant)>>,
}

/// What is asked of the keeper.
enum Order {
    Start(SyncSender<io::Result<Worker>>),
    /// Kill this worker at that time, unless it is forgotten before.
    Watch(Instant, Weak<Life>),
    /// A worker went to rest.
    Resting,
}

/// A child process; it is killed when nobody knows it any more.
#[derive(Debug)]
struct Life {
    child: Mutex<Child>,
    /// It was killed because its time was up.
    late: AtomicBool,
}

impl Drop for Life {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        // It is waited for, so that no dead process is left behind.
        let _ = child.kill();
        let _ = child.wait();
    }
}

#[derive(Debug)]
struct Worker {
    life: Arc<Life>,
    input: BufWriter<ChildStdin>,
    output: BufReader<ChildStdout>,
    last_words: Option<io::PipeReader>,
    seal: Seal,
    files: u32,
}

/// What happened to a file in a worker.
enum Fate {
    Answered(Parsed),
    /// The worker is dead, or talks nonsense.
    Died(ParseError),
    /// Whoever asked wants no more of it.
    Stopped,
}

/// A file, and who is told of the pages that OCR reads in it.
struct Job<'j> {
    path: &'j Path,
    bytes: &'j [u8],
    known: &'j [RecognisedPage],
    on_event: &'j mut dyn FnMut(PageEvent) -> ControlFlow<()>,
}

impl WorkerPool {
    /// Workers of `command`, each under `limits`.
    pub fn new(command: WorkerCommand, options: ParseOptions, limits: WorkerLimits) -> Self {
        let shared = Shared { command, options, limits, idle: Mutex::default() };
        Self { shared: Arc::new(shared), orders: OnceLock::new() }
    }

    /// What a worker gives up on this machine. Starts one if none is there.
    ///
    /// # Errors
    /// No worker can be started.
    pub fn seal(&self) -> Result<Seal, ParseError> {
        let worker = self.worker()?;
        let seal = worker.seal;
        self.rest(worker);
        Ok(seal)
    }

    fn worker(&self) -> Result<Worker, ParseError> {
        if let Some((worker, _)) = lock(&self.shared.idle).pop() {
            return Ok(worker);
        }
        let (sender, started) = sync_channel(1);
        let ordered = self.keeper().send(Order::Start(sender));
        let worker = ordered.ok().and_then(|()| started.recv().ok());
        let broken = |cause: &dyn std::fmt::Display| {
            let program = self.shared.command.program.display();
            let reason = format!("no process to read it in: {program} cannot be started: {cause}");
            ParseError::new(ParseErrorKind::Unavailable, reason)
        };
        let mut worker =
            worker.ok_or_else(|| broken(&"nobody starts it"))?.map_err(|cause| broken(&cause))?;
        let loads = self.shared.options.ocr.is_some();
        self.watch(&worker, if loads { LOADING } else { STARTING });
        let greeting: Greeting = read_json(&mut worker.output).map_err(|cause| broken(&cause))?;
        worker.seal = greeting.seal;
        Ok(worker)
    }

    /// As [`docent_core::Recogniser::recognise`], with the OCR model of the options. A page that breaks two workers down
    /// is told as one that cannot be read, and the file goes on behind it.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn recognise(
        &self,
        path: &Path,
        bytes: &[u8],
        known: &[RecognisedPage],
        on_page: &mut dyn FnMut(RecognisedPage) -> ControlFlow<()>,
    ) -> Result<Option<ParsedDocument>, ParseError> {
        let mut known = known.to_vec();
        let (mut suspect, mut deaths, mut bad_pages) = (None, 0, Vec::new());
        let mut was_at_no_page = false;
        loop {
            let before = known.clone();
            let mut at = None;
            let mut on_event = |event| match event {
                PageEvent::Begun(number) => {
                    at = Some(number);
                    ControlFlow::Continue(())
                }
                PageEvent::Read(page) => {
                    at = None;
                    known.push(page.clone());
                    on_page(page)
                }
            };
            let mut worker = self.worker()?;
            let job = &mut Job { path, bytes, known: &before, on_event: &mut on_event };
            let error = match self.give(&mut worker, job) {
                Fate::Stopped => return Ok(None),
                Fate::Answered(Ok(document)) => {
                    self.done(worker, bytes.len().max(document.text.len()));
                    return Ok(Some(ParsedDocument { scanned: 0, ..document }));
                }
                // Nothing of it could be read because of what its pages did.
                Fate::Answered(Err(error)) if error.kind == ParseErrorKind::Damaged => {
                    return Err(bad_pages.into_iter().next().unwrap_or(error));
                }
                Fate::Answered(Err(error)) => return Err(error),
                Fate::Died(error) => error,
            };
            drop(worker);
            deaths += 1;
            if deaths == MOST_DEATHS {
                return Err(error);
            }
            // A second chance in a fresh worker: it may have died of what it read before, or of the moment.
            let Some(page) = at else {
                if std::mem::replace(&mut was_at_no_page, true) {
                    return Err(error);
                }
                continue;
            };
            if suspect.replace(page) != Some(page) {
                continue;
            }
            bad_pages.push(error);
            let page = RecognisedPage { number: page, content: UNREADABLE.to_owned() };
            known.push(page.clone());
            if on_page(page).is_break() {
                return Ok(None);
            }
        }
    }

    fn parse_in_worker(&self, path: &Path, bytes: &[u8]) -> Parsed {
        let mut on_event = |_| ControlFlow::Continue(());
        let mut job = Job { path, bytes, known: &[], on_event: &mut on_event };
        let mut worker = self.worker()?;
        let was_used = worker.files > 0;
        let stopped = || Err(ParseError::new(ParseErrorKind::Unavailable, "stopped"));
        match self.give(&mut worker, &mut job) {
            Fate::Answered(parsed) => {
                let text = parsed.as_ref().map_or(0, |document| document.text.len());
                self.done(worker, bytes.len().max(text));
                parsed
            }
            // It may have died of what it read before, or of something that is not in the file at all.
            Fate::Died(error)
                if error.kind == ParseErrorKind::Unavailable
                    || was_used && error.kind != ParseErrorKind::Timeout =>
            {
                drop(worker);
                let mut fresh = self.fresh_worker()?;
                match self.give(&mut fresh, &mut job) {
                    Fate::Answered(parsed) => parsed,
                    Fate::Died(error) => Err(error),
                    Fate::Stopped => stopped(),
                }
            }
            Fate::Died(error) => Err(error),
            Fate::Stopped => stopped(),
        }
    }

    /// A worker has read a file of so many bytes: it rests, or is replaced.
    fn done(&self, worker: Worker, bytes: usize) {
        if worker.files < MOST_FILES && bytes < LARGE {
            self.rest(worker);
        }
    }

    fn fresh_worker(&self) -> Result<Worker, ParseError> {
        loop {
            let worker = self.worker()?;
            if worker.files == 0 {
                return Ok(worker);
            }
        }
    }

    fn give(&self, worker: &mut Worker, job: &mut Job<'_>) -> Fate {
        let limits = self.shared.limits;
        let time = Duration::from_secs(limits.seconds * WorkerLimits::PATIENCE);
        self.watch(worker, time);
        worker.files += 1;
        let mut told: HashSet<u32> = HashSet::new();
        let mut kept: usize = job.known.iter().map(|page| page.content.len()).sum();
        let options = &self.shared.options;
        let answered = send(worker, job).and_then(|()| {
            loop {
                let event = match receive(&mut worker.output, options.max_text)? {
                    Received::Parsed(parsed) => return Ok(Fate::Answered(parsed)),
                    Received::Page(event) => event,
                };
                if options.ocr.is_none() {
                    return Err(nonsense());
                }
                let is_read = matches!(event, PageEvent::Read(_));
                if let PageEvent::Read(page) = &event {
                    kept += page.content.len();
                    let is_new = page.number < options.max_pages && told.insert(page.number);
                    if !is_new || kept > options.max_text {
                        return Err(nonsense());
                    }
                    // While whoever asked thinks about it, the time of the worker stands still.
                    self.watch(worker, NO_END);
                }
                if (job.on_event)(event).is_break() {
                    return Ok(Fate::Stopped);
                }
                // Each page has time of its own, once: one that begins again and again has none.
                if is_read {
                    self.watch(worker, time);
                }
            }
        });
        answered.unwrap_or_else(|broken| Fate::Died(worker.cause_of_death(&broken, limits, job.bytes)))
    }

    /// Puts a worker back for the next file.
    fn rest(&self, worker: Worker) {
        // Its time ran out just as it was done: it is dead by now.
        if worker.life.late.load(Ordering::Relaxed) {
            return;
        }
        lock(&self.shared.idle).push((worker, Instant::now()));
        let _ = self.keeper().send(Order::Resting);
    }

    fn watch(&self, worker: &Worker, time: Duration) {
        let _ = self.keeper().send(Order::Watch(Instant::now() + time, Arc::downgrade(&worker.life)));
    }

    fn keeper(&self) -> &Sender<Order> {
        self.orders.get_or_init(|| {
            let (sender, orders) = channel();
            let shared = Arc::downgrade(&self.shared);
            // A worker dies with the thread that started it (`seal::die_with`), so that is one which stays.
            let keep = move || Keeper { shared, watched: Vec::new() }.keep(&orders);
            if let Err(cause) = thread::Builder::new().name("parse-workers".into()).spawn(keep) {
                debug!(%cause, "no thread for the workers");
            }
            sender
        })
    }
}

impl Parser for WorkerPool {
    fn parse(&self, path: &Path, bytes: &[u8]) -> Parsed {
        let started = Instant::now();
        logged(path, started, self.parse_in_worker(path, bytes))
    }
}

fn send(worker: &mut Worker, job: &Job<'_>) -> io::Result<()> {
    // The name decides between formats; where the file lies is none of the worker's business.
    let name = job.path.file_name().unwrap_or_default().to_string_lossy();
    write_frame(&mut worker.input, name.as_bytes())?;
    write_frame(&mut worker.input, job.bytes)?;
    write_json(&mut worker.input, &job.known)?;
    worker.input.flush()
}

/// What a worker says of a file.
pub(super) enum Received {
    Page(PageEvent),
    Parsed(Parsed),
}

/// Takes what comes back, which is believed no more than any other input.
pub(super) fn receive(from: &mut impl Read, max_text: usize) -> io::Result<Received> {
    let answer: Answer = serde_json::from_slice(&read_frame(from, LONGEST)?)?;
    Ok(match answer {
        Answer::Page(event) => Received::Page(event),
        Answer::Refused(mut error) => {
            error.reason = error.reason.chars().take(LONGEST_REASON).collect();
            Received::Parsed(Err(error))
        }
        Answer::Parsed(mut document) => {
            let text = read_frame(from, max_text as u64)?;
            document.text = String::from_utf8(text).map_err(|_| nonsense())?;
            if !is_sound(&document) {
                return Err(nonsense());
            }
            Received::Parsed(Ok(document))
        }
    })
}

fn nonsense() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "no such document can be")
}

/// Whether the blocks are ranges of the text, one behind the other.
pub(super) fn is_sound(document: &ParsedDocument) -> bool {
    let mut end = 0;
    let is_short = |text: Option<&str>| text.is_none_or(|text| text.len() <= LONGEST_REASON);
    document.blocks.len() <= MOST_BLOCKS
        && is_short(Some(&document.mime))
        && is_short(document.title.as_deref())
        && is_short(document.language.as_deref())
        && document.blocks.iter().all(|block| {
            let text = document.text.get(block.range.clone());
            let follows = block.range.start >= end;
            end = block.range.end;
            follows
                && block.location.heading.len() <= MOST_HEADINGS
                && text.is_some_and(|text| text.is_char_boundary(block.header))
        })
}

impl Worker {
    /// Why it answers no more.
    fn cause_of_death(&mut self, broken: &io::Error, limits: WorkerLimits, bytes: &[u8]) -> ParseError {
        // It may be alive, and only have closed the pipe. What a dead one died of stays as it was.
        let mut child = lock(&self.life.child);
        let _ = child.kill();
        let status = child.wait().ok();
        drop(child);
        let is_nonsense = broken.kind() == io::ErrorKind::InvalidData;
        let timeout = |seconds: u64, what: &str| {
            ParseError::new(ParseErrorKind::Timeout, format!("took longer than {seconds} s{what}"))
        };
        if self.life.late.load(Ordering::Relaxed) {
            return timeout(limits.seconds * WorkerLimits::PATIENCE, "");
        }
        let signal = status.and_then(signal_of);
        if signal == Some("SIGXCPU") {
            return timeout(limits.seconds, " of processor time");
        }
        if signal == Some("SIGABRT") && self.ran_out_of_memory(bytes) {
            return too_large(format!("needed more than {} MB of memory to be read", limits.memory >> 20));
        }
        if signal == Some("SIGSYS") {
            let reason = "its parser tried to do what it may not, and was stopped: is the file an attack?";
            return ParseError::new(ParseErrorKind::Crashed, reason);
        }
        if signal.is_some_and(|signal| FROM_OUTSIDE.contains(&signal)) {
            let reason = "the process that read it was ended from outside";
            return ParseError::new(ParseErrorKind::Unavailable, reason);
        }
        if is_nonsense {
            return damaged("damaged: its parser got lost in it");
        }
        let how = signal.map_or_else(String::new, |signal| format!(" ({signal})"));
        ParseError::new(ParseErrorKind::Crashed, format!("its parser broke down on it{how}"))
    }

    /// Looks for the message of Rust's allocator. Nothing else of it is used: it may hold text of the document. pdfium
    /// says nothing: it aborts where there is no memory, and nowhere else (what is wrong with itself is a trap).
    fn ran_out_of_memory(&mut self, bytes: &[u8]) -> bool {
        let mut words = Vec::new();
        let Some(pipe) = self.last_words.take() else { return false };
        let _ = pipe.take(LAST_WORDS).read_to_end(&mut words);
        String::from_utf8_lossy(&words).contains("memory allocation of")
            || (words.is_empty() && detect::is_pdf(bytes))
    }
}

#[cfg(unix)]
fn signal_of(status: ExitStatus) -> Option<&'static str> {
    use std::os::unix::process::ExitStatusExt as _;

    use rustix::process::Signal;
    let number = status.signal()?;
    let known = [
        (Signal::XCPU, "SIGXCPU"),
        (Signal::ABORT, "SIGABRT"),
        (Signal::SYS, "SIGSYS"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::BUS, "SIGBUS"),
        (Signal::ILL, "SIGILL"),
        (Signal::FPE, "SIGFPE"),
        (Signal::TRAP, "SIGTRAP"),
        (Signal::KILL, "SIGKILL"),
        (Signal::TERM, "SIGTERM"),
        (Signal::INT, "SIGINT"),
        (Signal::HUP, "SIGHUP"),
        (Signal::QUIT, "SIGQUIT"),
    ];
    let name = known.iter().find(|(signal, _)| signal.as_raw() == number);
    Some(name.map_or("an unknown signal", |(_, name)| name))
}

#[cfg(not(unix))]
fn signal_of(_status: ExitStatus) -> Option<&'static str> {
    None
}

/// The thread that starts workers, ends idle ones, and kills those whose time is up.
struct Keeper {
    shared: Weak<Shared>,
    watched: Vec<(Instant, Weak<Life>)>,
}

impl Keeper {
    fn keep(mut self, orders: &Receiver<Order>) {
        loop {
            let order = match self.next_look() {
                Some(at) => orders.recv_timeout(at.saturating_duration_since(Instant::now())),
                None => orders.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match order {
                Ok(Order::Start(answer)) => {
                    let Some(shared) = self.shared.upgrade() else { return };
                    // Without a taker, the worker is dropped and ends.
                    let _ = answer.send(start(&shared));
                }
                Ok(Order::Watch(until, life)) => {
                    // A worker has one time that counts: that of its last file.
                    self.watched.retain(|(_, other)| !other.ptr_eq(&life) && other.strong_count() > 0);
                    self.watched.push((until, life));
                }
                Ok(Order::Resting) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.look();
        }
    }

    fn next_look(&self) -> Option<Instant> {
        let resting = self.shared.upgrade().and_then(|shared| {
            let oldest = lock(&shared.idle).iter().map(|(_, since)| *since).min();
            oldest.map(|since| since + IDLE)
        });
        self.watched.iter().map(|(until, _)| *until).chain(resting).min()
    }

    fn look(&mut self) {
        let now = Instant::now();
        let ended: Vec<(Worker, Instant)> = self.shared.upgrade().map_or_else(Vec::new, |shared| {
            let mut idle = lock(&shared.idle);
            // Whoever rests is not late.
            self.watched.retain(|(_, life)| {
                !idle.iter().any(|(worker, _)| std::ptr::eq(Arc::as_ptr(&worker.life), life.as_ptr()))
            });
            idle.extract_if(.., |(_, since)| now.duration_since(*since) >= IDLE).collect()
        });
        drop(ended);
        self.watched.retain(|(until, life)| {
            if *until > now {
                return true;
            }
            if let Some(life) = life.upgrade() {
                life.late.store(true, Ordering::Relaxed);
                let _ = lock(&life.child).kill();
            }
            false
        });
    }
}

/// Starts a worker and tells it what it is.
fn start(shared: &Shared) -> io::Result<Worker> {
    let mut command = Command::new(&shared.command.program);
    command.args(&shared.command.arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    // It needs nothing of what this process was told, and nothing of where it was started.
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt as _;
        // In a group of its own: Ctrl-C is for the parent to answer.
        command.env_clear().current_dir("/").process_group(0);
        command.envs(std::env::var_os("LD_LIBRARY_PATH").map(|folders| ("LD_LIBRARY_PATH", folders)));
    }
    let last_words = hear_last_words(&mut command)?;
    let mut child = command.spawn()?;
    drop(command);
    let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(io::Error::other("it has no pipes"));
    };
    let life = Arc::new(Life { child: Mutex::new(child), late: AtomicBool::new(false) });
    let mut worker = Worker {
        life,
        input: BufWriter::new(input),
        output: BufReader::new(output),
        last_words,
        seal: Seal::default(),
        files: 0,
    };
    let setup = Setup { options: shared.options.clone(), limits: shared.limits, parent: std::process::id() };
    write_json(&mut worker.input, &setup)?;
    worker.input.flush()?;
    Ok(worker)
}

/// A pipe for what the worker says when it dies. It never waits for a reader: what does not fit is lost.
#[cfg(unix)]
fn hear_last_words(command: &mut Command) -> io::Result<Option<io::PipeReader>> {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    let (reader, writer) = io::pipe()?;
    fcntl_setfl(&writer, fcntl_getfl(&writer)? | OFlags::NONBLOCK)?;
    command.stderr(writer);
    Ok(Some(reader))
}

#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "it can fail elsewhere")]
fn hear_last_words(command: &mut Command) -> io::Result<Option<io::PipeReader>> {
    command.stderr(Stdio::null());
    Ok(None)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
