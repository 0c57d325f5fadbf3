//! Brings an index up to date once.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use docent_core::{Embedder, IndexConfig, IndexStore, Parser, Recogniser, Result, Root, RootId};

use crate::{
    gate::Gate,
    plan::plan,
    progress::{Cancel, OnProgress, RunReport},
    scans::{Recognised, Scanned, Scans},
    vectors::run_vectors,
    words::run_words,
};

/// What scans say gets its vectors this often: a model that is loaded anew for each would take longer than OCR.
const EMBED_EVERY: Duration = Duration::from_secs(30);

/// Which roots, or which parts of them, a run looks at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Every root.
    #[default]
    All,
    /// Every root of this collection.
    Collection(String),
    /// These roots.
    Roots(Vec<RootId>),
    /// What is at or below these paths, each relative to its root.
    Below(Vec<(RootId, PathBuf)>),
}

impl Scope {
    /// The parts of `root` in this scope, none within another; `None` when there are none.
    pub(crate) fn paths_in(&self, root: &Root) -> Option<Vec<PathBuf>> {
        let whole = || Some(vec![PathBuf::new()]);
        match self {
            Self::All => whole(),
            Self::Collection(name) => (root.collection == *name).then(whole)?,
            Self::Roots(ids) => ids.contains(&root.id).then(whole)?,
            Self::Below(paths) => {
                let mut mine: Vec<&Path> =
                    paths.iter().filter(|(id, _)| *id == root.id).map(|(_, path)| path.as_path()).collect();
                mine.sort_unstable();
                let mut parts: Vec<PathBuf> = Vec::new();
                for path in mine {
                    if !parts.last().is_some_and(|last| path.starts_with(last)) {
                        parts.push(path.to_owned());
                    }
                }
                (!parts.is_empty()).then_some(parts)
            }
        }
    }
}

/// Keeps an index in step with folders.
#[derive(Clone)]
pub struct Indexer {
    store: Arc<dyn IndexStore>,
    parser: Arc<dyn Parser>,
    embedder: Arc<dyn Embedder>,
    config: IndexConfig,
    recogniser: Option<Arc<dyn Recogniser>>,
    own: Vec<PathBuf>,
    gate: Arc<Gate>,
    recognised: Arc<Recognised>,
}

/// What every part of a run needs.
pub(crate) struct Run<'a> {
    pub(crate) store: &'a dyn IndexStore,
    pub(crate) parser: &'a dyn Parser,
    pub(crate) embedder: &'a dyn Embedder,
    pub(crate) config: &'a IndexConfig,
    pub(crate) recogniser: Option<&'a dyn Recogniser>,
    pub(crate) recognised: &'a Recognised,
    pub(crate) own: &'a [PathBuf],
    pub(crate) gate: &'a Gate,
    pub(crate) progress: OnProgress<'a>,
    pub(crate) cancel: &'a Cancel,
}

impl Indexer {
    /// An indexer that writes to `store`.
    pub fn new(
        store: Arc<dyn IndexStore>,
        parser: Arc<dyn Parser>,
        embedder: Arc<dyn Embedder>,
        config: IndexConfig,
    ) -> Self {
        Self {
            store,
            parser,
            embedder,
            config,
            recogniser: None,
            own: Vec::new(),
            gate: Arc::default(),
            recognised: Arc::default(),
        }
    }

    /// Reads scans, too, when everything else is indexed. Without one, they are left out.
    #[must_use]
    pub fn with_recogniser(mut self, recogniser: Option<Arc<dyn Recogniser>>) -> Self {
        self.recogniser = recogniser;
        self
    }

    /// Never looks into these folders (absolute): the home and the models, which may lie below a root.
    #[must_use]
    pub fn with_own_folders(mut self, folders: impl IntoIterator<Item = PathBuf>) -> Self {
        let real = |folder: PathBuf| folder.canonicalize().unwrap_or(folder);
        self.own.extend(folders.into_iter().map(real));
        self
    }

    /// Brings `scope` up to date: first the words of all files, then vectors for all passages that lack one, at last the
    /// scans.
    ///
    /// Stopped by `cancel`, it publishes what is finished and returns what it did with `interrupted` set; the
    /// next run goes on from there.
    ///
    /// # Errors
    /// The store, or the embedder as a whole, failed. A file that cannot be read is no error: it is counted in
    /// the report.
    pub fn run_once(&self, scope: &Scope, progress: OnProgress<'_>, cancel: &Cancel) -> Result<RunReport> {
        let began = Instant::now();
        let run = self.run(progress, cancel);
        let mut report = self.words(&run, scope, true)?;
        if !report.interrupted {
            report.absorb(run_vectors(&run)?);
        }
        if !report.interrupted {
            self.scans(&run, &mut report)?;
        }
        report.seconds = began.elapsed().as_secs_f64();
        Ok(report)
    }

    /// Reads all scans, and publishes each as soon as it is read.
    fn scans(&self, run: &Run<'_>, report: &mut RunReport) -> Result<()> {
        let mut scans = Scans::new();
        let (mut embedded, mut any) = (Instant::now(), false);
        while let Scanned::Ready(root, relative) = scans.next(run, report, &|| false)? {
            any = true;
            report.absorb(self.words(run, &Scope::Below(vec![(root, relative)]), false)?);
            if embedded.elapsed() >= EMBED_EVERY {
                report.absorb(run_vectors(run)?);
                embedded = Instant::now();
            }
        }
        report.interrupted |= run.cancel.is_cancelled();
        if !report.interrupted && any {
            report.absorb(run_vectors(run)?);
        }
        Ok(())
    }

    pub(crate) fn run<'a>(&'a self, progress: OnProgress<'a>, cancel: &'a Cancel) -> Run<'a> {
        Run {
            store: self.store.as_ref(),
            parser: self.parser.as_ref(),
            embedder: self.embedder.as_ref(),
            config: &self.config,
            recogniser: self.recogniser.as_deref(),
            recognised: &self.recognised,
            own: &self.own,
            gate: &self.gate,
            progress,
            cancel,
        }
    }

    /// The first half of a run: scan, plan, and publish the words. `again` tries files again that could not be read
    /// and look as they did then.
    pub(crate) fn words(&self, run: &Run<'_>, scope: &Scope, again: bool) -> Result<RunReport> {
        let mut plan = plan(run, scope, again)?;
        if plan.is_empty() {
            return Ok(plan.report);
        }
        // Looking holds no one up.
        let _first = self.gate.enter();
        run_words(run, &mut plan)
    }

    pub(crate) fn own_folders(&self) -> &[PathBuf] {
        &self.own
    }

    pub(crate) fn roots(&self) -> Result<Vec<Root>> {
        self.store.roots()
    }

    pub(crate) fn config(&self) -> &IndexConfig {
        &self.config
    }

    pub(crate) fn embedder(&self) -> &Arc<dyn Embedder> {
        &self.embedder
    }
}
