//! EPUB books made here.

use docent_core::{ParseErrorKind, ParsedDocument, Parser};
use docent_parse::{ParseOptions, Parsers};

use super::{hostile::Noise, made::container};

const CONTAINER: &str =
    "<container><rootfiles><rootfile full-path=\"OEBPS/content.opf\"/></rootfiles></container>";

fn opf(items: &[(&str, &str)], spine: &[&str]) -> String {
    let items: String = items
        .iter()
        .map(|(id, rest)| format!("<item id=\"{id}\" media-type=\"application/xhtml+xml\" {rest}/>"))
        .collect();
    let spine: String = spine.iter().map(|id| format!("<itemref idref=\"{id}\"/>")).collect();
    format!(
        "<?xml version='1.0'?><package><metadata xmlns:dc='x'><dc:title>员工手册</dc:title><dc:language>zh-CN</dc:language></metadata>\
         <manifest>{items}</manifest><spine>{spine}</spine></package>"
    )
}

fn book(members: &[(&str, &str)]) -> Vec<u8> {
    let all: Vec<_> = [("mimetype", "application/epub+zip"), ("META-INF/container.xml", CONTAINER)]
        .iter()
        .chain(members)
        .copied()
        .collect();
    container(&all)
}

fn parse(members: &[(&str, &str)]) -> ParsedDocument {
    super::without_pdfium().parse("a.epub".as_ref(), &book(members)).unwrap()
}

fn blocks(document: &ParsedDocument) -> Vec<(&str, &str)> {
    document
        .blocks
        .iter()
        .map(|block| (document.block_text(block), block.location.part.as_deref().unwrap_or_default()))
        .collect()
}

#[test]
fn chapters_in_reading_order() {
    let list = opf(
        &[
            ("c", "href='text/cover.xhtml'"),
            ("n", "href='nav.xhtml' properties='nav'"),
            ("two", "href='text/%E7%AC%AC%202.xhtml'"),
            ("one", "href='text/1.xhtml'"),
            ("gone", "href='text/gone.xhtml'"),
        ],
        &["c", "n", "one", "two", "gone", "one"],
    );
    let document = parse(&[
        ("OEBPS/content.opf", &list),
        ("OEBPS/nav.xhtml", "<html><body><h1>Contents</h1><ol><li>One</ol>"),
        (
            "OEBPS/text/cover.xhtml",
            "<?xml version='1.0'?><html><head><title>Cover</title></head><body><img src='c.jpg'/></body></html>",
        ),
        (
            "OEBPS/text/第 2.xhtml",
            "<html><body><h2>第二章</h2><p>工资于每月十日发放，遇节假日则提前至最近的工作日发放。</p>",
        ),
        (
            "OEBPS/Text/1.xhtml",
            "<html xmlns='http://www.w3.org/1999/xhtml'><head><title/></head><body><h1>第一章</h1><p>请假</p></body></html>",
        ),
    ]);
    assert_eq!((document.title.as_deref(), document.language.as_deref()), (Some("员工手册"), Some("cmn")));
    assert_eq!(document.mime, "application/epub+zip");
    assert_eq!(
        blocks(&document),
        [
            ("第一章", "text/1.xhtml"),
            ("请假", "text/1.xhtml"),
            ("第二章", "text/第 2.xhtml"),
            ("工资于每月十日发放，遇节假日则提前至最近的工作日发放。", "text/第 2.xhtml"),
            (
                "[the chapter text/gone.xhtml was not read: damaged: it is not in the container]",
                "text/gone.xhtml"
            ),
        ]
    );
    assert_eq!(document.blocks[1].location.heading, ["第一章"]);
}

#[test]
fn a_book_that_says_little_is_read_as_far_as_it_can_be() {
    let page = "<p>Words.</p>";
    let unlisted = parse(&[
        ("OEBPS/content.opf", "<package><spine/></package>"),
        ("OEBPS/b.html", page),
        ("a.xhtml", "<p>First."),
    ]);
    assert_eq!(blocks(&unlisted), [("First.", "a.xhtml"), ("Words.", "b.html")]);
    let elsewhere =
        parse(&[("other/book.opf", &opf(&[("a", "href='a.html'")], &[])), ("other/a.html", page)]);
    assert_eq!(blocks(&elsewhere), [("Words.", "a.html")]);
    let only_contents = parse(&[
        ("OEBPS/content.opf", &opf(&[("n", "href='n.xhtml' properties='nav'")], &["n"])),
        ("OEBPS/n.xhtml", "<body><h1>Contents</h1>"),
    ]);
    assert_eq!(only_contents.text, "Contents\n");
    let none =
        super::without_pdfium().parse("a.epub".as_ref(), &book(&[("OEBPS/a.html", page)])).unwrap_err();
    assert_eq!(
        (none.kind, none.reason.as_str()),
        (ParseErrorKind::Damaged, "damaged: the book lacks the list of its parts (OPF)")
    );
}

#[test]
fn a_locked_book_says_so() {
    let data = |method: &str, name: &str| {
        format!(
            "<EncryptedData><EncryptionMethod Algorithm='{method}'/><CipherData><CipherReference URI='{name}'/></CipherData></EncryptedData>"
        )
    };
    let aes = "http://www.w3.org/2001/04/xmlenc#aes256-cbc";
    let list = opf(&[("a", "href='a.html'"), ("b", "href='b.html'")], &["a", "b"]);
    let of = |entries: &str| {
        let file = book(&[
            ("OEBPS/content.opf", &list),
            ("META-INF/encryption.xml", &format!("<encryption>{entries}</encryption>")),
            ("OEBPS/a.html", "<p>One"),
            ("OEBPS/b.html", "<p>Two"),
        ]);
        super::without_pdfium().parse("a.epub".as_ref(), &file)
    };
    let locked = of(&(data(aes, "OEBPS/a.html") + &data(aes, "OEBPS/b.html"))).unwrap_err();
    assert_eq!((locked.kind, locked.reason.as_str()), (ParseErrorKind::Encrypted, "protected by DRM"));
    let half = of(&data(aes, "OEBPS/b.html")).unwrap();
    assert_eq!(half.text, "One\n[the chapter b.html was not read: protected by DRM]\n");
    assert_eq!(of(&data("http://www.idpf.org/2008/embedding", "OEBPS/f.otf")).unwrap().text, "One\nTwo\n");
}

#[test]
fn books_that_are_made_to_unpack_without_end() {
    let parsers = Parsers::new(ParseOptions { max_unpacked: 8 << 20, ..ParseOptions::default() });
    let page = format!("<p>{}", " ".repeat(3 << 20));
    let names: Vec<String> = (0..4).map(|n| format!("OEBPS/{n}.html")).collect();
    let mut members: Vec<_> = names.iter().map(|name| (name.as_str(), page.as_str())).collect();
    members.push(("OEBPS/content.opf", "<package/>"));
    let honest = book(&members);
    assert_eq!(parsers.parse("a.epub".as_ref(), &honest).unwrap_err().kind, ParseErrorKind::TooLarge);
    // The same, with a directory that says they are small.
    let mut liar = honest.clone();
    let size = (page.len() as u32).to_le_bytes();
    for at in 0..liar.len() - 4 {
        if liar[at..at + 4] == size {
            liar[at..at + 4].copy_from_slice(&1000u32.to_le_bytes());
        }
    }
    assert_ne!(honest, liar);
    assert!(parsers.parse("a.epub".as_ref(), &liar).is_err());
}

#[test]
fn lists_that_are_made_to_take_for_ever() {
    let times = 200_000;
    let page = format!("<p>{}", "word ".repeat(100_000));
    let many = format!(
        "<package><manifest><item id='a' href='a.html' media-type='text/html'/></manifest><spine>{}</spine></package>",
        "<itemref idref='a'/>".repeat(times)
    );
    let document = parse(&[("OEBPS/content.opf", &many), ("OEBPS/a.html", &page)]);
    assert_eq!(document.blocks.len(), 1, "a chapter is read once");
    let deep = "<a>".repeat(times);
    let attributes: String = (0..times).map(|n| format!(" a{n}='1'")).collect();
    let wide = format!("<package><manifest><item{attributes} href='a.html'/></manifest>");
    let entities = "<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]><package><metadata><title>&b;</title></metadata>";
    for list in [&deep, &wide, entities, "<package><metadata><title>", "&", ""] {
        let document = parse(&[("OEBPS/content.opf", list), ("OEBPS/a.html", "<p>Words.")]);
        assert_eq!(document.text, "Words.\n");
    }
    let path = "../".repeat(times) + "a.html";
    let far = parse(&[
        ("OEBPS/content.opf", &opf(&[("a", &format!("href='{path}'"))], &["a"])),
        ("a.html", "<p>Words."),
    ]);
    assert_eq!(far.text, "Words.\n");
}

#[test]
fn flipped_and_cut_books() {
    let parsers = super::without_pdfium();
    let list = opf(&[("a", "href='a.html'")], &["a"]);
    let sound = book(&[("OEBPS/content.opf", &list), ("OEBPS/a.html", "<p>words that are here</p>")]);
    let mut noise = Noise(11);
    for round in 0..500 {
        let mut bytes = sound.clone();
        for _ in 0..3 {
            let at = noise.next() as usize % bytes.len();
            bytes[at] = noise.next() as u8;
        }
        if round % 3 == 0 {
            bytes.truncate(noise.next() as usize % bytes.len());
        }
        if let Err(error) = parsers.parse("x.epub".as_ref(), &bytes) {
            assert_ne!(error.kind, ParseErrorKind::Crashed, "round {round}: {error}");
        }
    }
    let cut = parsers.parse("x.epub".as_ref(), &sound[..sound.len() / 2]).unwrap_err();
    assert_eq!(cut.kind, ParseErrorKind::Damaged, "{cut}");
}
