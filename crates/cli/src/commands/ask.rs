//! `ask`.

use std::sync::{Arc, Mutex, PoisonError};

use docent::{AskEvent, AskReport, AskRequest, Event, Request, Response, Result};

use crate::{
    args::AskArgs,
    context::{Context, OnEvent, unexpected},
    exit::Exit,
    print,
    progress::Meter,
};

pub(super) fn ask(context: &Context, args: &AskArgs) -> Result<Exit> {
    let request = AskRequest { question: args.question.join(" "), filter: args.filters.to_filter() };
    let progress = Meter::new(context.output);
    progress.doing("looking for passages");
    let shown = Arc::new(Mutex::new(String::new()));
    let response = context.perform(&Request::Ask(request), &listener(context, &progress, &shown));
    progress.clear();
    let shown = std::mem::take(&mut *shown.lock().unwrap_or_else(PoisonError::into_inner));
    if !shown.is_empty() && response.is_err() {
        context.output.text("\n")?;
    }
    let Response::Ask(report) = response? else { return Err(unexpected()) };
    let width = context.output.width();
    context.output.result(&report, |report| rest(report, &shown, width))?;
    Ok(if report.answered { Exit::Done } else { Exit::Nothing })
}

/// A person sees the answer as it comes; a pipe gets it whole.
fn listener(context: &Context, progress: &Meter, shown: &Arc<Mutex<String>>) -> OnEvent {
    let (output, progress, shown) = (context.output, progress.clone(), shown.clone());
    Arc::new(move |event| match event {
        Event::Ask(AskEvent::Text(text)) if output.is_terminal() => {
            progress.clear();
            shown.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
            if let Err(error) = output.text(&print::clean(&text)) {
                tracing::debug!("{error:?}");
            }
        }
        Event::Ask(AskEvent::Retrieved(hits)) if !output.json => {
            progress.doing(&format!("reading {}", print::count(hits.len() as u64, "passage")));
        }
        other => progress.show(&other),
    })
}

/// What is still to be printed when `shown` has been.
fn rest(report: &AskReport, shown: &str, width: usize) -> String {
    if shown.is_empty() {
        return print::answer(report, width);
    }
    if shown.trim() == report.answer.trim() {
        return format!("\n{}", print::after_answer(report, width));
    }
    // What was shown is not what is reported: the report is what counts.
    format!("\n\n{}", print::answer(report, width))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_printed_once() {
        let report = AskReport { answered: true, answer: "Five days.".into(), ..AskReport::default() };
        assert_eq!(rest(&report, "", 80), "Five days.\n");
        assert_eq!(rest(&report, "Five days.", 80), "\n");
        assert_eq!(rest(&report, "I do", 80), "\n\nFive days.\n");
    }
}
