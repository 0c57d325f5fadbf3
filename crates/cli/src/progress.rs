//! What is seen while work goes on: a progress bar for people, lines of JSON for programs.

use std::{
    io::{self, IsTerminal},
    sync::{Arc, Mutex, PoisonError, Weak},
    thread,
    time::{Duration, Instant},
};

use docent::{AskEvent, ErrorReport, Event, Progress};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use serde_json::json;

use crate::{
    context::OnEvent,
    output::Output,
    print::{bytes, clean_line, duration, number},
};

/// Quick work shows nothing.
const PATIENCE: Duration = Duration::from_millis(250);
/// Progress as JSON comes no more often than this.
const JSON_EVERY: Duration = Duration::from_millis(500);
/// Repaints a second, at most.
const REPAINTS: u8 = 30;

/// Shows events as they come. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct Meter {
    output: Output,
    shown: Arc<Mutex<Shown>>,
}

struct Shown {
    started: Instant,
    /// What to show when patience ends: done and total, and the message.
    next: Option<((u64, u64), String)>,
    bar: Option<ProgressBar>,
    json_last: Option<Instant>,
}

impl Meter {
    /// Nothing is shown yet.
    pub(crate) fn new(output: Output) -> Self {
        let shown = Shown { started: Instant::now(), next: None, bar: None, json_last: None };
        let shown = Arc::new(Mutex::new(shown));
        if !output.json && !output.quiet && io::stderr().is_terminal() {
            show_when_patience_ends(Arc::downgrade(&shown));
        }
        Self { output, shown }
    }

    /// A function for the library to call.
    pub(crate) fn on_event(&self) -> OnEvent {
        let own = self.clone();
        Arc::new(move |event| own.show(&event))
    }

    /// Shows one event.
    pub(crate) fn show(&self, event: &Event) {
        if self.output.json {
            self.show_json(event);
        } else if !self.output.quiet {
            self.show_people(event);
        }
    }

    /// Shows what is going on, in words that are not an event's.
    pub(crate) fn doing(&self, what: &str) {
        if !self.output.json && !self.output.quiet {
            self.paint(None, what.to_owned());
        }
    }

    /// Shows how many bytes of a file of a model are here.
    pub(crate) fn pulling(&self, model: &str, file: &str, done: u64, total: u64) {
        if self.output.json {
            if self.is_due() {
                let event =
                    json!({ "event": "pulling", "model": model, "file": file, "done": done, "total": total });
                self.emit(&event);
            }
        } else if !self.output.quiet {
            let message = format!("{model}: {file}, {} of {}", bytes(done), bytes(total));
            self.paint(Some((done, total)), message);
        }
    }

    /// Takes the bar away.
    pub(crate) fn clear(&self) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.next = None;
        if let Some(bar) = shown.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn show_json(&self, event: &Event) {
        match event {
            Event::Index(progress) if !is_only_progress(progress) || self.is_due() => self.emit(progress),
            Event::Index(_) => {}
            Event::Ask(AskEvent::Retrieved(hits)) => {
                self.emit(&json!({ "event": "retrieved", "hits": hits }));
            }
            Event::Ask(AskEvent::Text(text)) => self.emit(&json!({ "event": "text", "text": text })),
            Event::Ask(AskEvent::Citation(citation)) => {
                self.emit(&json!({ "event": "citation", "citation": citation }));
            }
        }
    }

    /// Whether progress may be written as JSON again.
    fn is_due(&self) -> bool {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let due = shown.started.elapsed() >= PATIENCE
            && shown.json_last.is_none_or(|last| last.elapsed() >= JSON_EVERY);
        if due {
            shown.json_last = Some(Instant::now());
        }
        due
    }

    /// What cannot be written now will not be written at the end either, and is reported then.
    fn emit(&self, event: &impl Serialize) {
        if let Err(error) = self.output.object(event) {
            tracing::debug!("{error:?}");
        }
    }

    fn show_people(&self, event: &Event) {
        let Event::Index(progress) = event else { return };
        match progress {
            Progress::Scanning { seen } => self.paint(None, format!("looking at {} files", number(*seen))),
            Progress::Reading { done, total, .. } => {
                let message = format!("reading {} of {} files", number(*done), number(*total));
                self.paint(Some((*done, *total)), message);
            }
            Progress::Embedding { done, total, per_second, seconds_left } => {
                let (counted, left) =
                    (format!("{} of {}", number(*done), number(*total)), duration(*seconds_left));
                let message = format!("embedding {counted} passages, {per_second:.0}/s, {left} left");
                self.paint(Some((*done, *total)), message);
            }
            Progress::Recognising { done, total, seconds_per_page, seconds_left, .. } => {
                let counted = format!("{} of {}", number(*done), number(*total));
                let mut message = format!("reading {counted} scanned pages");
                if *seconds_per_page > 0.0 {
                    let left = duration(*seconds_left);
                    message.push_str(&format!(", {seconds_per_page:.1} s a page, {left} left"));
                }
                self.paint(Some((*done, *total)), message);
            }
            Progress::RootReturned { path } => self.above(&format!("{} is there again", clean_line(path))),
            Progress::Polling { path, reason, seconds } => self.above(&format!(
                "{} is looked at every {seconds} s: {}",
                clean_line(path),
                clean_line(reason)
            )),
            Progress::Trouble { error } => self.above(&trouble(error)),
            // The report names failures and roots at the end.
            Progress::Failed { .. }
            | Progress::RootUnavailable { .. }
            | Progress::Committed { .. }
            | Progress::Idle { .. } => {}
        }
    }

    /// Writes a note above the bar.
    fn above(&self, line: &str) {
        let bar = self.shown.lock().unwrap_or_else(PoisonError::into_inner).bar.clone();
        match bar {
            Some(bar) => bar.suspend(|| self.output.note(line)),
            None => self.output.note(line),
        }
    }

    fn paint(&self, of: Option<(u64, u64)>, message: String) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.next = Some((of.unwrap_or_default(), message));
        if shown.started.elapsed() >= PATIENCE {
            shown.paint();
        }
    }
}

impl Shown {
    fn paint(&mut self) {
        let Some(((done, total), message)) = self.next.take() else { return };
        let bar = self.bar.get_or_insert_with(new_bar);
        if bar.length() != Some(total) {
            bar.set_length(total);
            bar.set_style(style(total));
        }
        bar.set_position(done);
        bar.set_message(message);
    }
}

/// Work that says nothing for a while shows what it said last.
fn show_when_patience_ends(shown: Weak<Mutex<Shown>>) {
    let wait = move || {
        thread::sleep(PATIENCE);
        if let Some(shown) = shown.upgrade() {
            shown.lock().unwrap_or_else(PoisonError::into_inner).paint();
        }
    };
    if let Err(cause) = thread::Builder::new().name("progress".into()).spawn(wait) {
        tracing::debug!("no thread for progress: {cause}");
    }
}

/// Whether it does no harm to leave this out because more like it follows.
fn is_only_progress(progress: &Progress) -> bool {
    matches!(
        progress,
        Progress::Scanning { .. }
            | Progress::Reading { .. }
            | Progress::Embedding { .. }
            | Progress::Recognising { .. }
            | Progress::Committed { .. }
    )
}

/// What keeps a watching process from its work, and the way out.
pub(crate) fn trouble(error: &ErrorReport) -> String {
    let message = clean_line(&error.message);
    match &error.hint {
        Some(hint) => format!("{message} ({})", clean_line(hint)),
        None => message,
    }
}

/// On stderr; hidden where that is no terminal.
fn new_bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(REPAINTS));
    bar.set_style(style(0));
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

fn style(total: u64) -> ProgressStyle {
    let template = if total == 0 { "{spinner} {wide_msg}" } else { "[{bar:20}] {wide_msg}" };
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_not_be_lost_is_not_held_back() {
        assert!(is_only_progress(&Progress::Scanning { seen: 1 }));
        assert!(!is_only_progress(&Progress::Failed { path: "a".into(), reason: "b".into() }));
        assert!(!is_only_progress(&Progress::Idle { generation: None }));
    }

    #[test]
    fn quick_work_shows_nothing() {
        let meter = Meter::new(Output { json: false, quiet: false });
        meter.show(&Event::Index(Progress::Scanning { seen: 1 }));
        assert!(meter.shown.lock().unwrap().bar.is_none());
    }
}
