//! What every command stands on: the home, the output, and whoever does the work.

use std::{future::Future, sync::Arc, thread, time::Duration};

use docent::{Client, Config, Engine, Error, ErrorKind, Event, Home, ModelStore, Request, Response, Result};
use tokio::runtime::{Builder, Runtime};
use tracing_subscriber::{filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

use crate::{args::Global, interrupt::Interrupts, output::Output};

/// Where events go.
pub(crate) type OnEvent = Arc<dyn Fn(Event) + Send + Sync>;

/// How long a process that has just taken the writer lock may take until its socket listens.
const SOCKET_PATIENCE: Duration = Duration::from_millis(300);

/// What every command stands on.
pub(crate) struct Context {
    /// The home folder.
    pub(crate) home: Home,
    /// Where results and messages go.
    pub(crate) output: Output,
    /// The signals that came.
    pub(crate) interrupts: Interrupts,
}

impl Context {
    /// Nothing is opened or read yet.
    ///
    /// # Errors
    /// There is no home.
    pub(crate) fn new(global: &Global, output: Output) -> Result<Self> {
        trace(global.verbose);
        let home = Home::locate(global.home.as_deref())?;
        Ok(Self { home, output, interrupts: Interrupts::listen(output) })
    }

    /// Has `request` done by the process that watches this home, or else by this one.
    ///
    /// # Errors
    /// What went wrong, there or here.
    pub(crate) fn perform(&self, request: &Request, on_event: &OnEvent) -> Result<Response> {
        // A mistake in the configuration is told, whoever does the work.
        self.config()?;
        if let Some(client) = Client::connect(&self.home) {
            return Self::hand_over(client, request, on_event);
        }
        let result = self.perform_here(request.clone(), on_event);
        match &result {
            // Somebody may have begun to watch in between.
            Err(error) if error.kind() == ErrorKind::Locked => {
                thread::sleep(SOCKET_PATIENCE);
                match Client::connect(&self.home) {
                    Some(client) => Self::hand_over(client, request, on_event),
                    None => result,
                }
            }
            _ => result,
        }
    }

    /// The other process stops its work when this one is gone, so a signal may end this one at once.
    fn hand_over(client: Client, request: &Request, on_event: &OnEvent) -> Result<Response> {
        client.call(request, &mut |event| on_event(event))
    }

    fn perform_here(&self, request: Request, on_event: &OnEvent) -> Result<Response> {
        let engine = self.engine()?;
        // The others look at no flag: they may be ended at any instant, as by a kill, and leave a sound index.
        let looks_at_flag =
            matches!(request, Request::Add(_) | Request::DryRun(_) | Request::Index { .. } | Request::Ask(_));
        let work = engine.handle(request, on_event.clone(), self.interrupts.cancel());
        if looks_at_flag { self.block_on(work) } else { block_on(work) }
    }

    /// Runs `work`, which looks at the cancel flag, on a runtime of its own, and waits for what it has started.
    ///
    /// # Errors
    /// The work's, or no runtime can be had.
    pub(crate) fn block_on<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.interrupts.softly(true);
        let result = block_on(work);
        self.interrupts.softly(false);
        result
    }

    /// The configuration in force.
    ///
    /// # Errors
    /// The file cannot be read or has a mistake.
    pub(crate) fn config(&self) -> Result<Config> {
        Config::load(&self.home.config_file())
    }

    /// An engine of this process.
    ///
    /// # Errors
    /// The configuration has a mistake.
    pub(crate) fn engine(&self) -> Result<Engine> {
        Engine::open(self.home.clone(), self.config()?)
    }

    /// The models folder, whether or not the configuration names models that exist.
    ///
    /// # Errors
    /// The configuration cannot be read, or a manifest in the folder.
    pub(crate) fn models(&self) -> Result<ModelStore> {
        let config = self.config()?;
        ModelStore::open(docent::models_folder(config.models.folder.as_deref())?)
    }
}

/// Runs `work`, which may be ended at any time, on a runtime of its own.
///
/// # Errors
/// The work's, or no runtime can be had.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime: Runtime = Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|cause| Error::new(ErrorKind::Io, "cannot start threads").caused_by(cause))?;
    let result = runtime.block_on(work);
    runtime.shutdown_timeout(Duration::from_secs(5));
    result
}

/// The answer was not to the question: two versions of docent, or a mistake.
pub(crate) fn unexpected() -> Error {
    Error::new(ErrorKind::Internal, "the answer does not belong to the request")
        .hint("restart `docent watch` after an update")
}

/// Log lines on stderr: none of ours unless asked for.
fn trace(verbose: u8) {
    let level = |ours: &str, others: &str| format!("{others},docent={ours}");
    let filter = match verbose {
        0 => level("error", "error"),
        1 => level("info", "error"),
        2 => level("debug", "warn"),
        _ => level("trace", "info"),
    };
    let Ok(targets) = filter.parse::<Targets>() else { return };
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never)
        .without_time();
    // Fails only if there is one already.
    let _ = tracing_subscriber::registry().with(targets).with(layer).try_init();
}
