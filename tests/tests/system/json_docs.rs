//! `docs/json.md` says what is printed: every key of a real result stands there, and what the examples show is printed.

use serde_json::Value;

use crate::home::{Home, shown};

const PAGE: &str = include_str!("../../../docs/json.md");

/// A part of the page, up to the next heading of its level.
struct Section {
    name: &'static str,
    text: &'static str,
}

impl Section {
    fn called(name: &'static str) -> Self {
        let begin =
            PAGE.find(&format!("{name}\n")).unwrap_or_else(|| panic!("{name} is not in docs/json.md"));
        let text = &PAGE[begin + name.len()..];
        let level = name.split(' ').next().unwrap_or_default();
        let end = text.find(&format!("\n{level} ")).unwrap_or(text.len());
        Self { name, text: &text[..end] }
    }

    /// The objects of the first example; one of several lines is put together.
    fn example(&self) -> Value {
        let begin = self.text.find("```json\n").unwrap_or_else(|| panic!("no example in {}", self.name)) + 8;
        let length = self.text[begin..].find("```").unwrap();
        let text = &self.text[begin..begin + length];
        let first = serde_json::Deserializer::from_str(text).into_iter::<Value>().next().unwrap();
        first.unwrap_or_else(|cause| panic!("the example of {} is no JSON: {cause}", self.name))
    }

    fn names(&self, key: &str) -> bool {
        self.text.contains(&format!("\"{key}\"")) || self.text.contains(&format!("`{key}`"))
    }
}

/// Every key of `real` is named in `section` or where the shared parts are described; every key of the example is in
/// `real`, with a value of the same type, except those that `may_lack` says.
#[track_caller]
fn assert_as_documented(name: &'static str, real: &Value, may_lack: &[&str]) {
    let section = Section::called(name);
    let shared = Section::called("## Parts that several commands share");
    keys_of(real, &mut |key| {
        assert!(section.names(key) || shared.names(key), "{key} is printed, and not in {name}: {real}");
    });
    let Value::Object(example) = section.example() else { panic!("the example of {name} is no object") };
    for (key, shown) in example {
        match real.get(&key) {
            Some(value) => {
                assert_eq!(kind(value), kind(&shown), "the type of {key} in {name}: {real}");
            }
            None => {
                assert!(may_lack.contains(&key.as_str()), "{key} is in the example of {name}, not in {real}");
            }
        }
    }
}

fn keys_of(value: &Value, each: &mut dyn FnMut(&str)) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                assert!(!value.is_null(), "{key} is null: what is not known is absent");
                each(key);
                // Keys that are names of files.
                if key != "paths" {
                    keys_of(value, each);
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| keys_of(value, each)),
        _ => {}
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

#[test]
fn the_page_says_what_is_printed() {
    let home = Home::small();
    home.configure("[ask]\nanswer_tokens = 24\n");
    let gate = home.write("gate.md", "# Gate\n\nThe gate of hall 4 opens at seven in the morning.\n");
    home.write("broken.pdf", "%PDF-1.7\nnothing else\n");
    home.write(".hidden.md", "# Hidden\n");
    let (docs, gate) = (shown(&home.docs()), shown(&gate));

    assert_as_documented("### `add --dry-run`", &home.json(&["add", "--dry-run", &docs]), &[]);
    let added = home.docent(&["add", &docs, "--json"]);
    assert_as_documented("## `add`, `index`", &added.json(), &[]);
    let events = Section::called("## `add`, `index`");
    for line in added.stdout.lines().rev().skip(1) {
        let event: Value = serde_json::from_str(line).unwrap();
        let name = event["event"].as_str().unwrap_or_else(|| panic!("no event: {line}"));
        assert!(events.names(name), "{name} is not documented: {line}");
        keys_of(&event, &mut |key| assert!(events.names(key), "{key} is not documented: {line}"));
    }

    let found = home.json(&["search", "When does the gate open?"]);
    assert_as_documented("## `search`", &found, &[]);
    let answer = home.json(&["ask", "When does the gate of hall 4 open?"]);
    assert_as_documented("## `ask`", &answer, &[]);
    let refusal = home.json_ending(3, &["ask", "When does the gate open?", "--path", "nowhere/**"]);
    assert_as_documented("## `ask`", &refusal, &[]);

    assert_as_documented("## `status`", &home.json(&["status"]), &["writer"]);
    let unknown = ["pages", "language"];
    assert_as_documented("### `status --file PATH`", &home.json(&["status", "--file", &gate]), &unknown);
    assert_as_documented("## `check`", &home.json(&["check"]), &[]);
    assert_as_documented("## `collections`", &home.json(&["collections"]), &[]);
    assert_as_documented("## `extract`", &home.json(&["extract", &gate]), &["language"]);
    assert_as_documented("## `doctor`", &home.json(&["doctor"]), &[]);
    let listed = home.json(&["models", "list"]);
    assert_as_documented("## `models`", &listed, &[]);
    let used = home.json(&["models", "use", "generator", "smollm2-135m-instruct"]);
    keys_of(&used, &mut |key| assert!(Section::called("## `models`").names(key), "{key}: {used}"));

    let (queries, qrels) = (home.beside("q.jsonl"), home.beside("q.tsv"));
    std::fs::write(&queries, "{\"id\": \"1\", \"text\": \"When does the gate open?\"}\n").unwrap();
    std::fs::write(&qrels, "1\tgate.md\t1\n").unwrap();
    let measured = home.json(&["eval", "--queries", &shown(&queries), "--qrels", &shown(&qrels)]);
    assert_as_documented("## `eval`", &measured, &[]);

    let unreadable = home.json_ending(1, &["extract", &shown(&home.docs().join("broken.pdf"))]);
    keys_of(&unreadable, &mut |key| {
        assert!(Section::called("## A failure").names(key), "{key}: {unreadable}");
    });
    let failure = home.json_ending(1, &["add", "/no/such/folder"]);
    assert_as_documented("## A failure", &failure, &[]);
    keys_of(&failure, &mut |key| assert!(Section::called("## A failure").names(key), "{key}: {failure}"));
    assert_as_documented("## `remove`", &home.json(&["remove", &docs]), &[]);
}
