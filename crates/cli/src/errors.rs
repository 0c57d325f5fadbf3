//! An error as a person and as a program reads it, once.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use docent::{Error, ErrorKind};
use serde_json::json;

use crate::{exit::Exit, output::Output, print::clean};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const CAUSE: Style = Style::new().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// Reports `error`: as JSON on stdout, or as text on stderr.
pub(crate) fn report(error: &Error, output: Output) -> Exit {
    if output.json {
        // If stdout fails as well there is nobody left to tell.
        let _ = output.object(&json!({ "error": error.to_report() }));
    } else {
        output.message(&for_people(error));
    }
    Exit::of(error)
}

/// Reports wrong arguments, or prints the help or the version that was asked for.
pub(crate) fn report_usage(error: &clap::Error, output: Output) -> Exit {
    if !error.use_stderr() {
        // A pager that was closed is no error.
        let _ = error.print();
        return Exit::Done;
    }
    if output.json {
        return report(&from_clap(error), output);
    }
    let _ = error.print();
    Exit::Usage
}

/// A panic that was caught.
pub(crate) fn broke_down() -> Error {
    Error::new(ErrorKind::Internal, "docent broke down: this is a mistake in docent")
        .hint("the index is sound; `docent check` tells")
}

/// clap's message in the form of ours: what is wrong, and where help is.
fn from_clap(error: &clap::Error) -> Error {
    let text = error.render().to_string();
    let message: Vec<&str> = text
        .lines()
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let message = message.join(" ");
    let message = message.strip_prefix("error: ").unwrap_or(&message);
    let message = if message.is_empty() { "the arguments make no sense" } else { message };
    Error::new(ErrorKind::Usage, message)
        .hint("`docent --help` and `docent COMMAND --help` show what can be typed")
}

/// `error: ...`, a line for each cause, and the hint.
fn for_people(error: &Error) -> String {
    let mut text = format!("{ERROR}error{ERROR:#}: {}", clean(error.message()));
    for cause in error.causes() {
        let _ = write!(text, "\n  {CAUSE}caused by{CAUSE:#}: {}", clean(&cause).trim_end());
    }
    if let Some(hint) = error.hint_text() {
        let _ = write!(text, "\n{HINT}hint{HINT:#}: {}", clean(hint));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use clap::Parser;

    use super::*;
    use crate::args::Cli;

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn people_read_what_why_and_the_way_out() {
        let error = Error::io("read", "/a/b.pdf", io::Error::from_raw_os_error(13));
        insta::assert_snapshot!(plain(&for_people(&error)), @"
        error: cannot read /a/b.pdf
          caused by: Permission denied (os error 13)
        hint: check who owns it and its permissions
        ");
    }

    #[test]
    fn programs_read_one_object() {
        let error = Error::io("read", "/a/b.pdf", io::Error::from_raw_os_error(13));
        insta::assert_json_snapshot!(json!({ "error": error.to_report() }), @r#"
        {
          "error": {
            "kind": "permission",
            "message": "cannot read /a/b.pdf: Permission denied (os error 13)",
            "path": "/a/b.pdf",
            "hint": "check who owns it and its permissions"
          }
        }
        "#);
    }

    #[test]
    fn wrong_arguments_become_an_error_like_any_other() {
        let of = |line: &str| from_clap(&Cli::try_parse_from(line.split_whitespace()).unwrap_err());
        let error = of("docent search q -k many");
        assert_eq!((error.kind(), Exit::of(&error)), (ErrorKind::Usage, Exit::Usage));
        insta::assert_snapshot!(error.message(), @"invalid value 'many' for '-k <N>': invalid digit found in string");
        insta::assert_snapshot!(of("docent serch q").message(), @"unrecognized subcommand 'serch' tip: a similar subcommand exists: 'search'");
        insta::assert_snapshot!(of("docent add").message(), @"the following required arguments were not provided: <PATH>...");
        assert!(!of("docent").message().is_empty());
    }

    #[test]
    fn exit_codes_follow_the_kind() {
        let exit = |kind| Exit::of(&Error::new(kind, "x"));
        assert_eq!(exit(ErrorKind::Config), Exit::Usage);
        assert_eq!(exit(ErrorKind::Interrupted), Exit::Interrupted);
        assert_eq!(exit(ErrorKind::Io), Exit::Failed);
    }
}
