//! Mailboxes and saved pages made here.

use docent_core::{ParsedDocument, Parser};

fn parse(name: &str, bytes: &[u8]) -> ParsedDocument {
    super::without_pdfium().parse(name.as_ref(), bytes).unwrap()
}

/// Each block, its part, and the heading above it.
fn blocks(document: &ParsedDocument) -> Vec<(&str, Option<&str>, Vec<&str>)> {
    document
        .blocks
        .iter()
        .map(|block| {
            let heading = block.location.heading.iter().map(String::as_str).collect();
            (document.block_text(block), block.location.part.as_deref(), heading)
        })
        .collect()
}

#[test]
fn every_message_of_a_mailbox_is_a_part_of_its_own() {
    let mailbox = "From a@b.c Thu Jan  1 00:00:00 2026\nFrom: a@b.c\nSubject: One\n\nFrom what I hear:\n\n>From now on.\n\n\
        From a@b.c Thu Jan  1 00:00:00 2026\nX-Nothing: x\n\n\
        From a@b.c Thu Jan  1 00:00:00 2026\nFrom: d@e.f\nSubject: Three\nContent-Type: multipart/mixed; boundary=x\n\n\
        --x\n\nBody.\n--x\nContent-Type: text/plain\nContent-Disposition: attachment; filename=report.txt\n\nThe report.\n\
        --x\nContent-Type: message/rfc822\nContent-Disposition: attachment; filename=old.eml\n\nSubject: Old\n\nOnce.\n--x--\n";
    let document = parse("a.mbox", mailbox.as_bytes());
    assert_eq!(document.title, None);
    let (first, third) = (Some("message 1"), Some("message 3"));
    assert_eq!(
        blocks(&document),
        [
            ("One", first, vec!["One"]),
            ("From: a@b.c", first, vec!["One"]),
            ("From what I hear:", first, vec!["One"]),
            ("From now on.", first, vec!["One"]),
            ("Three", third, vec!["Three"]),
            ("From: d@e.f", third, vec!["Three"]),
            ("Body.", third, vec!["Three"]),
            ("The report.", Some("message 3/report.txt"), vec![]),
            ("Old", Some("message 3/old.eml"), vec!["Old"]),
            ("Once.", Some("message 3/old.eml"), vec!["Old"]),
        ]
    );
}

#[test]
fn a_mailbox_full_of_marks_takes_no_longer_than_its_bytes() {
    for part in ["From ", "From a 10:10 2026", ">From ", "\n\n", "From a 10:10 2026\nA: b\n\n"] {
        let _ = super::without_pdfium().parse("a.mbox".as_ref(), part.repeat(100_000).as_bytes());
    }
}

fn saved(root: &[u8], head: &str) -> Vec<u8> {
    let start = format!(
        "From: <Saved by Blink>\r\nSnapshot-Content-Location: https://example.org/a.html\r\nSubject: Saved\r\n\
         Date: Thu, 1 Jan 2026 00:00:00 -0000\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related;\r\n\ttype=\"text/html\";\r\n\tboundary=\"x\"\r\n\r\n\
         --x\r\nContent-Type: text/html\r\nContent-Location: https://example.org/a.html\r\n{head}\r\n"
    );
    let rest = "\r\n--x\r\nContent-Type: text/css\r\nContent-Location: cid:css@mhtml.blink\r\n\r\n.menu { color: red }\r\n\
                --x\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n\
                --x\r\nContent-Type: text/html; charset=utf-8\r\nContent-Location: https://example.org/frames/side.html?a=b\r\n\r\n<p>In a frame</p>\r\n--x--\r\n";
    [start.as_bytes(), root, rest.as_bytes()].concat()
}

#[test]
fn a_saved_page_is_read_as_the_page() {
    let gbk =
        encoding_rs::GBK.encode("<html><meta charset=gbk><title>合同</title><h1>合同编号</h1><p>见附件。").0;
    let quoted: String = gbk
        .iter()
        .map(|byte| {
            if byte.is_ascii() && *byte != b'=' {
                char::from(*byte).to_string()
            } else {
                format!("={byte:02X}")
            }
        })
        .collect();
    let files = [
        saved(&gbk, "Content-Transfer-Encoding: binary\r\n"),
        saved(quoted.as_bytes(), "Content-Transfer-Encoding: quoted-printable\r\n"),
    ];
    for file in files {
        let document = parse("a.mhtml", &file);
        assert_eq!(document.title.as_deref(), Some("合同"));
        assert_eq!(
            blocks(&document),
            [
                ("合同编号", Some("body"), vec!["合同编号"]),
                ("见附件。", Some("body"), vec!["合同编号"]),
                ("In a frame", Some("side.html"), vec![]),
            ]
        );
    }
    // A word processor names nobody.
    let word = "MIME-Version: 1.0\nContent-Type: multipart/related; boundary=x\n\n--x\nContent-Type: text/html; charset=us-ascii\n\n<p>Caf&eacute;\n--x--\n";
    assert_eq!(parse("a.mht", word.as_bytes()).text, "Café\n");
}

#[test]
fn mail_without_a_character_set_is_decoded_by_what_it_is() {
    let gbk = |text: &str| encoding_rs::GBK.encode(text).0.into_owned();
    let mail = [
        b"From: a@b.c\nTo: d@e.f\nSubject: x\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain\n\n".to_vec(),
        gbk("请假制度说明，年假三十天。\n--x\n"),
        b"Content-Type: text/csv\nContent-Disposition: attachment; filename=a.csv\n\n".to_vec(),
        gbk("部件号,产品名称\n一,机械密封\n--x\n"),
        b"Content-Type: text/html; charset=gbk\nContent-Disposition: attachment; filename=a.html\n\n".to_vec(),
        gbk("<meta charset=gbk><p>在职员工\n--x--\n"),
    ]
    .concat();
    let document = parse("a.eml", &mail);
    for words in ["请假制度说明，年假三十天。", "一,机械密封", "在职员工"] {
        assert!(document.text.contains(words), "{}", document.text);
    }
}

/// An encoded message is read; the messages inside it do not each take all of its bytes.
#[test]
fn encoded_messages_inside_a_message() {
    let encoded = |text: &str| -> String {
        text.bytes()
            .map(|byte| format!("={byte:02X}"))
            .collect::<Vec<_>>()
            .chunks(20)
            .map(|line| line.concat() + "=\n")
            .collect()
    };
    let around = |inner: &str| {
        format!(
            "From: a@b.c\nTo: d@e.f\nSubject: Outer\nContent-Type: multipart/mixed; boundary=o\n\n--o\n\nSee below.\n--o\n\
             Content-Type: message/rfc822\nContent-Disposition: attachment; filename=a.eml\nContent-Transfer-Encoding: quoted-printable\n\n{}\n--o--\n",
            encoded(inner)
        )
    };
    let document = parse("a.eml", around("From: f@g.h\nTo: i@j.k\nSubject: Inner\n\nInside.\n").as_bytes());
    let found = blocks(&document);
    assert_eq!(found.last().unwrap(), &("Inside.", Some("a.eml"), vec!["Inner"]), "{found:?}");
    let many = format!(
        "Subject: Many\nContent-Type: multipart/mixed; boundary=i\n\n{}--i--\n",
        "--i\nContent-Type: message/rfc822\n\nA: b\n\nx\n".repeat(20_000)
    );
    let document = parse("a.eml", around(&many).as_bytes());
    assert!(document.text.contains("Many"), "{}", &document.text[..200]);
}
