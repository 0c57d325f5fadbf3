//! What a file is: by its content first, by its name where the content leaves it open.

use std::{io::Cursor, path::Path};

use docent_core::{ParseError, ParseErrorKind};
use office_oxide::cfb::CfbReader;

use crate::{
    archive, damaged, encoding, encrypted,
    markup::Markup,
    package::{self, Package},
    picture,
};

/// A format that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Pdf,
    /// With its media type.
    Picture(&'static str),
    Docx,
    Pptx,
    Xlsx,
    Doc,
    Ppt,
    Xls,
    Epub,
    Rtf,
    /// A zip container.
    OpenDocument,
    /// One XML file.
    FlatOpenDocument,
    Mail,
    Msg,
    Mailbox,
    Html,
    Xml,
    Archive(archive::Kind),
    Text(TextKind),
}

/// A format that is text itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextKind {
    Plain,
    Markdown,
    Delimited,
    Json,
    JsonLines,
    Markup(Markup),
    Notebook,
    Subtitles,
    Calendar,
    Contacts,
    /// Settings in sections, with their media type.
    Settings(&'static str),
    /// Program text, with its media type.
    Source(&'static str),
}

impl Format {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pdf => "PDF",
            Self::Picture(_) => "picture",
            Self::Docx | Self::Doc => "Word",
            Self::Pptx | Self::Ppt => "PowerPoint",
            Self::Xlsx | Self::Xls => "Excel",
            Self::Epub => "EPUB",
            Self::Rtf => "RTF",
            Self::OpenDocument | Self::FlatOpenDocument => "OpenDocument",
            Self::Mail | Self::Mailbox => "mail",
            Self::Msg => "Outlook",
            Self::Html => "HTML",
            Self::Xml => "XML",
            Self::Archive(_) => "archive",
            Self::Text(_) => "text",
        }
    }
}

/// Decides what `bytes` are.
///
/// # Errors
/// Unsupported for what is not read, Encrypted for Office files with a password, Damaged for a file whose name
/// promises what its content is not.
pub(crate) fn detect(path: &Path, bytes: &[u8]) -> Result<Format, ParseError> {
    let extension = path.extension().map(|ext| ext.to_string_lossy().to_lowercase()).unwrap_or_default();
    if is_pdf(bytes) {
        return Ok(Format::Pdf);
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") {
        return zip_format(bytes, &extension);
    }
    if bytes.starts_with(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1") {
        return ole_format(bytes);
    }
    if is_rtf(bytes) {
        return Ok(Format::Rtf);
    }
    if let Some(kind) = archive_kind(bytes) {
        return Ok(Format::Archive(kind));
    }
    if let Some(what) = binary_magic(bytes) {
        if picture::MIMES.contains(&what) {
            return Ok(Format::Picture(what));
        }
        return Err(unsupported(format!("binary file ({what})")));
    }
    match extension.as_str() {
        "pdf" => return Err(damaged("not a PDF: the file does not start like one")),
        "docx" | "docm" | "dotx" | "xlsx" | "xlsm" | "xltx" | "pptx" | "pptm" | "odt" | "ott" | "ods"
        | "ots" | "odp" | "otp" | "odg" | "otg" | "epub"
            if !is_flat_opendocument(bytes) =>
        {
            return Err(damaged(format!("not a .{extension} file: the content is no zip container")));
        }
        _ => {}
    }
    if encoding::is_binary(bytes) {
        return Err(unsupported("binary file (application/octet-stream)"));
    }
    Ok(text_format(&extension, bytes))
}

/// The format of a file that is text.
fn text_format(extension: &str, bytes: &[u8]) -> Format {
    let by_name = match extension {
        "md" | "markdown" | "mdown" | "mkd" | "mdx" => Some(TextKind::Markdown),
        "csv" | "tsv" | "tab" => Some(TextKind::Delimited),
        "json" | "geojson" => Some(TextKind::Json),
        "jsonl" | "ndjson" => Some(TextKind::JsonLines),
        "ipynb" => Some(TextKind::Notebook),
        "rst" | "rest" => Some(TextKind::Markup(Markup::Rst)),
        "org" => Some(TextKind::Markup(Markup::Org)),
        "adoc" | "asciidoc" => Some(TextKind::Markup(Markup::AsciiDoc)),
        "tex" | "latex" | "ltx" => Some(TextKind::Markup(Markup::Latex)),
        "srt" | "vtt" => Some(TextKind::Subtitles),
        "ics" | "ical" | "vcs" => Some(TextKind::Calendar),
        "vcf" | "vcard" => Some(TextKind::Contacts),
        "toml" => Some(TextKind::Settings("text/x-toml")),
        "ini" | "cfg" | "conf" => Some(TextKind::Settings("text/x-ini")),
        _ => source_mime(extension).map(TextKind::Source),
    };
    if let Some(kind) = by_name {
        return Format::Text(kind);
    }
    if is_flat_opendocument(bytes) {
        return Format::FlatOpenDocument;
    }
    match extension {
        "html" | "htm" | "xhtml" | "shtml" => return Format::Html,
        "eml" | "mht" | "mhtml" => return Format::Mail,
        "mbox" => return Format::Mailbox,
        _ => {}
    }
    let sample = encoding::decode(&bytes[..bytes.len().min(2048)]);
    let start = sample.trim_start();
    let lower: String = start.chars().take(512).collect::<String>().to_ascii_lowercase();
    if lower.starts_with("<!doctype html") || lower.starts_with("<html") || lower.starts_with("<head") {
        return Format::Html;
    }
    if lower.starts_with("<?xml") {
        return if lower.contains("<html") { Format::Html } else { Format::Xml };
    }
    if matches!(extension, "xml" | "rss" | "atom" | "svg" | "xsd" | "xsl") && start.starts_with('<') {
        return Format::Xml;
    }
    if matches!(extension, "" | "txt" | "msg" | "mail") {
        if start.starts_with("From ") && is_mail(start.split_once('\n').map_or("", |(_, rest)| rest)) {
            return Format::Mailbox;
        }
        if is_mail(start) {
            return Format::Mail;
        }
    }
    if start.starts_with("WEBVTT") {
        return Format::Text(TextKind::Subtitles);
    }
    if lower.starts_with("begin:vcalendar") {
        return Format::Text(TextKind::Calendar);
    }
    if lower.starts_with("begin:vcard") {
        return Format::Text(TextKind::Contacts);
    }
    if extension.is_empty() && start.starts_with("#!") {
        return Format::Text(TextKind::Source("text/x-script"));
    }
    Format::Text(TextKind::Plain)
}

/// Whether a text starts with the header of a message: header lines only, three of them the usual ones.
fn is_mail(text: &str) -> bool {
    const USUAL: [&str; 12] = [
        "from",
        "to",
        "cc",
        "date",
        "subject",
        "received",
        "message-id",
        "mime-version",
        "content-type",
        "return-path",
        "delivered-to",
        "reply-to",
    ];
    let mut known = Vec::new();
    for line in text.lines().take_while(|line| !line.trim().is_empty()) {
        if line.starts_with([' ', '\t']) {
            continue;
        }
        let Some((name, _)) = line.split_once(':') else { break };
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            break;
        }
        let name = name.to_ascii_lowercase();
        if USUAL.contains(&name.as_str()) && !known.contains(&name) {
            known.push(name);
        }
    }
    known.len() >= 3
}

fn source_mime(extension: &str) -> Option<&'static str> {
    Some(match extension {
        "rs" => "text/x-rust",
        "py" | "pyi" => "text/x-python",
        "js" | "mjs" | "cjs" | "jsx" => "text/javascript",
        "ts" | "tsx" => "text/x-typescript",
        "c" | "h" => "text/x-c",
        "cc" | "cpp" | "cxx" | "hpp" | "hh" => "text/x-c++",
        "java" => "text/x-java",
        "kt" | "kts" => "text/x-kotlin",
        "go" => "text/x-go",
        "cs" => "text/x-csharp",
        "rb" => "text/x-ruby",
        "php" => "text/x-php",
        "swift" => "text/x-swift",
        "scala" => "text/x-scala",
        "sh" | "bash" | "zsh" | "fish" | "ps1" | "bat" | "cmd" => "text/x-script",
        "sql" => "text/x-sql",
        "lua" => "text/x-lua",
        "pl" | "pm" => "text/x-perl",
        "r" => "text/x-r",
        "css" | "scss" | "less" => "text/css",
        "vue" | "svelte" => "text/x-component",
        "yaml" | "yml" => "text/x-yaml",
        "properties" | "env" => "text/x-ini",
        "proto" | "thrift" | "graphql" => "text/x-interface",
        _ => return None,
    })
}

fn zip_format(bytes: &[u8], extension: &str) -> Result<Format, ParseError> {
    let office = matches!(
        extension,
        "docx"
            | "docm"
            | "dotx"
            | "xlsx"
            | "xlsm"
            | "xltx"
            | "pptx"
            | "pptm"
            | "potx"
            | "odt"
            | "ott"
            | "ods"
            | "ots"
            | "odp"
            | "otp"
            | "odg"
            | "otg"
            | "epub"
            | "doc"
            | "xls"
            | "ppt"
    );
    match package::look(bytes) {
        Ok(Package::Word) => Ok(Format::Docx),
        Ok(Package::Excel) => Ok(Format::Xlsx),
        Ok(Package::PowerPoint) => Ok(Format::Pptx),
        Ok(Package::ExcelBinary) => Err(unsupported("binary Excel workbooks (xlsb) are not read yet")),
        Ok(Package::OpenDocument) => Ok(Format::OpenDocument),
        Ok(Package::Epub) => Ok(Format::Epub),
        Ok(Package::Other) if office => {
            Err(damaged(format!("not a .{extension} file: the zip container lacks its parts")))
        }
        Err(error) => Err(error),
        Ok(Package::Other) => Ok(Format::Archive(archive::Kind::Zip)),
    }
}

/// OLE files name their streams in a directory. What is embedded in one has streams of its own further down.
fn ole_format(bytes: &[u8]) -> Result<Format, ParseError> {
    let directory = CfbReader::new(Cursor::new(bytes)).ok().filter(|read| !read.entries().is_empty());
    let has = |name: &str| match &directory {
        Some(directory) => directory.has_root_entry(name),
        // Damaged: names are in UTF-16.
        None => {
            let wide: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
            find(bytes, &wide).is_some()
        }
    };
    if has("EncryptedPackage") || has("EncryptionInfo") {
        Err(encrypted())
    } else if has("__properties_version1.0") {
        Ok(Format::Msg)
    } else if has("WordDocument") {
        Ok(Format::Doc)
    } else if has("PowerPoint Document") {
        Ok(Format::Ppt)
    } else if has("Workbook") || has("WORKBOOK") || has("Book") {
        Ok(Format::Xls)
    } else {
        Err(unsupported("binary file (application/x-ole-storage)"))
    }
}

/// The mark of a PDF may stand anywhere in its first kilobyte: downloads and gateways put things in front. What has
/// it further in must also end like one, since a text may mention it.
pub(crate) fn is_pdf(bytes: &[u8]) -> bool {
    let tail = &bytes[bytes.len().saturating_sub(2048)..];
    match find(&bytes[..bytes.len().min(1024)], b"%PDF-") {
        Some(0) => true,
        Some(_) => find(tail, b"%%EOF").is_some() || find(tail, b"startxref").is_some(),
        None => false,
    }
}

/// White space and a mark may stand before the first group.
fn is_rtf(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    bytes[..bytes.len().min(1024)].trim_ascii_start().starts_with(b"{\\rtf")
}

/// Whether the first element of an XML file is that of a flat OpenDocument file.
fn is_flat_opendocument(bytes: &[u8]) -> bool {
    let sample = encoding::decode(&bytes[..bytes.len().min(4096)]);
    let mut rest = sample.trim_start();
    // Past what stands before it.
    while rest.starts_with("<?") || rest.starts_with("<!") {
        let end = if rest.starts_with("<!--") { "-->" } else { ">" };
        let Some(at) = rest.find(end) else { return false };
        rest = rest[at + end.len()..].trim_start();
    }
    rest.strip_prefix("<office:document").is_some_and(|rest| rest.starts_with([' ', '\t', '\r', '\n']))
}

/// The archives that are no zip.
fn archive_kind(bytes: &[u8]) -> Option<archive::Kind> {
    if bytes.starts_with(b"\x1f\x8b\x08") {
        Some(archive::Kind::Gzip)
    } else if bytes.starts_with(b"7z\xbc\xaf\x27\x1c") {
        Some(archive::Kind::SevenZip)
    } else {
        archive::is_tar(bytes).then_some(archive::Kind::Tar)
    }
}

/// Whether a file that starts with `head` is a picture, a program or the like.
pub(crate) fn is_media(head: &[u8]) -> bool {
    binary_magic(head).is_some() && archive_kind(head).is_none()
}

fn binary_magic(bytes: &[u8]) -> Option<&'static str> {
    const MAGIC: [(&[u8], &str); 31] = [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"II*\0", "image/tiff"),
        (b"MM\0*", "image/tiff"),
        (b"8BPS", "image/vnd.adobe.photoshop"),
        (b"\0\0\x01\0", "image/x-icon"),
        (b"\x7fELF", "application/x-elf"),
        (b"MZ\x90\0", "application/x-msdownload"),
        (b"\xca\xfe\xba\xbe", "application/java-vm"),
        (b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
        (b"\0asm", "application/wasm"),
        (b"BZh", "application/x-bzip2"),
        (b"\xfd7zXZ\0", "application/x-xz"),
        (b"\x28\xb5\x2f\xfd", "application/zstd"),
        (b"Rar!\x1a\x07", "application/vnd.rar"),
        (b"SQLite format 3\0", "application/vnd.sqlite3"),
        (b"ID3", "audio/mpeg"),
        (b"\xff\xfb", "audio/mpeg"),
        (b"OggS", "audio/ogg"),
        (b"fLaC", "audio/flac"),
        (b"\x1aE\xdf\xa3", "video/webm"),
        (b"wOFF", "font/woff"),
        (b"wOF2", "font/woff2"),
        (b"OTTO", "font/otf"),
        (b"\0\x01\0\0\0", "font/ttf"),
        (b"PAR1", "application/vnd.apache.parquet"),
        (b"GGUF", "application/x-gguf"),
        (b"!<arch>\n", "application/x-archive"),
        (b"\xed\xab\xee\xdb", "application/x-rpm"),
    ];
    if let Some((_, mime)) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        // These are short and printable: a text may start so.
        let printable = matches!(*mime, "application/x-bzip2" | "audio/mpeg" | "image/vnd.adobe.photoshop");
        return (!printable || encoding::is_binary(bytes)).then_some(*mime);
    }
    match (bytes.get(..4), bytes.get(8..12)) {
        (Some(b"RIFF"), Some(b"WEBP")) => Some("image/webp"),
        (Some(b"RIFF"), Some(b"WAVE")) => Some("audio/wav"),
        (Some(b"RIFF"), Some(b"AVI ")) => Some("video/x-msvideo"),
        _ if bytes.get(4..8) == Some(b"ftyp") => Some("video/mp4"),
        _ if bytes.starts_with(b"BM") && encoding::is_binary(bytes) => Some("image/bmp"),
        _ => None,
    }
}

fn unsupported(reason: impl Into<String>) -> ParseError {
    ParseError::new(ParseErrorKind::Unsupported, reason)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, bytes: &[u8]) -> Result<Format, (ParseErrorKind, String)> {
        detect(Path::new(name), bytes).map_err(|error| (error.kind, error.reason))
    }

    #[test]
    fn content_goes_before_the_name() {
        assert_eq!(of("a.txt", b"%PDF-1.7\n"), Ok(Format::Pdf));
        assert_eq!(of("a.pdf", b"<html>moved</html>\n%PDF-1.7\n...\n%%EOF\n"), Ok(Format::Pdf));
        assert_eq!(of("a.txt", b"A PDF starts with %PDF-1.7"), Ok(Format::Text(TextKind::Plain)));
        assert_eq!(of("notes", b"<!DOCTYPE html><p>x"), Ok(Format::Html));
        assert_eq!(of("feed", b"<?xml version='1.0'?><rss/>"), Ok(Format::Xml));
        assert_eq!(of("a.doc", b"\r\n{\\rtf1 words}"), Ok(Format::Rtf));
        let flat = b"<?xml version='1.0'?>\n<!-- one file -->\n<office:document office:version='1.3'>";
        assert_eq!(of("a.xml", flat), Ok(Format::FlatOpenDocument));
        assert_eq!(of("a.odt", flat), Ok(Format::FlatOpenDocument));
        assert_eq!(of("a.xml", b"<?xml version='1.0'?><office:document-content >"), Ok(Format::Xml));
        assert_eq!(of("photo.txt", b"\x89PNG\r\n\x1a\n\0\0"), Ok(Format::Picture("image/png")));
        assert_eq!(of("a.pdf", b"just words").unwrap_err().0, ParseErrorKind::Damaged);
        assert_eq!(of("a.docx", b"just words").unwrap_err().0, ParseErrorKind::Damaged);
        assert_eq!(of("a.odt", b"just words").unwrap_err().0, ParseErrorKind::Damaged);
    }

    #[test]
    fn mail_needs_a_mail_header() {
        let mail = b"From: a@example.org\nTo: b@example.org\nSubject: Hi\n\nHello";
        assert_eq!(of("x", mail), Ok(Format::Mail));
        assert_eq!(of("x.eml", b"Subject: Hi\n\nHello"), Ok(Format::Mail));
        assert_eq!(of("x.txt", b"Note: this\nDate: that\n\nHello"), Ok(Format::Text(TextKind::Plain)));
    }

    #[test]
    fn archives_are_known_by_their_content() {
        assert_eq!(of("a.txt", b"\x1f\x8b\x08\0"), Ok(Format::Archive(archive::Kind::Gzip)));
        assert_eq!(of("a", b"7z\xbc\xaf\x27\x1c\0\x04"), Ok(Format::Archive(archive::Kind::SevenZip)));
        assert_eq!(of("a.zip", b"PK\x03\x04 cut off").unwrap_err().0, ParseErrorKind::Damaged);
        assert!(is_media(b"GIF89a") && !is_media(b"7z\xbc\xaf\x27\x1c") && !is_media(b"words"));
        assert_eq!(of("a.zip", b"just words"), Ok(Format::Text(TextKind::Plain)));
    }

    #[test]
    fn anything_that_decodes_is_text() {
        assert_eq!(of("Makefile", b"all:\n\techo"), Ok(Format::Text(TextKind::Plain)));
        assert_eq!(of("x.unknown", "合同".as_bytes()), Ok(Format::Text(TextKind::Plain)));
        assert_eq!(of("x.rs", b"fn main() {}"), Ok(Format::Text(TextKind::Source("text/x-rust"))));
        assert_eq!(of("x.bin", &[0, 1, 2, 3, 0, 5, 6, 9]).unwrap_err().0, ParseErrorKind::Unsupported);
    }

    /// An OLE file with three entries below its root, each with its type, its right sibling and its child.
    fn ole(entries: [(&str, u8, u32, u32); 3]) -> Vec<u8> {
        const NONE: u32 = u32::MAX;
        let mut bytes = b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".to_vec();
        bytes.resize(24, 0);
        bytes.extend([0x3E, 0, 3, 0, 0xFE, 0xFF, 9, 0, 6, 0]);
        bytes.resize(44, 0);
        let ends = [1, 1, 0, 4096, NONE - 1, 0, NONE - 1, 0, 0];
        bytes.extend(ends.into_iter().flat_map(u32::to_le_bytes));
        bytes.resize(512, 0xFF);
        // The table of sectors, then the directory.
        bytes.extend([NONE - 2, NONE - 1].into_iter().flat_map(u32::to_le_bytes));
        bytes.resize(1024, 0xFF);
        for (name, kind, right, child) in [("Root Entry", 5, NONE, 1)].into_iter().chain(entries) {
            let end = bytes.len() + 128;
            bytes.extend(name.encode_utf16().flat_map(u16::to_le_bytes));
            bytes.resize(end - 64, 0);
            bytes.extend(((name.len() as u16 + 1) * 2).to_le_bytes());
            bytes.extend([kind, 1]);
            bytes.extend([NONE, right, child].into_iter().flat_map(u32::to_le_bytes));
            bytes.resize(end - 12, 0);
            bytes.extend((NONE - 1).to_le_bytes());
            bytes.resize(end, 0);
        }
        bytes
    }

    #[test]
    fn what_is_embedded_in_an_ole_file_is_not_its_type() {
        const NONE: u32 = u32::MAX;
        let sheet = ole([("Workbook", 2, 2, NONE), ("MBD0001", 1, NONE, 3), ("WordDocument", 2, NONE, NONE)]);
        assert_eq!(of("a.xls", &sheet), Ok(Format::Xls));
        let mut text = ole([("WordDocument", 2, 2, NONE), ("1Table", 2, 3, NONE), ("Data", 2, NONE, NONE)]);
        text.extend("see EncryptionInfo".encode_utf16().flat_map(u16::to_le_bytes));
        assert_eq!(of("a.doc", &text), Ok(Format::Doc));
        let mail = ole([("__properties_version1.0", 2, 2, NONE), ("a", 2, NONE, NONE), ("b", 2, NONE, NONE)]);
        assert_eq!(of("a.msg", &mail), Ok(Format::Msg));
        // Without a directory the names are looked for.
        assert_eq!(
            of("a.doc", &text[..8].iter().chain(&text[1024..]).copied().collect::<Vec<_>>()),
            Err((ParseErrorKind::Encrypted, "encrypted: a password is needed".into()))
        );
    }
}
