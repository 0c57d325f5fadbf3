//! kill -9 at random instants while a changing folder is indexed and other processes search it: nothing is torn, nothing is
//! lost, nothing is doubled.

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::{
    home::{Home, files_below, start},
    invented::{Dice, sentences, word},
};

/// A word that stands in one passage of every document.
const EVERYWHERE: &str = "zanzibarix";

fn setting(name: &str, otherwise: u64) -> u64 {
    env::var(name).map_or(otherwise, |value| value.parse().unwrap_or_else(|_| panic!("{name}={value}")))
}

/// A folder that changes, and what stands in it: name -> number of the document's own word.
struct Folder<'a> {
    home: &'a Home,
    dice: Dice,
    next: u64,
    there: BTreeMap<String, u64>,
}

impl Folder<'_> {
    fn write(&mut self, name: &str) {
        let n = self.next;
        self.next += 1;
        // Half of the second chapter stays as it is from version to version.
        let text = format!(
            "# Note\n\n{EVERYWHERE} {}\n\n{}\n\n# More\n\nAs ever: {}\n",
            word(n),
            sentences(n),
            sentences(name.len() as u64)
        );
        self.home.write(name, text);
        self.there.insert(name.to_owned(), n);
    }

    fn any(&mut self) -> Option<String> {
        let at = self.dice.below(self.there.len());
        self.there.keys().nth(at).cloned()
    }

    /// New files, edits, deletions and moves.
    fn change(&mut self) {
        for _ in 0..6 + self.dice.below(8) {
            let name = format!("{}/{}.md", self.dice.below(4), self.next);
            // So many that a search can name them all.
            let is_full = self.there.len() > 300;
            match (self.dice.below(10), self.any()) {
                (0..=3, Some(old)) if is_full => {
                    fs::remove_file(self.home.docs().join(&old)).unwrap();
                    self.there.remove(&old);
                }
                (0..=3, _) | (_, None) => self.write(&name),
                (4..=6, Some(old)) => self.write(&old),
                (7..=8, Some(old)) => {
                    fs::remove_file(self.home.docs().join(&old)).unwrap();
                    self.there.remove(&old);
                }
                (_, Some(old)) => {
                    let target = self.home.docs().join(&name);
                    fs::create_dir_all(target.parent().unwrap()).unwrap();
                    fs::rename(self.home.docs().join(&old), target).unwrap();
                    let n = self.there.remove(&old).unwrap();
                    self.there.insert(name, n);
                    // Names are made of it.
                    self.next += 1;
                }
            }
        }
    }
}

/// Searches until it is `over`, each time in a new process: every document is there once, and whole. Returns how often.
fn search_on(home: &Home, over: &AtomicBool) -> u32 {
    let mut searches = 0;
    while !over.load(Ordering::Relaxed) {
        let found = home.json(&["search", "--mode", "lexical", "-k", "1000", EVERYWHERE]);
        let texts: Vec<&str> =
            found["hits"].as_array().unwrap().iter().map(|hit| hit["text"].as_str().unwrap()).collect();
        let different: BTreeSet<&str> = texts.iter().copied().collect();
        assert_eq!(texts.len(), different.len(), "a passage is found twice: {found}");
        assert!(texts.len() > 10, "{found}");
        for text in texts {
            assert!(text.contains(EVERYWHERE) && text.trim_end().ends_with('.'), "torn: {text}");
        }
        searches += 1;
    }
    searches
}

/// Kills runs at random instants; returns how many were still at work, and how long the slowest check of what they left
/// took: it starts as every writer does.
fn kill_on(folder: &mut Folder<'_>, kills: u64, usual: Duration) -> (u64, Duration) {
    let home = folder.home;
    let (mut killed, mut slowest) = (0, Duration::ZERO);
    for round in 0..kills {
        folder.change();
        let running = start(home.command(&["index", "--json"]));
        let delay = usual.mul_f64(folder.dice.below(1000) as f64 / 1000.0);
        thread::sleep(delay);
        // The folder does not wait either.
        if round % 3 == 1 {
            folder.change();
        }
        running.signal(Signal::KILL);
        let output = running.finish();
        killed += u64::from(output.code.is_none());
        assert!(matches!(output.code, None | Some(0)), "round {round}: {output:?}");
        // Now and then the one that puts things right is killed as well.
        if round % 4 == 2 {
            let running = start(home.command(&["check", "--json"]));
            thread::sleep(Duration::from_millis(folder.dice.below(200) as u64));
            running.signal(Signal::KILL);
            running.finish();
        }
        let started = Instant::now();
        let output = home.docent(&["check", "--json"]);
        slowest = slowest.max(started.elapsed());
        assert_eq!(output.code, Some(0), "round {round}, killed after {delay:?}: {output:?}");
        assert_eq!(output.json()["clean"], true, "round {round}, killed after {delay:?}: {output:?}");
    }
    (killed, slowest)
}

#[test]
fn kills_at_random_instants_lose_and_double_nothing() {
    let kills = setting("DOCENT_KILLS", 50);
    let seed = setting("DOCENT_SEED", u64::from(std::process::id()));
    println!("DOCENT_SEED={seed} DOCENT_KILLS={kills}");
    eprintln!("DOCENT_SEED={seed} DOCENT_KILLS={kills}");
    let home = Home::small();
    let mut folder = Folder { home: &home, dice: Dice(seed), next: 1, there: BTreeMap::new() };
    for n in 0..40 {
        folder.write(&format!("{}/{n}-first.md", n % 4));
    }
    home.add();
    // One run in peace says how long a run takes.
    folder.change();
    let started = Instant::now();
    home.json(&["index"]);
    let usual = started.elapsed();

    let over = AtomicBool::new(false);
    let (killed, slowest, searches) = thread::scope(|scope| {
        let searching = scope.spawn(|| search_on(&home, &over));
        let rounds = scope.spawn(|| kill_on(&mut folder, kills, usual));
        let (killed, slowest) = rounds.join().unwrap_or_else(|panic| {
            over.store(true, Ordering::Relaxed);
            std::panic::resume_unwind(panic)
        });
        over.store(true, Ordering::Relaxed);
        (killed, slowest, searching.join().unwrap())
    });
    eprintln!(
        "{killed} of {kills} were killed at work; a run takes {} ms; the slowest check after a kill took {} ms; \
         {searches} searches meanwhile",
        usual.as_millis(),
        slowest.as_millis()
    );
    assert!(kills < 4 || killed > 0, "no run was killed before it ended");

    let report = home.json(&["index"]);
    let on_disk = files_below(&home.docs());
    assert_eq!(on_disk.len(), folder.there.len());
    assert_eq!(report["documents"]["searchable"], on_disk.len(), "{report}");
    let status = home.json(&["status"]);
    assert_eq!(
        (&status["passages"], &status["vectors"]),
        (&(2 * on_disk.len()).into(), &(2 * on_disk.len()).into())
    );

    // Every file is found exactly once by what it has in common with all, and holds its own latest word.
    let found = home.json(&["search", "--mode", "lexical", "-k", "1000", EVERYWHERE]);
    let mut seen = BTreeMap::new();
    for hit in found["hits"].as_array().unwrap() {
        let path = hit["path"].as_str().unwrap().to_owned();
        let text = hit["text"].as_str().unwrap().to_owned();
        assert!(seen.insert(path.clone(), text).is_none(), "{path} is found twice");
    }
    for (name, n) in &folder.there {
        let path = home.docs().join(name).display().to_string();
        let text = seen.remove(&path).unwrap_or_else(|| panic!("{path} is lost"));
        assert!(text.contains(&word(*n)), "{path} is not found as it is now: {text}");
    }
    assert!(seen.is_empty(), "these are deleted, and still found: {seen:?}");
    // By its own word, and by no word that is gone.
    let current: Vec<u64> = folder.there.values().copied().collect();
    for (name, n) in folder.there.iter().step_by(5) {
        assert_eq!(home.found(&["--mode", "lexical", &word(*n)]), [home.docs().join(name)]);
    }
    for gone in (1..folder.next).filter(|n| !current.contains(n)).step_by(7) {
        assert!(home.found(&["--mode", "lexical", &word(gone)]).is_empty(), "{gone} is still found");
    }
    home.assert_clean();
    assert_eq!(home.json(&["index"])["passages_embedded"], 0);
}
