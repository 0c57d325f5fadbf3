//! The files of an evaluation: queries, judgements, and the run that comes out.

use std::{
    collections::HashMap,
    io::{self, Write},
    path::Path,
};

use docent_core::{Error, ErrorKind, Result};
use serde_json::Value;

/// A query of an evaluation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvalQuery {
    /// Its name in the judgements.
    pub id: String,
    /// What is searched for.
    pub text: String,
}

/// Relevance by query and document (path relative to its root, with `/`).
pub type Qrels = HashMap<String, HashMap<String, i64>>;

/// Reads queries, one JSON object a line: `{"id": "1", "text": "..."}`. Numbers will do as ids, other keys and
/// blank lines are passed over. `file` is what errors name.
///
/// # Errors
/// A line is not such an object, an id comes twice, or there is no query at all.
pub fn parse_queries(file: &Path, content: &str) -> Result<Vec<EvalQuery>> {
    let mut queries: Vec<EvalQuery> = Vec::new();
    let mut seen: HashMap<String, usize> = HashMap::new();
    for (number, line) in lines(content) {
        let value: Value = serde_json::from_str(line)
            .map_err(|cause| wrong(file, number, "is not JSON").caused_by(cause))?;
        let id = match value.get("id") {
            Some(Value::String(id)) if !id.is_empty() => id.clone(),
            Some(Value::Number(id)) => id.to_string(),
            _ => return Err(wrong(file, number, "has no \"id\"")),
        };
        let Some(text) = value.get("text").and_then(Value::as_str) else {
            return Err(wrong(file, number, "has no \"text\""));
        };
        if let Some(before) = seen.insert(id.clone(), number) {
            return Err(wrong(file, number, &format!("has the id {id} of line {before} again")));
        }
        queries.push(EvalQuery { id, text: text.to_owned() });
    }
    if queries.is_empty() {
        return Err(Error::new(ErrorKind::Usage, format!("{} holds no query", file.display()))
            .at(file)
            .hint("write one JSON object a line: {\"id\": \"1\", \"text\": \"...\"}"));
    }
    Ok(queries)
}

/// Reads judgements, a line each: id, tab, path relative to its root, tab, relevance (more than 0 is relevant).
/// `file` is what errors name.
///
/// # Errors
/// A line has not three parts, or its relevance is no whole number.
pub fn parse_qrels(file: &Path, content: &str) -> Result<Qrels> {
    let mut qrels = Qrels::new();
    for (number, line) in lines(content) {
        let parts: Vec<&str> = line.split('\t').collect();
        let [id, path, relevance] = parts[..] else {
            return Err(wrong(file, number, &format!("has {} parts between tabs, not 3", parts.len())));
        };
        let relevance = relevance.trim().parse().map_err(|cause| {
            wrong(file, number, "has a relevance that is no whole number").caused_by(cause)
        })?;
        let path = path.trim().replace('\\', "/");
        qrels.entry(id.trim().to_owned()).or_default().insert(path, relevance);
    }
    Ok(qrels)
}

/// Lines that are not blank, with their numbers, without a byte-order mark or carriage returns.
fn lines(content: &str) -> impl Iterator<Item = (usize, &str)> {
    let content = content.strip_prefix('\u{feff}').unwrap_or(content);
    content.lines().enumerate().map(|(at, line)| (at + 1, line)).filter(|(_, line)| !line.trim().is_empty())
}

fn wrong(file: &Path, line: usize, what: &str) -> Error {
    Error::new(ErrorKind::Usage, format!("line {line} of {} {what}", file.display())).at(file).hint(
        "queries are JSON lines {\"id\", \"text\"}; judgements are lines of id, path and relevance parted by tabs",
    )
}

/// Writes the ranking of one query as lines of a TREC run: `id Q0 document rank score tag`. White space in a
/// document's path becomes `%20`. Scores are made to fall strictly, as trec_eval sorts by them, by steps that a
/// 32-bit number, which it reads them into, can tell apart.
///
/// # Errors
/// `out` cannot be written.
pub fn write_run(out: &mut dyn Write, id: &str, ranking: &[(String, f32)], tag: &str) -> io::Result<()> {
    let mut previous = f64::INFINITY;
    for (at, (doc, score)) in ranking.iter().enumerate() {
        let step = if previous.is_finite() { (previous.abs() * 5e-7).max(1e-6) } else { 0.0 };
        let score = f64::from(*score).min(previous - step);
        previous = score;
        let doc = doc.replace(char::is_whitespace, "%20");
        writeln!(out, "{id} Q0 {doc} {} {score:.6} {tag}", at + 1)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "set/queries.jsonl";

    fn queries(content: &str) -> Result<Vec<EvalQuery>> {
        parse_queries(Path::new(FILE), content)
    }

    #[test]
    fn queries_may_have_numbers_other_keys_and_blank_lines() {
        let read =
            queries("\u{feff}{\"id\": 1, \"text\": \"a\", \"x\": [2]}\r\n\n{\"id\":\"b\",\"text\":\"年假\"}")
                .unwrap();
        assert_eq!(read[0], EvalQuery { id: "1".into(), text: "a".into() });
        assert_eq!(read[1].text, "年假");
    }

    #[test]
    fn errors_name_file_and_line() {
        let good = "{\"id\": 1, \"text\": \"a\"}\n";
        for (content, what) in [
            ("{", "is not JSON"),
            ("{\"text\": \"a\"}", "no \"id\""),
            ("{\"id\": 2}", "no \"text\""),
            (good, "of line 1 again"),
        ] {
            let error = queries(&format!("{good}{content}")).unwrap_err();
            assert!(error.message().contains("line 2"), "{error}");
            assert!(error.message().contains(FILE) && error.message().contains(what), "{error}");
        }
        assert!(queries("\n").unwrap_err().message().contains("holds no query"));
        for content in ["1\ta.txt", "1\ta.txt\tyes", "1 a.txt 1"] {
            let error = parse_qrels(Path::new("q.tsv"), content).unwrap_err();
            assert!(error.message().contains("line 1 of q.tsv"), "{error}");
        }
    }

    #[test]
    fn judgements_are_kept_by_query() {
        let qrels =
            parse_qrels(Path::new("q.tsv"), "1\ta b.txt\t2\r\n1\tc\\d.txt\t0\n2\ta b.txt\t-1\n").unwrap();
        assert_eq!(qrels["1"]["a b.txt"], 2);
        assert_eq!(qrels["1"]["c/d.txt"], 0);
        assert_eq!(qrels["2"]["a b.txt"], -1);
    }

    #[test]
    fn a_run_keeps_the_order_even_where_scores_are_equal() {
        let mut out = Vec::new();
        let ranking = [("a b.txt".to_owned(), 2.0), ("c.txt".to_owned(), 2.0), ("d.txt".to_owned(), -1.5)];
        write_run(&mut out, "q1", &ranking, "docent").unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text,
            "q1 Q0 a%20b.txt 1 2.000000 docent\nq1 Q0 c.txt 2 1.999999 docent\nq1 Q0 d.txt 3 -1.500000 docent\n"
        );
    }
    #[test]
    fn equal_scores_fall_for_a_reader_of_32_bits_too() {
        for score in [0.0f32, 1e-3, 31.7, 480.25, -31.7] {
            let ranking: Vec<(String, f32)> = (0..100).map(|n| (format!("{n}.txt"), score)).collect();
            let mut out = Vec::new();
            write_run(&mut out, "q", &ranking, "docent").unwrap();
            let read: Vec<f32> = String::from_utf8(out)
                .unwrap()
                .lines()
                .map(|line| line.split(' ').nth(4).unwrap().parse().unwrap())
                .collect();
            assert!(read.windows(2).all(|pair| pair[0] > pair[1]), "{score}");
        }
    }
}
