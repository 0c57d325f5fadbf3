//! `doctor`.

use docent::Result;

use crate::{context::Context, exit::Exit, print, progress::Meter};

pub(super) fn doctor(context: &Context) -> Result<Exit> {
    let engine = context.engine()?;
    let meter = Meter::new(context.output);
    meter.doing("loading the models");
    let report = engine.doctor();
    meter.clear();
    context.output.result(&report, print::doctor)?;
    Ok(Exit::failed_if(!report.healthy))
}
