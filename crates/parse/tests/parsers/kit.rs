//! The kit's `formats`: a phrase that each file must give, or the error that it must be.

use std::{collections::BTreeMap, path::Path, time::Instant};

use docent_core::{ParseErrorKind, ParsedDocument, Parser};
use unicode_normalization::UnicodeNormalization;

#[derive(Default)]
struct Row {
    files: usize,
    good: usize,
    ms: Vec<f64>,
}

/// As the kit compares: NFKC, no white space, no soft hyphens, no markup characters.
fn normal(text: &str) -> String {
    text.nfkc()
        .filter(|c| !c.is_whitespace() && !matches!(c, '\u{ad}' | '*' | '_' | '`' | '~' | '|' | '\\'))
        .collect()
}

/// What every document promises.
fn assert_sound(file: &str, document: &ParsedDocument) {
    let mut end = 0;
    let mut chars = (0usize, 0u64);
    for block in &document.blocks {
        assert!(block.range.start >= end, "{file}: blocks overlap");
        end = block.range.end;
        let text = document.block_text(block);
        assert!(!text.trim().is_empty(), "{file}: blank block at {:?}", block.range);
        assert!(block.header <= text.len() && text.is_char_boundary(block.header), "{file}: header");
        chars.1 += document.text[chars.0..block.range.start].chars().count() as u64;
        let first = chars.1;
        chars.1 += text.chars().count() as u64;
        chars.0 = block.range.end;
        assert_eq!(block.location.chars, Some([first, chars.1]), "{file}: {:?}", block.range);
        // Of these the text is put together.
        let is_verbatim = document.mime.starts_with("text/")
            && !matches!(document.mime.as_str(), "text/vtt" | "text/calendar" | "text/vcard");
        if let (Some([a, b]), true) = (block.location.lines, is_verbatim) {
            assert_eq!(b - a, text.matches('\n').count() as u32, "{file}: lines");
        }
    }
}

#[test]
fn every_format_of_the_kit() {
    let Some(kit) = std::env::var_os("DOCENT_KIT") else {
        println!("DOCENT_KIT is not set: the kit's files were not parsed");
        return;
    };
    let formats = Path::new(&kit).join("formats");
    let manifest = std::fs::read_to_string(formats.join("manifest.jsonl")).unwrap();
    let parsers = super::parsers();
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let mut wrong = Vec::new();
    for line in manifest.lines() {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        let (file, format) = (entry["file"].as_str().unwrap(), entry["format"].as_str().unwrap());
        let expect = entry["expect"].as_str().unwrap();
        let bytes = std::fs::read(formats.join(file)).unwrap();
        let started = Instant::now();
        let parsed = parsers.parse(Path::new(file), &bytes);
        let ms = started.elapsed().as_secs_f64() * 1e3;
        let outcome = match &parsed {
            Ok(document) => {
                assert_sound(file, document);
                let is_scan = document.scanned > 0 && document.text.is_empty();
                if expect == "empty" && is_scan {
                    Ok(())
                } else if matches!(expect, "error" | "empty") {
                    Err(format!("read although {expect} was due"))
                } else if normal(&document.text).contains(&normal(expect)) {
                    Ok(())
                } else {
                    Err("phrase not found".to_owned())
                }
            }
            Err(error) if expect == "error" => {
                let note = entry["note"].as_str().unwrap_or_default();
                let locked = note.contains("password") || note.contains("encrypted");
                if locked == (error.kind == ParseErrorKind::Encrypted) {
                    Ok(())
                } else {
                    Err(format!("{:?}, but it is there for: {note}", error.kind))
                }
            }
            Err(error) if expect == "empty" && error.kind.is_skip() => Ok(()),
            Err(error) => Err(format!("{:?}: {error}", error.kind)),
        };
        if let Ok(path) = std::env::var("DOCENT_KIT_SHOW")
            && file.contains(&path)
        {
            println!("{file}: {parsed:#?}");
        }
        let row = rows.entry(format.to_owned()).or_default();
        row.files += 1;
        row.ms.push(ms);
        match outcome {
            Ok(()) => row.good += 1,
            Err(why) => {
                println!("{file}: {why}");
                wrong.push(format!("{file}: {why}"));
            }
        }
    }
    println!("{:10} {:>5} {:>5} {:>9} {:>9}", "format", "files", "good", "median ms", "max ms");
    for (format, row) in &mut rows {
        row.ms.sort_by(f64::total_cmp);
        let (median, most) = (row.ms[row.ms.len() / 2], row.ms[row.ms.len() - 1]);
        println!("{format:10} {:5} {:5} {median:9.2} {most:9.2}", row.files, row.good);
    }
    assert!(wrong.is_empty(), "{} files:\n{}", wrong.len(), wrong.join("\n"));
}
