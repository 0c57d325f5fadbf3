//! Walks a root and says what stands there.

use std::{
    fs::{self, FileType, Metadata},
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use docent_core::{Root, Stamp};

use crate::{
    progress::Cancel,
    rules::{Ignores, NOT_REGULAR, Place, Rule, Rules, SYMLINK},
};

/// A file as it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A regular file that no rule leaves out.
    File(Stamp),
    /// Left out.
    Skipped(Rule),
}

/// What a walk could not look at: what is known of it stays as it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Unreadable {
    /// Relative to the root.
    pub(crate) relative: PathBuf,
    pub(crate) reason: String,
    /// Nothing at all was seen of it: the ledger gets it as it is, a file or a whole folder.
    pub(crate) unseen: bool,
}

/// A walk through a root, or a part of it.
pub(crate) struct Scan<'a> {
    pub(crate) root: &'a Root,
    pub(crate) rules: &'a Rules,
    pub(crate) cancel: &'a Cancel,
    pub(crate) unreadable: Vec<Unreadable>,
}

/// An ignore file could not be read; it is among what is unreadable.
struct RulesUnknown;

struct Folder {
    relative: PathBuf,
    ignores: Option<Arc<Ignores>>,
    /// The rule that leaves out all of it; it is walked by name, to be counted.
    rule: Option<Rule>,
}

/// What one look at a path came to.
enum Visited {
    /// A folder, and the rule that leaves out all of it.
    Folder(Option<Rule>),
    /// Anything else: it was reported, if it is there.
    Other,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(root: &'a Root, rules: &'a Rules, cancel: &'a Cancel) -> Self {
        Self { root, rules, cancel, unreadable: Vec::new() }
    }

    /// Calls `found` for each file at or below `under` (relative to the root; empty for all of it). What is
    /// not there is not reported. A symbolic link on the way to `under` is reported in its place.
    pub(crate) fn walk(&mut self, under: &Path, found: &mut dyn FnMut(&Path, Seen)) {
        if self.root.is_file {
            self.visit(&self.root.path.clone(), Path::new(""), None, None, found);
            return;
        }
        let mut folder = Folder { relative: PathBuf::new(), ignores: None, rule: None };
        for name in under {
            let absolute = self.root.path.join(&folder.relative);
            let Ok(ignores) = self.ignores_of(&absolute, &folder) else { return };
            let relative = folder.relative.join(name);
            let rule = folder.rule.take();
            match self.visit(&absolute.join(name), &relative, ignores.as_ref(), rule, found) {
                Visited::Folder(rule) => folder = Folder { relative, ignores, rule },
                Visited::Other => return,
            }
        }
        self.walk_folder(folder, found);
    }

    /// What the ignore files of `folder` and of those above it say. An error if that cannot be told: then nothing in it
    /// is looked at, so that nothing private is read, and what is known of it stays.
    fn ignores_of(&mut self, absolute: &Path, folder: &Folder) -> Result<Option<Arc<Ignores>>, RulesUnknown> {
        // All of it is left out already.
        if folder.rule.is_some() {
            return Ok(None);
        }
        let mut malformed = Vec::new();
        let ignores = self.rules.ignores_of(absolute, folder.ignores.clone(), &mut malformed);
        for (name, reason) in malformed {
            self.unreadable.push(Unreadable { relative: folder.relative.join(name), reason, unseen: false });
        }
        ignores.map_err(|reason| {
            self.unreadable.push(Unreadable { relative: folder.relative.clone(), reason, unseen: true });
            RulesUnknown
        })
    }

    /// Looks at one path; a folder is not entered, but its rule returned.
    fn visit(
        &mut self,
        absolute: &Path,
        relative: &Path,
        ignores: Option<&Arc<Ignores>>,
        rule: Option<Rule>,
        found: &mut dyn FnMut(&Path, Seen),
    ) -> Visited {
        if self.rules.is_own(absolute) {
            return Visited::Other;
        }
        let metadata = match fs::symlink_metadata(absolute) {
            Ok(metadata) => metadata,
            Err(cause) => {
                self.could_not_look(relative, &cause);
                return Visited::Other;
            }
        };
        let name = absolute.file_name().unwrap_or_default();
        let folder = absolute.parent().unwrap_or(absolute);
        let place = Place { name, relative, folder, ignores };
        if metadata.is_dir() {
            return Visited::Folder(rule.or_else(|| self.rules.for_folder(&place)));
        }
        // A single file that is a root was named by a person: only its size and kind matter.
        let rule = if self.root.is_file { None } else { rule.or_else(|| self.rules.for_file(&place)) };
        let seen = self.judge(metadata.file_type(), rule, || Ok(metadata));
        if let Ok(seen) = seen {
            found(relative, seen);
        }
        Visited::Other
    }

    fn walk_folder(&mut self, start: Folder, found: &mut dyn FnMut(&Path, Seen)) {
        let mut folders = vec![start];
        while let Some(folder) = folders.pop() {
            if self.cancel.is_cancelled() {
                return;
            }
            if let Err(cause) = self.walk_entries(&folder, &mut folders, found) {
                self.could_not_look(&folder.relative, &cause);
            }
        }
    }

    fn walk_entries(
        &mut self,
        folder: &Folder,
        folders: &mut Vec<Folder>,
        found: &mut dyn FnMut(&Path, Seen),
    ) -> io::Result<()> {
        let absolute = self.root.path.join(&folder.relative);
        let entries = fs::read_dir(&absolute)?.collect::<io::Result<Vec<_>>>()?;
        let mut ignores = folder.ignores.clone();
        if entries.iter().any(|entry| self.rules.is_ignore_file(&entry.file_name())) {
            match self.ignores_of(&absolute, folder) {
                Ok(known) => ignores = known,
                Err(RulesUnknown) => return Ok(()),
            }
        }
        for entry in entries {
            let name = entry.file_name();
            let relative = folder.relative.join(&name);
            let place =
                Place { name: &name, relative: &relative, folder: &absolute, ignores: ignores.as_ref() };
            let file_type = match entry.file_type() {
                Ok(file_type) => file_type,
                Err(cause) => {
                    self.could_not_look(&relative, &cause);
                    continue;
                }
            };
            if file_type.is_dir() {
                if !self.rules.is_own(&entry.path()) {
                    let rule = folder.rule.clone().or_else(|| self.rules.for_folder(&place));
                    folders.push(Folder { relative, ignores: ignores.clone(), rule });
                }
                continue;
            }
            let rule = folder.rule.clone().or_else(|| self.rules.for_file(&place));
            match self.judge(file_type, rule, || entry.metadata()) {
                Ok(seen) => found(&relative, seen),
                Err(cause) => self.could_not_look(&relative, &cause),
            }
        }
        Ok(())
    }

    fn judge(
        &self,
        file_type: FileType,
        rule: Option<Rule>,
        metadata: impl FnOnce() -> io::Result<Metadata>,
    ) -> io::Result<Seen> {
        if let Some(rule) = rule {
            return Ok(Seen::Skipped(rule));
        }
        if file_type.is_symlink() {
            return Ok(Seen::Skipped(SYMLINK));
        }
        if !file_type.is_file() {
            return Ok(Seen::Skipped(NOT_REGULAR));
        }
        let metadata = metadata()?;
        Ok(self.rules.for_size(metadata.len()).map_or_else(|| Seen::File(stamp_of(&metadata)), Seen::Skipped))
    }

    /// What is not there any more is simply gone; anything else is kept and reported.
    fn could_not_look(&mut self, relative: &Path, cause: &io::Error) {
        if !matches!(cause.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) {
            let (relative, reason) = (relative.to_owned(), reason_of(cause));
            self.unreadable.push(Unreadable { relative, reason, unseen: true });
        }
    }
}

/// What a file looks like from outside.
pub(crate) fn stamp_of(metadata: &Metadata) -> Stamp {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let mtime_ns = metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec());
        Stamp { size: metadata.len(), mtime_ns, inode: metadata.ino() }
    }
    #[cfg(not(unix))]
    {
        let since = metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        Stamp { size: metadata.len(), mtime_ns: since.map_or(0, |since| since.as_nanos() as i64), inode: 0 }
    }
}

/// The device that a file is on; 0 where the platform has none.
pub(crate) fn device_of(metadata: &Metadata) -> u64 {
    #[cfg(unix)]
    {
        std::os::unix::fs::MetadataExt::dev(metadata)
    }
    #[cfg(not(unix))]
    {
        let _ = metadata;
        0
    }
}

/// Why a file operation failed, in words that a person understands.
pub(crate) fn reason_of(cause: &io::Error) -> String {
    match cause.kind() {
        io::ErrorKind::PermissionDenied => "permission denied".into(),
        io::ErrorKind::NotFound => "not there".into(),
        io::ErrorKind::InvalidFilename => "the path is too long for the system".into(),
        _ => cause.to_string(),
    }
}
