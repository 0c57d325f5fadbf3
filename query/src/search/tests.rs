use docent_core::{ErrorKind, Location};
use docent_testkit::FakeIndex;

use super::*;
use crate::word_embedder::{NoModel, WordEmbedder};

fn index() -> FakeIndex {
    FakeIndex::new()
        .document("leave.txt", &["Staff have 30 days of annual leave.", "Unused days lapse in March."])
        .document(
            "codes.txt",
            &["E_4021 means the pump is dry.", "E 4021 is a bus line.", "E_4022 means it is wet."],
        )
        .document("zh.txt", &["员工每年有三十天年假。", "加班费按小时计算。"])
        .document("bills.txt", &["Invoice INV-2024/0031 was paid late.", "Invoice INV-2024/0032 is open."])
        .embedded_by(&WordEmbedder)
        .unwrap()
}

fn request(query: &str) -> SearchRequest {
    SearchRequest::new(query, &SearchConfig::default())
}

fn found(query: &str) -> SearchReport {
    search(&index(), Some(&WordEmbedder), &request(query)).unwrap()
}

fn texts(report: &SearchReport) -> Vec<&str> {
    report.hits.iter().map(|hit| hit.text.as_str()).collect()
}

#[test]
fn a_whole_question_finds_what_its_words_find() {
    let report = found("How many days of annual leave do our staff have in this company?");
    assert_eq!(texts(&report)[0], "Staff have 30 days of annual leave.");
    assert_eq!(texts(&found("请问员工每年的年假有多少天？"))[0], "员工每年有三十天年假。");
}

#[test]
fn meaning_finds_what_words_do_not() {
    let report = found("vacation");
    assert_eq!(texts(&report)[0], "Staff have 30 days of annual leave.");
    assert_eq!(report.hits[0].signals.bm25, None);
    let lexical = SearchRequest { mode: Mode::Lexical, ..request("vacation") };
    assert!(search(&index(), None, &lexical).unwrap().hits.is_empty());
}

#[test]
fn a_hit_says_where_it_stands_and_why() {
    let report = found("annual leave");
    let hit = &report.hits[0];
    assert_eq!((hit.rank, hit.path.as_str(), hit.title.as_str()), (1, "/docs/leave.txt", "leave"));
    assert_eq!(hit.modified, "1970-01-01T00:00:01Z");
    assert_eq!(hit.location, Location { chars: Some([0, 35]), ..Location::default() });
    assert!(hit.signals.bm25.is_some() && hit.signals.cosine.is_some());
    assert_eq!(hit.signals.fused, Some(hit.score));
    assert!(report.hits.windows(2).all(|pair| pair[0].score >= pair[1].score));
    assert_eq!(report.generation, 1);
}

#[test]
fn identifiers_come_first_as_they_stand() {
    for query in ["E_4021", "e_4021", "Ｅ＿4021", "what does E_4021 mean?"] {
        let report = found(query);
        assert_eq!(texts(&report)[0], "E_4021 means the pump is dry.", "{query}");
        assert!(report.notes.is_empty(), "{query}");
        assert!(report.hits.windows(2).all(|pair| pair[0].score >= pair[1].score), "{query}");
    }
    assert_eq!(texts(&found("INV-2024/0032"))[0], "Invoice INV-2024/0032 is open.");
}

#[test]
fn an_identifier_that_is_nowhere_falls_back_and_says_so() {
    let report = found("E_4029");
    assert!(!report.hits.is_empty());
    assert!(report.notes[0].contains("E_4029"), "{:?}", report.notes);
}

#[test]
fn a_quoted_phrase_stands_in_every_hit() {
    for mode in [Mode::Hybrid, Mode::Lexical, Mode::Vector] {
        let request = SearchRequest { mode, ..request("\"annual leave\" days") };
        let report = search(&index(), Some(&WordEmbedder), &request).unwrap();
        assert_eq!(texts(&report), ["Staff have 30 days of annual leave."], "{mode:?}");
        assert!(report.notes.is_empty());
    }
    assert_eq!(texts(&found("“每年有三十天”")), ["员工每年有三十天年假。"]);
}

#[test]
fn a_phrase_that_is_nowhere_falls_back_and_says_so() {
    let report = found("\"leave annual\"");
    assert_eq!(texts(&report)[0], "Staff have 30 days of annual leave.");
    assert!(report.notes[0].contains("\"leave annual\""), "{:?}", report.notes);
}

#[test]
fn words_in_other_forms_are_told_from_the_phrase_itself() {
    let index = FakeIndex::new()
        .document("a.txt", &["annual - leave"])
        .document("b.txt", &["the Annual  Leave rules"])
        .embedded_by(&WordEmbedder)
        .unwrap();
    let report = search(&index, Some(&WordEmbedder), &request("\"annual leave\"")).unwrap();
    assert_eq!(texts(&report), ["the Annual  Leave rules"]);
}

#[test]
fn quoted_words_that_no_passage_has_together_are_found_one_by_one() {
    let report = found("\"annual leave\" \"bus line\"");
    let mut found = texts(&report);
    found.sort_unstable();
    assert_eq!(found, ["E 4021 is a bus line.", "Staff have 30 days of annual leave."]);
    assert!(report.notes[0].contains("together"), "{:?}", report.notes);
}

#[test]
fn identifiers_count_beside_quotes_that_are_nowhere() {
    let report = found("\"nothing of the kind\" E_4022");
    assert_eq!(texts(&report)[0], "E_4022 means it is wet.");
}

#[test]
fn identifiers_count_beside_quotes_that_stand_somewhere() {
    let index = FakeIndex::new()
        .document("a.txt", &["error error error", "an error, and it was E_4021 that time"])
        .embedded_by(&WordEmbedder)
        .unwrap();
    let report = search(&index, Some(&WordEmbedder), &request("\"error\" E_4021")).unwrap();
    assert_eq!(texts(&report), ["an error, and it was E_4021 that time", "error error error"]);
    assert!(report.hits[0].score > report.hits[1].score);
}

#[test]
fn quotes_match_the_other_form_of_chinese_other_hyphens_and_line_breaks() {
    let index = FakeIndex::new()
        .document("a.txt", &["年假天\n数为三十。", "年假和天数"])
        .document(
            "b.txt",
            &["Contract HT\u{2011}2024\u{2011}001 is signed.", "HT 2024 001 is a phone number."],
        )
        .embedded_by(&WordEmbedder)
        .unwrap();
    for (query, text) in [
        ("“年假天數”", "年假天\n数为三十。"),
        ("\"ht-2024-001\"", "Contract HT\u{2011}2024\u{2011}001 is signed."),
    ] {
        let report = search(&index, Some(&WordEmbedder), &request(query)).unwrap();
        assert_eq!(texts(&report), [text], "{query}");
        assert!(report.notes.is_empty(), "{:?}", report.notes);
    }
}

#[test]
fn an_identifier_counts_in_title_and_headings() {
    let heading = Location { heading: vec!["Error E_77".into()], ..Location::default() };
    let index = index()
        .document("t.txt", &["Renew the contract."])
        .titled("HT-2024-001 supplement")
        .document("h.txt", &["The filter is full."])
        .at(heading)
        .embedded_by(&WordEmbedder)
        .unwrap();
    for (query, text) in [("HT-2024-001", "Renew the contract."), ("E_77", "The filter is full.")] {
        let report = search(&index, Some(&WordEmbedder), &request(query)).unwrap();
        assert_eq!(texts(&report)[0], text, "{query}");
        assert!(report.notes.is_empty(), "{query}: {:?}", report.notes);
    }
}

#[test]
fn the_file_that_a_query_names_comes_first() {
    let index = index()
        .document("report-final.docx", &["Nothing of note.", "Sales fell."])
        .embedded_by(&WordEmbedder)
        .unwrap();
    for query in
        ["report-final.docx", "\"report-final.docx\"", "what does report-final.docx say of the pump?"]
    {
        let report = search(&index, Some(&WordEmbedder), &request(query)).unwrap();
        assert!(
            report.hits[..2].iter().all(|hit| hit.path.ends_with("report-final.docx")),
            "{query}: {report:?}"
        );
        assert!(report.hits.windows(2).all(|pair| pair[0].score >= pair[1].score), "{query}");
        assert!(report.notes.is_empty(), "{query}: {:?}", report.notes);
    }
}

#[test]
fn quotes_and_identifiers_count_beside_the_name_of_a_file() {
    let index = FakeIndex::new()
        .document(
            "report-final.docx",
            &["Nothing of note.", "The annual leave is long.", "It failed with E_4021."],
        )
        .document("other.txt", &["The annual leave is short.", "E_4021 is in report-final.docx."])
        .embedded_by(&WordEmbedder)
        .unwrap();
    let texts_of = |query: &str| -> Vec<String> {
        let report = search(&index, Some(&WordEmbedder), &request(query)).unwrap();
        assert!(report.notes.is_empty(), "{query}: {:?}", report.notes);
        texts(&report).into_iter().map(str::to_owned).collect()
    };
    assert_eq!(
        texts_of("\"annual leave\" report-final.docx"),
        ["The annual leave is long.", "The annual leave is short."]
    );
    // A quoted name: the file, and what holds the name.
    let quoted = texts_of("\"report-final.docx\"");
    assert!(quoted.len() == 4 && quoted[3] == "E_4021 is in report-final.docx.", "{quoted:?}");
    let coded = texts_of("where in report-final.docx is E_4021?");
    assert_eq!(
        (coded[0].as_str(), coded[3].as_str()),
        ("It failed with E_4021.", "E_4021 is in report-final.docx.")
    );
}

#[test]
fn an_identifier_in_another_form_comes_first_with_a_note() {
    let index =
        index().document("other.txt", &["The part KX 9000 is sold out."]).embedded_by(&WordEmbedder).unwrap();
    let report = search(&index, Some(&WordEmbedder), &request("KX-9000 means what, pump?")).unwrap();
    assert_eq!(texts(&report)[0], "The part KX 9000 is sold out.");
    assert!(report.notes[0].contains("other forms"), "{:?}", report.notes);
}

#[test]
fn what_an_identifier_brings_in_is_ranked_on_the_scale_of_the_rest() {
    // One candidate from each side: the other two holders come in later, and are as good as their cosines say.
    let near = WordEmbedder.embed_query("pump E_4021").unwrap();
    let index = FakeIndex::new()
        .document("a.txt", &["E_4021 E_4021 E_4021", "E_4021 pump is dry", "E_4021 zebra zebra zebra zebra"])
        .with_vectors(&[Some(near.clone()), Some(near), WordEmbedder.embed_query("zebra").ok()]);
    let one = SearchRequest { candidates: 1, ..request("pump E_4021") };
    let hits = search(&index, Some(&WordEmbedder), &SearchRequest { k: 3, ..one }).unwrap().hits;
    assert!(hits.len() == 3 && hits[2].text.contains("zebra"), "{hits:?}");
    // Alone among newcomers, a far one used to be put at the mean of itself.
    assert!(hits[2].score < hits[1].score - 1.0, "{hits:?}");
}

#[test]
fn without_a_model_only_lexical_search_works() {
    let error = search(&index(), Some(&NoModel), &request("leave")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ModelMissing);
    assert_eq!(error.hint_text(), Some("docent models pull missing"));
    assert_eq!(search(&index(), None, &request("leave")).unwrap_err().kind(), ErrorKind::ModelMissing);
    let lexical = SearchRequest { mode: Mode::Lexical, ..request("leave") };
    let report = search(&index(), Some(&NoModel), &lexical).unwrap();
    assert_eq!(report.hits.len(), 1);
    assert_eq!((report.hits[0].signals.cosine, report.hits[0].signals.fused), (None, None));
}

#[test]
fn a_query_without_words_is_wrong_usage() {
    for query in ["", "   ", "?!"] {
        assert_eq!(search(&index(), None, &request(query)).unwrap_err().kind(), ErrorKind::Usage);
    }
}

#[test]
fn a_very_long_query_works_and_says_that_it_was_cut() {
    let report = found(&"annual leave ".repeat(8000));
    assert_eq!(texts(&report)[0], "Staff have 30 days of annual leave.");
    assert!(report.notes[0].contains("4096"), "{:?}", report.notes);
}

#[test]
fn passages_without_a_vector_are_found_too() {
    let index = FakeIndex::new()
        .document("old.txt", &["bread and butter"])
        .document("new.txt", &["quarterly turnover report"])
        .with_vectors(&[Some(WordEmbedder.embed_query("bread and butter").unwrap()), None]);
    let report = search(&index, Some(&WordEmbedder), &request("turnover report")).unwrap();
    assert_eq!(texts(&report)[0], "quarterly turnover report");
    assert_eq!(report.hits[0].signals.cosine, None);
}

#[test]
fn copies_are_all_found_newest_first_but_a_document_repeats_nothing() {
    let index = FakeIndex::new()
        .document("a.txt", &["the same clause", "the  same clause"])
        .document("b.txt", &["the same clause"])
        .embedded_by(&WordEmbedder)
        .unwrap();
    let report = search(&index, Some(&WordEmbedder), &request("same clause")).unwrap();
    let paths: Vec<_> = report.hits.iter().map(|hit| hit.path.as_str()).collect();
    assert_eq!(paths, ["/docs/b.txt", "/docs/a.txt"]);
    assert_eq!(report.hits.iter().map(|hit| hit.rank).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn k_and_filter_are_kept_to() {
    let one = SearchRequest { k: 1, ..request("means") };
    assert_eq!(search(&index(), Some(&WordEmbedder), &one).unwrap().hits.len(), 1);
    let index = index().document("other.txt", &["annual leave elsewhere"]).in_collection("b");
    let filter = Filter { collections: vec!["b".into()], ..Filter::default() };
    let report =
        search(&index, Some(&WordEmbedder), &SearchRequest { filter, ..request("annual leave") }).unwrap();
    assert!(report.hits.iter().all(|hit| hit.collection == "b") && !report.hits.is_empty());
}

#[test]
fn documents_of_a_root_that_is_gone_stay_searchable_with_a_note() {
    let index = index().document("usb.txt", &["zebra crossing"]).unavailable("not mounted");
    let report = search(&index, Some(&WordEmbedder), &request("zebra")).unwrap();
    assert_eq!(texts(&report)[0], "zebra crossing");
    assert!(report.notes[0].contains("not mounted"), "{:?}", report.notes);
}

#[test]
fn nothing_is_found_in_an_empty_index() {
    let report = search(&FakeIndex::new(), Some(&WordEmbedder), &request("E_4021")).unwrap();
    assert!(report.hits.is_empty() && report.notes.is_empty());
}
