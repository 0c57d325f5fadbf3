//! What the watching thread has to do: paths that changed, requests of other commands.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc::Sender},
    time::{Duration, Instant},
};

use docent_core::{Error, ErrorKind, Result, RootId};

use crate::{
    progress::{Progress, RunReport},
    run::Scope,
};

/// A root with more changed paths than this is looked at as a whole.
const PATHS: usize = 4096;
/// A path that never is quiet is looked at after this many times the quiet time.
const PATIENCE: u32 = 20;

/// What a request is answered with: progress, and at last the result.
#[derive(Debug)]
pub enum IndexEvent {
    /// How far it is.
    Progress(Progress),
    /// What was done, vectors included; or why it failed. Nothing follows.
    Done(Result<RunReport>),
}

/// A run that another command asks for.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) scope: Scope,
    pub(crate) events: Sender<IndexEvent>,
}

impl Request {
    /// Says that the watcher has ended.
    pub(crate) fn refuse(self) {
        // Whoever asked may have gone.
        drop(self.events.send(IndexEvent::Done(Err(ended()))));
    }
}

/// What a request comes to whose watcher ends.
pub(crate) fn ended() -> Error {
    Error::new(ErrorKind::Unavailable, "the watching docent ended before this was done")
        .hint("what was finished is searchable; `docent index` goes on from there")
}

/// Paths that changed, with the first and the last time that they did.
#[derive(Debug, Default)]
struct Dirty(HashMap<(RootId, PathBuf), (Instant, Instant)>);

#[derive(Debug, Default)]
struct State {
    dirty: Dirty,
    rescan: HashSet<RootId>,
    roots_changed: bool,
    broken: Vec<(RootId, String)>,
    lost: HashSet<RootId>,
    requests: VecDeque<Request>,
    /// Nobody takes requests any more.
    closed: bool,
    /// Results of the vectors lane, with the ticket up to which everything is done.
    drained: Vec<(u64, Result<RunReport>)>,
}

/// Filled by events and by other threads, emptied by the watching thread.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    state: Mutex<State>,
    bell: Condvar,
}

/// What is to be done now.
#[derive(Debug, Default)]
pub(crate) struct Work {
    /// Paths that are quiet, and roots to be looked at as a whole (an empty path).
    pub(crate) paths: Vec<(RootId, PathBuf)>,
    pub(crate) roots_changed: bool,
    /// Roots whose events cannot be relied on any more, and why.
    pub(crate) broken: Vec<(RootId, String)>,
    /// Roots of which events were lost, of new folders perhaps.
    pub(crate) lost: HashSet<RootId>,
    pub(crate) requests: Vec<Request>,
    pub(crate) drained: Vec<(u64, Result<RunReport>)>,
}

impl Work {
    fn is_empty(&self) -> bool {
        self.paths.is_empty()
            && !self.roots_changed
            && self.broken.is_empty()
            && self.lost.is_empty()
            && self.requests.is_empty()
            && self.drained.is_empty()
    }
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.bell.notify_all();
    }

    /// A path changed.
    pub(crate) fn note(&self, root: RootId, relative: &Path) {
        self.tell(|state| state.note(root, relative, Instant::now()));
    }

    /// All of a root is to be looked at.
    pub(crate) fn rescan(&self, root: RootId) {
        self.tell(|state| {
            state.rescan.insert(root);
        });
    }

    /// A root's events cannot be relied on any more.
    pub(crate) fn broken(&self, root: RootId, why: String) {
        self.tell(|state| state.broken.push((root, why)));
    }

    /// Events of a root were lost.
    pub(crate) fn lost(&self, root: RootId) {
        self.tell(|state| {
            state.lost.insert(root);
        });
    }

    /// The catalog has other roots now.
    pub(crate) fn roots_changed(&self) {
        self.tell(|state| state.roots_changed = true);
    }

    /// Hands a run over. It is answered in any case, also when the watcher has ended.
    pub(crate) fn request(&self, request: Request) {
        let mut state = self.lock();
        if state.closed {
            return request.refuse();
        }
        state.requests.push_back(request);
        drop(state);
        self.bell.notify_all();
    }

    /// Takes requests from now on.
    pub(crate) fn open(&self) {
        self.lock().closed = false;
    }

    /// Refuses the requests that are waiting and those to come.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        for request in state.requests.drain(..) {
            request.refuse();
        }
    }

    pub(crate) fn drained(&self, ticket: u64, result: Result<RunReport>) {
        self.tell(|state| state.drained.push((ticket, result)));
    }

    /// Waits until there is something to do, at most for `patience`. A path is ready when it was `quiet` for
    /// so long.
    pub(crate) fn wait(&self, quiet: Duration, patience: Duration) -> Work {
        let until = Instant::now() + patience;
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let (work, next) = state.take(now, quiet);
            if !work.is_empty() || now >= until {
                return work;
            }
            let wait = next.map_or(until, |next| next.min(until)).saturating_duration_since(now);
            let wait = wait.max(Duration::from_millis(1));
            state = self.bell.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl State {
    fn note(&mut self, root: RootId, relative: &Path, now: Instant) {
        if self.rescan.contains(&root) {
            return;
        }
        self.dirty
            .0
            .entry((root, relative.to_owned()))
            .and_modify(|times| times.1 = now)
            .or_insert((now, now));
        if self.dirty.0.len() > PATHS {
            self.rescan.extend(self.dirty.0.drain().map(|((root, _), _)| root));
        }
    }

    /// Takes what is ready, and says when the next path will be.
    fn take(&mut self, now: Instant, quiet: Duration) -> (Work, Option<Instant>) {
        let mut work = Work {
            roots_changed: std::mem::take(&mut self.roots_changed),
            broken: std::mem::take(&mut self.broken),
            lost: std::mem::take(&mut self.lost),
            requests: self.requests.drain(..).collect(),
            drained: std::mem::take(&mut self.drained),
            paths: self.rescan.drain().map(|root| (root, PathBuf::new())).collect(),
        };
        let ready_at = |&(first, last): &(Instant, Instant)| (last + quiet).min(first + quiet * PATIENCE);
        // What began to change together goes together: a rename is two paths, a rotation of logs several, and what is
        // looked at alone seems to be deleted or new.
        let ready = self.dirty.0.values().filter(|times| ready_at(times) <= now);
        if let Some(last) = ready.map(|(_, last)| *last).max() {
            let together = last + quiet / 2;
            let taken = self.dirty.0.extract_if(|_, times| ready_at(times) <= now || times.0 <= together);
            work.paths.extend(taken.map(|(path, _)| path));
        }
        (work, self.dirty.0.values().map(ready_at).min())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_ready_when_it_is_quiet_and_at_last_in_any_case() {
        let quiet = Duration::from_millis(250);
        let (root, path, start) = (RootId(1), Path::new("a"), Instant::now());
        let mut state = State::default();
        state.note(root, path, start);
        let (work, next) = state.take(start + quiet / 2, quiet);
        assert!(work.is_empty());
        assert_eq!(next, Some(start + quiet));
        state.note(root, path, start + quiet / 2);
        assert!(state.take(start + quiet, quiet).0.is_empty());
        assert_eq!(state.take(start + quiet * 2, quiet).0.paths, [(root, path.to_owned())]);

        for step in 0..=PATIENCE * 2 {
            state.note(root, path, start + quiet / 2 * step);
        }
        assert_eq!(state.take(start + quiet * PATIENCE, quiet).0.paths.len(), 1);
    }

    #[test]
    fn what_changed_together_is_taken_together() {
        let quiet = Duration::from_millis(200);
        let (start, root) = (Instant::now(), RootId(1));
        let mut state = State::default();
        state.note(root, Path::new("old"), start);
        state.note(RootId(2), Path::new("new"), start + quiet / 4);
        state.note(root, Path::new("later"), start + quiet * 3 / 4);
        let mut paths = state.take(start + quiet, quiet).0.paths;
        paths.sort();
        assert_eq!(paths, [(root, "old".into()), (RootId(2), "new".into())]);
        assert_eq!(state.take(start + quiet * 2, quiet).0.paths, [(root, "later".into())]);
    }

    #[test]
    fn every_request_is_answered() {
        let ask = |inbox: &Inbox| {
            let (events, answers) = std::sync::mpsc::channel();
            inbox.request(Request { scope: Scope::All, events });
            answers
        };
        let kind = |answer| match answer {
            Ok(IndexEvent::Done(Err(error))) => error.kind(),
            other => panic!("{other:?}"),
        };
        let inbox = Inbox::default();
        let waiting = ask(&inbox);
        inbox.close();
        assert_eq!(kind(waiting.try_recv()), ErrorKind::Unavailable);
        assert_eq!(kind(ask(&inbox).try_recv()), ErrorKind::Unavailable, "after the end");
        inbox.open();
        let waiting = ask(&inbox);
        assert!(waiting.try_recv().is_err(), "it is taken up again");
    }

    #[test]
    fn a_flood_becomes_a_rescan() {
        let mut state = State::default();
        for n in 0..=PATHS {
            state.note(RootId(1), Path::new(&n.to_string()), Instant::now());
        }
        let (work, next) = state.take(Instant::now(), Duration::from_secs(1));
        assert_eq!((work.paths, next), (vec![(RootId(1), PathBuf::new())], None));
    }
}
