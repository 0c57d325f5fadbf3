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
mod edges;
mod hostile;
mod hostile_archives;
mod hostile_pdf;
mod kit;
mod made;
mod mailboxes;
mod opendocument;
mod outlook;
mod pdfs;
mod rtf;
mod scans;
mod texts;

use docent_parse::{ParseOptions, Parsers};

use self::pdfs::{models, pdfium};

fn parsers() -> Parsers {
    Parsers::new(ParseOptions { pdfium: Some(pdfium()), ..ParseOptions::default() })
}

/// Parsers that read everything but PDF.
fn without_pdfium() -> Parsers {
    Parsers::new(ParseOptions::default())
}
