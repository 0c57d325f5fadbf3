//! From a query to a ranking of passages: both stores asked side by side, phrases and identifiers honoured.

use std::collections::{HashMap, HashSet};

use docent_core::{
    DocId, Embedder, Error, ErrorKind, Filter, Mode, PassageId, Result, Scored, SearchIndex, Signals,
    Snapshot, StoredPassage,
};

use crate::{
    fuse::{Candidate, Spread, fuse},
    query::{MAX_QUERY_CHARS, ParsedQuery, file_name},
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

impl Ranked {
    fn scored(&self) -> Scored {
        Scored { id: self.id, doc: self.doc, score: self.score }
    }
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
    /// Whether the query names a file that is there.
    pub(crate) has_named: bool,
    /// By what the cosines were measured: what comes in later is put on the same scale.
    spread: Option<Spread>,
}

/// What the quoted parts of a query ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quotes {
    /// Only passages that hold them are returned.
    Required,
    /// Passages that hold them come first: an answer may need others beside them.
    Preferred,
}

/// A query made ready: parsed, and embedded where the mode needs it.
pub(crate) struct Prepared {
    query: ParsedQuery,
    vector: Option<Vec<f32>>,
    mode: Mode,
    quotes: Quotes,
}

impl Prepared {
    /// Parses and embeds `query`. In lexical mode the embedder is not touched.
    ///
    /// # Errors
    /// The query has no words; the embedder is missing or failed.
    pub(crate) fn new(
        query: &str,
        mode: Mode,
        quotes: Quotes,
        embedder: Option<&dyn Embedder>,
    ) -> Result<Self> {
        let query = ParsedQuery::parse(query)?;
        let vector = match mode {
            Mode::Lexical => None,
            Mode::Hybrid | Mode::Vector => Some(need(embedder)?.embed_query(&query.text)?),
        };
        Ok(Self { query, vector, mode, quotes })
    }

    /// The query's text, as it is searched.
    pub(crate) fn text(&self) -> &str {
        &self.query.text
    }

    /// Only the files that the query names, of those that `filter` lets through; `None` where it names none. No store
    /// has the names among its words: a file that moves changes nothing there.
    ///
    /// # Errors
    /// A store cannot be read.
    pub(crate) fn named(
        &self,
        index: &dyn SearchIndex,
        filter: &Filter,
    ) -> Result<Option<Box<dyn Snapshot>>> {
        let parts = self.query.identifiers.iter().chain(&self.query.phrases);
        let paths: Vec<String> = parts.filter(|part| file_name(part)).map(|name| as_glob(name)).collect();
        if paths.is_empty() || !filter.paths.is_empty() {
            return Ok(None);
        }
        index.snapshot(&Filter { paths, ..filter.clone() }).map(Some)
    }

    /// Ranks the passages of `snapshot`, with `limit` candidates from each store; first those of `named`, which are
    /// some of them.
    ///
    /// # Errors
    /// A store cannot be read.
    pub(crate) fn rank(
        &self,
        snapshot: &dyn Snapshot,
        named: Option<&dyn Snapshot>,
        limit: usize,
    ) -> Result<Ranking> {
        let named = match named {
            Some(named) => self.rank_all(named, limit)?.ranked,
            None => Vec::new(),
        };
        let mut notes = Vec::new();
        if self.query.cut {
            notes.push(format!("the query is long: its first {MAX_QUERY_CHARS} characters were used"));
        }
        let is_name = |part: &String| !named.is_empty() && file_name(part);
        let (names, phrases): (Vec<String>, Vec<String>) =
            self.query.phrases.iter().cloned().partition(is_name);
        let mut first: Vec<String> =
            self.query.identifiers.iter().filter(|part| !is_name(part)).cloned().collect();
        let quoted = match self.quotes {
            Quotes::Required if !phrases.is_empty() => self.rank_phrases(snapshot, &phrases, &mut notes)?,
            // The file itself, and what holds its name.
            Quotes::Required if !names.is_empty() => {
                Some(self.rank_phrases(snapshot, &names, &mut Vec::new())?.unwrap_or_default())
            }
            Quotes::Required => None,
            Quotes::Preferred => {
                first.extend(phrases.iter().cloned());
                None
            }
        };
        let mut new = named;
        let ids: HashSet<PassageId> = new.iter().map(|ranked| ranked.id).collect();
        let mut ranking = if let Some(mut ranking) = quoted {
            if !first.is_empty() {
                let found: Vec<Scored> = ranking.ranked.iter().map(Ranked::scored).collect();
                ranking.put_first(&verbatim(snapshot, &found, &first, false)?, Vec::new());
            }
            if !phrases.is_empty() {
                // Of the file only what holds the phrases, too.
                new.clear();
            }
            ranking
        } else {
            let mut ranking = self.rank_all(snapshot, limit)?;
            if !first.is_empty() {
                self.put_verbatim_first(snapshot, &first, &mut ranking, &mut notes)?;
            }
            ranking
        };
        if !ids.is_empty() {
            let known: HashSet<PassageId> = ranking.ranked.iter().map(|ranked| ranked.id).collect();
            new.retain(|ranked| !known.contains(&ranked.id));
            ranking.put_first(&ids, new);
        }
        Ok(Ranking { notes, has_named: !ids.is_empty(), ..ranking })
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
        let ranking = self.merge(snapshot, &words, &nearest, None)?;
        Ok(Ranking { more, ..ranking })
    }

    /// Joins both lists and scores them as the mode says; cosines by `spread`, or else by their own.
    fn merge(
        &self,
        snapshot: &dyn Snapshot,
        words: &[Scored],
        nearest: &[Scored],
        spread: Option<Spread>,
    ) -> Result<Ranking> {
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
        let measured: Vec<f32> = if nearest.is_empty() {
            candidates.iter().filter_map(|c| c.cosine).collect()
        } else {
            nearest.iter().map(|scored| scored.score).collect()
        };
        let spread = spread.or_else(|| Spread::of(&measured));
        let fused = (self.mode == Mode::Hybrid).then(|| fuse(&candidates, spread));
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
        Ok(Ranking { ranked, spread, ..Ranking::default() })
    }

    /// Only the passages that hold every quoted phrase, or, where none holds them all, one of them; `None` if
    /// there is no such passage.
    fn rank_phrases(
        &self,
        snapshot: &dyn Snapshot,
        phrases: &[String],
        notes: &mut Vec<String>,
    ) -> Result<Option<Ranking>> {
        let mut words = snapshot.lexical(&self.query.text, phrases, EXACT_LIMIT)?;
        let all = !words.is_empty();
        if !all && phrases.len() > 1 {
            words = self.holding_any(snapshot, phrases)?;
        }
        if words.is_empty() {
            notes.push(format!(
                "no passage has {} word for word: showing what comes nearest",
                listed(phrases)
            ));
            return Ok(None);
        }
        if !all {
            notes.push(format!("no passage has {} together: these have one of them", listed(phrases)));
        }
        let verbatim = verbatim(snapshot, &words, phrases, all)?;
        let kept: Vec<Scored> = if verbatim.is_empty() {
            notes.push(format!(
                "no passage has {} letter for letter: these have the words in other forms",
                listed(phrases)
            ));
            words
        } else {
            words.into_iter().filter(|scored| verbatim.contains(&scored.id)).collect()
        };
        self.merge(snapshot, &kept, &[], None).map(Some)
    }

    /// The passages in which the words of one of `wanted` stand together, each once.
    fn holding_any(&self, snapshot: &dyn Snapshot, wanted: &[String]) -> Result<Vec<Scored>> {
        let mut seen = HashSet::new();
        let mut found = Vec::new();
        for part in wanted {
            let words = snapshot.lexical(&self.query.text, std::slice::from_ref(part), EXACT_LIMIT)?;
            found.extend(words.into_iter().filter(|scored| seen.insert(scored.id)));
        }
        Ok(found)
    }

    /// Moves the passages that hold one of `wanted` to the front.
    fn put_verbatim_first(
        &self,
        snapshot: &dyn Snapshot,
        wanted: &[String],
        ranking: &mut Ranking,
        notes: &mut Vec<String>,
    ) -> Result<()> {
        let proposed = self.holding_any(snapshot, wanted)?;
        if proposed.is_empty() {
            notes.push(format!(
                "no passage contains {} as it stands: showing what comes nearest",
                listed(wanted)
            ));
            return Ok(());
        }
        let mut holding = verbatim(snapshot, &proposed, wanted, false)?;
        if holding.is_empty() {
            notes.push(format!(
                "no passage contains {} letter for letter: first come those that have it in other forms",
                listed(wanted)
            ));
            holding.extend(proposed.iter().map(|scored| scored.id));
        }
        let known: HashSet<PassageId> = ranking.ranked.iter().map(|ranked| ranked.id).collect();
        let new: Vec<Scored> = proposed
            .into_iter()
            .filter(|scored| holding.contains(&scored.id) && !known.contains(&scored.id))
            .collect();
        let new = self.merge(snapshot, &new, &[], ranking.spread)?.ranked;
        ranking.put_first(&holding, new);
        Ok(())
    }
}

impl Ranking {
    /// Moves the passages of `holding`, and `new` ones, to the front.
    fn put_first(&mut self, holding: &HashSet<PassageId>, new: Vec<Ranked>) {
        let (mut first, rest): (Vec<Ranked>, Vec<Ranked>) =
            std::mem::take(&mut self.ranked).into_iter().partition(|ranked| holding.contains(&ranked.id));
        first.extend(new);
        first.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.doc.cmp(&b.doc)));
        // Scores fall along the list: what holds the identifier is lifted above everything else.
        let top = rest.first().map_or(f32::MIN, |ranked| ranked.score);
        let lowest = first.last().map_or(f32::MAX, |ranked| ranked.score);
        let lift = if lowest > top { 0.0 } else { top - lowest + 1.0 };
        for ranked in &mut first {
            ranked.score += lift;
        }
        first.extend(rest);
        self.ranked = first;
    }
}

/// Those of `words` that hold every one of `wanted` (or, unless `all`, one of them) in their text, headings or
/// title, compared as [`squash`] has it.
fn verbatim(
    snapshot: &dyn Snapshot,
    words: &[Scored],
    wanted: &[String],
    all: bool,
) -> Result<HashSet<PassageId>> {
    let ids: Vec<PassageId> = words.iter().map(|scored| scored.id).collect();
    let mut docs: Vec<DocId> = words.iter().map(|scored| scored.doc).collect();
    docs.sort_unstable();
    docs.dedup();
    let titles: HashMap<DocId, String> = snapshot
        .documents(&docs)?
        .into_iter()
        .map(|document| (document.doc, squash(&document.title)))
        .collect();
    let wanted: Vec<String> = wanted.iter().map(|part| squash(part)).collect();
    let holds = |passage: &StoredPassage| {
        let title = titles.get(&passage.doc).map_or("", String::as_str);
        let text = squash(&passage.text);
        let headings: Vec<String> = passage.location.heading.iter().map(|heading| squash(heading)).collect();
        let stands = |part: &String| {
            text.contains(part)
                || title.contains(part)
                || headings.iter().any(|heading| heading.contains(part))
        };
        if all { wanted.iter().all(stands) } else { wanted.iter().any(stands) }
    };
    Ok(snapshot.passages(&ids)?.into_iter().filter(holds).map(|passage| passage.id).collect())
}

/// A glob that stands for `name` alone.
fn as_glob(name: &str) -> String {
    name.chars().map(|c| if "*?[]{}\\".contains(c) { format!("[{c}]") } else { c.to_string() }).collect()
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
