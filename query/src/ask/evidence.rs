//! What an answer may be made from, and whether that is anything at all.

use std::collections::HashSet;

use docent_core::{Result, Snapshot};

use crate::{
    hits::FullHit,
    words::{squash, without_stop_words, word_set},
};

/// Below this share of the question's words, weighted by rarity, the best passage has next to none of them.
///
/// Measured on the kit (`docs/retrieval.md`): questions that a set can answer are below it in fewer than 1 of 100
/// cases, questions about something else altogether in 95 of 100.
pub(crate) const LOW_COVERAGE: f32 = 0.25;

/// Below this cosine nothing is near, for embedders of the E5 family, whose cosines crowd between 0.7 and 0.9.
const LOW_COSINE_E5: f32 = 0.82;

/// Below this cosine nothing is near, for other embedders.
const LOW_COSINE: f32 = 0.25;

/// Passages that share at least this much of their words say the same.
const NEAR_DUPLICATE: f32 = 0.9;

/// Whether nothing in `hits` bears on the question: the best of them has next to none of its words, and none of
/// them is near in meaning. Either alone is not enough: other words may say the same, and a vector may not be
/// there yet.
///
/// # Errors
/// The full-text store cannot be read.
pub(crate) fn has_nothing(
    snapshot: &dyn Snapshot,
    question: &str,
    hits: &[FullHit],
    embedder: Option<&str>,
) -> Result<bool> {
    let low = match embedder {
        Some(id) if id.contains("e5") => LOW_COSINE_E5,
        _ => LOW_COSINE,
    };
    // Words that every question has would weigh the most where a set happens not to have them.
    let content = without_stop_words(question);
    let question = if content.is_empty() { question } else { content.as_str() };
    for full in hits {
        let near = full.hit.signals.cosine.is_some_and(|cosine| cosine >= low);
        if near || snapshot.coverage(question, full.passage.id)? >= LOW_COVERAGE {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The first `wanted` of `hits` that say different things, with neighbours of one document put in reading order
/// beside the better one of them.
pub(crate) fn choose(hits: Vec<FullHit>, wanted: usize) -> Vec<FullHit> {
    let mut kept: Vec<(FullHit, HashSet<String>, String)> = Vec::new();
    for full in hits {
        if kept.len() == wanted {
            break;
        }
        let words = word_set(&full.hit.text);
        let text = squash(&full.hit.text);
        if !kept.iter().any(|(_, known, known_text)| *known_text == text || alike(known, &words)) {
            kept.push((full, words, text));
        }
    }
    let mut ordered: Vec<FullHit> = Vec::with_capacity(kept.len());
    for (full, _, _) in kept {
        let (doc, position) = (full.passage.doc, full.passage.position);
        let is_at =
            |known: &FullHit, at: Option<u32>| known.passage.doc == doc && Some(known.passage.position) == at;
        if let Some(at) = ordered.iter().position(|known| is_at(known, position.checked_add(1))) {
            ordered.insert(at, full);
        } else if let Some(at) = ordered.iter().position(|known| is_at(known, position.checked_sub(1))) {
            ordered.insert(at + 1, full);
        } else {
            ordered.push(full);
        }
    }
    ordered
}

fn alike(a: &HashSet<String>, b: &HashSet<String>) -> bool {
    let both = a.intersection(b).count() as f32;
    let either = a.union(b).count() as f32;
    either >= 8.0 && both / either >= NEAR_DUPLICATE && numbers(a) == numbers(b)
}

/// Two versions of one clause that differ by a number do not say the same.
fn numbers(words: &HashSet<String>) -> HashSet<&str> {
    words.iter().map(String::as_str).filter(|word| word.contains(|c: char| c.is_ascii_digit())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clauses_that_differ_by_a_number_are_not_alike() {
        for (clause, one, other) in [
            (
                "Late delivery costs the supplier # percent of the price of the goods for each week begun.",
                "5",
                "8",
            ),
            (
                "逾期交货的供应商须按每周向采购方支付货物总价款百分之#的违约金，直至全部货物交付完毕并经验收合格为止。",
                "五",
                "八",
            ),
        ] {
            let [one, other] = [one, other].map(|number| word_set(&clause.replace('#', number)));
            assert!(!alike(&one, &other) && alike(&one, &one), "{clause}");
        }
    }
}
