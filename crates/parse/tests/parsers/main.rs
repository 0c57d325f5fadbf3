//! The parsers on real files, on files made here, and on files made to break them.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests fail as tests do")]
#![expect(
    clippy::format_collect,
    clippy::format_push_string,
    reason = "small files put together from strings"
)]

mod archives;
mod books;
mod compound;
mod corpus;
mod hostile;
mod hostile_pdf;
mod kit;
mod made;
mod mailboxes;
mod opendocument;
mod outlook;
mod rtf;
mod scans;
mod texts;

use std::path::PathBuf;

use docent_parse::{ParseOptions, Parsers};

/// The folder of real files that tests need.
fn models() -> PathBuf {
    let models =
        std::env::var_os("DOCENT_MODELS").expect("set DOCENT_MODELS: `make models` gets what it holds");
    PathBuf::from(models)
}

/// pdfium at the top of the folder or one level below.
fn pdfium() -> PathBuf {
    let models = models();
    let mut places = vec![models.join("libpdfium.so")];
    if let Ok(entries) = std::fs::read_dir(&models) {
        places.extend(entries.flatten().map(|entry| entry.path().join("libpdfium.so")));
    }
    places
        .into_iter()
        .find(|place| place.is_file())
        .unwrap_or_else(|| panic!("no libpdfium.so in {}: run `make models`", models.display()))
}

fn parsers() -> Parsers {
    Parsers::new(ParseOptions { pdfium: Some(pdfium()), ..ParseOptions::default() })
}

/// Parsers that read everything but PDF.
fn without_pdfium() -> Parsers {
    Parsers::new(ParseOptions::default())
}
