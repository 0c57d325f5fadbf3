//! Packages of Office Open XML with one fuzzed part.

use crate::packed::zip;

const WORD: &str = "xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"";
const SHEET: &str = "xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" \
    xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"";
const SLIDE: &str = "xmlns:p=\"http://schemas.openxmlformats.org/presentationml/2006/main\" \
    xmlns:a=\"http://schemas.openxmlformats.org/drawingml/2006/main\" \
    xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"";
const TYPE: &str = "application/vnd.openxmlformats-officedocument.";
const RELATION: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

/// A package of `parts`, each with its folder and name, content type and text; the first is the main one, and refers to
/// all others.
fn package(parts: &[(&str, &str, &str, &str)], fuzzed: &str, bytes: &[u8]) -> Vec<u8> {
    let mut types = "<?xml version=\"1.0\"?><Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
        <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
        <Default Extension=\"xml\" ContentType=\"application/xml\"/>"
        .to_owned();
    let open = "<?xml version=\"1.0\"?><Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">";
    let relation = |number: usize, kind: &str, target: &str| {
        format!("<Relationship Id=\"r{number}\" Type=\"{RELATION}/{kind}\" Target=\"{target}\"/>")
    };
    let main = parts[0].0;
    let (folder, name) = main.split_once('/').unwrap_or(("", main));
    let mut links = open.to_owned();
    for (number, (part, kind, content_type, _)) in parts.iter().enumerate() {
        types += &format!("<Override PartName=\"/{part}\" ContentType=\"{TYPE}{content_type}+xml\"/>");
        if number > 0 {
            links +=
                &relation(number, kind, part.strip_prefix(folder).unwrap_or(part).trim_start_matches('/'));
        }
    }
    types += "</Types>";
    links += "</Relationships>";
    let root = format!("{open}{}</Relationships>", relation(1, "officeDocument", main));
    let links_name = format!("{folder}/_rels/{name}.rels");
    let mut members: Vec<(&str, &[u8])> = vec![
        ("[Content_Types].xml", types.as_bytes()),
        ("_rels/.rels", root.as_bytes()),
        (&links_name, links.as_bytes()),
    ];
    members.extend(parts.iter().map(|(part, _, _, text)| (*part, text.as_bytes())));
    for (name, content) in &mut members {
        if *name == fuzzed {
            *content = bytes;
        }
    }
    zip(&members)
}

/// What of a Word document is fuzzed.
pub const WORD_PARTS: [&str; 7] = [
    "word/document.xml",
    "word/styles.xml",
    "word/numbering.xml",
    "word/footnotes.xml",
    "word/header1.xml",
    "word/_rels/document.xml.rels",
    "[Content_Types].xml",
];

/// A Word document with one fuzzed part.
pub fn docx(fuzzed: &str, bytes: &[u8]) -> Vec<u8> {
    let document = format!(
        "<w:document {WORD} xmlns:r=\"{RELATION}\"><w:body>\
         <w:p><w:pPr><w:pStyle w:val=\"Heading1\"/></w:pPr><w:r><w:t>One</w:t></w:r></w:p>\
         <w:p><w:pPr><w:numPr><w:ilvl w:val=\"0\"/><w:numId w:val=\"1\"/></w:numPr></w:pPr><w:r><w:t>Two</w:t></w:r></w:p>\
         <w:p><w:r><w:footnoteReference w:id=\"2\"/></w:r></w:p>\
         <w:sectPr><w:headerReference w:type=\"default\" r:id=\"r4\"/></w:sectPr></w:body></w:document>"
    );
    let styles = format!("<w:styles {WORD}/>");
    let numbering = format!("<w:numbering {WORD}/>");
    let notes = format!("<w:footnotes {WORD}/>");
    let header = format!("<w:hdr {WORD}/>");
    package(
        &[
            ("word/document.xml", "", "wordprocessingml.document.main", &document),
            ("word/styles.xml", "styles", "wordprocessingml.styles", &styles),
            ("word/numbering.xml", "numbering", "wordprocessingml.numbering", &numbering),
            ("word/footnotes.xml", "footnotes", "wordprocessingml.footnotes", &notes),
            ("word/header1.xml", "header", "wordprocessingml.header", &header),
        ],
        fuzzed,
        bytes,
    )
}

/// What of a presentation is fuzzed.
pub const SLIDE_PARTS: [&str; 2] = ["ppt/slides/slide1.xml", "ppt/presentation.xml"];

/// A presentation with one fuzzed part.
pub fn pptx(fuzzed: &str, bytes: &[u8]) -> Vec<u8> {
    let presentation = format!(
        "<p:presentation {SLIDE}><p:sldIdLst><p:sldId id=\"256\" r:id=\"r1\"/></p:sldIdLst></p:presentation>"
    );
    let slide = format!("<p:sld {SLIDE}/>");
    package(
        &[
            ("ppt/presentation.xml", "", "presentationml.presentation.main", &presentation),
            ("ppt/slides/slide1.xml", "slide", "presentationml.slide", &slide),
        ],
        fuzzed,
        bytes,
    )
}

/// What of a workbook is fuzzed.
pub const BOOK_PARTS: [&str; 5] = [
    "xl/worksheets/sheet1.xml",
    "xl/sharedStrings.xml",
    "xl/styles.xml",
    "xl/workbook.xml",
    "xl/_rels/workbook.xml.rels",
];

/// A workbook with one fuzzed part.
pub fn xlsx(fuzzed: &str, bytes: &[u8]) -> Vec<u8> {
    let book = format!(
        "<workbook {SHEET}><sheets><sheet name=\"One\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>"
    );
    let sheet = format!(
        "<worksheet {SHEET}><sheetData><row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c><c r=\"B1\" s=\"1\"><v>45000</v></c></row>\
         </sheetData></worksheet>"
    );
    let strings = format!("<sst {SHEET}><si><t>One</t></si></sst>");
    let styles = format!("<styleSheet {SHEET}><cellXfs><xf/><xf numFmtId=\"14\"/></cellXfs></styleSheet>");
    package(
        &[
            ("xl/workbook.xml", "", "spreadsheetml.sheet.main", &book),
            ("xl/worksheets/sheet1.xml", "worksheet", "spreadsheetml.worksheet", &sheet),
            ("xl/sharedStrings.xml", "sharedStrings", "spreadsheetml.sharedStrings", &strings),
            ("xl/styles.xml", "styles", "spreadsheetml.styles", &styles),
        ],
        fuzzed,
        bytes,
    )
}
