//! The `docent` binary: arguments, progress, printing, exit codes. Everything else is in the library.

mod args;
mod commands;
mod context;
mod cpu;
mod dates;
mod errors;
mod exit;
mod interrupt;
mod output;
mod print;
mod progress;

use std::{
    ffi::OsString,
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
};

use clap::Parser;

use crate::{
    args::{Cli, Command, ModelsCommand},
    context::Context,
    exit::Exit,
    output::Output,
};

fn main() -> ExitCode {
    stay_silent();
    if let Some(missing) = cpu::missing() {
        cpu::complain(missing);
        return Exit::Failed.into();
    }
    if let Some(done) = docent::parse_in_workers() {
        return done;
    }
    let words: Vec<OsString> = std::env::args_os().collect();
    let mut output = Output::before_parsing(&words);
    let cli = match Cli::try_parse_from(words) {
        Ok(cli) => cli,
        Err(error) => return errors::report_usage(&error, output).into(),
    };
    output.take(&cli.global);
    // The one command that connects.
    if !matches!(cli.command, Command::Models(ModelsCommand::Pull { .. })) {
        docent::close_network();
    }
    // Models may be shared with other users.
    if !matches!(cli.command, Command::Models(_)) {
        docent::keep_files_private();
    }
    // A mistake in docent is one error like any other, after the panic's own message on stderr.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let context = Context::new(&cli.global, output)?;
        commands::run(&context, cli.command)
    }));
    let outcome = outcome.unwrap_or_else(|_| Err(errors::broke_down()));
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => errors::report(&error, output).into(),
    }
}

/// Keeps ONNX Runtime from reporting to its maker. Its loader does so too; here there is no second thread yet that
/// could be reading the environment.
fn stay_silent() {
    #[expect(unsafe_code, reason = "the environment is the only way to tell the library in time")]
    // SAFETY: this is the first thing that the only thread does.
    unsafe {
        std::env::set_var("ORT_DISABLE_TELEMETRY", "1");
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
