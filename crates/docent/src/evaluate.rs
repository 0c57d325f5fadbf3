//! Measuring retrieval on one's own questions.

use std::{fs, io::Write as _, path::PathBuf};

use docent_core::{Filter, IoContext as _, Mode, Result};
use docent_query::{EvalOptions, EvalReport, eval, parse_qrels, parse_queries};
use docent_store::SharedStore;

use crate::Engine;

/// What to measure.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EvalRequest {
    /// JSON lines `{"id", "text"}`.
    pub queries: PathBuf,
    /// Lines `id <tab> path relative to its root <tab> relevance`.
    pub qrels: PathBuf,
    /// Where to write a TREC run file.
    pub run_file: Option<PathBuf>,
    /// How to search.
    pub mode: Mode,
    /// Which documents.
    pub filter: Filter,
}

impl Engine {
    /// Runs every query and scores the documents found against the judgements.
    ///
    /// # Errors
    /// A file cannot be read or has a mistake, there is no index, or a model is missing.
    pub async fn eval(&self, request: EvalRequest) -> Result<EvalReport> {
        self.blocking(move |inner| {
            let read = |path: &PathBuf| fs::read_to_string(path).doing("read", path);
            let queries = parse_queries(&request.queries, &read(&request.queries)?)?;
            let qrels = parse_qrels(&request.qrels, &read(&request.qrels)?)?;
            let store = inner.existing_store()?;
            let options = EvalOptions {
                mode: request.mode,
                filter: request.filter.clone(),
                candidates: inner.config.search.candidates,
            };
            let index = SharedStore(store);
            let mut run = match &request.run_file {
                Some(path) => Some(std::io::BufWriter::new(fs::File::create(path).doing("create", path)?)),
                None => None,
            };
            let out = run.as_mut().map(|run| run as &mut dyn std::io::Write);
            let report = eval(&index, Some(inner.embedder.as_ref()), &queries, &qrels, &options, out)?;
            if let (Some(run), Some(path)) = (&mut run, &request.run_file) {
                run.flush().doing("write", path)?;
            }
            Ok(report)
        })
        .await
    }
}
