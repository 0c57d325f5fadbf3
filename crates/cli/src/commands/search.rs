//! `search`.

use docent::{Request, Response, Result, SearchRequest};

use crate::{
    args::SearchArgs,
    context::{Context, OnEvent, unexpected},
    exit::Exit,
    print,
    progress::Meter,
};

pub(super) fn search(context: &Context, args: &SearchArgs) -> Result<Exit> {
    let request = SearchRequest {
        query: args.query.join(" "),
        hits: args.hits.map(|hits| hits as usize),
        mode: args.mode.into(),
        filter: args.filters.to_filter(),
    };
    let progress = Meter::new(context.output);
    progress.doing("searching");
    let ignore: OnEvent = std::sync::Arc::new(|_| {});
    let response = context.perform(&Request::Search(request), &ignore);
    progress.clear();
    let Response::Search(report) = response? else { return Err(unexpected()) };
    let width = context.output.width();
    context.output.result(&report, |report| print::search(report, width, args.explain))?;
    Ok(if report.hits.is_empty() { Exit::Nothing } else { Exit::Done })
}
