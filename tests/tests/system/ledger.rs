//! The ledger: whatever stands below a root is in exactly one state, for a reason that a person understands.

use std::{
    ffi::OsStr,
    fs::{self, Permissions},
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _, fs::symlink, net::UnixListener},
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use serde_json::Value;

use crate::{
    bad_files::bound_by_permissions,
    home::{Home, examples, finish, shown, total},
    invented::{packed, word},
};

/// What stands below the root, with its state and a part of its reason.
struct World {
    home: Home,
    expected: Vec<(PathBuf, &'static str, &'static str)>,
    _socket: UnixListener,
}

impl World {
    fn new() -> Self {
        let home = Home::small();
        home.configure("[index]\nmax_file_mb = 1\n");
        fs::create_dir_all(home.docs().join("sub/deep")).unwrap();
        let socket = UnixListener::bind(home.docs().join("socket")).unwrap();
        let mut world = Self { home, expected: Vec::new(), _socket: socket };
        world.expect("socket", "skipped", "not a regular file");
        world.readable();
        world.unreadable();
        world.left_out();
        world.no_files();
        world
    }

    fn expect(&mut self, name: impl AsRef<OsStr>, state: &'static str, reason: &'static str) {
        self.expected.push((self.home.docs().join(Path::new(name.as_ref())), state, reason));
    }

    fn write(&mut self, name: &str, bytes: impl AsRef<[u8]>, state: &'static str, reason: &'static str) {
        self.home.write(name, bytes);
        self.expect(name, state, reason);
    }

    fn readable(&mut self) {
        self.write("a.md", format!("# A\n\n{}\n", word(1)), "searchable", "");
        self.write("sub/deep/b.txt", format!("{}\n", word(2)), "searchable", "");
        self.write("sub/c.html", format!("<p>{}</p>", word(3)), "searchable", "");
        let manual = fs::read(examples().join("corpus/products/ax-200/service-manual.pdf")).unwrap();
        self.write("manual.pdf", manual, "searchable", "");
        let zip = packed(&[("inside.md", format!("# Inside\n\n{}\n", word(4)).as_bytes())]);
        self.write("packed.zip", zip, "searchable", "");
        let foreign = OsStr::from_bytes(b"men\xfc.md");
        fs::write(self.home.docs().join(foreign), format!("# Menu\n\n{}\n", word(5))).unwrap();
        self.expect(foreign, "searchable", "");
    }

    fn unreadable(&mut self) {
        self.write("damaged.pdf", "%PDF-1.7\nnothing of the kind\n", "failed", "damaged");
        self.write("sub/cut.docx", "PK\x03\x04 this is no archive", "failed", "damaged");
        let mut locked = packed(&[("secret.txt", b"not to be read")]);
        // The flag of encryption, in the header of the member and in the directory.
        let directory = locked.windows(4).position(|four| four == b"PK\x01\x02").unwrap();
        locked[6] |= 1;
        locked[directory + 8] |= 1;
        self.write("locked.zip", locked, "failed", "password");
        self.write("closed.md", "# Closed\n", "failed", "permission denied");
        let closed = self.home.docs().join("closed.md");
        fs::set_permissions(closed, Permissions::from_mode(0o000)).unwrap();
        self.home.write("closed/inside.md", "# Not seen\n");
        self.expect("closed", "failed", "permission denied");
        fs::set_permissions(self.home.docs().join("closed"), Permissions::from_mode(0o000)).unwrap();
    }

    fn left_out(&mut self) {
        self.write("empty.md", "", "skipped", "empty file");
        self.write("blank.txt", "\n \n", "skipped", "empty file");
        self.write(
            "program.bin",
            [b"\x7fELF\x02\x01\x01\0".as_slice(), &[7; 999]].concat(),
            "skipped",
            "binary file",
        );
        self.write("large.md", "word ".repeat(300_000), "skipped", "larger than 1 MB (index.max_file_mb)");
        self.write(".docentignore", "*.log\nprivate/\n", "skipped", "system or lock file");
        self.write("sub/noise.log", "noise\n", "skipped", "ignored by .docentignore");
        self.write("private/x.md", "# X\n", "skipped", "ignored by .docentignore");
        self.write(".hidden.md", "# Hidden\n", "skipped", "hidden");
        self.write(".cache/y.md", "# Y\n", "skipped", "hidden");
        self.write(".git/config", "[core]\n", "skipped", "system folder");
        self.write("~$a.docx", "x", "skipped", "system or lock file");
    }

    fn no_files(&mut self) {
        let outside = self.home.beside("outside.md");
        fs::write(&outside, format!("# Outside\n\n{}\n", word(9))).unwrap();
        for (name, target) in [
            ("link-in.md", Path::new("a.md")),
            ("link-out.md", &outside),
            ("sub/link-up", Path::new("..")),
            ("link-to-nothing", Path::new("nothing")),
        ] {
            symlink(target, self.home.docs().join(name)).unwrap();
            self.expect(name, "skipped", "symbolic link, not followed");
        }
        let docs = self.home.docs();
        let make =
            |name: &str, kind, device| mknodat(CWD, docs.join(name), kind, Mode::RUSR | Mode::WUSR, device);
        make("fifo", FileType::Fifo, 0).unwrap();
        self.expect("fifo", "skipped", "not a regular file");
        // As /dev/zero, which never ends.
        match make("sub/device", FileType::CharacterDevice, makedev(1, 5)) {
            Ok(()) => self.expect("sub/device", "skipped", "not a regular file"),
            Err(_) => eprintln!("passed over: no device can be made here"),
        }
    }

    /// The story of one path, also of one whose name is no text.
    fn story(&self, path: &Path) -> Value {
        let mut command = self.home.command(&["status", "--json", "--file"]);
        command.arg(path);
        finish(command).json()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = fs::set_permissions(self.home.docs().join("closed"), Permissions::from_mode(0o755));
    }
}

/// What stands below a folder and is no folder itself; a closed one counts as one, whatever is in it.
fn entries_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let metadata = entry.metadata().unwrap();
        if metadata.is_dir() && metadata.permissions().mode() & 0o500 != 0 {
            found.extend(entries_below(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

#[test]
fn whatever_stands_below_a_root_is_in_one_state_with_a_reason() {
    let world = World::new();
    let (home, docs) = (&world.home, world.home.docs());
    let Some(output) = bound_by_permissions(home, &["add", "--json", &shown(&docs)]) else { return };
    assert_eq!(output.code, Some(0), "{output:?}");

    // The sum is that of the disk, with nothing outside it: what is no file, or is hidden, is counted as left out.
    let entries = entries_below(&docs);
    assert_eq!(entries.len(), world.expected.len(), "{entries:?}");
    let status = home.json(&["status"]);
    let documents = &status["documents"];
    assert_eq!(total(documents), entries.len() as u64, "{status}");
    assert_eq!(status["roots"][0]["files"], entries.len(), "{status}");
    for state in ["searchable", "skipped", "failed", "pending", "lexical_only", "unavailable"] {
        let due = world.expected.iter().filter(|(_, expected, _)| *expected == state).count();
        assert_eq!(documents[state], due, "{state}: {status}");
    }
    let failures = status["failures"].as_array().unwrap();
    assert_eq!(documents["failed"], failures.len(), "{status}");
    let skipped: u64 =
        status["skipped"].as_array().unwrap().iter().map(|rule| rule["files"].as_u64().unwrap()).sum();
    assert_eq!(documents["skipped"], skipped, "{status}");

    for (path, state, reason) in &world.expected {
        let story = world.story(path);
        let said = story["reason"].as_str().unwrap_or_default();
        assert_eq!(story["state"], *state, "{story}");
        assert!(said.contains(reason), "{reason} is not why: {story}");
        assert_eq!(said.is_empty(), *state == "searchable", "{story}");
        assert!(!said.contains("os error") && !said.contains("Error"), "no words for a person: {story}");
        assert!(story["first_seen"].is_string() && story["collection"] == "default", "{story}");
        if *state == "failed" {
            let listed = failures.iter().find(|failure| failure["path"] == shown(path));
            assert_eq!(listed.map(|failure| failure["reason"].as_str()), Some(Some(said)), "{status}");
        }
        if *state == "searchable" {
            for key in ["mime", "title", "indexed", "reader", "modified"] {
                assert!(story[key].is_string(), "{key}: {story}");
            }
            let passages = story["passages"].as_u64().unwrap();
            assert!(passages > 0 && story["vectors"] == passages, "{story}");
        } else {
            assert_eq!((&story["passages"], &story["vectors"]), (&0.into(), &0.into()), "{story}");
        }
        // Where nothing was read, no time of it is made up.
        let is_by_name = ["hidden", "ignored by", "symbolic link", "not a regular", "system"];
        if is_by_name.iter().any(|rule| said.starts_with(rule)) {
            assert!(story["indexed"].is_null() && story["modified"].is_null(), "{story}");
        }
    }
    let manual = world.story(&docs.join("manual.pdf"));
    assert_eq!((&manual["mime"], manual["pages"].is_u64()), (&"application/pdf".into(), true), "{manual}");

    // What is behind a link was not read, and neither was what is hidden.
    assert!(home.found(&["--mode", "lexical", &word(9)]).is_empty());
    // A second look changes nothing.
    let again = bound_by_permissions(home, &["index", "--json"]).unwrap().json();
    assert_eq!(again["documents"], *documents, "{again}");
    assert_eq!((&again["added"], &again["changed"], &again["removed"]), (&0.into(), &0.into(), &0.into()));
    home.assert_clean();
}

#[test]
fn what_the_ledger_does_not_have_is_explained() {
    let world = World::new();
    let (home, docs) = (&world.home, world.home.docs());
    let unknown = |path: &Path, why: &str| {
        let story = world.story(path);
        let reason = story["reason"].as_str().unwrap_or_default();
        assert!(story["state"] == "unknown" && reason.contains(why), "{why}: {story}");
    };
    unknown(&docs.join("a.md"), "docent add");
    let Some(output) = bound_by_permissions(home, &["add", "--json", &shown(&docs)]) else { return };
    assert_eq!(output.code, Some(0), "{output:?}");
    unknown(&docs.join("closed/inside.md"), "could not be looked into: permission denied");
    unknown(&docs.join("sub"), "it is a folder");
    unknown(&docs.join("no such file.md"), "no such file");
    unknown(&home.beside("outside.md"), "no watched folder holds it");
    unknown(&home.path().join("config.toml"), "docent's own");
    home.write("new.md", "# New\n");
    unknown(&docs.join("new.md"), "docent index");
    // A folder on the way may be a link; of the file itself, that it is one is what there is to tell.
    symlink(&docs, home.beside("way")).unwrap();
    assert_eq!(world.story(&home.beside("way/a.md"))["state"], "searchable");
    symlink(docs.join("a.md"), home.beside("alias.md")).unwrap();
    assert_eq!(world.story(&home.beside("alias.md"))["state"], "searchable");
    assert_eq!(world.story(&docs.join("link-in.md"))["state"], "skipped");

    // The folder is opened: its file is read, and it is no failure any more.
    fs::set_permissions(docs.join("closed"), Permissions::from_mode(0o755)).unwrap();
    let before = home.json(&["status"])["documents"]["failed"].as_u64().unwrap();
    home.json(&["index"]);
    assert_eq!(world.story(&docs.join("closed/inside.md"))["state"], "searchable");
    unknown(&docs.join("closed"), "it is a folder");
    let status = home.json(&["status"]);
    // As somebody who may pass permissions over, the closed file is read as well.
    assert!(status["documents"]["failed"].as_u64().unwrap() < before, "{status}");
    assert_eq!(total(&status["documents"]), entries_below(&docs).len() as u64, "{status}");
}

#[test]
fn archives_stay_closed_where_that_is_asked_for() {
    let home = Home::small();
    home.configure("[index]\narchives = false\n");
    let zip =
        home.write("packed.zip", packed(&[("inside.md", format!("# Inside\n\n{}\n", word(1)).as_bytes())]));
    home.write("a.md", format!("# A\n\n{}\n", word(2)));
    let report = home.add();
    assert_eq!((&report["documents"]["searchable"], &report["documents"]["skipped"]), (&1.into(), &1.into()));
    let story = home.json(&["status", "--file", &shown(&zip)]);
    assert_eq!((&story["state"], &story["reason"]), (&"skipped".into(), &"archives are not opened".into()));
    assert!(home.found(&["--mode", "lexical", &word(1)]).is_empty());
}
