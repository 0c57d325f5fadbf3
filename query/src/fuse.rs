//! One score out of two: what `docs/retrieval.md` found to hold on every set that it was tried on.
//!
//! BM25 is a sum of logarithms of odds, so it needs no scaling: a question whose words are rare and found
//! deserves its high score. A cosine says how far a passage stands out among the nearest ones, so it is measured
//! in standard deviations of the vector store's candidates. The sum lets the side that tells passages apart
//! decide, which is what fusing by rank alone cannot do.

use docent_core::{DocId, PassageId};

/// BM25 points that one standard deviation of cosine is worth.
pub(crate) const POINTS_PER_DEVIATION: f32 = 1.5;

/// The least standard deviation that is believed. With few candidates, or all alike, small differences would
/// otherwise decide everything.
pub(crate) const LEAST_DEVIATION: f32 = 0.01;

/// A passage that at least one store proposed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Candidate {
    /// The passage.
    pub(crate) id: PassageId,
    /// Its document.
    pub(crate) doc: DocId,
    /// Its BM25, if the full-text store proposed it.
    pub(crate) bm25: Option<f32>,
    /// Its cosine, if it has a vector.
    pub(crate) cosine: Option<f32>,
}

/// Mean and standard deviation of `nearest`, the cosines of the vector store's own candidates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    mean: f32,
    deviation: f32,
}

impl Spread {
    /// Measures `nearest`; `None` where there is nothing to measure.
    pub(crate) fn of(nearest: &[f32]) -> Option<Self> {
        if nearest.is_empty() {
            return None;
        }
        let count = nearest.len() as f64;
        let mean = nearest.iter().map(|c| f64::from(*c)).sum::<f64>() / count;
        let variance = nearest.iter().map(|c| (f64::from(*c) - mean).powi(2)).sum::<f64>() / count;
        Some(Self { mean: mean as f32, deviation: (variance.sqrt() as f32).max(LEAST_DEVIATION) })
    }

    fn points(self, cosine: f32) -> f32 {
        POINTS_PER_DEVIATION * (cosine - self.mean) / self.deviation
    }
}

/// The fused score of each candidate, in their order.
///
/// A candidate without BM25 has none of the words that count: 0. One without a vector is given the mean of the
/// nearest: its vector is not there yet, which speaks neither for nor against it.
pub(crate) fn fuse(candidates: &[Candidate], spread: Option<Spread>) -> Vec<f32> {
    candidates
        .iter()
        .map(|candidate| {
            let words = candidate.bm25.unwrap_or(0.0);
            let meaning = match (spread, candidate.cosine) {
                (Some(spread), Some(cosine)) => spread.points(cosine),
                _ => 0.0,
            };
            words + meaning
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use docent_core::Hash128;

    use super::*;

    fn candidate(n: u8, bm25: Option<f32>, cosine: Option<f32>) -> Candidate {
        Candidate { id: PassageId(Hash128([n; 16])), doc: DocId(i64::from(n)), bm25, cosine }
    }

    fn order(candidates: &[Candidate]) -> Vec<i64> {
        let nearest: Vec<f32> = candidates.iter().filter_map(|c| c.cosine).collect();
        let scores = fuse(candidates, Spread::of(&nearest));
        let mut order: Vec<usize> = (0..candidates.len()).collect();
        order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
        order.into_iter().map(|at| candidates[at].doc.0).collect()
    }

    #[test]
    fn without_vectors_bm25_decides() {
        let list = [candidate(1, Some(2.0), None), candidate(2, Some(9.0), None)];
        assert_eq!(order(&list), [2, 1]);
    }

    #[test]
    fn without_words_cosine_decides() {
        let list = [candidate(1, None, Some(0.80)), candidate(2, None, Some(0.86))];
        assert_eq!(order(&list), [2, 1]);
    }

    #[test]
    fn a_side_that_cannot_tell_passages_apart_does_not_outvote_one_that_can() {
        let flat_cosines = [
            candidate(1, Some(20.0), Some(0.801)),
            candidate(2, Some(5.0), Some(0.803)),
            candidate(3, Some(4.0), Some(0.802)),
        ];
        assert_eq!(order(&flat_cosines)[0], 1);
        let flat_words = [
            candidate(1, Some(3.1), Some(0.80)),
            candidate(2, Some(3.0), Some(0.90)),
            candidate(3, Some(3.2), Some(0.79)),
        ];
        assert_eq!(order(&flat_words)[0], 2);
    }

    #[test]
    fn a_better_signal_never_lowers_a_score() {
        let spread = Spread::of(&[0.80, 0.84, 0.88]);
        let base = fuse(&[candidate(1, Some(3.0), Some(0.84))], spread)[0];
        assert!(fuse(&[candidate(1, Some(3.5), Some(0.84))], spread)[0] > base);
        assert!(fuse(&[candidate(1, Some(3.0), Some(0.85))], spread)[0] > base);
    }

    #[test]
    fn a_vector_that_is_not_there_yet_neither_helps_nor_harms() {
        let list = [
            candidate(1, Some(5.0), Some(0.90)),
            candidate(2, Some(5.0), None),
            candidate(3, Some(5.0), Some(0.70)),
        ];
        assert_eq!(order(&list), [1, 2, 3]);
    }

    #[test]
    fn scores_are_finite_whatever_comes_in() {
        let list = [candidate(1, Some(0.0), Some(0.5))];
        let scores = fuse(&list, Spread::of(&[0.5]));
        assert!(scores[0].is_finite());
        assert_eq!(Spread::of(&[]), None);
    }
}
