//! PDFs made to keep pdfium busy, or to make it swell: every one ends in a document or a reason, soon. Those that need a
//! worker for it stand in `tests/workers.rs`.

use docent_core::{ParseError, ParseErrorKind, ParsedDocument, Parser};

use super::pdfs::{WORDS, page, pdf, stream};

fn parse(bytes: &[u8]) -> Result<ParsedDocument, ParseError> {
    super::parsers().parse("a.pdf".as_ref(), bytes)
}

/// That the words are found in spite of it all.
#[track_caller]
fn assert_read(bytes: &[u8]) {
    let document = parse(bytes).unwrap();
    assert!(document.text.contains("Words that are here"), "{:.200}", document.text);
}

#[test]
fn a_million_objects() {
    let more = vec!["null".to_owned(); 1_000_000];
    let sound = page("", WORDS, &more);
    assert_read(&sound);
    // Without its table, which pdfium then puts together from the objects that it finds.
    let lost =
        String::from_utf8(sound).unwrap().replace("startxref", "startxxxx").replace("xref\n0", "xxxx\n0");
    assert_read(lost.as_bytes());
}

#[test]
fn a_tree_of_pages_without_an_end() {
    let tree = |kids: &str, count: i64| {
        pdf(&[
            "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
            format!("<< /Type /Pages /Kids [{kids}] /Count {count} /Parent 2 0 R >>"),
            "<< /Type /Pages /Kids [2 0 R 3 0 R] /Count 3 /Parent 2 0 R >>".to_owned(),
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 5 0 R \
             /Resources << /Font << /F1 6 0 R >> >> >>"
                .to_owned(),
            stream("", WORDS),
            "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
        ])
    };
    for kids in ["2 0 R", "3 0 R", "4 0 R 2 0 R", "4 0 R 3 0 R", "4 0 R", "9 0 R", ""] {
        for count in [1, 2, 1000, 20_000, 20_001, i64::from(i32::MAX), 4_294_967_297, i64::MAX, -1, i64::MIN]
        {
            if let Err(error) = parse(&tree(kids, count)) {
                let kinds = [ParseErrorKind::Damaged, ParseErrorKind::TooLarge, ParseErrorKind::Empty];
                assert!(kinds.contains(&error.kind), "{kids} {count}: {error}");
            }
        }
    }
}

#[test]
fn a_deep_tree_of_pages() {
    let depth = 100_000;
    let mut objects = vec!["<< /Type /Catalog /Pages 2 0 R >>".to_owned()];
    for number in 2..depth {
        objects.push(format!(
            "<< /Type /Pages /Kids [{} 0 R] /Count 1 /Parent {} 0 R >>",
            number + 1,
            number - 1
        ));
    }
    objects.push(format!("<< /Type /Page /Parent {} 0 R /MediaBox [0 0 600 800] >>", depth - 1));
    parse(&pdf(&objects)).unwrap_err();
}

#[test]
fn fonts_and_forms_that_contain_themselves() {
    let self_font =
        "<< /Type /Font /Subtype /Type0 /BaseFont /A /Encoding /Identity-H /DescendantFonts [6 0 R] >>";
    let unicode = "<< /Type /Font /Subtype /Type0 /BaseFont /A /Encoding 6 0 R /ToUnicode 6 0 R /DescendantFonts 6 0 R >>";
    let glyph = "<< /Type /Font /Subtype /Type3 /FontBBox [0 0 9 9] /FontMatrix [1 0 0 1 0 0] /FirstChar 97 /LastChar 97 \
        /Widths [9] /Encoding << /Differences [97 /a] >> /CharProcs << /a 7 0 R >> \
        /Resources << /Font << /F2 6 0 R >> /XObject << /X 7 0 R >> >> >>";
    let draws = stream("", "9 0 d0 BT /F2 9 Tf (aaaa) Tj ET /X Do");
    let form = stream(
        "/Type /XObject /Subtype /Form /BBox [0 0 600 800] /Resources << /XObject << /X 6 0 R >> /Font << /F1 5 0 R >> >>",
        "BT /F1 9 Tf (inside) Tj ET /X Do",
    );
    let text = "BT /F2 12 Tf 50 600 Td (aaaa) Tj ET\n";
    for (resources, content, more) in [
        ("/Font << /F1 5 0 R /F2 6 0 R >>", text, vec![self_font.to_owned()]),
        ("/Font << /F1 5 0 R /F2 6 0 R >>", text, vec![unicode.to_owned()]),
        ("/Font << /F1 5 0 R /F2 6 0 R >>", text, vec![glyph.to_owned(), draws]),
        ("/XObject << /X 6 0 R >>", "/X Do\n", vec![form]),
    ] {
        assert_read(&page(resources, &format!("{WORDS}{content}"), &more));
    }
}

#[test]
fn depth_is_no_danger() {
    let depth = 1_000_000;
    for (open, close) in [("q ", "Q "), ("[", "]"), ("<<", ">>"), ("<</A ", ">>"), ("(", ")")] {
        for close in ["", close] {
            let content = format!("{WORDS}{}{}", open.repeat(depth), close.repeat(depth));
            assert_read(&page("", &content, &[]));
        }
        if matches!(open, "[" | "<</A ") {
            let object = format!("{}{}", open.repeat(depth), close.repeat(depth));
            assert_read(&page("/ExtGState 6 0 R", WORDS, &[object]));
        }
    }
}
