//! The commands, one function each: ask the library, print what it says, name the exit code.

mod ask;
mod config;
mod doctor;
mod eval;
mod extract;
mod generate;
mod index;
mod ledger;
mod models;
mod search;

use std::path::{Path, PathBuf};

use docent::{Error, ErrorKind, IoContext as _, Result};

use crate::{args::Command, context::Context, exit::Exit, interrupt::Stop};

/// Does what was typed.
///
/// # Errors
/// What went wrong, to be reported once.
pub(crate) fn run(context: &Context, command: Command) -> Result<Exit> {
    let exit = match command {
        Command::Add(args) => index::add(context, args),
        Command::Index { collection } => index::index(context, collection),
        Command::Watch => return index::watch(context),
        Command::Search(args) => search::search(context, &args),
        Command::Ask(args) => ask::ask(context, &args),
        Command::Status { file } => ledger::status(context, file.as_deref()),
        Command::Check { repair } => ledger::check(context, repair),
        Command::Remove { path } => ledger::remove(context, &path),
        Command::Collections => ledger::collections(context),
        Command::Doctor => doctor::doctor(context),
        Command::Extract { file, blocks } => extract::extract(context, &file, blocks),
        Command::Eval(args) => eval::eval(context, &args),
        Command::Models(command) => models::run(context, command),
        Command::Config { default } => config::config(context, default),
        Command::Completions { shell } => generate::completions(context, shell),
        Command::Man { dir } => generate::man(context, dir.as_deref()),
    }?;
    // Work that was stopped and says what it had done by then is still not done.
    Ok(if context.interrupts.came() == Some(Stop::Interrupt) { Exit::Interrupted } else { exit })
}

/// The path as another process, which stands in another folder, understands it.
///
/// # Errors
/// The present folder is gone, or the path is empty.
fn absolute(path: &Path) -> Result<PathBuf> {
    if path.as_os_str().is_empty() {
        return Err(
            Error::new(ErrorKind::Usage, "a path is empty").hint("name a file or a folder; . is this one")
        );
    }
    std::path::absolute(path).doing("find", path)
}
