//! Scans of known texts, and pictures in every form.

use std::{collections::BTreeMap, path::Path, sync::OnceLock};

use docent_core::{BlockKind, ParseErrorKind, ParsedDocument, Parser};
use docent_ocr::OcrSpec;
use docent_parse::{PageEvent, ParseOptions, Parsers};
use unicode_normalization::UnicodeNormalization;

use super::{made::pdf, models, parsers, pdfium};

/// The share of wrong characters that a scan may have.
const MOST_WRONG: f64 = 0.03;

pub(super) fn ocr() -> OcrSpec {
    let (model, runtime) = (models().join("pp-ocrv6-small"), models().join("onnxruntime"));
    let library = std::fs::read_dir(runtime).unwrap().flatten().map(|entry| entry.path());
    let is_library = |path: &std::path::PathBuf| path.to_string_lossy().contains("libonnxruntime");
    OcrSpec {
        detector: model.join("PP-OCRv6_det_small.onnx"),
        recogniser: model.join("PP-OCRv6_rec_small.onnx"),
        runtime: library.into_iter().find(is_library).expect("`make models` gets ONNX Runtime"),
        threads: 0,
    }
}

fn with_ocr() -> &'static Parsers {
    static PARSERS: OnceLock<Parsers> = OnceLock::new();
    PARSERS.get_or_init(|| {
        Parsers::new(ParseOptions { pdfium: Some(pdfium()), ocr: Some(ocr()), ..ParseOptions::default() })
    })
}

fn file(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/scans");
    std::fs::read(folder.join(name)).unwrap()
}

fn read(name: &str, bytes: &[u8]) -> ParsedDocument {
    with_ocr().parse(Path::new(name), bytes).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What counts of a text: its characters in compatibility form, without blanks.
fn characters(text: &str) -> Vec<char> {
    text.nfkc().filter(|c| !c.is_whitespace()).collect()
}

/// The fewest characters to put in, take out or change (Levenshtein).
fn distance(one: &[char], other: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, c) in one.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (to, d) in other.iter().enumerate() {
            let cheapest = (row[to].min(row[to + 1]) + 1).min(diagonal + usize::from(c != d));
            diagonal = std::mem::replace(&mut row[to + 1], cheapest);
        }
    }
    row[other.len()]
}

#[test]
fn scans_of_known_texts_are_read() {
    let scans = [
        ("lease.pdf", "lease.txt"),
        ("lease-sideways.pdf", "lease.txt"),
        ("bulletin.pdf", "bulletin.txt"),
        ("receipt.jpg", "receipt.txt"),
        ("contract.pdf", "contract.txt"),
        ("notice.pdf", "notice.txt"),
    ];
    let mut rates = BTreeMap::new();
    for (scan, text) in scans {
        let document = read(scan, &file(scan));
        let (read, known) = (characters(&document.text), characters(&String::from_utf8(file(text)).unwrap()));
        rates.insert(scan, distance(&read, &known) as f64 / known.len() as f64);
    }
    for (scan, rate) in &rates {
        println!("{scan}: {:.2} % of the characters are wrong", rate * 100.0);
    }
    assert!(rates.values().all(|rate| *rate <= MOST_WRONG), "{rates:?}");
}

#[test]
fn lines_know_where_they_stand_and_words_are_joined_to_paragraphs() {
    let document = read("lease.pdf", &file("lease.pdf"));
    assert_eq!((document.pages, document.scanned, document.language.as_deref()), (Some(1), 0, Some("eng")));
    let block = |words: &str| {
        let found = document.blocks.iter().find(|block| document.block_text(block).contains(words));
        &found.unwrap_or_else(|| panic!("no block with {words}: {}", document.text)).location
    };
    let (top, bottom) = (block("LEASE OF THE WAREHOUSE"), block("shows the policy each January"));
    assert_eq!(top.page, Some(1));
    // The text begins 190 of 2,339 pixels from the top, 190 of 1,654 from the left.
    let [left, upper, right, lower] = top.area.unwrap();
    assert!((90..130).contains(&left) && (70..95).contains(&upper) && lower < 130 && right > 500, "{top:?}");
    assert!(bottom.area.unwrap()[3] > 400, "{bottom:?}");
    // Where the page lies on its side, the place is one on the page as it lies.
    let sideways = read("lease-sideways.pdf", &file("lease-sideways.pdf"));
    let first = &sideways.blocks[0].location;
    let [left, upper, right, lower] = first.area.unwrap();
    assert!(right - left < lower - upper && left < 130 && lower > 850, "{first:?}");
}

#[test]
fn without_ocr_scans_are_counted() {
    let count = |name: &str, bytes: &[u8]| {
        let document = parsers().parse(Path::new(name), bytes).unwrap();
        assert!(document.text.is_empty() && document.blocks.is_empty());
        document.scanned
    };
    assert_eq!(count("lease.pdf", &file("lease.pdf")), 1);
    assert_eq!(count("receipt.jpg", &file("receipt.jpg")), 1);
    // A page with a text of its own is none, a blank one neither.
    let own = parsers().parse("a.pdf".as_ref(), &pdf(&["Words of its own", ""]));
    let own = own.unwrap();
    assert_eq!((own.scanned, own.pages), (0, Some(2)));
    assert!(own.text.contains("Words of its own"));
}

#[test]
fn a_scan_that_a_message_brings_is_a_part_of_it() {
    let encoded = base64(&file("receipt.jpg"));
    let message = format!(
        "From: a@example.org\r\nTo: b@example.org\r\nSubject: Toner\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; \
         boundary=X\r\n\r\n--X\r\nContent-Type: text/plain\r\n\r\nThe slip is attached.\r\n--X\r\nContent-Type: image/jpeg\r\n\
         Content-Disposition: attachment; filename=slip.jpg\r\nContent-Transfer-Encoding: base64\r\n\r\n{encoded}\r\n--X--\r\n"
    );
    let first = parsers().parse("a.eml".as_ref(), message.as_bytes()).unwrap();
    assert_eq!(first.scanned, 1);
    assert!(first.text.contains("The slip is attached") && !first.text.contains("Stapler"));
    let document = read("a.eml", message.as_bytes());
    let slip = document.blocks.iter().find(|block| document.block_text(block).contains("Stapler")).unwrap();
    assert_eq!(slip.location.part.as_deref(), Some("slip.jpg"));
    assert_eq!(document.scanned, 0);
}

/// Base64 in lines of 76 characters (RFC 2045).
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for (group, bytes) in bytes.chunks(3).enumerate() {
        if group > 0 && group % 19 == 0 {
            out.push_str("\r\n");
        }
        let bits = bytes.iter().chain([&0, &0]).take(3).fold(0, |bits, byte| bits << 8 | u32::from(*byte));
        for at in 0..4 {
            let letter = char::from(LETTERS[(bits >> (18 - 6 * at)) as usize & 63]);
            out.push(if at <= bytes.len() { letter } else { '=' });
        }
    }
    out
}

/// A page that shows a picture, under a text layer.
fn covered(jpeg: &[u8], text: &str) -> Vec<u8> {
    let lines: String = text
        .lines()
        .enumerate()
        .map(|(at, line)| format!("1 0 0 1 20 {} Tm ({line}) Tj ", 700 - at * 14))
        .collect();
    let content = format!("q 500 0 0 470 40 300 cm /I Do Q BT 3 Tr /F1 9 Tf {lines} ET");
    let (width, height) =
        image::ImageReader::with_format(std::io::Cursor::new(jpeg), image::ImageFormat::Jpeg)
            .into_dimensions()
            .unwrap();
    let mut file = b"%PDF-1.4\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n\
        2 0 obj\n<</Type/Pages/Kids[4 0 R]/Count 1>>\nendobj\n\
        3 0 obj\n<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>\nendobj\n\
        4 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 5 0 R\
        /Resources<</Font<</F1 3 0 R>>/XObject<</I 6 0 R>>>>>>\nendobj\n"
        .to_vec();
    file.extend(
        format!("5 0 obj\n<</Length {}>>stream\n{content}\nendstream\nendobj\n", content.len()).bytes(),
    );
    let head = format!(
        "6 0 obj\n<</Type/XObject/Subtype/Image/Width {width}/Height {height}/ColorSpace/DeviceGray/BitsPerComponent 8\
         /Filter/DCTDecode/Length {}>>stream\n",
        jpeg.len()
    );
    file.extend(head.bytes());
    file.extend(jpeg);
    file.extend(b"\nendstream\nendobj\ntrailer<</Root 1 0 R/Size 7>>\n%%EOF\n");
    file
}

/// As a font shows whose codes are no characters: each letter is 29 codes too low.
fn shifted(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_lowercase() { char::from(c as u8 - 29) } else { c }).collect()
}

#[test]
fn a_text_layer_that_says_nothing_gives_way_to_what_is_seen() {
    let slip = file("receipt.jpg");
    let words = "the seal of the pump is changed every two thousand hours and the oil is drained first\n\
                 then the screws are tightened in turn until the gauge shows the pressure of the table";
    let garbage = covered(&slip, &shifted(words));
    let first = parsers().parse("a.pdf".as_ref(), &garbage).unwrap();
    assert_eq!(first.scanned, 1, "{}", first.text);
    let document = read("a.pdf", &garbage);
    assert!(
        document.text.contains("Stapler heavy duty") && !document.text.contains("VHDO"),
        "{}",
        document.text
    );
    // What says something stays, whatever the picture shows.
    let sound = read("a.pdf", &covered(&slip, words));
    assert!(sound.text.contains("the seal of the pump") && sound.scanned == 0, "{}", sound.text);
    // A page number on a scan is no text layer.
    let stamped = read("a.pdf", &covered(&slip, "Page 3 of 9"));
    assert!(stamped.text.contains("Stapler heavy duty"), "{}", stamped.text);
}

/// A PDF of one page with `lines`, whose font may say that each code but the blank stands for another character.
fn lettered(lines: &[&str], is_misnamed: bool) -> Vec<u8> {
    let lines: String = lines
        .iter()
        .enumerate()
        .map(|(at, line)| format!("1 0 0 1 50 {} Tm ({line}) Tj ", 700 - at * 20))
        .collect();
    let content = format!("BT /F1 12 Tf {lines} ET");
    let to_unicode = if is_misnamed { "/ToUnicode 6 0 R" } else { "" };
    let map = "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def \
               1 begincodespacerange <00> <FF> endcodespacerange 1 beginbfchar <20> <0020> endbfchar \
               1 beginbfrange <21> <7E> <0004> endbfrange endcmap end end";
    let objects = [
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        "<</Type/Pages/Kids[4 0 R]/Count 1>>".to_owned(),
        format!("<</Type/Font/Subtype/Type1/BaseFont/Helvetica{to_unicode}>>"),
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 3 0 R>>>>/Contents 5 0 R>>"
            .to_owned(),
        format!("<</Length {}>>stream\n{content}\nendstream", content.len()),
        format!("<</Length {}>>stream\n{map}\nendstream", map.len()),
    ];
    let mut file = "%PDF-1.4\n".to_owned();
    for (n, object) in objects.iter().enumerate() {
        file += &format!("{} 0 obj\n{object}\nendobj\n", n + 1);
    }
    (file + "trailer<</Root 1 0 R/Size 7>>\n%%EOF\n").into_bytes()
}

#[test]
fn a_font_whose_codes_are_no_characters_is_read_as_it_looks() {
    let words = "the seal of the pump is changed every two thousand hours and the oil is drained first";
    let page = lettered(&[words; 4], true);
    let first = parsers().parse("a.pdf".as_ref(), &page).unwrap();
    assert!(first.scanned == 1 && !first.text.contains("pump"), "{}", first.text);
    let document = read("a.pdf", &page);
    assert_eq!(document.text.matches("two thousand hours").count(), 4, "{}", document.text);
}

/// Part numbers have few vowels.
#[test]
fn a_text_layer_that_says_what_is_seen_stays() {
    let page = lettered(&["TNR BLCK PPR XTR STPLR HVY DTY RCPT VT GB BX LVR FL SLP TTL NT"; 3], false);
    assert_eq!(parsers().parse("a.pdf".as_ref(), &page).unwrap().scanned, 1, "suspected");
    let document = read("a.pdf", &page);
    assert!(document.text.contains("STPLR HVY"), "{}", document.text);
    assert!(document.blocks.iter().all(|block| block.location.area.is_none()), "read by OCR: {document:?}");
}

#[test]
fn pictures_in_every_form_are_read() {
    for name in ["fax.tif", "colours.tif", "screen.png", "screen.webp", "screen.gif", "screen.bmp"] {
        let document = read(name, &file(name));
        assert!(document.text.contains("Valve 7 opens at 3.5 bar"), "{name}: {}", document.text);
        assert!(document.mime.starts_with("image/"));
        if name == "fax.tif" {
            assert_eq!(document.pages, Some(2));
            let second = document.blocks.iter().find(|block| document.block_text(block).contains("page two"));
            assert_eq!(second.unwrap().location.page, Some(2));
        }
    }
}

#[test]
fn pictures_that_cannot_be_read_say_why() {
    let refused = |bytes: &[u8]| with_ocr().parse("a.png".as_ref(), bytes).unwrap_err();
    let screen = file("screen.png");
    let cut = refused(&screen[..screen.len() / 2]);
    assert_eq!(cut.kind, ParseErrorKind::Damaged, "{cut}");
    // What a PNG's head says, with the sum that belongs to it.
    let sized = |width: u32, height: u32| {
        let mut bytes = screen.clone();
        bytes[16..20].copy_from_slice(&width.to_be_bytes());
        bytes[20..24].copy_from_slice(&height.to_be_bytes());
        let mut sum = flate2::Crc::new();
        sum.update(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&sum.sum().to_be_bytes());
        refused(&bytes).kind
    };
    assert_eq!(sized(100_000, 100_000), ParseErrorKind::TooLarge);
    assert_eq!(sized(16, 16), ParseErrorKind::Unsupported, "an icon");
}

#[test]
fn what_was_read_before_is_not_read_again() {
    use std::sync::{Arc, Mutex};
    let told = Arc::new(Mutex::new(Vec::new()));
    let keep = told.clone();
    let options = ParseOptions { pdfium: Some(pdfium()), ocr: Some(ocr()), ..ParseOptions::default() };
    let parsers = Parsers::telling(
        options,
        Box::new(move |event| {
            if let PageEvent::Read(page) = event {
                keep.lock().unwrap().push(page);
            }
        }),
    );
    let fax = file("fax.tif");
    let whole = parsers.parse_with("fax.tif".as_ref(), &fax, &[]).unwrap();
    let pages = std::mem::take(&mut *told.lock().unwrap());
    assert_eq!(pages.iter().map(|page| page.number).collect::<Vec<_>>(), [0, 1]);
    let again = parsers.parse_with("fax.tif".as_ref(), &fax, &pages[..1]).unwrap();
    assert_eq!(again, whole);
    assert_eq!(told.lock().unwrap().iter().map(|page| page.number).collect::<Vec<_>>(), [1]);
    assert!(again.blocks.iter().all(|block| block.kind != BlockKind::Table));
}
