use std::fs;

use docent_core::Location;
use docent_testkit::{FakeGenerator, FakeIndex};

use super::*;
use crate::word_embedder::{NoModel, WordEmbedder};

const LEAVE: &str = "Staff have 30 days of annual leave. Unused days lapse on 31 March.";

fn index() -> FakeIndex {
    FakeIndex::new()
        .document("leave.txt", &[LEAVE, "Parental leave is 14 weeks."])
        .document("garage.txt", &["The garage closes at 22:00."])
        .document("zh.txt", &["员工每年有十五天年假。"])
        .embedded_by(&WordEmbedder)
        .unwrap()
}

fn asked(index: &FakeIndex, generator: &FakeGenerator, question: &str) -> (AskReport, Vec<AskEvent>) {
    let mut events = Vec::new();
    let report =
        ask(index, Some(&WordEmbedder), generator, &AskRequest::new(question), &|| false, &mut |event| {
            events.push(event);
            ControlFlow::Continue(())
        })
        .unwrap();
    (report, events)
}

fn shown(events: &[AskEvent]) -> String {
    let text = |event: &AskEvent| match event {
        AskEvent::Text(text) => Some(text.clone()),
        _ => None,
    };
    events.iter().filter_map(text).collect()
}

#[test]
fn an_answer_cites_what_it_was_made_from() {
    let generator = FakeGenerator::new(&["Staff have", " 30 days of", " annual leave [", "7", "]."]);
    let (report, events) = asked(&index(), &generator, "How many days of annual leave do staff have?");
    assert!(report.answered, "{report:?}");
    assert_eq!(report.answer, "Staff have 30 days of annual leave [1].");
    assert_eq!(shown(&events), report.answer);
    let [citation] = &report.citations[..] else { panic!("{:?}", report.citations) };
    assert_eq!((citation.n, citation.hit.path.as_str()), (1, "/docs/leave.txt"));
    assert_eq!(citation.quote, "Staff have 30 days of annual leave.");
    assert!(citation.hit.text.contains(&citation.quote));
    assert!(citation.supported);
    assert!(citation.stale, "the file is not there");
    assert!(matches!(&events[0], AskEvent::Retrieved(hits) if !hits.is_empty()));
    assert!(matches!(events.last(), Some(AskEvent::Citation(last)) if **last == *citation));
    assert!(report.reason.is_none() && report.hits.is_empty());
    assert_eq!(report.timings.generated_tokens, 5);
}

#[test]
fn the_question_decides_the_language_of_prompt_and_refusal() {
    let generator = FakeGenerator::new(&["员工每年有十五天年假。"]);
    let (report, _) = asked(&index(), &generator, "员工每年有多少天年假？");
    assert_eq!(report.answer, "员工每年有十五天年假[1]。");
    let prompt = &generator.prompts()[0];
    assert!(prompt.user.starts_with("段落：\n[1] zh\n员工每年有十五天年假。"), "{}", prompt.user);
    assert!(prompt.user.ends_with("问题：员工每年有多少天年假？"), "{}", prompt.user);
    let (refused, _) = asked(&FakeIndex::new(), &generator, "员工每年有多少天年假？");
    assert_eq!(refused.answer, "现有文档没有回答这个问题。");
}

#[test]
fn system_and_examples_do_not_depend_on_the_question() {
    let generator = FakeGenerator::new(&["30 days."]);
    asked(&index(), &generator, "How many days of annual leave?");
    asked(&index(), &generator, "When does the garage close?");
    let prompts = generator.prompts();
    assert_eq!((&prompts[0].system, &prompts[0].examples), (&prompts[1].system, &prompts[1].examples));
    assert_eq!((prompts[0].temperature, prompts[0].seed), (0.0, 42));
}

#[test]
fn nothing_found_is_refused_without_the_model() {
    let generator = FakeGenerator::failing("must not be asked");
    let (report, events) = asked(&FakeIndex::new(), &generator, "Who is the director?");
    assert!(!report.answered);
    assert_eq!(report.answer, "The documents do not answer this question.");
    assert_eq!(shown(&events), report.answer);
    assert_eq!(report.reason.as_deref(), Some("nothing was found"));
    let (report, _) = asked(&index(), &generator, "Quasar xylophone zeppelin?");
    assert!(!report.answered && report.citations.is_empty());
    assert!(!report.hits.is_empty(), "the nearest hits are shown");
    assert!(generator.prompts().is_empty());
}

#[test]
fn a_model_that_does_not_know_is_a_refusal_and_its_words_are_not_shown() {
    for said in [&["I don", "'t", " know", "."][..], &["I don’t know"], &["我不知道。"], &[""], &["  "]]
    {
        let (report, events) = asked(&index(), &FakeGenerator::new(said), "How many days of annual leave?");
        assert!(!report.answered, "{said:?}");
        assert_eq!(shown(&events), "The documents do not answer this question.", "{said:?}");
        assert!(report.reason.is_some() && !report.hits.is_empty() && report.citations.is_empty());
    }
    let (report, events) = asked(
        &index(),
        &FakeGenerator::new(&["I do", " it: 30 days of annual leave."]),
        "How many days of annual leave?",
    );
    assert!(report.answered);
    assert_eq!(shown(&events), "I do it: 30 days of annual leave [1].");
}

#[test]
fn what_begins_like_a_refusal_and_is_none_is_an_answer() {
    let index = index()
        .document("terms.txt", &["There is no information about visitors in the guest book of Ulm."])
        .embedded_by(&WordEmbedder)
        .unwrap();
    for (question, said) in [
        ("How many days of annual leave?", "Based on the passages, staff have 30 days of annual leave [1]."),
        ("员工每年有多少天年假？", "提供的段落指出，员工每年有十五天年假[1]。"),
        // What it says is not there, and it says so.
        (
            "What does the guest book hold?",
            "There is no information about visitors in the guest book of Ulm.",
        ),
    ] {
        let letters: Vec<String> = said.chars().map(String::from).collect();
        let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
        let (report, events) = asked(&index, &FakeGenerator::new(&letters), question);
        assert!(report.answered, "{said}");
        assert_eq!(shown(&events), report.answer, "{said}");
        assert!(!report.citations.is_empty(), "{said}");
    }
    for said in ["Sorry, I don't know", "Based on the passages, there is no information about that.", "[1]"] {
        let pieces: Vec<&str> = said.split_inclusive(' ').collect();
        let (report, events) = asked(&index, &FakeGenerator::new(&pieces), "How many days of annual leave?");
        assert!(!report.answered, "{said}");
        assert_eq!(shown(&events), report.answer, "{said}");
    }
}

#[test]
fn a_quote_is_one_row_of_the_table_as_the_file_has_it() {
    let rows = "valve\tnine days\npump\tten days";
    let index = FakeIndex::new()
        .document("delivery.txt", &[&format!("item\tdelivery time\n{rows}")])
        .at(Location { chars: Some([50, 50 + rows.chars().count() as u64]), ..Location::default() })
        .embedded_by(&WordEmbedder)
        .unwrap();
    let generator = FakeGenerator::new(&["The delivery time of the pump is ten days [1]."]);
    let (report, _) = asked(&index, &generator, "What is the delivery time of the pump?");
    assert_eq!(report.citations[0].quote, "pump\tten days");
}

#[test]
fn a_long_question_keeps_its_end_and_says_that_it_was_cut() {
    let generator = FakeGenerator::new(&["Staff have 30 days of annual leave [1]."]);
    let asks = "How many days of annual leave do staff have?";
    let (report, _) = asked(&index(), &generator, &format!("{}. {asks}", "o ".repeat(1900)));
    assert!(report.answered && report.notes[0].contains("left out"), "{:?}", report.notes);
    let user = &generator.prompts()[0].user;
    assert!(user.ends_with(asks) && user.contains("o o o"), "{user}");
}

#[test]
fn a_file_that_the_question_names_has_to_do_with_it() {
    let index = index().document("zeta-7.txt", &["Blue whales sing."]).embedded_by(&WordEmbedder).unwrap();
    let generator = FakeGenerator::new(&["Blue whales sing [1]."]);
    let (report, _) = asked(&index, &generator, "Summary of zeta-7.txt?");
    assert!(report.answered && report.citations[0].hit.path.ends_with("zeta-7.txt"), "{report:?}");
}

#[test]
fn an_answer_that_was_cut_short_says_so() {
    let long: Vec<&str> = std::iter::repeat_n("leave ", 2000).collect();
    let (report, _) = asked(&index(), &FakeGenerator::new(&long), "How many days of annual leave?");
    assert!(report.answered && report.notes[0].contains("cut short"), "{:?}", report.notes);
    let (report, _) = asked(&index(), &FakeGenerator::new(&["30 days."]), "How many days of annual leave?");
    assert!(report.notes.is_empty(), "{:?}", report.notes);
}

#[test]
fn quoted_words_come_first_and_leave_nothing_out() {
    let generator = FakeGenerator::new(&["30 days."]);
    asked(&index(), &generator, "Is \"parental leave\" as long as annual leave of staff?");
    let user = &generator.prompts()[0].user;
    assert!(
        user.contains("Parental leave is 14 weeks.") && user.contains("30 days of annual leave"),
        "{user}"
    );
}

#[test]
fn a_question_is_stopped_while_the_model_reads_or_its_words_are_held_back() {
    let events = std::cell::Cell::new(0);
    // The first pieces are empty: the prompt is being read. Then words come that may become a refusal.
    for pieces in [&["", "", "30 days."][..], &["I do", "n't", " know", " it"]] {
        events.set(0);
        let generator = FakeGenerator::new(pieces);
        let request = AskRequest::new("How many days of annual leave?");
        let index = index();
        let stopped = || events.get() > 0;
        let error = ask(&index, Some(&WordEmbedder), &generator, &request, &stopped, &mut |event| {
            assert!(!matches!(event, AskEvent::Text(_)), "{event:?}");
            events.set(events.get() + 1);
            ControlFlow::Continue(())
        })
        .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Interrupted);
    }
}

#[test]
fn an_invented_number_is_cited_but_not_supported() {
    let generator = FakeGenerator::new(&["Staff have 45 days of annual leave [1]."]);
    let (report, _) = asked(&index(), &generator, "How many days of annual leave do staff have?");
    assert!(report.answered);
    assert_eq!(report.citations.len(), 1);
    assert!(!report.citations[0].supported);
}

#[test]
fn the_prompt_fits_whatever_the_passages_are() {
    let long: Vec<String> =
        (0..8).map(|n| format!("leave rule {n} {} ends here. ", "x y z ".repeat(60)).repeat(4)).collect();
    let mut index = FakeIndex::new();
    for (n, text) in long.iter().enumerate() {
        index = index.document(&format!("d{n}.txt"), &[text]);
    }
    let index = index.embedded_by(&WordEmbedder).unwrap();
    for context in [512, 700, 1500, 4096] {
        let generator = FakeGenerator::new(&["Leave."]).context(context);
        let (report, _) = asked(&index, &generator, "What is the leave rule?");
        assert!(report.answered);
        let prompt = &generator.prompts()[0];
        assert!(prompt.user.contains("[1] d"), "{context}");
        assert!(report.timings.prompt_tokens as usize + prompt.max_tokens <= context, "{context}");
    }
    let generator = FakeGenerator::new(&["Leave."]).context(1000);
    let question = "leave rule ".repeat(2000);
    let (report, _) = asked(&index, &generator, &question);
    assert!(report.answered, "{:?}", report.reason);
    assert!(generator.prompts()[0].user.contains("[1] d"));
}

#[test]
fn a_context_without_room_is_an_error_that_says_what_to_raise() {
    let generator = FakeGenerator::new(&["x"]).context(100);
    let error = ask(
        &index(),
        Some(&WordEmbedder),
        &generator,
        &AskRequest::new("annual leave"),
        &|| false,
        &mut |_| ControlFlow::Continue(()),
    )
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.hint_text().unwrap().contains("ask.context_tokens"));
}

#[test]
fn copies_are_given_to_the_model_once_and_neighbours_in_reading_order() {
    let clause = "The annual leave of every member of staff is thirty days in each calendar year.";
    let index = FakeIndex::new()
        .document(
            "a.txt",
            &["Annual leave: first part of the rule", "annual leave leave annual: second part", "unrelated"],
        )
        .document("b.txt", &[clause])
        .document("c.txt", &[clause])
        .embedded_by(&WordEmbedder)
        .unwrap();
    let generator = FakeGenerator::new(&["x"]);
    asked(&index, &generator, "annual leave");
    let user = &generator.prompts()[0].user;
    assert_eq!(user.matches(clause).count(), 1, "{user}");
    let (first, second) = (user.find("first part").unwrap(), user.find("second part").unwrap());
    assert!(first < second, "{user}");
}

#[test]
fn stale_says_whether_the_file_changed() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("leave.txt");
    fs::write(&file, LEAVE).unwrap();
    let index =
        FakeIndex::under(home.path()).document("leave.txt", &[LEAVE]).embedded_by(&WordEmbedder).unwrap();
    let generator = FakeGenerator::new(&["Staff have 30 days of annual leave."]);
    let stale = || asked(&index, &generator, "annual leave of staff").0.citations[0].stale;
    assert!(!stale());
    let later = std::time::SystemTime::now() + std::time::Duration::from_mins(1);
    fs::File::options().write(true).open(&file).unwrap().set_modified(later).unwrap();
    assert!(!stale(), "touched, but the bytes are the same");
    fs::write(&file, LEAVE.replace("30", "31")).unwrap();
    fs::File::options().write(true).open(&file).unwrap().set_modified(later).unwrap();
    assert!(stale(), "same length, other bytes");
    fs::remove_file(&file).unwrap();
    assert!(stale());
}

#[test]
fn failures_and_stops_come_through() {
    let request = AskRequest::new("annual leave");
    let mut go_on = |_: AskEvent| ControlFlow::Continue(());
    let generator = FakeGenerator::failing("out of memory");
    let error = ask(&index(), Some(&WordEmbedder), &generator, &request, &|| false, &mut go_on).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Model);
    let generator = FakeGenerator::new(&["30 ", "days ", "of leave."]);
    let error = ask(&index(), Some(&NoModel), &generator, &request, &|| false, &mut go_on).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ModelMissing);
    let error = ask(&index(), Some(&WordEmbedder), &generator, &AskRequest::new("??"), &|| false, &mut go_on)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    let mut stop = |event: AskEvent| match event {
        AskEvent::Text(_) => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let error = ask(&index(), Some(&WordEmbedder), &generator, &request, &|| false, &mut stop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
}
