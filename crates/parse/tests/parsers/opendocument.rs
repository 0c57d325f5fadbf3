//! OpenDocument files made here, sound ones and hostile ones.

use std::time::{Duration, Instant};

use docent_core::{BlockKind, ParseErrorKind, ParsedDocument, Parser};
use docent_parse::{ParseOptions, Parsers};

use super::made::container;

const NAMES: &str = "xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" \
    xmlns:style=\"urn:oasis:names:tc:opendocument:xmlns:style:1.0\" \
    xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\" \
    xmlns:table=\"urn:oasis:names:tc:opendocument:xmlns:table:1.0\" \
    xmlns:draw=\"urn:oasis:names:tc:opendocument:xmlns:drawing:1.0\" \
    xmlns:presentation=\"urn:oasis:names:tc:opendocument:xmlns:presentation:1.0\" \
    xmlns:svg=\"urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0\" \
    xmlns:dc=\"http://purl.org/dc/elements/1.1/\"";

fn content(styles: &str, body: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<office:document-content {NAMES}>\
         <office:automatic-styles>{styles}</office:automatic-styles><office:body>{body}</office:body>\
         </office:document-content>"
    )
}

fn pack(content: &str) -> Vec<u8> {
    container(&[
        ("mimetype", "application/vnd.oasis.opendocument.text"),
        (
            "meta.xml",
            &format!(
                "<office:document-meta {NAMES}><office:meta><dc:title>Hand &amp; book</dc:title></office:meta></office:document-meta>"
            ),
        ),
        ("content.xml", content),
        ("META-INF/manifest.xml", "<manifest:manifest/>"),
    ])
}

fn read(name: &str, styles: &str, body: &str) -> ParsedDocument {
    super::without_pdfium().parse(name.as_ref(), &pack(&content(styles, body))).unwrap()
}

fn blocks(document: &ParsedDocument) -> Vec<(BlockKind, u8, &str)> {
    document.blocks.iter().map(|block| (block.kind, block.level, document.block_text(block))).collect()
}

#[test]
fn headings_lists_notes_and_changes() {
    let styles = "<style:style style:name=\"T9\" style:family=\"text\"><style:text-properties text:display=\"none\"/></style:style>\
        <style:style style:name=\"P1\" style:family=\"paragraph\" style:parent-style-name=\"Title\"/>";
    let body = "<office:text><text:tracked-changes><text:changed-region><text:deletion><text:p>deleted words</text:p>\
        </text:deletion></text:changed-region></text:tracked-changes>\
        <text:p text:style-name=\"P1\">The   handbook</text:p>\n\
        <text:list><text:list-item><text:list><text:list-item><text:h text:outline-level=\"2\"><text:number>1.1</text:number>请假\
        </text:h></text:list-item></text:list></text:list-item></text:list>\
        <text:p>R&amp;D has<text:s text:c=\"3\"/>30 <text:span>days</text:span><text:span text:style-name=\"T9\"> secret</text:span>\
        <text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>Unless <text:span>agreed</text:span>.</text:p>\
        </text:note-body></text:note> a<text:tab/>year.<text:line-break/>\n   Ask.\
        <office:annotation><dc:creator>Ann</dc:creator><text:p>a remark</text:p></office:annotation>\
        <text:change text:change-id=\"x\"/></text:p>\
        <text:list><text:list-item><text:p>One</text:p><text:list><text:list-item><text:p>One and a half</text:p></text:list-item>\
        </text:list></text:list-item><text:list-item><text:p>Two</text:p></text:list-item></text:list>\
        <text:section text:display=\"none\"><text:p>hidden section</text:p></text:section>\
        <text:p><draw:frame><draw:text-box><text:p>In a box</text:p></draw:text-box><svg:desc>a picture</svg:desc></draw:frame>Around it</text:p>\
        </office:text>";
    let document = read("a.odt", styles, body);
    assert_eq!(document.mime, "application/vnd.oasis.opendocument.text");
    assert_eq!(document.title.as_deref(), Some("Hand & book"));
    assert_eq!(
        blocks(&document),
        [
            (BlockKind::Heading, 1, "The handbook"),
            (BlockKind::Heading, 2, "请假"),
            (BlockKind::Paragraph, 0, "R&D has   30 days a\tyear.\nAsk."),
            (BlockKind::Paragraph, 0, "Unless agreed."),
            (BlockKind::ListItem, 0, "One\nOne and a half"),
            (BlockKind::ListItem, 0, "Two"),
            (BlockKind::Paragraph, 0, "Around it"),
            (BlockKind::Paragraph, 0, "In a box"),
        ]
    );
    assert_eq!(document.blocks[2].location.heading, ["The handbook", "请假"]);
}

#[test]
fn tables_with_headers_and_covered_cells() {
    let row = |cells: &[&str]| {
        let cells: String = cells
            .iter()
            .map(|cell| match *cell {
                "-" => {
                    "<table:covered-table-cell><text:p>stale</text:p></table:covered-table-cell>".to_owned()
                }
                cell => format!("<table:table-cell><text:p>{cell}</text:p></table:table-cell>"),
            })
            .collect();
        format!("<table:table-row>{cells}</table:table-row>")
    };
    let body = format!(
        "<office:text><table:table><table:table-header-rows>{}{}</table:table-header-rows>{}\
         <table:table-row><table:table-cell><text:p>in</text:p><table:table><table:table-row><table:table-cell><text:p>ner</text:p>\
         </table:table-cell></table:table-row></table:table></table:table-cell>\
         <table:table-cell table:number-columns-repeated=\"1000000\"/></table:table-row></table:table>\
         <table:table><table:table-row><table:table-cell><text:p>a frame</text:p></table:table-cell></table:table-row></table:table>\
         </office:text>",
        row(&["Leave", "-", "Note"]),
        row(&["Kind", "Days", ""]),
        row(&["Annual", "30", "b<text:line-break/>c"]),
    );
    let document = read("a.odt", "", &body);
    let table = document.block_text(&document.blocks[0]);
    assert_eq!(&table[..document.blocks[0].header], "Leave\t\tNote\nKind\tDays\t\n");
    let lines: Vec<&str> = table.lines().map(str::trim_end).collect();
    assert_eq!(lines[2..], ["Annual\t30\tb c", "in ner"]);
    assert!(table.len() < 200, "columns are not multiplied: {}", table.len());
    assert_eq!(blocks(&document)[1], (BlockKind::Paragraph, 0, "a frame"));
}

#[test]
fn headers_and_footers_are_there_once() {
    let styles = format!(
        "<office:document-styles {NAMES}><office:master-styles><style:master-page>\
         <style:header><text:p>Kadeflow <text:page-number>3</text:page-number></text:p></style:header>\
         <style:header-left><text:p>Kadeflow <text:page-number>3</text:page-number></text:p></style:header-left>\
         <style:header-first style:display=\"false\"><text:p>not shown</text:p></style:header-first>\
         <style:footer><table:table><table:table-row><table:table-cell><text:p>Secret</text:p></table:table-cell></table:table-row></table:table></style:footer>\
         </style:master-page><style:master-page><style:footer><text:p>12</text:p></style:footer></style:master-page>\
         </office:master-styles></office:document-styles>"
    );
    let bytes = container(&[
        ("mimetype", "x"),
        ("styles.xml", &styles),
        ("content.xml", &content("", "<office:text><text:p>Words</text:p></office:text>")),
    ]);
    let document = super::without_pdfium().parse("a.odt".as_ref(), &bytes).unwrap();
    assert_eq!(document.text, "Kadeflow 3\nWords\nSecret\n");
}

const SLIDES: &str = "<office:presentation>\
    <draw:page draw:name=\"page1\"><draw:frame presentation:class=\"outline\"><draw:text-box><text:list><text:list-item><text:p>First point</text:p>\
    </text:list-item></text:list></draw:text-box></draw:frame>\
    <draw:frame presentation:class=\"title\"><draw:text-box><text:p>Plans</text:p><text:p>for 2027</text:p></draw:text-box></draw:frame>\
    <draw:custom-shape><text:p>In a shape</text:p></draw:custom-shape>\
    <draw:frame presentation:class=\"page-number\"><draw:text-box><text:p>1</text:p></draw:text-box></draw:frame>\
    <presentation:notes><draw:frame presentation:class=\"notes\"><draw:text-box><text:p>Say it slowly</text:p></draw:text-box></draw:frame>\
    <draw:frame presentation:class=\"header\"><draw:text-box><text:p>header of notes</text:p></draw:text-box></draw:frame></presentation:notes></draw:page>\
    <draw:page><draw:frame presentation:class=\"title\" presentation:placeholder=\"true\"><draw:text-box><text:p>Click here</text:p></draw:text-box></draw:frame>\
    <draw:frame><table:table><table:table-row><table:table-cell><text:p>预算</text:p></table:table-cell><table:table-cell><text:p>1</text:p></table:table-cell>\
    </table:table-row></table:table></draw:frame></draw:page></office:presentation>";

#[test]
fn slides_titles_and_notes() {
    let document = read("a.odp", "", SLIDES);
    assert_eq!(
        (document.pages, &*document.mime),
        (Some(2), "application/vnd.oasis.opendocument.presentation")
    );
    let found: Vec<_> = document
        .blocks
        .iter()
        .map(|b| (b.kind, document.block_text(b), b.location.slide, b.location.heading.concat()))
        .collect();
    let title = || "Plans for 2027".to_owned();
    assert_eq!(
        found,
        [
            (BlockKind::Heading, "Plans for 2027", Some(1), title()),
            (BlockKind::ListItem, "First point", Some(1), title()),
            (BlockKind::Paragraph, "In a shape", Some(1), title()),
            (BlockKind::Paragraph, "Say it slowly", Some(1), title()),
            (BlockKind::Table, "预算\t1", Some(2), String::new()),
        ]
    );
}

fn cell(attributes: &str, shown: &str) -> String {
    let shown = if shown.is_empty() { String::new() } else { format!("<text:p>{shown}</text:p>") };
    format!("<table:table-cell {attributes}>{shown}</table:table-cell>")
}

#[test]
fn sheets_and_their_cells() {
    let rows = [
        "<table:table-row table:number-rows-repeated=\"1\"><table:table-cell table:number-columns-repeated=\"16384\"/></table:table-row>"
            .to_owned(),
        format!(
            "<table:table-header-rows><table:table-row><table:table-cell/>{}{}<table:covered-table-cell><text:p>stale</text:p></table:covered-table-cell>{}</table:table-row></table:table-header-rows>",
            cell("office:value-type=\"string\"", "Item"),
            cell("table:number-columns-spanned=\"2\"", "Cost"),
            cell("", "Share"),
        ),
        format!(
            "<table:table-row><table:table-cell/>{}{}{}{}</table:table-row>",
            cell("", "Desk</text:p><text:p>big<office:annotation><text:p>why?</text:p></office:annotation>"),
            cell("office:value-type=\"date\" office:date-value=\"2024-05-31\"", "31.05.24"),
            cell("office:value-type=\"float\" office:value=\"1.5\"", ""),
            cell("office:value-type=\"percentage\" office:value=\"0.07\"", ""),
        ),
        "<table:table-row table:number-rows-repeated=\"2\"><table:table-cell/></table:table-row>".to_owned(),
        format!("<table:table-row><table:table-cell/>{}</table:table-row>", cell("table:number-columns-repeated=\"2\"", "椅子")),
        "<table:table-row table:number-rows-repeated=\"1048000\"><table:table-cell/></table:table-row>".to_owned(),
        format!("<table:table-row>{}</table:table-row>", cell("", "far")),
    ];
    let body = format!(
        "<office:spreadsheet><table:calculation-settings/><table:table table:name=\"成本\"><table:shapes><draw:frame><draw:text-box><text:p>floats</text:p></draw:text-box></draw:frame></table:shapes>{}</table:table>\
         <table:table table:name=\"'file:///x.ods'#$Sheet1\"><table:table-row>{}</table:table-row></table:table></office:spreadsheet>",
        rows.concat(),
        cell("", "of another file"),
    );
    let document = read("a.ods", "", &body);
    let found: Vec<_> = document
        .blocks
        .iter()
        .map(|b| (document.block_text(b), b.header, b.location.sheet.as_deref(), b.location.cells.as_deref()))
        .collect();
    let table = "Item\tCost\t\tShare\nDesk big\t31.05.24\t1.5\t7%\n\n\n椅子\t椅子";
    assert_eq!(found, [(table, 17, Some("成本"), Some("B2:E6")), ("far", 0, Some("成本"), Some("A1048007"))]);
    assert_eq!(document.blocks[0].location.heading, ["成本"]);
    assert_eq!(document.mime, "application/vnd.oasis.opendocument.spreadsheet");
}

#[test]
fn flat_files_in_other_encodings_and_with_other_prefixes() {
    let flat = format!(
        "<?xml version='1.0' encoding='GBK'?>\n<office:document {NAMES} xmlns:t=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\" office:mimetype=\"x\">\
         <office:meta><dc:title>手册</dc:title></office:meta><office:body><office:text><t:h t:outline-level=\"1\">请假</t:h>\
         <t:p>年假有三十天<draw:frame><draw:image><office:binary-data>QUJD</office:binary-data></draw:image></draw:frame></t:p>\
         </office:text></office:body></office:document>"
    );
    let (bytes, _, _) = encoding_rs::GB18030.encode(&flat);
    let document = super::without_pdfium().parse("a.fodt".as_ref(), &bytes).unwrap();
    assert_eq!((document.title.as_deref(), document.text.as_str()), (Some("手册"), "请假\n年假有三十天\n"));
}

#[test]
fn encrypted_damaged_and_other_files() {
    let of = |members: &[(&str, &str)]| {
        super::without_pdfium().parse("a.odt".as_ref(), &container(members)).map_err(|error| error.kind)
    };
    let manifest = |path: &str| {
        format!(
            "<manifest:manifest xmlns:manifest=\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\">\
             <manifest:file-entry manifest:full-path=\"{path}\"><manifest:encryption-data/></manifest:file-entry></manifest:manifest>"
        )
    };
    let whole = content("", "<office:text><text:p>Words</text:p></office:text>");
    let locked = of(&[
        ("mimetype", "x"),
        ("content.xml", "\u{1}noise"),
        ("META-INF/manifest.xml", &manifest("content.xml")),
    ]);
    assert_eq!(locked.unwrap_err(), ParseErrorKind::Encrypted);
    let inside =
        of(&[("encrypted-package", "noise"), ("META-INF/manifest.xml", &manifest("encrypted-package"))]);
    assert_eq!(inside.unwrap_err(), ParseErrorKind::Encrypted);
    let picture = of(&[("content.xml", &whole), ("META-INF/manifest.xml", &manifest("Pictures/1.png"))]);
    assert_eq!(picture.unwrap().text, "Words\n");
    let noise = of(&[("content.xml", "noise"), ("mimetype", "x")]);
    assert_eq!(noise.unwrap_err(), ParseErrorKind::Damaged);
    let chart = of(&[("content.xml", &content("", "<office:chart/>")), ("mimetype", "x")]);
    assert_eq!(chart.unwrap_err(), ParseErrorKind::Unsupported);
    let empty = of(&[("content.xml", &content("", "<office:text/>")), ("mimetype", "x")]);
    assert_eq!(empty.unwrap_err(), ParseErrorKind::Empty);
    // What can be read of a cut one is read, and that is said.
    let cut = of(&[("content.xml", &whole[..whole.len() - 60]), ("mimetype", "x")]).unwrap();
    assert!(cut.text.starts_with("Words\n[the document was not read to its end"), "{}", cut.text);
    let nothing = of(&[("content.xml", &whole[..400]), ("mimetype", "x")]);
    assert_eq!(nothing.unwrap_err(), ParseErrorKind::Damaged);
}

#[test]
fn hostile_files_end_soon() {
    let parsers = super::without_pdfium();
    let times = 60_000;
    for (kind, part) in [
        ("text", "<text:p>a"),
        ("text", "<text:list><text:list-item>"),
        ("text", "<table:table><table:table-row><table:table-cell>"),
        ("text", "<text:p><text:note><text:note-body>"),
        ("text", "<text:s text:c=\"4000000000\"/>"),
        ("text", "</text:p></table:table>"),
        ("text", "<a xmlns:text='urn:x' xmlns:b='urn:y'>"),
        ("text", "<!-- <![CDATA[ "),
        ("text", "<text:p>&a &#x;"),
        ("presentation", "<draw:page><draw:frame presentation:class=\"title\"><text:p>a"),
        ("spreadsheet", "<table:table><table:table-row><table:table-cell>a"),
        (
            "spreadsheet",
            "<table:table-row table:number-rows-repeated=\"4294967295\"><table:table-cell/></table:table-row>",
        ),
    ] {
        for head in ["", "<text:p>", "<table:table table:name=\"x\">"] {
            let text = content("", &format!("<office:{kind}>{head}{}", part.repeat(times)));
            let began = Instant::now();
            if let Err(error) = parsers.parse("a.odt".as_ref(), &pack(&text)) {
                assert_ne!(error.kind, ParseErrorKind::Crashed, "{head} {part}: {error}");
            }
            println!("{kind} {head} {part}: {:?}", began.elapsed());
            assert!(began.elapsed() < Duration::from_secs(60), "{kind} {head} {part}");
        }
    }
    let attributes = format!("<office:text><text:p {}>x</text:p>", "a=\"\" ".repeat(times));
    assert!(parsers.parse("a.odt".as_ref(), &pack(&content("", &attributes))).is_ok());
}

#[test]
fn sheets_that_claim_millions_are_bounded() {
    let parsers = Parsers::new(ParseOptions { max_cells: 600_000, ..ParseOptions::default() });
    let row = |rows: u32| {
        format!(
            "<table:table-row table:number-rows-repeated=\"{rows}\">{}</table:table-row>",
            cell("table:number-columns-repeated=\"4000000000\"", "x")
        )
    };
    let book = |rows: String| {
        let body = format!(
            "<office:spreadsheet><table:table table:name=\"A\">{rows}</table:table></office:spreadsheet>"
        );
        pack(&content("", &body))
    };
    let document = parsers.parse("a.ods".as_ref(), &book(row(1_048_576))).unwrap();
    assert_eq!(document.blocks[0].location.cells.as_deref(), Some("A1:IV1000"));
    let error = parsers.parse("a.ods".as_ref(), &book(row(1000).repeat(5))).unwrap_err();
    assert_eq!(error.kind, ParseErrorKind::TooLarge, "{error}");
}

#[test]
fn flipped_and_cut_files() {
    let parsers = super::without_pdfium();
    let text = content("", SLIDES);
    let sound = [pack(&text), text.replace("document-content", "document").into_bytes()];
    let rich = br"{\rtf1\ansicpg936{\fonttbl{\f0\fcharset134 A;}}\trowd a\cell\'c4\'e3\cell\row{\footnote b\par}\u20320?c\par}";
    let mut seed = 7u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 33) as usize
    };
    for round in 0..900 {
        let mut bytes = [&sound[0][..], &sound[1][..], &rich[..]][round % 3].to_vec();
        for _ in 0..3 {
            let at = next() % bytes.len();
            bytes[at] = next() as u8;
        }
        if round % 2 == 0 {
            bytes.truncate(next() % bytes.len());
        }
        if let Err(error) = parsers.parse(["a.odp", "a.fodp", "a.rtf"][round % 3].as_ref(), &bytes) {
            assert_ne!(error.kind, ParseErrorKind::Crashed, "round {round}: {error}");
        }
    }
    let cut = parsers.parse("a.odp".as_ref(), &sound[0][..sound[0].len() / 2]).unwrap_err();
    assert_eq!(cut.kind, ParseErrorKind::Damaged, "{cut}");
}

#[test]
fn bombs_and_entities() {
    let parsers = Parsers::new(ParseOptions { max_unpacked: 8 << 20, ..ParseOptions::default() });
    let blanks = " ".repeat(16 << 20);
    let honest = pack(&content("", &format!("<office:text><text:p>{blanks}</text:p></office:text>")));
    assert_eq!(parsers.parse("a.odt".as_ref(), &honest).unwrap_err().kind, ParseErrorKind::TooLarge);
    let mut bomb = "<!DOCTYPE x [<!ENTITY a0 \"ha\">".to_owned();
    for n in 1..60 {
        bomb = format!("{bomb}<!ENTITY a{n} \"&a{};&a{};\">", n - 1, n - 1);
    }
    let body = content("", "<office:text><text:p>&a59; fin</text:p></office:text>");
    let (head, rest) = body.split_once('\n').unwrap();
    let text = format!("{head}{bomb}]>{rest}");
    let document = super::without_pdfium().parse("a.odt".as_ref(), &pack(&text)).unwrap();
    assert_eq!(document.text, "&a59; fin\n");
}
