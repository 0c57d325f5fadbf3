//! docent answers questions from a company's own documents, on the company's own machine.
//!
//! [`Engine`] is everything: it adds and watches folders, keeps the index in step, searches, and answers with
//! citations. Nothing it does opens a network connection, except [`ModelStore::pull`].
//!
//! ```no_run
//! # async fn example() -> docent::Result<()> {
//! use docent::{Engine, Home, SearchRequest};
//!
//! let engine = Engine::at(Home::locate(None)?)?;
//! engine.add(&["contracts".into()]).await?;
//! let found = engine.search(SearchRequest { query: "notice period".into(), ..Default::default() }).await?;
//! for hit in found.hits {
//!     println!("{} ({})", hit.path, hit.location.in_words());
//! }
//! # Ok(())
//! # }
//! ```

mod doctor;
mod engine;
mod evaluate;
mod handover;
mod indexing;
mod private;
mod recognising;
mod request;
mod roles;
mod story;
mod wire;
mod workers;

pub use docent_core::{
    AskReport, Block, BlockKind, CheckReport, Citation, CollectionReport, Config, Difference, DryRunReport,
    Error, ErrorKind, ErrorReport, Failure, FileCounts, FileReport, Filter, Hit, Home, IndexReport,
    IoContext, Location, Mode, OcrCost, ParseError, ParseErrorKind, ParsedDocument, Result, RootReport,
    SearchReport, Signals, SkippedCount, StatusReport, StoreParts, Timings, make_private_dir, models_folder,
};
pub use docent_indexer::{Cancel, Progress};
pub use docent_models::{
    Entry as ModelEntry, ModelState, ModelStatus, ModelStore, PullOptions, PullProgress, Pulled, Role,
    machine_memory,
};
pub use docent_query::{AskEvent, EvalReport};
pub use doctor::{DoctorCheck, DoctorReport};
pub use engine::{Answering, Engine, OnEvent};
pub use evaluate::EvalRequest;
pub use handover::Client;
pub use private::{close_network, keep_files_private};
pub use request::{AddRequest, AskRequest, Event, RemoveReport, Request, Response, SearchRequest};
pub use workers::parse_in_workers;
