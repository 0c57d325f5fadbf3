//! Exact search in memory: the vectors of one version, for as long as there are too few of them for an index.
//!
//! Lance reads the whole table for every question, too, and takes several times longer over it: what is read once
//! answers every question until the next version.

use std::{
    cmp::Ordering,
    collections::{BinaryHeap, HashMap},
};

use docent_core::{DocId, PassageId, Scored};

use crate::filter::DocSet;

/// Numbers that are multiplied side by side: what fits the registers of AVX2 twice.
const LANES: usize = 16;

/// The vectors of one version.
pub(crate) struct ExactVectors {
    dimensions: usize,
    passages: Vec<(PassageId, DocId)>,
    /// One after the other, `dimensions` numbers each, of unit length.
    values: Vec<f32>,
    places: HashMap<PassageId, usize>,
}

impl ExactVectors {
    /// None yet, with room for `rows`.
    pub(crate) fn with_capacity(dimensions: usize, rows: usize) -> Self {
        Self {
            dimensions,
            passages: Vec::with_capacity(rows),
            values: Vec::with_capacity(rows * dimensions),
            places: HashMap::with_capacity(rows),
        }
    }

    /// Adds a vector. One that does not have the right number of dimensions is passed over.
    pub(crate) fn push(&mut self, id: PassageId, doc: DocId, vector: &[f32]) {
        if vector.len() == self.dimensions {
            let length = length(vector);
            self.places.insert(id, self.passages.len());
            self.passages.push((id, doc));
            self.values.extend(vector.iter().map(|value| value / length));
        }
    }

    /// The `limit` nearest to `query` by cosine, best first, among the documents in `docs`.
    pub(crate) fn nearest(&self, query: &[f32], docs: &DocSet, limit: usize) -> Vec<Scored> {
        let mut best: BinaryHeap<Worst> = BinaryHeap::with_capacity(limit + 1);
        let length = length(query);
        for (&(id, doc), vector) in self.passages.iter().zip(self.values.chunks_exact(self.dimensions)) {
            if docs.contains(doc.0 as u64) {
                best.push(Worst(Scored { id, doc, score: dot(vector, query) / length }));
                if best.len() > limit {
                    best.pop();
                }
            }
        }
        best.into_sorted_vec().into_iter().map(|Worst(scored)| scored).collect()
    }

    /// The cosine of each of `ids` with `query`; those that have no vector are left out.
    pub(crate) fn cosines(&self, query: &[f32], ids: &[PassageId]) -> Vec<Scored> {
        let length = length(query);
        let place = |id: &PassageId| self.places.get(id).copied();
        let scored = |at: usize| {
            let (id, doc) = self.passages[at];
            let vector = &self.values[at * self.dimensions..(at + 1) * self.dimensions];
            Scored { id, doc, score: dot(vector, query) / length }
        };
        ids.iter().filter_map(place).map(scored).collect()
    }
}

/// Never 0, so that it can be divided by.
fn length(vector: &[f32]) -> f32 {
    dot(vector, vector).sqrt().max(f32::EPSILON)
}

/// The sum of products, in lanes: one running sum could not be computed side by side.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; LANES];
    let (a_lanes, b_lanes) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a_lanes.remainder().iter().zip(b_lanes.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_lanes.zip(b_lanes) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// Orders the worst to the top of a heap: the lower score, then the later passage.
struct Worst(Scored);

impl Ord for Worst {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.score.total_cmp(&self.0.score).then(self.0.id.cmp(&other.0.id))
    }
}

impl PartialOrd for Worst {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Worst {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Worst {}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, sync::Arc};

    use docent_core::Hash128;

    use super::*;

    fn id(number: u8) -> PassageId {
        PassageId(Hash128::of(&[&[number]]))
    }

    /// Vectors that turn away from the first axis step by step.
    fn turning(count: u8) -> ExactVectors {
        let mut vectors = ExactVectors::with_capacity(19, usize::from(count));
        for number in 0..count {
            let angle = f32::from(number) * 0.1;
            let mut vector = vec![0.0; 19];
            // Lengths do not matter.
            (vector[0], vector[18]) = (angle.cos() * 2.0, angle.sin() * 2.0);
            vectors.push(id(number), DocId(i64::from(number / 2)), &vector);
        }
        vectors
    }

    fn axis() -> Vec<f32> {
        let mut query = vec![0.0; 19];
        query[0] = 3.0;
        query
    }

    #[test]
    fn the_nearest_come_first() {
        let found = turning(12).nearest(&axis(), &DocSet::All, 3);
        assert_eq!(found.iter().map(|scored| scored.id).collect::<Vec<_>>(), [id(0), id(1), id(2)]);
        assert!((found[1].score - 0.1_f32.cos()).abs() < 1e-6);
        assert_eq!(turning(2).nearest(&axis(), &DocSet::All, 10).len(), 2);
        assert!(turning(2).nearest(&axis(), &DocSet::All, 0).is_empty());
    }

    #[test]
    fn other_documents_take_no_place() {
        let docs = DocSet::Only(Arc::new(HashSet::from([5])));
        let found = turning(12).nearest(&axis(), &docs, 3);
        assert_eq!(found.iter().map(|scored| scored.id).collect::<Vec<_>>(), [id(10), id(11)]);
    }

    #[test]
    fn cosines_are_those_of_the_passages_asked_for() {
        let mut query = vec![0.0; 19];
        query[18] = 1.0;
        let found = turning(4).cosines(&query, &[id(3), id(77), id(1)]);
        assert_eq!(found.iter().map(|scored| scored.id).collect::<Vec<_>>(), [id(3), id(1)]);
        assert!((found[0].score - 0.3_f32.sin()).abs() < 1e-6);
    }
}
