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

use crate::{
    hits::first_hits,
    retrieve::{Prepared, Quotes, Ranking},
};

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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EvalReport {
    /// Queries that were searched.
    pub queries: usize,
    /// Those among them that have a relevant document: the means are over these.
    pub judged: usize,
    /// How good the rankings are.
    pub metrics: Metrics,
    /// How long a search took, from the query's text to the first hits with theirs.
    pub latency_ms: Latency,
    /// What makes these figures mean less than they seem to: queries without words, judgements that fit nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Searches for every query and judges what comes back by `qrels`. A hit counts for its document, each document
/// once, by its path relative to its root; passages are fetched until there are [`EVAL_DEPTH`] documents. A query
/// without words finds nothing. Rankings go to `run` in TREC form.
///
/// # Errors
/// The embedder fails, a store cannot be read, or `run` cannot be written.
pub fn eval(
    index: &dyn SearchIndex,
    embedder: Option<&dyn Embedder>,
    queries: &[EvalQuery],
    qrels: &Qrels,
    options: &EvalOptions,
    mut run: Option<&mut dyn Write>,
) -> Result<EvalReport> {
    if let (Some(embedder), false) = (embedder, options.mode == Mode::Lexical) {
        // The first search would otherwise be charged for loading the model.
        embedder.embed_query("docent")?;
    }
    let mut judged = Vec::new();
    let mut any_judged_found = false;
    let mut took = Vec::with_capacity(queries.len());
    let mut notes = Vec::new();
    for query in queries {
        let started = Instant::now();
        let documents = match Prepared::new(&query.text, options.mode, Quotes::Required, embedder) {
            Ok(prepared) => {
                let candidates = options.candidates.max(1);
                let snapshot = index.snapshot(&options.filter)?;
                let ranking = prepared.rank(snapshot.as_ref(), None, candidates)?;
                first_hits(snapshot.as_ref(), &ranking.ranked, SearchConfig::default().hits)?;
                took.push(started.elapsed().as_secs_f64() * 1e3);
                documents(snapshot.as_ref(), &prepared, ranking, candidates)?
            }
            Err(error) if error.kind() == ErrorKind::Usage => {
                notes.push(format!(
                    "query {} has no words to search for and counts as finding nothing",
                    query.id
                ));
                Vec::new()
            }
            Err(error) => return Err(error),
        };
        if let Some(relevant) = qrels.get(&query.id) {
            let names: Vec<String> = documents.iter().map(|(name, _)| name.clone()).collect();
            any_judged_found |= names.iter().any(|name| relevant.contains_key(name));
            judged.extend(Metrics::of(&names, relevant));
        }
        if let Some(out) = run.as_mut() {
            write_run(out, &query.id, &documents, "docent")
                .map_err(|cause| Error::new(ErrorKind::Io, "cannot write the run file").caused_by(cause))?;
        }
    }
    if judged.is_empty() {
        notes.push(
            "no query has a relevant document: do queries and judgements have the same ids?".to_owned(),
        );
    } else if !any_judged_found {
        notes.push(
            "no judged document was found: are the paths of the judgements relative to their roots?"
                .to_owned(),
        );
    }
    Ok(EvalReport {
        queries: queries.len(),
        judged: judged.len(),
        metrics: Metrics::mean(&judged),
        latency_ms: Latency::of(took),
        notes,
    })
}

/// The documents of a ranking, best first, as paths relative to their roots with their scores. A path that stands
/// in two roots counts once, as the judgements know it once. If there are fewer than [`EVAL_DEPTH`] and there may
/// be more, more candidates are taken; what was found first stays where it is, so that the top of the list is the
/// one that a search shows.
fn documents(
    snapshot: &dyn Snapshot,
    prepared: &Prepared,
    mut ranking: Ranking,
    mut candidates: usize,
) -> Result<Vec<(String, f32)>> {
    let mut seen = HashSet::new();
    let mut names = HashSet::new();
    let mut found: Vec<(String, f32)> = Vec::new();
    loop {
        let new: Vec<(DocId, f32)> = ranking
            .ranked
            .iter()
            .filter(|ranked| seen.insert(ranked.doc))
            .map(|ranked| (ranked.doc, ranked.score))
            .collect();
        let ids: Vec<DocId> = new.iter().map(|(doc, _)| *doc).collect();
        let mut known = snapshot.documents(&ids)?.into_iter().peekable();
        for (doc, score) in new {
            // Those that are gone are left out, the others come in the order that they were asked for.
            let Some(info) = known.next_if(|info| info.doc == doc) else { continue };
            let name = info.relative.to_string_lossy().replace('\\', "/");
            if names.insert(name.clone()) {
                found.push((name, score));
            }
        }
        if found.len() >= EVAL_DEPTH || !ranking.more || candidates >= MOST_CANDIDATES {
            break;
        }
        candidates *= 4;
        ranking = prepared.rank(snapshot, None, candidates)?;
    }
    found.truncate(EVAL_DEPTH);
    Ok(found)
}

#[cfg(test)]
mod tests;
