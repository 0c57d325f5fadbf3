//! The command line: what can be typed, with its help.

mod help;

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use docent::{Filter, Mode};
use jiff::{Timestamp, ZonedDateTime};

use crate::dates::{Edge, parse_date};

/// Answers questions from your own documents, on your own machine.
///
/// Folders are indexed and kept up to date; a search finds passages by their words and by their meaning; a
/// question is answered by a local language model that cites the passages. Nothing leaves the machine.
#[derive(Debug, Parser)]
#[command(name = "docent", version, propagate_version = true, max_term_width = 100, after_help = help::DOCENT)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// The folder of the index and its configuration [env: DOCENT_HOME; default: the platform's data folder].
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    pub(crate) home: Option<PathBuf>,
    /// Print JSON: the last line of the output is one object, also when the command fails.
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    /// Tell more about what is done, on stderr; twice or three times for more.
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Global options")]
    pub(crate) verbose: u8,
    /// No progress and no notes.
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Global options")]
    pub(crate) quiet: bool,
    /// When to use colour; NO_COLOR is honoured.
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        value_enum,
        default_value_t = Color::Auto,
        help_heading = "Global options"
    )]
    pub(crate) color: Color,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Watch folders or files from now on, and index them.
    #[command(after_help = help::ADD)]
    Add(AddArgs),
    /// Bring the index up to date once, and exit.
    #[command(after_help = help::INDEX)]
    Index {
        /// Only this collection.
        #[arg(long, value_name = "NAME")]
        collection: Option<String>,
    },
    /// Keep the index up to date until stopped; meanwhile other commands use its warm models.
    #[command(after_help = help::WATCH)]
    Watch,
    /// Find passages by their words and by their meaning.
    #[command(after_help = help::SEARCH)]
    Search(SearchArgs),
    /// Answer a question from the documents, with citations.
    #[command(after_help = help::ASK)]
    Ask(AskArgs),
    /// Show what is indexed, and what is not and why.
    #[command(after_help = help::STATUS)]
    Status {
        /// One file's story.
        #[arg(long, value_name = "PATH")]
        file: Option<PathBuf>,
    },
    /// Compare the catalog, both stores and the disk.
    #[command(after_help = help::CHECK)]
    Check {
        /// Put right what differs.
        #[arg(long)]
        repair: bool,
    },
    /// Forget a watched folder or file; the files themselves are not touched.
    #[command(after_help = help::REMOVE)]
    Remove {
        /// A folder or file that was added.
        path: PathBuf,
    },
    /// List the collections and their folders.
    #[command(after_help = help::COLLECTIONS)]
    Collections,
    /// Look whether this machine has what docent needs.
    #[command(after_help = help::DOCTOR)]
    Doctor,
    /// Show what the parser makes of one file.
    #[command(after_help = help::EXTRACT)]
    Extract {
        /// The file. It need not be in the index.
        file: PathBuf,
        /// Show the blocks and where each stands.
        #[arg(long)]
        blocks: bool,
    },
    /// Measure search quality against judged queries.
    #[command(after_help = help::EVAL)]
    Eval(EvalArgs),
    /// List, get and choose models.
    #[command(after_help = help::MODELS, subcommand)]
    Models(ModelsCommand),
    /// Print the configuration in force.
    #[command(after_help = help::CONFIG)]
    Config {
        /// Print the defaults instead.
        #[arg(long)]
        default: bool,
    },
    /// Print a completion script for a shell.
    #[command(after_help = help::COMPLETIONS)]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the manual page.
    #[command(after_help = help::MAN)]
    Man {
        /// Write the pages of all commands into this folder instead.
        dir: Option<PathBuf>,
    },
}

/// Of `docent add`.
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// Folders or single files.
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// The collection they belong to [default: default].
    #[arg(long, value_name = "NAME")]
    pub(crate) collection: Option<String>,
    /// Only files that match one of these globs (repeatable).
    #[arg(long, value_name = "GLOB")]
    pub(crate) include: Vec<String>,
    /// No files that match one of these globs (repeatable).
    #[arg(long, value_name = "GLOB")]
    pub(crate) exclude: Vec<String>,
    /// Only say what it would cost.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Of `docent search`.
#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// Words, a "phrase in quotes", a code, or a whole question.
    #[arg(required = true, value_name = "QUERY")]
    pub(crate) query: Vec<String>,
    /// The most hits to show [default: search.hits of the configuration].
    #[arg(short = 'k', value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) hits: Option<u32>,
    /// How to search.
    #[arg(long, value_enum, default_value_t = ModeArg::Hybrid)]
    pub(crate) mode: ModeArg,
    #[command(flatten)]
    pub(crate) filters: Filters,
    /// Show the signals that ranked each hit.
    #[arg(long)]
    pub(crate) explain: bool,
}

/// Of `docent ask`.
#[derive(Debug, Args)]
pub(crate) struct AskArgs {
    /// The question.
    #[arg(required = true, value_name = "QUESTION")]
    pub(crate) question: Vec<String>,
    #[command(flatten)]
    pub(crate) filters: Filters,
}

/// Of `docent eval`.
#[derive(Debug, Args)]
pub(crate) struct EvalArgs {
    /// JSON lines {"id", "text"}.
    #[arg(long, value_name = "FILE")]
    pub(crate) queries: PathBuf,
    /// Lines of id, path relative to its root, and relevance, parted by tabs.
    #[arg(long, value_name = "FILE")]
    pub(crate) qrels: PathBuf,
    /// Write a TREC run to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) run: Option<PathBuf>,
    /// How to search.
    #[arg(long, value_enum, default_value_t = ModeArg::Hybrid)]
    pub(crate) mode: ModeArg,
    #[command(flatten)]
    pub(crate) filters: Filters,
}

/// Of `docent models`.
#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// List the models that docent knows, and which are installed.
    #[command(after_help = help::MODELS_LIST)]
    List,
    /// Get a model from the model hub; without a name, the default set for this machine's memory.
    #[command(after_help = help::MODELS_PULL)]
    Pull {
        /// A name from `docent models list`.
        name: Option<String>,
    },
    /// Install models from files or folders that were carried in.
    #[command(after_help = help::MODELS_IMPORT)]
    Import {
        /// A file or a folder.
        path: PathBuf,
    },
    /// Choose the model that plays a role, in the configuration of this home.
    #[command(name = "use", after_help = help::MODELS_USE)]
    Use {
        /// The role.
        #[arg(value_enum)]
        role: RoleArg,
        /// A name from `docent models list`; "none" for no reranker, or no OCR.
        name: String,
    },
}

/// A role that a model can be chosen for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleArg {
    /// Turns text into vectors.
    Embedder,
    /// Reorders hits.
    Reranker,
    /// Writes answers.
    Generator,
    /// Reads scans and pictures.
    Ocr,
}

/// How to search.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModeArg {
    /// By words and by meaning.
    Hybrid,
    /// By words.
    Lexical,
    /// By meaning.
    Vector,
}

impl From<ModeArg> for Mode {
    fn from(mode: ModeArg) -> Self {
        match mode {
            ModeArg::Hybrid => Self::Hybrid,
            ModeArg::Lexical => Self::Lexical,
            ModeArg::Vector => Self::Vector,
        }
    }
}

/// Limits to some documents.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Filters")]
pub(crate) struct Filters {
    /// Only this collection (repeatable).
    #[arg(long = "collection", value_name = "NAME")]
    collections: Vec<String>,
    /// Only files whose path, path below its root, or name matches this glob (repeatable).
    #[arg(long = "path", value_name = "GLOB")]
    paths: Vec<String>,
    /// Only files with this extension or media type: pdf, text/* (repeatable, or a list with commas).
    #[arg(long = "type", value_name = "EXT", value_delimiter = ',')]
    types: Vec<String>,
    /// Only files modified since: 2025-01-31, 2025-01-31T09:30, today, yesterday, 7d, "2 weeks".
    #[arg(long, value_name = "DATE", value_parser = since, allow_hyphen_values = true)]
    since: Option<Timestamp>,
    /// Only files modified until; a day counts whole.
    #[arg(long, value_name = "DATE", value_parser = until, allow_hyphen_values = true)]
    until: Option<Timestamp>,
}

impl Filters {
    /// The filter that the library takes.
    pub(crate) fn to_filter(&self) -> Filter {
        Filter {
            collections: self.collections.clone(),
            paths: self.paths.clone(),
            types: self
                .types
                .iter()
                .map(|name| name.trim().trim_start_matches('.').to_lowercase())
                .filter(|name| !name.is_empty())
                .collect(),
            since: self.since,
            until: self.until,
        }
    }
}

fn since(text: &str) -> Result<Timestamp, String> {
    parse_date(text, Edge::Start, &ZonedDateTime::now())
}

fn until(text: &str) -> Result<Timestamp, String> {
    parse_date(text, Edge::End, &ZonedDateTime::now())
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, error::ErrorKind};

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    fn search(line: &str) -> SearchArgs {
        match parse(line).unwrap().command {
            Command::Search(args) => args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn what_the_design_promises_parses() {
        for line in [
            "docent add a b --collection c --include *.md --exclude old/** --dry-run",
            "docent index",
            "docent index --collection c --json",
            "docent watch --home /tmp/x",
            "docent search q -k 3 --mode lexical --explain --since 2024-01-01 --until 7d",
            "docent search -k3 --mode=vector q",
            "docent ask why --collection a --path *.pdf --type pdf,docx",
            "docent status --file x",
            "docent check --repair",
            "docent remove x",
            "docent collections",
            "docent doctor",
            "docent extract f --blocks",
            "docent eval --queries q --qrels r --run o --mode hybrid --type md",
            "docent models list",
            "docent models pull",
            "docent models pull x",
            "docent models import p",
            "docent models use generator x",
            "docent --json --home h status",
            "docent completions bash",
            "docent man",
            "docent man dir",
        ] {
            parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }

    #[test]
    fn what_makes_no_sense_does_not() {
        for line in [
            "docent",
            "docent add",
            "docent search",
            "docent search q -k 0",
            "docent search q --mode best",
            "docent search q --since never",
            "docent models use librarian x",
            "docent eval --queries q",
            "docent nonsense",
            "docent status -q -v",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn every_help_has_examples() {
        fn visit(command: &mut clap::Command, path: &str) {
            let help = command.render_long_help().to_string();
            assert!(help.contains("Examples:"), "{path} has no examples");
            // clap's own `help` lists the subcommands.
            for sub in command.get_subcommands_mut().filter(|sub| sub.get_name() != "help") {
                let path = format!("{path} {}", sub.get_name());
                visit(sub, &path);
            }
        }
        let mut command = Cli::command();
        visit(&mut command, "docent");
        assert_eq!(parse("docent search --help").unwrap_err().kind(), ErrorKind::DisplayHelp);
    }

    #[test]
    fn words_of_a_query_need_no_quotes() {
        assert_eq!(search("docent search annual leave -k 2").query, ["annual", "leave"]);
    }

    #[test]
    fn filters_are_gathered() {
        let args =
            search("docent search q --collection a --collection b --type .PDF,md --type text/* --path x/**");
        let filter = args.filters.to_filter();
        assert_eq!(filter.collections, ["a", "b"]);
        assert_eq!(filter.types, ["pdf", "md", "text/*"]);
        assert_eq!(filter.paths, ["x/**"]);
        assert!(search("docent search q").filters.to_filter().is_empty());
    }

    #[test]
    fn times_reach_the_filter() {
        let filter = search("docent search q --since 2024-01-01T00:00:00Z --until 2024-02-01T00:00:00+01:00")
            .filters
            .to_filter();
        assert_eq!(filter.since.unwrap().to_string(), "2024-01-01T00:00:00Z");
        assert_eq!(filter.until.unwrap().to_string(), "2024-01-31T23:00:00Z");
    }
}
