//! Asks a question and prints the answer as the model writes it, then what it stands on.
//!
//! ```sh
//! cargo run --release --example ask -- "How long is the warranty on the AX-200 pump?"
//! ```
//!
//! Run `index_and_search` first: it makes the index.

#![expect(clippy::print_stdout, reason = "it is an example")]

use std::{io::Write as _, process::ExitCode};

use docent::{AskEvent, AskRequest, Engine, Home};

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
    let question =
        std::env::args().nth(1).unwrap_or_else(|| "How long is the warranty on the AX-200 pump?".into());
    let engine = Engine::at(Home::locate(Some("target/example-home".as_ref()))?)?;

    let mut answering = engine.ask(AskRequest { question, ..AskRequest::default() });
    while let Some(event) = answering.next().await {
        match event {
            AskEvent::Retrieved(hits) => println!("({} passages found)\n", hits.len()),
            AskEvent::Text(text) => {
                print!("{text}");
                // A failed flush shows at the next print.
                let _ = std::io::stdout().flush();
            }
            AskEvent::Citation(_) => {}
        }
    }

    let report = answering.report().await?;
    println!("\n");
    for citation in report.citations {
        println!("[{}] {} ({})", citation.n, citation.hit.path, citation.hit.location.in_words());
        println!("    “{}”", citation.quote);
    }
    println!("\nfirst word after {:.1} s", report.timings.first_token_ms / 1e3);
    Ok(())
}
