//! What a book says about itself: the file that lists its parts (OPF), where that file is, and what is encrypted.

use std::collections::{HashMap, HashSet};

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};

use super::container::{LONGEST, resolve, unescape};

/// Ways to encrypt that only keep fonts from being copied; every reader can undo them.
const FONTS_ONLY: [&str; 2] = ["http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"];

/// A page of a book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// Relative to the file that lists it.
    pub(super) path: String,
    /// Whether it is the table of contents, for programs.
    pub(super) is_navigation: bool,
}

/// What the file lists.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) title: Option<String>,
    pub(super) language: Option<String>,
    /// Its pages, in reading order.
    pub(super) spine: Vec<Item>,
    /// Its pages, in any order.
    pub(super) pages: Vec<Item>,
}

impl Book {
    /// Reads the file, as far as it can be read.
    pub(super) fn read(xml: &str) -> Self {
        let mut book = Self::default();
        let mut items: HashMap<String, Item> = HashMap::new();
        let mut spine = Vec::new();
        // The title or language that is open.
        let mut open: Option<(bool, String)> = None;
        for event in events(xml) {
            match event {
                Event::Start(tag) | Event::Empty(tag) if tag.local_name().into_inner() == "item" => {
                    if let Some(item) = page(&tag) {
                        book.pages.push(item.clone());
                        items.entry(attribute(&tag, "id").unwrap_or_default()).or_insert(item);
                    }
                }
                Event::Start(tag) | Event::Empty(tag) if tag.local_name().into_inner() == "itemref" => {
                    spine.extend(attribute(&tag, "idref"));
                }
                Event::Start(tag) => match tag.local_name().into_inner() {
                    "title" => open = Some((true, String::new())),
                    "language" => open = Some((false, String::new())),
                    _ => {}
                },
                Event::End(_) => book.keep(open.take()),
                event => {
                    if let Some((_, text)) = &mut open {
                        push_text(text, &event);
                    }
                }
            }
        }
        book.keep(open);
        // A page that is listed twice is read once.
        book.spine = spine.iter().filter_map(|id| items.remove(id)).collect();
        book
    }

    /// Keeps a title or a language. The first is the main one.
    fn keep(&mut self, text: Option<(bool, String)>) {
        let Some((is_title, text)) = text.filter(|(_, text)| !text.trim().is_empty()) else { return };
        let place = if is_title { &mut self.title } else { &mut self.language };
        place.get_or_insert_with(|| text.trim().to_owned());
    }
}

/// A part of the book, if it is a page.
fn page(tag: &BytesStart<'_>) -> Option<Item> {
    let path = attribute(tag, "href").filter(|path| path.len() <= 3 * LONGEST)?;
    let kind = attribute(tag, "media-type").unwrap_or_default().to_ascii_lowercase();
    let name = path.split('#').next().unwrap_or_default().to_ascii_lowercase();
    let is_page = kind.contains("html")
        || matches!(kind.as_str(), "application/x-dtbook+xml" | "text/x-oeb1-document")
        || [".xhtml", ".html", ".htm"].iter().any(|ending| name.ends_with(ending));
    let properties = attribute(tag, "properties").unwrap_or_default();
    let is_navigation = properties.split_ascii_whitespace().any(|property| property == "nav");
    is_page.then_some(Item { path, is_navigation })
}

/// The name of the file that lists the parts, out of `META-INF/container.xml`.
pub(super) fn package_document(xml: &str) -> Option<String> {
    let paths: Vec<String> = events(xml)
        .filter_map(|event| match event {
            Event::Start(tag) | Event::Empty(tag) if tag.local_name().into_inner() == "rootfile" => {
                attribute(&tag, "full-path")
            }
            _ => None,
        })
        .take(100)
        .collect();
    let is_opf = |path: &&String| path.to_ascii_lowercase().ends_with(".opf");
    let path = paths.iter().find(is_opf).or_else(|| paths.first())?;
    Some(resolve("", path))
}

/// The names of the files that are encrypted, out of `META-INF/encryption.xml`.
pub(super) fn encrypted(xml: &str) -> HashSet<String> {
    let mut names = HashSet::new();
    let mut method = None;
    for event in events(xml) {
        let (Event::Start(tag) | Event::Empty(tag)) = event else { continue };
        match tag.local_name().into_inner() {
            "EncryptedData" => method = None,
            // The first is that of the file, those after it of its keys.
            "EncryptionMethod" if method.is_none() => method = attribute(&tag, "Algorithm"),
            "CipherReference" if !method.as_deref().is_some_and(|method| FONTS_ONLY.contains(&method)) => {
                if let Some(path) = attribute(&tag, "URI") {
                    names.insert(resolve("", &unescape(&path)));
                }
            }
            _ => {}
        }
    }
    names
}

/// The events of an XML file until the first that cannot be read. Entities of its own are never expanded.
fn events(xml: &str) -> impl Iterator<Item = Event<'_>> {
    let mut reader = Reader::from_str(xml);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    config.allow_dangling_amp = true;
    std::iter::from_fn(move || reader.read_event().ok().filter(|event| !matches!(event, Event::Eof)))
}

fn attribute(tag: &BytesStart<'_>, name: &str) -> Option<String> {
    // Checked for doubles, a tag with many attributes takes the square of their number.
    let mut attributes = tag.html_attributes();
    let found =
        attributes.with_checks(false).flatten().find(|one| one.key.local_name().into_inner() == name)?;
    let value = found.normalized_value(XmlVersion::Implicit1_0);
    Some(value.map_or_else(|_| found.value.to_string(), std::borrow::Cow::into_owned))
}

fn push_text(text: &mut String, event: &Event<'_>) {
    match event {
        Event::Text(more) => text.push_str(&more.xml10_content()),
        Event::CData(more) => text.push_str(&more.xml10_content()),
        Event::GeneralRef(name) => match (name.resolve_char_ref(), &**name) {
            (Ok(Some(c)), _) => text.push(c),
            (_, "amp") => text.push('&'),
            (_, "lt") => text.push('<'),
            (_, "gt") => text.push('>'),
            (_, "quot") => text.push('"'),
            (_, "apos") => text.push('\''),
            (_, other) => text.push_str(other),
        },
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_book() {
        let book = Book::read(
            "<?xml version='1.0'?><opf:package xmlns:opf='x'><opf:metadata xmlns:dc='y'><dc:title id='t'> R&amp;D\n&#x5408;同</dc:title>\
             <dc:title>Second</dc:title><dc:language>en-GB</dc:language><dc:language>de</dc:language></opf:metadata>\
             <manifest><item id='n' href='nav.xhtml' media-type='application/xhtml+xml' properties='scripted nav'/>\
             <item id='b' href='b%20c.html' media-type='application/xhtml+xml'></item><item id='p' href='p.png' media-type='image/png'/>\
             <item id='a' href='a.xml?x=1&amp;y' media-type='text/html'/></manifest>\
             <spine><itemref idref='a'/><itemref idref='missing'/><itemref idref='n'/><itemref idref='p'/></spine> & </package>",
        );
        assert_eq!((book.title.as_deref(), book.language.as_deref()), (Some("R&D\n合同"), Some("en-GB")));
        let spine: Vec<_> = book.spine.iter().map(|item| (item.path.as_str(), item.is_navigation)).collect();
        assert_eq!(spine, [("a.xml?x=1&y", false), ("nav.xhtml", true)]);
        assert_eq!(book.pages.len(), 3);
        assert!(Book::read("<package><manifest><item href='a.html'/").pages.len() <= 1, "cut off");
    }

    #[test]
    fn the_list_of_parts_is_found() {
        let xml = "<container><rootfiles><rootfile full-path='a.pdf'/><rootfile full-path='/O/./b.opf'/></rootfiles></container>";
        assert_eq!(package_document(xml).as_deref(), Some("O/b.opf"));
        assert_eq!(package_document("<container/>"), None);
    }

    #[test]
    fn fonts_that_cannot_be_copied_do_not_count_as_encrypted() {
        let data = |method: &str, uri: &str| {
            format!(
                "<enc:EncryptedData><enc:EncryptionMethod Algorithm='{method}'/><KeyInfo><enc:EncryptionMethod Algorithm='rsa'/></KeyInfo>\
                 <enc:CipherData><enc:CipherReference URI='{uri}'/></enc:CipherData></enc:EncryptedData>"
            )
        };
        let xml = format!(
            "<encryption>{}{}{}</encryption>",
            data(FONTS_ONLY[0], "OEBPS/f.otf"),
            data("http://www.w3.org/2001/04/xmlenc#aes128-cbc", "OEBPS/a%20b.xhtml"),
            data(FONTS_ONLY[1], "OEBPS/g.otf"),
        );
        assert_eq!(encrypted(&xml), HashSet::from(["OEBPS/a b.xhtml".to_owned()]));
    }
}
