//! Keeping the index in step: adding, indexing, watching, removing, checking.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use docent_core::{
    CheckReport, DryRunReport, Embedder, Error, ErrorKind, IndexReport, IoContext as _, Result, Root, RootId,
};
use docent_indexer::{
    Cancel, IndexEvent, Indexer, Progress, RunReport, Scope, WatchHandle, Watcher, check_globs, estimate,
};
use docent_store::StoreWriter;

use crate::{
    Engine,
    engine::{Inner, OnEvent, lock},
    handover,
    request::{AddRequest, Event, RemoveReport},
};

/// The collection of what is added without naming one.
const DEFAULT_COLLECTION: &str = "default";

impl Engine {
    /// Watches `paths` from now on, in the collection `default`, and indexes them.
    ///
    /// # Errors
    /// A path does not exist, another process writes the index, or the embedder is missing.
    pub async fn add(&self, paths: &[PathBuf]) -> Result<IndexReport> {
        let request = AddRequest { paths: paths.to_vec(), ..AddRequest::default() };
        self.blocking(move |inner| inner.add(&request, &silent(), &Cancel::new())).await
    }

    /// Brings the index up to date once.
    ///
    /// # Errors
    /// Another process writes the index, or the embedder is missing.
    pub async fn index(&self, on_event: OnEvent, cancel: Cancel) -> Result<IndexReport> {
        self.blocking(move |inner| inner.index(None, &on_event, &cancel)).await
    }

    /// Keeps the index in step until cancelled, and takes the requests of other commands meanwhile.
    ///
    /// # Errors
    /// Another process writes the index, the socket cannot be made, or a thread broke down.
    pub async fn watch(&self, on_event: OnEvent, cancel: Cancel) -> Result<()> {
        let inner = self.inner.clone();
        let writer = self.blocking(Inner::writer).await?;
        let watcher = {
            let let_go = inner.clone();
            Watcher::new(inner.indexer(&writer), inner.config.watch.clone()).on_idle(move || let_go.let_go())
        };
        *lock(&inner.watching) = Some(watcher.handle());
        let embedder = inner.embedder.clone();
        // The first saved file must not wait for a model. One that is missing is told when it is needed.
        let warming = tokio::task::spawn_blocking(move || embedder.embed_query("docent").map(drop));
        let serving = tokio::spawn(handover::serve(self.clone(), inner.home.clone()));
        let stop = cancel.clone();
        let mut run = tokio::task::spawn_blocking(move || {
            let progress = |event: Progress| on_event(Event::Index(event));
            watcher.run(&progress, &stop)
        });
        let ended = |joined: std::result::Result<Result<()>, tokio::task::JoinError>| {
            joined.map_err(|cause| Error::new(ErrorKind::Internal, "a thread broke down").caused_by(cause))?
        };
        tokio::pin!(serving);
        let result = tokio::select! {
            result = &mut run => ended(result),
            // The socket broke: what watches is stopped in order, and the cause is told.
            served = &mut serving => {
                cancel.cancel();
                ended(run.await).and(ended(served))
            }
        };
        serving.abort();
        if let Ok(Err(error)) = warming.await {
            tracing::debug!("{error:?}");
        }
        *lock(&inner.watching) = None;
        drop(writer);
        result
    }
}

impl Inner {
    pub(crate) fn indexer(&self, writer: &Arc<StoreWriter>) -> Indexer {
        Indexer::new(writer.clone(), self.parser().clone(), self.embedder.clone(), self.config.index.clone())
            .with_recogniser(self.recogniser().map(|recogniser| recogniser.clone() as _))
            .with_own_folders(self.own_folders())
    }

    pub(crate) fn own_folders(&self) -> Vec<PathBuf> {
        vec![self.home.path().to_owned(), self.models.folder().to_owned()]
    }

    pub(crate) fn add(
        &self,
        request: &AddRequest,
        on_event: &OnEvent,
        cancel: &Cancel,
    ) -> Result<IndexReport> {
        let found = self.roots_of(request)?;
        // Before anything is written: without its model nothing could be indexed.
        self.embedder.token_ends("a")?;
        let writer = self.writer()?;
        let existing = writer.store().roots()?;
        for (at, root) in found.iter().enumerate() {
            refuse_overlap(root, &existing)?;
            refuse_overlap(root, &found[..at])?;
        }
        let mut ids = Vec::new();
        for root in &found {
            let old = existing.iter().find(|old| old.path == root.path);
            let Root { collection, path, is_file, include, exclude, device, .. } =
                &settled(root, old, request);
            ids.push(writer.put_root(collection, path, *is_file, include, exclude, *device)?.id);
        }
        // The watcher follows new roots before it does what it is asked for: what it does counts for this request.
        let handle = lock(&self.watching).clone();
        self.run(&writer, handle.as_ref(), Scope::Roots(ids), on_event, cancel)
    }

    pub(crate) fn dry_run(&self, request: &AddRequest, cancel: &Cancel) -> Result<DryRunReport> {
        let mut sum = DryRunReport::default();
        for root in self.roots_of(request)? {
            let cost = estimate(
                &root,
                self.parser().as_ref(),
                self.embedder.as_ref(),
                &self.config.index,
                &self.own_folders(),
                cancel,
            )?;
            sum.files += cost.files;
            sum.bytes += cost.bytes;
            sum.skipped += cost.skipped;
            sum.scanned_pages += cost.scanned_pages;
            sum.passages += cost.passages;
            sum.seconds += cost.seconds;
            sum.index_bytes += cost.index_bytes;
        }
        Ok(sum)
    }

    pub(crate) fn index(
        &self,
        collection: Option<String>,
        on_event: &OnEvent,
        cancel: &Cancel,
    ) -> Result<IndexReport> {
        // Nothing is made where nothing was added.
        self.existing_store()?;
        let writer = self.writer()?;
        let scope = match collection {
            None => Scope::All,
            Some(name) => {
                if !writer.store().roots()?.iter().any(|root| root.collection == name) {
                    return Err(Error::new(
                        ErrorKind::NotFound,
                        format!("there is no collection called {name}"),
                    )
                    .hint("`docent collections` lists them"));
                }
                Scope::Collection(name)
            }
        };
        let handle = lock(&self.watching).clone();
        self.run(&writer, handle.as_ref(), scope, on_event, cancel)
    }

    /// Runs the indexer: through the watcher where one is running, so that there is one of them at a time.
    fn run(
        &self,
        writer: &Arc<StoreWriter>,
        handle: Option<&WatchHandle>,
        scope: Scope,
        on_event: &OnEvent,
        cancel: &Cancel,
    ) -> Result<IndexReport> {
        let progress = |event: Progress| on_event(Event::Index(event));
        let report = match handle {
            None => self.indexer(writer).run_once(&scope, &progress, cancel)?,
            Some(handle) => through_watcher(handle, scope, &progress, cancel)?,
        };
        if report.interrupted {
            return Err(Error::new(ErrorKind::Interrupted, "stopped before it was done")
                .hint("what was finished is searchable; `docent index` goes on from there"));
        }
        Ok(report.into_report(writer.store().generation()?, writer.store().counts()?))
    }

    pub(crate) fn remove(&self, path: &Path) -> Result<RemoveReport> {
        let absolute = std::path::absolute(path).map_err(|cause| Error::io("find", path, cause))?;
        let resolved = absolute.canonicalize().unwrap_or_else(|_| absolute.clone());
        let writer = self.writer()?;
        let roots = writer.store().roots()?;
        let Some(root) = roots.iter().find(|root| root.path == resolved || root.path == absolute) else {
            let within = roots.iter().find(|root| resolved.starts_with(&root.path));
            let hint = match within {
                Some(root) => format!(
                    "it lies below {}: leave it out with a .docentignore file there, or `docent add {} --exclude GLOB`",
                    root.path.display(),
                    root.path.display()
                ),
                None => "`docent status` lists what is watched".to_owned(),
            };
            let message = format!("{} is not a watched folder or file", absolute.display());
            return Err(Error::new(ErrorKind::NotFound, message).at(absolute).hint(hint));
        };
        let removed = writer.remove_root(root.id)?;
        writer.maintain_now(true)?;
        if let Some(handle) = &*lock(&self.watching) {
            handle.roots_changed();
        }
        let generation = writer.store().generation()?;
        Ok(RemoveReport { path: root.path.display().to_string(), removed, generation })
    }

    pub(crate) fn check(&self, repair: bool, on_event: &OnEvent, cancel: &Cancel) -> Result<CheckReport> {
        if !docent_store::exists(&self.home) {
            return Ok(CheckReport { clean: true, ..CheckReport::default() });
        }
        if !repair {
            return self.writer()?.check(false);
        }
        let (writer, mut report) = self.repaired_writer()?;
        // What is deleted leaves the disk now, not when it is due.
        writer.maintain_now(true)?;
        if writer.has_backlog()? {
            let handle = lock(&self.watching).clone();
            self.run(&writer, handle.as_ref(), Scope::All, on_event, cancel)?;
            report.generation = writer.store().generation()?;
        }
        Ok(report)
    }

    /// The roots that a request names, as they would be entered.
    fn roots_of(&self, request: &AddRequest) -> Result<Vec<Root>> {
        if request.paths.is_empty() {
            return Err(Error::new(ErrorKind::Usage, "no path was named").hint("docent add PATH..."));
        }
        check_globs(&request.include)?;
        check_globs(&request.exclude)?;
        let collection = request.collection.clone().unwrap_or_else(|| DEFAULT_COLLECTION.to_owned());
        if collection.trim().is_empty() || collection.contains(['\n', '/']) {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("{collection:?} cannot be the name of a collection"),
            ));
        }
        let home = self.home.path().canonicalize().unwrap_or_else(|_| self.home.path().to_owned());
        let mut roots = Vec::new();
        for path in &request.paths {
            let resolved = path.canonicalize().doing("add", path)?;
            if roots.iter().any(|root: &Root| root.path == resolved) {
                continue;
            }
            let metadata = std::fs::metadata(&resolved).doing("add", &resolved)?;
            if metadata.is_dir() {
                std::fs::read_dir(&resolved).doing("list", &resolved)?;
            } else if !metadata.is_file() {
                let message = format!("{} is neither a folder nor a file", resolved.display());
                return Err(Error::new(ErrorKind::Usage, message).at(resolved));
            }
            if resolved.starts_with(&home) {
                let message = format!("{} lies in docent's own home", resolved.display());
                return Err(Error::new(ErrorKind::Usage, message)
                    .at(resolved)
                    .hint("choose another home with --home DIR"));
            }
            roots.push(Root {
                id: RootId(0),
                collection: collection.clone(),
                is_file: metadata.is_file(),
                include: request.include.clone(),
                exclude: request.exclude.clone(),
                device: device_of(&metadata),
                unavailable: None,
                path: resolved,
            });
        }
        Ok(roots)
    }
}

/// A root that is added again keeps the settings that the request does not name.
fn settled(new: &Root, old: Option<&Root>, request: &AddRequest) -> Root {
    let mut root = new.clone();
    if let Some(old) = old {
        // Of a disk that is not mounted only the empty mount point is there: to be on another device than before is
        // what tells that from an emptied folder.
        root.device = old.device.or(new.device);
        if request.collection.is_none() {
            root.collection.clone_from(&old.collection);
        }
        if request.include.is_empty() {
            root.include.clone_from(&old.include);
        }
        if request.exclude.is_empty() {
            root.exclude.clone_from(&old.exclude);
        }
    }
    root
}

/// A file under two roots would be two documents.
fn refuse_overlap(new: &Root, existing: &[Root]) -> Result<()> {
    for old in existing.iter().filter(|old| old.path != new.path) {
        if new.path.starts_with(&old.path) || old.path.starts_with(&new.path) {
            let (new, old) = (&new.path, &old.path);
            let message = format!("{} overlaps with {}", new.display(), old.display());
            return Err(Error::new(ErrorKind::Usage, message).at(new).hint(format!(
                "add one of them: the outer one covers both; what is watched already goes with `docent remove {}`",
                old.display()
            )));
        }
    }
    Ok(())
}

fn through_watcher(
    handle: &WatchHandle,
    scope: Scope,
    progress: &dyn Fn(Progress),
    cancel: &Cancel,
) -> Result<RunReport> {
    let events = handle.index(scope);
    loop {
        match events.recv_timeout(std::time::Duration::from_millis(200)) {
            Ok(IndexEvent::Progress(event)) => progress(event),
            Ok(IndexEvent::Done(report)) => return report,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) if cancel.is_cancelled() => {
                return Err(Error::new(ErrorKind::Interrupted, "stopped waiting")
                    .hint("the watching docent goes on with it"));
            }
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {}
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => {
                return Err(Error::new(ErrorKind::Unavailable, "the watching docent was stopped")
                    .hint("what was finished is searchable; `docent index` goes on from there"));
            }
        }
    }
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other platforms have none")]
fn device_of(metadata: &std::fs::Metadata) -> Option<u64> {
    Some(std::os::unix::fs::MetadataExt::dev(metadata))
}

#[cfg(not(unix))]
fn device_of(_metadata: &std::fs::Metadata) -> Option<u64> {
    None
}

fn silent() -> OnEvent {
    Arc::new(|_| {})
}
