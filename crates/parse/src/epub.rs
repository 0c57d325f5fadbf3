//! EPUB books: the chapters in reading order, each a part that is called by its file's name.

mod container;
mod opf;

use std::collections::HashSet;

use docent_core::{BlockKind, DocumentBuilder, Location, ParseError, ParseErrorKind};

use self::{
    container::Container,
    opf::{Book, Item},
};
use crate::{
    ParseOptions, Parsed, damaged, encoding,
    html::{self, Patience},
    language, package, too_large,
};

pub(crate) fn parse(bytes: &[u8], options: &ParseOptions, patience: &Patience) -> Parsed {
    let _turn = package::check(bytes, options.max_unpacked)?;
    let mut container = Container::open(bytes, options.max_unpacked)?;
    let mut builder = DocumentBuilder::new("application/epub+zip");
    let name = package_document(&mut container)?;
    let book = Book::read(&encoding::decode_xml(&container.read(&name)?));
    builder.title(book.title.as_deref().unwrap_or_default());
    let encrypted = match container.read("META-INF/encryption.xml") {
        Ok(bytes) => opf::encrypted(&encoding::decode_xml(&bytes)),
        Err(_) => HashSet::new(),
    };
    let mut reader = Reader {
        container,
        builder,
        folder: folder(&name),
        encrypted,
        seen: HashSet::new(),
        has_text: false,
        why_not: None,
    };
    let chapters = chapters(&book, &reader.container, reader.folder);
    let (navigation, chapters): (Vec<_>, Vec<_>) = chapters.into_iter().partition(|item| item.is_navigation);
    reader.read(&chapters, options, patience)?;
    if !reader.has_text {
        reader.read(&navigation, options, patience)?;
    }
    if let Some(error) = reader.why_not.filter(|_| !reader.has_text) {
        return Err(error);
    }
    let mut document = reader.builder.finish();
    document.language = own_language(book.language.as_deref(), &document.text);
    Ok(document)
}

/// The name of the file that lists the parts of the book.
fn package_document(container: &mut Container<'_>) -> Result<String, ParseError> {
    let named = container.read("META-INF/container.xml").unwrap_or_default();
    opf::package_document(&encoding::decode_xml(&named))
        .filter(|name| container.has(name))
        .or_else(|| container.names(&[".opf"]).into_iter().next())
        .ok_or_else(|| damaged("damaged: the book lacks the list of its parts (OPF)"))
}

/// What is read, in order: what the book says, or else all pages that it lists or has.
fn chapters(book: &Book, container: &Container<'_>, folder: &str) -> Vec<Item> {
    if !book.spine.is_empty() {
        return book.spine.clone();
    }
    if !book.pages.is_empty() {
        return book.pages.clone();
    }
    let names = container.names(&[".xhtml", ".html", ".htm"]);
    let own = |name: String| name.strip_prefix(folder).map_or_else(|| format!("/{name}"), str::to_owned);
    names.into_iter().map(|name| Item { path: own(name), is_navigation: false }).collect()
}

/// The language that the book says it is in, unless the script of its text shows that this was left as it was.
fn own_language(declared: Option<&str>, text: &str) -> Option<String> {
    let is_wide = |code: &str| matches!(code, "cmn" | "jpn" | "kor");
    let declared = language::of_tag(declared?)?;
    let found = language::detect(text);
    (found.is_none_or(|found| is_wide(found) == is_wide(declared))).then(|| declared.to_owned())
}

/// The folder of a file, with the slash at its end.
fn folder(name: &str) -> &str {
    name.rfind('/').map_or("", |at| &name[..=at])
}

struct Reader<'b, 'n> {
    container: Container<'b>,
    builder: DocumentBuilder,
    /// The folder that the names of the parts are relative to.
    folder: &'n str,
    /// The files that only a reader with the right key can read.
    encrypted: HashSet<String>,
    /// Files that were read: a chapter is read once, however often it is listed.
    seen: HashSet<String>,
    has_text: bool,
    /// Why a chapter was not read.
    why_not: Option<ParseError>,
}

impl Reader<'_, '_> {
    fn read(
        &mut self,
        items: &[Item],
        options: &ParseOptions,
        patience: &Patience,
    ) -> Result<(), ParseError> {
        for item in items {
            let path = match container::resolve(self.folder, &item.path) {
                path if self.container.has(&path) => path,
                _ => container::resolve(self.folder, &container::unescape(&item.path)),
            };
            if !self.seen.insert(path.clone()) {
                continue;
            }
            let part = path.strip_prefix(self.folder).unwrap_or(&path).to_owned();
            let place = Location { part: Some(part), ..Location::default() };
            if self.encrypted.contains(&path) {
                let locked = ParseError::new(ParseErrorKind::Encrypted, "protected by DRM");
                self.note(&place, locked);
                continue;
            }
            match self.container.read(&path) {
                Ok(bytes) => {
                    let before = self.builder.text_bytes();
                    html::add(&mut self.builder, &decode(&bytes), &place, patience);
                    self.has_text |= self.builder.text_bytes() > before;
                }
                Err(error) if error.kind == ParseErrorKind::TooLarge => return Err(error),
                Err(error) => self.note(&place, error),
            }
            patience.check()?;
            if self.builder.text_bytes() > options.max_text {
                return Err(too_large(format!("more than {} MB of text", options.max_text >> 20)));
            }
        }
        Ok(())
    }

    /// Names a chapter that cannot be read in its place. Where none can, the book is in error.
    fn note(&mut self, place: &Location, why: ParseError) {
        let name = place.part.as_deref().unwrap_or_default();
        let note = format!("[the chapter {name} was not read: {}]", why.reason);
        self.builder.push(BlockKind::Paragraph, &note, place.clone());
        self.why_not.get_or_insert(why);
    }
}

/// Decodes a chapter, which may say what it is as XML or as HTML.
fn decode(bytes: &[u8]) -> String {
    let head = &bytes[..bytes.len().min(100)];
    let is_declared = head.starts_with(b"<?xml") && head.windows(8).any(|window| window == b"encoding");
    if is_declared { encoding::decode_xml(bytes) } else { encoding::decode_html(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_what_the_book_says_unless_it_cannot_be() {
        let of = |declared, text| own_language(Some(declared), text);
        assert_eq!(of("fr-CA", "Tous les êtres humains naissent libres").as_deref(), Some("fra"));
        assert_eq!(of("zh-Hant", "人人生而自由").as_deref(), Some("cmn"));
        assert_eq!(of("en", "人人生而自由，在尊严和权利上一律平等。"), None, "left as it was");
        assert_eq!(of("und", "人人生而自由"), None);
        assert_eq!(own_language(None, "x"), None);
    }

    #[test]
    fn chapters_are_decoded_as_they_say() {
        let (gbk, _, _) = encoding_rs::GBK.encode("<?xml version='1.0' encoding='gbk'?><p>合同</p>");
        assert!(decode(&gbk).contains("合同"));
        let (big5, _, _) = encoding_rs::BIG5.encode("<?xml version='1.0'?><meta charset=big5><p>沒有</p>");
        assert!(decode(&big5).contains("沒有"));
    }
}
