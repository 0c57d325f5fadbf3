//! What a generator is made of.

use std::path::PathBuf;

use crate::threads::free_cores;

/// A language model: its file, and how it is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratorSpec {
    /// Its name in the model catalogue.
    pub id: String,
    /// The GGUF file.
    pub gguf: PathBuf,
    /// Tokens that prompt and answer may have together. A model that was trained on fewer gets those.
    pub context_tokens: usize,
    /// Threads that it computes with; 0 for one per core that is idle when an answer begins. With another number
    /// of threads sums are rounded otherwise, which may, rarely, show in an answer.
    pub threads: usize,
    /// Where the states of prompt beginnings are kept; without it they last as long as the model is loaded.
    pub cache_dir: Option<PathBuf>,
}

impl GeneratorSpec {
    /// Threads to compute with now.
    pub(crate) fn thread_count(&self) -> usize {
        match self.threads {
            0 => free_cores(),
            threads => threads,
        }
    }
}
