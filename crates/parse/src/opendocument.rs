//! OpenDocument: texts, presentations, drawings and sheets, in a zip container or as one flat XML file.
//!
//! The elements are read one after the other; what is open is kept in lists of our own, so depth costs nothing.

mod book;
mod elements;
mod flow;
mod styles;

use std::io::{Cursor, Read as _};

use docent_core::{BlockKind, DocumentBuilder, Location, ParseError, ParseErrorKind};
use zip::ZipArchive;

use self::{
    book::Book,
    elements::{Element, Elements, Node, Ns},
    flow::Flow,
    styles::Styles,
};
use crate::{ParseOptions, Parsed, damaged, encoding, encrypted, package, too_large};

/// Reads a zip container.
pub(crate) fn parse(bytes: &[u8], options: &ParseOptions) -> Parsed {
    let _turn = package::check(bytes, options.max_unpacked)?;
    let mut members = Members::open(bytes, options.max_unpacked)?;
    if members.are_encrypted() {
        return Err(encrypted());
    }
    let mut content = Content::new(options);
    for name in ["meta.xml", "styles.xml"] {
        // Neither is needed.
        if let Ok(part) = members.part(name) {
            content.read(&part.text)?;
        }
    }
    let part = members.part("content.xml")?;
    let cut = content.read(&part.text)?;
    content.finish(part.cut.or(cut))
}

/// Reads a flat file.
pub(crate) fn parse_flat(bytes: &[u8], options: &ParseOptions) -> Parsed {
    let mut content = Content::new(options);
    let cut = content.read(&encoding::decode_xml(bytes))?;
    content.finish(cut)
}

/// The members of a container.
struct Members<'b> {
    archive: ZipArchive<Cursor<&'b [u8]>>,
    limit: u64,
}

/// A member that is read.
struct Part {
    text: String,
    /// Why it ends before its end.
    cut: Option<String>,
}

impl<'b> Members<'b> {
    fn open(bytes: &'b [u8], limit: u64) -> Result<Self, ParseError> {
        let archive = ZipArchive::new(Cursor::new(bytes))
            .map_err(|error| damaged(format!("the zip container is cut off or damaged: {error}")))?;
        Ok(Self { archive, limit })
    }

    fn part(&mut self, name: &str) -> Result<Part, ParseError> {
        let member = self.archive.by_name(name).map_err(|error| {
            let words = error.to_string();
            let locked = words.to_lowercase().contains("password");
            if locked {
                encrypted()
            } else {
                damaged(format!("damaged: no {name} in the container: {words}"))
            }
        })?;
        let mut bytes = Vec::new();
        let cut = member.take(self.limit + 1).read_to_end(&mut bytes).err().map(|error| error.to_string());
        if bytes.len() as u64 > self.limit {
            return Err(too_large(format!("{name} unpacks to more than {} MB", self.limit >> 20)));
        }
        if let (Some(why), true) = (&cut, bytes.is_empty()) {
            return Err(damaged(format!("damaged: {name} cannot be unpacked: {why}")));
        }
        Ok(Part { text: encoding::decode_xml(&bytes), cut })
    }

    /// Whether the manifest says that the content is encrypted, or the whole container is inside another.
    fn are_encrypted(&mut self) -> bool {
        let Ok(manifest) = self.part("META-INF/manifest.xml") else { return false };
        let mut elements = Elements::new(&manifest.text);
        let mut is_content = false;
        while let Ok(Some(node)) = elements.next() {
            let Node::Start(element) = node else { continue };
            if element.is(Ns::Manifest, "file-entry") {
                let path = element.attribute("full-path").unwrap_or_default();
                is_content = matches!(path.trim_start_matches("./"), "content.xml" | "encrypted-package");
            } else if is_content && element.is(Ns::Manifest, "encryption-data") {
                return true;
            }
        }
        false
    }
}

/// What a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Presentation,
    Drawing,
    Spreadsheet,
}

impl Kind {
    fn of(body: &str) -> Option<Self> {
        Some(match body {
            "text" => Self::Text,
            "presentation" => Self::Presentation,
            "drawing" => Self::Drawing,
            "spreadsheet" => Self::Spreadsheet,
            _ => return None,
        })
    }

    fn mime(self) -> &'static str {
        match self {
            Self::Text => "application/vnd.oasis.opendocument.text",
            Self::Presentation => "application/vnd.oasis.opendocument.presentation",
            Self::Drawing => "application/vnd.oasis.opendocument.graphics",
            Self::Spreadsheet => "application/vnd.oasis.opendocument.spreadsheet",
        }
    }
}

/// What the end of an element means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Nothing,
    Body,
    DocumentTitle,
    Style,
    Margin { is_footer: bool },
    Paragraph,
    Item,
    Table,
    HeaderRows,
    Row,
    Cell,
    Page,
    PageTitle,
    Notes,
}

/// What is read of a document, part after part.
struct Content {
    builder: DocumentBuilder,
    kind: Option<Kind>,
    in_body: bool,
    has_elements: bool,
    /// The document's own title while it is open.
    title: Option<String>,
    styles: Styles,
    flow: Flow,
    book: Book,
}

impl Content {
    fn new(options: &ParseOptions) -> Self {
        Self {
            builder: DocumentBuilder::new(""),
            kind: None,
            in_body: false,
            has_elements: false,
            title: None,
            styles: Styles::default(),
            flow: Flow::default(),
            book: Book::new(options),
        }
    }

    /// Reads a part; `Some`: why it ends before its end.
    fn read(&mut self, text: &str) -> Result<Option<String>, ParseError> {
        let mut elements = Elements::new(text);
        self.has_elements = false;
        let mut open: Vec<End> = Vec::new();
        // How deep it is in an element that is left out.
        let mut left_out = 0usize;
        loop {
            match elements.next() {
                Ok(Some(Node::Start(_))) if left_out > 0 => left_out += 1,
                Ok(Some(Node::End)) if left_out > 0 => left_out -= 1,
                Ok(Some(Node::Text(_))) if left_out > 0 => {}
                Ok(Some(Node::Start(element))) => match self.start(&element) {
                    Some(end) => {
                        open.push(end);
                        self.has_elements = true;
                    }
                    None => left_out = 1,
                },
                Ok(Some(Node::End)) => {
                    if let Some(end) = open.pop() {
                        self.end(end)?;
                    }
                }
                Ok(Some(Node::Text(text))) => self.text(&text),
                Ok(None) if open.is_empty() && left_out == 0 => return Ok(None),
                // What stands behind the document is none of it.
                Err(_) if open.is_empty() && left_out == 0 && self.kind.is_some() => return Ok(None),
                rest => {
                    let why = rest.err().unwrap_or_else(|| "it ends in the middle".to_owned());
                    while let Some(end) = open.pop() {
                        self.end(end)?;
                    }
                    return Ok(Some(why));
                }
            }
        }
    }

    /// Begins an element; `None`: it is left out.
    fn start(&mut self, element: &Element<'_>) -> Option<End> {
        if is_left_out(element) || self.styles.hide(element) {
            return None;
        }
        if self.in_body {
            return match self.kind {
                Some(Kind::Spreadsheet) => self.book.start(element),
                Some(_) => self.flow.start(element, &self.styles),
                None => None,
            };
        }
        Some(match (element.ns, element.local()) {
            (Ns::Dc, "title") => {
                self.title = Some(String::new());
                End::DocumentTitle
            }
            (Ns::Style, "style") => {
                self.styles.open(element);
                End::Style
            }
            (Ns::Style, "text-properties") => {
                self.styles.properties(element);
                End::Nothing
            }
            (Ns::Style, _) if element.attribute("display").is_some_and(|display| display == "false") => {
                return None;
            }
            (Ns::Style, "header" | "header-left" | "header-first") => self.flow.margin(false),
            (Ns::Style, "footer" | "footer-left" | "footer-first") => self.flow.margin(true),
            (Ns::Office, "text" | "presentation" | "drawing" | "spreadsheet") if self.kind.is_none() => {
                self.kind = Kind::of(element.local());
                self.in_body = true;
                self.flow.begin(self.kind, &mut self.builder);
                End::Body
            }
            _ if self.flow.in_margin() => return self.flow.start(element, &self.styles),
            _ => End::Nothing,
        })
    }

    fn text(&mut self, text: &str) {
        if let Some(title) = &mut self.title {
            title.push_str(text);
        } else if self.in_body && self.kind == Some(Kind::Spreadsheet) {
            self.book.text(text);
        } else {
            self.flow.text(text);
        }
    }

    fn end(&mut self, end: End) -> Result<(), ParseError> {
        match end {
            End::Body => {
                self.flow.finish(&mut self.builder);
                self.in_body = false;
            }
            End::DocumentTitle => self.builder.title(&self.title.take().unwrap_or_default()),
            End::Style => self.styles.close(),
            _ if self.in_body && self.kind == Some(Kind::Spreadsheet) => {
                self.book.end(end, &mut self.builder)?;
            }
            _ => self.flow.end(end, &mut self.builder),
        }
        Ok(())
    }

    /// The document. `cut`: why it was not read to its end.
    fn finish(mut self, cut: Option<String>) -> Parsed {
        let something = self.builder.text_bytes() > 0;
        match (self.kind, cut) {
            (Some(_), Some(why)) if something => {
                let note = format!("[the document was not read to its end: {why}]");
                self.builder.push(BlockKind::Paragraph, &note, Location::default());
            }
            (_, Some(why)) => return Err(damaged(format!("damaged: {why}"))),
            (None, None) if !self.has_elements => {
                return Err(damaged("damaged: its content is no OpenDocument XML"));
            }
            (None, None) => {
                let reason =
                    "an OpenDocument file without text, slides or sheets (a formula, chart or database)";
                return Err(ParseError::new(ParseErrorKind::Unsupported, reason));
            }
            (Some(_), None) => {}
        }
        let mut document = self.builder.finish();
        self.kind.map_or("application/xml", Kind::mime).clone_into(&mut document.mime);
        Ok(document)
    }
}

/// What is no text of the document: what was deleted, what others remark, sources of indexes, embedded objects.
fn is_left_out(element: &Element<'_>) -> bool {
    let local = element.local();
    match element.ns {
        Ns::Text => {
            let named = matches!(
                local,
                "tracked-changes"
                    | "note-citation"
                    | "number"
                    | "ruby-text"
                    | "script"
                    | "sequence-decls"
                    | "variable-decls"
                    | "user-field-decls"
            );
            named || local.ends_with("-source")
        }
        Ns::Office => matches!(
            local,
            "annotation"
                | "binary-data"
                | "event-listeners"
                | "font-face-decls"
                | "forms"
                | "scripts"
                | "settings"
        ),
        Ns::Draw => matches!(local, "object" | "object-ole"),
        Ns::Table => matches!(local, "tracked-changes" | "content-validations" | "shapes" | "dde-links"),
        // Of drawings, and of formulas.
        Ns::Other => matches!(local, "title" | "desc" | "math"),
        _ => false,
    }
}
