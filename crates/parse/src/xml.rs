//! XML: the text between the tags. Entities that a document declares itself are never expanded.

use docent_core::{BlockKind, DocumentBuilder, Location};

use crate::{
    Parsed,
    html::{self, Patience},
};

/// Parses decoded XML: a paragraph for each run of text between tags.
pub(crate) fn parse(text: &str, patience: &Patience) -> Parsed {
    let mut builder = DocumentBuilder::new("application/xml");
    let mut rest = text;
    let mut run = String::new();
    let mut ends = Ends::default();
    while let Some(at) = rest.find('<') {
        run.push_str(&decode_entities(&rest[..at]));
        rest = &rest[at..];
        if let Some(inner) = rest.strip_prefix("<![CDATA[") {
            let end = ends.find(inner, "]]>").unwrap_or(inner.len());
            run.push_str(&inner[..end]);
            rest = inner.get(end + 3..).unwrap_or("");
            continue;
        }
        let is_comment = rest.starts_with("<!--");
        let closing = if is_comment {
            "-->"
        } else if rest.starts_with("<?") {
            "?>"
        } else if rest.starts_with("<!DOCTYPE")
            && ends.find(rest, ">").is_some_and(|end| rest[..end].contains('['))
        {
            "]>"
        } else {
            ">"
        };
        // One that is never closed is taken for a tag, so that it hides nothing behind it.
        let end = ends.find(rest, closing).map(|end| end + closing.len());
        let Some(end) = end.or_else(|| ends.find(rest, ">").map(|end| end + 1)) else { break };
        if !is_comment {
            flush(&mut builder, &mut run, patience);
        }
        rest = &rest[end..];
    }
    run.push_str(&decode_entities(rest));
    flush(&mut builder, &mut run, patience);
    patience.check()?;
    Ok(builder.finish())
}

/// Looks for what closes a tag. What was looked for in vain is not there later either, so a file full of beginnings
/// without an end is not searched through again for each of them.
#[derive(Default)]
struct Ends {
    missing: Vec<&'static str>,
}

impl Ends {
    fn find(&mut self, rest: &str, end: &'static str) -> Option<usize> {
        if self.missing.contains(&end) {
            return None;
        }
        let found = rest.find(end);
        if found.is_none() {
            self.missing.push(end);
        }
        found
    }
}

/// Ends a paragraph. Feeds carry whole pages as text: those are read as such.
fn flush(builder: &mut DocumentBuilder, run: &mut String, patience: &Patience) {
    let text = run.trim();
    let is_page =
        ["</p>", "<br", "<p>", "</a>", "<div", "</li>", "<p "].iter().any(|mark| text.contains(mark));
    if is_page {
        builder.reset_headings();
        html::add(builder, text, &Location::default(), patience);
        builder.reset_headings();
    } else {
        builder.push(BlockKind::Paragraph, text, Location::default());
    }
    run.clear();
}

/// The five entities of XML and character references; others stay as they are.
fn decode_entities(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let end = rest.bytes().take(12).position(|byte| byte == b';');
        let decoded = end.and_then(|end| {
            let name = &rest[1..end];
            Some(match name {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                "apos" => '\'',
                _ => {
                    let number = name.strip_prefix('#')?;
                    let code = match number.strip_prefix(['x', 'X']) {
                        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                        None => number.parse().ok()?,
                    };
                    char::from_u32(code).filter(|c| *c != '\0')?
                }
            })
        });
        if let (Some(c), Some(end)) = (decoded, end) {
            out.push(c);
            rest = &rest[end + 1..];
        } else {
            out.push('&');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use docent_core::ParsedDocument;

    use super::*;

    fn parse(text: &str) -> ParsedDocument {
        super::parse(text, &Patience::default()).unwrap()
    }

    #[test]
    fn tags_go_and_text_stays() {
        let document = parse(
            "<?xml version='1.0'?><!-- <no> --><r><t>R&amp;D &#x5408;同</t><c><![CDATA[<p>One</p><p>Two</p>]]></c></r>",
        );
        assert_eq!(document.text, "R&D 合同\nOne\nTwo\n");
    }

    #[test]
    fn what_is_never_closed_hides_nothing() {
        assert_eq!(parse("<r><!-- a <t>One</t></r>").text, "One\n");
        assert_eq!(parse("<r>One < two").text, "One < two\n");
        assert_eq!(parse("<!DOCTYPE x [ <!ELEMENT r ANY> <r>One</r>").text, "One\n");
    }

    #[test]
    fn a_search_in_vain_is_not_made_again() {
        let mut ends = Ends::default();
        assert_eq!(ends.find("<!-- ", "-->"), None);
        assert_eq!(ends.find("-->", "-->"), None, "it is known to be missing");
        assert_eq!(ends.find("<a>", ">"), Some(2));
    }

    #[test]
    fn entity_bombs_stay_folded() {
        let mut bomb = String::from("<!DOCTYPE x [<!ENTITY a0 \"ha\">");
        for n in 1..40 {
            bomb = format!("{bomb}<!ENTITY a{n} \"&a{};&a{};\">", n - 1, n - 1);
        }
        bomb.push_str("]><x>&a39; fin</x>");
        assert_eq!(parse(&bomb).text, "&a39; fin\n");
    }
}
