//! Files and folders that cannot be indexed: each is named with its reason, and nothing else is kept from the index.

use std::{
    ffi::OsStr,
    fs::{self, Permissions},
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _, fs::symlink},
    path::Path,
    process::Command,
};

use serde_json::Value;

use crate::{
    home::{Home, Output, binary, finish, shown, total},
    invented::word,
};

/// A document that has to be found whatever stands beside it.
fn with_neighbour() -> Home {
    let home = Home::small();
    home.write("neighbour.md", format!("# Neighbour\n\nThis one can be read: {}.\n", word(1)));
    home
}

#[track_caller]
fn assert_neighbour_is_found(home: &Home) {
    assert_eq!(home.found(&["--mode", "lexical", &word(1)]), [home.docs().join("neighbour.md")]);
    home.assert_clean();
}

#[track_caller]
fn story(home: &Home, path: &Path) -> (String, String) {
    let report = home.json(&["status", "--file", &shown(path)]);
    (report["state"].as_str().unwrap().to_owned(), report["reason"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_path_that_does_not_exist() {
    let home = Home::new();
    let path = shown(&home.docs().join("no such folder"));
    let error = home.error(1, &["add", &path]);
    assert_eq!((&error["kind"], &error["path"]), (&"not_found".into(), &path.as_str().into()), "{error}");
    let output = home.docent(&["add", &path]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""), "{output:?}");
    assert!(output.stderr.contains(&path), "{output:?}");
    assert!(!home.path().exists(), "nothing was made");
    // One bad path keeps the others from being added: all or nothing.
    home.write("a.md", "# A\n");
    home.error(1, &["add", &shown(&home.docs()), &path]);
    assert_eq!(home.json(&["status"])["roots"], Value::Array(Vec::new()));
}

/// docent as a user for whom permissions count: root without the powers to pass them over.
pub(crate) fn bound_by_permissions(home: &Home, arguments: &[&str]) -> Option<Output> {
    const DROP: &str = "-dac_override,-dac_read_search";
    if !rustix::process::geteuid().is_root() {
        return Some(home.docent(arguments));
    }
    let drop = [format!("--bounding-set={DROP}"), format!("--inh-caps={DROP}")];
    let works =
        Command::new("setpriv").args(&drop).arg("true").output().is_ok_and(|out| out.status.success());
    if !works {
        eprintln!("skipped: as root, permissions only count with setpriv");
        return None;
    }
    let mut command = home.environment("setpriv");
    command.args(&drop).arg(binary()).args(arguments);
    Some(finish(command))
}

#[test]
fn a_folder_without_permission() {
    let home = with_neighbour();
    let closed = home.docs().join("closed");
    home.write("closed/inside.md", format!("# Inside\n\n{}\n", word(2)));
    let close = |mode| fs::set_permissions(&closed, Permissions::from_mode(mode)).unwrap();
    close(0);
    // As a root of its own: an error, and nothing is watched.
    let Some(output) = bound_by_permissions(&home, &["add", "--json", &shown(&closed)]) else { return };
    assert_eq!(output.code, Some(1), "{output:?}");
    let error = &output.json()["error"];
    assert_eq!((&error["kind"], &error["path"]), (&"permission".into(), &shown(&closed).into()), "{error}");
    assert!(error["hint"].is_string(), "{error}");
    // Within a root: the rest is indexed, and the folder is named.
    let output = bound_by_permissions(&home, &["add", "--json", &shown(&home.docs())]).unwrap();
    assert_eq!(output.code, Some(0), "{output:?}");
    let report = output.json();
    assert_eq!((&report["documents"]["searchable"], &report["failed"]), (&1.into(), &1.into()), "{report}");
    let failures = report["failures"].to_string();
    assert!(failures.contains(&shown(&closed)) && failures.contains("permission denied"), "{report}");
    // Once it can be read it is; when it cannot be read again, what is known of it is kept.
    close(0o755);
    assert_eq!(home.json(&["index"])["added"], 1);
    close(0);
    let output = bound_by_permissions(&home, &["index", "--json"]).unwrap();
    assert_eq!((output.code, &output.json()["removed"]), (Some(0), &0.into()), "{output:?}");
    assert_eq!(home.found(&["--mode", "lexical", &word(2)]).len(), 1);
    close(0o755);
    assert_neighbour_is_found(&home);
}

#[test]
fn a_file_without_permission() {
    let home = with_neighbour();
    let file = home.write("closed.md", format!("# Closed\n\n{}\n", word(2)));
    fs::set_permissions(&file, Permissions::from_mode(0o000)).unwrap();
    let Some(output) = bound_by_permissions(&home, &["add", "--json", &shown(&home.docs())]) else { return };
    assert_eq!(output.code, Some(0), "a file that cannot be read does not fail a run: {output:?}");
    let report = output.json();
    assert_eq!((&report["failed"], &report["documents"]["failed"]), (&1.into(), &1.into()), "{report}");
    assert_eq!(story(&home, &file), ("failed".into(), "permission denied".into()));
    fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
    home.json(&["index"]);
    assert_eq!(home.found(&["--mode", "lexical", &word(2)]), [file], "it is tried again");
    assert_neighbour_is_found(&home);
}

#[test]
fn a_file_of_five_gigabytes() {
    let home = with_neighbour();
    let path = home.docs().join("huge.txt");
    let file = fs::File::create(&path).unwrap();
    file.set_len(5 << 30).unwrap();
    let report = home.add();
    assert_eq!((&report["documents"]["skipped"], &report["failed"]), (&1.into(), &0.into()), "{report}");
    let (state, reason) = story(&home, &path);
    assert_eq!(state, "skipped");
    assert!(reason.contains("larger than 256 MB"), "{reason}");
    let read = report["seconds"].as_f64().unwrap();
    eprintln!("beside a file of 5 GB: {read} s");
    let extracted = home.json_ending(1, &["extract", &shown(&path)]);
    assert_eq!(extracted["error"]["kind"], "too_large", "{extracted}");
    // Added by name it is left out as well, and said so.
    assert_neighbour_is_found(&home);
}

#[test]
fn a_binary_and_an_empty_file() {
    let home = with_neighbour();
    let noise: Vec<u8> = (0..40_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let binary = home.write("program.bin", [b"\x7fELF\x02\x01\x01\0".as_slice(), &noise].concat());
    let masked = home.write("masked.txt", &noise);
    let empty = home.write("empty.md", "");
    let blank = home.write("blank.md", "\n\n   \n");
    let report = home.add();
    assert_eq!(total(&report["documents"]), 5);
    assert_eq!(report["documents"]["searchable"], 1, "{report}");
    for path in [&binary, &masked, &empty, &blank] {
        let (state, reason) = story(&home, path);
        assert!(
            matches!(state.as_str(), "skipped" | "failed") && !reason.is_empty(),
            "{}: {state}, {reason}",
            path.display()
        );
    }
    assert_eq!(story(&home, &empty).1, "empty file");
    assert_neighbour_is_found(&home);
    // An empty file that is filled is read.
    fs::write(&empty, format!("# Full\n\n{}\n", word(2))).unwrap();
    home.json(&["index"]);
    assert_eq!(home.found(&["--mode", "lexical", &word(2)]), [empty]);
}

#[test]
fn loops_of_symbolic_links() {
    let home = with_neighbour();
    symlink(".", home.docs().join("self")).unwrap();
    symlink("b", home.docs().join("a")).unwrap();
    symlink("a", home.docs().join("b")).unwrap();
    symlink("neighbour.md", home.docs().join("alias.md")).unwrap();
    fs::create_dir(home.docs().join("sub")).unwrap();
    symlink(home.docs(), home.docs().join("sub/up")).unwrap();
    let report = home.add();
    assert_eq!((&report["documents"]["searchable"], &report["documents"]["skipped"]), (&1.into(), &5.into()));
    let (state, reason) = story(&home, &home.docs().join("sub/up"));
    assert_eq!((state.as_str(), reason.contains("symbolic link")), ("skipped", true), "{reason}");
    assert_neighbour_is_found(&home);
    let error = home.error(1, &["add", &shown(&home.docs().join("a"))]);
    assert!(error["message"].as_str().unwrap().contains("/docs/a"), "{error}");
}

#[test]
fn a_name_that_is_not_utf8() {
    let home = with_neighbour();
    let folder = home.docs().join(OsStr::from_bytes(b"caf\xe9"));
    fs::create_dir(&folder).unwrap();
    let file = folder.join(OsStr::from_bytes(b"men\xfc.md"));
    fs::write(&file, format!("# Menu\n\n{}\n", word(2))).unwrap();
    let report = home.add();
    assert_eq!(report["documents"]["searchable"], 2, "{report}");
    let found = home.json(&["search", "--mode", "lexical", &word(2)]);
    assert!(found["hits"][0]["path"].as_str().unwrap().contains("caf"), "{found}");
    let mut command = home.command(&["status", "--json", "--file"]);
    command.arg(&file);
    assert_eq!(finish(command).json()["state"], "searchable");
    let output = home.docent(&["search", "--mode", "lexical", &word(2)]);
    assert_eq!(output.code, Some(0), "{output:?}");
    // It is followed like any other.
    fs::rename(&file, folder.join(OsStr::from_bytes(b"\xff.md"))).unwrap();
    assert_eq!(home.json(&["index"])["moved"], 1);
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(home.json(&["index"])["removed"], 1);
    // Roots too.
    fs::create_dir(&folder).unwrap();
    fs::write(&file, format!("# Menu\n\n{}\n", word(3))).unwrap();
    home.json(&["remove", &shown(&home.docs())]);
    let mut command = home.command(&["add", "--json"]);
    command.arg(&folder);
    let output = finish(command);
    assert_eq!((output.code, &output.json()["added"]), (Some(0), &1.into()), "{output:?}");
    assert_eq!(home.found(&["--mode", "lexical", &word(3)]).len(), 1);
}

#[test]
fn a_corrupt_pdf() {
    let home = with_neighbour();
    let pdf = fs::read(crate::home::examples().join("corpus/products/ax-200/service-manual.pdf")).unwrap();
    let cut = home.write("cut.pdf", &pdf[..pdf.len() / 3]);
    let mut holes = pdf.clone();
    for at in (200..holes.len()).step_by(97) {
        holes[at] ^= 0x5a;
    }
    home.write("holes.pdf", holes);
    let fake = home.write("fake.pdf", "%PDF-1.7\nnothing of the kind\n");
    let report = home.add();
    assert_eq!(total(&report["documents"]), 4, "{report}");
    assert_eq!(report["documents"]["pending"], 0, "{report}");
    assert!(report["failed"].as_u64().unwrap() >= 1, "{report}");
    let (state, reason) = story(&home, &fake);
    assert_eq!(state, "failed");
    assert!(!reason.is_empty());
    assert!(report["failures"].to_string().contains(&shown(&fake)), "{report}");
    assert!(home.json(&["status"])["failures"].to_string().contains(&shown(&fake)));
    let output = home.docent(&["status"]);
    assert!(output.stdout.contains("fake.pdf"), "a person sees it too: {output:?}");
    // A second run does not read what failed and did not change.
    assert_eq!(home.json(&["index"])["added"], 0);
    // It is mended.
    fs::write(&cut, &pdf).unwrap();
    fs::write(&fake, &pdf).unwrap();
    home.json(&["index"]);
    assert_eq!(story(&home, &cut).0, "searchable");
    assert_eq!(story(&home, &fake).0, "searchable");
    assert_neighbour_is_found(&home);
}

#[test]
fn a_root_within_another_or_within_the_home_is_refused() {
    let home = with_neighbour();
    fs::create_dir(home.docs().join("sub")).unwrap();
    home.add();
    let error = home.error(2, &["add", &shown(&home.docs().join("sub"))]);
    assert!(error["message"].as_str().unwrap().contains("overlaps"), "{error}");
    let error = home.error(2, &["add", &shown(&home.path())]);
    assert!(error["message"].as_str().unwrap().contains("home"), "{error}");
    assert_eq!(home.error(2, &["add", "/dev/null"])["kind"], "usage");
    let error = home.error(2, &["add", &shown(&home.docs()), "--include", "[broken"]);
    assert!(error["message"].as_str().unwrap().contains("[broken"), "{error}");
    assert_neighbour_is_found(&home);
}
