//! From a query to a ranking of passages: both stores asked side by side, phrases and identifiers honoured.

use std::collections::{HashMap, HashSet};

use docent_core::{DocId, Embedder, Error, ErrorKind, Mode, PassageId, Result, Scored, Signals, Snapshot};

use crate::{
    fuse::{Candidate, Spread, fuse},
    query::{MAX_QUERY_CHARS, ParsedQuery},
    words::squash,
};

/// Passages looked through for a phrase or an identifier.
const EXACT_LIMIT: usize = 1000;

/// A passage and why it stands where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ranked {
    /// The passage.
    pub(crate) id: PassageId,
    /// Its document.
    pub(crate) doc: DocId,
    /// What it is ranked by; falls from one to the next.
    pub(crate) score: f32,
    /// What the stores said.
    pub(crate) signals: Signals,
}

/// Passages, best first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Ranking {
    /// Best first.
    pub(crate) ranked: Vec<Ranked>,
    /// What the searcher should know.
    pub(crate) notes: Vec<String>,
    /// Whether a larger limit could bring more.
    pub(crate) more: bool,
}

/// A query made ready: parsed, and embedded where the mode needs it.
pub(crate) struct Prepared {
    query: ParsedQuery,
    vector: Option<Vec<f32>>,
    mode: Mode,
}

impl Prepared {
    /// Parses and embeds `query`. In lexical mode the embedder is not touched.
    ///
    /// # Errors
    /// The query has no words; the embedder is missing or failed.
    pub(crate) fn new(query: &str, mode: Mode, embedder: Option<&dyn Embedder>) -> Result<Self> {
        let query = ParsedQuery::parse(query)?;
        let vector = match mode {
            Mode::Lexical => None,
            Mode::Hybrid | Mode::Vector => Some(need(embedder)?.embed_query(&query.text)?),
        };
        Ok(Self { query, vector, mode })
    }

    /// The query's text, as it is searched.
    pub(crate) fn text(&self) -> &str {
        &self.query.text
    }

    /// Ranks the passages of `snapshot`, with `limit` candidates from each store.
    ///
    /// # Errors
    /// A store cannot be read.
    pub(crate) fn rank(&self, snapshot: &dyn Snapshot, limit: usize) -> Result<Ranking> {
        let mut notes = Vec::new();
        if self.query.cut {
            notes.push(format!("the query is long: its first {MAX_QUERY_CHARS} characters were used"));
        }
        if !self.query.phrases.is_empty()
            && let Some(ranking) = self.rank_phrases(snapshot, &mut notes)?
        {
            return Ok(Ranking { notes, ..ranking });
        }
        let mut ranking = self.rank_all(snapshot, limit)?;
        if !self.query.identifiers.is_empty() {
            self.put_verbatim_first(snapshot, &mut ranking, &mut notes)?;
        }
        Ok(Ranking { notes, ..ranking })
    }

    /// Everything that either store proposes.
    fn rank_all(&self, snapshot: &dyn Snapshot, limit: usize) -> Result<Ranking> {
        let text = self.query.text.as_str();
        let lexical = || snapshot.lexical(text, &[], limit);
        let (words, nearest) = match (self.mode, &self.vector) {
            (Mode::Lexical, _) | (_, None) => (lexical()?, Vec::new()),
            (Mode::Vector, Some(vector)) => (Vec::new(), snapshot.vector(vector, limit)?),
            (Mode::Hybrid, Some(vector)) => {
                let (words, nearest) = std::thread::scope(|scope| {
                    let words = scope.spawn(lexical);
                    let nearest = snapshot.vector(vector, limit);
                    (words.join(), nearest)
                });
                let words = words
                    .map_err(|_| Error::new(ErrorKind::Internal, "the full-text search broke down"))??;
                (words, nearest?)
            }
        };
        let more = words.len() >= limit || nearest.len() >= limit;
        Ok(Ranking { ranked: self.merge(snapshot, &words, &nearest)?, notes: Vec::new(), more })
    }

    /// Joins both lists and scores them as the mode says.
    fn merge(&self, snapshot: &dyn Snapshot, words: &[Scored], nearest: &[Scored]) -> Result<Vec<Ranked>> {
        let mut candidates: Vec<Candidate> = Vec::with_capacity(words.len() + nearest.len());
        let mut place: HashMap<PassageId, usize> = HashMap::new();
        for scored in words {
            place.entry(scored.id).or_insert_with(|| {
                candidates.push(Candidate {
                    id: scored.id,
                    doc: scored.doc,
                    bm25: Some(scored.score),
                    cosine: None,
                });
                candidates.len() - 1
            });
        }
        for scored in nearest {
            let at = *place.entry(scored.id).or_insert_with(|| {
                candidates.push(Candidate { id: scored.id, doc: scored.doc, bm25: None, cosine: None });
                candidates.len() - 1
            });
            candidates[at].cosine = Some(scored.score);
        }
        if let Some(vector) = &self.vector {
            let missing: Vec<PassageId> =
                candidates.iter().filter(|c| c.cosine.is_none()).map(|c| c.id).collect();
            if !missing.is_empty() {
                for scored in snapshot.cosines(vector, &missing)? {
                    if let Some(at) = place.get(&scored.id) {
                        candidates[*at].cosine = Some(scored.score);
                    }
                }
            }
        }
        let fused = (self.mode == Mode::Hybrid).then(|| {
            let measured: Vec<f32> = if nearest.is_empty() {
                candidates.iter().filter_map(|c| c.cosine).collect()
            } else {
                nearest.iter().map(|scored| scored.score).collect()
            };
            fuse(&candidates, Spread::of(&measured))
        });
        let mut ranked: Vec<Ranked> = candidates
            .into_iter()
            .enumerate()
            .map(|(at, candidate)| {
                let fused = fused.as_ref().map(|scores| scores[at]);
                let score = match self.mode {
                    Mode::Hybrid => fused,
                    Mode::Lexical => candidate.bm25,
                    Mode::Vector => candidate.cosine,
                };
                Ranked {
                    id: candidate.id,
                    doc: candidate.doc,
                    score: score.unwrap_or(0.0),
                    signals: Signals { bm25: candidate.bm25, cosine: candidate.cosine, fused, rerank: None },
                }
            })
            .collect();
        ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.doc.cmp(&b.doc)));
        Ok(ranked)
    }

    /// Only the passages that hold every quoted phrase; `None` if there is no such passage.
    fn rank_phrases(&self, snapshot: &dyn Snapshot, notes: &mut Vec<String>) -> Result<Option<Ranking>> {
        let words = snapshot.lexical(&self.query.text, &self.query.phrases, EXACT_LIMIT)?;
        if words.is_empty() {
            notes.push(format!(
                "no passage has {} word for word: showing what comes nearest",
                listed(&self.query.phrases)
            ));
            return Ok(None);
        }
        let verbatim = verbatim(snapshot, &words, &self.query.phrases, true)?;
        let kept: Vec<Scored> = if verbatim.is_empty() {
            notes.push(format!(
                "no passage has {} letter for letter: these have the words in other forms",
                listed(&self.query.phrases)
            ));
            words
        } else {
            words.into_iter().filter(|scored| verbatim.contains(&scored.id)).collect()
        };
        Ok(Some(Ranking { ranked: self.merge(snapshot, &kept, &[])?, notes: Vec::new(), more: false }))
    }

    /// Moves the passages that hold an identifier of the query to the front.
    fn put_verbatim_first(
        &self,
        snapshot: &dyn Snapshot,
        ranking: &mut Ranking,
        notes: &mut Vec<String>,
    ) -> Result<()> {
        let wanted = &self.query.identifiers;
        let mut holding: HashSet<PassageId> = HashSet::new();
        let mut proposed: Vec<Scored> = Vec::new();
        for identifier in wanted {
            let must = std::slice::from_ref(identifier);
            let words = snapshot.lexical(&self.query.text, must, EXACT_LIMIT)?;
            holding.extend(verbatim(snapshot, &words, must, false)?);
            proposed.extend(words);
        }
        if holding.is_empty() {
            notes.push(format!(
                "no passage contains {} as it stands: showing what comes nearest",
                listed(wanted)
            ));
            return Ok(());
        }
        let known: HashSet<PassageId> = ranking.ranked.iter().map(|ranked| ranked.id).collect();
        let mut seen = HashSet::new();
        let new: Vec<Scored> = proposed
            .into_iter()
            .filter(|scored| {
                holding.contains(&scored.id) && !known.contains(&scored.id) && seen.insert(scored.id)
            })
            .collect();
        let (mut first, rest): (Vec<Ranked>, Vec<Ranked>) =
            std::mem::take(&mut ranking.ranked).into_iter().partition(|ranked| holding.contains(&ranked.id));
        first.extend(self.merge(snapshot, &new, &[])?);
        first.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.doc.cmp(&b.doc)));
        // Scores fall along the list: what holds the identifier is lifted above everything else.
        let top = rest.first().map_or(0.0, |ranked| ranked.score);
        let lowest = first.last().map_or(0.0, |ranked| ranked.score);
        let lift = if lowest > top { 0.0 } else { top - lowest + 1.0 };
        for ranked in &mut first {
            ranked.score += lift;
        }
        first.extend(rest);
        ranking.ranked = first;
        Ok(())
    }
}

/// Those of `words` whose text holds every one of `wanted` (or, unless `all`, one of them), compared without
/// regard to case, width and white space.
fn verbatim(
    snapshot: &dyn Snapshot,
    words: &[Scored],
    wanted: &[String],
    all: bool,
) -> Result<HashSet<PassageId>> {
    let ids: Vec<PassageId> = words.iter().map(|scored| scored.id).collect();
    let wanted: Vec<String> = wanted.iter().map(|part| squash(part)).collect();
    let holds = |text: &str| {
        let text = squash(text);
        if all {
            wanted.iter().all(|part| text.contains(part))
        } else {
            wanted.iter().any(|part| text.contains(part))
        }
    };
    Ok(snapshot
        .passages(&ids)?
        .into_iter()
        .filter(|passage| holds(&passage.text))
        .map(|passage| passage.id)
        .collect())
}

/// `"a"`, `"a" and "b"`.
fn listed(parts: &[String]) -> String {
    let quoted: Vec<String> = parts.iter().map(|part| format!("\"{part}\"")).collect();
    quoted.join(" and ")
}

/// The embedder, or how to get one.
fn need(embedder: Option<&dyn Embedder>) -> Result<&dyn Embedder> {
    embedder.ok_or_else(|| {
        Error::new(ErrorKind::ModelMissing, "searching by meaning needs an embedder, and there is none")
            .hint("get one with `docent models pull`, or search by words alone with --mode lexical")
    })
}
