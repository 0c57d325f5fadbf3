//! `status`, `check`, `remove` and `collections`.

use std::path::Path;

use docent::{Request, Response, Result};
use serde_json::json;

use super::absolute;
use crate::{
    context::{Context, unexpected},
    exit::Exit,
    print,
    progress::Meter,
};

pub(super) fn status(context: &Context, file: Option<&Path>) -> Result<Exit> {
    if let Some(file) = file {
        let path = absolute(file)?;
        let Response::FileStatus(report) = perform(context, &Request::FileStatus { path })? else {
            return Err(unexpected());
        };
        context.output.result(&report, print::file)?;
        return Ok(Exit::Done);
    }
    let Response::Status(report) = perform(context, &Request::Status)? else { return Err(unexpected()) };
    let home = context.home.path().display().to_string();
    context.output.result(&report, |report| print::status(report, &home))?;
    Ok(Exit::Done)
}

pub(super) fn check(context: &Context, repair: bool) -> Result<Exit> {
    let Response::Check(report) = perform(context, &Request::Check { repair })? else {
        return Err(unexpected());
    };
    context.output.result(&report, |report| print::check(report, repair))?;
    Ok(Exit::failed_if(!report.clean))
}

pub(super) fn remove(context: &Context, path: &Path) -> Result<Exit> {
    let path = absolute(path)?;
    let Response::Removed(report) = perform(context, &Request::Remove { path })? else {
        return Err(unexpected());
    };
    context.output.result(&report, |report| {
        let documents = print::count(report.removed, "document");
        format!("{} is no longer watched; {documents} forgotten\n", print::clean_line(&report.path))
    })?;
    Ok(Exit::Done)
}

pub(super) fn collections(context: &Context) -> Result<Exit> {
    let Response::Collections(reports) = perform(context, &Request::Collections)? else {
        return Err(unexpected());
    };
    if context.output.json {
        context.output.object(&json!({ "collections": reports }))?;
    } else {
        context.output.text(&print::collections(&reports))?;
    }
    Ok(Exit::Done)
}

fn perform(context: &Context, request: &Request) -> Result<Response> {
    let progress = Meter::new(context.output);
    let response = context.perform(request, &progress.on_event());
    progress.clear();
    response
}
