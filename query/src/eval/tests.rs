use std::path::Path;

use docent_testkit::FakeIndex;

use super::*;
use crate::word_embedder::WordEmbedder;

fn options(mode: Mode, candidates: usize) -> EvalOptions {
    EvalOptions { mode, filter: Filter::default(), candidates }
}

fn parsed(queries: &str, qrels: &str) -> (Vec<EvalQuery>, Qrels) {
    (parse_queries(Path::new("q"), queries).unwrap(), parse_qrels(Path::new("r"), qrels).unwrap())
}

#[test]
fn a_hit_counts_for_its_document_and_each_document_once() {
    let index = FakeIndex::new()
        .document("sub/a.txt", &["apple pie", "apple cake", "apple juice"])
        .document("b.txt", &["an apple and a long list of other things that are nothing of the kind"])
        .embedded_by(&WordEmbedder)
        .unwrap();
    let (queries, qrels) = parsed(
        "{\"id\": 1, \"text\": \"apple\"}\n{\"id\": 2, \"text\": \"unjudged pie\"}",
        "1\tb.txt\t1\n1\tsub/a.txt\t0\n2\tb.txt\t0\n",
    );
    for mode in [Mode::Lexical, Mode::Hybrid] {
        let mut run = Vec::new();
        let report =
            eval(&index, Some(&WordEmbedder), &queries, &qrels, &options(mode, 200), Some(&mut run)).unwrap();
        assert_eq!((report.queries, report.judged), (2, 1));
        assert!((report.metrics.mrr_10 - 0.5).abs() < 1e-9, "{mode:?}: {report:?}");
        assert!((report.metrics.hit_1).abs() < 1e-9);
        assert!((report.metrics.recall_10 - 1.0).abs() < 1e-9);
        let run = String::from_utf8(run).unwrap();
        let first: Vec<&str> = run.lines().filter(|line| line.starts_with("1 ")).collect();
        assert_eq!(first.len(), 2, "{run}");
        assert!(first[0].starts_with("1 Q0 sub/a.txt 1 ") && first[1].starts_with("1 Q0 b.txt 2 "), "{run}");
    }
}

#[test]
fn passages_are_fetched_until_there_are_enough_documents() {
    // One document holds all of the best passages: with ten candidates nothing else would be seen.
    let many: Vec<String> = (0..60).map(|n| format!("needle needle needle n{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let mut index = FakeIndex::new().document("big.txt", &many);
    for n in 0..110 {
        index = index.document(&format!("d{n}.txt"), &["a needle in this haystack of many words"]);
    }
    let (queries, qrels) = parsed("{\"id\": \"q\", \"text\": \"needle\"}", "q\tbig.txt\t1\n");
    let mut run = Vec::new();
    let report = eval(&index, None, &queries, &qrels, &options(Mode::Lexical, 10), Some(&mut run)).unwrap();
    assert!((report.metrics.hit_1 - 1.0).abs() < 1e-9);
    assert_eq!(String::from_utf8(run).unwrap().lines().count(), EVAL_DEPTH);
}

#[test]
fn a_path_that_stands_in_two_roots_counts_once() {
    let mut index = FakeIndex::new();
    for _ in 0..3 {
        index = index.document("a.txt", &["apple pie"]);
    }
    let index = index.document("b.txt", &["an apple and many other things that are nothing of the kind"]);
    let (queries, qrels) = parsed("{\"id\": 1, \"text\": \"apple\"}", "1\tb.txt\t1\n1\ta.txt\t1\n");
    let mut run = Vec::new();
    let report = eval(&index, None, &queries, &qrels, &options(Mode::Lexical, 200), Some(&mut run)).unwrap();
    assert!((report.metrics.ndcg_10 - 1.0).abs() < 1e-9, "{report:?}");
    assert_eq!(String::from_utf8(run).unwrap().lines().count(), 2);
}

#[test]
fn a_query_without_words_finds_nothing_and_is_named() {
    let index = FakeIndex::new().document("a.txt", &["apple pie"]);
    let (queries, qrels) = parsed(
        "{\"id\": \"x7\", \"text\": \"?!\"}\n{\"id\": 2, \"text\": \"apple\"}",
        "x7\ta.txt\t1\n2\ta.txt\t1\n",
    );
    let report = eval(&index, None, &queries, &qrels, &options(Mode::Lexical, 200), None).unwrap();
    assert_eq!((report.queries, report.judged), (2, 2));
    assert!((report.metrics.hit_1 - 0.5).abs() < 1e-9);
    assert!(report.notes.len() == 1 && report.notes[0].contains("x7"), "{:?}", report.notes);
}

#[test]
fn judgements_that_fit_nothing_are_told() {
    let index = FakeIndex::new().document("a.txt", &["apple pie"]);
    let noted = |qrels: &str| {
        let (queries, qrels) = parsed("{\"id\": 1, \"text\": \"apple\"}", qrels);
        eval(&index, None, &queries, &qrels, &options(Mode::Lexical, 200), None).unwrap().notes
    };
    assert!(noted("one\ta.txt\t1\n")[0].contains("same ids"));
    assert!(noted("1\t/docs/a.txt\t1\n")[0].contains("relative"));
    assert!(noted("1\ta.txt\t1\n").is_empty());
}

#[test]
fn the_report_has_the_documented_keys() {
    let json = serde_json::to_value(EvalReport::default()).unwrap();
    let keys: Vec<&String> = json["metrics"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["ndcg@10", "map@10", "mrr@10", "hit@1", "hit@4", "hit@10", "recall@10", "recall@100"]);
    assert!(
        json["latency_ms"]["p99"].is_number() && json["judged"].is_number() && json["queries"].is_number()
    );
}
