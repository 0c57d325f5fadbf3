//! Keeps an index up to date until stopped.
//!
//! Two threads: this one has the words lane (events, requests of other commands, looking at everything from time
//! to time), the other one the vectors lane. A changed path waits until it was quiet for a moment; then it is
//! scanned and planned like anything else.

use std::{
    fmt, fs, io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, Sender, channel},
    },
    time::{Duration, Instant},
};

use docent_core::{Error, ErrorKind, Result, RootId, WatchConfig};

use crate::{
    busy::BusyFiles,
    inbox::{Inbox, IndexEvent, Request, ended},
    progress::{Cancel, OnProgress, Progress, RunReport},
    run::{Indexer, Run, Scope},
    scans::{Scanned, Scans},
    sources::Sources,
    vectors::run_vectors,
};

/// How often it is looked whether to stop.
const LOOK: Duration = Duration::from_millis(200);
/// How often it is looked whether roots came or went.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// What could not be done (a full disk, say) is tried again after this.
const RETRY: Duration = Duration::from_secs(10);
/// A passage that the model fails on is tried again after twice as long each time, this often at the most: the model
/// is loaded for it.
const DOUBLINGS: u32 = 6;
/// It is looked for scans this often, and one that could not be read is tried again after this.
const SCANS_AGAIN: Duration = Duration::from_secs(600);

/// Keeps an index up to date until stopped.
pub struct Watcher {
    indexer: Indexer,
    config: WatchConfig,
    inbox: Arc<Inbox>,
    used: Arc<Mutex<Instant>>,
    on_idle: Option<Box<dyn Fn() + Send + Sync>>,
}

/// Hands work to a running [`Watcher`]. Clones reach the same one.
#[derive(Clone)]
pub struct WatchHandle {
    inbox: Arc<Inbox>,
    used: Arc<Mutex<Instant>>,
}

impl fmt::Debug for WatchHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchHandle").finish_non_exhaustive()
    }
}

impl WatchHandle {
    /// Asks for a run over `scope`. Progress comes first, then [`IndexEvent::Done`] once words and vectors are
    /// published, or with an error when the watcher ends before that.
    pub fn index(&self, scope: Scope) -> Receiver<IndexEvent> {
        let (events, receiver) = channel();
        self.inbox.request(Request { scope, events });
        receiver
    }

    /// Says that roots were added to or removed from the catalog. New ones are indexed at once.
    pub fn roots_changed(&self) {
        self.inbox.roots_changed();
    }

    /// Says that models are in use, so that they are not let go for another while.
    pub fn touch(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

/// What the vectors lane is asked for.
#[derive(Default)]
struct Lane {
    state: Mutex<LaneState>,
    changed: Condvar,
}

#[derive(Default)]
struct LaneState {
    /// Everything up to this ticket is to be embedded.
    wanted: u64,
    stop: bool,
}

impl Lane {
    fn lock(&self) -> MutexGuard<'_, LaneState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for vectors, and returns the ticket.
    fn want(&self) -> u64 {
        let mut state = self.lock();
        state.wanted += 1;
        self.changed.notify_all();
        state.wanted
    }

    fn stop(&self) {
        self.lock().stop = true;
        self.changed.notify_all();
    }

    /// Whether more than `done` is wanted, or nothing any more.
    fn is_wanted(&self, done: u64) -> bool {
        let state = self.lock();
        state.wanted > done || state.stop
    }

    /// Waits until more than `done` is wanted; `None` when it is to stop.
    fn wait(&self, done: u64, patience: Duration) -> Option<u64> {
        let mut state = self.lock();
        if state.wanted <= done && !state.stop {
            state = self.changed.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner).0;
        }
        (!state.stop).then_some(state.wanted)
    }
}

/// A request whose words are published and whose vectors are not.
struct Waiting {
    ticket: u64,
    report: RunReport,
    events: Sender<IndexEvent>,
    began: Instant,
}

struct CloseOnDrop<'i>(&'i Inbox);

impl Drop for CloseOnDrop<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

struct StopOnDrop<'l>(&'l Lane);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

const EMBEDDING_BROKE: &str = "the embedding thread broke down";

fn broken(what: &str) -> Error {
    Error::new(ErrorKind::Internal, what)
}

type Listeners = Mutex<Vec<Sender<IndexEvent>>>;

impl Watcher {
    /// A watcher that has not begun.
    pub fn new(indexer: Indexer, config: WatchConfig) -> Self {
        let used = Arc::new(Mutex::new(Instant::now()));
        Self { indexer, config, inbox: Arc::default(), used, on_idle: None }
    }

    /// Calls `let_go` when nothing was embedded, and no one called [`WatchHandle::touch`], for
    /// `watch.idle_seconds`. Without this, the embedder alone is let go.
    #[must_use]
    pub fn on_idle(mut self, let_go: impl Fn() + Send + Sync + 'static) -> Self {
        self.on_idle = Some(Box::new(let_go));
        self
    }

    /// The way to hand it work.
    pub fn handle(&self) -> WatchHandle {
        WatchHandle { inbox: Arc::clone(&self.inbox), used: Arc::clone(&self.used) }
    }

    /// Watches until cancelled. It brings everything up to date first.
    ///
    /// A root that cannot be reached, a full disk or a missing model are reported and tried again; they do not
    /// end it.
    ///
    /// # Errors
    /// A thread broke down; `cancel` is then cancelled, too.
    pub fn run(&self, progress: OnProgress<'_>, cancel: &Cancel) -> Result<()> {
        let listeners = Listeners::default();
        let tell = |event: Progress| {
            let mut listeners = listeners.lock().unwrap_or_else(PoisonError::into_inner);
            listeners.retain(|listener| listener.send(IndexEvent::Progress(event.clone())).is_ok());
            drop(listeners);
            progress(event);
        };
        let run = self.indexer.run(&tell, cancel);
        let lane = Lane::default();
        self.inbox.open();
        std::thread::scope(|scope| {
            let vectors = scope.spawn(|| self.vectors(&run, &lane));
            let (waiting, end) = {
                // Also when it breaks down, nobody is to wait for it, and the other thread is to end.
                let _close = CloseOnDrop(&self.inbox);
                let _stop = StopOnDrop(&lane);
                let mut words = Loop::new(self, &run, &lane, &listeners);
                let end = catch_unwind(AssertUnwindSafe(|| words.until_cancelled()));
                (words.waiting, end)
            };
            if end.is_err() {
                // What is being embedded is not to take its time.
                cancel.cancel();
            }
            for one in waiting {
                drop(one.events.send(IndexEvent::Done(Err(ended()))));
            }
            let vectors = vectors.join();
            end.map_err(|_| broken("the watching thread broke down"))?;
            vectors.map_err(|_| broken(EMBEDDING_BROKE))
        })
    }

    /// The vectors lane.
    fn vectors(&self, run: &Run<'_>, lane: &Lane) {
        let mut done = 0;
        let mut retry: Option<Instant> = None;
        let mut failures = 0u32;
        let mut let_go = true;
        let mut scans = Scans::new();
        let mut scan_at = Instant::now();
        while let Some(wanted) = lane.wait(done, LOOK) {
            if run.cancel.is_cancelled() {
                return;
            }
            let again = retry.is_some_and(|at| at <= Instant::now());
            if wanted > done || again {
                let result = catch_unwind(AssertUnwindSafe(|| run_vectors(run)))
                    .unwrap_or_else(|_| Err(broken(EMBEDDING_BROKE)));
                failures = match &result {
                    Err(error) if error.kind() == ErrorKind::Model => failures + 1,
                    _ => 0,
                };
                let wait = RETRY * (1 << failures.saturating_sub(1).min(DOUBLINGS));
                retry = result.is_err().then(|| Instant::now() + wait);
                if result.as_ref().is_ok_and(|report| report.passages_embedded > 0) {
                    self.handle().touch();
                }
                let_go = false;
                done = wanted;
                scan_at = Instant::now();
                self.inbox.drained(done, result);
            } else if scan_at <= Instant::now() && retry.is_none() {
                scans.forget(SCANS_AGAIN);
                if !self.read_scan(run, &mut scans, &|| lane.is_wanted(done)) {
                    scan_at = Instant::now() + SCANS_AGAIN;
                }
            }
            let used = *self.used.lock().unwrap_or_else(PoisonError::into_inner);
            let idle = used.elapsed() >= Duration::from_secs(self.config.idle_seconds);
            if idle && !let_go {
                match &self.on_idle {
                    Some(let_models_go) => let_models_go(),
                    None => self.indexer.embedder().unload(),
                }
            }
            let_go = idle;
        }
    }

    /// Reads one scan, until `is_stopped`. Whether there may be more.
    fn read_scan(&self, run: &Run<'_>, scans: &mut Scans, is_stopped: &dyn Fn() -> bool) -> bool {
        let mut report = RunReport::default();
        let step = catch_unwind(AssertUnwindSafe(|| scans.next(run, &mut report, is_stopped)))
            .unwrap_or_else(|_| Err(broken("OCR broke down")));
        match step {
            Ok(Scanned::Ready(root, relative)) => {
                // The words lane reads it again, and asks for its vectors.
                self.inbox.note(root, &relative);
                true
            }
            Ok(Scanned::Stopped) => true,
            Ok(Scanned::Nothing) => false,
            Err(error) => {
                (run.progress)(Progress::Trouble { error: error.to_report() });
                false
            }
        }
    }
}

/// The words lane of a watcher at work.
struct Loop<'w, 'r> {
    watcher: &'w Watcher,
    run: &'w Run<'r>,
    lane: &'w Lane,
    listeners: &'w Listeners,
    sources: Sources,
    waiting: Vec<Waiting>,
    busy: BusyFiles,
    heartbeat: Instant,
    rescan: Instant,
    /// Whether all roots were looked at once.
    began: bool,
    published: Option<u64>,
}

impl<'w, 'r> Loop<'w, 'r> {
    fn new(watcher: &'w Watcher, run: &'w Run<'r>, lane: &'w Lane, listeners: &'w Listeners) -> Self {
        let inbox = Arc::clone(&watcher.inbox);
        let indexer = &watcher.indexer;
        let now = Instant::now();
        Self {
            watcher,
            run,
            lane,
            listeners,
            sources: Sources::new(
                inbox,
                indexer.own_folders(),
                indexer.config().hidden,
                watcher.config.poll_seconds,
            ),
            waiting: Vec::new(),
            busy: BusyFiles::default(),
            heartbeat: now,
            rescan: now + Duration::from_secs(watcher.config.rescan_seconds.max(1)),
            began: false,
            published: None,
        }
    }

    fn until_cancelled(&mut self) {
        // Passages may have been left without vectors by the last run.
        self.lane.want();
        let quiet = Duration::from_millis(self.watcher.config.debounce_ms);
        while !self.run.cancel.is_cancelled() {
            if Instant::now() >= self.heartbeat {
                self.beat();
            }
            for (root, path) in self.busy.due(Instant::now()) {
                self.watcher.inbox.note(root, &path);
            }
            let mut work = self.watcher.inbox.wait(quiet, LOOK);
            self.sources.forget(&work.lost);
            if work.roots_changed || !work.lost.is_empty() {
                self.beat();
            }
            for (root, why) in work.broken {
                let roots = self.watcher.indexer.roots().unwrap_or_default();
                if let Some(root) = roots.iter().find(|other| other.id == root) {
                    self.sources.poll_instead(root, why, self.run.progress);
                }
            }
            // Before what changed: whoever asks is told what was done for it.
            for request in work.requests {
                self.requested(request);
            }
            if !work.paths.is_empty() {
                work.paths.sort_unstable();
                self.changed(work.paths);
            }
            for (ticket, result) in work.drained {
                self.drained(ticket, &result);
            }
        }
    }

    /// Looks whether roots came or went, and at those whose turn it is.
    fn beat(&mut self) {
        let now = Instant::now();
        self.heartbeat = now + HEARTBEAT;
        match self.watcher.indexer.roots() {
            Ok(roots) => {
                self.sources.follow(&roots, self.run.progress);
                self.sources.poll(now);
                if now >= self.rescan {
                    self.rescan = now + Duration::from_secs(self.watcher.config.rescan_seconds.max(1));
                    self.sources.watch_again(&roots, self.run.progress);
                    for root in &roots {
                        self.watcher.inbox.rescan(root.id);
                    }
                }
            }
            Err(error) => self.trouble(&error),
        }
    }

    fn changed(&mut self, mut paths: Vec<(RootId, PathBuf)>) {
        let roots = self.watcher.indexer.roots().unwrap_or_default();
        let is_gone = |(root, path): &(RootId, PathBuf)| {
            let root = roots.iter().find(|other| other.id == *root);
            let there = root.map(|root| fs::symlink_metadata(root.absolute(path)));
            there.is_some_and(|there| there.is_err_and(|cause| cause.kind() == io::ErrorKind::NotFound))
        };
        self.busy.leave_out(&mut paths, is_gone);
        if paths.is_empty() {
            return;
        }
        self.sources.look_below(&paths, &roots, self.run.progress);
        let is_first = !std::mem::replace(&mut self.began, true);
        // What is known to have changed does not wait until a network mount is walked.
        let (polled, told): (Vec<_>, Vec<_>) =
            paths.into_iter().partition(|(root, _)| self.sources.is_polled(*root));
        for paths in [told, polled].into_iter().filter(|paths| !paths.is_empty()) {
            let looked = Instant::now();
            self.look_at(&paths, is_first);
            for (root, _) in &paths {
                self.sources.looked_at(*root, looked.elapsed());
            }
        }
    }

    fn look_at(&mut self, paths: &[(RootId, PathBuf)], again: bool) {
        match self.words(&Scope::Below(paths.to_vec()), again) {
            Ok(report) => {
                self.busy.settle(paths);
                if report.generation.is_some() || report.scanned > 0 {
                    self.lane.want();
                }
            }
            Err(error) => {
                self.trouble(&error);
                // The next look at everything finds what was not done.
                self.rescan = Instant::now() + RETRY;
            }
        }
    }

    fn words(&mut self, scope: &Scope, again: bool) -> Result<RunReport> {
        let report = self.watcher.indexer.words(self.run, scope, again)?;
        for path in &report.busy_paths {
            self.busy.put_off(path.clone(), Instant::now());
        }
        self.published = report.generation.or(self.published);
        Ok(report)
    }

    fn requested(&mut self, request: Request) {
        let Request { scope, events } = request;
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).push(events.clone());
        let began = Instant::now();
        // Roots that were just added are to be watched before they are looked at.
        self.beat();
        match self.words(&scope, true) {
            Ok(report) => {
                let ticket = self.lane.want();
                self.waiting.push(Waiting { ticket, report, events, began });
            }
            Err(error) => drop(events.send(IndexEvent::Done(Err(error)))),
        }
        if self.waiting.is_empty() {
            self.listeners.lock().unwrap_or_else(PoisonError::into_inner).clear();
        }
    }

    /// The vectors lane has embedded all that was asked for up to `ticket`.
    fn drained(&mut self, ticket: u64, result: &Result<RunReport>) {
        if let Err(error) = result {
            self.trouble(error);
        }
        let report = result.as_ref().ok();
        self.published = report.and_then(|report| report.generation).or(self.published);
        for waiting in &mut self.waiting {
            if let Some(report) = report {
                waiting.report.absorb(report.clone());
            }
        }
        let (ready, waiting) =
            std::mem::take(&mut self.waiting).into_iter().partition(|one| one.ticket <= ticket);
        self.waiting = waiting;
        for one in ready {
            answer(one, result);
        }
        if self.waiting.is_empty() {
            self.listeners.lock().unwrap_or_else(PoisonError::into_inner).clear();
            if result.is_ok() {
                (self.run.progress)(Progress::Idle { generation: self.published });
            }
        }
    }

    fn trouble(&self, error: &Error) {
        (self.run.progress)(Progress::Trouble { error: error.to_report() });
    }
}

/// Answers a request whose words and vectors are published, or whose vectors failed.
fn answer(one: Waiting, result: &Result<RunReport>) {
    let mut report = one.report;
    report.seconds = one.began.elapsed().as_secs_f64();
    let answer = match result {
        Ok(_) => Ok(report),
        Err(error) => Err(Error::from(error.to_report())),
    };
    // Whoever asked may have gone.
    drop(one.events.send(IndexEvent::Done(answer)));
}
