//! `eval`.

use docent::{EvalRequest, Result};

use crate::{
    args::EvalArgs,
    context::{Context, block_on},
    exit::Exit,
    print,
    progress::Meter,
};

pub(super) fn eval(context: &Context, args: &EvalArgs) -> Result<Exit> {
    let engine = context.engine()?;
    let request = EvalRequest {
        queries: args.queries.clone(),
        qrels: args.qrels.clone(),
        run_file: args.run.clone(),
        mode: args.mode.into(),
        filter: args.filters.to_filter(),
    };
    let progress = Meter::new(context.output);
    progress.doing("searching for every query");
    let report = block_on(engine.eval(request));
    progress.clear();
    let report = report?;
    context.output.result(&report, print::eval)?;
    for note in &report.notes {
        context.output.note(note);
    }
    Ok(Exit::Done)
}
