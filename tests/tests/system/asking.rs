//! Questions: answers that cite, refusals, and what they cost.

use std::fs;

use serde_json::Value;

use crate::home::{Home, copy_folder, examples};

/// Each citation has to exist, and its quote has to stand in the file.
#[track_caller]
fn assert_cites(home: &Home, report: &Value) {
    let citations = report["citations"].as_array().unwrap();
    assert!(!citations.is_empty(), "{report}");
    let answer = report["answer"].as_str().unwrap();
    for (at, citation) in citations.iter().enumerate() {
        assert_eq!(citation["n"], at + 1, "{citation}");
        assert!(answer.contains(&format!("[{}]", at + 1)), "{answer} does not refer to {citation}");
        let path = citation["path"].as_str().unwrap();
        let bytes = fs::read(path).unwrap();
        let quote = citation["quote"].as_str().unwrap();
        assert!(!quote.is_empty(), "{citation}");
        assert!(
            citation["text"].as_str().unwrap().contains(quote),
            "the quote is of the passage: {citation}"
        );
        let plain = citation["mime"].as_str().unwrap().starts_with("text/") && !path.ends_with("html");
        if let (true, Ok(text)) = (plain, std::str::from_utf8(&bytes)) {
            assert!(text.contains(quote), "{quote:?} does not stand in {path}");
        } else {
            let extracted = home.json(&["extract", path]);
            assert!(
                extracted["text"].as_str().unwrap().contains(quote),
                "{quote:?} does not stand in {path}"
            );
        }
        assert_eq!(citation["stale"], false, "{citation}");
        assert!(citation["supported"].is_boolean() && citation["content_hash"].as_str().unwrap().len() >= 32);
        assert!(citation["location"].is_object() && citation["rank"].is_number(), "{citation}");
    }
    let mut rest = answer;
    while let Some(at) = rest.find('[') {
        rest = &rest[at + 1..];
        if let Some(number) = rest.split(']').next().and_then(|inside| inside.parse::<usize>().ok()) {
            assert!(
                (1..=citations.len()).contains(&number),
                "[{number}] is cited and does not exist: {report}"
            );
        }
    }
}

#[test]
fn questions_are_answered_with_citations_in_their_language() {
    let home = Home::new();
    copy_folder(&examples().join("corpus"), &home.docs());
    home.add();

    let english = home.json(&["ask", "How long is the warranty on the AX-200 pump?"]);
    eprintln!("{}", english["answer"]);
    assert_eq!(english["answered"], true, "{english}");
    assert!(english["answer"].as_str().unwrap().contains("36 months"), "{english}");
    assert_cites(&home, &english);
    assert!(english["citations"][0]["path"].as_str().unwrap().contains("ax-200"), "{english}");
    assert_eq!(english["model"], "qwen2.5-coder-0.5b-instruct");
    let timings = &english["timings"];
    for key in ["retrieve_ms", "prefill_ms", "first_token_ms", "total_ms"] {
        assert!(timings[key].as_f64().unwrap() > 0.0, "{key}: {timings}");
    }
    for key in ["prompt_tokens", "generated_tokens"] {
        assert!(timings[key].as_u64().unwrap() > 0, "{key}: {timings}");
    }

    let chinese = home.json(&["ask", "S-65 流量传感器的保修期是多长？"]);
    eprintln!("{}", chinese["answer"]);
    assert_eq!(chinese["answered"], true, "{chinese}");
    assert!(chinese["answer"].as_str().unwrap().contains("24个月"), "{chinese}");
    assert_cites(&home, &chinese);
    // Nothing of this stands in the documents.
    let refusal = home.json_ending(3, &["ask", "Who painted the ceiling of the Sistine Chapel?"]);
    assert_eq!(refusal["answered"], false, "{refusal}");
    assert!(refusal["reason"].is_string() && refusal["hits"].is_array(), "{refusal}");
    assert_eq!(refusal["citations"], Value::Array(Vec::new()));
    // A refusal is in the language of the question.
    let chinese = home.json_ending(3, &["ask", "保修期是多长？", "--path", "nowhere/**"]);
    let is_chinese = |text: &Value| text.as_str().unwrap().chars().any(|c| ('一'..='鿿').contains(&c));
    assert!(is_chinese(&chinese["answer"]) && !is_chinese(&refusal["answer"]), "{chinese} {refusal}");
}

#[test]
fn where_nothing_is_found_nothing_is_made_up() {
    let home = Home::small();
    home.write("a.md", "# Gate\n\nThe gate of hall 4 opens at seven.\n");
    home.add();
    let refusal = home.json_ending(3, &["ask", "When does the gate open?", "--path", "nowhere/**"]);
    assert_eq!((&refusal["answered"], &refusal["reason"]), (&false.into(), &"nothing was found".into()));
    assert_eq!(refusal["timings"]["generated_tokens"], 0, "the model was not asked: {refusal}");
    let output = home.docent(&["ask", "When does the gate open?", "--type", "pdf"]);
    assert_eq!(output.code, Some(3), "{output:?}");
    assert!(!output.stdout.trim().is_empty(), "a person is told: {output:?}");
}

#[test]
fn the_same_question_gets_the_same_answer_until_its_file_changes() {
    let home = Home::small();
    home.configure("[ask]\nanswer_tokens = 24\n");
    let path = home.write("gate.md", "# Gate\n\nThe gate of hall 4 opens at seven in the morning.\n");
    home.add();
    let report = home.json(&["ask", "When does the gate of hall 4 open?"]);
    assert_eq!(report["answered"], true, "{report}");
    assert_cites(&home, &report);
    let again = home.json(&["ask", "When does the gate of hall 4 open?"]);
    assert_eq!(again["answer"], report["answer"], "the same question gets the same answer");
    let reused = again["timings"]["reused_tokens"].as_u64().unwrap();
    assert!(reused > 0, "another process finds the state of the system prompt: {again}");
    fs::write(&path, "# Gate\n\nThe gate of hall 4 is closed from now on, all day long.\n").unwrap();
    let report = home.json(&["ask", "When does the gate of hall 4 open?"]);
    let citations = report["citations"].as_array().unwrap();
    assert!(!citations.is_empty() && citations.iter().all(|citation| citation["stale"] == true), "{report}");
}

#[test]
fn a_pipe_gets_the_answer_as_plain_text() {
    let home = Home::small();
    home.configure("[ask]\nanswer_tokens = 32\n");
    home.write("gate.md", "# Gate\n\nThe gate of hall 4 opens at seven in the morning.\n");
    home.add();
    let output = home.docent(&["ask", "When does the gate of hall 4 open?"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(!output.stdout.contains('\u{1b}') && !output.stderr.contains('\u{1b}'), "no colour: {output:?}");
    assert!(output.stdout.contains("[1]") && output.stdout.contains("gate.md"), "{output:?}");
}
