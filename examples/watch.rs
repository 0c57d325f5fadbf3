//! Keeps a folder in step with its index and reacts to changes, until Ctrl-C.
//!
//! ```sh
//! cargo run --release --example watch -- FOLDER
//! ```
//!
//! While it runs, every `docent` command with `--home target/example-home` works through it.

#![expect(clippy::print_stdout, reason = "it is an example")]

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use docent::{Cancel, Engine, Event, Home, Progress};

fn main() -> docent::Result<ExitCode> {
    // Files are read in child processes, which are this program again.
    if let Some(code) = docent::parse_in_workers() {
        return Ok(code);
    }
    run()?;
    Ok(ExitCode::SUCCESS)
}

#[tokio::main]
async fn run() -> docent::Result<()> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "examples/corpus".into()));
    let engine = Engine::at(Home::locate(Some("target/example-home".as_ref()))?)?;
    engine.add(&[folder]).await?;

    let cancel = Cancel::new();
    let stop = cancel.clone();
    tokio::spawn(async move {
        // Without a handler for Ctrl-C the process simply ends, and the next start goes on from there.
        if tokio::signal::ctrl_c().await.is_ok() {
            stop.cancel();
        }
    });

    let react = Arc::new(|event: Event| match event {
        Event::Index(Progress::Committed { generation }) => println!("generation {generation} is published"),
        Event::Index(Progress::Failed { path, reason }) => println!("{path}: {reason}"),
        Event::Index(Progress::RootUnavailable { path, reason }) => println!("{path} is away: {reason}"),
        Event::Index(Progress::Idle { .. }) => println!("everything is in step"),
        _ => {}
    });
    engine.watch(react, cancel).await
}
