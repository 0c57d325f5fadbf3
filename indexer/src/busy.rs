//! Files that change whenever they are read: each is left alone for a while, longer every time.

use std::{
    collections::HashMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use docent_core::RootId;

/// How long a file is left alone at first; twice as long each time after that, ...
const FIRST: Duration = Duration::from_secs(1);
/// ... up to this.
const LONGEST: Duration = Duration::from_secs(60);

type DirtyPath = (RootId, PathBuf);

struct Rest {
    times: u32,
    until: Instant,
    /// Whether the time is over and the file is on its way to be read.
    over: bool,
}

/// The files that are left alone.
#[derive(Default)]
pub(crate) struct BusyFiles(HashMap<DirtyPath, Rest>);

impl BusyFiles {
    /// It changed while it was read.
    pub(crate) fn put_off(&mut self, path: DirtyPath, now: Instant) {
        let rest = self.0.entry(path).or_insert(Rest { times: 0, until: now, over: false });
        rest.until = now + (FIRST * (1 << rest.times.min(10))).min(LONGEST);
        rest.over = false;
        rest.times += 1;
    }

    /// Whether it is to be left alone, whatever events come.
    pub(crate) fn rests(&self, path: &DirtyPath) -> bool {
        self.0.get(path).is_some_and(|rest| !rest.over)
    }

    /// Takes those out of `paths` that are to be left alone; not what is gone: a deletion is seen at once.
    pub(crate) fn leave_out(&mut self, paths: &mut Vec<DirtyPath>, is_gone: impl Fn(&DirtyPath) -> bool) {
        paths.retain(|path| {
            let rests = self.rests(path);
            if rests && is_gone(path) {
                self.0.remove(path);
                return true;
            }
            !rests
        });
    }

    /// Those whose time is over, each once.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<DirtyPath> {
        let mut due = Vec::new();
        for (path, rest) in &mut self.0 {
            if !rest.over && rest.until <= now {
                rest.over = true;
                due.push(path.clone());
            }
        }
        due
    }

    /// Forgets those that were looked at and not put off again.
    pub(crate) fn settle(&mut self, looked_at: &[DirtyPath]) {
        for path in looked_at {
            if !self.rests(path) {
                self.0.remove(path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_always_changes_is_read_more_and_more_rarely() {
        let path = (RootId(1), PathBuf::from("a.log"));
        let mut busy = BusyFiles::default();
        let mut now = Instant::now();
        let mut waits = Vec::new();
        for _ in 0..9 {
            busy.put_off(path.clone(), now);
            let began = now;
            while busy.due(now).is_empty() {
                assert!(busy.rests(&path));
                now += Duration::from_secs(1);
            }
            assert!(!busy.rests(&path) && busy.due(now).is_empty());
            waits.push((now - began).as_secs());
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        busy.settle(std::slice::from_ref(&path));
        busy.put_off(path.clone(), now);
        busy.settle(std::slice::from_ref(&path));
        assert!(busy.due(now + FIRST) == [path], "it begins anew, and is kept while it rests");
    }

    #[test]
    fn the_deletion_of_a_resting_file_is_seen_at_once() {
        let path = |name: &str| (RootId(1), PathBuf::from(name));
        let mut busy = BusyFiles::default();
        for name in ["a.log", "b.log"] {
            busy.put_off(path(name), Instant::now());
        }
        let mut paths = vec![path("a.log"), path("b.log"), path("c.log")];
        busy.leave_out(&mut paths, |gone| *gone == path("b.log"));
        assert_eq!(paths, [path("b.log"), path("c.log")]);
        assert!(busy.rests(&path("a.log")) && !busy.rests(&path("b.log")));
    }
}
