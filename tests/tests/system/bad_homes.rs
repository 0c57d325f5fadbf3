//! Homes that cannot be written, and indexes that cannot be opened: each is named, with the way out, and nothing is lost.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use rustix::process::Signal;

use crate::{
    home::{Home, PATIENCE, binary, eventually, files_below, finish, shown, start},
    invented::{parts, sentences, word},
    traced::strace,
};

/// A small file system in memory, mounted where a home is to be.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path, megabytes: usize) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let size = format!("size={megabytes}m,mode=0700");
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &size, "docent-test"]).arg(at);
        let mounted = command.output().is_ok_and(|output| output.status.success());
        if !mounted {
            eprintln!("skipped: no file system can be mounted here");
        }
        mounted.then(|| Self(at.to_owned()))
    }

    fn grow(&self, megabytes: usize) {
        let size = format!("remount,size={megabytes}m");
        assert!(Command::new("mount").args(["-o", &size]).arg(&self.0).status().unwrap().success());
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk() {
    let home = Home::new();
    let Some(disk) = SmallDisk::mount(&home.path(), 2) else { return };
    home.configure("");
    home.write("first.md", format!("# First\n\nThis fits: {}.\n", word(1)));
    home.add();
    // More than fits, in several steps.
    for n in 0..60 {
        let text = parts(n, 30);
        home.write(&format!("{n}.md"), format!("{text}# End\n\n{}\n", word(100 + n)));
    }
    let error = home.error(1, &["index"]);
    assert_eq!(error["kind"], "disk_full", "{error}");
    assert!(error["hint"].as_str().unwrap().contains("space"), "{error}");
    let output = home.docent(&["index"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(!output.stderr.contains("panicked"), "{output:?}");
    // What was published is there, also while the disk is full.
    assert_eq!(home.found(&["--mode", "lexical", &word(1)]).len(), 1);
    disk.grow(256);
    let report = home.json(&["index"]);
    assert_eq!(report["documents"]["searchable"], 61, "{report}");
    for n in [0, 17, 59] {
        assert_eq!(home.found(&["--mode", "lexical", &word(100 + n)]).len(), 1);
    }
    let status = home.json(&["status"]);
    assert_eq!(status["passages"], status["vectors"], "{status}");
    home.assert_clean();
}

/// Where nothing can be mounted: a limit on the size of each file. It is another error of the system's, with the same
/// promise.
#[test]
fn a_limit_on_the_size_of_files() {
    let home = Home::small();
    home.write("first.md", format!("# First\n\nThis fits: {}.\n", word(1)));
    home.add();
    for n in 0..40 {
        let text = parts(n, 30);
        home.write(&format!("{n}.md"), text);
    }
    let limited = |arguments: &[&str]| {
        let mut command = home.environment("sh");
        command.args(["-c", "trap '' XFSZ; ulimit -f 300; exec \"$@\"", "sh"]).arg(binary()).args(arguments);
        finish(command)
    };
    let output = limited(&["index", "--json"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.json()["error"]["message"].is_string(), "{output:?}");
    assert!(!output.stderr.contains("panicked"), "{output:?}");
    assert_eq!(home.found(&["--mode", "lexical", &word(1)]).len(), 1);
    home.assert_clean();
    assert_eq!(home.json(&["index"])["documents"]["searchable"], 41);
    home.assert_clean();
}

#[test]
fn a_file_system_without_hard_links() {
    let home = Home::small();
    home.write("a.md", "# A\n\nText.\n");
    // As Linux answers on FAT and exFAT, and as FUSE and network mounts do.
    for cause in ["EPERM", "EOPNOTSUPP", "ENOSYS"] {
        let inject = format!("link,linkat:error={cause}");
        let Some(mut command) =
            strace(&home, "link,linkat", &["-e", &format!("inject={inject}")], &home.beside("trace"))
        else {
            return;
        };
        command.args(["add", "--json", &shown(&home.docs())]);
        let output = finish(command);
        assert_eq!(output.code, Some(1), "{cause}: {output:?}");
        let error = &output.json()["error"];
        assert_eq!(error["kind"], "home_unfit", "{cause}: {error}");
        assert!(error["message"].as_str().unwrap().contains(&shown(&home.path())), "{cause}: {error}");
        assert!(error["hint"].as_str().unwrap().contains("--home"), "{cause}: {error}");
    }
    // Nothing stands in the way of the same home where it works.
    home.add();
    home.assert_clean();
}

#[test]
fn a_home_that_cannot_be_made() {
    let home = Home::small();
    home.write("a.md", "# A\n\nText.\n");
    let file = home.beside("file");
    fs::write(&file, "in the way").unwrap();
    let error = home.error(1, &["--home", &shown(&file.join("home")), "add", &shown(&home.docs())]);
    assert!(error["message"].as_str().unwrap().contains(&shown(&file)), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "in the way");
}

#[test]
fn two_writers_at_once() {
    let home = Home::small();
    home.write("a.md", "# A\n\nText.\n");
    home.add();
    for n in 0..80 {
        let text = parts(n, 8);
        home.write(&format!("{n}.md"), format!("{text}{}\n", word(n)));
    }
    let mut first = start(home.command(&["index", "--json"]));
    let pid = first.pid().to_string();
    eventually("the first one has the lock", || {
        assert!(!first.has_ended(), "it was too fast for this test");
        let lock = fs::read_to_string(home.path().join("writer.lock")).unwrap_or_default();
        lock.contains(&pid).then_some(())
    });
    first.signal(Signal::STOP);
    let error = home.error(1, &["index"]);
    assert_eq!(error["kind"], "locked", "{error}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(&pid) && message.contains("docent index"), "{error}");
    assert!(error["hint"].is_string(), "{error}");
    assert_eq!(home.error(1, &["check"])["kind"], "locked");
    assert_eq!(home.error(1, &["remove", &shown(&home.docs())])["kind"], "locked");
    // Reading needs no lock.
    assert!(home.json(&["status"])["writer"].as_str().unwrap().contains(&pid));
    assert_eq!(home.found(&["--mode", "lexical", "text"]).len(), 1);
    first.signal(Signal::CONT);
    let output = first.finish();
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(output.json()["documents"]["searchable"], 81);
    home.assert_clean();
}

#[test]
fn many_readers_beside_a_writer() {
    let home = Home::small();
    home.write("stays.md", format!("# Stays\n\n{}\n", word(1)));
    home.add();
    for n in 0..60 {
        home.write(&format!("{n}.md"), format!("# Note\n\n{} {}\n", sentences(n), word(100 + n)));
    }
    let mut running = start(home.command(&["index", "--json"]));
    let mut searches = 0;
    let started = Instant::now();
    while !running.has_ended() {
        for mode in ["lexical", "vector", "hybrid"] {
            let found = home.found(&["--mode", mode, &word(1)]);
            assert!(
                mode == "vector" || found == [home.docs().join("stays.md")] || found.len() > 1,
                "{found:?}"
            );
            searches += 1;
        }
        assert!(started.elapsed() < PATIENCE, "the writer does not end");
    }
    eprintln!("{searches} searches beside a writer");
    assert_eq!(running.finish().code, Some(0));
    home.assert_clean();
}

/// Runs SQL on a catalog that nobody has open.
fn sql(home: &Home, statement: &str) -> bool {
    let script = "import sqlite3, sys\n\
        with sqlite3.connect(sys.argv[1]) as catalog: catalog.execute(sys.argv[2])\n";
    let mut command = Command::new("python3");
    command.args(["-c", script]).arg(home.path().join("catalog.db")).arg(statement);
    let done = command.output().is_ok_and(|output| output.status.success());
    if !done {
        eprintln!("skipped: python3 with sqlite3 is needed");
    }
    done
}

#[test]
fn an_index_of_another_version() {
    let home = Home::small();
    home.write("a.md", format!("# A\n\n{}\n", word(1)));
    home.add();
    if !sql(&home, "UPDATE meta SET value = '99' WHERE key = 'format'") {
        return;
    }
    let docs = shown(&home.docs());
    for arguments in [
        &["search", "x"][..],
        &["ask", "x"],
        &["index"],
        &["status"],
        &["add", &docs],
        &["check"],
        &["check", "--repair"],
    ] {
        let error = home.error(1, arguments);
        assert_eq!(error["kind"], "index_version", "{arguments:?}: {error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("99") && message.contains("catalog.db"), "{arguments:?}: {error}");
        assert!(error["hint"].is_string(), "{arguments:?}: {error}");
    }
    let output = home.docent(&["watch", "--json"]);
    assert_eq!(
        (output.code, &output.json()["error"]["kind"]),
        (Some(1), &"index_version".into()),
        "{output:?}"
    );
    assert!(sql(&home, "UPDATE meta SET value = '1' WHERE key = 'format'"));
    assert_eq!(home.found(&["--mode", "lexical", &word(1)]).len(), 1, "nothing was lost");
    home.assert_clean();
}

#[test]
fn an_index_of_another_embedder() {
    let home = Home::small();
    home.write("a.md", format!("# A\n\n{}\n", word(1)));
    home.add();
    home.json(&["models", "use", "embedder", "multilingual-e5-small"]);
    let error = home.error(1, &["search", "x"]);
    assert_eq!(error["kind"], "index_version", "{error}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("all-minilm-l6-v2") && message.contains("multilingual-e5-small"), "{error}");
    assert!(
        error["hint"].as_str().unwrap().contains("docent models use embedder all-minilm-l6-v2"),
        "{error}"
    );
    home.json(&["models", "use", "embedder", "all-minilm-l6-v2"]);
    assert_eq!(home.found(&["--mode", "lexical", &word(1)]).len(), 1);
}

#[test]
fn a_configuration_with_a_typo() {
    let home = Home::small();
    home.write("a.md", "# A\n\nText.\n");
    for (more, named) in [
        ("[index]\npasage_tokens = 200\n", "pasage_tokens"),
        ("[search]\nhits = 0\n", "search.hits"),
        ("[ask]\ntemperature = \"warm\"\n", "temperature"),
        ("[index\n", "config.toml"),
    ] {
        home.configure(more);
        for arguments in [&["status"][..], &["search", "x"], &["add", &shown(&home.docs())], &["config"]] {
            let error = home.error(2, arguments);
            assert_eq!(error["kind"], "config", "{error}");
            assert!(error["message"].as_str().unwrap().contains(named), "{named}: {error}");
            assert_eq!(error["path"], shown(&home.path().join("config.toml")), "{error}");
        }
        let output = home.docent(&["status"]);
        assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""), "{output:?}");
        assert!(output.stderr.contains(named) && output.stderr.contains("config.toml"), "{output:?}");
    }
    fs::write(home.path().join("config.toml"), "[models]\nembedder = \"all-minilm\"\n").unwrap();
    let output = home.docent(&["add", "--json", &shown(&home.docs())]);
    assert!(matches!(output.code, Some(1 | 2)), "{output:?}");
    assert!(output.json()["error"]["message"].as_str().unwrap().contains("all-minilm"), "{output:?}");
    home.configure("");
    home.add();
}

#[test]
fn damage_is_found_and_repaired() {
    let home = Home::small();
    for n in 0..6 {
        home.write(&format!("{n}.md"), format!("# Note {n}\n\n{} {}\n", sentences(n), word(n)));
    }
    home.add();
    // A file of the full-text store loses its end.
    let stores: Vec<PathBuf> = files_below(&home.path().join("words"))
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "store" || extension == "idx"))
        .collect();
    let victim = stores.first().expect("the full-text store has files");
    let bytes = fs::read(victim).unwrap();
    fs::remove_file(victim).unwrap();
    fs::write(victim, &bytes[..bytes.len() / 2]).unwrap();
    let output = home.docent(&["check", "--json"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    let output = home.docent(&["check", "--repair", "--json"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert_eq!(output.json()["clean"], true, "{output:?}");
    home.json(&["index"]);
    for n in 0..6 {
        assert_eq!(home.found(&["--mode", "lexical", &word(n)]).len(), 1, "{n}");
    }
    home.assert_clean();

    // A file of the vectors is gone.
    let data = files_below(&home.path().join("vectors/passages.lance/data"));
    fs::remove_file(data.first().expect("the vector store has files")).unwrap();
    let output = home.docent(&["check", "--json"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    let report = home.json(&["check", "--repair"]);
    assert_eq!(report["clean"], true, "{report}");
    assert_eq!(home.found(&["--mode", "vector", "-k", "6", "note"]).len(), 6);
    home.assert_clean();

    // The vectors are gone altogether.
    fs::remove_dir_all(home.path().join("vectors")).unwrap();
    let output = home.docent(&["check", "--json"]);
    assert_eq!(output.code, Some(1), "{output:?}");
    let output = home.docent(&["check", "--repair", "--json"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    home.json(&["index"]);
    let found = home.found(&["--mode", "vector", "-k", "6", "note"]);
    assert_eq!(found.len(), 6, "{found:?}");
    home.assert_clean();
}
