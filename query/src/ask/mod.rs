//! Asking: from a question to an answer that cites its passages, or to a plain refusal.

mod annotate;
mod cite;
mod evidence;
mod prompt;
mod stale;
mod unknown;

use std::{ops::ControlFlow, time::Instant};

use docent_core::{
    AskConfig, AskReport, Citation, Embedder, Error, ErrorKind, Filter, Generated, Generator, Hit, Mode,
    Result, SearchIndex, Timings,
};
use serde::{Deserialize, Serialize};

use crate::{
    hits::{FullHit, first_hits, unavailable_notes},
    language::Language,
    retrieve::{Prepared, Quotes},
};
use annotate::{Annotator, Checked};
use cite::Evidence;

/// What to ask, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AskRequest {
    /// The question, in any words.
    pub question: String,
    /// How passages are found.
    #[serde(default)]
    pub mode: Mode,
    /// Which documents may be used.
    #[serde(default)]
    pub filter: Filter,
    /// Candidates taken from each store before they are fused.
    pub candidates: usize,
    /// How it is answered.
    pub config: AskConfig,
}

impl AskRequest {
    /// A question to everything, with the defaults.
    pub fn new(question: impl Into<String>) -> Self {
        let search = docent_core::SearchConfig::default();
        Self {
            question: question.into(),
            mode: Mode::Hybrid,
            filter: Filter::default(),
            candidates: search.candidates,
            config: AskConfig::default(),
        }
    }
}

/// What happens while a question is answered, in this order: once `Retrieved`, then `Text` as it comes, then the
/// citations.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskEvent {
    /// The passages that the answer is made from.
    Retrieved(Vec<Hit>),
    /// A piece of the answer, citation marks included; put together, the pieces are the answer. A refusal comes
    /// as one piece.
    Text(String),
    /// What the answer cites.
    Citation(Box<Citation>),
}

/// Answers a question from the documents of `index`.
///
/// An answer is refused (`answered` is false, `reason` says why, `hits` are the nearest passages) when nothing is
/// found, when nothing that is found has to do with the question, or when the model says that it does not know.
/// Quoted parts of the question say what comes first, not what is left out.
/// Every sentence of an answer cites passages that exist; a citation is `supported` if the numbers, the names
/// and half of the content words of each sentence that cites it stand in the passage.
///
/// # Errors
/// `Usage`: the question has no words. `Interrupted`: `on_event` said stop, or `stopped` did, which is asked all
/// the time while the model works, also before it has anything to say. Whatever the embedder, the generator
/// and the stores report.
pub fn ask(
    index: &dyn SearchIndex,
    embedder: Option<&dyn Embedder>,
    generator: &dyn Generator,
    request: &AskRequest,
    stopped: &dyn Fn() -> bool,
    on_event: &mut dyn FnMut(AskEvent) -> ControlFlow<()>,
) -> Result<AskReport> {
    let started = Instant::now();
    let question = request.question.as_str();
    let prepared = Prepared::new(question, request.mode, Quotes::Preferred, embedder)?;
    let snapshot = index.snapshot(&request.filter)?;
    let wanted = request.config.passages.max(1);
    let named = prepared.named(index, &request.filter)?;
    let ranking = prepared.rank(snapshot.as_ref(), named.as_deref(), request.candidates.max(wanted))?;
    // Twice as many as are used: some of them say the same.
    let hits = first_hits(snapshot.as_ref(), &ranking.ranked, wanted * 2)?;
    // A file that the question names has to do with it, whatever words it has.
    let nothing = hits.is_empty()
        || (!ranking.has_named
            && evidence::has_nothing(snapshot.as_ref(), prepared.text(), &hits, embedder.map(Embedder::id))?);
    let hits = evidence::choose(hits, wanted);
    let mut notes = if hits.is_empty() { Vec::new() } else { ranking.notes };
    notes.extend(unavailable_notes(&hits));
    let mut report = AskReport {
        question: question.to_owned(),
        model: generator.id().to_owned(),
        generation: snapshot.generation(),
        notes,
        ..AskReport::default()
    };
    drop(snapshot);
    report.timings.retrieve_ms = milliseconds(started);
    tell(on_event, AskEvent::Retrieved(hits.iter().map(|full| full.hit.clone()).collect()))?;
    if nothing {
        let reason = if hits.is_empty() {
            "nothing was found"
        } else {
            "nothing that was found has to do with the question"
        };
        return refuse(report, &hits, reason, started, on_event);
    }

    let prompt = prompt::build(generator, question, &hits, &request.config)?;
    if prompt.cut {
        report.notes.push("the question is long: a part before its last sentence was left out".to_owned());
    }
    let sources: Vec<Evidence> = hits[..prompt.used].iter().map(evidence_of).collect();
    let mut annotator = Annotator::new(question, &sources);
    let mut said = String::new();
    let mut held = String::new();
    let mut anything_shown = false;
    let mut enough = false;
    let generate_ms = milliseconds(started);
    let generated = generator.generate(&prompt.request, &mut |piece| {
        said.push_str(piece);
        held.push_str(&annotator.push(piece));
        enough |= stopped();
        // What may turn out to be no answer waits: a refusal never follows words that were shown.
        let shows = !held.is_empty() && (anything_shown || !unknown::may_become_unknown(&said));
        if shows && !enough {
            anything_shown = true;
            enough = on_event(AskEvent::Text(std::mem::take(&mut held))).is_break();
        }
        if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    if enough {
        return Err(interrupted());
    }
    report.timings = timings(&generated, report.timings.retrieve_ms, generate_ms);
    held.push_str(&annotator.finish());
    let says_unknown =
        || unknown::not_known(&said).is_some_and(|what| !cite::all_stands(&what, question, &sources));
    if annotator.text().trim().is_empty() {
        return refuse(report, &hits, "the model gave no answer", started, on_event);
    }
    if !anything_shown && says_unknown() {
        return refuse(report, &hits, "the model found no answer in the passages", started, on_event);
    }
    if generated.cut_short {
        report.notes.push(format!(
            "the answer was cut short after {} tokens; `ask.answer_tokens` in the configuration allows more",
            generated.generated_tokens
        ));
    }
    if !held.is_empty() {
        tell(on_event, AskEvent::Text(held))?;
    }
    annotator.text().clone_into(&mut report.answer);
    report.answered = true;
    report.citations = citations(&annotator, question, &hits);
    for citation in &report.citations {
        tell(on_event, AskEvent::Citation(Box::new(citation.clone())))?;
    }
    report.timings.total_ms = milliseconds(started);
    Ok(report)
}

/// Turns `report` into a refusal in the question's language, and shows it.
fn refuse(
    mut report: AskReport,
    hits: &[FullHit],
    reason: &str,
    started: Instant,
    on_event: &mut dyn FnMut(AskEvent) -> ControlFlow<()>,
) -> Result<AskReport> {
    report.answered = false;
    Language::of(&report.question).refusal().clone_into(&mut report.answer);
    report.reason = Some(reason.to_owned());
    let mut nearest: Vec<Hit> = hits.iter().map(|full| full.hit.clone()).collect();
    nearest.sort_by_key(|hit| hit.rank);
    report.hits = nearest;
    tell(on_event, AskEvent::Text(report.answer.clone()))?;
    report.timings.total_ms = milliseconds(started);
    Ok(report)
}

fn evidence_of(full: &FullHit) -> Evidence {
    Evidence::new(&prompt::label(&full.hit.title, &full.hit.location), &full.hit.text)
}

/// What the answer cites, in the order of its numbers.
fn citations(annotator: &Annotator<'_>, question: &str, hits: &[FullHit]) -> Vec<Citation> {
    let mut citations = Vec::new();
    for (at, &source) in annotator.numbered().iter().enumerate() {
        let full = &hits[source];
        let citing: Vec<(&Checked, bool)> = annotator
            .checked()
            .iter()
            .filter_map(|checked| {
                let cited = checked.cited.iter().find(|cited| cited.source == source)?;
                Some((checked, cited.supported))
            })
            .collect();
        let claim = citing.first().map_or("", |(checked, _)| checked.text.as_str());
        citations.push(Citation {
            n: at as u32 + 1,
            hit: full.hit.clone(),
            quote: cite::quote(claim, question, cite::contiguous(&full.hit.text, &full.hit.location))
                .to_owned(),
            content_hash: full.document.hash.map(|hash| hash.0.to_string()).unwrap_or_default(),
            stale: stale::is_stale(&full.document),
            supported: !citing.is_empty() && citing.iter().all(|(_, supported)| *supported),
        });
    }
    citations
}

fn timings(generated: &Generated, retrieve_ms: f64, before_ms: f64) -> Timings {
    let later = generated.generated_tokens.saturating_sub(1) as f64;
    Timings {
        retrieve_ms,
        prompt_tokens: generated.prompt_tokens as u64,
        prefill_ms: generated.prefill_ms,
        first_token_ms: before_ms + generated.first_token_ms,
        generated_tokens: generated.generated_tokens as u64,
        total_ms: 0.0,
        reused_tokens: generated.reused_tokens as u64,
        load_ms: generated.load_ms,
        tokens_per_second: if generated.decode_ms > 0.0 { later * 1e3 / generated.decode_ms } else { 0.0 },
    }
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

fn tell(on_event: &mut dyn FnMut(AskEvent) -> ControlFlow<()>, event: AskEvent) -> Result<()> {
    match on_event(event) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => Err(interrupted()),
    }
}

fn interrupted() -> Error {
    Error::new(ErrorKind::Interrupted, "the answer was stopped")
}

#[cfg(test)]
mod tests;
