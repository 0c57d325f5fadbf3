//! What is left out, and by which rule.
//!
//! The rules, first match wins, each with the words that the ledger shows:
//!
//! | what | rule |
//! | --- | --- |
//! | folders of version control and of operating systems (`.git`, `$RECYCLE.BIN`) | system folder |
//! | lock files, editors' backups, unfinished downloads (`~$report.docx`, `Thumbs.db`) | system or lock file |
//! | names that begin with a full stop, unless asked for | hidden |
//! | `--exclude` globs of the root, for files and folders | excluded by the glob |
//! | `.docentignore`, and `.gitignore` if asked for | ignored by that file |
//! | files that match none of the root's `--include` globs | not among the included files |
//! | symbolic links; FIFOs, sockets, devices | not followed; not a regular file |
//! | files above the size limit | larger than the limit |
//!
//! `node_modules`, `target` and the like are read: a company's documents may well lie in a folder of that name.

use std::{
    borrow::Cow,
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use docent_core::{Error, ErrorKind, IndexConfig, Result, Root};
use globset::{GlobBuilder, GlobMatcher};
use ignore::{
    Match,
    gitignore::{Gitignore, GitignoreBuilder},
};

use crate::scan::reason_of;

/// Why a file is left out, in words.
pub(crate) type Rule = Cow<'static, str>;

pub(crate) const SYMLINK: Rule = Cow::Borrowed("symbolic link, not followed");
pub(crate) const NOT_REGULAR: Rule = Cow::Borrowed("not a regular file");
const SYSTEM_FOLDER: Rule = Cow::Borrowed("system folder");
const SYSTEM_FILE: Rule = Cow::Borrowed("system or lock file");
const HIDDEN: Rule = Cow::Borrowed("hidden");
const NOT_INCLUDED: Rule = Cow::Borrowed("not among the included files");

const SYSTEM_FOLDERS: &[&str] = &[
    ".git",
    ".svn",
    ".hg",
    ".bzr",
    "CVS",
    "$RECYCLE.BIN",
    "System Volume Information",
    "lost+found",
    ".Trash",
    ".Trashes",
    ".Spotlight-V100",
    ".fseventsd",
    ".DocumentRevisions-V100",
    "__MACOSX",
    "@eaDir",
];
const SYSTEM_FILES: &[&str] =
    &["thumbs.db", "ehthumbs.db", "desktop.ini", ".ds_store", ".docentignore", ".directory", "icon\r"];
/// Downloads that are not finished.
const UNFINISHED: &[&str] = &[".part", ".partial", ".crdownload", ".download"];

/// The name of the files that say what docent leaves out, in the syntax of `.gitignore`.
pub(crate) const IGNORE_FILE: &str = ".docentignore";
const GIT_IGNORE_FILE: &str = ".gitignore";

/// The rules for one root.
#[derive(Debug)]
pub(crate) struct Rules {
    include: Vec<GlobMatcher>,
    exclude: Vec<(GlobMatcher, Rule)>,
    hidden: bool,
    gitignore: bool,
    max_bytes: u64,
    too_large: Rule,
    /// Folders that are not even looked at: docent's own.
    own: Vec<PathBuf>,
}

/// What the ignore files of a folder, and of those above it, say.
#[derive(Debug)]
pub(crate) struct Ignores {
    above: Option<Arc<Ignores>>,
    here: Gitignore,
}

/// Checks the globs of a root.
///
/// # Errors
/// One of them is malformed: the message names it.
pub fn check_globs<S: AsRef<str>>(globs: &[S]) -> Result<()> {
    globs.iter().try_for_each(|glob| matchers(glob.as_ref(), true).map(drop))
}

/// The matchers of a glob: for the files and folders that it names and, if `below`, for all that is below them.
/// A glob without a slash names files and folders at any depth. Case does not matter.
fn matchers(glob: &str, below: bool) -> Result<Vec<GlobMatcher>> {
    let bare = glob.strip_prefix("./").unwrap_or(glob).trim_end_matches('/');
    let anchored = match bare.strip_prefix('/') {
        Some(rest) => rest.to_owned(),
        None if bare.contains('/') => bare.to_owned(),
        None => format!("**/{bare}"),
    };
    let mut forms = vec![anchored.clone()];
    if below {
        forms.push(format!("{anchored}/**"));
    }
    let build = |form: &String| {
        let built = GlobBuilder::new(form).literal_separator(true).case_insensitive(true).build();
        built.map(|glob| glob.compile_matcher()).map_err(|cause| {
            Error::new(ErrorKind::Usage, format!("'{glob}' is not a valid glob"))
                .hint("* stands for any part of a name, ** for any folders, [ab] for one of some characters")
                .caused_by(cause)
        })
    };
    forms.iter().map(build).collect()
}

impl Rules {
    /// The rules of `root`.
    ///
    /// # Errors
    /// One of the root's globs is malformed.
    pub(crate) fn new(root: &Root, config: &IndexConfig, own: &[PathBuf]) -> Result<Self> {
        let mut include = Vec::new();
        for glob in &root.include {
            include.extend(matchers(glob, true)?);
        }
        let mut exclude = Vec::new();
        for glob in &root.exclude {
            let rule = Rule::Owned(format!("excluded by '{glob}'"));
            exclude.extend(matchers(glob, false)?.into_iter().map(|matcher| (matcher, rule.clone())));
        }
        let (max_bytes, too_large) = config.size_limit();
        Ok(Self {
            include,
            exclude,
            hidden: config.hidden,
            gitignore: config.gitignore,
            max_bytes,
            too_large: Rule::Owned(too_large),
            own: own.to_vec(),
        })
    }

    /// Whether `folder` (absolute) is docent's own, and is not to be looked at.
    pub(crate) fn is_own(&self, folder: &Path) -> bool {
        self.own.iter().any(|own| folder.starts_with(own))
    }

    /// The rule that leaves out all of a folder.
    pub(crate) fn for_folder(&self, place: &Place<'_>) -> Option<Rule> {
        if place.name.to_str().is_some_and(|name| SYSTEM_FOLDERS.contains(&name)) {
            return Some(SYSTEM_FOLDER);
        }
        self.for_either(place, true)
    }

    /// The rule that leaves out a file, whatever is in it.
    pub(crate) fn for_file(&self, place: &Place<'_>) -> Option<Rule> {
        if is_system_file(place.name) {
            return Some(SYSTEM_FILE);
        }
        if let Some(rule) = self.for_either(place, false) {
            return Some(rule);
        }
        let included =
            self.include.is_empty() || self.include.iter().any(|glob| glob.is_match(place.relative));
        (!included).then_some(NOT_INCLUDED)
    }

    /// The rule for a file of this size.
    pub(crate) fn for_size(&self, size: u64) -> Option<Rule> {
        (size > self.max_bytes).then(|| self.too_large.clone())
    }

    fn for_either(&self, place: &Place<'_>, is_folder: bool) -> Option<Rule> {
        if !self.hidden && place.name.as_encoded_bytes().starts_with(b".") {
            return Some(HIDDEN);
        }
        if let Some((_, rule)) = self.exclude.iter().find(|(glob, _)| glob.is_match(place.relative)) {
            return Some(rule.clone());
        }
        place.ignores?.rule(place.folder.join(place.name).as_path(), is_folder)
    }

    /// Whether a file of this name says what is left out.
    pub(crate) fn is_ignore_file(&self, name: &OsStr) -> bool {
        name == IGNORE_FILE || (self.gitignore && name == GIT_IGNORE_FILE)
    }

    /// Reads the ignore files of `folder` (absolute). Lines that are no patterns are added to `malformed`, by the
    /// file's name; the others hold.
    ///
    /// # Errors
    /// What one of them says cannot be told, for a reason in words: nothing may be read that it may leave out.
    pub(crate) fn ignores_of(
        &self,
        folder: &Path,
        above: Option<Arc<Ignores>>,
        malformed: &mut Vec<(&'static str, String)>,
    ) -> Result<Option<Arc<Ignores>>, String> {
        let mut builder = GitignoreBuilder::new(folder);
        // Later lines win, and ours come last.
        let names = [(GIT_IGNORE_FILE, self.gitignore), (IGNORE_FILE, true)];
        for (name, _) in names.into_iter().filter(|(_, asked)| *asked) {
            let file = folder.join(name);
            let text = ignore_text(&file).map_err(|why| {
                format!("what its {name} leaves out is not known ({why}): nothing new in this folder is read until it is")
            })?;
            for (at, line) in text.lines().enumerate() {
                if let Err(cause) = builder.add_line(Some(file.clone()), line) {
                    malformed.push((name, format!("line {} leaves nothing out: {cause}", at + 1)));
                }
            }
        }
        match builder.build() {
            Ok(here) if !here.is_empty() => Ok(Some(Arc::new(Ignores { above, here }))),
            Ok(_) => Ok(above),
            Err(cause) => Err(format!("its {IGNORE_FILE} is not understood: {cause}")),
        }
    }
}

/// The text of an ignore file; empty where there is none.
fn ignore_text(file: &Path) -> Result<String, String> {
    let is_file = match fs::metadata(file) {
        Ok(metadata) => metadata.is_file(),
        // A link that leads nowhere is there.
        Err(cause) if cause.kind() == io::ErrorKind::NotFound && fs::symlink_metadata(file).is_err() => false,
        Err(cause) => return Err(reason_of(&cause)),
    };
    if !is_file {
        return Ok(String::new());
    }
    let bytes = fs::read(file).map_err(|cause| reason_of(&cause))?;
    text_of(&bytes).ok_or_else(|| "it is neither UTF-8 nor UTF-16, save it as UTF-8".into())
}

/// Text with or without a mark in UTF-8, or with one in UTF-16 (as Windows' editors and shells write it).
fn text_of(bytes: &[u8]) -> Option<String> {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks::<2>();
        let units: Vec<u16> = pairs.iter().map(|&pair| unit(pair)).collect();
        String::from_utf16(&units).ok().filter(|_| rest.is_empty())
    };
    let text = match bytes {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8(rest.to_vec()).ok(),
        _ => String::from_utf8(bytes.to_vec()).ok(),
    };
    text.filter(|text| !text.contains('\0'))
}

/// A file or folder, in the ways that rules look at it.
pub(crate) struct Place<'a> {
    pub(crate) name: &'a OsStr,
    /// Relative to the root.
    pub(crate) relative: &'a Path,
    /// The folder it stands in, absolute.
    pub(crate) folder: &'a Path,
    pub(crate) ignores: Option<&'a Arc<Ignores>>,
}

impl Ignores {
    /// The innermost file that has something to say about `path` (absolute) decides.
    fn rule(&self, path: &Path, is_folder: bool) -> Option<Rule> {
        match self.here.matched(path, is_folder) {
            Match::Ignore(glob) => {
                let file = glob.from().and_then(Path::file_name).unwrap_or(OsStr::new(IGNORE_FILE));
                Some(Rule::Owned(format!("ignored by {}", file.display())))
            }
            Match::Whitelist(_) => None,
            Match::None => self.above.as_ref()?.rule(path, is_folder),
        }
    }
}

/// Whether a path (relative to its root) lies in a folder that is left out whatever the root's globs say. Events
/// from there wait for the next look at the whole root.
pub(crate) fn below_left_out(relative: &Path, hidden: bool) -> bool {
    relative.parent().is_some_and(|folder| {
        folder.iter().any(|name| {
            name.to_str().is_some_and(|name| SYSTEM_FOLDERS.contains(&name))
                || (!hidden && name.as_encoded_bytes().starts_with(b"."))
        })
    })
}

/// Whether a file of this name may change which others are left out.
pub(crate) fn says_what_is_left_out(name: &OsStr) -> bool {
    name == IGNORE_FILE || name == GIT_IGNORE_FILE
}

fn is_system_file(name: &OsStr) -> bool {
    let bytes = name.as_encoded_bytes();
    let (first, last) = (bytes.first(), bytes.last());
    // ~$report.docx, .~lock.report.odt#, ~WRL0001.tmp, report.txt~, #report.txt#, .report.txt.swp
    if bytes.starts_with(b"~$") || bytes.starts_with(b".~lock.") || last == Some(&b'~') {
        return true;
    }
    if (first == Some(&b'#') && last == Some(&b'#')) || (first == Some(&b'.') && ends_with(bytes, ".swp")) {
        return true;
    }
    if first == Some(&b'~') && ends_with(bytes, ".tmp") {
        return true;
    }
    UNFINISHED.iter().any(|end| ends_with(bytes, end))
        || SYSTEM_FILES.iter().any(|system| bytes.eq_ignore_ascii_case(system.as_bytes()))
}

fn ends_with(name: &[u8], end: &str) -> bool {
    name.len() > end.len() && name[name.len() - end.len()..].eq_ignore_ascii_case(end.as_bytes())
}

#[cfg(test)]
mod tests {
    use docent_core::RootId;

    use super::*;

    fn rules(include: &[&str], exclude: &[&str]) -> Rules {
        let owned = |globs: &[&str]| globs.iter().map(|&glob| glob.to_owned()).collect();
        let root = Root {
            id: RootId(1),
            collection: "c".into(),
            path: "/r".into(),
            is_file: false,
            include: owned(include),
            exclude: owned(exclude),
            device: None,
            unavailable: None,
        };
        Rules::new(&root, &IndexConfig::default(), &[]).unwrap()
    }

    fn file(rules: &Rules, relative: &str) -> Option<String> {
        let relative = Path::new(relative);
        let name = relative.file_name().unwrap();
        let folder = Path::new("/r").join(relative.parent().unwrap());
        let place = Place { name, relative, folder: &folder, ignores: None };
        rules.for_file(&place).map(Cow::into_owned)
    }

    #[test]
    fn globs_match_names_and_paths() {
        let rules = rules(&["*.md", "reports/**", "plans"], &["draft*", "reports/old/**"]);
        assert_eq!(file(&rules, "a/b/X.MD"), None);
        assert_eq!(file(&rules, "reports/x.pdf"), None);
        assert_eq!(file(&rules, "a/plans/b/x.pdf"), None);
        assert_eq!(file(&rules, "x.pdf").as_deref(), Some("not among the included files"));
        assert_eq!(file(&rules, "a/drafts.md").as_deref(), Some("excluded by 'draft*'"));
        assert_eq!(file(&rules, "reports/old/x.md").as_deref(), Some("excluded by 'reports/old/**'"));
    }

    #[test]
    fn system_and_lock_files_are_left_out() {
        let rules = rules(&[], &[]);
        for name in ["~$a.docx", ".~lock.a.odt#", "Thumbs.db", "a.txt~", ".a.swp", "a.pdf.part", ".DS_Store"]
        {
            assert_eq!(file(&rules, name).as_deref(), Some("system or lock file"), "{name}");
        }
        assert_eq!(file(&rules, ".profile").as_deref(), Some("hidden"));
        for name in ["a.txt", "notes.tmp", "~", "a#b.md", "swp"] {
            assert_eq!(file(&rules, name).is_some(), name == "~", "{name}");
        }
    }

    #[test]
    fn an_ignore_file_is_read_whole_or_not_at_all() {
        let text = "é/\n*.log\n";
        let units = |unit: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(unit).collect::<Vec<u8>>();
        let (little, big) = (units(u16::to_le_bytes), units(u16::to_be_bytes));
        for bytes in [
            text.as_bytes().to_vec(),
            ["\u{feff}", text].concat().into_bytes(),
            [&[0xFF, 0xFE], &little[..]].concat(),
            [&[0xFE, 0xFF], &big[..]].concat(),
        ] {
            assert_eq!(text_of(&bytes).as_deref(), Some(text), "{bytes:?}");
        }
        for bytes in [&b"caf\xe9/\n"[..], &little, b"\xff\xfea"] {
            assert_eq!(text_of(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn a_malformed_glob_is_named() {
        let error = check_globs(&["[a"]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.message().contains("[a"), "{error}");
    }
}
