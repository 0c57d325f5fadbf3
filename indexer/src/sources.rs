//! Where news of each root comes from: events of the system, or looking from time to time.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use docent_core::{Root, RootId};
use notify::{
    Config, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode, ModifyKind},
};

use crate::{
    inbox::Inbox,
    progress::{OnProgress, Progress},
    rules::{below_left_out, says_what_is_left_out},
    scan::stamp_of,
    standing::{Standing, standing},
};

/// What to do when watches run out.
const WATCH_LIMIT: &str = "the system's limit on watched folders is reached; \
     'sudo sysctl fs.inotify.max_user_watches=1048576 fs.inotify.max_user_instances=1024' raises it";

/// Which folder stands at a root's path: device and inode, or why none can be reached.
type Identity = Result<(u64, u64), String>;

struct Source {
    identity: Identity,
    /// Gives events for as long as it lives.
    watcher: Option<RecommendedWatcher>,
    /// When to look next, where there are no events.
    poll: Option<Instant>,
}

/// The sources of all roots.
pub(crate) struct Sources {
    inbox: Arc<Inbox>,
    own: Vec<PathBuf>,
    hidden: bool,
    poll_every: Duration,
    of: HashMap<RootId, Source>,
    /// Whether roots are followed already.
    started: bool,
}

impl Sources {
    pub(crate) fn new(inbox: Arc<Inbox>, own: &[PathBuf], hidden: bool, poll_seconds: u64) -> Self {
        let poll_every = Duration::from_secs(poll_seconds.max(1));
        Self { inbox, own: own.to_vec(), hidden, poll_every, of: HashMap::new(), started: false }
    }

    /// Follows the roots: new ones, ones that came or went, ones at whose path another folder stands now. Each
    /// of these is to be looked at as a whole; watching begins before that, so that nothing is missed.
    pub(crate) fn follow(&mut self, roots: &[Root], progress: OnProgress<'_>) {
        self.of.retain(|id, _| roots.iter().any(|root| root.id == *id));
        for root in roots {
            let identity = identity(root);
            if self.of.get(&root.id).is_some_and(|source| source.identity == identity) {
                continue;
            }
            let mut source = Source { identity, watcher: None, poll: None };
            if source.identity.is_ok() {
                match self.watch(root) {
                    Ok(watcher) => source.watcher = Some(watcher),
                    Err(why) => source.poll = Some(self.begin_polling(root, why, progress)),
                }
            }
            self.of.insert(root.id, source);
            if self.started {
                // Not at once: whoever added the root asks for a run over it now, and is told what that did.
                self.inbox.note(root.id, Path::new(""));
            } else {
                self.inbox.rescan(root.id);
            }
        }
        self.started = true;
    }

    /// Forgets these roots, so that they are followed anew: where events are lost, folders may have come or moved
    /// unnoticed.
    pub(crate) fn forget(&mut self, lost: &HashSet<RootId>) {
        // One that is polled has no events to lose.
        self.of.retain(|id, source| source.poll.is_some() || !lost.contains(id));
    }

    /// Watches everything once more: where a disk was taken out and put in again, the root looks as before and its
    /// watches are gone. Those that are there stay as they are.
    pub(crate) fn watch_again(&mut self, roots: &[Root], progress: OnProgress<'_>) {
        for root in roots {
            let Some(watcher) = self.of.get_mut(&root.id).and_then(|source| source.watcher.as_mut()) else {
                continue;
            };
            // Any other trouble shows in the root's standing.
            if let Err(cause) = begin(watcher, root)
                && is_limit(&cause)
            {
                self.poll_instead(root, reason(&cause), progress);
            }
        }
    }

    /// Watches the folders among `paths`. The system's watcher follows new folders by itself, but it gives up on a
    /// whole tree where one folder in it cannot be watched.
    pub(crate) fn look_below(
        &mut self,
        paths: &[(RootId, PathBuf)],
        roots: &[Root],
        progress: OnProgress<'_>,
    ) {
        for (id, relative) in paths.iter().filter(|(_, relative)| !relative.as_os_str().is_empty()) {
            let Some(root) = roots.iter().find(|root| root.id == *id) else { continue };
            let Some(watcher) = self.of.get_mut(id).and_then(|source| source.watcher.as_mut()) else {
                continue;
            };
            let folder = root.absolute(relative);
            if !is_folder(&folder) {
                continue;
            }
            if let Err(cause) = watch_below(watcher, &folder) {
                self.poll_instead(root, reason(&cause), progress);
            }
        }
    }

    /// Looks at `root` from time to time from now on.
    pub(crate) fn poll_instead(&mut self, root: &Root, why: String, progress: OnProgress<'_>) {
        let next = self.begin_polling(root, why, progress);
        if let Some(source) = self.of.get_mut(&root.id)
            && source.poll.is_none()
        {
            source.watcher = None;
            source.poll = Some(next);
            self.inbox.rescan(root.id);
        }
    }

    /// Whether a root gives no events.
    pub(crate) fn is_polled(&self, root: RootId) -> bool {
        self.of.get(&root).is_some_and(|source| source.poll.is_some())
    }

    /// A polled root was looked at, which took so long: at least four fifths of the time are left to other work.
    pub(crate) fn looked_at(&mut self, root: RootId, took: Duration) {
        if let Some(next) = self.of.get_mut(&root).and_then(|source| source.poll.as_mut()) {
            *next = Instant::now() + self.poll_every.max(took * 4);
        }
    }

    /// Asks for a look at the roots whose turn it is.
    pub(crate) fn poll(&mut self, now: Instant) {
        for (id, source) in &mut self.of {
            if source.poll.is_some_and(|next| next <= now) {
                source.poll = Some(now + self.poll_every);
                self.inbox.rescan(*id);
            }
        }
    }

    fn begin_polling(&self, root: &Root, reason: String, progress: OnProgress<'_>) -> Instant {
        let path = root.path.display().to_string();
        progress(Progress::Polling { path, reason, seconds: self.poll_every.as_secs() });
        Instant::now() + self.poll_every
    }

    /// Watches a root's folder and all below it; for a file, the folder that it stands in, since editors
    /// replace files. Each root has a watcher of its own, so that one within another keeps its watches.
    fn watch(&self, root: &Root) -> Result<RecommendedWatcher, String> {
        if let Some(name) = gives_no_events(folder_of(root)) {
            return Err(format!("{name} sends no events"));
        }
        let handler = self.handler(root);
        let config = Config::default().with_follow_symlinks(false);
        let mut watcher = RecommendedWatcher::new(handler, config).map_err(|cause| reason(&cause))?;
        begin(&mut watcher, root).map_err(|cause| reason(&cause))?;
        Ok(watcher)
    }

    fn handler(&self, root: &Root) -> impl Fn(notify::Result<Event>) + Send + 'static {
        let (inbox, own, hidden) = (Arc::clone(&self.inbox), self.own.clone(), self.hidden);
        let (id, path, is_file) = (root.id, root.path.clone(), root.is_file);
        let watched = folder_of(root).to_owned();
        move |event| {
            let event = match event {
                Ok(event) if event.need_rescan() => return inbox.lost(id),
                Ok(event) => event,
                Err(cause) if matches!(cause.kind, notify::ErrorKind::MaxFilesWatch) => {
                    return inbox.broken(id, reason(&cause));
                }
                Err(_) => return inbox.lost(id),
            };
            if !tells_of_a_change(event.kind) {
                return;
            }
            for changed in &event.paths {
                // The watch goes with the folder, and one that is made in its place may look just the same.
                if *changed == watched
                    && matches!(event.kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)))
                {
                    return inbox.lost(id);
                }
                let Ok(relative) = changed.strip_prefix(&path) else { continue };
                let other = is_file && !relative.as_os_str().is_empty();
                if other || own.iter().any(|own| changed.starts_with(own)) || below_left_out(relative, hidden)
                {
                    continue;
                }
                // What a folder's ignore file says concerns all of it.
                let concerned = match relative.file_name() {
                    Some(name) if says_what_is_left_out(name) => relative.parent().unwrap_or(relative),
                    _ => relative,
                };
                inbox.note(id, concerned);
            }
        }
    }
}

/// The folder of a root; of a file, the one that it stands in.
fn folder_of(root: &Root) -> &Path {
    if root.is_file { root.path.parent().unwrap_or(&root.path) } else { &root.path }
}

fn begin(watcher: &mut impl Watcher, root: &Root) -> notify::Result<()> {
    if root.is_file {
        watcher.watch(folder_of(root), RecursiveMode::NonRecursive)
    } else {
        watch_below(watcher, folder_of(root))
    }
}

/// Watches a folder and all below it that can be watched. The system's watcher stops at the first folder that it
/// cannot watch (no permission, deleted meanwhile), so what is below is then tried folder by folder.
///
/// # Errors
/// The system watches no more folders.
fn watch_below(watcher: &mut impl Watcher, folder: &Path) -> notify::Result<()> {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        match watcher.watch(&folder, RecursiveMode::Recursive) {
            Ok(()) => {}
            Err(cause) if is_limit(&cause) => return Err(cause),
            Err(cause) => {
                tracing::trace!("{}: {cause}", folder.display());
                let Ok(entries) = fs::read_dir(&folder) else { continue };
                folders.extend(entries.flatten().map(|entry| entry.path()).filter(|path| is_folder(path)));
            }
        }
    }
    Ok(())
}

/// Whether it is a folder, and no link to one.
fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

/// Reading is no change, and docent's own reading makes such events too.
fn tells_of_a_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        _ => true,
    }
}

/// Whether the system's limit on watches, or on watchers (24 is EMFILE), is reached.
fn is_limit(cause: &notify::Error) -> bool {
    match &cause.kind {
        notify::ErrorKind::MaxFilesWatch => true,
        notify::ErrorKind::Io(io) => io.raw_os_error() == Some(24),
        _ => false,
    }
}

fn reason(cause: &notify::Error) -> String {
    if is_limit(cause) { WATCH_LIMIT.into() } else { cause.to_string() }
}

fn identity(root: &Root) -> Identity {
    match standing(root) {
        Standing::Away(why) => Err(why),
        Standing::Here { device } => {
            let metadata = fs::metadata(folder_of(root)).map_err(|cause| cause.to_string())?;
            Ok((device, stamp_of(&metadata).inode))
        }
    }
}

/// The name of a file system whose changes are made elsewhere, so that this machine gets no events of them.
#[cfg(target_os = "linux")]
fn gives_no_events(folder: &std::path::Path) -> Option<&'static str> {
    // linux/magic.h, and statfs(2).
    const SILENT: &[(u32, &str)] = &[
        (0x6969, "NFS"),
        (0x517B, "SMB"),
        (0xFF53_4D42, "CIFS"),
        (0xFE53_4D42, "SMB"),
        (0x6573_5546, "FUSE"),
        (0x0102_1997, "9P"),
        (0x00C3_6400, "Ceph"),
        (0x5346_414F, "AFS"),
        (0x7375_7245, "Coda"),
        (0x786F_4256, "a shared folder of VirtualBox"),
    ];
    let kind = rustix::fs::statfs(folder).ok()?.f_type as u32;
    SILENT.iter().find(|(magic, _)| *magic == kind).map(|(_, name)| *name)
}

#[cfg(not(target_os = "linux"))]
fn gives_no_events(_: &std::path::Path) -> Option<&'static str> {
    None
}

#[cfg(test)]
mod tests {
    use notify::{EventHandler, WatcherKind};

    use super::*;

    /// As the one for inotify: it stops at the first folder that it cannot watch.
    #[derive(Debug, Default)]
    struct Fake {
        watched: HashSet<PathBuf>,
        limit: Option<usize>,
    }

    impl Watcher for Fake {
        fn new<F: EventHandler>(_: F, _: Config) -> notify::Result<Self> {
            Ok(Self::default())
        }

        fn watch(&mut self, path: &Path, _: RecursiveMode) -> notify::Result<()> {
            if path.ends_with("closed") {
                return Err(notify::Error::io(std::io::ErrorKind::PermissionDenied.into()));
            }
            if self.limit.is_some_and(|limit| self.watched.len() >= limit) {
                return Err(notify::Error::new(notify::ErrorKind::MaxFilesWatch));
            }
            self.watched.insert(path.to_owned());
            let mut below: Vec<PathBuf> =
                fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
            below.sort();
            below
                .iter()
                .filter(|path| is_folder(path))
                .try_for_each(|path| self.watch(path, RecursiveMode::Recursive))
        }

        fn unwatch(&mut self, _: &Path) -> notify::Result<()> {
            Ok(())
        }

        fn kind() -> WatcherKind {
            WatcherKind::NullWatcher
        }
    }

    fn root_at(path: &Path) -> Root {
        Root {
            id: RootId(1),
            collection: "work".into(),
            path: path.to_owned(),
            is_file: false,
            include: Vec::new(),
            exclude: Vec::new(),
            device: None,
            unavailable: None,
        }
    }

    #[test]
    fn a_root_that_lost_events_is_watched_anew() {
        let dir = tempfile::tempdir().unwrap();
        let root = root_at(dir.path());
        let inbox = Arc::new(Inbox::default());
        let mut sources = Sources::new(Arc::clone(&inbox), &[], false, 60);
        let whole = || inbox.wait(Duration::ZERO, Duration::from_secs(10)).paths;
        let roots = std::slice::from_ref(&root);
        sources.follow(roots, &|_| {});
        assert_eq!(whole(), [(root.id, PathBuf::new())], "at the start");
        // The watcher has missed this folder, as it were.
        if let Some(watcher) = sources.of.get_mut(&root.id).and_then(|source| source.watcher.as_mut()) {
            watcher.unwatch(dir.path()).unwrap();
        }
        fs::create_dir(dir.path().join("missed")).unwrap();
        sources.forget(&HashSet::from([root.id]));
        sources.follow(roots, &|_| {});
        assert_eq!(whole(), [(root.id, PathBuf::new())], "as a whole, once more");
        fs::write(dir.path().join("missed/a.md"), "One.").unwrap();
        assert_eq!(whole(), [(root.id, "missed/a.md".into())]);
    }

    #[test]
    fn watches_that_are_gone_are_set_again() {
        let dir = tempfile::tempdir().unwrap();
        let root = root_at(dir.path());
        let roots = std::slice::from_ref(&root);
        let inbox = Arc::new(Inbox::default());
        let mut sources = Sources::new(Arc::clone(&inbox), &[], false, 60);
        sources.follow(roots, &|_| {});
        inbox.wait(Duration::ZERO, Duration::ZERO);
        // As a disk that was taken out and put in again does.
        if let Some(watcher) = sources.of.get_mut(&root.id).and_then(|source| source.watcher.as_mut()) {
            watcher.unwatch(dir.path()).unwrap();
        }
        sources.watch_again(roots, &|_| {});
        fs::write(dir.path().join("a.md"), "One.").unwrap();
        let work = inbox.wait(Duration::ZERO, Duration::from_secs(10));
        assert_eq!(work.paths, [(root.id, "a.md".into())]);
    }

    #[test]
    fn a_root_that_is_removed_or_renamed_loses_its_events() {
        use notify::event::{RemoveKind, RenameMode};
        let mut root = root_at(Path::new("/r/docs"));
        for is_file in [false, true] {
            root.is_file = is_file;
            let watched = folder_of(&root).to_owned();
            for kind in [
                EventKind::Remove(RemoveKind::Folder),
                EventKind::Remove(RemoveKind::Other),
                EventKind::Modify(ModifyKind::Name(RenameMode::From)),
            ] {
                let inbox = Arc::new(Inbox::default());
                let sources = Sources::new(Arc::clone(&inbox), &[], false, 60);
                sources.handler(&root)(Ok(Event::new(kind).add_path(watched.clone())));
                assert_eq!(inbox.wait(Duration::ZERO, Duration::ZERO).lost, [root.id].into(), "{kind:?}");
            }
        }
    }

    #[test]
    fn a_root_whose_looks_take_long_is_looked_at_more_rarely() {
        let dir = tempfile::tempdir().unwrap();
        let root = root_at(dir.path());
        let roots = std::slice::from_ref(&root);
        let inbox = Arc::new(Inbox::default());
        let mut sources = Sources::new(Arc::clone(&inbox), &[], false, 10);
        sources.follow(roots, &|_| {});
        sources.poll_instead(&root, "a test".into(), &|_| {});
        let mut next_after = |took| {
            sources.looked_at(root.id, Duration::from_secs(took));
            let left = sources.of[&root.id].poll.unwrap() - Instant::now();
            left.as_secs_f64().round() as u64
        };
        assert_eq!((next_after(1), next_after(10)), (10, 40));
    }

    #[test]
    fn one_folder_that_cannot_be_watched_costs_no_other() {
        let dir = tempfile::tempdir().unwrap();
        for path in ["a/closed/inside", "b/c", "z/closed", "z/last"] {
            fs::create_dir_all(dir.path().join(path)).unwrap();
        }
        let mut watcher = Fake::default();
        watch_below(&mut watcher, dir.path()).unwrap();
        for path in ["", "a", "b", "b/c", "z", "z/last"] {
            assert!(watcher.watched.contains(&dir.path().join(path)), "{path}");
        }
        let mut limited = Fake { limit: Some(3), ..Fake::default() };
        assert!(is_limit(&watch_below(&mut limited, dir.path()).unwrap_err()));
    }
}
