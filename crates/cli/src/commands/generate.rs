//! `completions` and `man`: made from the command line's own definition.

use std::{fs, path::Path};

use clap::CommandFactory;
use clap_complete::Shell;
use docent::{Error, ErrorKind, IoContext as _, Result};
use serde_json::json;

use crate::{args::Cli, context::Context, exit::Exit};

pub(super) fn completions(context: &Context, shell: Shell) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "docent", &mut script);
    print(context, "script", &script)
}

pub(super) fn man(context: &Context, dir: Option<&Path>) -> Result<Exit> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let Some(dir) = dir else {
        return print(context, "page", &page(&command)?);
    };
    fs::create_dir_all(dir).doing("create the folder", dir)?;
    let mut files = Vec::new();
    write_pages(&command, dir, &mut files)?;
    if context.output.json {
        context.output.object(&json!({ "files": files }))?;
    } else {
        context.output.text(&files.iter().map(|file| format!("{file}\n")).collect::<String>())?;
    }
    Ok(Exit::Done)
}

fn print(context: &Context, key: &str, text: &[u8]) -> Result<Exit> {
    if context.output.json {
        context.output.object(&json!({ key: String::from_utf8_lossy(text) }))?;
    } else {
        context.output.bytes(text)?;
    }
    Ok(Exit::Done)
}

/// The page of `command` and those of its subcommands: `docent.1`, `docent-search.1`, ...
fn write_pages(command: &clap::Command, dir: &Path, files: &mut Vec<String>) -> Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    let file = dir.join(format!("{name}.1"));
    fs::write(&file, page(command)?).doing("write", &file)?;
    files.push(file.display().to_string());
    command.get_subcommands().try_for_each(|sub| write_pages(sub, dir, files))
}

fn page(command: &clap::Command) -> Result<Vec<u8>> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone())
        .render(&mut page)
        .map_err(|cause| Error::new(ErrorKind::Internal, "cannot make a manual page").caused_by(cause))?;
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Cli::command().disable_help_subcommand(true);
        command.build();
        let mut files = Vec::new();
        write_pages(&command, folder.path(), &mut files).unwrap();
        let names: Vec<&str> = files.iter().map(|file| file.rsplit('/').next().unwrap()).collect();
        for name in ["docent.1", "docent-search.1", "docent-models.1", "docent-models-use.1"] {
            assert!(names.contains(&name), "{name} is not in {names:?}");
        }
        let page = fs::read_to_string(folder.path().join("docent-search.1")).unwrap();
        assert!(page.contains("Examples:") && page.contains("\\-\\-explain"), "{page}");
    }

    #[test]
    fn completions_know_the_options() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "docent", &mut script);
            let script = String::from_utf8(script).unwrap();
            assert!(script.contains("explain") && script.contains("dry-run"), "{shell}");
        }
    }
}
