//! Indexes a folder into a home of its own, and searches it.
//!
//! ```sh
//! cargo run --release --example index_and_search -- examples/corpus "warranty of the AX-200"
//! ```

#![expect(clippy::print_stdout, reason = "it is an example")]

use std::{path::PathBuf, process::ExitCode};

use docent::{Engine, Home, SearchRequest};

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
    let mut arguments = std::env::args().skip(1);
    let folder = PathBuf::from(arguments.next().unwrap_or_else(|| "examples/corpus".into()));
    let query = arguments.next().unwrap_or_else(|| "warranty of the AX-200".into());

    // A home holds the index, the configuration and the socket. This one lives beside the build.
    let home = Home::locate(Some("target/example-home".as_ref()))?;
    let engine = Engine::at(home)?;

    // Adding a folder again costs one look at each file: what has not changed is not read.
    let report = engine.add(&[folder]).await?;
    println!(
        "{} files searchable, {} new, {} passages embedded in {:.1} s",
        report.documents.searchable, report.added, report.passages_embedded, report.seconds
    );

    let found = engine.search(SearchRequest { query, hits: Some(5), ..SearchRequest::default() }).await?;
    for hit in found.hits {
        println!("\n{}. {} ({})", hit.rank, hit.path, hit.location.in_words());
        println!("   {}", hit.text.lines().next().unwrap_or_default());
    }
    Ok(())
}
