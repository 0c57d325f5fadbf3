//! Fakes, corpora and a hermetic home for tests.

mod embedder;
mod generator;
mod index;
mod store;

pub use embedder::*;
pub use generator::*;
pub use index::*;
pub use store::*;
