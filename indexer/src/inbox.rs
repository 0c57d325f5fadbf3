//! What the watching thread has to do: paths that changed, requests of other commands.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc::Sender},
    time::{Duration, Instant},
};

use docent_core::{Result, RootId};

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

/// Paths that changed, with the first and the last time that they did.
#[derive(Debug, Default)]
struct Dirty(HashMap<(RootId, PathBuf), (Instant, Instant)>);

#[derive(Debug, Default)]
struct State {
    dirty: Dirty,
    rescan: HashSet<RootId>,
    roots_changed: bool,
    broken: Vec<(RootId, String)>,
    requests: VecDeque<Request>,
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
    pub(crate) requests: Vec<Request>,
    pub(crate) drained: Vec<(u64, Result<RunReport>)>,
}

impl Work {
    fn is_empty(&self) -> bool {
        self.paths.is_empty()
            && !self.roots_changed
            && self.broken.is_empty()
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

    /// The catalog has other roots now.
    pub(crate) fn roots_changed(&self) {
        self.tell(|state| state.roots_changed = true);
    }

    pub(crate) fn request(&self, request: Request) {
        self.tell(|state| state.requests.push_back(request));
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
            requests: self.requests.drain(..).collect(),
            drained: std::mem::take(&mut self.drained),
            paths: self.rescan.drain().map(|root| (root, PathBuf::new())).collect(),
        };
        let ready_at = |&(first, last): &(Instant, Instant)| (last + quiet).min(first + quiet * PATIENCE);
        work.paths.extend(self.dirty.0.extract_if(|_, times| ready_at(times) <= now).map(|(path, _)| path));
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
    fn a_flood_becomes_a_rescan() {
        let mut state = State::default();
        for n in 0..=PATHS {
            state.note(RootId(1), Path::new(&n.to_string()), Instant::now());
        }
        let (work, next) = state.take(Instant::now(), Duration::from_secs(1));
        assert_eq!((work.paths, next), (vec![(RootId(1), PathBuf::new())], None));
    }
}
