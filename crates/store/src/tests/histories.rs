//! Histories of an index, gone through by a process of its own while this one reads, and what has to be found afterwards.

use std::{
    env, fs,
    process::{Command, ExitStatus, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use docent_core::{PassageId, Result};
use serde::{Deserialize, Serialize};

use super::*;
use crate::fault::{self, Fault};

/// Names the file that tells a child what to do.
const PLAN: &str = "DOCENT_FAULT_PLAN";

/// What is done to an index. Each may be done again, and then changes nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Act {
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
pub(super) struct Plan {
    pub(super) folder: PathBuf,
    pub(super) acts: Vec<Act>,
    pub(super) faults: Vec<Fault>,
}

impl Plan {
    pub(super) fn home(&self) -> PathBuf {
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
        command.args(["--exact", "tests::histories::child", "--ignored", "--nocapture"]).env(PLAN, &plan);
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
    let Ok(plan) = env::var(PLAN) else { return };
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
    eprintln!("faults that struck: {}, failures: {tries}", fault::fired());
}

/// The first of many passages.
fn brief(passages: &[(String, bool)]) -> String {
    format!("{} passages, {:?} ...", passages.len(), &passages[..passages.len().min(12)])
}

fn texts_in(store: &Store) -> Vec<(String, bool)> {
    passages_in(store).into_iter().map(|(_, text, has_vector)| (text, has_vector)).collect()
}

/// How a child ended, and what was found.
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    /// How many acts it had noted as done.
    pub(super) done: usize,
    /// What the index held then: `true` if what the act under way was to bring about.
    pub(super) has_new: bool,
    pub(super) has_old: bool,
    /// How long the next start took.
    pub(super) start: Duration,
    /// Snapshots taken meanwhile.
    pub(super) read: u32,
    pub(super) said: String,
}

/// Runs a plan's child while this process reads, then starts anew, looks, and finishes the plan.
pub(super) fn go_through(plan: &Plan, wrapper: &[&str]) -> Ended {
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
