//! What the parser makes of single files.

use serde_json::Value;

use crate::home::{Home, examples, shown};

/// In GB18030: the pumps of this company come with three years of warranty, wear parts excepted; faults are to be
/// reported within fourteen days.
const GB18030: &[u8] = b"\xb1\xbe\xb9\xab\xcb\xbe\xc9\xfa\xb2\xfa\xb5\xc4\xc0\xeb\xd0\xc4\xb1\xc3\xd7\xd4\xbd\xbb\
\xbb\xf5\xd6\xae\xc8\xd5\xc6\xf0\xcf\xed\xca\xdc\xc8\xfd\xc4\xea\xb1\xa3\xd0\xde\xb7\xfe\xce\xf1\xa1\xa3\xb1\xa3\
\xd0\xde\xb7\xb6\xce\xa7\xb0\xfc\xc0\xa8\xb1\xc3\xcc\xe5\xa1\xa2\xd2\xb6\xc2\xd6\xba\xcd\xb5\xe7\xbb\xfa\xb5\xc4\
\xb2\xc4\xc1\xcf\xc8\xb1\xcf\xdd\xa3\xac\xb2\xbb\xb0\xfc\xc0\xa8\xbb\xfa\xd0\xb5\xc3\xdc\xb7\xe2\xb5\xc8\xd2\xd7\
\xcb\xf0\xbc\xfe\xa1\xa3\xbf\xcd\xbb\xa7\xd3\xa6\xb5\xb1\xd4\xda\xb7\xa2\xcf\xd6\xb9\xca\xd5\xcf\xba\xf3\xca\xae\
\xcb\xc4\xcc\xec\xc4\xda\xca\xe9\xc3\xe6\xcd\xa8\xd6\xaa\xca\xdb\xba\xf3\xb7\xfe\xce\xf1\xb2\xbf\xc3\xc5\xa1\xa3";

/// Text and blocks of a file; what each block and location says has to hold.
#[track_caller]
fn extract(home: &Home, path: &str) -> Value {
    let document = home.json(&["extract", path]);
    assert_eq!(document["path"], path);
    let text: Vec<char> = document["text"].as_str().unwrap().chars().collect();
    let blocks = document["blocks"].as_array().unwrap();
    assert!(!blocks.is_empty(), "{document}");
    for block in blocks {
        assert!(block["kind"].is_string(), "{block}");
        let chars = &block["location"]["chars"];
        let range = chars[0].as_u64().unwrap() as usize..chars[1].as_u64().unwrap() as usize;
        assert_eq!(block["text"], text[range].iter().collect::<String>(), "{block}");
    }
    document
}

#[test]
fn every_common_kind_of_file_is_read() {
    let home = Home::new();
    let markdown =
        home.write("a.md", "# Title\n\nA *paragraph*.\n\n## Table\n\n| a | b |\n| - | - |\n| 1 | 2 |\n");
    let document = extract(&home, &shown(&markdown));
    assert_eq!((&document["mime"], &document["title"]), (&"text/markdown".into(), &"Title".into()));
    assert!(
        document["blocks"].as_array().unwrap().iter().any(|block| block["kind"] == "table"),
        "{document}"
    );

    let legacy = home.write("warranty.txt", GB18030);
    let document = extract(&home, &shown(&legacy));
    assert!(document["text"].as_str().unwrap().contains("享受三年保修服务"), "{document}");
    assert_eq!(document["language"], "cmn", "{document}");

    let table = home.write("parts.csv", "part,price\nKS-40,\"1,280\"\nKG-8,3200\n");
    let document = extract(&home, &shown(&table));
    assert!(document["text"].as_str().unwrap().contains("KS-40"), "{document}");

    let page = home.write(
        "page.html",
        "<html><head><title>VPN</title><style>p{}</style></head><body><h1>Set up</h1><p>Use port&nbsp;8443 &amp; \
         wait.</p><script>alert(1)</script></body></html>",
    );
    let document = extract(&home, &shown(&page));
    let text = document["text"].as_str().unwrap();
    assert!(text.contains("8443") && text.contains("& wait"), "{document}");
    assert!(!text.contains("alert") && !text.contains("p{}"), "{document}");
    assert_eq!(document["title"], "VPN");

    let mail = home.write(
        "mail.eml",
        "From: Ann <ann@example.org>\r\nTo: bob@example.org\r\nSubject: =?utf-8?b?5oqV6K+J?=\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\n\r\nThe valve of line 3 leaks.\r\n",
    );
    let document = extract(&home, &shown(&mail));
    assert_eq!(document["mime"], "message/rfc822");
    assert!(document["text"].as_str().unwrap().contains("The valve of line 3 leaks."), "{document}");
    assert!(document["title"].as_str().unwrap().contains("投诉"), "{document}");
}

#[test]
fn office_files_and_pdf_of_the_examples_are_read() {
    let home = Home::new();
    let corpus = examples().join("corpus");
    let cases = [
        ("products/ax-200/service-manual.pdf", "65 Nm", "page"),
        ("products/price-list-2026.xlsx", "AX-200", "cells"),
        ("hr/suzhou/员工手册.docx", "年假", "heading"),
        ("sales/board-update-q3-2026.pptx", "AX-500", "slide"),
        ("quality/incidents/质量事故报告-2026-07.pdf", "质量", "page"),
    ];
    for (name, phrase, place) in cases {
        let document = extract(&home, &shown(&corpus.join(name)));
        assert!(document["text"].as_str().unwrap().contains(phrase), "{phrase} is not in {name}: {document}");
        let blocks = document["blocks"].as_array().unwrap();
        let placed = blocks.iter().any(|block| !block["location"][place].is_null());
        assert!(placed, "no block of {name} has a {place}: {document}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_said_so() {
    let home = Home::new();
    for (name, bytes) in [
        ("broken.pdf", &b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog"[..]),
        ("broken.docx", &b"PK\x03\x04 this is no archive"[..]),
        ("noise.txt", &[0, 159, 146, 150, 0, 1, 2, 3, 255, 254, 0, 7].repeat(40)[..]),
    ] {
        let path = shown(&home.write(name, bytes));
        let report = home.json_ending(1, &["extract", &path]);
        assert_eq!(report["path"], path, "{report}");
        assert!(report["error"]["kind"].is_string() && report["error"]["message"].is_string(), "{report}");
        let output = home.docent(&["extract", &path]);
        assert_eq!((output.code, output.stdout.as_str()), (Some(1), ""), "{output:?}");
        assert!(output.stderr.contains(&path), "{output:?}");
    }
    let missing = shown(&home.docs().join("missing.pdf"));
    let error = home.json_ending(1, &["extract", &missing]);
    assert_eq!(error["error"]["kind"], "not_found", "{error}");
    // Reading these would block, or never end.
    for path in [shown(&home.docs()), "/dev/zero".into()] {
        let report = home.json_ending(1, &["extract", &path]);
        assert_eq!(
            (&report["path"], &report["error"]["kind"]),
            (&path.into(), &"unsupported".into()),
            "{report}"
        );
    }
}
