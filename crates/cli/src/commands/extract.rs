//! `extract`.

use std::path::Path;

use docent::{BlockKind, Error, ErrorKind, ParseError, ParsedDocument, Result};
use serde_json::{Map, Value, json};

use super::absolute;
use crate::{context::Context, exit::Exit, print};

pub(super) fn extract(context: &Context, file: &Path, blocks: bool) -> Result<Exit> {
    let engine = context.engine()?;
    let path = absolute(file)?;
    let found = engine.extract(&path).and_then(|parsed| parsed.map_err(|error| unreadable(&path, &error)));
    let document = match found {
        Ok(document) => document,
        Err(error) if context.output.json => {
            context.output.object(&failure(&path, &error))?;
            return Ok(Exit::of(&error));
        }
        Err(error) => return Err(error),
    };
    if context.output.json {
        context.output.object(&to_json(&path, &document))?;
    } else if blocks {
        context.output.text(&print::blocks(&document))?;
    } else {
        context.output.text(&print::document(&document))?;
    }
    Ok(Exit::Done)
}

/// The parser's error as one of ours. Its kind is kept beside it, as the cause, for [`failure`].
fn unreadable(path: &Path, error: &ParseError) -> Error {
    Error::new(ErrorKind::Parse, format!("cannot read {}", path.display())).at(path).caused_by(error.clone())
}

/// A file that could not be read, with the parser's own kind (`encrypted`, `damaged`, ...) where it was the parser.
fn failure(path: &Path, error: &Error) -> Value {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<ParseError>());
    let mut report = match cause {
        Some(cause) => json!({ "kind": cause.kind.as_str(), "message": cause.reason }),
        None => json!({ "kind": error.kind(), "message": error.to_report().message }),
    };
    if let Some(hint) = error.hint_text() {
        report["hint"] = json!(hint);
    }
    json!({ "path": path.display().to_string(), "error": report })
}

/// What is not known is absent.
fn to_json(path: &Path, document: &ParsedDocument) -> Value {
    let mut object = Map::new();
    object.insert("path".into(), json!(path.display().to_string()));
    object.insert("mime".into(), json!(document.mime));
    let known = [
        ("title", document.title.as_ref().map(|title| json!(title))),
        ("language", document.language.as_ref().map(|language| json!(language))),
        ("pages", document.pages.map(|pages| json!(pages))),
    ];
    for (key, value) in known {
        if let Some(value) = value {
            object.insert(key.into(), value);
        }
    }
    object.insert("text".into(), json!(document.text));
    let blocks: Vec<Value> = document
        .blocks
        .iter()
        .map(|block| {
            let mut value = json!({
                "kind": block.kind,
                "text": document.block_text(block),
                "location": block.location,
            });
            if block.kind == BlockKind::Heading {
                value["level"] = json!(block.level);
            }
            value
        })
        .collect();
    object.insert("blocks".into(), Value::Array(blocks));
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use docent::{Block, Location, ParseErrorKind};

    use super::*;

    #[test]
    fn a_failure_names_the_path_and_the_kind() {
        let path = Path::new("/a.pdf");
        let locked = unreadable(path, &ParseError::new(ParseErrorKind::Encrypted, "password needed"));
        assert_eq!(Exit::of(&locked), Exit::Failed);
        let expected =
            json!({ "path": "/a.pdf", "error": { "kind": "encrypted", "message": "password needed" } });
        assert_eq!(failure(path, &locked), expected);
        let gone = Error::io("read", path, std::io::ErrorKind::NotFound.into());
        assert_eq!(failure(path, &gone)["error"]["kind"], "not_found");
    }

    #[test]
    fn what_is_not_known_is_absent() {
        let mut document =
            ParsedDocument { mime: "text/plain".into(), text: "Hi".into(), ..ParsedDocument::default() };
        let location = Location { lines: Some([1, 1]), chars: Some([0, 2]), ..Location::default() };
        document.blocks.push(Block { kind: BlockKind::Heading, level: 1, range: 0..2, header: 0, location });
        insta::assert_json_snapshot!(to_json(Path::new("/a.txt"), &document), @r#"
        {
          "path": "/a.txt",
          "mime": "text/plain",
          "text": "Hi",
          "blocks": [
            {
              "kind": "heading",
              "text": "Hi",
              "location": {
                "lines": [
                  1,
                  1
                ],
                "chars": [
                  0,
                  2
                ]
              },
              "level": 1
            }
          ]
        }
        "#);
    }
}
