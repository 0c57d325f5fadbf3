//! Searching: a query in, hits out.

use std::time::Instant;

use docent_core::{Embedder, Filter, Mode, Result, SearchConfig, SearchIndex, SearchReport};
use serde::{Deserialize, Serialize};

use crate::{
    hits::{first_hits, unavailable_notes},
    retrieve::{Prepared, Quotes},
};

/// What to search for, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SearchRequest {
    /// A question, words, a quoted phrase, or an identifier.
    pub query: String,
    /// The most hits to return.
    pub k: usize,
    /// By words, by meaning, or both.
    #[serde(default)]
    pub mode: Mode,
    /// Which documents may be returned.
    #[serde(default)]
    pub filter: Filter,
    /// Candidates taken from each store before they are fused.
    pub candidates: usize,
}

impl SearchRequest {
    /// A hybrid search for `query` over everything, with the numbers of `config`.
    pub fn new(query: impl Into<String>, config: &SearchConfig) -> Self {
        Self {
            query: query.into(),
            k: config.hits,
            mode: Mode::Hybrid,
            filter: Filter::default(),
            candidates: config.candidates,
        }
    }
}

/// Searches one generation of `index`.
///
/// Quoted parts of the query have to stand in a passage word for word (one of them, where no passage has all);
/// passages that contain an identifier of the query come first, and before them those of a file that it names. Where no passage has them, the ordinary search
/// answers, and a note says so. The hits' scores fall along the list, and are comparable within it only.
///
/// # Errors
/// `Usage`: the query has no letter and no digit. `ModelMissing` and the embedder's other failures, in hybrid
/// and vector mode: a search that silently became worse would be no service. Whatever the stores report.
pub fn search(
    index: &dyn SearchIndex,
    embedder: Option<&dyn Embedder>,
    request: &SearchRequest,
) -> Result<SearchReport> {
    let started = Instant::now();
    let prepared = Prepared::new(&request.query, request.mode, Quotes::Required, embedder)?;
    let snapshot = index.snapshot(&request.filter)?;
    let named = prepared.named(index, &request.filter)?;
    let candidates = request.candidates.max(request.k).max(1);
    let ranking = prepared.rank(snapshot.as_ref(), named.as_deref(), candidates)?;
    let hits = first_hits(snapshot.as_ref(), &ranking.ranked, request.k)?;
    let mut notes = if hits.is_empty() { Vec::new() } else { ranking.notes };
    notes.extend(unavailable_notes(&hits));
    Ok(SearchReport {
        query: request.query.clone(),
        mode: request.mode,
        generation: snapshot.generation(),
        took_ms: started.elapsed().as_secs_f64() * 1e3,
        hits: hits.into_iter().map(|full| full.hit).collect(),
        notes,
    })
}

#[cfg(test)]
mod tests;
