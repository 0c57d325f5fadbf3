//! The engine: every part wired to every other.

use std::{
    fs,
    io::Read as _,
    ops::ControlFlow,
    path::Path,
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
};

use docent_core::{
    AskReport, CheckReport, CollectionReport, Config, Embedder, Error, ErrorKind, Generator, Home,
    ParseError, ParseErrorKind, ParsedDocument, Parser, Recogniser, Result, SearchReport, StatusReport,
    models_folder,
};
use docent_indexer::{Cancel, WatchHandle};
use docent_models::ModelStore;
use docent_parse::{
    ParseOptions, Parsers,
    workers::{WorkerLimits, WorkerPool},
};
use docent_query::AskEvent;
use docent_store::{EmbedderIdentity, SharedStore, Store, StoreWriter};
use tokio::sync::mpsc;

use crate::{
    recognising::{self, ConfiguredRecogniser},
    request::{AskRequest, Event, Request, Response, SearchRequest},
    roles::{ConfiguredEmbedder, ConfiguredGenerator},
    workers,
};

/// A function that is told what happens, from any thread.
pub type OnEvent = Arc<dyn Fn(Event) + Send + Sync>;

/// An index with its models. Clones share everything; nothing is opened or loaded before it is needed.
#[derive(Clone)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) home: Home,
    pub(crate) config: Config,
    pub(crate) models: Arc<ModelStore>,
    pub(crate) embedder: Arc<ConfiguredEmbedder>,
    pub(crate) generator: Arc<ConfiguredGenerator>,
    parser: OnceLock<Arc<dyn Parser>>,
    workers: OnceLock<Arc<WorkerPool>>,
    recogniser: OnceLock<Option<Arc<ConfiguredRecogniser>>>,
    reading: Mutex<Option<Arc<Store>>>,
    writing: Mutex<Weak<StoreWriter>>,
    pub(crate) watching: Mutex<Option<WatchHandle>>,
}

impl Engine {
    /// An engine over `home`, with the settings of `config`.
    ///
    /// # Errors
    /// The configuration names a model that does not exist, or no folder for models can be found.
    pub fn open(home: Home, config: Config) -> Result<Self> {
        let models = Arc::new(ModelStore::open(models_folder(config.models.folder.as_deref())?)?);
        let embedder = Arc::new(ConfiguredEmbedder::new(&config, &home, &models)?);
        let generator = Arc::new(ConfiguredGenerator::new(&config, &home, &models)?);
        recognising::check(&config, &models)?;
        let inner = Inner {
            home,
            config,
            models,
            embedder,
            generator,
            parser: OnceLock::new(),
            workers: OnceLock::new(),
            recogniser: OnceLock::new(),
            reading: Mutex::default(),
            writing: Mutex::default(),
            watching: Mutex::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// An engine over `home`, with the settings of its configuration file.
    ///
    /// # Errors
    /// As [`Self::open`], or the file has a mistake.
    pub fn at(home: Home) -> Result<Self> {
        let config = Config::load(&home.config_file())?;
        Self::open(home, config)
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// The models on this machine.
    pub fn models(&self) -> &ModelStore {
        &self.inner.models
    }

    /// Answers any request. Cancelled, long work stops soon, with what is finished published.
    ///
    /// # Errors
    /// What the request runs into; `Interrupted` when it was cancelled before it had a result.
    pub async fn handle(&self, request: Request, on_event: OnEvent, cancel: Cancel) -> Result<Response> {
        self.blocking(move |inner| match request {
            Request::Add(request) => inner.add(&request, &on_event, &cancel).map(Response::Index),
            Request::DryRun(request) => inner.dry_run(&request, &cancel).map(Response::DryRun),
            Request::Index { collection } => inner.index(collection, &on_event, &cancel).map(Response::Index),
            Request::Search(request) => inner.search(&request).map(Response::Search),
            Request::Ask(request) => {
                let mut on_ask = |event| {
                    on_event(Event::Ask(event));
                    ControlFlow::Continue(())
                };
                inner.ask(&request, &|| cancel.is_cancelled(), &mut on_ask).map(Response::Ask)
            }
            Request::Status => inner.status().map(Response::Status),
            Request::FileStatus { path } => inner.file_status(&path).map(Response::FileStatus),
            Request::Check { repair } => inner.check(repair, &on_event, &cancel).map(Response::Check),
            Request::Remove { path } => inner.remove(&path).map(Response::Removed),
            Request::Collections => inner.collections().map(Response::Collections),
        })
        .await
    }

    /// Finds passages.
    ///
    /// # Errors
    /// There is no index yet, the query is empty, a filter is malformed, or a model is missing.
    pub async fn search(&self, request: SearchRequest) -> Result<SearchReport> {
        self.blocking(move |inner| inner.search(&request)).await
    }

    /// Answers a question, as a stream: what was found, the answer piece by piece, and at last the report.
    /// Dropping the stream stops the model.
    pub fn ask(&self, request: AskRequest) -> Answering {
        let (events, receiver) = mpsc::channel(64);
        let inner = self.inner.clone();
        let work = tokio::task::spawn_blocking(move || {
            inner.ask(&request, &|| events.is_closed(), &mut |event| {
                if events.blocking_send(event).is_ok() {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            })
        });
        Answering { events: receiver, work }
    }

    /// The ledger in numbers, and the state of the stores.
    ///
    /// # Errors
    /// The index cannot be read.
    pub async fn status(&self) -> Result<StatusReport> {
        self.blocking(Inner::status).await
    }

    /// Compares catalog, stores and disk; with `repair`, puts right what differs.
    ///
    /// # Errors
    /// The index cannot be read, or another process writes it.
    pub async fn check(&self, repair: bool) -> Result<CheckReport> {
        self.blocking(move |inner| inner.check(repair, &(Arc::new(|_| {}) as OnEvent), &Cancel::new())).await
    }

    /// What the parser makes of one file.
    ///
    /// # Errors
    /// The outer one: the file cannot be opened. The inner one: it holds no text that can be read.
    pub fn extract(&self, path: &Path) -> Result<std::result::Result<ParsedDocument, ParseError>> {
        let (limit, rule) = self.inner.config.index.size_limit();
        let metadata = fs::metadata(path).map_err(|cause| Error::io("read", path, cause))?;
        if !metadata.is_file() {
            let what = if metadata.is_dir() { "a folder" } else { "neither a file nor a folder" };
            return Ok(Err(ParseError::new(
                ParseErrorKind::Unsupported,
                format!("it is {what}: name a file"),
            )));
        }
        let too_large = || Ok(Err(ParseError::new(ParseErrorKind::TooLarge, rule)));
        if metadata.len() > limit {
            return too_large();
        }
        let mut bytes = Vec::new();
        let read = fs::File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes));
        read.map_err(|cause| Error::io("read", path, cause))?;
        // It may grow while it is read.
        if bytes.len() as u64 > limit {
            return too_large();
        }
        Ok(self.inner.extract(path, &bytes))
    }

    /// Runs blocking work on a thread of its own.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Inner) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let inner = self.inner.clone();
        tokio::task::spawn_blocking(move || work(&inner))
            .await
            .map_err(|cause| Error::new(ErrorKind::Internal, "a thread broke down").caused_by(cause))?
    }
}

/// An answer under way.
pub struct Answering {
    events: mpsc::Receiver<AskEvent>,
    work: tokio::task::JoinHandle<Result<AskReport>>,
}

impl Answering {
    /// The next event; `None` when the answer is complete.
    pub async fn next(&mut self) -> Option<AskEvent> {
        self.events.recv().await
    }

    /// The whole answer, with its citations. Events that were not taken are dropped.
    ///
    /// # Errors
    /// There is no index yet, the question is empty, or a model is missing or failed.
    pub async fn report(mut self) -> Result<AskReport> {
        while self.events.recv().await.is_some() {}
        self.work
            .await
            .map_err(|cause| Error::new(ErrorKind::Internal, "a thread broke down").caused_by(cause))?
    }
}

impl Inner {
    pub(crate) fn identity(&self) -> EmbedderIdentity {
        EmbedderIdentity { id: self.embedder.id().to_owned(), dimensions: self.embedder.dimensions() }
    }

    pub(crate) fn parser(&self) -> &Arc<dyn Parser> {
        self.parser.get_or_init(|| match self.workers() {
            Some(pool) => pool.clone(),
            None => Arc::new(Parsers::new(self.parse_options())),
        })
    }

    /// The processes that files are read in; `None` in a program that did not ask for them.
    pub(crate) fn workers(&self) -> Option<&Arc<WorkerPool>> {
        let command = workers::command()?;
        Some(self.workers.get_or_init(|| {
            let limits = WorkerLimits {
                memory: self.config.index.parse_memory_mb << 20,
                seconds: self.config.index.parse_seconds,
            };
            Arc::new(WorkerPool::new(command.clone(), self.parse_options(), limits))
        }))
    }

    /// OCR; `None` where it is off, or not installed.
    pub(crate) fn recogniser(&self) -> Option<&Arc<ConfiguredRecogniser>> {
        let made = || {
            let recogniser = ConfiguredRecogniser::new(&self.config, &self.models, self.parse_options())?;
            Some(Arc::new(recogniser))
        };
        self.recogniser.get_or_init(made).as_ref()
    }

    /// What is in a file; scans are read, too, where OCR is on.
    fn extract(&self, path: &Path, bytes: &[u8]) -> std::result::Result<ParsedDocument, ParseError> {
        let document = self.parser().parse(path, bytes)?;
        if document.scanned == 0 {
            return Ok(document);
        }
        if let Some(recogniser) = self.recogniser() {
            return match recogniser.recognise(path, bytes, &[], &mut |_| ControlFlow::Continue(())) {
                Ok(read) => Ok(read.unwrap_or(document)),
                Err(error) if document.text.trim().is_empty() => Err(error),
                // What can be read without OCR.
                Err(_) => Ok(document),
            };
        }
        if document.text.trim().is_empty() {
            let reason =
                format!("no text in it but what OCR could read; {}", recognising::way_in(&self.config));
            return Err(ParseError::new(ParseErrorKind::Empty, reason));
        }
        Ok(document)
    }

    fn parse_options(&self) -> ParseOptions {
        ParseOptions {
            // Workers stand in another folder.
            pdfium: self.models.pdfium().map(|path| std::path::absolute(&path).unwrap_or(path)),
            max_file: self.config.index.max_file_mb << 20,
            archives: self.config.index.archives,
            ..ParseOptions::default()
        }
    }

    /// The read side: of the writer that this process holds, else opened for reading; `None` where there is no
    /// index.
    pub(crate) fn store(&self) -> Result<Option<Arc<Store>>> {
        if let Some(writer) = lock(&self.writing).upgrade() {
            return Ok(Some(writer.store().clone()));
        }
        let mut reading = lock(&self.reading);
        if reading.is_none() {
            *reading = Store::open(&self.home, &self.identity())?.map(Arc::new);
        }
        Ok(reading.clone())
    }

    pub(crate) fn existing_store(&self) -> Result<Arc<Store>> {
        self.store()?.ok_or_else(|| {
            Error::new(
                ErrorKind::NotFound,
                format!("there is no index in {} yet", self.home.path().display()),
            )
            .hint("`docent add PATH` indexes a folder; --home or DOCENT_HOME names another home")
        })
    }

    /// The write side, shared by everything that this process does at the same time.
    pub(crate) fn writer(&self) -> Result<Arc<StoreWriter>> {
        let mut writing = lock(&self.writing);
        if let Some(writer) = writing.upgrade() {
            return Ok(writer);
        }
        let writer = Arc::new(StoreWriter::open(&self.home, &self.identity())?);
        *writing = Arc::downgrade(&writer);
        Ok(writer)
    }

    /// The write side of an index that was checked and repaired, and what the check found. One that this process has
    /// open already is repaired as far as it can be without being closed.
    pub(crate) fn repaired_writer(&self) -> Result<(Arc<StoreWriter>, CheckReport)> {
        // Not held during the check, which takes minutes: searches ask for it, too.
        let open = lock(&self.writing).upgrade();
        if let Some(writer) = open {
            let report = writer.repair_open()?;
            return Ok((writer, report));
        }
        let mut writing = lock(&self.writing);
        if writing.upgrade().is_some() {
            drop(writing);
            return self.repaired_writer();
        }
        let (writer, report) = StoreWriter::repair(&self.home, &self.identity())?;
        let writer = Arc::new(writer);
        *writing = Arc::downgrade(&writer);
        *lock(&self.reading) = None;
        Ok((writer, report))
    }

    /// Says that models are in use, so that a watching process keeps them.
    fn touch(&self) {
        if let Some(handle) = &*lock(&self.watching) {
            handle.touch();
        }
    }

    /// Lets everything go that can be had again.
    pub(crate) fn let_go(&self) {
        self.embedder.unload();
        self.generator.unload();
        if let Ok(Some(store)) = self.store() {
            store.release();
        }
    }

    fn search(&self, request: &SearchRequest) -> Result<SearchReport> {
        self.touch();
        let store = self.existing_store()?;
        let mut query = docent_query::SearchRequest::new(&request.query, &self.config.search);
        query.k = request.hits.unwrap_or(self.config.search.hits);
        query.mode = request.mode;
        query.filter = request.filter.clone();
        let mut report =
            docent_query::search(&SharedStore(store.clone()), Some(self.embedder.as_ref()), &query)?;
        report.notes.extend(backlog_note(&store)?);
        Ok(report)
    }

    fn ask(
        &self,
        request: &AskRequest,
        stopped: &dyn Fn() -> bool,
        on_event: &mut dyn FnMut(AskEvent) -> ControlFlow<()>,
    ) -> Result<AskReport> {
        self.touch();
        let store = self.existing_store()?;
        let mut query = docent_query::AskRequest::new(&request.question);
        query.filter = request.filter.clone();
        query.candidates = self.config.search.candidates;
        query.config = self.config.ask.clone();
        let index = SharedStore(store.clone());
        let mut report = docent_query::ask(
            &index,
            Some(self.embedder.as_ref()),
            self.generator.as_ref(),
            &query,
            stopped,
            on_event,
        )?;
        report.notes.extend(backlog_note(&store)?);
        if !report.answered {
            report.notes.extend(failures_note(&store)?);
        }
        self.touch();
        Ok(report)
    }

    fn status(&self) -> Result<StatusReport> {
        self.store()?.map_or_else(|| Ok(StatusReport::default()), |store| store.status())
    }

    fn collections(&self) -> Result<Vec<CollectionReport>> {
        self.store()?.map_or_else(|| Ok(Vec::new()), |store| store.collections())
    }
}

/// Says that some files are not fully searchable yet.
fn backlog_note(store: &Store) -> Result<Option<String>> {
    let counts = store.counts()?;
    let mut parts = Vec::new();
    if counts.pending > 0 {
        parts.push(format!("{} not read yet", counts.pending));
    }
    if counts.lexical_only > 0 {
        parts.push(format!("{} found by their words only so far", counts.lexical_only));
    }
    Ok((!parts.is_empty()).then(|| format!("files that are not fully indexed: {}", parts.join(", "))))
}

/// Says that some files could not be read.
fn failures_note(store: &Store) -> Result<Option<String>> {
    let failed = store.counts()?.failed;
    Ok((failed > 0).then(|| format!("{failed} files could not be read; `docent status` names them")))
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
