//! The query engine: from a question to hits, and from hits to an answer that cites them.
//!
//! It knows the stores and the models only as the traits of `docent-core`. How candidates of both stores become
//! one ranking, and what was measured to decide it, stands in `docs/retrieval.md`.

mod ask;
mod eval;
mod fuse;
mod hits;
mod language;
mod query;
mod retrieve;
mod search;
mod sentences;
mod words;

pub use ask::{AskEvent, AskRequest, ask};
pub use eval::{
    EVAL_DEPTH, EvalOptions, EvalQuery, EvalReport, Latency, Metrics, Qrels, eval, parse_qrels,
    parse_queries, write_run,
};
pub use language::Language;
pub use query::MAX_QUERY_CHARS;
pub use search::{SearchRequest, search};

#[cfg(test)]
mod word_embedder;
