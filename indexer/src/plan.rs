//! Compares what stands under the roots with what the catalog knows.

use std::{
    collections::{HashMap, HashSet},
    ffi::OsStr,
    path::{Path, PathBuf},
};

use docent_core::{
    ContentHash, DocId, FileChange, FileRecord, FileState, FileUpdate, IndexStore, Outcome, Result, Root,
    RootReport, Stamp,
};

use crate::{
    progress::{OnProgress, Progress, RunReport},
    rules::{Rule, Rules},
    run::{Run, Scope},
    scan::{Scan, Seen, Unreadable},
    scans::is_news,
    standing::{Standing, can_move, holds_words, looks_unmounted, standing},
};

/// The stamp of a file that is not read: nothing was looked at.
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
    /// Its document could be found until now.
    pub(crate) had_words: bool,
    /// It has pages that only OCR can read, and no others.
    pub(crate) was_scanned: bool,
}

/// What has to be done, for one scope.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// All roots, in scope or not.
    pub(crate) roots: Vec<Root>,
    /// What is to be read or entered unread, by root, until it is entered in the catalog.
    items: Vec<(usize, Vec<Item>)>,
    /// Files to read, newest first.
    pub(crate) jobs: Vec<Job>,
    /// Files that a rule leaves out now, and what could not be looked at.
    pub(crate) unread: Vec<FileUpdate>,
    /// Documents that were moved, known by their stamps, in an order in which each finds its new place free.
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

/// `is_news` says whether OCR is a reason to read a file again.
fn judge(
    record: Option<&FileRecord>,
    seen: Seen,
    again: bool,
    is_news: &dyn Fn(&FileRecord) -> bool,
) -> Verdict {
    match (record, seen) {
        (Some(record), Seen::Skipped(rule))
            if record.state == FileState::Skipped && record.reason.as_deref() == Some(&*rule) =>
        {
            Verdict::Unchanged
        }
        (_, Seen::Skipped(rule)) => Verdict::Skip(rule),
        (Some(record), Seen::File(stamp))
            if record.stamp == Some(stamp)
                && (record.state != FileState::Pending || record.scanned > 0)
                && !record.is_due
                && !is_news(record)
                && !(again && was_never_read(record)) =>
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

/// Whether what is known of a path stays when it cannot be looked at: a document that is searchable, or the same failure.
fn stays(record: &FileRecord, reason: &str) -> bool {
    holds_words(record.state) || record.state == FileState::Failed && record.reason.as_deref() == Some(reason)
}

/// A path that has to be read, or that is entered with what is known without reading it.
#[derive(Debug)]
struct Item {
    relative: PathBuf,
    record: Option<FileRecord>,
    what: Result<Stamp, Outcome>,
}

/// What was found under one root.
struct Found {
    root: usize,
    items: Vec<Item>,
    gone: Vec<FileRecord>,
    /// What could not be looked at: told once, however many of its parts are looked at.
    told: HashSet<Unreadable>,
    /// Whether files that could not be read are tried again.
    again: bool,
}

/// Walks `scope` and plans.
///
/// Files that could not be read and look as they did then are tried again if `again`, and below what is named in
/// `scope`: an event may tell that they can be read. A look from time to time would read them all each time.
///
/// The catalog's records of one root are in memory while that root is compared; afterwards only what changed is.
pub(crate) fn plan(run: &Run<'_>, scope: &Scope, again: bool) -> Result<Plan> {
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
        let mut found = Found { root: at, items: Vec::new(), gone: Vec::new(), told: HashSet::new(), again };
        let mut away = None;
        for under in &paths {
            found.again = again || root.unavailable.is_some() || !under.as_os_str().is_empty();
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
        gone.extend(plan.take(found));
    }
    // A move that a hash has to show needs a new file of the same size.
    let items = plan.items.iter().flat_map(|(_, items)| items);
    let sizes: HashSet<u64> = items
        .filter(|item| is_new(item.record.as_ref()))
        .filter_map(|item| Some(item.what.as_ref().ok()?.size))
        .collect();
    for record in gone {
        let movable = record.stamp.is_some_and(|stamp| sizes.contains(&stamp.size)) && can_move(&record);
        if movable {
            plan.removed_unless_moved.push(record.doc);
        } else {
            plan.remove(&record);
        }
    }
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
        let what = match (judge(record, seen.clone(), found.again, &|record| is_news(run, record)), seen) {
            (Verdict::Unchanged, _) => return,
            (Verdict::Skip(rule), _) | (_, Seen::Skipped(rule)) => {
                Err(Outcome::Skipped { rule: rule.into_owned() })
            }
            (Verdict::Read, Seen::File(stamp)) => Ok(stamp),
        };
        found.items.push(Item { relative: relative.to_owned(), record: record.cloned(), what });
    });
    for unreadable in scan.unreadable.iter().filter(|unreadable| found.told.insert((*unreadable).clone())) {
        let path = root.absolute(&unreadable.relative).display().to_string();
        progress(Progress::Failed { path: path.clone(), reason: unreadable.reason.clone() });
        report.failed += 1;
        report.fail(path, unreadable.reason.clone());
        let record = by_path.get(unreadable.relative.as_os_str()).map(|&at| &records[at]);
        if unreadable.unseen && !record.is_some_and(|record| stays(record, &unreadable.reason)) {
            found.items.push(Item {
                relative: unreadable.relative.clone(),
                record: record.cloned(),
                what: Err(Outcome::Failed { reason: unreadable.reason.clone(), broke_down: false }),
            });
        }
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
        self.items.is_empty()
            && self.moves.is_empty()
            && self.removed.is_empty()
            && self.removed_unless_moved.is_empty()
    }

    fn remove(&mut self, record: &FileRecord) {
        self.removed.push(record.doc);
        self.report.removed += u64::from(holds_words(record.state));
    }

    /// Takes what was found under one root, and returns the documents that are gone and were not moved within it.
    fn take(&mut self, found: Found) -> Vec<FileRecord> {
        let root = self.roots[found.root].id;
        let mut lost = lost_documents(&found);
        let (mut moves, mut left) = (Vec::new(), Vec::new());
        for item in found.items {
            match item.what.as_ref().ok().and_then(|stamp| take_lost(&mut lost, stamp, &item.relative)) {
                Some(doc) => moves.push((doc, item)),
                None => left.push(item),
            }
        }
        let (moves, cycles) = in_order(moves);
        let moved: HashSet<DocId> = moves.iter().map(|(doc, _)| *doc).collect();
        for (doc, item) in moves {
            if let Some(displaced) = item.record.filter(|record| !moved.contains(&record.doc)) {
                self.remove(&displaced);
            }
            if let Ok(stamp) = item.what {
                self.moves.push(FileChange::Moved { doc, root, relative: item.relative, stamp });
            }
        }
        left.extend(cycles);
        for item in &mut left {
            // Its document has left: what stands there now is another one.
            item.record = item.record.take().filter(|record| !moved.contains(&record.doc));
        }
        if !left.is_empty() {
            self.items.push((found.root, left));
        }
        found.gone.into_iter().filter(|record| !moved.contains(&record.doc)).collect()
    }

    /// Enters new files in the catalog, and makes jobs of those that are to be read.
    pub(crate) fn enter(&mut self, store: &dyn IndexStore) -> Result<()> {
        for (at, items) in std::mem::take(&mut self.items) {
            let new: Vec<PathBuf> =
                items.iter().filter(|item| item.record.is_none()).map(|item| item.relative.clone()).collect();
            let numbers =
                if new.is_empty() { Vec::new() } else { store.discover(self.roots[at].id, &new)? };
            let mut numbers = numbers.into_iter();
            for item in items {
                let known = item.record.as_ref().map(|record| record.doc);
                let Some(doc) = known.or_else(|| numbers.next()) else { continue };
                match item.what {
                    Err(outcome) => {
                        self.unread.push(FileUpdate { doc, stamp: NO_STAMP, hash: None, outcome });
                    }
                    Ok(stamp) => self.jobs.push(job(doc, at, item.relative, stamp, item.record.as_ref())),
                }
            }
        }
        self.jobs.sort_by_key(|job| std::cmp::Reverse(job.stamp.mtime_ns));
        Ok(())
    }
}

/// The documents of a root at whose place nothing is, or another file. A rename keeps size, time and inode: the bytes
/// need not be read to know the file again.
fn lost_documents(found: &Found) -> HashMap<Stamp, (DocId, PathBuf)> {
    let replaced = found.items.iter().filter_map(|item| {
        let (record, stamp) = (item.record.as_ref()?, item.what.as_ref().ok()?);
        (record.stamp?.inode != stamp.inode).then_some(record)
    });
    let lost = found.gone.iter().chain(replaced).filter(|record| can_move(record));
    lost.filter_map(|record| {
        let stamp = record.stamp.filter(|stamp| stamp.inode != 0)?;
        Some((stamp, (record.doc, record.relative.clone())))
    })
    .collect()
}

fn take_lost(lost: &mut HashMap<Stamp, (DocId, PathBuf)>, stamp: &Stamp, at: &Path) -> Option<DocId> {
    let (_, old) = lost.get(stamp)?;
    if same_type(old, at) { lost.remove(stamp).map(|(doc, _)| doc) } else { None }
}

/// Whether two paths have the same extension: it says how the bytes are to be read.
pub(crate) fn same_type(one: &Path, other: &Path) -> bool {
    let ending = |path: &Path| path.extension().map(OsStr::to_ascii_lowercase);
    ending(one) == ending(other)
}

/// Puts moves into an order in which each document's new place was left by the one before it (logs that are rotated).
/// Files that changed places with each other have no such order: they are given back.
fn in_order(moves: Vec<(DocId, Item)>) -> (Vec<(DocId, Item)>, Vec<Item>) {
    let at: HashMap<DocId, usize> = moves.iter().enumerate().map(|(at, (doc, _))| (*doc, at)).collect();
    let next: Vec<Option<usize>> = moves
        .iter()
        .map(|(_, item)| item.record.as_ref().and_then(|record| at.get(&record.doc)).copied())
        .collect();
    let mut moves: Vec<Option<(DocId, Item)>> = moves.into_iter().map(Some).collect();
    let (mut ordered, mut cycles) = (Vec::new(), Vec::new());
    for start in 0..moves.len() {
        let mut chain = Vec::new();
        let mut step = Some(start);
        while let Some(taken) = step.and_then(|at| moves[at].take()) {
            chain.push(taken);
            step = step.and_then(|at| next[at]);
        }
        if step == Some(start) && !chain.is_empty() {
            cycles.extend(chain.into_iter().map(|(_, item)| item));
        } else {
            ordered.extend(chain.into_iter().rev());
        }
    }
    (ordered, cycles)
}

fn is_new(record: Option<&FileRecord>) -> bool {
    record.is_none_or(|record| record.state == FileState::Pending && record.hash.is_none())
}

fn job(doc: DocId, root: usize, relative: PathBuf, stamp: Stamp, record: Option<&FileRecord>) -> Job {
    // Equal bytes are parsed again all the same where the last reading failed, or is to be repeated.
    let is_settled = |record: &&FileRecord| {
        !record.is_due
            && record.scanned == 0
            && (holds_words(record.state) || record.state == FileState::Skipped)
    };
    let unless = record.filter(is_settled);
    Job {
        doc,
        root,
        relative,
        stamp,
        unless: unless.and_then(|record| record.hash),
        is_new: is_new(record),
        had_words: record.is_some_and(|record| holds_words(record.state)),
        was_scanned: record.is_some_and(|record| record.scanned > 0 && !holds_words(record.state)),
    }
}

#[cfg(test)]
mod tests {
    use docent_core::RootId;

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
            is_due: false,
            scanned: 0,
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
            (Some(FileRecord { is_due: true, ..failed }), file.clone(), Verdict::Read),
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
            assert_eq!(
                judge(record.as_ref(), seen.clone(), true, &|_| false),
                verdict,
                "{record:?} {seen:?}"
            );
        }
        let unread = record(FileState::Failed, Some(stamp), Some("permission"));
        let quietly = |record: &FileRecord, stamp| judge(Some(record), Seen::File(stamp), false, &|_| false);
        assert_eq!(quietly(&unread, stamp), Verdict::Unchanged, "from time to time");
        assert_eq!(quietly(&unread, other), Verdict::Read);
        let scan = FileRecord { scanned: 3, ..record(FileState::Pending, Some(stamp), Some("waits")) };
        assert_eq!(quietly(&scan, stamp), Verdict::Unchanged, "it waits for OCR");
        assert_eq!(quietly(&scan, other), Verdict::Read);
        assert_eq!(judge(Some(&scan), Seen::File(stamp), false, &|_| true), Verdict::Read, "OCR has read it");
    }
}
