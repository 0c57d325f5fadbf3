//! Judging search by queries whose relevant documents are known.

mod files;
mod metrics;

use std::{collections::HashSet, io::Write, time::Instant};

use docent_core::{
    DocId, Embedder, Error, ErrorKind, Filter, Mode, Result, SearchConfig, SearchIndex, Snapshot,
};
use serde::{Deserialize, Serialize};

pub use files::{EvalQuery, Qrels, parse_qrels, parse_queries, write_run};
pub use metrics::{Latency, Metrics};

use crate::retrieve::{Prepared, Ranking};

/// Documents that are fetched for each query.
pub const EVAL_DEPTH: usize = 100;

/// Where fetching stops even if there are fewer documents: candidates from each store.
const MOST_CANDIDATES: usize = 1 << 16;

/// How to evaluate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvalOptions {
    /// By words, by meaning, or both.
    pub mode: Mode,
    /// Which documents may be returned.
    pub filter: Filter,
    /// Candidates taken from each store, as in [`crate::SearchRequest`].
    pub candidates: usize,
}

impl Default for EvalOptions {
    fn default() -> Self {
        Self { mode: Mode::Hybrid, filter: Filter::default(), candidates: SearchConfig::default().candidates }
    }
}

/// What `eval` prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EvalReport {
    /// Queries that were searched.
    pub queries: usize,
    /// Those among them that have a relevant document: the means are over these.
    pub judged: usize,
    /// How good the rankings are.
    pub metrics: Metrics,
    /// How long a search took, embedding the query included.
    pub latency_ms: Latency,
}

/// Searches for every query and judges what comes back by `qrels`. A hit counts for its document, each document
/// once; passages are fetched until there are [`EVAL_DEPTH`] documents. Rankings go to `run` in TREC form.
///
/// # Errors
/// A query has no words, the embedder fails, a store cannot be read, or `run` cannot be written.
pub fn eval(
    index: &dyn SearchIndex,
    embedder: Option<&dyn Embedder>,
    queries: &[EvalQuery],
    qrels: &Qrels,
    options: &EvalOptions,
    mut run: Option<&mut dyn Write>,
) -> Result<EvalReport> {
    let snapshot = index.snapshot(&options.filter)?;
    if let (Some(query), false) = (queries.first(), options.mode == Mode::Lexical) {
        // The first search would otherwise be charged for loading the model.
        Prepared::new(&query.text, options.mode, embedder)?;
    }
    let mut judged = Vec::new();
    let mut took = Vec::with_capacity(queries.len());
    for query in queries {
        let started = Instant::now();
        let prepared = Prepared::new(&query.text, options.mode, embedder)?;
        let ranking = prepared.rank(snapshot.as_ref(), options.candidates.max(1))?;
        took.push(started.elapsed().as_secs_f64() * 1e3);
        let documents = documents(snapshot.as_ref(), &prepared, ranking, options.candidates.max(1))?;
        if let Some(relevant) = qrels.get(&query.id) {
            let names: Vec<String> = documents.iter().map(|(name, _)| name.clone()).collect();
            judged.extend(Metrics::of(&names, relevant));
        }
        if let Some(out) = run.as_mut() {
            write_run(out, &query.id, &documents, "docent")
                .map_err(|cause| Error::new(ErrorKind::Io, "cannot write the run file").caused_by(cause))?;
        }
    }
    Ok(EvalReport {
        queries: queries.len(),
        judged: judged.len(),
        metrics: Metrics::mean(&judged),
        latency_ms: Latency::of(took),
    })
}

/// The documents of a ranking, best first, each once, as paths relative to their roots with their scores. If
/// they are fewer than [`EVAL_DEPTH`] and there may be more, more candidates are taken; what was found first
/// stays where it is, so that the top of the list is the one that a search shows.
fn documents(
    snapshot: &dyn Snapshot,
    prepared: &Prepared,
    mut ranking: Ranking,
    mut candidates: usize,
) -> Result<Vec<(String, f32)>> {
    let mut seen = HashSet::new();
    let mut found: Vec<(DocId, f32)> = Vec::new();
    loop {
        for ranked in &ranking.ranked {
            if seen.insert(ranked.doc) {
                found.push((ranked.doc, ranked.score));
            }
        }
        if found.len() >= EVAL_DEPTH || !ranking.more || candidates >= MOST_CANDIDATES {
            break;
        }
        candidates *= 4;
        ranking = prepared.rank(snapshot, candidates)?;
    }
    found.truncate(EVAL_DEPTH);
    let ids: Vec<DocId> = found.iter().map(|(doc, _)| *doc).collect();
    let known = snapshot.documents(&ids)?;
    let mut known = known.into_iter().peekable();
    let mut named = Vec::with_capacity(found.len());
    for (doc, score) in found {
        // Those that are gone are left out, the others come in the order that they were asked for.
        if let Some(info) = known.next_if(|info| info.doc == doc) {
            named.push((info.relative.to_string_lossy().replace('\\', "/"), score));
        }
    }
    Ok(named)
}

#[cfg(test)]
mod tests;
