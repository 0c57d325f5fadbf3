//! The cited places of real passages, checked by other tools than docent's own: `pdftotext` for pages, Python's library
//! for what Office, mail and text files hold.
//!
//! Needs the kit of test documents (DOCENT_KIT). DOCENT_SAMPLE is how many passages are looked at (200; 0 for all),
//! DOCENT_SEED which ones.

use std::{
    collections::BTreeMap,
    env,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use docent_core::{Location, ParsedDocument, Parser as _};
use docent_embed::{EmbedderSpec, OnnxEmbedder, Pooling};
use docent_indexer::chunk;
use docent_parse::{ParseOptions, Parsers};
use serde_json::{Value, json};

use crate::{
    home::{files_below, models},
    invented::Dice,
};

const FORMATS: [&str; 6] = ["pdf", "docx", "xlsx", "pptx", "md", "eml"];
/// Folders of the kit that hold such files.
const FOLDERS: [&str; 3] = ["formats/files", "localgpt-private/docs", "chunking-eval/docs"];
/// How many of a passage's words have to stand in its place.
const ENOUGH: f64 = 0.95;
/// As the index cuts them by default.
const PASSAGE_TOKENS: usize = 256;

/// A passage, and the place of another passage of its file.
struct Cited {
    file: PathBuf,
    text: String,
    header: String,
    location: Location,
    elsewhere: Option<Location>,
}

/// Puts them in an order of chance.
fn shuffle<T>(dice: &mut Dice, items: &mut [T]) {
    for at in (1..items.len()).rev() {
        items.swap(at, dice.below(at + 1));
    }
}

fn number(name: &str, default: usize) -> usize {
    env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

/// The tokenizer of the default embedder; its model is never loaded.
fn embedder() -> OnnxEmbedder {
    let folder = models().join("multilingual-e5-small");
    OnnxEmbedder::new(EmbedderSpec {
        id: "multilingual-e5-small".into(),
        onnx: folder.join("model_int8.onnx"),
        tokenizer: folder.join("tokenizer.json"),
        dimensions: 384,
        max_tokens: 512,
        query_prefix: "query: ".into(),
        passage_prefix: "passage: ".into(),
        pooling: Pooling::Mean,
        runtime: PathBuf::new(),
        threads: 1,
    })
}

/// The passages of a file, as the index has them; none if it cannot be read.
fn passages_of(file: &Path, parsers: &Parsers, embedder: &OnnxEmbedder) -> Vec<Cited> {
    let Ok(document) = parsers.parse(file, &std::fs::read(file).unwrap()) else { return Vec::new() };
    let passages = chunk(&document, embedder, PASSAGE_TOKENS).unwrap();
    let places: Vec<Location> = passages.iter().map(|passage| passage.location.clone()).collect();
    let starts: Vec<usize> =
        document.text.char_indices().map(|(at, _)| at).chain([document.text.len()]).collect();
    let mut cited = Vec::new();
    for (at, passage) in passages.into_iter().enumerate() {
        let (header, text) = parted(&document, &starts, &passage.text, &passage.location);
        let elsewhere = places[at + 1..]
            .iter()
            .chain(places[..at].iter().rev())
            .find(|other| checked(other) != checked(&passage.location));
        let elsewhere = elsewhere.cloned();
        cited.push(Cited { file: file.to_owned(), text, header, location: passage.location, elsewhere });
    }
    cited
}

/// A passage is a slice of the document's text, below a header row that it may repeat. `starts` are the bytes that the
/// characters of the text begin at.
fn parted(document: &ParsedDocument, starts: &[usize], text: &str, location: &Location) -> (String, String) {
    let [start, end] = location.chars.expect("every passage knows its characters");
    let slice = &document.text[starts[start as usize]..starts[end as usize]];
    let header = text.strip_suffix(slice).unwrap_or_else(|| panic!("{text:?} does not end with {slice:?}"));
    (header.to_owned(), slice.to_owned())
}

/// What of a location is checked: the headings where there is nothing else, as in Word.
fn checked(location: &Location) -> Location {
    let mut place = Location { chars: None, ..location.clone() };
    let by_headings = Location { heading: location.heading.clone(), ..Location::default() };
    if place != by_headings {
        place.heading.clear();
    }
    place
}

/// `count` passages: the formats in turn, and within each its files in turn.
fn sample(by_format: BTreeMap<&'static str, Vec<Vec<Cited>>>, count: usize) -> Vec<(&'static str, Cited)> {
    let mut dice = Dice(number("DOCENT_SEED", 1) as u64);
    let mut queues: Vec<(&'static str, Vec<Cited>)> = Vec::new();
    for (format, mut files) in by_format {
        shuffle(&mut dice, &mut files);
        for file in &mut files {
            shuffle(&mut dice, file);
        }
        let mut queue = Vec::new();
        while files.iter().any(|file| !file.is_empty()) {
            queue.extend(files.iter_mut().filter_map(Vec::pop));
        }
        queue.reverse();
        queues.push((format, queue));
    }
    let mut chosen = Vec::new();
    while chosen.len() < count && queues.iter().any(|(_, queue)| !queue.is_empty()) {
        for (format, queue) in &mut queues {
            chosen.extend(queue.pop().map(|cited| (*format, cited)));
        }
    }
    chosen.truncate(count);
    chosen
}

/// What the other tools say of each passage in each place.
fn verdicts(asked: &[Value]) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/system/locations/places.py");
    let mut command = Command::new("python3");
    command.arg("-B").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("python3 runs");
    let mut input = child.stdin.take().unwrap();
    let lines: String = asked.iter().map(|line| format!("{line}\n")).collect();
    let writing = thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "places.py failed");
    writing.join().unwrap().unwrap();
    let answers: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), asked.len(), "an answer for each passage");
    answers
}

fn is_right(verdict: &Value) -> bool {
    verdict["share"].as_f64().unwrap() >= ENOUGH && verdict["why"] == ""
}

#[derive(Default)]
struct Row {
    files: usize,
    sampled: usize,
    right: usize,
    moved: usize,
    moved_noticed: usize,
}

#[test]
fn cited_places_hold_the_text() {
    let Some(kit) = env::var_os("DOCENT_KIT").map(PathBuf::from) else {
        eprintln!("skipped: DOCENT_KIT is not set, so there are no documents to cite");
        return;
    };
    let works = |program: &str| Command::new(program).arg("-v").output().is_ok();
    assert!(works("pdftotext") && works("python3"), "needs pdftotext and python3: `scripts/setup.sh test`");
    let pdfium = Some(models().join("pdfium/libpdfium.so"));
    let parsers = Parsers::new(ParseOptions { pdfium, ..ParseOptions::default() });
    let embedder = embedder();
    let mut by_format: BTreeMap<&'static str, Vec<Vec<Cited>>> = BTreeMap::new();
    let mut rows: BTreeMap<&'static str, Row> = BTreeMap::new();
    for file in FOLDERS.iter().flat_map(|folder| files_below(&kit.join(folder))) {
        let extension = file.extension().unwrap_or_default().to_string_lossy().into_owned();
        let Some(format) = FORMATS.iter().find(|format| **format == extension) else { continue };
        let passages = passages_of(&file, &parsers, &embedder);
        rows.entry(format).or_default().files += usize::from(!passages.is_empty());
        by_format.entry(format).or_default().push(passages);
    }
    let count = match number("DOCENT_SAMPLE", 200) {
        0 => usize::MAX,
        count => count,
    };
    let chosen = sample(by_format, count);
    // Each is looked for where it is cited, and where another passage of the file is.
    let ask = |format: &str, cited: &Cited, location: &Location| {
        let Cited { file, text, header, .. } = cited;
        json!({"format": format, "file": file, "text": text, "header": header, "location": location})
    };
    let mut asked = Vec::new();
    for (format, cited) in &chosen {
        asked.push(ask(format, cited, &cited.location));
        asked.push(ask(format, cited, cited.elsewhere.as_ref().unwrap_or(&cited.location)));
    }
    let mut wrong = Vec::new();
    for ((format, cited), answers) in chosen.iter().zip(verdicts(&asked).chunks(2)) {
        let row = rows.entry(format).or_default();
        row.sampled += 1;
        if is_right(&answers[0]) {
            row.right += 1;
        } else {
            let name = cited.file.file_name().unwrap().display();
            let place = serde_json::to_string(&checked(&cited.location)).unwrap();
            wrong.push(format!("{name} {place}: {}\n    {:?}", answers[0], cited.text));
        }
        if cited.elsewhere.is_some() {
            row.moved += 1;
            row.moved_noticed += usize::from(!is_right(&answers[1]));
        }
    }
    eprintln!(
        "{:6} {:>5} {:>8} {:>6} {:>6} {:>8} {:>8}",
        "format", "files", "sampled", "right", "wrong", "moved", "noticed"
    );
    for (format, Row { files, sampled, right, moved, moved_noticed }) in &rows {
        let bad = sampled - right;
        eprintln!("{format:6} {files:5} {sampled:8} {right:6} {bad:6} {moved:8} {moved_noticed:8}");
    }
    for line in &wrong {
        eprintln!("{line}");
    }
    assert!(chosen.len() >= 200.min(count), "only {} passages: is the kit whole?", chosen.len());
    assert!(
        FORMATS.iter().all(|format| rows.get(format).is_some_and(|row| row.sampled > 0)),
        "a format is missing"
    );
    assert!(
        wrong.is_empty(),
        "{} of {} passages do not stand where they are cited",
        wrong.len(),
        chosen.len()
    );
    // What cannot tell a wrong place from the right one proves nothing.
    let (moved, noticed) =
        rows.values().fold((0, 0), |(moved, noticed), row| (moved + row.moved, noticed + row.moved_noticed));
    assert!(
        moved * 2 > chosen.len() && noticed * 10 >= moved * 9,
        "{noticed} of {moved} wrong places were noticed"
    );
}
