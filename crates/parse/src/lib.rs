//! Bytes to documents: blocks of text with their locations, out of PDF, Office, OpenDocument, RTF, mail, books, web and
//! text files.
//!
//! [`Parsers`] is the in-process implementation of [`docent_core::Parser`]. The type of a file is decided by
//! its content first (`detect`), its name second. Three families of formats exist:
//!
//! - files that *are* text (plain text, Markdown, reStructuredText, Org, AsciiDoc, LaTeX, source code, settings, CSV,
//!   JSON) keep the whole decoded text as [`ParsedDocument::text`], verbatim but for the `\\u` escapes of JSON; their
//!   blocks are ranges of it, with lines (`verbatim`);
//! - files that *contain* text (HTML and saved pages, XML, PDF, Office, OpenDocument, RTF, mail, mailboxes and Outlook
//!   messages, EPUB books, notebooks, subtitles, calendars, contacts) have their text put together block by block;
//! - archives (zip, tar, gzip, 7z) have the text of their members, each a part under its path;
//! - pictures, and pages of PDF files that are pictures, have text where OCR is on ([`ParseOptions::ocr`]).
//!
//! **The rule for sheets.** A [`Table`](docent_core::BlockKind::Table) block with `location.cells` holds one
//! sheet row per line, cells parted by tabs, in order; no row inside the range is left out (a blank row is an empty
//! line) and newlines inside cells are blanks. So the first line is the first row of `cells`, and the A1 range of any
//! run of lines follows by counting.
//!
//! Nothing here prints, and no panic of a library gets out. Files that are hostile are read in processes of their own:
//! [`workers`].

mod archive;
mod cards;
mod code;
mod code_page;
mod delimited;
mod detect;
mod encoding;
mod epub;
mod html;
mod json;
mod language;
mod lzfu;
mod mail;
mod mailbox;
mod markdown;
mod markup;
mod message;
mod msg;
mod notebook;
mod ocr;
mod office;
mod ole;
mod opendocument;
mod package;
mod parts;
mod pdf;
mod picture;
mod quiet;
mod reserve;
mod rich_body;
mod rows;
mod rtf;
mod settings;
mod sheets;
mod spans;
mod subtitles;
mod text;
mod verbatim;
pub mod workers;
mod xml;

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use docent_core::{MOST_BLOCKS, ParseError, ParseErrorKind, ParsedDocument, Parser, RecognisedPage};
pub use docent_ocr::OcrSpec;
use serde::{Deserialize, Serialize};
use tracing::debug;

pub use crate::ocr::{OnPage, PageEvent};
use crate::{detect::Format, html::Patience, ocr::Ocr};

type Parsed = Result<ParsedDocument, ParseError>;

/// What the parsers may use, and how much. Sizes are in bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ParseOptions {
    /// The pdfium library (`libpdfium.so`), loaded when the first PDF comes. Without it PDFs are
    /// [`ParseErrorKind::Unavailable`].
    pub pdfium: Option<PathBuf>,
    /// The largest file that is parsed.
    pub max_file: u64,
    /// The most that the members of one zip container (docx, xlsx, pptx, odt, epub) may unpack to, together; and all
    /// archives of one file, those inside others included.
    pub max_unpacked: u64,
    /// Whether archives (zip, tar, gzip, 7z) are opened and their members read.
    pub archives: bool,
    /// The most text that one document may give.
    pub max_text: usize,
    /// The most cells of one workbook.
    pub max_cells: usize,
    /// The most pages of one PDF.
    pub max_pages: u32,
    /// The OCR model that reads pages without a text of their own. Without one they are counted
    /// ([`ParsedDocument::scanned`]).
    pub ocr: Option<OcrSpec>,
}

impl Default for ParseOptions {
    fn default() -> Self {
        Self {
            pdfium: None,
            max_file: 512 << 20,
            max_unpacked: 512 << 20,
            archives: true,
            max_text: 128 << 20,
            max_cells: 5_000_000,
            max_pages: 20_000,
            ocr: None,
        }
    }
}

/// Every parser there is, behind one [`Parser`].
///
/// ```
/// use docent_core::Parser;
/// use docent_parse::{ParseOptions, Parsers};
/// let parsers = Parsers::new(ParseOptions::default());
/// let document = parsers.parse("leave.md".as_ref(), b"# Leave\n\n30 days a year.\n").unwrap();
/// assert_eq!(document.title.as_deref(), Some("Leave"));
/// assert_eq!(document.blocks[1].location.heading, ["Leave"]);
/// assert_eq!(document.blocks[1].location.lines, Some([3, 3]));
/// ```
#[derive(Debug)]
pub struct Parsers {
    options: ParseOptions,
    ocr: Option<Ocr>,
}

impl Parsers {
    /// Parsers under `options`. Nothing is loaded yet.
    pub fn new(options: ParseOptions) -> Self {
        Self::telling(options, Box::new(|_| {}))
    }

    /// As [`Self::new`]; `on_page` is told of each page that OCR reads.
    pub fn telling(options: ParseOptions, on_page: OnPage) -> Self {
        let ocr = options.ocr.clone().map(|spec| Ocr::new(spec, on_page));
        Self { options, ocr }
    }

    /// The options they were made with.
    pub fn options(&self) -> &ParseOptions {
        &self.options
    }

    /// Loads what would else be loaded when the first file that needs it comes. A library that is missing is told of
    /// with that file.
    pub fn load_libraries(&self) {
        pdf::load(&self.options);
        if let Some(ocr) = &self.ocr {
            // Why it cannot be is said with the first page.
            drop(ocr.load());
        }
    }

    /// Parses as [`Parser::parse`] does; pages that OCR has read before, as the function given to [`Self::telling`] was
    /// told them, are not read again. One file at a time.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn parse_with(&self, path: &Path, bytes: &[u8], known: &[RecognisedPage]) -> Parsed {
        let started = Instant::now();
        if let Some(ocr) = &self.ocr {
            ocr.begin(known);
        }
        let parsed = self.parse_part(path, bytes, 0, &Patience::default());
        let failure = self.ocr.as_ref().and_then(Ocr::take_failure);
        logged(path, started, failure.map_or(parsed, Err))
    }

    /// Parses what may be a part of a message or an archive, `depth` of them deep. `patience` is that of the whole file.
    pub(crate) fn parse_part(&self, path: &Path, bytes: &[u8], depth: usize, patience: &Patience) -> Parsed {
        if bytes.len() as u64 > self.options.max_file {
            return Err(too_large(format!(
                "file of {} MB; the limit is {} MB",
                bytes.len() >> 20,
                self.options.max_file >> 20
            )));
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Err(ParseError::new(ParseErrorKind::Empty, "empty file"));
        }
        let format = detect::detect(path, bytes)?;
        let mut document = match quiet::catch(|| self.dispatch(format, path, bytes, depth, patience)) {
            Some(parsed) => parsed?,
            None => {
                return Err(ParseError::new(
                    ParseErrorKind::Crashed,
                    format!("the {} parser broke down on this file", format.name()),
                ));
            }
        };
        if document.text.len() > self.options.max_text {
            return Err(too_large(format!(
                "{} MB of text; the limit is {} MB",
                document.text.len() >> 20,
                self.options.max_text >> 20
            )));
        }
        if document.blocks.len() >= MOST_BLOCKS {
            return Err(too_large(format!("more than {MOST_BLOCKS} headings, paragraphs and rows")));
        }
        if document.scanned == 0 && (document.blocks.is_empty() || document.text.trim().is_empty()) {
            return Err(ParseError::new(ParseErrorKind::Empty, "no text in it"));
        }
        // Of a part nobody asks.
        if depth == 0 && document.language.is_none() {
            document.language = language::detect(&document.text).map(str::to_owned);
        }
        Ok(document)
    }

    fn dispatch(
        &self,
        format: Format,
        path: &Path,
        bytes: &[u8],
        depth: usize,
        patience: &Patience,
    ) -> Parsed {
        match format {
            Format::Pdf => pdf::parse(bytes, &self.options, self.ocr.as_ref()),
            Format::Picture(mime) => picture::parse(mime, bytes, self.ocr.as_ref(), depth),
            Format::Docx | Format::Pptx | Format::Doc | Format::Ppt => {
                office::parse(format, bytes, &self.options)
            }
            Format::Rtf => rtf::parse(bytes),
            Format::OpenDocument => opendocument::parse(bytes, &self.options),
            Format::FlatOpenDocument => opendocument::parse_flat(bytes, &self.options),
            Format::Xlsx | Format::Xls => sheets::parse(format, bytes, &self.options),
            Format::Mail => mail::parse(self, bytes, depth, patience),
            Format::Mailbox => mailbox::parse(self, bytes, depth, patience),
            Format::Msg => msg::parse(self, bytes, depth, patience),
            Format::Epub => epub::parse(bytes, &self.options, patience),
            Format::Html => html::parse(&encoding::decode_html(bytes), patience),
            Format::Xml => xml::parse(&encoding::decode_xml(bytes), patience),
            Format::Archive(_) if !self.options.archives => {
                Err(ParseError::new(ParseErrorKind::Unsupported, "archives are not opened"))
            }
            Format::Archive(kind) => archive::parse(self, kind, path, bytes, depth, patience),
            // Each of its lines may be in an encoding of its own.
            Format::Text(detect::TextKind::Contacts) => Ok(cards::parse_contacts(bytes)),
            // No encoding takes more than two bytes for a character that takes one in ours: it need not be decoded.
            Format::Text(_) if bytes.len() / 2 > self.options.max_text => Err(too_large(format!(
                "{} MB or more of text; the limit is {} MB",
                bytes.len() >> 21,
                self.options.max_text >> 20
            ))),
            Format::Text(kind) => {
                let text = encoding::decode(bytes);
                match kind {
                    detect::TextKind::Plain | detect::TextKind::Contacts => Ok(text::parse(text)),
                    detect::TextKind::Markup(markup) => Ok(markup::parse(text, markup)),
                    detect::TextKind::Notebook => Ok(notebook::parse(text)),
                    detect::TextKind::Subtitles => Ok(subtitles::parse(text)),
                    detect::TextKind::Calendar => Ok(cards::parse_calendar(&text)),
                    detect::TextKind::Settings(mime) => Ok(settings::parse(text, mime)),
                    detect::TextKind::Markdown => Ok(markdown::parse(text)),
                    detect::TextKind::Delimited => Ok(delimited::parse(text, path)),
                    detect::TextKind::Json => Ok(code::parse(json::unescape(text), "application/json")),
                    detect::TextKind::JsonLines => Ok(code::parse_lines(json::unescape(text))),
                    detect::TextKind::Source(mime) => Ok(code::parse(text, mime)),
                }
            }
        }
    }
}

impl Parser for Parsers {
    fn parse(&self, path: &Path, bytes: &[u8]) -> Parsed {
        self.parse_with(path, bytes, &[])
    }
}

/// Logs what became of a file: never its text.
fn logged(path: &Path, started: Instant, parsed: Parsed) -> Parsed {
    match &parsed {
        Ok(document) => debug!(
            path = %path.display(),
            mime = document.mime,
            blocks = document.blocks.len(),
            ms = started.elapsed().as_millis(),
            "parsed"
        ),
        Err(error) => debug!(path = %path.display(), kind = error.kind.as_str(), %error, "not parsed"),
    }
    parsed
}

/// A limit was passed.
fn too_large(reason: String) -> ParseError {
    ParseError::new(ParseErrorKind::TooLarge, reason)
}

/// The file is not what it should be.
fn damaged(reason: impl Into<String>) -> ParseError {
    ParseError::new(ParseErrorKind::Damaged, reason)
}

/// A password is needed.
fn encrypted() -> ParseError {
    ParseError::new(ParseErrorKind::Encrypted, "encrypted: a password is needed")
}
