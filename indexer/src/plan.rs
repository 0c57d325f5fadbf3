//! Compares what stands under the roots with what the catalog knows.

use std::{
    collections::{HashMap, HashSet},
    ffi::OsStr,
    path::{Path, PathBuf},
};

use docent_core::{
    ContentHash, DocId, FileChange, FileRecord, FileState, FileUpdate, IndexStore, Outcome, Result, Root,
    RootId, RootReport, Stamp,
};

use crate::{
    progress::{OnProgress, Progress, RunReport},
    rules::{Rule, Rules},
    run::{Run, Scope},
    scan::{Scan, Seen},
    standing::{Standing, holds_words, looks_unmounted, standing},
};

/// The stamp of a file that a rule leaves out: nothing was looked at.
const NO_STAMP: Stamp = Stamp { size: 0, mtime_ns: 0, inode: 0 };

/// Scanning says how far it is after this many files.
const REPORT_EVERY: u64 = 1000;

/// A file to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) doc: DocId,
    /// Index into [`Plan::roots`].
    pub(crate) root: usize,
    pub(crate) relative: PathBuf,
    pub(crate) stamp: Stamp,
    /// The hash of its bytes when last read, if equal bytes need not be parsed again.
    pub(crate) unless: Option<ContentHash>,
    /// Never read before: it may be a document that was moved.
    pub(crate) is_new: bool,
}

/// What has to be done, for one scope.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// All roots, in scope or not.
    pub(crate) roots: Vec<Root>,
    /// Files to read, newest first.
    pub(crate) jobs: Vec<Job>,
    /// Files that a rule leaves out now.
    pub(crate) skips: Vec<FileUpdate>,
    /// Documents that were moved, known by their stamps.
    pub(crate) moves: Vec<FileChange>,
    /// Documents that are gone for certain, among them those at whose place another was moved.
    pub(crate) removed: Vec<DocId>,
    /// Documents that are gone, unless one of the files to read turns out to be theirs.
    pub(crate) removed_unless_moved: Vec<DocId>,
    /// What is known already.
    pub(crate) report: RunReport,
}

/// What the catalog and the disk say about one path, taken together.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Unchanged,
    Read,
    Skip(Rule),
}

fn judge(record: Option<&FileRecord>, seen: Seen) -> Verdict {
    match (record, seen) {
        (Some(record), Seen::Skipped(rule))
            if record.state == FileState::Skipped && record.reason.as_deref() == Some(&*rule) =>
        {
            Verdict::Unchanged
        }
        (_, Seen::Skipped(rule)) => Verdict::Skip(rule),
        (Some(record), Seen::File(stamp))
            if record.stamp == Some(stamp)
                && record.state != FileState::Pending
                && !was_never_read(record) =>
        {
            Verdict::Unchanged
        }
        (_, Seen::File(_)) => Verdict::Read,
    }
}

/// Whether its bytes could not be had (no permission, a broken disk): nothing that is seen from outside tells
/// when they can.
fn was_never_read(record: &FileRecord) -> bool {
    record.state == FileState::Failed && record.hash.is_none()
}

/// A path that has to be read or skipped.
struct Item {
    relative: PathBuf,
    record: Option<FileRecord>,
    what: Result<Stamp, Rule>,
}

/// What was found under one root.
struct Found {
    root: usize,
    items: Vec<Item>,
    gone: Vec<FileRecord>,
}

/// Walks `scope` and plans.
///
/// The catalog's records of one root are in memory while that root is compared; afterwards only what changed is.
pub(crate) fn plan(run: &Run<'_>, scope: &Scope) -> Result<Plan> {
    let (store, progress) = (run.store, run.progress);
    let mut plan = Plan { roots: store.roots()?, ..Plan::default() };
    let mut all = Vec::new();
    for at in 0..plan.roots.len() {
        let Some(mut paths) = scope.paths_in(&plan.roots[at]) else { continue };
        if run.cancel.is_cancelled() {
            break;
        }
        let root = &mut plan.roots[at];
        let device = match standing(root) {
            Standing::Here { device } => device,
            Standing::Away(why) => {
                set_away(store, root, &why, &mut plan.report, progress)?;
                continue;
            }
        };
        if root.unavailable.is_some() || root.device.is_some_and(|recorded| recorded != device) {
            paths = vec![PathBuf::new()];
        }
        let rules = Rules::new(root, run.config, run.own)?;
        let mut found = Found { root: at, items: Vec::new(), gone: Vec::new() };
        let mut away = None;
        for under in &paths {
            away = look(run, root, &rules, under, device, &mut found, &mut plan.report)?;
            if away.is_some() {
                break;
            }
        }
        if run.cancel.is_cancelled() {
            // What was not walked would seem to be gone.
            break;
        }
        if let Some(why) = away {
            set_away(store, root, &why, &mut plan.report, progress)?;
            continue;
        }
        if root.unavailable.is_some() || root.device != Some(device) {
            if root.unavailable.is_some() {
                progress(Progress::RootReturned { path: root.path.display().to_string() });
            }
            store.set_root_state(root.id, None, Some(device))?;
            root.unavailable = None;
            root.device = Some(device);
        }
        all.push(found);
    }
    plan.report.interrupted = run.cancel.is_cancelled();
    let mut gone = Vec::new();
    for found in all {
        gone.extend(plan.take(store, found)?);
    }
    // A move that a hash has to show needs a new file of the same size.
    let sizes: HashSet<u64> = plan.jobs.iter().filter(|job| job.is_new).map(|job| job.stamp.size).collect();
    for record in gone {
        let movable =
            record.stamp.is_some_and(|stamp| sizes.contains(&stamp.size)) && holds_words(record.state);
        let list = if movable { &mut plan.removed_unless_moved } else { &mut plan.removed };
        list.push(record.doc);
    }
    plan.jobs.sort_by_key(|job| std::cmp::Reverse(job.stamp.mtime_ns));
    Ok(plan)
}

/// Compares one part of a root. Returns why the root counts as away, if it does.
fn look(
    run: &Run<'_>,
    root: &Root,
    rules: &Rules,
    under: &Path,
    device: u64,
    found: &mut Found,
    report: &mut RunReport,
) -> Result<Option<String>> {
    let progress = run.progress;
    let records = run.store.files(root.id, under)?;
    let by_path: HashMap<&OsStr, usize> =
        records.iter().enumerate().map(|(at, record)| (record.relative.as_os_str(), at)).collect();
    let mut there = vec![false; records.len()];
    let mut scan = Scan::new(root, rules, run.cancel);
    scan.walk(under, &mut |relative, seen| {
        report.seen += 1;
        if report.seen.is_multiple_of(REPORT_EVERY) {
            progress(Progress::Scanning { seen: report.seen });
        }
        let record = by_path.get(relative.as_os_str()).map(|&at| {
            there[at] = true;
            &records[at]
        });
        let what = match (judge(record, seen.clone()), seen) {
            (Verdict::Unchanged, _) => return,
            (Verdict::Skip(rule), _) | (_, Seen::Skipped(rule)) => Err(rule),
            (Verdict::Read, Seen::File(stamp)) => Ok(stamp),
        };
        found.items.push(Item { relative: relative.to_owned(), record: record.cloned(), what });
    });
    for unreadable in &scan.unreadable {
        let path = root.absolute(&unreadable.relative).display().to_string();
        progress(Progress::Failed { path: path.clone(), reason: unreadable.reason.clone() });
        report.fail(path, unreadable.reason.clone());
    }
    let kept =
        |relative: &Path| scan.unreadable.iter().any(|unreadable| relative.starts_with(&unreadable.relative));
    let gone = |at: usize| !there[at] && !kept(&records[at].relative);
    let known = records.iter().filter(|record| holds_words(record.state)).count();
    let missing = (0..records.len()).filter(|&at| holds_words(records[at].state) && gone(at)).count();
    if under.as_os_str().is_empty() && looks_unmounted(root, device, known, missing) {
        return Ok(Some("another file system is in its place: not mounted".into()));
    }
    // It may have gone away during the walk.
    if missing > 0 && standing(root) != (Standing::Here { device }) {
        return Ok(Some("went away while it was looked at".into()));
    }
    found.gone.extend((0..records.len()).filter(|&at| gone(at)).map(|at| records[at].clone()));
    Ok(None)
}

/// Records that a root cannot be reached.
fn set_away(
    store: &dyn IndexStore,
    root: &mut Root,
    why: &str,
    report: &mut RunReport,
    progress: OnProgress<'_>,
) -> Result<()> {
    let path = root.path.display().to_string();
    if root.unavailable.as_deref() != Some(why) {
        store.set_root_state(root.id, Some(why), root.device)?;
        root.unavailable = Some(why.to_owned());
    }
    progress(Progress::RootUnavailable { path: path.clone(), reason: why.to_owned() });
    report.unavailable.push(RootReport {
        path,
        collection: root.collection.clone(),
        state: "unavailable".into(),
        reason: Some(why.to_owned()),
        files: store.files(root.id, Path::new(""))?.len() as u64,
    });
    Ok(())
}

impl Plan {
    /// Whether there is nothing to do.
    pub(crate) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
            && self.skips.is_empty()
            && self.moves.is_empty()
            && self.removed.is_empty()
            && self.removed_unless_moved.is_empty()
    }

    /// Takes what was found under one root, and returns the documents that are gone and were not moved within it.
    fn take(&mut self, store: &dyn IndexStore, found: Found) -> Result<Vec<FileRecord>> {
        let root = self.roots[found.root].id;
        // A rename keeps size, time and inode: the bytes need not be read to know the file again.
        let mut movable: HashMap<Stamp, DocId> = found
            .gone
            .iter()
            .filter(|record| holds_words(record.state))
            .filter_map(|record| Some((record.stamp.filter(|stamp| stamp.inode != 0)?, record.doc)))
            .collect();
        let mut moved = HashSet::new();
        let mut left = Vec::new();
        for item in found.items {
            let from = item.what.as_ref().ok().and_then(|stamp| Some((*stamp, movable.remove(stamp)?)));
            let Some((stamp, doc)) = from else {
                left.push(item);
                continue;
            };
            moved.insert(doc);
            self.removed.extend(item.record.map(|record| record.doc));
            self.moves.push(FileChange::Moved { doc, root, relative: item.relative, stamp });
        }
        self.number(store, found.root, root, left)?;
        Ok(found.gone.into_iter().filter(|record| !moved.contains(&record.doc)).collect())
    }

    /// Enters new files in the catalog, and makes jobs of what has to be read.
    fn number(&mut self, store: &dyn IndexStore, at: usize, root: RootId, items: Vec<Item>) -> Result<()> {
        let new: Vec<PathBuf> =
            items.iter().filter(|item| item.record.is_none()).map(|item| item.relative.clone()).collect();
        let mut numbers = if new.is_empty() { Vec::new() } else { store.discover(root, &new)? }.into_iter();
        for item in items {
            let Some(doc) = item.record.as_ref().map(|record| record.doc).or_else(|| numbers.next()) else {
                continue;
            };
            match item.what {
                Err(rule) => self.skips.push(FileUpdate {
                    doc,
                    stamp: NO_STAMP,
                    hash: None,
                    outcome: Outcome::Skipped { rule: rule.into_owned() },
                }),
                Ok(stamp) => self.jobs.push(job(doc, at, item.relative, stamp, item.record.as_ref())),
            }
        }
        Ok(())
    }
}

fn job(doc: DocId, root: usize, relative: PathBuf, stamp: Stamp, record: Option<&FileRecord>) -> Job {
    // Equal bytes are parsed again all the same where the last reading failed.
    let unless = record.filter(|record| holds_words(record.state) || record.state == FileState::Skipped);
    let is_new = record.is_none_or(|record| record.state == FileState::Pending && record.hash.is_none());
    Job { doc, root, relative, stamp, unless: unless.and_then(|record| record.hash), is_new }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(state: FileState, stamp: Option<Stamp>, reason: Option<&str>) -> FileRecord {
        FileRecord {
            doc: DocId(1),
            root: RootId(1),
            relative: "a".into(),
            stamp,
            hash: None,
            state,
            reason: reason.map(str::to_owned),
        }
    }

    #[test]
    fn a_path_is_judged_by_record_and_stamp() {
        let stamp = Stamp { size: 1, mtime_ns: 2, inode: 3 };
        let other = Stamp { mtime_ns: 9, ..stamp };
        let file = Seen::File(stamp);
        let hidden = Seen::Skipped("hidden".into());
        let failed = FileRecord {
            hash: Some(ContentHash::of(b"damaged")),
            ..record(FileState::Failed, Some(stamp), Some("damaged"))
        };
        let cases = [
            (None, file.clone(), Verdict::Read),
            (None, hidden.clone(), Verdict::Skip("hidden".into())),
            (Some(record(FileState::Searchable, Some(stamp), None)), file.clone(), Verdict::Unchanged),
            (Some(record(FileState::LexicalOnly, Some(stamp), None)), file.clone(), Verdict::Unchanged),
            (Some(failed.clone()), file.clone(), Verdict::Unchanged),
            (Some(record(FileState::Failed, Some(stamp), Some("permission"))), file.clone(), Verdict::Read),
            (Some(record(FileState::Failed, Some(other), Some("damaged"))), file.clone(), Verdict::Read),
            (Some(record(FileState::Searchable, Some(other), None)), file.clone(), Verdict::Read),
            (Some(record(FileState::Searchable, None, None)), file.clone(), Verdict::Read),
            (Some(record(FileState::Pending, Some(stamp), None)), file.clone(), Verdict::Read),
            (Some(record(FileState::Skipped, Some(stamp), Some("binary"))), file.clone(), Verdict::Unchanged),
            (Some(record(FileState::Skipped, Some(NO_STAMP), Some("hidden"))), file, Verdict::Read),
            (
                Some(record(FileState::Skipped, Some(NO_STAMP), Some("hidden"))),
                hidden.clone(),
                Verdict::Unchanged,
            ),
            (Some(record(FileState::Searchable, Some(stamp), None)), hidden, Verdict::Skip("hidden".into())),
        ];
        for (record, seen, verdict) in cases {
            assert_eq!(judge(record.as_ref(), seen.clone()), verdict, "{record:?} {seen:?}");
        }
    }
}
