//! Jupyter notebooks: cells in order, the text that they put out below them.

use std::fmt;

use docent_core::{BlockKind, DocumentBuilder, Location, ParsedDocument};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::{code, json, markdown};

/// The most text of a cell's output that is kept, in bytes.
const MOST_OUTPUT: usize = 8 << 10;
/// What looks like data in a text (`data:image/png;base64,…`) is left out if it is at least so long.
const DATA: usize = 100;

pub(crate) fn parse(text: String) -> ParsedDocument {
    let mut notebook = Notebook { builder: DocumentBuilder::new("application/x-ipynb+json"), cells: 0 };
    let mut source = serde_json::Deserializer::from_str(&text);
    let read = Top(&mut notebook).deserialize(&mut source);
    if read.is_err() || notebook.cells == 0 {
        // No notebook, or one that is cut off: JSON as any other.
        return code::parse(json::unescape(text), "application/json");
    }
    notebook.builder.finish()
}

struct Notebook {
    builder: DocumentBuilder,
    cells: u32,
}

/// A cell as it is read: its parts may stand in any order.
#[derive(Default)]
struct Cell {
    kind: String,
    source: String,
    output: String,
}

impl Notebook {
    fn add(&mut self, cell: &Cell) {
        self.cells = self.cells.saturating_add(1);
        let place = Location { part: Some(format!("cell {}", self.cells)), ..Location::default() };
        match cell.kind.as_str() {
            "markdown" => self.add_markdown(&cell.source, &place),
            "heading" => self.builder.heading(1, &cell.source, place.clone()),
            "raw" => self.builder.push(BlockKind::Paragraph, &cell.source, place.clone()),
            _ => {
                let source = cell.source.trim_matches(['\r', '\n']);
                self.builder.push(BlockKind::Code, source, place.clone());
            }
        }
        self.builder.push(BlockKind::Code, cell.output.trim_matches(['\r', '\n']), place);
    }

    fn add_markdown(&mut self, source: &str, place: &Location) {
        let page = markdown::parse(without_data(source));
        for block in &page.blocks {
            let text = page.block_text(block);
            match block.kind {
                BlockKind::Heading => {
                    // Its words without the marks.
                    let words = block.location.heading.last().map_or(text, String::as_str);
                    if block.level == 1 {
                        self.builder.title(words);
                    }
                    self.builder.heading(block.level, words, place.clone());
                }
                BlockKind::Table => self.builder.table(text, block.header, place.clone()),
                kind => self.builder.push(kind, text, place.clone()),
            }
        }
    }
}

/// A text without the pictures inside it.
fn without_data(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("data:") {
        let end = rest[at..].find(|c: char| c.is_whitespace() || matches!(c, ')' | '"' | '\'' | '>'));
        let end = end.map_or(rest.len(), |end| at + end);
        kept.push_str(&rest[..at]);
        if end - at < DATA {
            kept.push_str(&rest[at..end]);
        }
        rest = &rest[end..];
    }
    kept.push_str(rest);
    kept
}

/// The text without the escapes that colour a terminal.
fn without_colours(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\u{1b}' {
            kept.push(c);
        } else if chars.next_if_eq(&'[').is_some() {
            while chars.next_if(|c| c.is_ascii_digit() || *c == ';').is_some() {}
            chars.next();
        }
    }
    kept
}

/// The whole file.
struct Top<'n>(&'n mut Notebook);

impl<'de> DeserializeSeed<'de> for Top<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<(), D::Error> {
        source.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Top<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a notebook")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "cells" => map.next_value_seed(Each(&mut *self.0, Kind::Cell))?,
                // Version 3.
                "worksheets" => map.next_value_seed(Each(&mut *self.0, Kind::Sheet))?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Cell,
    Sheet,
}

/// The elements of a list, each added as it is read.
struct Each<'n>(&'n mut Notebook, Kind);

impl<'de> DeserializeSeed<'de> for Each<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<(), D::Error> {
        source.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Each<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        match self.1 {
            Kind::Cell => {
                let mut cell = Cell::default();
                while seq.next_element_seed(Fields(&mut cell))?.is_some() {
                    self.0.add(&cell);
                    cell = Cell::default();
                }
            }
            Kind::Sheet => while seq.next_element_seed(Top(&mut *self.0))?.is_some() {},
        }
        Ok(())
    }
}

/// The fields of a cell.
struct Fields<'c>(&'c mut Cell);

impl<'de> DeserializeSeed<'de> for Fields<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<(), D::Error> {
        source.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Fields<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a cell")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "cell_type" => map.next_value_seed(Lines(&mut self.0.kind, usize::MAX))?,
                // "input" in version 3.
                "source" | "input" => map.next_value_seed(Lines(&mut self.0.source, usize::MAX))?,
                "outputs" => map.next_value_seed(Outputs(&mut self.0.output))?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

/// A text, or a list of its lines; anything else gives nothing. No more than so many bytes are kept.
struct Lines<'s>(&'s mut String, usize);

impl Lines<'_> {
    fn push(&mut self, text: &str) {
        let room = self.1.saturating_sub(self.0.len());
        let kept = &text[..text.floor_char_boundary(room)];
        self.0.push_str(kept);
        if kept.len() < text.len() && room > 0 {
            self.0.push('…');
        }
    }
}

impl<'de> DeserializeSeed<'de> for Lines<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<(), D::Error> {
        source.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Lines<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E>(mut self, text: &str) -> Result<(), E> {
        self.push(text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Lines(&mut *self.0, self.1))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
}

/// What a cell has put out: the list, then one of it, then its data.
struct Outputs<'s>(&'s mut String);

impl<'de> DeserializeSeed<'de> for Outputs<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<(), D::Error> {
        source.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Outputs<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("outputs")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        loop {
            let mut output = Output::default();
            if seq.next_element_seed(OutputFields(&mut output))?.is_none() {
                return Ok(());
            }
            let text = output.text();
            if !text.trim().is_empty() && self.0.len() < MOST_OUTPUT {
                if !self.0.is_empty() && !self.0.ends_with('\n') {
                    self.0.push('\n');
                }
                Lines(&mut *self.0, MOST_OUTPUT).push(&without_colours(&text));
            }
        }
    }
}

#[derive(Default)]
struct Output {
    text: String,
    plain: String,
    error: String,
    value: String,
    is_picture: bool,
}

impl Output {
    fn text(&self) -> String {
        if !self.error.is_empty() {
            return format!("{}: {}", self.error, self.value);
        }
        // Beside a picture stands only what it is: `<Figure size 640x480>`.
        if self.is_picture { self.text.clone() } else { format!("{}{}", self.text, self.plain) }
    }
}

struct OutputFields<'o>(&'o mut Output);

impl<'de> DeserializeSeed<'de> for OutputFields<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, source: D) -> Result<(), D::Error> {
        source.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OutputFields<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an output")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let output = self.0;
        while let Some(key) = map.next_key::<String>()? {
            let field = match key.as_str() {
                "text" => &mut output.text,
                "text/plain" => &mut output.plain,
                "ename" => &mut output.error,
                "evalue" => &mut output.value,
                "data" => {
                    map.next_value_seed(OutputFields(&mut *output))?;
                    continue;
                }
                other => {
                    output.is_picture |=
                        other.starts_with("image/") || matches!(other, "png" | "jpeg" | "svg");
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            map.next_value_seed(Lines(field, MOST_OUTPUT))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_and_their_output() {
        let text = r##"{"nbformat": 4, "metadata": {"x": [1]}, "cells": [
            {"cell_type": "markdown", "source": ["# Pump \u5408\n", "\n", "Text ![a](data:image/png;base64,AAAA).\n"]},
            {"outputs": [
                {"output_type": "stream", "text": ["\u001b[31mred\u001b[0m\n", "two\n"]},
                {"output_type": "display_data", "data": {"image/png": "AAAA", "text/plain": "<Figure>"}},
                {"output_type": "execute_result", "data": {"text/plain": ["   a\n", "0  1"]}},
                {"output_type": "error", "ename": "ValueError", "evalue": "bad", "traceback": ["x"]}
             ], "cell_type": "code", "execution_count": null, "source": "print(1)\n"},
            {"cell_type": "raw", "source": 7}, {}]}"##;
        let document = parse(text.to_owned());
        let blocks: Vec<_> = document
            .blocks
            .iter()
            .map(|b| (b.kind, document.block_text(b), b.location.part.as_deref().unwrap()))
            .collect();
        assert_eq!(
            blocks,
            [
                (BlockKind::Heading, "Pump 合", "cell 1"),
                (BlockKind::Paragraph, "Text ![a](data:image/png;base64,AAAA).", "cell 1"),
                (BlockKind::Code, "print(1)", "cell 2"),
                (BlockKind::Code, "red\ntwo\n   a\n0  1\nValueError: bad", "cell 2"),
            ]
        );
        assert_eq!(document.title.as_deref(), Some("Pump 合"));
        assert_eq!(document.blocks[2].location.heading, ["Pump 合"]);
    }

    #[test]
    fn output_is_bounded_and_pictures_left_out() {
        let picture = "A".repeat(100_000);
        let text = format!(
            r#"{{"worksheets": [{{"cells": [{{"cell_type": "markdown", "source": "a ![p](data:image/png;base64,{picture}) b"}},
            {{"cell_type": "code", "input": "x", "outputs": [{{"text": "{picture}"}}, {{"text": "more"}}]}}]}}]}}"#
        );
        let document = parse(text);
        assert_eq!(document.block_text(&document.blocks[0]), "a ![p]() b");
        assert!(document.text.len() < MOST_OUTPUT + 100);
    }

    #[test]
    fn what_is_no_notebook_is_json() {
        for text in ["{\"a\": 1}", "{\"cells\": [{\"source\": \"x\"}", "[1]", &"[".repeat(100_000)] {
            let document = parse(text.to_owned());
            assert_eq!((document.mime.as_str(), document.text.as_str()), ("application/json", text));
        }
    }
}
