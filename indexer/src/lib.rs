//! Keeps an index in step with folders: scan, plan, read, chunk, embed, commit; once, or as they change.

mod busy;
mod chunk;
mod estimate;
mod gate;
mod inbox;
mod pieces;
mod plan;
mod progress;
mod read;
mod ruler;
mod rules;
mod run;
mod scan;
mod scans;
mod sentences;
mod sources;
mod standing;
mod vectors;
mod watch;
mod words;

pub use chunk::chunk;
pub use estimate::estimate;
pub use inbox::IndexEvent;
pub use progress::{Cancel, OnProgress, Progress, RunReport};
pub use rules::check_globs;
pub use run::{Indexer, Scope};
pub use watch::{WatchHandle, Watcher};
