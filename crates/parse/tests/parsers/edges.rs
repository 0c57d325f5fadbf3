//! What is beyond the edge of a page, and parts that never end.

use docent_core::Parser;

#[test]
fn what_is_cut_off_a_page_is_no_text_of_it() {
    let text = "BT /F 12 Tf 20 100 Td (This is shown.) Tj 230 0 Td (This is the next page.) Tj ET";
    let pdf = format!(
        "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n\
         2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n\
         3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 400 200]/CropBox[0 0 200 200]/Contents 4 0 R\
         /Resources<</Font<</F 5 0 R>>>>>>endobj\n\
         4 0 obj<</Length {}>>stream\n{text}\nendstream endobj\n\
         5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n",
        text.len() + 1
    );
    let parse = |pdf: &str| super::parsers().parse("a.pdf".as_ref(), pdf.as_bytes()).unwrap().text;
    assert_eq!(parse(&pdf), "This is shown.\n");
    let whole = parse(&pdf.replace("/CropBox[0 0 200 200]", ""));
    assert!(whole.contains("shown") && whole.contains("the next page"), "{whole}");
}

#[test]
fn a_message_that_is_never_closed_is_unpacked_all_the_same() {
    let message = |body: &str| {
        format!(
            "From: a@b.org\nSubject: S\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n\
             --x\nContent-Type: text/plain\n\nFirst part.\n\n--x\n{body}"
        )
    };
    let parse =
        |body: &str| super::without_pdfium().parse("a.eml".as_ref(), message(body).as_bytes()).unwrap().text;
    // "Words that were packed, in an attachment", and a picture.
    let packed = "V29yZHMgdGhhdCB3ZXJlIHBhY2tlZCwg\naW4gYW4gYXR0YWNobWVudA==\n";
    let note = "Content-Type: text/plain; name=n.txt\nContent-Disposition: attachment; filename=n.txt\n\
                Content-Transfer-Encoding: base64\n\n";
    let text = parse(&format!("{note}{packed}"));
    assert!(text.contains("Words that were packed, in an attachment"), "{text}");
    let picture = "Content-Type: image/jpeg; name=p.jpeg\nContent-Transfer-Encoding: base64\n\n\
                   /9j/4AAQSkZJRgABAQEASABIAAD//gATQ3JlYXRlZCB3aXRoIEdJTVD/2wBDAAMCAgMCAgMDAwME\n";
    let text = parse(picture);
    assert!(text.contains("First part.") && !text.contains("AAQSkZJRg"), "{text}");
    // What only claims to be packed is text.
    let text = parse(&format!("{note}Plain words, unpacked: all the same.\n"));
    assert!(text.contains("Plain words, unpacked"), "{text}");
}
