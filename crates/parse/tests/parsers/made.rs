//! Small files made here, and where their text is found.

use std::io::{Cursor, Write};

use docent_core::{BlockKind, ParseErrorKind, Parser};
use zip::{ZipWriter, write::SimpleFileOptions};

/// A zip container of `members`.
pub(super) fn container(members: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in members {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn types(parts: &[(&str, &str)]) -> String {
    let overrides: String = parts
        .iter()
        .map(|(part, kind)| {
            format!("<Override PartName=\"{part}\" ContentType=\"application/vnd.openxmlformats-officedocument.{kind}+xml\"/>")
        })
        .collect();
    format!(
        "<?xml version=\"1.0\"?><Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\">\
         <Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/>\
         <Default Extension=\"xml\" ContentType=\"application/xml\"/>{overrides}</Types>"
    )
}

fn rels(entries: &[(&str, &str, &str)]) -> String {
    let entries: String = entries
        .iter()
        .map(|(id, kind, target)| {
            format!(
                "<Relationship Id=\"{id}\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}\" Target=\"{target}\"/>"
            )
        })
        .collect();
    format!(
        "<?xml version=\"1.0\"?><Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{entries}</Relationships>"
    )
}

pub(super) fn docx(body: &str) -> Vec<u8> {
    container(&[
        (
            "[Content_Types].xml",
            &types(&[
                ("/word/document.xml", "wordprocessingml.document.main"),
                ("/word/styles.xml", "wordprocessingml.styles"),
            ]),
        ),
        ("_rels/.rels", &rels(&[("r1", "officeDocument", "word/document.xml")])),
        ("word/_rels/document.xml.rels", &rels(&[("r1", "styles", "styles.xml")])),
        (
            "word/styles.xml",
            "<?xml version=\"1.0\"?><w:styles xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\">\
          <w:style w:type=\"paragraph\" w:styleId=\"Heading1\"><w:name w:val=\"heading 1\"/><w:pPr><w:outlineLvl w:val=\"0\"/></w:pPr></w:style>\
          <w:style w:type=\"paragraph\" w:styleId=\"Heading2\"><w:name w:val=\"heading 2\"/><w:pPr><w:outlineLvl w:val=\"1\"/></w:pPr></w:style></w:styles>",
        ),
        (
            "word/document.xml",
            &format!(
                "<?xml version=\"1.0\"?><w:document xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"><w:body>{body}</w:body></w:document>"
            ),
        ),
    ])
}

fn paragraph(style: &str, text: &str) -> String {
    let style = if style.is_empty() {
        String::new()
    } else {
        format!("<w:pPr><w:pStyle w:val=\"{style}\"/></w:pPr>")
    };
    format!("<w:p>{style}<w:r><w:t>{text}</w:t></w:r></w:p>")
}

#[test]
fn word_headings_and_tables() {
    let cell = |text: &str| format!("<w:tc>{}</w:tc>", paragraph("", text));
    let row = |a: &str, b: &str| format!("<w:tr>{}{}</w:tr>", cell(a), cell(b));
    let body = paragraph("Heading1", "Handbook")
        + &paragraph("Heading2", "请假")
        + &paragraph("", "R&amp;D 员工有三十天年假。")
        + &format!("<w:tbl>{}{}{}</w:tbl>", row("Kind", "Days"), row("Annual", "30"), row("Sick", "10"));
    let document = super::without_pdfium().parse("a.docx".as_ref(), &docx(&body)).unwrap();
    let blocks: Vec<_> = document.blocks.iter().map(|b| (b.kind, b.level, document.block_text(b))).collect();
    assert_eq!(
        blocks,
        [
            (BlockKind::Heading, 1, "Handbook"),
            (BlockKind::Heading, 2, "请假"),
            (BlockKind::Paragraph, 0, "R&D 员工有三十天年假。"),
            (BlockKind::Table, 0, "Kind\tDays\nAnnual\t30\nSick\t10"),
        ]
    );
    assert_eq!(document.blocks[2].location.heading, ["Handbook", "请假"]);
    assert_eq!(document.blocks[3].header, "Kind\tDays\n".len());
    // The name does not matter, the content does.
    assert!(super::without_pdfium().parse("a.txt".as_ref(), &docx(&body)).is_ok());
}

/// A workbook of `sheets`: names, and the rows of each; what is to stand behind the rows after `<!-- behind -->`.
fn workbook(sheets: &[(&str, &str)]) -> Vec<u8> {
    let ns = "xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"";
    let mut list = String::new();
    let mut links = Vec::new();
    for (index, (name, _)) in sheets.iter().enumerate() {
        list += &format!("<sheet name=\"{name}\" sheetId=\"{0}\" r:id=\"r{0}\"/>", index + 1);
        links.push((format!("r{}", index + 1), format!("worksheets/sheet{}.xml", index + 1)));
    }
    let links: Vec<_> =
        links.iter().map(|(id, target)| (id.as_str(), "worksheet", target.as_str())).collect();
    let mut members = vec![
        ("[Content_Types].xml".to_owned(), types(&[("/xl/workbook.xml", "spreadsheetml.sheet.main")])),
        ("_rels/.rels".to_owned(), rels(&[("r1", "officeDocument", "xl/workbook.xml")])),
        ("xl/_rels/workbook.xml.rels".to_owned(), rels(&links)),
        (
            "xl/workbook.xml".to_owned(),
            format!(
                "<workbook {ns} xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><sheets>{list}</sheets></workbook>"
            ),
        ),
    ];
    for ((_, _, target), (_, rows)) in links.iter().zip(sheets) {
        let (rows, behind) = rows.split_once("<!-- behind -->").unwrap_or((rows, ""));
        let sheet = format!("<worksheet {ns}><sheetData>{rows}</sheetData>{behind}</worksheet>");
        members.push((format!("xl/{target}"), sheet));
    }
    let members: Vec<_> = members.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    container(&members)
}

#[test]
fn what_cannot_be_read_of_a_workbook_costs_itself_only() {
    let good = "<row r=\"1\"><c r=\"A1\"><v>1</v></c><c r=\"B1\" t=\"e\"><v>#SPILL!</v></c><c r=\"C1\"><v>3</v></c></row>";
    let bad = "<row r=\"1\"><c r=\"A1\"><v>7</v></c><c r=\"B1\" t=\"none\"><v>8</v></c></row>";
    let parse = |sheets: &[(&str, &str)]| super::without_pdfium().parse("a.xlsx".as_ref(), &workbook(sheets));
    let document = parse(&[("Bad", bad), ("Good", good)]).unwrap();
    assert!(document.text.starts_with("7\n[the sheet Bad was not read to its end: "), "{}", document.text);
    assert!(document.text.ends_with("]\n1\t\t3\n"), "{}", document.text);
    let nothing = "<row r=\"1\"><c r=\"A1\" t=\"none\"><v>8</v></c></row>";
    assert_eq!(parse(&[("Bad", nothing)]).unwrap_err().kind, ParseErrorKind::Damaged);
}

#[test]
fn what_stands_between_cells_is_bounded() {
    let row =
        |n: usize| format!("<row r=\"{n}\"><c r=\"A{n}\"><v>1</v></c><c r=\"IQ{n}\"><v>2</v></c></row>");
    let rows: String = (1..=100).map(row).collect();
    let parse = |max_text| {
        let options = docent_parse::ParseOptions { max_text, ..Default::default() };
        docent_parse::Parsers::new(options).parse("a.xlsx".as_ref(), &workbook(&[("Far", &rows)]))
    };
    let error = parse(20_000).unwrap_err();
    assert_eq!(
        (error.kind, error.reason.as_str()),
        (ParseErrorKind::TooLarge, "its cells are too far apart")
    );
    assert!(parse(30_000).is_ok());
}

#[test]
fn word_cells_over_rows_and_columns() {
    let cell =
        |kind: &str, text: &str| format!("<w:tc><w:tcPr>{kind}</w:tcPr>{}</w:tc>", paragraph("", text));
    let row = |cells: &[String]| format!("<w:tr>{}</w:tr>", cells.concat());
    let (restart, goes_on) = ("<w:vMerge w:val=\"restart\"/>", "<w:vMerge/>");
    let table = [
        row(&[cell("", "Kind"), cell("<w:gridSpan w:val=\"2\"/>", "Days"), cell("", "Note")]),
        row(&[cell(restart, "Annual"), cell("", "28"), cell("", "30"), cell("", "a")]),
        row(&[cell(goes_on, ""), cell("", "1"), cell("", "2"), cell("", "b")]),
    ];
    let body = format!("<w:tbl>{}</w:tbl>", table.concat());
    let document = super::without_pdfium().parse("a.docx".as_ref(), &docx(&body)).unwrap();
    assert_eq!(document.text, "Kind\tDays\t\tNote\nAnnual\t28\t30\ta\n\t1\t2\tb\n");
}

#[test]
fn excel_cells_over_rows_and_columns() {
    let text = |at: &str, text: &str| format!("<c r=\"{at}\" t=\"inlineStr\"><is><t>{text}</t></is></c>");
    let number = |at: &str, number: u32| format!("<c r=\"{at}\"><v>{number}</v></c>");
    // The cells that a merged one covers are there without a value, as Excel writes them, or not there at all.
    let rows = [
        format!(
            "<row r=\"1\">{}{}<c r=\"C1\"/>{}</row>",
            text("A1", "Kind"),
            text("B1", "Days"),
            text("D1", "Note")
        ),
        format!("<row r=\"2\">{}{}{}</row>", text("A2", "Annual"), number("B2", 28), number("C2", 30)),
        format!("<row r=\"3\"><c r=\"A3\"/>{}{}</row>", number("B3", 1), number("C3", 2)),
    ];
    let merged = "<mergeCells count=\"2\"><mergeCell ref=\"B1:C1\"/><mergeCell ref=\"A2:A3\"/></mergeCells>";
    let book = workbook(&[("Leave", &format!("{}<!-- behind -->{merged}", rows.concat()))]);
    let document = super::without_pdfium().parse("a.xlsx".as_ref(), &book).unwrap();
    assert_eq!(document.text, "Kind\tDays\t\tNote\nAnnual\t28\t30\n\t1\t2\n");
    assert_eq!(document.blocks[0].location.cells.as_deref(), Some("A1:D3"));
}

#[test]
fn excel_cells_are_true_references() {
    let ns = "xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"";
    let text = |at: &str, text: &str| format!("<c r=\"{at}\" t=\"inlineStr\"><is><t>{text}</t></is></c>");
    let sheet = format!(
        "<worksheet {ns}><sheetData>\
         <row r=\"2\">{}{}</row><row r=\"3\">{}<c r=\"C3\"><v>1.5</v></c></row>\
         <row r=\"5\">{}<c r=\"D5\"><v>7</v></c></row>\
         <row r=\"900000\">{}</row></sheetData></worksheet>",
        text("B2", "Item"),
        text("C2", "Cost"),
        text("B3", "Desk&#10;big"),
        text("B5", "椅子"),
        text("XFD900000", "far"),
    );
    let book = container(&[
        (
            "[Content_Types].xml",
            &types(&[
                ("/xl/workbook.xml", "spreadsheetml.sheet.main"),
                ("/xl/worksheets/sheet1.xml", "spreadsheetml.worksheet"),
            ]),
        ),
        ("_rels/.rels", &rels(&[("r1", "officeDocument", "xl/workbook.xml")])),
        ("xl/_rels/workbook.xml.rels", &rels(&[("r1", "worksheet", "worksheets/sheet1.xml")])),
        (
            "xl/workbook.xml",
            &format!(
                "<workbook {ns} xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><sheets><sheet name=\"成本\" sheetId=\"1\" r:id=\"r1\"/></sheets></workbook>"
            ),
        ),
        ("xl/worksheets/sheet1.xml", &sheet),
    ]);
    let document = super::without_pdfium().parse("a.xlsx".as_ref(), &book).unwrap();
    let blocks: Vec<_> = document
        .blocks
        .iter()
        .map(|b| (document.block_text(b), b.header, b.location.sheet.as_deref(), b.location.cells.as_deref()))
        .collect();
    assert_eq!(
        blocks,
        [
            ("Item\tCost\nDesk big\t1.5\n\n椅子\t\t7", 10, Some("成本"), Some("B2:D5")),
            ("far", 0, Some("成本"), Some("XFD900000")),
        ]
    );
    assert_eq!(document.blocks[0].location.heading, ["成本"], "a sheet is found by its name");
}

#[test]
fn powerpoint_slides_are_numbered() {
    let ns = "xmlns:a=\"http://schemas.openxmlformats.org/drawingml/2006/main\" xmlns:p=\"http://schemas.openxmlformats.org/presentationml/2006/main\" xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"";
    let shape = |kind: &str, text: &str| {
        format!(
            "<p:sp><p:nvSpPr><p:cNvPr id=\"2\" name=\"x\"/><p:cNvSpPr/><p:nvPr><p:ph type=\"{kind}\"/></p:nvPr></p:nvSpPr><p:spPr/>\
             <p:txBody><a:bodyPr/><a:p><a:r><a:t>{text}</a:t></a:r></a:p></p:txBody></p:sp>"
        )
    };
    let slide = |title: &str, body: &str| {
        format!(
            "<p:sld {ns}><p:cSld><p:spTree>{}{}</p:spTree></p:cSld></p:sld>",
            shape("title", title),
            shape("body", body)
        )
    };
    let deck = container(&[
        (
            "[Content_Types].xml",
            &types(&[
                ("/ppt/presentation.xml", "presentationml.presentation.main"),
                ("/ppt/slides/slide1.xml", "presentationml.slide"),
                ("/ppt/slides/slide2.xml", "presentationml.slide"),
            ]),
        ),
        ("_rels/.rels", &rels(&[("r1", "officeDocument", "ppt/presentation.xml")])),
        (
            "ppt/_rels/presentation.xml.rels",
            &rels(&[("r1", "slide", "slides/slide1.xml"), ("r2", "slide", "slides/slide2.xml")]),
        ),
        (
            "ppt/presentation.xml",
            &format!(
                "<p:presentation {ns}><p:sldIdLst><p:sldId id=\"256\" r:id=\"r1\"/><p:sldId id=\"257\" r:id=\"r2\"/></p:sldIdLst></p:presentation>"
            ),
        ),
        ("ppt/slides/slide1.xml", &slide("Plans", "First words")),
        ("ppt/slides/slide2.xml", &slide("预算", "第二页")),
    ]);
    let document = super::without_pdfium().parse("a.pptx".as_ref(), &deck).unwrap();
    let blocks: Vec<_> = document
        .blocks
        .iter()
        .map(|b| (b.kind, document.block_text(b), b.location.slide, b.location.heading.clone()))
        .collect();
    assert_eq!(
        blocks,
        [
            (BlockKind::Heading, "Plans", Some(1), vec!["Plans".to_owned()]),
            (BlockKind::Paragraph, "First words", Some(1), vec!["Plans".to_owned()]),
            (BlockKind::Heading, "预算", Some(2), vec!["预算".to_owned()]),
            (BlockKind::Paragraph, "第二页", Some(2), vec!["预算".to_owned()]),
        ]
    );
}

/// A PDF with a page for each of `pages`.
pub(super) fn pdf(pages: &[&str]) -> Vec<u8> {
    let kids: Vec<String> = (0..pages.len()).map(|n| format!("{} 0 R", 4 + 2 * n)).collect();
    let mut objects = vec![
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        format!("<</Type/Pages/Kids[{}]/Count {}>>", kids.join(" "), pages.len()),
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>".to_owned(),
    ];
    for (n, text) in pages.iter().enumerate() {
        let content =
            if text.is_empty() { String::new() } else { format!("BT /F1 12 Tf 72 700 Td ({text}) Tj ET") };
        objects.push(format!(
            "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 3 0 R>>>>/Contents {} 0 R>>",
            5 + 2 * n
        ));
        objects.push(format!("<</Length {}>>stream\n{content}\nendstream", content.len()));
    }
    let mut file = "%PDF-1.4\n".to_owned();
    for (n, object) in objects.iter().enumerate() {
        file += &format!("{} 0 obj\n{object}\nendobj\n", n + 1);
    }
    (file + &format!("trailer<</Root 1 0 R/Size {}>>\n%%EOF\n", objects.len() + 1)).into_bytes()
}

#[test]
fn pdf_pages() {
    let parsers = super::parsers();
    let document = parsers.parse("a.pdf".as_ref(), &pdf(&["First page.", "", "Third page."])).unwrap();
    assert_eq!(document.pages, Some(3));
    let blocks: Vec<_> = document.blocks.iter().map(|b| (document.block_text(b), b.location.page)).collect();
    assert_eq!(blocks, [("First page.", Some(1)), ("Third page.", Some(3))]);
    let blank = parsers.parse("a.pdf".as_ref(), &pdf(&["", ""])).unwrap_err();
    assert_eq!(blank.kind, ParseErrorKind::Empty, "{blank}");
}

#[test]
fn a_message_and_its_attachments() {
    let mail = "From: Ann <ann@example.org>\r\nTo: bo@example.org\r\nSubject: =?utf-8?B?6K+35YGH?=\r\nMIME-Version: 1.0\r\n\
        Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: text/html; charset=utf-8\r\n\r\n\
        <p>Hello <b>Bo</b></p><script>no()</script>\r\n--x\r\nContent-Type: text/markdown; name=plan.md\r\n\
        Content-Disposition: attachment; filename=plan.md\r\n\r\n# Plan\r\n\r\nDo it.\r\n--x--\r\n";
    let document = super::without_pdfium().parse("a.eml".as_ref(), mail.as_bytes()).unwrap();
    assert_eq!(document.title.as_deref(), Some("请假"));
    let blocks: Vec<_> = document
        .blocks
        .iter()
        .map(|b| (document.block_text(b), b.location.part.as_deref().unwrap()))
        .collect();
    assert_eq!(
        blocks,
        [
            ("请假", "body"),
            ("From: Ann <ann@example.org>\nTo: bo@example.org", "body"),
            ("Hello Bo", "body"),
            ("# Plan", "plan.md"),
            ("Do it.", "plan.md"),
        ]
    );
    assert_eq!(document.blocks[4].location.heading, ["Plan"]);
}

#[test]
fn what_is_not_read_says_what_it_is() {
    let of = |name: &str, bytes: &[u8]| super::without_pdfium().parse(name.as_ref(), bytes).unwrap_err();
    assert_eq!(of("a.txt", b"").kind, ParseErrorKind::Empty);
    assert_eq!(of("a.txt", b" \r\n\t\n").kind, ParseErrorKind::Empty);
    assert_eq!(of("a.txt", "\u{3000}\u{a0}\n".as_bytes()).kind, ParseErrorKind::Empty);
    let icon = of("a.ico", b"\0\0\x01\0\x01\0\x10\x10\0\0");
    assert_eq!(
        (icon.kind, icon.reason.as_str()),
        (ParseErrorKind::Unsupported, "binary file (image/x-icon)")
    );
    assert_eq!(of("a.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR").kind, ParseErrorKind::Damaged);
    let missing = of("a.pdf", b"%PDF-1.4\n");
    if missing.kind == ParseErrorKind::Unavailable {
        assert!(missing.reason.contains("make models"), "{missing}");
    } else {
        // Another test of this process has loaded pdfium.
        assert_eq!(missing.kind, ParseErrorKind::Damaged);
    }
}

#[test]
fn an_attachment_that_cannot_be_read_is_named() {
    let part = |name: &str, body: &str| {
        format!(
            "--x\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename={name}\r\n\r\n{body}\r\n"
        )
    };
    let mail = format!(
        "From: ann@example.org\r\nSubject: Two\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n{}{}{}--x--\r\n",
        part("plan.pdf", "%PDF-1.4\r\n"),
        part("logo.gif", "GIF89a\u{1}\u{2}"),
        part("notes.txt", "Words."),
    );
    let document = super::without_pdfium().parse("a.eml".as_ref(), mail.as_bytes()).unwrap();
    let notes: Vec<_> = document.blocks.iter().filter(|b| document.block_text(b).starts_with('[')).collect();
    assert_eq!(notes.len(), 1, "a picture is none: {}", document.text);
    // Why, depends on whether another test has loaded pdfium into this process.
    assert!(document.block_text(notes[0]).starts_with("[attachment plan.pdf was not read: "));
    assert_eq!(notes[0].location.part.as_deref(), Some("plan.pdf"));
    assert!(document.text.contains("Words."));
}

#[test]
fn every_message_of_a_large_mailbox_is_read() {
    let mailbox: String = (0..20_100)
        .map(|n| {
            format!("From a@b.c Thu Jan  1 00:00:00 1970\nFrom: a@b.c\nSubject: Number {n}\n\nBody {n}.\n\n")
        })
        .collect();
    let document = super::without_pdfium().parse("a.mbox".as_ref(), mailbox.as_bytes()).unwrap();
    assert!(document.text.contains("Body 20099."));
}

#[test]
fn a_page_that_cannot_be_read_is_named() {
    let pdf = String::from_utf8(pdf(&["First page.", "Second page."])).unwrap();
    // The second page is no page.
    let broken = pdf.replacen("6 0 obj\n<</Type/Page/", "6 0 obj\n<</Type/Font/", 1);
    assert_ne!(pdf, broken);
    let document = super::parsers().parse("a.pdf".as_ref(), broken.as_bytes()).unwrap();
    let blocks: Vec<_> = document.blocks.iter().map(|b| (document.block_text(b), b.location.page)).collect();
    assert_eq!(blocks, [("First page.", Some(1)), ("[this page cannot be read]", Some(2))]);
}
