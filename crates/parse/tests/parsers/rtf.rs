//! RTF files made here, sound ones and hostile ones.

use std::time::{Duration, Instant};

use docent_core::{BlockKind, ParseErrorKind, ParsedDocument, Parser};

fn read(text: &str) -> ParsedDocument {
    super::without_pdfium().parse("a.rtf".as_ref(), text.as_bytes()).unwrap()
}

fn blocks(document: &ParsedDocument) -> Vec<(BlockKind, u8, &str)> {
    document.blocks.iter().map(|block| (block.kind, block.level, document.block_text(block))).collect()
}

#[test]
fn headings_lists_and_what_is_left_out() {
    let document = read(
        r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\fswiss\fcharset0 Arial;}}{\colortbl;\red0\green0\blue255;}
{\stylesheet{\ql Normal;}{\s1\outlinelevel0 heading 1,h1;}{\*\cs10 Default;}{\s7 Heading 2;}}
{\info{\title Hand\'adbook}{\author Ann}{\*\company K}}{\*\generator X;}{\header\pard Kadeflow\par}{\footer\pard\chpgn\par}
{\pard\s1 Leave\par}\pard\s7\ls0 Annual\par
\pard\plain 30 days{\v  secret}{\deleted  gone} a year\emdash{\b bold}{\*\unknown {\b x}}.{\footnote\pard Unless agreed.\par}\line Ask {\field{\*\fldinst HYPERLINK http://x}{\fldrslt HR}}.\par
{\listtext\u8226?\tab}One\par\pard\ls3 Two\par\pard\bullet\tab Three\par
\pard{\pict\wmetafile8 {\*\blipuid 12}0102FF\bin5 }}}}}}{\object{\*\objdata 0102}{\result Shown}} \{\\\}\~x\_y\-z\par
{\shp{\*\shpinst\shpleft0{\sp{\sn a}{\sv b}}{\shptxt\pard In a box\par}}{\shprslt{\*\do{\dptxbxtext twice}}}}Around it{\xe index}\page
{\header\pard Kadeflow\par}\outlinelevel2 Third\par}
trailing {\b junk}",
    );
    assert_eq!((document.title.as_deref(), &*document.mime), (Some("Handbook"), "application/rtf"));
    assert_eq!(
        blocks(&document),
        [
            (BlockKind::Paragraph, 0, "Kadeflow"),
            (BlockKind::Heading, 1, "Leave"),
            (BlockKind::Heading, 2, "Annual"),
            (BlockKind::Paragraph, 0, "30 days a year\u{2014}bold.\nAsk HR."),
            (BlockKind::Paragraph, 0, "Unless agreed."),
            (BlockKind::ListItem, 0, "One"),
            (BlockKind::ListItem, 0, "Two"),
            (BlockKind::ListItem, 0, "\u{2022}\tThree"),
            (BlockKind::Paragraph, 0, r"Shown {\} x-yz"),
            (BlockKind::Paragraph, 0, "Around it"),
            (BlockKind::Paragraph, 0, "In a box"),
            (BlockKind::Heading, 3, "Third"),
        ]
    );
    assert!(document.blocks.iter().all(|block| block.location.page.is_none()));
}

#[test]
fn tables_with_headers_and_notes() {
    let document = read(
        r"{\rtf1 Before\par\trowd\trhdr\cellx1\cellx2\pard\intbl Kind\cell Days\par a year\cell\row
\trowd\cellx1\cellx2\pard\intbl Annual{\footnote See law.}\cell{\pard\intbl inner\nestcell{\*\nesttableprops\trowd\nestrow}{\nonesttables\par}}30\cell\row
\trowd\pard\intbl\cell\cell\row\pard After\par\trowd\pard\intbl alone\cell\row}",
    );
    assert_eq!(
        blocks(&document),
        [
            (BlockKind::Paragraph, 0, "Before"),
            (BlockKind::Table, 0, "Kind\tDays a year\nAnnual\tinner 30"),
            (BlockKind::Paragraph, 0, "See law."),
            (BlockKind::Paragraph, 0, "After"),
            (BlockKind::Paragraph, 0, "alone"),
        ]
    );
    assert_eq!(document.blocks[1].header, "Kind\tDays a year\n".len());
}

#[test]
fn characters_of_every_code_page() {
    let of = |body: &str| read(&format!(r"{{\rtf1\ansi{body}}}")).text;
    let fonts = r"{\fonttbl{\f0\fcharset0 A;}{\f1\fcharset134 B;}{\f2\fcharset128 C;}{\f3\fcharset204 D;}{\f4\fcharset2 Symbol;}}";
    assert_eq!(
        of(&format!(r"{fonts}\f0 caf\'e9 \f1\'c4\'e3\'ba\'c3 {{\f2\'83A}}\f3\'cf\'f0\'e8 \f4\'b7\f0 x")),
        "café 你好 アПри •x\n"
    );
    assert_eq!(of(r"\ansicpg936 \'c4\'e3\'ba\'c3"), "你好\n");
    assert_eq!(of(r"\ansicpg1250 za\'bf\'f3\'b3\'e6"), "zażółć\n");
    assert_eq!(of(r"\ansicpg950 \'bd\'d0\'b0\'b2"), "請假\n");
    assert_eq!(of(r"\pc caf\'82"), "café\n");
    assert_eq!(of(r"\mac caf\'8e"), "café\n");
    // Stand-ins: one, two, none, missing, words.
    assert_eq!(
        of(r"\u20320?\u-30131?x{\uc2\u20320\'c4\'e3\uc0\u22909}\u8212\emdash y\u8212\par z"),
        "你詍x你好—y—\nz\n"
    );
    assert_eq!(of(r"\u-10179?\u-8704?\u-10179?a\u-8704?b \u128512?"), "😀ab 😀\n");
    assert_eq!(of(" raw naïve — 你好"), "raw naïve — 你好\n");
    assert_eq!(of(r"{\upr{old \'3f}{\*\ud{new \u20320?}}}"), "new 你\n");
}

#[test]
fn sloppy_files_are_read_and_cut_ones_say_so() {
    assert_eq!(read(r"{\rtf1 words").text, "words\n");
    assert_eq!(read(r"{\rtf1 words\'zz\'4").text, "wordszz4\n");
    assert!(read(r"{\rtf1 words\par {\b more").text.starts_with("words\nmore\n[the file ends here"));
    assert_eq!(read(r"{\rtf1{\pict\bin99999999 abc}words}").text, "words\n");
    let of = |text: &str| super::without_pdfium().parse("a.rtf".as_ref(), text.as_bytes()).unwrap_err().kind;
    assert_eq!(of(r"{\rtf1{\fonttbl{\f0 Ari"), ParseErrorKind::Damaged);
    assert_eq!(of(r"{\rtf1\ansi }"), ParseErrorKind::Empty);
}

#[test]
fn hostile_files_end_soon() {
    let parsers = super::without_pdfium();
    for part in [
        "{",
        "{\\*\\x ",
        "{\\footnote a",
        "{\\upr{\\*\\ud ",
        "{\\shp{\\shptxt a",
        "{\\fonttbl\\f1",
        "{\\stylesheet{\\s1 heading 1;}",
        "\\cell ",
        "\\row ",
        "a\\cell\\row ",
        "\\par ",
        "a\\par ",
        "\\u1?",
        "\\uc99999999\\u-1",
        "\\bin99999999 ",
        "\\bin-1 ",
        "\\'",
        "\\'8",
        "\\'83",
        "\\",
        "}{",
        "\\aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa99999999999999999999999 ",
    ] {
        for head in ["{\\rtf1 ", "{\\rtf1\\ansicpg932\\intbl "] {
            let text = head.to_owned() + &part.repeat(100_000);
            let began = Instant::now();
            if let Err(error) = parsers.parse("a.rtf".as_ref(), text.as_bytes()) {
                assert_ne!(error.kind, ParseErrorKind::Crashed, "{part}: {error}");
            }
            println!("{part:?}: {:?}", began.elapsed());
            assert!(began.elapsed() < Duration::from_secs(60), "{part:?}");
        }
    }
    let deep = format!("{{\\rtf1 {}deep{}}}", "{\\b ".repeat(1_000_000), "}".repeat(1_000_000));
    assert_eq!(read(&deep).text, "deep\n");
}
