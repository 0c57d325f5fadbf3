//! `add`, `index` and `watch`.

use std::sync::Arc;

use docent::{AddRequest, ErrorKind, Event, IndexReport, Progress, Request, Response, Result};
use serde_json::json;

use super::absolute;
use crate::{
    args::AddArgs,
    context::{Context, OnEvent, unexpected},
    exit::Exit,
    interrupt::Stop,
    print,
    progress::{Meter, trouble},
};

pub(super) fn add(context: &Context, args: AddArgs) -> Result<Exit> {
    let paths = args.paths.iter().map(|path| absolute(path)).collect::<Result<_>>()?;
    let request =
        AddRequest { paths, collection: args.collection, include: args.include, exclude: args.exclude };
    if !args.dry_run {
        return bring_up_to_date(context, &Request::Add(request));
    }
    let meter = Meter::new(context.output);
    let response = context.perform(&Request::DryRun(request), &meter.on_event());
    meter.clear();
    let Response::DryRun(report) = response? else { return Err(unexpected()) };
    context.output.result(&report, print::dry_run)?;
    Ok(Exit::Done)
}

pub(super) fn index(context: &Context, collection: Option<String>) -> Result<Exit> {
    bring_up_to_date(context, &Request::Index { collection })
}

fn bring_up_to_date(context: &Context, request: &Request) -> Result<Exit> {
    let meter = Meter::new(context.output);
    let response = context.perform(request, &meter.on_event());
    meter.clear();
    let Response::Index(report) = response? else { return Err(unexpected()) };
    context.output.result(&report, print::indexed)?;
    Ok(exit(&report))
}

/// Files that could not be read are in the ledger; a root that cannot be reached is a failure.
fn exit(report: &IndexReport) -> Exit {
    Exit::failed_if(!report.unavailable_roots.is_empty())
}

pub(super) fn watch(context: &Context) -> Result<Exit> {
    // A service manager may stop it while its models are still being verified.
    context.interrupts.softly(true);
    let engine = context.engine()?;
    let output = context.output;
    if !output.json && !output.quiet {
        output.message("watching; Ctrl-C stops");
    }
    let result = context.block_on(engine.watch(watcher(context), context.interrupts.cancel()));
    match (result, context.interrupts.came()) {
        (Ok(()), stop) => {
            if output.json {
                output.object(&json!({ "stopped": true }))?;
            }
            Ok(if stop == Some(Stop::Interrupt) { Exit::Interrupted } else { Exit::Done })
        }
        (Err(error), Some(Stop::Terminate)) if error.kind() == ErrorKind::Interrupted => {
            if output.json {
                output.object(&json!({ "stopped": true }))?;
            }
            Ok(Exit::Done)
        }
        (Err(error), _) => Err(error),
    }
}

/// Under a service manager stderr is a log: a line for what is worth one.
fn watcher(context: &Context) -> OnEvent {
    let output = context.output;
    let meter = Meter::new(output);
    Arc::new(move |event| {
        let line = match &event {
            _ if output.json || output.quiet => None,
            Event::Index(progress) => worth_a_line(progress),
            Event::Ask(_) => None,
        };
        match line {
            Some(line) => {
                meter.clear();
                output.message(&line);
            }
            None => meter.show(&event),
        }
    })
}

fn worth_a_line(progress: &Progress) -> Option<String> {
    let clean = print::clean_line;
    Some(match progress {
        Progress::Idle { generation: Some(generation) } => format!("up to date (generation {generation})"),
        Progress::Idle { generation: None } => "up to date".into(),
        Progress::Failed { path, reason } => format!("cannot read {}: {}", clean(path), clean(reason)),
        Progress::RootUnavailable { path, reason } => {
            format!("cannot reach {}: {}; its documents stay searchable", clean(path), clean(reason))
        }
        Progress::RootReturned { path } => format!("{} is there again", clean(path)),
        Progress::Trouble { error } => format!("trouble, will try again: {}", trouble(error)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use docent::RootReport;

    use super::*;

    #[test]
    fn a_watch_logs_what_is_worth_a_line() {
        let gone = Progress::RootUnavailable { path: "/mnt/x".into(), reason: "not mounted".into() };
        insta::assert_snapshot!(worth_a_line(&gone).unwrap(), @"cannot reach /mnt/x: not mounted; its documents stay searchable");
        assert_eq!(worth_a_line(&Progress::Committed { generation: 3 }), None);
    }

    #[test]
    fn a_root_out_of_reach_is_a_failure_and_an_unreadable_file_is_none() {
        let mut report = IndexReport { failed: 3, ..IndexReport::default() };
        assert_eq!(exit(&report), Exit::Done);
        report.unavailable_roots.push(RootReport::default());
        assert_eq!(exit(&report), Exit::Failed);
    }
}
