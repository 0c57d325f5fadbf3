//! Answers and their citations.

use std::fmt::Write as _;

use docent::{AskReport, Citation};

use super::{DIM, DOUBTFUL, STRONG, clean, clean_line, hits, notes, place};

/// The answer, its citations and what else is to be known.
pub(crate) fn answer(report: &AskReport, width: usize) -> String {
    format!("{}\n{}", clean(report.answer.trim_end()), after_answer(report, width))
}

/// What follows an answer that was shown as it came: citations, or the nearest hits where there is no answer.
pub(crate) fn after_answer(report: &AskReport, width: usize) -> String {
    let mut text = String::new();
    if report.answered {
        if !report.citations.is_empty() {
            text.push('\n');
        }
        for cited in &report.citations {
            citation(&mut text, cited);
        }
    } else {
        if let Some(reason) = &report.reason {
            let _ = writeln!(text, "{DIM}({}){DIM:#}", clean_line(reason));
        }
        if !report.hits.is_empty() {
            let _ = writeln!(text, "\n{STRONG}The nearest passages{STRONG:#}");
        }
        for hit in &report.hits {
            text.push('\n');
            hits::hit(&mut text, hit, &report.question, width, false);
        }
    }
    if !report.notes.is_empty() {
        text.push('\n');
        notes(&mut text, &report.notes);
    }
    text
}

fn citation(text: &mut String, citation: &Citation) {
    let place = place(&citation.hit.path, &citation.hit.location);
    let _ = write!(text, "{STRONG}[{}]{STRONG:#} {place}: \"{}\"", citation.n, clean_line(&citation.quote));
    if !citation.supported {
        let _ = write!(text, " {DOUBTFUL}(does not clearly bear this out){DOUBTFUL:#}");
    }
    if citation.stale {
        let _ = write!(text, " {DOUBTFUL}(the file has changed since){DOUBTFUL:#}");
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::{super::plain, *};

    #[test]
    fn an_answer_comes_with_its_citations() {
        let citation = Citation {
            n: 1,
            hit: hits::tests::example(),
            quote: "Up to five days of annual leave can be carried over".into(),
            content_hash: "00".into(),
            stale: true,
            supported: true,
        };
        let report = AskReport {
            question: "How many days?".into(),
            answered: true,
            answer: "Five days [1].".into(),
            citations: vec![citation],
            ..AskReport::default()
        };
        insta::assert_snapshot!(plain(&answer(&report, 80)), @r#"
        Five days [1].

        [1] /docs/hr/leave.pdf, page 3: "Up to five days of annual leave can be carried over" (the file has changed since)
        "#);
    }

    #[test]
    fn a_refusal_comes_with_its_reason_and_the_nearest_passages() {
        let mut near = hits::tests::example();
        near.text = "Thirty days.".into();
        let report = AskReport {
            question: "Who won?".into(),
            answer: "The documents do not say.".into(),
            reason: Some("nothing that was found has to do with the question".into()),
            hits: vec![near],
            ..AskReport::default()
        };
        insta::assert_snapshot!(plain(&answer(&report, 80)), @"
        The documents do not say.
        (nothing that was found has to do with the question)

        The nearest passages

        1. Leave policy  0.812
           /docs/hr/leave.pdf, page 3
           Thirty days.
        ");
    }
}
