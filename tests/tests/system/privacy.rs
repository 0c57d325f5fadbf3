//! Nothing leaves the machine, and what documents and questions say stays where it belongs.

use std::{fs, path::Path};

use crate::{
    home::{Home, files_below, finish, shown},
    scans::scan,
    traced::strace,
};

/// Stands in a document.
const DOCUMENT: &str = "kalumetorix";
/// Stands in a question.
const QUESTION: &str = "vobizanerax";

fn home() -> Home {
    let home = Home::small();
    home.configure("[ask]\nanswer_tokens = 16\n");
    home.write("secret.md", format!("# Secret {DOCUMENT}\n\nThe {DOCUMENT} of hall 4 opens at seven.\n"));
    home
}

/// Calls of a log that open or use any other socket than a local one.
fn not_local(log: &str) -> Vec<&str> {
    let local = |line: &&str| line.contains("AF_UNIX") || line.contains("AF_LOCAL");
    let about_sockets = |line: &&str| {
        ["socket(", "connect(", "bind(", "sendto(", "io_uring_setup("].iter().any(|call| line.contains(call))
    };
    log.lines().filter(about_sockets).filter(|line| !local(line)).collect()
}

#[test]
fn no_socket_is_opened_but_local_ones() {
    let home = home();
    // OCR has a runtime of its own in a process of its own.
    home.write("fax.tif", scan("fax.tif"));
    let docs = shown(&home.docs());
    let log = home.beside("trace");
    let question = format!("When does the {DOCUMENT} of hall 4 open?");
    for arguments in [
        &["add", &docs][..],
        &["index"],
        &["search", "hall 4"],
        &["ask", &question],
        &["status"],
        &["check"],
        &["doctor"],
    ] {
        let Some(mut command) = strace(&home, "socket,connect,bind,io_uring_setup", &[], &log) else {
            return;
        };
        command.args(arguments).arg("--json");
        let output = finish(command);
        assert_eq!(output.code, Some(0), "{arguments:?}: {output:?}");
        let text = fs::read_to_string(&log).unwrap();
        let mut calls = not_local(&text);
        if arguments == ["doctor"] {
            // It asks for a socket to see that it gets none.
            assert!(calls.iter().any(|call| call.contains("AF_INET")), "{text}");
            calls.retain(|call| !call.contains("-1 EACCES"));
        }
        assert!(calls.is_empty(), "docent {arguments:?} opened: {calls:#?}");
        eprintln!("docent {arguments:?}: {} calls, all local", text.lines().count());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_network_is_closed_by_the_kernel() {
    let home = home();
    let report = home.json(&["doctor"]);
    let network =
        report["checks"].as_array().unwrap().iter().find(|check| check["name"] == "network").unwrap();
    assert_eq!(network["state"], "ok", "{network}");
    home.add();
    let watch = home.watch();
    let about = |name: &str| fs::read_to_string(format!("/proc/{}/{name}", watch.pid())).unwrap();
    assert!(
        about("status").lines().any(|line| line.starts_with("Seccomp:") && line.ends_with('2')),
        "no filter"
    );
    let limits = about("limits");
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    // What it makes is the owner's alone.
    home.write("more.md", "# More\n\nThe crane lifts nine tons.\n");
    home.json(&["index"]);
    let written_by_the_user = home.path().join("config.toml");
    for path in files_below(&home.path()).into_iter().filter(|path| *path != written_by_the_user) {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::symlink_metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", path.display());
    }
}

/// Files of the home that hold these bytes.
fn files_with(folder: &Path, needle: &str, except: &[&str]) -> Vec<String> {
    files_below(folder)
        .into_iter()
        .filter(|path| {
            let relative = path.strip_prefix(folder).unwrap();
            !except.iter().any(|name| relative.to_string_lossy().starts_with(name))
        })
        .filter(|path| {
            let bytes = fs::read(path).unwrap_or_default();
            bytes.windows(needle.len()).any(|window| window.eq_ignore_ascii_case(needle.as_bytes()))
        })
        .map(|path| path.display().to_string())
        .collect()
}

#[test]
fn text_is_neither_logged_nor_left_lying_about() {
    let home = home();
    let docs = shown(&home.docs());
    let question = format!("When does the {QUESTION} of hall 4 open?");
    for arguments in
        [&["add", &docs][..], &["index"], &["search", &question], &["ask", &question], &["check"]]
    {
        let output = home.docent(&[&["-vv"], arguments].concat());
        assert!(matches!(output.code, Some(0 | 3)), "{arguments:?}: {output:?}");
        for canary in [DOCUMENT, QUESTION] {
            assert!(!output.stderr.to_lowercase().contains(canary), "{arguments:?} logs text: {output:?}");
        }
    }
    // Through a process that watches, whose log is kept by a service manager.
    let watch = home.watch();
    home.docent(&["search", &question]);
    home.docent(&["ask", &question]);
    let output = watch.stop();
    assert!(!output.stderr.contains(QUESTION) && !output.stdout.contains(QUESTION), "{output:?}");
    assert!(!output.stderr.contains(DOCUMENT), "{output:?}");

    assert!(files_with(&home.path(), DOCUMENT, &["catalog.db", "words", "vectors"]).is_empty());
    assert!(files_with(&home.path(), QUESTION, &[]).is_empty(), "a question is kept nowhere");
    let outside = files_below(&home.beside("user"));
    assert!(outside.is_empty(), "nothing is written outside the home, not by libraries either: {outside:?}");
}

#[test]
fn what_is_deleted_leaves_the_disk() {
    let home = home();
    // One of many: its segment and its fragment stay, and only mark it as deleted.
    for n in 0..30 {
        home.write(&format!("{n}.md"), format!("# Note {n}\n\nThe door of hall {n} opens at eight.\n"));
    }
    home.add();
    assert!(!files_with(&home.path(), DOCUMENT, &[]).is_empty(), "the text is in the stores, to be found");
    fs::remove_file(home.docs().join("secret.md")).unwrap();
    home.json(&["index"]);
    home.json(&["check", "--repair"]);
    let left = files_with(&home.path(), DOCUMENT, &[]);
    assert!(left.is_empty(), "deleted text is still in {left:?}");
    assert_eq!(home.json(&["status"])["documents"]["searchable"], 30);
    home.assert_clean();
}
