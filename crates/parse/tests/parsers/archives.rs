//! Archives made here: what their members give, and what they may not do.

use std::io::{Cursor, Write};

use docent_core::{ParseError, ParseErrorKind, ParsedDocument, Parser};
use docent_parse::{ParseOptions, Parsers};
use flate2::{Compression, GzBuilder, write::GzEncoder};
use sevenz_rust2::{ArchiveEntry, ArchiveWriter, EncoderConfiguration, EncoderMethod, SourceReader};
use zip::{ZipWriter, write::SimpleFileOptions};

use super::made::docx;

/// A zip of `members`.
pub(super) fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A tar of `members`.
fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, *bytes).unwrap();
    }
    tar.into_inner().unwrap()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

/// A 7z of `members`, all in one block of each of `methods`.
fn seven(members: &[(&str, &[u8])], methods: &[EncoderMethod]) -> Vec<u8> {
    let mut seven = ArchiveWriter::new(Cursor::new(Vec::new())).unwrap();
    seven.set_content_methods(methods.iter().map(|method| EncoderConfiguration::new(*method)).collect());
    let entries = members.iter().map(|(name, _)| ArchiveEntry::new_file(name)).collect();
    let sources = members.iter().map(|(_, bytes)| SourceReader::new(*bytes)).collect();
    seven.push_archive_entries(entries, sources).unwrap();
    seven.finish().unwrap().into_inner()
}

fn parse(name: &str, bytes: &[u8]) -> Result<ParsedDocument, ParseError> {
    super::without_pdfium().parse(name.as_ref(), bytes)
}

/// Each block's text and part.
fn parts(document: &ParsedDocument) -> Vec<(&str, &str)> {
    document
        .blocks
        .iter()
        .map(|block| (document.block_text(block), block.location.part.as_deref().unwrap_or_default()))
        .collect()
}

#[test]
fn members_are_parts() {
    let word = docx("<w:p><w:r><w:t>Words in Word</w:t></w:r></w:p>");
    let inner = zip(&[("notes/b.md", b"# B\n\nInner.\n")]);
    let members: [(&str, &[u8]); 7] = [
        ("docs/", b""),
        ("docs/a.md", b"# A\n\nOuter.\n"),
        ("docs/word.docx", &word),
        ("logo.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
        ("inner.zip", &inner),
        ("__MACOSX/docs/._a.pdf", b"\0\x05\x16\x07"),
        ("合同.txt", "第一条".as_bytes()),
    ];
    let expected = [
        ("# A", "docs/a.md"),
        ("Outer.", "docs/a.md"),
        ("Words in Word", "docs/word.docx"),
        ("# B", "inner.zip/notes/b.md"),
        ("Inner.", "inner.zip/notes/b.md"),
        ("第一条", "合同.txt"),
    ];
    let packed = zip(&members[1..]);
    let solid = seven(&members[1..], &[EncoderMethod::LZMA2]);
    let filtered = seven(&members[1..], &[EncoderMethod::BCJ_X86_FILTER, EncoderMethod::LZMA]);
    let (taped, both) = (tar(&members[1..]), gzip(&tar(&members[1..])));
    for (name, bytes, mime) in [
        ("a.zip", &packed, "application/zip"),
        ("noname", &packed, "application/zip"),
        ("a.tar", &taped, "application/x-tar"),
        ("a.7z", &solid, "application/x-7z-compressed"),
        ("b.7z", &filtered, "application/x-7z-compressed"),
        ("a.tgz", &both, "application/gzip"),
        ("a.tar.gz", &both, "application/gzip"),
    ] {
        let document = parse(name, bytes).unwrap();
        assert_eq!((parts(&document), document.mime.as_str()), (expected.to_vec(), mime), "{name}");
        assert_eq!(document.blocks[1].location.heading, ["A"]);
        assert_eq!(document.blocks[1].location.lines, Some([3, 3]));
    }
    let closed = Parsers::new(ParseOptions { archives: false, ..ParseOptions::default() });
    assert_eq!(closed.parse("a.zip".as_ref(), &packed).unwrap_err().kind, ParseErrorKind::Unsupported);
}

#[test]
fn an_archive_that_a_message_brings() {
    let encoded: String = gzip(&tar(&[("docs/a.txt", b"Words inside.")]))
        .iter()
        .map(|byte| format!("={byte:02X}"))
        .collect::<Vec<_>>()
        .chunks(20)
        .map(|line| line.concat() + "=\r\n")
        .collect();
    let mail = format!(
        "From: ann@example.org\r\nSubject: Files\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\
         Content-Type: application/gzip\r\nContent-Transfer-Encoding: quoted-printable\r\n\
         Content-Disposition: attachment; filename=files.tgz\r\n\r\n{encoded}\r\n--x--\r\n"
    );
    let document = parse("a.eml", mail.as_bytes()).unwrap();
    assert_eq!(parts(&document).last(), Some(&("Words inside.", "files.tgz/docs/a.txt")));
}

#[test]
fn one_file_packed_by_gzip() {
    let document = parse("notes.md.gz", &gzip(b"# Plan\n\nDo it.\n")).unwrap();
    assert_eq!(parts(&document), [("# Plan", "notes.md"), ("Do it.", "notes.md")]);
    assert_eq!(document.title.as_deref(), Some("Plan"));
    let mut named = GzBuilder::new().filename("真.csv").write(Vec::new(), Compression::fast());
    named.write_all(b"a,b\n1,2\n").unwrap();
    let mut named = named.finish().unwrap();
    // Two streams are one file; padding behind them is nothing.
    named.extend(gzip(b"3,4\n"));
    named.extend([0; 100]);
    let document = parse("x.gz", &named).unwrap();
    assert_eq!(parts(&document), [("a,b\n1,2\n3,4", "真.csv")]);
    let whole = gzip(&b"words that are here\n".repeat(1000));
    let cut = parse("a.txt.gz", &whole[..whole.len() - 20]).unwrap_err();
    assert_eq!(cut.kind, ParseErrorKind::Damaged, "{cut}");
    assert_eq!(
        parse("a.png.gz", &gzip(b"\x89PNG\r\n\x1a\n\0\0")).unwrap_err().kind,
        ParseErrorKind::Unsupported
    );
}

#[test]
fn names_of_other_computers() {
    // Packed under names of the same length, which are put in afterwards without a mark for UTF-8.
    for (encoding, names) in [
        (encoding_rs::GBK, ["采购合同.txt", "会议记录.txt"]),
        (encoding_rs::SHIFT_JIS, ["議事録の写し.txt", "資料について.txt"]),
    ] {
        let raw: Vec<Vec<u8>> = names.iter().map(|name| encoding.encode(name).0.into_owned()).collect();
        let stand_ins: Vec<String> =
            raw.iter().enumerate().map(|(n, name)| n.to_string().repeat(name.len())).collect();
        let mut bytes = zip(&[(&stand_ins[0], b"one"), (&stand_ins[1], b"two")]);
        for (stand_in, name) in stand_ins.iter().zip(&raw) {
            while let Some(at) = bytes.windows(name.len()).position(|window| window == stand_in.as_bytes()) {
                bytes[at..at + name.len()].copy_from_slice(name);
            }
        }
        let document = parse("a.zip", &bytes).unwrap();
        assert_eq!(parts(&document), [("one", names[0]), ("two", names[1])]);
    }
}

/// Sets the flag of encryption of every member but the first `keep`.
fn lock(mut bytes: Vec<u8>, keep: usize) -> Vec<u8> {
    for (mark, flag) in [(b"PK\x03\x04", 6), (b"PK\x01\x02", 8)] {
        let places: Vec<usize> =
            (0..bytes.len() - 4).filter(|at| &bytes[*at..*at + 4] == mark).skip(keep).collect();
        for at in places {
            bytes[at + flag] |= 1;
        }
    }
    bytes
}

#[test]
fn what_needs_a_password_is_named() {
    let packed = zip(&[("a.txt", b"open"), ("b.txt", b"closed")]);
    let document = parse("a.zip", &lock(packed.clone(), 1)).unwrap();
    assert_eq!(
        parts(&document),
        [("open", "a.txt"), ("[member b.txt was not read: encrypted: a password is needed]", "b.txt")]
    );
    assert_eq!(parse("a.zip", &lock(packed, 0)).unwrap_err().kind, ParseErrorKind::Encrypted);
}

#[test]
fn members_that_cannot_be_read_are_named() {
    let document =
        parse("a.zip", &zip(&[("bad.docx", b"no container"), ("ok.txt", b"fine"), ("e.txt", b"")])).unwrap();
    let found = parts(&document);
    assert_eq!(found.len(), 2, "an empty file is nothing: {found:?}");
    assert!(found[0].0.starts_with("[member bad.docx was not read: not a .docx file"), "{found:?}");
    let only = parse("a.zip", &zip(&[("bad.docx", b"no container")])).unwrap_err();
    assert_eq!(only.kind, ParseErrorKind::Damaged);
    assert!(only.reason.contains("bad.docx"), "{only}");
    assert!(parse("a.zip", &zip(&[])).unwrap_err().kind.is_skip());
    assert!(parse("a.zip", &zip(&[("a.gif", b"GIF89a\x01")])).unwrap_err().kind.is_skip());
    let packed = zip(&[("a.txt", &b"words that are here ".repeat(500))]);
    assert_eq!(parse("a.zip", &packed[..packed.len() / 2]).unwrap_err().kind, ParseErrorKind::Damaged);
}

#[test]
fn archives_are_opened_to_a_depth() {
    let mut bytes = b"deep".to_vec();
    let mut name = "a.txt".to_owned();
    for depth in 0..10 {
        bytes = zip(&[(&name, &bytes), ("b.txt", format!("level {depth}").as_bytes())]);
        name = format!("{depth}.zip");
    }
    let document = parse("a.zip", &bytes).unwrap();
    let found = parts(&document);
    assert_eq!(
        found,
        [
            (
                "[member 6.zip was not read: an archive inside archives inside an archive: not opened]",
                "8.zip/7.zip/6.zip"
            ),
            ("level 7", "8.zip/7.zip/b.txt"),
            ("level 8", "8.zip/b.txt"),
            ("level 9", "b.txt"),
        ]
    );
}

#[test]
fn bombs_are_refused_and_named() {
    let parsers = Parsers::new(ParseOptions { max_unpacked: 16 << 20, ..ParseOptions::default() });
    let blanks = vec![b' '; 12 << 20];
    let document =
        parsers.parse("a.zip".as_ref(), &zip(&[("bomb.txt", &blanks), ("b.txt", b"fine")])).unwrap();
    assert_eq!(
        parts(&document),
        [
            ("[member bomb.txt was not read: unpacks to more than 200 times its size: a bomb?]", "bomb.txt"),
            ("fine", "b.txt"),
        ]
    );
    for (name, bytes) in [
        ("a.txt.gz", gzip(&blanks)),
        ("a.tgz", gzip(&tar(&[("a.txt", &blanks)]))),
        ("a.7z", seven(&[("a.txt", &blanks)], &[EncoderMethod::LZMA2])),
    ] {
        let error = parsers.parse(name.as_ref(), &bytes).unwrap_err();
        assert_eq!(error.kind, ParseErrorKind::TooLarge, "{name}: {error}");
    }
    // Many that are small enough alone, in archives of their own too.
    let noise: Vec<u8> =
        (0..3u32 << 20).map(|n| b'a' + (n.wrapping_mul(2_654_435_761) >> 28) as u8).collect();
    let names: Vec<String> = (0..12).map(|n| format!("{n}.txt")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), noise.as_slice())).collect();
    let inner = zip(&many[..4]);
    let nested = zip(&[("a.zip", &inner), ("b.zip", &inner), ("c.zip", &inner)]);
    for bytes in [zip(&many), nested] {
        let document = parsers.parse("a.zip".as_ref(), &bytes).unwrap();
        let cut = "the rest of the archive was not read: the archive unpacks to more than 16 MB";
        let refused = "was not read: the archive unpacks to more than 16 MB";
        assert!(document.text.contains(cut) || document.text.contains(refused), "no note");
        assert!(document.text.len() < 20 << 20);
    }
}

#[test]
fn members_are_counted() {
    let names: Vec<String> = (0..10_050).map(|n| format!("{n}.txt")).collect();
    let members: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"word"[..])).collect();
    for bytes in [zip(&members), tar(&members)] {
        let document = parse("a.zip", &bytes).unwrap();
        assert_eq!(document.text.matches("word").count(), 10_000);
        assert!(document.text.contains("[the rest of the archive was not read: more than 10000 members]"));
    }
}

#[test]
fn sizes_of_tar_that_lie() {
    let mut taped = tar(&[("a.txt", b"fine"), ("b.txt", b"cut")]);
    let declare = |taped: &mut Vec<u8>, size: u64| {
        let mut header = tar::Header::from_byte_slice(&taped[1024..1536]).clone();
        header.set_size(size);
        header.set_cksum();
        taped[1024..1536].copy_from_slice(header.as_bytes());
    };
    for size in [1 << 20, 1 << 40, u64::MAX >> 1, u64::MAX] {
        declare(&mut taped, size);
        let document = parse("a.tar", &taped).unwrap();
        let found = parts(&document);
        assert_eq!(found[0], ("fine", "a.txt"));
        assert!(found.len() >= 2 && found[1].0.contains("not read"), "{size}: {found:?}");
    }
    // A sparse file is mostly holes.
    let mut header = tar::Header::new_gnu();
    header.set_path("holes.txt").unwrap();
    header.set_entry_type(tar::EntryType::GNUSparse);
    header.set_size(0);
    header.as_gnu_mut().unwrap().realsize.copy_from_slice(b"777777777777");
    header.set_cksum();
    let mut holes = header.as_bytes().to_vec();
    holes.extend([0; 1024]);
    assert!(parse("a.tar", &holes).is_err());
}

#[test]
fn flipped_and_cut_archives() {
    let members: [(&str, &[u8]); 3] =
        [("a.txt", b"words that are here"), ("b.md", b"# Two\n\nMore words.\n"), ("c.csv", b"a,b\n1,2\n")];
    let mut seed = 0x9E37_79B9_7F4A_7C15u64;
    let mut next = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed as usize
    };
    for sound in [
        zip(&members),
        tar(&members),
        gzip(&tar(&members)),
        gzip(b"words that are here"),
        seven(&members, &[EncoderMethod::LZMA2]),
    ] {
        for round in 0..300 {
            let mut bytes = sound.clone();
            for _ in 0..3 {
                let at = next() % bytes.len();
                bytes[at] = next() as u8;
            }
            if round % 3 == 0 {
                bytes.truncate(next() % bytes.len());
            }
            if let Err(error) = parse("x", &bytes) {
                assert_ne!(error.kind, ParseErrorKind::Crashed, "{error}");
            }
        }
    }
}

#[test]
fn tables_of_contents_of_7z_that_lie() {
    let sound = seven(&[("a.txt", b"words that are here")], &[EncoderMethod::LZMA]);
    let crc = |bytes: &[u8]| {
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        crc.sum().to_le_bytes()
    };
    // Where the table is and how long it is, with the right checksum.
    for (offset, size) in [(u64::MAX, 10), (0, u64::MAX), (1 << 40, 1 << 40), (0, 1 << 30), (0, 0), (3, 9)] {
        let mut bytes = sound.clone();
        bytes[12..20].copy_from_slice(&offset.to_le_bytes());
        bytes[20..28].copy_from_slice(&size.to_le_bytes());
        let start = crc(&bytes[12..32]);
        bytes[8..12].copy_from_slice(&start);
        let error = parse("a.7z", &bytes).unwrap_err();
        assert_eq!(error.kind, ParseErrorKind::Damaged, "{error}");
    }
    // Each byte of the table as something else, with the right checksums.
    let number = |at: usize| u64::from_le_bytes(sound[at..at + 8].try_into().unwrap()) as usize;
    let table = 32 + number(12)..32 + number(12) + number(20);
    for at in table.clone() {
        for value in [0, 1, 0x7F, 0x80, 0xC0, 0xFE, 0xFF] {
            let mut bytes = sound.clone();
            bytes[at] = value;
            let sum = crc(&bytes[table.clone()]);
            bytes[28..32].copy_from_slice(&sum);
            let start = crc(&bytes[12..32]);
            bytes[8..12].copy_from_slice(&start);
            if let Err(error) = parse("a.7z", &bytes) {
                assert_ne!(error.kind, ParseErrorKind::Crashed, "byte {at} as {value}: {error}");
            }
        }
    }
}
