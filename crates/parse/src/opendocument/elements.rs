//! The elements of an OpenDocument file, one after the other, by namespace and name.

use std::{borrow::Cow, collections::HashMap};

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

/// The most prefixes that a file may give a meaning of their own.
const MOST_PREFIXES: usize = 256;

/// The namespaces that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ns {
    Office,
    Style,
    Text,
    Table,
    Draw,
    Presentation,
    Manifest,
    Dc,
    Other,
}

impl Ns {
    /// The one that a name stands for: `urn:oasis:names:tc:opendocument:xmlns:text:1.0`.
    fn of_name(name: &str) -> Self {
        let part =
            name.strip_prefix("urn:oasis:names:tc:opendocument:xmlns:").map(|rest| rest.split(':').next());
        match part {
            Some(Some("drawing")) => Self::Draw,
            Some(Some("dc" | "draw")) => Self::Other,
            Some(Some(part)) => Self::of_usual_prefix(part),
            _ if name.starts_with("http://purl.org/dc/elements/") => Self::Dc,
            _ => Self::Other,
        }
    }

    /// The one that every program gives this prefix.
    fn of_usual_prefix(prefix: &str) -> Self {
        match prefix {
            "office" => Self::Office,
            "style" => Self::Style,
            "text" => Self::Text,
            "table" => Self::Table,
            "draw" => Self::Draw,
            "presentation" => Self::Presentation,
            "manifest" => Self::Manifest,
            "dc" => Self::Dc,
            _ => Self::Other,
        }
    }
}

/// What is read.
pub(super) enum Node<'t> {
    Start(Element<'t>),
    End,
    Text(Cow<'t, str>),
}

/// The beginning of an element.
pub(super) struct Element<'t> {
    pub(super) ns: Ns,
    tag: BytesStart<'t>,
}

impl Element<'_> {
    /// The name without its prefix.
    pub(super) fn local(&self) -> &str {
        split(self.tag.name().0).1
    }

    pub(super) fn is(&self, ns: Ns, local: &str) -> bool {
        self.ns == ns && self.local() == local
    }

    /// The value of an attribute. Its prefix is not looked at: no element has two that differ in nothing else and
    /// are asked for.
    pub(super) fn attribute(&self, local: &str) -> Option<Cow<'_, str>> {
        let mut all = self.tag.attributes();
        let found = all.with_checks(false).map_while(Result::ok).find(|attribute| {
            let (prefix, name) = split(attribute.key.0);
            name == local && prefix != "xmlns"
        })?;
        Some(if found.value.contains('&') { Cow::Owned(unescaped(&found.value)) } else { found.value })
    }

    /// The number in an attribute; 1 where there is none.
    pub(super) fn number(&self, local: &str) -> u32 {
        let value = self.attribute(local);
        // A count that is no number, or none that fits, is a lie.
        value.and_then(|value| value.trim().parse().ok()).unwrap_or(1).max(1)
    }
}

fn split(name: &str) -> (&str, &str) {
    name.split_once(':').unwrap_or(("", name))
}

/// A value with its references resolved.
fn unescaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let end = rest.bytes().take(12).position(|byte| byte == b';');
        match end.and_then(|end| Some((resolved(&rest[..end])?, end))) {
            Some((c, end)) => {
                out.push(c);
                rest = &rest[end + 1..];
            }
            None => out.push('&'),
        }
    }
    out.push_str(rest);
    out
}

/// The character that `&name;` stands for: one of XML's five, or a number.
fn resolved(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code).filter(|c| *c != '\0')?
        }
    })
}

/// Reads the elements of a text. Entities that it declares itself are never expanded, and nothing is kept of what
/// is open.
pub(super) struct Elements<'t> {
    reader: Reader<&'t [u8]>,
    /// Prefixes that are not as usual. A meaning holds from where it is given to the end of the file: files give them
    /// all at their first element.
    prefixes: HashMap<String, Ns>,
}

impl<'t> Elements<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        config.allow_dangling_amp = true;
        Self { reader, prefixes: HashMap::new() }
    }

    /// The next node; `None` at the end.
    ///
    /// # Errors
    /// Why it is no XML from here on.
    pub(super) fn next(&mut self) -> Result<Option<Node<'t>>, String> {
        loop {
            return Ok(Some(match self.reader.read_event().map_err(|error| error.to_string())? {
                Event::Start(tag) | Event::Empty(tag) => Node::Start(self.element(tag)),
                Event::End(_) => Node::End,
                Event::Text(text) => Node::Text(text.into_inner()),
                Event::CData(text) => Node::Text(text.into_inner()),
                Event::GeneralRef(name) => match resolved(&name) {
                    Some(c) => Node::Text(Cow::Owned(c.to_string())),
                    None => Node::Text(Cow::Owned(format!("&{};", &*name))),
                },
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => continue,
                Event::Eof => return Ok(None),
            }));
        }
    }

    fn element(&mut self, tag: BytesStart<'t>) -> Element<'t> {
        if tag.attributes_raw().contains("xmlns") {
            for attribute in tag.attributes().with_checks(false).map_while(Result::ok) {
                let prefix = match split(attribute.key.0) {
                    ("xmlns", prefix) => prefix,
                    ("", "xmlns") => "",
                    _ => continue,
                };
                let ns = Ns::of_name(&attribute.value);
                if ns == Ns::of_usual_prefix(prefix) {
                    self.prefixes.remove(prefix);
                } else if self.prefixes.len() < MOST_PREFIXES {
                    self.prefixes.insert(prefix.to_owned(), ns);
                }
            }
        }
        let (prefix, _) = split(tag.name().0);
        let ns = self.prefixes.get(prefix).copied().unwrap_or_else(|| Ns::of_usual_prefix(prefix));
        Element { ns, tag }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Elements as `Ns:local`, ends as `/`, text as it is.
    fn read(text: &str) -> Vec<String> {
        let mut elements = Elements::new(text);
        let mut out = Vec::new();
        loop {
            let node = match elements.next() {
                Ok(Some(Node::Start(element))) => format!("{:?}:{}", element.ns, element.local()),
                Ok(Some(Node::End)) => "/".to_owned(),
                Ok(Some(Node::Text(text))) => text.into_owned(),
                Ok(None) => return out,
                Err(_) => {
                    out.push("!".to_owned());
                    return out;
                }
            };
            out.push(node);
        }
    }

    #[test]
    fn prefixes_mean_what_the_file_says() {
        assert_eq!(read("<text:p/>"), ["Text:p", "/"]);
        let odd = "<p xmlns='urn:oasis:names:tc:opendocument:xmlns:text:1.0' \
                   xmlns:text='urn:oasis:names:tc:opendocument:xmlns:table:1.0'><text:table-row/><dc:p/></p>";
        assert_eq!(read(odd), ["Text:p", "Table:table-row", "/", "Dc:p", "/", "/"]);
        assert_eq!(read("<text:p xmlns:text='urn:x'/>"), ["Other:p", "/"]);
    }

    #[test]
    fn references_are_resolved_and_entities_are_not() {
        assert_eq!(
            read("<!DOCTYPE a [<!ENTITY x 'boom'>]><a>R&amp;D &x; &#20013;&#0; a & b<![CDATA[<c>]]></a>")
                .concat(),
            "Other:aR&D &x; 中&#0; a & b<c>/"
        );
        let mut elements = Elements::new("<a b:c='1' d='&lt;&x;&#x4e2d;' n='-5' m='99999999999'/>");
        let Ok(Some(Node::Start(a))) = elements.next() else { panic!("no element") };
        assert_eq!(a.attribute("c").as_deref(), Some("1"));
        assert_eq!(a.attribute("d").as_deref(), Some("<&x;中"));
        assert_eq!((a.number("c"), a.number("n"), a.number("m"), a.number("none")), (1, 1, 1, 1));
    }

    #[test]
    fn what_is_no_xml_ends_there() {
        assert_eq!(read("<a>x</b></c>").concat(), "Other:ax//");
        assert_eq!(read("<a>x<b").concat(), "Other:ax!");
        assert_eq!(read("<a>x<!-- y").concat(), "Other:ax!");
    }
}
