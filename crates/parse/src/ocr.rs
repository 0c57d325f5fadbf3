//! OCR of pages and pictures that have no text of their own.
//!
//! The pages of a file that need it are numbered as the parsers meet them. What was read of a file before is handed in
//! again, so that work that was stopped goes on at its next page.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use docent_core::{ParseError, ParseErrorKind, RecognisedPage};
use docent_ocr::{OcrReader, OcrSpec, Page, Picture};
use serde::{Deserialize, Serialize};

/// The reading of pages depends on how they are found and drawn: what another version read is of no use.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// What is kept of a page that broke the reader down.
pub(crate) const UNREADABLE: &str = "unreadable";

/// What OCR says of the pages of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PageEvent {
    /// It begins to read the page of this number.
    Begun(u32),
    /// It has read a page, or found that it cannot be.
    Read(RecognisedPage),
}

/// Is told of each page, as soon as it is read.
pub type OnPage = Box<dyn Fn(PageEvent) + Send + Sync>;

/// The OCR model, and the file that it is at work on.
pub(crate) struct Ocr {
    spec: OcrSpec,
    on_page: OnPage,
    reader: Mutex<Option<OcrReader>>,
    file: Mutex<File>,
}

#[derive(Default)]
struct File {
    known: HashMap<u32, String>,
    next: u32,
    /// Why OCR as a whole could not do its work.
    failure: Option<ParseError>,
}

impl fmt::Debug for Ocr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ocr").field("spec", &self.spec).finish_non_exhaustive()
    }
}

impl Ocr {
    pub(crate) fn new(spec: OcrSpec, on_page: OnPage) -> Self {
        Self { spec, on_page, reader: Mutex::default(), file: Mutex::default() }
    }

    /// Loads the model, if it is not loaded.
    pub(crate) fn load(&self) -> Result<(), ParseError> {
        self.loaded().map(drop)
    }

    fn loaded(&self) -> Result<MutexGuard<'_, Option<OcrReader>>, ParseError> {
        let mut reader = lock(&self.reader);
        if reader.is_none() {
            let loaded = OcrReader::load(&self.spec).map_err(|error| {
                ParseError::new(ParseErrorKind::Unavailable, format!("no OCR: {}", error.to_report().message))
            });
            *reader = Some(loaded?);
        }
        Ok(reader)
    }

    /// Begins a file, of which `known` was read before.
    pub(crate) fn begin(&self, known: &[RecognisedPage]) {
        let known = known.iter().map(|page| (page.number, page.content.clone())).collect();
        *lock(&self.file) = File { known, next: 0, failure: None };
    }

    /// Why OCR could not do its work on the file, if it could not: a part of a message must not hide that.
    pub(crate) fn take_failure(&self) -> Option<ParseError> {
        lock(&self.file).failure.take()
    }

    /// Reads the next page of the file; `None` if it broke the reader down before. `picture` is made if the page is not
    /// known.
    ///
    /// # Errors
    /// The picture cannot be made, or the model is missing or failed.
    pub(crate) fn read(
        &self,
        picture: impl FnOnce() -> Result<Picture, ParseError>,
    ) -> Result<Option<Page>, ParseError> {
        let (number, known) = {
            let mut file = lock(&self.file);
            let number = file.next;
            file.next += 1;
            (number, file.known.remove(&number))
        };
        if let Some(content) = known {
            if content == UNREADABLE {
                return Ok(None);
            }
            if let Ok((VERSION, page)) = serde_json::from_str::<(&str, Page)>(&content) {
                return Ok(Some(page));
            }
        }
        let tell = |content: String| (self.on_page)(PageEvent::Read(RecognisedPage { number, content }));
        (self.on_page)(PageEvent::Begun(number));
        let picture = picture().inspect_err(|_| tell(UNREADABLE.to_owned()))?;
        let page = self.page(&picture).inspect_err(|error| lock(&self.file).failure = Some(error.clone()))?;
        tell(serde_json::to_string(&(VERSION, &page)).unwrap_or_default());
        Ok(Some(page))
    }

    fn page(&self, picture: &Picture) -> Result<Page, ParseError> {
        let mut reader = self.loaded()?;
        let Some(reader) = reader.as_mut() else { return Ok(Page::default()) };
        reader.read(picture).map_err(|error| {
            ParseError::new(ParseErrorKind::Crashed, format!("OCR failed: {}", error.to_report().message))
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
