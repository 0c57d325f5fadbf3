//! Faults at every point, and in histories at random: in processes of their own, while this one reads.

use std::{
    env, fs,
    process::{Command, ExitStatus, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use docent_core::{PassageId, Result};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;
use crate::fault::{self, After, Fault, Kind, Point};

/// Names the file that tells a child what to do.
const PLAN: &str = "DOCENT_FAULT_PLAN";

/// What is done to an index. Each may be done again, and then changes nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Act {
    Write(u8, Vec<u8>),
    /// Some documents at once, with the same passages.
    WriteAll(BTreeSet<u8>, Vec<u8>),
    /// A document of so many passages.
    WriteMany(u8, u16),
    Remove(u8),
    Move(u8, u8),
    Embed,
    Maintain(bool),
    Reopen,
    /// Another root is entered, with a document, and removed.
    OtherRoot,
}

/// What a child does in `folder`.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Plan {
    folder: PathBuf,
    acts: Vec<Act>,
    faults: Vec<Fault>,
}

impl Plan {
    fn home(&self) -> PathBuf {
        self.folder.join("home")
    }

    /// Where a child notes, by the name of an empty file, that so many acts are done.
    fn notes(&self) -> PathBuf {
        self.folder.join("done")
    }

    fn done(&self) -> usize {
        let names = fs::read_dir(self.notes()).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter_map(|name| name.to_str()?.parse().ok()).max().unwrap_or(0)
    }

    /// Begins the child, under `wrapper` if it is not empty.
    fn start(&self, wrapper: &[&str]) -> std::process::Child {
        fs::create_dir_all(self.notes()).unwrap();
        let plan = self.folder.join("plan.json");
        fs::write(&plan, serde_json::to_vec(self).unwrap()).unwrap();
        let tests = env::current_exe().unwrap();
        let mut command = match wrapper {
            [] => Command::new(tests),
            [program, arguments @ ..] => {
                let mut command = Command::new(program);
                command.args(arguments).arg(tests);
                command
            }
        };
        command.args(["--exact", "tests::faults::child", "--ignored", "--nocapture"]).env(PLAN, &plan);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }
}

/// What an index has to hold: documents by name, each with its passages and whether they have a vector.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Model(BTreeMap<String, Vec<(String, bool)>>);

fn name(number: u8) -> String {
    format!("{number}.txt")
}

/// The texts of a document that act `n` writes; the low numbers stand for the same text at every time.
fn texts(n: usize, numbers: &[u8]) -> Vec<String> {
    let text = |t: &u8| if *t < 4 { format!("common stable{t}") } else { format!("common v{n} t{t}") };
    numbers.iter().map(text).collect()
}

fn many(count: u16) -> Vec<String> {
    (0..count).map(|n| format!("common many{n}")).collect()
}

impl Model {
    fn write(&mut self, name: String, texts: Vec<String>) {
        let mut before = self.0.remove(&name).unwrap_or_default();
        let passages = texts.into_iter().map(|text| {
            // The first of equal ones stays the first.
            let old = before.iter().position(|(known, _)| *known == text).map(|at| before.remove(at));
            (text, old.is_some_and(|(_, has_vector)| has_vector))
        });
        let passages = passages.collect();
        self.0.insert(name, passages);
    }

    fn apply(&mut self, n: usize, act: &Act) {
        match act {
            Act::Write(number, numbers) => self.write(name(*number), texts(n, numbers)),
            Act::WriteAll(names, numbers) => {
                for number in names {
                    self.write(name(*number), texts(n, numbers));
                }
            }
            Act::WriteMany(number, count) => self.write(name(*number), many(*count)),
            Act::Remove(number) => drop(self.0.remove(&name(*number))),
            Act::Move(from, to) if !self.0.contains_key(&name(*to)) => {
                if let Some(passages) = self.0.remove(&name(*from)) {
                    self.0.insert(name(*to), passages);
                }
            }
            Act::Embed => {
                for (_, has_vector) in self.0.values_mut().flatten() {
                    *has_vector = true;
                }
            }
            Act::Move(..) | Act::Maintain(_) | Act::Reopen | Act::OtherRoot => {}
        }
    }

    /// The states before each act, and the last one.
    fn states(acts: &[Act]) -> Vec<Self> {
        let mut states = vec![Self::default()];
        for (n, act) in acts.iter().enumerate() {
            let mut next = states[n].clone();
            next.apply(n, act);
            states.push(next);
        }
        states
    }

    fn passages(&self) -> Vec<(String, bool)> {
        let mut all: Vec<_> = self.0.values().flatten().cloned().collect();
        all.sort();
        all
    }

    /// A document without passages cannot be told from none.
    fn without_empty(&self) -> Self {
        Self(self.0.clone().into_iter().filter(|(_, passages)| !passages.is_empty()).collect())
    }
}

/// What one generation holds: each passage with its document, and whether it has a vector.
fn passages_in(store: &Store) -> Vec<(DocId, String, bool)> {
    let (recent, _pin) = store.pinned().unwrap();
    let ids: Vec<PassageId> = recent.searching.all().unwrap().into_iter().map(|(id, _)| id).collect();
    let vectors = store.in_vectors(|vectors| vectors.all(recent.payload.vectors)).unwrap();
    let with_vector: BTreeSet<PassageId> = vectors.iter().map(|(id, _)| *id).collect();
    assert_eq!(with_vector.len(), vectors.len(), "a vector is there twice");
    assert!(with_vector.iter().all(|id| ids.contains(id)), "a vector has no words");
    let passages = recent.searching.passages(&ids).unwrap();
    assert_eq!(passages.len(), ids.len());
    passages
        .into_iter()
        .filter(|passage| passage.text.starts_with("common"))
        .map(|passage| (passage.doc, passage.text, with_vector.contains(&passage.id)))
        .collect()
}

impl Index {
    fn doc_named(&self, name: &str) -> Result<Option<DocId>> {
        let files = self.writer.files(self.root.id, Path::new(""))?;
        Ok(files.into_iter().find(|file| file.relative == Path::new(name)).map(|file| file.doc))
    }

    fn commit(&self, numbers: &BTreeSet<u8>, texts: &[String], mtime: i64) -> Result<()> {
        let names: Vec<String> = numbers.iter().map(|number| name(*number)).collect();
        let paths: Vec<PathBuf> = names.iter().map(PathBuf::from).collect();
        self.writer.discover(self.root.id, &paths)?;
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let updates = names.iter().map(|name| self.update(name, &texts, mtime)).collect();
        self.writer.commit_words(WordsBatch { updates, removed: vec![] }).map(drop)
    }

    fn perform(&self, n: usize, act: &Act) -> Result<()> {
        match act {
            Act::Write(number, numbers) => self.commit(&[*number].into(), &texts(n, numbers), n as i64),
            Act::WriteAll(names, numbers) => self.commit(names, &texts(n, numbers), n as i64),
            Act::WriteMany(number, count) => self.commit(&[*number].into(), &many(*count), n as i64),
            Act::Remove(number) => {
                let removed = self.doc_named(&name(*number))?.into_iter().collect();
                self.writer.commit_words(WordsBatch { updates: vec![], removed }).map(drop)
            }
            Act::Move(from, to) => match (self.doc_named(&name(*from))?, self.doc_named(&name(*to))?) {
                (Some(doc), None) => {
                    let relative = PathBuf::from(name(*to));
                    let stamp = Stamp { size: 1, mtime_ns: n as i64, inode: 1 };
                    let root = self.root.id;
                    self.writer.change_files(&[FileChange::Moved { doc, root, relative, stamp }])
                }
                _ => Ok(()),
            },
            Act::Embed => self.try_embed_all().map(drop),
            Act::Maintain(always) => self.writer.maintain_now(*always),
            Act::Reopen => Ok(()),
            Act::OtherRoot => {
                let other = self.writer.put_root("default", Path::new("/other"), false, &[], &[], None)?;
                let doc = self.writer.discover(other.id, &[PathBuf::from("o.txt")])?[0];
                let updates = vec![FileUpdate { doc, ..self.update("unused", &["elsewhere"], 1) }];
                self.writer.commit_words(WordsBatch { updates, removed: vec![] })?;
                self.writer.remove_root(other.id).map(drop)
            }
        }
    }

    /// As [`passages_in`], by the names that the documents bear now.
    fn state(&self) -> Model {
        let store = self.writer.store();
        let mut state = Model::default();
        for (doc, text, has_vector) in passages_in(store) {
            let path = store.catalog.path_of(doc).expect("a passage has a document");
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            state.0.entry(name).or_default().push((text, has_vector));
        }
        for passages in state.0.values_mut() {
            passages.sort();
        }
        state
    }

    /// Whether it holds the state, and is sound.
    fn holds(&self, model: &Model) -> bool {
        let mut model = model.without_empty();
        for passages in model.0.values_mut() {
            passages.sort();
        }
        self.state() == model
    }
}

/// Goes through a plan's acts; one that fails for a fault must leave everything as it was or as it was to be, and is done
/// again.
#[test]
#[ignore = "is begun by the tests that read its plan"]
fn child() {
    let plan = env::var(PLAN).expect("the plan's path");
    let plan: Plan = serde_json::from_slice(&fs::read(plan).unwrap()).unwrap();
    let states = Model::states(&plan.acts);
    fault::arm(plan.faults.clone());
    let mut struck = 0;
    // What fails without a fault of ours fails for one from outside, or in earnest.
    let mut tries = 0;
    let mut may_go_on = |what: &str| {
        tries += 1;
        let fired = fault::fired();
        assert!(fired > struck || tries < 20, "{what}");
        struck = fired;
    };
    let mut index = None;
    for (n, act) in plan.acts.iter().enumerate().skip(plan.done()) {
        loop {
            if matches!(act, Act::Reopen) {
                index = None;
            }
            let performed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                if index.is_none() {
                    index = Some(Index::at(&plan.home())?);
                }
                index.as_ref().map_or(Ok(()), |index| index.perform(n, act))
            }));
            match performed {
                Ok(Ok(())) => break,
                Ok(Err(error)) => may_go_on(&format!("{act:?}: {error:?}")),
                Err(_) => may_go_on(&format!("{act:?} panicked")),
            }
            if let Some(index) = &index
                && !matches!(act, Act::OtherRoot)
            {
                let (before, after) = (&states[n], &states[n + 1]);
                let seen = Model([(String::new(), texts_in(index.writer.store()))].into()).passages();
                assert!(
                    seen == before.passages() || seen == after.passages(),
                    "{act:?} left {}, neither {} nor {}",
                    brief(&seen),
                    brief(&before.passages()),
                    brief(&after.passages())
                );
            }
        }
        fs::write(plan.notes().join((n + 1).to_string()), "").unwrap();
    }
    let index = index.unwrap_or_else(|| Index::at(&plan.home()).unwrap());
    assert!(index.holds(states.last().unwrap()), "{}", brief(&index.state().passages()));
    index.check();
    eprintln!("faults that struck: {}", fault::fired());
}

/// The first of many passages.
fn brief(passages: &[(String, bool)]) -> String {
    format!("{} passages, {:?} ...", passages.len(), &passages[..passages.len().min(12)])
}

fn texts_in(store: &Store) -> Vec<(String, bool)> {
    passages_in(store).into_iter().map(|(_, text, has_vector)| (text, has_vector)).collect()
}

/// How a child ended, and what was found.
struct Ended {
    status: ExitStatus,
    /// How many acts it had noted as done.
    done: usize,
    /// What the index held then: `true` if what the act under way was to bring about.
    has_new: bool,
    has_old: bool,
    /// How long the next start took.
    start: Duration,
    /// Snapshots taken meanwhile.
    read: u32,
    said: String,
}

/// Runs a plan's child while this process reads, then starts anew, looks, and finishes the plan.
fn go_through(plan: &Plan, wrapper: &[&str]) -> Ended {
    let states = Model::states(&plan.acts);
    let home = Home::locate(Some(&plan.home())).unwrap();
    let child = plan.start(wrapper);
    let over = AtomicBool::new(false);
    let (read, output) = thread::scope(|scope| {
        let reading = scope.spawn(|| read_on(&home, &states, &over));
        let output = child.wait_with_output().unwrap();
        over.store(true, Ordering::Relaxed);
        (reading.join().unwrap(), output)
    });
    let said =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let done = plan.done();
    let started = Instant::now();
    let index = Index::at(&plan.home()).unwrap();
    let start = started.elapsed();
    let next = (done + 1).min(plan.acts.len());
    let (has_old, has_new) = (index.holds(&states[done]), index.holds(&states[next]));
    assert!(
        has_old || has_new,
        "{plan:?} ended {:?} with {done} acts done and left {}\n{said}",
        output.status,
        brief(&index.state().passages())
    );
    index.check();
    let mut index = index;
    for (n, act) in plan.acts.iter().enumerate().skip(done) {
        if matches!(act, Act::Reopen) {
            index = index.reopen();
        }
        index.perform(n, act).unwrap();
    }
    assert!(index.holds(states.last().unwrap()), "{plan:?}: {}", brief(&index.state().passages()));
    index.embed_all();
    index.writer.maintain_now(true).unwrap();
    index.check();
    let passages = texts_in(index.writer.store());
    assert!(passages.iter().all(|(_, has_vector)| *has_vector), "{}", brief(&passages));
    assert_eq!(index.writer.store().status().unwrap().parts.versions, 1);
    Ended { status: output.status, done, has_new, has_old, start, read, said }
}

/// Reads until it is `over`, as another process does: every snapshot is one of the states, and none is older than the one
/// before. Returns how many there were.
fn read_on(home: &Home, states: &[Model], over: &AtomicBool) -> u32 {
    let states: Vec<_> = states.iter().map(Model::passages).collect();
    let (mut at, mut read) = (0, 0);
    let mut kept: Option<Store> = None;
    while !over.load(Ordering::Relaxed) {
        // A handle that lasts and one that was just opened, in turn.
        if kept.is_none() || read % 2 == 0 {
            kept = Store::open(home, &identity()).unwrap();
        }
        let Some(store) = &kept else {
            thread::sleep(Duration::from_millis(1));
            continue;
        };
        let mut seen = texts_in(store);
        seen.sort();
        let found = states[at..].iter().position(|state| *state == seen);
        at += found.unwrap_or_else(|| panic!("after state {at} a reader saw {}", brief(&seen)));
        read += 1;
    }
    read
}

fn plan(acts: Vec<Act>, faults: Vec<Fault>) -> (TempDir, Plan) {
    let folder = tempfile::tempdir().unwrap();
    let plan = Plan { folder: folder.path().to_owned(), acts, faults };
    (folder, plan)
}

/// A history that passes every point.
fn eventful() -> Vec<Act> {
    vec![
        Act::Write(0, vec![1, 5, 6]),
        Act::Embed,
        Act::Write(1, vec![0, 4]),
        Act::Write(0, vec![1, 7]),
        Act::Embed,
        Act::Remove(1),
        Act::Move(0, 3),
        Act::WriteMany(4, 600),
        Act::Embed,
        Act::OtherRoot,
        // One of many: a segment of which much is deleted is rewritten without being told to.
        Act::WriteAll((10..20).collect(), vec![3, 8]),
        Act::Remove(12),
        Act::Maintain(true),
        Act::Write(2, vec![2, 8]),
        Act::Reopen,
        Act::Write(2, vec![9]),
        Act::Maintain(false),
    ]
}

/// A history of few passages.
fn few() -> Vec<Act> {
    eventful().into_iter().filter(|act| !matches!(act, Act::WriteMany(..))).collect()
}

/// A fault at `point`, and what has to go wrong before so that it is passed.
fn faults_at(point: Point, kind: Kind) -> Vec<Fault> {
    let before = |point, nth| Some(Fault { point, nth, kind: Kind::Io });
    let earlier = match point {
        Point::RecoverFinish => before(Point::CatalogFinish, 1),
        // The first is a new index's, the second brings words, the third vectors.
        Point::RecoverDrop => before(Point::WordsPrepare, 2),
        Point::RecoverManifest | Point::RecoverSync => before(Point::WordsPrepare, 3),
        _ => None,
    };
    let nth = match point {
        Point::WordsPrepare | Point::WordsPublish | Point::WordsSync | Point::VectorsSync => 2,
        _ => 1,
    };
    earlier.into_iter().chain([Fault { point, nth, kind }]).collect()
}

fn strike_everywhere(kind: Kind) {
    for &point in Point::ALL {
        let faults = faults_at(point, kind);
        let (_folder, plan) = plan(eventful(), faults.clone());
        let ended = go_through(&plan, &[]);
        let outcome = match kind {
            Kind::Kill => {
                assert_eq!(ended.status.code(), None, "{} was not passed\n{}", point.name(), ended.said);
                let (after, what) = match point.after() {
                    After::Old => (ended.has_old, "undone"),
                    After::New => (ended.has_new, "finished"),
                    After::Same => (ended.has_old && ended.has_new, "nothing to do"),
                };
                assert!(after, "{}: not as it was to be, after {} acts", point.name(), ended.done);
                what
            }
            Kind::Io | Kind::DiskFull | Kind::Panic => {
                assert!(ended.status.success(), "{}: {}", point.name(), ended.said);
                let struck = format!("faults that struck: {}", faults.len());
                assert!(ended.said.contains(&struck), "{} was not passed\n{}", point.name(), ended.said);
                "whole, and done when tried again"
            }
        };
        eprintln!(
            "{:<20} {kind:?}: {outcome}; next start {} ms, {} snapshots read",
            point.name(),
            ended.start.as_millis(),
            ended.read
        );
    }
}

#[test]
fn a_kill_at_any_point_is_finished_or_undone() {
    strike_everywhere(Kind::Kill);
}

#[test]
fn a_full_disk_at_any_point_leaves_a_whole_index() {
    strike_everywhere(Kind::DiskFull);
}

#[test]
fn a_panic_at_any_point_leaves_a_whole_index() {
    strike_everywhere(Kind::Panic);
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => (0u8..5, prop::collection::vec(0u8..10, 0..5)).prop_map(|(name, texts)| Act::Write(name, texts)),
        2 => (prop::collection::btree_set(0u8..9, 1..9), prop::collection::vec(0u8..10, 0..5))
            .prop_map(|(names, texts)| Act::WriteAll(names, texts)),
        2 => (0u8..5).prop_map(Act::Remove),
        2 => (0u8..5, 0u8..5).prop_map(|(from, to)| Act::Move(from, to)),
        4 => Just(Act::Embed),
        2 => any::<bool>().prop_map(Act::Maintain),
        1 => Just(Act::Reopen),
        1 => Just(Act::OtherRoot),
        1 => (0u8..5, 450u16..650).prop_map(|(name, count)| Act::WriteMany(name, count)),
    ];
    prop::collection::vec(act, 1..20)
}

fn faults() -> impl Strategy<Value = Vec<Fault>> {
    let kind = prop::sample::select(vec![Kind::Kill, Kind::Io, Kind::DiskFull, Kind::Panic]);
    let fault = (prop::sample::select(Point::ALL), 1u32..6, kind);
    prop::collection::vec(fault.prop_map(|(point, nth, kind)| Fault { point, nth, kind }), 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: env::var("DOCENT_HISTORIES").map_or(16, |count| count.parse().expect("DOCENT_HISTORIES is a number")),
        max_shrink_iters: 100,
        ..ProptestConfig::default()
    })]

    /// Whatever is done and whatever goes wrong, the stores hold what a map of names to texts holds, and a reader in
    /// another process sees one of its states after the other.
    #[test]
    fn random_histories_with_faults_equal_a_simple_model(acts in acts(), faults in faults()) {
        let (_folder, plan) = plan(acts, faults);
        let ended = go_through(&plan, &[]);
        prop_assert!(ended.status.success() || ended.status.code().is_none(), "{}", ended.said);
    }
}

/// System calls, the error that each gives, and for how long: once in every thread, or (`+`) from then on.
#[cfg(target_os = "linux")]
const CALLS: [(&str, &str, &str); 13] = [
    ("write", "ENOSPC", ""),
    ("write", "EIO", "+"),
    ("pwrite64", "ENOSPC", ""),
    ("pwrite64", "EIO", "+"),
    ("fsync", "EIO", ""),
    ("fdatasync", "EIO", ""),
    ("fdatasync", "EIO", "+"),
    ("ftruncate", "EIO", ""),
    ("rename,renameat,renameat2", "EACCES", ""),
    ("link,linkat", "EIO", ""),
    ("unlink,unlinkat", "EACCES", ""),
    ("openat", "EACCES", ""),
    ("openat", "EMFILE", "+"),
];

/// Every store and every library between it and the disk is told that a call failed, at one call after the other.
#[cfg(target_os = "linux")]
#[test]
fn failing_system_calls_leave_a_whole_index() {
    for (calls, error, lasts) in CALLS {
        let (mut struck, mut outlived) = (0, 0);
        for nth in [1, 4, 21] {
            let (_folder, plan) = plan(few(), Vec::new());
            let log = plan.folder.join("trace");
            let (trace, inject) =
                (format!("trace={calls}"), format!("inject={calls}:error={error}:when={nth}{lasts}"));
            let tool = ["strace", "-f", "-qq", "--seccomp-bpf", "-o", log.to_str().unwrap()];
            let ended = go_through(&plan, &[&tool[..], &["-e", &trace, "-e", &inject]].concat());
            struck += u32::from(fs::read_to_string(&log).unwrap().contains("(INJECTED)"));
            outlived += u32::from(ended.status.success());
        }
        eprintln!("{calls} {error}{lasts}: struck in {struck} of 3 runs, {outlived} went on to the end");
        assert!(struck > 0, "{calls} is never called");
    }
}

/// A file that may not grow takes a part of what is written to it, and nothing more.
#[cfg(unix)]
#[test]
fn short_writes_leave_a_whole_index() {
    // In units of 512 bytes.
    for limit in [8, 64, 200, 400] {
        let (_folder, plan) = plan(eventful(), Vec::new());
        let limited = format!("trap '' XFSZ; ulimit -f {limit}; exec \"$0\" \"$@\"");
        let ended = go_through(&plan, &["sh", "-c", &limited]);
        eprintln!("files of up to {limit} blocks: {} acts done", ended.done);
        assert!(limit > 8 || !ended.status.success(), "nothing was too large");
    }
}

/// A clock that is ten years off for one process, which is killed at work, is right for the next.
#[cfg(target_os = "linux")]
#[test]
fn a_clock_that_jumps_does_no_harm() {
    for offset in ["+10y", "-10y"] {
        let kill = Fault { point: Point::CatalogFinish, nth: 6, kind: Kind::Kill };
        let (_folder, plan) = plan(eventful(), vec![kill]);
        // A clock that only counts is left alone: threads wait by it.
        let tool = ["env", "FAKETIME_DONT_FAKE_MONOTONIC=1", "faketime", "-f", offset];
        let ended = go_through(&plan, &tool);
        assert!(!ended.status.success() && ended.done > 3, "{}", ended.said);
        let index = Index::at(&plan.home()).unwrap();
        let catalog = &index.writer.store().catalog;
        let made: String = catalog.meta("created").unwrap().unwrap();
        let years = jiff::Timestamp::now().duration_since(made.parse().unwrap()).as_hours() / (365 * 24);
        assert!(years.abs() >= 9, "the clock was not off: {made}");
    }
}

#[test]
fn the_points_are_told_of() {
    let page = include_str!("../../../../docs/durability.md");
    for &point in Point::ALL {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{}` |", point.name())));
        let after = match point.after() {
            After::Old => "undone",
            After::New => "finished",
            After::Same => "same",
        };
        assert!(row.is_some_and(|row| row.ends_with(&format!("| {after} |"))), "{}: {row:?}", point.name());
    }
    assert_eq!(page.lines().filter(|line| line.starts_with("| `")).count(), Point::ALL.len());
}
