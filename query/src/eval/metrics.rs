//! Ranking metrics, as trec_eval computes them.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// Means over the queries that have a relevant document. All from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Normalised discounted cumulative gain of the first ten: gain is the relevance, discount log2(rank + 1).
    #[serde(rename = "ndcg@10")]
    pub ndcg_10: f64,
    /// Mean average precision of the first ten, over all relevant documents (`map_cut_10`).
    #[serde(rename = "map@10")]
    pub map_10: f64,
    /// One over the rank of the first relevant document among the first ten.
    #[serde(rename = "mrr@10")]
    pub mrr_10: f64,
    /// Whether the first document is relevant.
    #[serde(rename = "hit@1")]
    pub hit_1: f64,
    /// Whether one of the first four is relevant.
    #[serde(rename = "hit@4")]
    pub hit_4: f64,
    /// Whether one of the first ten is relevant.
    #[serde(rename = "hit@10")]
    pub hit_10: f64,
    /// The share of the relevant documents among the first ten.
    #[serde(rename = "recall@10")]
    pub recall_10: f64,
    /// The share of the relevant documents among the first hundred.
    #[serde(rename = "recall@100")]
    pub recall_100: f64,
}

impl Metrics {
    /// Judges one ranking of documents, best first, each document once, by `judged`: relevance by document, of
    /// which more than 0 is relevant. `None` if nothing is relevant.
    pub fn of(ranking: &[String], judged: &HashMap<String, i64>) -> Option<Self> {
        let mut ideal: Vec<f64> = judged.values().filter(|rel| **rel > 0).map(|rel| *rel as f64).collect();
        if ideal.is_empty() {
            return None;
        }
        ideal.sort_by(|a, b| b.total_cmp(a));
        let relevant = ideal.len() as f64;
        let gains: Vec<f64> =
            ranking.iter().map(|doc| judged.get(doc).map_or(0.0, |rel| (*rel).max(0) as f64)).collect();
        let found = |depth: usize| gains.iter().take(depth).filter(|gain| **gain > 0.0).count() as f64;
        let hit = |depth: usize| f64::from(u8::from(found(depth) > 0.0));
        let mut seen = 0.0;
        let mut precisions = 0.0;
        for (at, _) in gains.iter().take(10).enumerate().filter(|(_, gain)| **gain > 0.0) {
            seen += 1.0;
            precisions += seen / (at + 1) as f64;
        }
        let first = gains.iter().take(10).position(|gain| *gain > 0.0);
        Some(Self {
            ndcg_10: discounted(&gains) / discounted(&ideal),
            map_10: precisions / relevant,
            mrr_10: first.map_or(0.0, |at| 1.0 / (at + 1) as f64),
            hit_1: hit(1),
            hit_4: hit(4),
            hit_10: hit(10),
            recall_10: found(10) / relevant,
            recall_100: found(100) / relevant,
        })
    }

    /// The mean of `all`; zeros where there are none.
    pub fn mean(all: &[Self]) -> Self {
        let count = all.len().max(1) as f64;
        let mean = |part: fn(&Self) -> f64| all.iter().map(part).sum::<f64>() / count;
        Self {
            ndcg_10: mean(|m| m.ndcg_10),
            map_10: mean(|m| m.map_10),
            mrr_10: mean(|m| m.mrr_10),
            hit_1: mean(|m| m.hit_1),
            hit_4: mean(|m| m.hit_4),
            hit_10: mean(|m| m.hit_10),
            recall_10: mean(|m| m.recall_10),
            recall_100: mean(|m| m.recall_100),
        }
    }
}

/// Discounted gain of the first ten.
fn discounted(gains: &[f64]) -> f64 {
    gains.iter().take(10).enumerate().map(|(at, gain)| gain / ((at + 2) as f64).log2()).sum()
}

/// Milliseconds per search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Half of the searches took at most this long.
    pub p50: f64,
    /// 95 of 100 took at most this long.
    pub p95: f64,
    /// 99 of 100 took at most this long.
    pub p99: f64,
}

impl Latency {
    /// The percentiles of `took`, milliseconds in any order, by nearest rank; zeros where there are none.
    pub fn of(mut took: Vec<f64>) -> Self {
        took.sort_by(f64::total_cmp);
        let at = |percent: f64| {
            let rank = (percent / 100.0 * took.len() as f64).ceil() as usize;
            took.get(rank.max(1) - 1).copied().unwrap_or_default()
        };
        Self { p50: at(50.0), p95: at(95.0), p99: at(99.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(pairs: &[(&str, i64)]) -> HashMap<String, i64> {
        pairs.iter().map(|(doc, rel)| ((*doc).to_owned(), *rel)).collect()
    }

    fn ranking(docs: &[&str]) -> Vec<String> {
        docs.iter().map(|doc| (*doc).to_owned()).collect()
    }

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-9, "{a} is not {b}");
    }

    #[test]
    fn graded_relevance_by_hand() {
        let metrics = Metrics::of(
            &ranking(&["x", "a", "y", "b"]),
            &judged(&[("a", 1), ("b", 2), ("c", 1), ("x", 0), ("y", -1)]),
        )
        .unwrap();
        // Gains 0 1 0 2 against the ideal 2 1 1.
        let gained = 1.0 / 3f64.log2() + 2.0 / 5f64.log2();
        let ideal = 2.0 + 1.0 / 3f64.log2() + 1.0 / 4f64.log2();
        close(metrics.ndcg_10, gained / ideal);
        close(metrics.map_10, (0.5 + 0.5) / 3.0);
        close(metrics.mrr_10, 0.5);
        close(metrics.hit_1, 0.0);
        close(metrics.hit_4, 1.0);
        close(metrics.recall_10, 2.0 / 3.0);
    }

    #[test]
    fn only_the_first_ten_and_hundred_count() {
        let mut docs: Vec<String> = (0..120).map(|n| format!("n{n}")).collect();
        docs[10] = "late".into();
        docs[100] = "last".into();
        let metrics = Metrics::of(&docs, &judged(&[("late", 1), ("last", 1)])).unwrap();
        assert_eq!((metrics.ndcg_10, metrics.map_10, metrics.mrr_10, metrics.hit_10), (0.0, 0.0, 0.0, 0.0));
        close(metrics.recall_10, 0.0);
        close(metrics.recall_100, 0.5);
    }

    #[test]
    fn a_perfect_ranking_is_one_and_an_empty_one_zero() {
        let judged = judged(&[("a", 3), ("b", 1)]);
        let best = Metrics::of(&ranking(&["a", "b"]), &judged).unwrap();
        close(best.ndcg_10, 1.0);
        close(best.map_10, 1.0);
        assert_eq!(Metrics::of(&[], &judged).unwrap(), Metrics::default());
    }

    #[test]
    fn without_a_relevant_document_a_query_does_not_count() {
        assert_eq!(Metrics::of(&ranking(&["a"]), &judged(&[("a", 0)])), None);
        assert_eq!(Metrics::mean(&[]), Metrics::default());
    }

    #[test]
    fn percentiles_by_nearest_rank() {
        let latency = Latency::of((1..=200).rev().map(f64::from).collect());
        assert_eq!((latency.p50, latency.p95, latency.p99), (100.0, 190.0, 198.0));
        assert_eq!(Latency::of(vec![7.0]), Latency { p50: 7.0, p95: 7.0, p99: 7.0 });
        assert_eq!(Latency::of(Vec::new()), Latency::default());
    }
}
