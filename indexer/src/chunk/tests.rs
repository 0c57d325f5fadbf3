use docent_core::{BlockKind, DocumentBuilder};
use docent_testkit::FakeEmbedder;
use proptest::prelude::*;

use super::*;

fn sentence(n: usize, words: usize) -> String {
    let words: Vec<String> = (0..words).map(|word| format!("w{n}x{word}")).collect();
    format!("S{}.", words.join(" "))
}

fn texts(passages: &[Passage]) -> Vec<&str> {
    passages.iter().map(|passage| passage.text.as_str()).collect()
}

fn cut(document: &ParsedDocument, limit: usize) -> Vec<Passage> {
    chunk(document, &FakeEmbedder::new(), limit).unwrap()
}

#[test]
fn what_has_no_tokens_does_not_pile_up_in_one_passage() {
    let mut builder = DocumentBuilder::new("text/html");
    for _ in 0..10_000 {
        builder.push(BlockKind::Paragraph, "\u{200b}", Location::default());
    }
    let blind = FakeEmbedder::new().with_tokens(|_| Ok(Vec::new()));
    let passages = chunk(&builder.finish(), &blind, 100).unwrap();
    assert!(passages.len() >= 100, "{}", passages.len());
}

#[test]
fn very_many_short_lines_are_taken_together() {
    let text = "1,2\n".repeat(300_000);
    let mut builder = DocumentBuilder::new("text/csv");
    builder.table(&text, 0, Location { lines: Some([1, 300_000]), ..Location::default() });
    let document = builder.finish();
    let pieces = pieces_of(&FakeEmbedder::new(), &document.text, 0, &document.blocks[0], 400).unwrap();
    assert!(pieces.len() < 10_000, "{}", pieces.len());
    let passages = cut(&document, 400);
    let mut next = 1;
    for passage in passages {
        let [from, to] = passage.location.lines.unwrap();
        assert_eq!((from, passage.text.lines().count() as u32), (next, to + 1 - from));
        next = to + 1;
    }
    assert_eq!(next, 300_001);
}

#[test]
fn small_blocks_are_packed_and_headings_go_into_the_context() {
    let mut builder = DocumentBuilder::new("text/html");
    builder.title("Handbook");
    builder.heading(1, "Leave", Location::default());
    builder.push(BlockKind::Paragraph, "Thirty days.", Location::default());
    builder.heading(3, "Unpaid", Location::default());
    builder.push(BlockKind::Paragraph, "On request.", Location::default());
    builder.heading(2, "Sick leave", Location::default());
    builder.push(BlockKind::ListItem, "Call first.", Location::default());
    let document = builder.finish();
    let passages = cut(&document, 100);
    assert_eq!(texts(&passages), ["Leave\nThirty days.\nUnpaid\nOn request.", "Sick leave\nCall first."]);
    assert_eq!(passages[0].context, "Handbook > Leave");
    assert_eq!(passages[1].context, "Handbook > Leave > Sick leave");
    assert_eq!(passages[1].location.heading, ["Leave", "Sick leave"]);
}

#[test]
fn no_passage_reaches_across_a_page_or_part() {
    let mut builder = DocumentBuilder::new("application/pdf");
    for page in 1..=3 {
        builder.push(BlockKind::Paragraph, "Text.", Location { page: Some(page), ..Location::default() });
    }
    let passages = cut(&builder.finish(), 100);
    let pages: Vec<_> = passages.iter().map(|passage| passage.location.page).collect();
    assert_eq!(pages, [Some(1), Some(2), Some(3)]);
}

#[test]
fn a_long_paragraph_is_cut_between_sentences_and_its_tail_is_not_tiny() {
    let text: Vec<String> = (0..11).map(|n| sentence(n, 9)).collect();
    let mut builder = DocumentBuilder::new("text/plain");
    builder.push(BlockKind::Paragraph, &text.join(" "), Location::default());
    let document = builder.finish();
    let passages = cut(&document, 108);
    assert_eq!(passages.len(), 2);
    for passage in &passages {
        assert!(passage.text.starts_with('S') && passage.text.ends_with('.'), "{}", passage.text);
        let tokens = FakeEmbedder::new().token_ends(&passage.text).unwrap().len();
        assert!((SHORT..=100).contains(&tokens), "{tokens}");
    }
}

#[test]
fn a_long_table_repeats_its_header_and_names_its_cells() {
    let rows: Vec<String> = (1..=40).map(|row| format!("item{row}\t{row}")).collect();
    let text = format!("name\tprice\n{}", rows.join("\n"));
    let mut builder = DocumentBuilder::new("text/csv");
    let place = Location { cells: Some("A1:B41".into()), sheet: Some("S".into()), ..Location::default() };
    builder.table(&text, "name\tprice".len(), place);
    let document = builder.finish();
    let passages = cut(&document, 40);
    assert!(passages.len() > 2);
    let mut next = 1;
    for passage in &passages {
        assert!(passage.text.starts_with("name\tprice\n"), "{}", passage.text);
        let rows = passage.text.lines().count() as u32 - u32::from(next > 1);
        let expected = format!("A{next}:B{}", next + rows - 1);
        assert_eq!(passage.location.cells.as_deref(), Some(expected.as_str()));
        next += rows;
    }
    assert_eq!(next, 42);
}

#[test]
fn code_is_cut_by_lines_and_lines_are_exact() {
    let lines: Vec<String> = (10..60).map(|line| format!("let x{line} = {line};")).collect();
    let mut builder = DocumentBuilder::new("text/x-rust");
    builder.push(
        BlockKind::Code,
        &lines.join("\n"),
        Location { lines: Some([10, 59]), ..Location::default() },
    );
    let document = builder.finish();
    for passage in cut(&document, 60) {
        let [a, b] = passage.location.lines.unwrap();
        assert!(passage.text.starts_with(&format!("let x{a} ")), "{passage:?}");
        assert!(passage.text.ends_with(&format!(" {b};")), "{passage:?}");
    }
}

#[test]
fn a_heading_stands_with_what_follows() {
    let long: Vec<String> = (0..6).map(|n| sentence(n, 9)).collect();
    let mut builder = DocumentBuilder::new("text/html");
    builder.push(BlockKind::Paragraph, &long.join(" "), Location::default());
    builder.heading(3, "Then", Location::default());
    builder.push(BlockKind::Paragraph, &long.join(" "), Location::default());
    let passages = cut(&builder.finish(), 80);
    assert_eq!(passages.len(), 2);
    assert!(passages[1].text.starts_with("Then\n"));
}

#[test]
fn a_long_context_keeps_its_ends() {
    let mut builder = DocumentBuilder::new("text/html");
    builder.title("Title");
    for level in 1..=5 {
        builder.heading(level, &vec![format!("h{level}"); 12].join(" "), Location::default());
    }
    builder.push(BlockKind::Paragraph, "Text.", Location::default());
    let passages = cut(&builder.finish(), 256);
    let context = &passages.last().unwrap().context;
    let tokens = FakeEmbedder::new().token_ends(context).unwrap().len();
    assert!(tokens <= CONTEXT_TOKENS, "{tokens}");
    assert!(context.starts_with("Title"), "{context}");
}

#[derive(Clone, Debug)]
struct Part {
    kind: u8,
    level: u8,
    text: String,
    page: u32,
}

fn part() -> impl Strategy<Value = Part> {
    let word = prop_oneof![
        3 => "[a-z]{1,9}",
        1 => "[年假休期三十天]{1,6}",
        1 => Just("Dr.".to_owned()),
        1 => "[,;:.!?。！？；，]",
        1 => Just("\n".to_owned()),
        1 => Just("\u{301}é😀".to_owned()),
    ];
    (0..5u8, 1..=6u8, prop::collection::vec((word, 0..2u8), 1..120), 0..3u32).prop_map(
        |(kind, level, words, page)| {
            let mut text = String::new();
            for (word, gap) in words {
                text.push_str(&word);
                if gap == 0 {
                    text.push(' ');
                }
            }
            Part { kind, level, text, page }
        },
    )
}

fn build(parts: &[Part]) -> ParsedDocument {
    let mut builder = DocumentBuilder::new("text/plain");
    builder.title("A title, some words long");
    let mut page = 1;
    for part in parts {
        page += u32::from(part.page == 0);
        let place = Location { page: Some(page), ..Location::default() };
        match part.kind {
            0 => builder.heading(part.level, &part.text, place),
            1 => builder.push(BlockKind::Paragraph, &part.text, place),
            2 => builder.table(&part.text, part.text.find('\n').unwrap_or(0), place),
            3 => builder.push(BlockKind::ListItem, &part.text, place),
            _ => builder.push(BlockKind::Code, &part.text, place),
        }
    }
    builder.finish()
}

proptest! {
    #[test]
    fn passages_cover_the_text_in_order_and_none_is_too_long(
        parts in prop::collection::vec(part(), 0..12),
        limit in 32usize..200,
    ) {
        let document = build(&parts);
        let embedder = FakeEmbedder::new();
        let passages = chunk(&document, &embedder, limit).unwrap();
        let chars: Vec<char> = document.text.chars().collect();
        let mut covered = vec![false; chars.len()];
        let mut last = 0;
        for passage in &passages {
            let [from, to] = passage.location.chars.unwrap();
            prop_assert!(from >= last && to > from);
            last = to;
            let slice: String = chars[from as usize..to as usize].iter().collect();
            prop_assert!(passage.text.ends_with(&slice), "{:?} is not at {from}..{to}", passage.text);
            covered[from as usize..to as usize].fill(true);
            let tokens = embedder.token_ends(&passage.embedded_text()).unwrap().len();
            prop_assert!(tokens + RESERVE <= limit.max(16 + RESERVE), "{tokens} tokens, limit {limit}");
            prop_assert!(!passage.text.trim().is_empty());
        }
        for block in &document.blocks {
            let [from, to] = block.location.chars.unwrap();
            for at in from..to {
                let at = at as usize;
                prop_assert!(covered[at] || chars[at].is_whitespace(), "{:?} is in no passage", chars[at]);
            }
        }
    }
}
