//! Formats of text that programs write: notebooks, subtitles, calendars, contacts, markups, by name and by content.

use docent_core::{BlockKind, ParsedDocument, Parser};

fn parse(name: &str, bytes: &[u8]) -> ParsedDocument {
    super::without_pdfium().parse(name.as_ref(), bytes).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn each_is_known_by_name_or_content() {
    for (name, text, mime) in [
        ("a.rst", "A\n=\n\nText.\n", "text/x-rst"),
        ("a.org", "* A\nText.\n", "text/x-org"),
        ("a.adoc", "= A\n\nText.\n", "text/asciidoc"),
        ("a.asciidoc", "= A\n\nText.\n", "text/asciidoc"),
        ("a.tex", "\\section{A}\nText.\n", "text/x-tex"),
        (
            "a.ipynb",
            "{\"cells\": [{\"cell_type\": \"raw\", \"source\": \"Text.\"}]}",
            "application/x-ipynb+json",
        ),
        ("a.srt", "1\n00:00:01,000 --> 00:00:02,000\nText.\n", "application/x-subrip"),
        ("a.vtt", "WEBVTT\n\n00:01.000 --> 00:02.000\nText.\n", "text/vtt"),
        ("noname", "WEBVTT\n\n00:01.000 --> 00:02.000\nText.\n", "text/vtt"),
        ("noname", "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:Text.\nEND:VEVENT\n", "text/calendar"),
        ("a.ics", "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:Text.\nEND:VEVENT\n", "text/calendar"),
        ("a.vcf", "BEGIN:VCARD\nFN:Text.\nEND:VCARD\n", "text/vcard"),
        ("a.toml", "[a]\nx = \"Text.\"\n", "text/x-toml"),
        ("a.log", "2026-01-01 Text.\n", "text/plain"),
    ] {
        let document = parse(name, text.as_bytes());
        assert_eq!(document.mime, mime, "{name}");
        assert!(document.text.contains("Text."), "{name}: {}", document.text);
        let wide: Vec<u8> =
            std::iter::once(0xFEFFu16).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        assert!(parse(name, &wide).text.contains("Text."), "{name} in UTF-16");
    }
}

#[test]
fn subtitles_in_an_old_encoding() {
    let text = "1\n00:00:01,000 --> 00:00:02,000\n欢迎观看本次培训课程\n请大家注意安全\n";
    let document = parse("a.srt", &encoding_rs::GBK.encode(text).0);
    assert_eq!(document.text, "欢迎观看本次培训课程\n请大家注意安全\n");
}

#[test]
fn depth_and_number_are_no_danger() {
    let times = 100_000;
    for (name, part) in [
        ("a.ipynb", "{\"cells\":["),
        ("a.ipynb", "{\"cells\":[{\"outputs\":["),
        ("a.ics", "BEGIN:VEVENT\n"),
        ("a.ics", "SUMMARY:a\n b\n"),
        ("a.vcf", "BEGIN:VCARD\nN;"),
        ("a.srt", "00:01 --> 00:02\na<"),
        ("a.vtt", "WEBVTT 00:01 --> 00:02\n<v a>{\\"),
        ("a.rst", ".. a::\n\n  b\n"),
        ("a.rst", "a\n-\n"),
        ("a.org", "| a |\n|-"),
        ("a.adoc", "[[[\n|==="),
        ("a.tex", "\\title{\\section{"),
        ("a.toml", "[a]\n"),
    ] {
        let began = std::time::Instant::now();
        let _ = super::without_pdfium().parse(name.as_ref(), part.repeat(times).as_bytes());
        assert!(began.elapsed() < std::time::Duration::from_secs(60), "{name} {part:?}");
    }
}

#[test]
fn millions_of_cells_stay_small() {
    let cells =
        format!("{{\"cells\":[{}{{}}]}}", "{\"cell_type\":\"code\",\"source\":\"a\"},".repeat(300_000));
    let document = parse("a.ipynb", cells.as_bytes());
    assert!(document.blocks.iter().all(|block| block.kind == BlockKind::Code));
    let outputs = format!("{{\"cells\":[{{\"outputs\":[{}{{}}]}}]}}", "{\"text\":\"ab\"},".repeat(1_000_000));
    assert!(parse("a.ipynb", outputs.as_bytes()).text.len() < 10_000);
}
