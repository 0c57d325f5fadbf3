#!/usr/bin/env python3
"""Makes the seeds of the fuzz targets from folders of real files: seeds.py FOLDER...

Writes to corpus/TARGET beside this file, which git ignores. An input's first byte says what the rest is; the numbers
here are those of `fuzz_targets`.
"""

import hashlib
import io
import json
import sys
import zipfile
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
LONGEST = 64 << 10
# Of a text, a beginning says as much, and more inputs are tried in the same time.
BEGINNING = 8 << 10

TEXTS = "txt md rst org adoc tex csv tsv json jsonl ipynb srt vtt ics vcf toml ini rs".split()
OTHER_NAMES = {"asciidoc": "adoc", "py": "rs", "markdown": "md", "htm": "html", "mht": "mhtml"}
MAIL = ["eml", "mbox", "mhtml"]
WORD = ["word/document.xml", "word/styles.xml", "word/numbering.xml", "word/footnotes.xml", "word/header1.xml",
        "word/_rels/document.xml.rels", "[Content_Types].xml"]
SLIDES = ["ppt/slides/slide1.xml", "ppt/presentation.xml"]
BOOK = ["xl/worksheets/sheet1.xml", "xl/sharedStrings.xml", "xl/styles.xml", "xl/workbook.xml",
        "xl/_rels/workbook.xml.rels"]
OPEN = ["content.xml", "styles.xml", "meta.xml", "META-INF/manifest.xml"]

# What real files rarely have.
MADE = [
    ("texts", 13, b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;TZID=Europe/Paris:20260101T080000\nSUMMARY:A\\, b\n c\n"
                  b"RRULE:FREQ=DAILY\nEND:VEVENT\nEND:VCALENDAR\n"),
    ("texts", 14, b"BEGIN:VCARD\nVERSION:2.1\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=E5=BC=A0;=\n=E4\nTEL:1\nEND:VCARD\n"),
    ("texts", 15, b"[a]\nb = \"\"\"\nc\n\"\"\"\n[[d.e]]\nf = [1,\n2]\n"),
    ("texts", 16, b"; c\n[a]\nb=c\\\n d\n"),
    ("texts", 10, b'{"cells":[{"cell_type":"code","source":["a\\n"],"outputs":[{"data":{"text/html":["<p>a"]}}]}],"nbformat":4}'),
    ("texts", 9, b'{"a":"\\u5408\\ud83d\\ude00"}\n[1]\n'),
    ("rtf", 0, b"{\\rtf1\\ansicpg936{\\fonttbl{\\f0\\fcharset134 S;}}{\\stylesheet{\\s1 heading 1;}}\\s1\\u21512?\\'ba\\'cf\\par"
               b"\\trowd\\cellx1 a\\cell b\\cell\\row{\\*\\x{\\pict 00}}{\\field{\\*\\fldinst HYPERLINK}{\\fldrslt b}}\\bin3 abc}"),
    ("rtf", 1, b"{\\rtf1\\ansi\\fromhtml1 {\\*\\htmltag64 <p>}\\htmlrtf \\par\\htmlrtf0 a\\'e4{\\*\\mhtmltag0 x}\\u26085?\n"
               b"{\\*\\htmltag72 </p>}\\par}"),
    ("rtf", 2, bytes([0, *b"{\\rtf1 a", 0xFC, *b"b", 0x10, 0x20, 0, 0])),
    ("msg", 1, bytes([2, 6, 0, *"abc".encode("utf-16-le"), 4, 3, 0, *b"abc", 5, 4, 0, *b"<p>a", 11, 2, 0, *b"hi"])),
    ("epub", 0, b"<html><head><title>a</title></head><body><h1>a</h1><table><tr><td rowspan='2'>b</table><ul><li>c"),
    ("epub", 3, b"<encryption><EncryptedData><EncryptionMethod Algorithm='x'/><CipherData><CipherReference URI='a.xhtml'/>"),
    ("worker", 1, json.dumps({"Parsed": {"mime": "a/b", "title": None, "language": None, "pages": 1, "text": "", "blocks": [
        {"kind": "table", "level": 0, "range": {"start": 0, "end": 5}, "header": 2,
         "location": {"chars": [0, 3], "heading": ["a"]}}]}}).encode() + b"\0" + "a\u5408b".encode()),
    ("worker", 1, json.dumps({"Refused": {"kind": "damaged", "reason": "why"}}).encode()),
    ("archives", 3, b"words"),
    ("pictures", None, bytes.fromhex("89504e470d0a1a0a0000000d494844520000040000000400080000000074f2f7550000000049454e44ae426082")),
    ("pictures", None, b"GIF89a\0\4\0\4\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0\0\4\0\4\0\2\1\0\0;"),
    ("pictures", None, b"BM" + (62).to_bytes(4, "little") + bytes(4) + (62).to_bytes(4, "little")
     + (40).to_bytes(4, "little") + (64).to_bytes(4, "little") * 2 + b"\1\0\1\0" + bytes(24) + b"\0\0\0\0\xff\xff\xff\0"),
    ("pictures", None, b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\x3f\xc0\x0f\0\x07\x10\x11\x11\x88\x88\xfe\x07\0"),
    ("pictures", None, bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffc0000b080040004001011100ffd9")),
    # Two pages of one directory each.
    ("pictures", None, b"II*\0\x08\0\0\0" + b"".join(
        b"\x03\0" + b"".join(tag.to_bytes(2, "little") + b"\x03\0\x01\0\0\0" + value.to_bytes(4, "little")
                            for tag, value in ((256, 64), (257, 64), (258, 8))) + after.to_bytes(4, "little")
        for after in (50, 0))),
]


def seed(target, kind, content):
    """Writes one input; longer ones would be cut."""
    if len(content) >= LONGEST:
        return
    content = (b"" if kind is None else bytes([kind])) + content
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(content).hexdigest()).write_bytes(content)


def parts(content, target, names, first):
    """Seeds from the members of a container that are called by one of `names`, or something like it."""
    try:
        container = zipfile.ZipFile(io.BytesIO(content))
        for member in container.namelist():
            for number, name in enumerate(names):
                stem, _, suffix = name.rpartition(".")
                if member == name or (member.startswith(stem.rstrip("1")) and member.endswith(suffix)):
                    seed(target, first + number, container.read(member)[:BEGINNING])
                    break
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError):
        pass


def book(content):
    """Seeds from the members of a book."""
    try:
        container = zipfile.ZipFile(io.BytesIO(content))
        for member in container.namelist():
            number = 1 if member.endswith(".opf") else 2 if member.endswith("container.xml") else 0
            if number or member.endswith(("html", "htm")):
                seed("epub", number, container.read(member)[:BEGINNING])
    except (zipfile.BadZipFile, RuntimeError, OSError):
        pass


def add(path):
    content = path.read_bytes()
    kind = path.suffix.lower().lstrip(".")
    kind = OTHER_NAMES.get(kind, kind)
    if kind in TEXTS:
        seed("texts", TEXTS.index(kind), content[:BEGINNING])
    elif kind in ("html", "xml", "rtf"):
        seed(kind, 0, content[:BEGINNING])
    elif kind in MAIL:
        seed("mail", MAIL.index(kind), content[:BEGINNING])
    elif kind == "msg":
        seed("msg", 0, content)
    elif kind in ("odt", "odp", "ods"):
        parts(content, "opendocument", OPEN, 0)
        seed("opendocument", 6, content)
    elif kind == "epub":
        book(content)
        seed("epub", 4, content)
    elif kind in ("docx", "dotx", "docm", "pptx"):
        parts(content, "office", WORD, 0)
        parts(content, "office", SLIDES, len(WORD))
        seed("office", 11, content)
        seed("archives", 0, content)
    elif kind in ("doc", "ppt"):
        seed("office", 11, content)
    elif kind in ("xlsx", "xlsm"):
        parts(content, "sheets", BOOK, 0)
        seed("sheets", 7, content)
    elif kind == "xls":
        seed("sheets", 7, content)
    elif kind == "pdf":
        seed("pdf", None, content)


def archives():
    """Small archives of every kind."""
    import gzip
    import tarfile

    zipped, taped = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as container:
        container.writestr("a.txt", "words " * 50)
        container.writestr("b/c.md", "# B\n\nwords\n")
    with tarfile.open(fileobj=taped, mode="w", format=tarfile.PAX_FORMAT) as tape:
        for name in ("a.txt", "合同/" + "b" * 120 + ".md"):
            member = tarfile.TarInfo(name)
            member.size = 6
            tape.addfile(member, io.BytesIO(b"words\n"))
    seed("archives", 0, zipped.getvalue())
    seed("archives", 4, zipped.getvalue())
    seed("archives", 1, taped.getvalue())
    seed("archives", 3, taped.getvalue())
    seed("archives", 0, gzip.compress(taped.getvalue()))
    seed("archives", 0, gzip.compress(b"words\n"))
    # A 7z that is copied, not packed: header, `words`, table of contents.
    table = bytes.fromhex("0104060001090600070b01000101000c06000801000005010111")
    table += bytes([13, 0, *"a.txt".encode("utf-16-le"), 0, 0, 0, 0])
    head = b"7z\xbc\xaf\x27\x1c\0\x04" + bytes(4) + (6).to_bytes(8, "little") + len(table).to_bytes(8, "little") + bytes(4)
    seed("archives", 1, head + b"words\n" + table)


def main():
    if not sys.argv[1:]:
        sys.exit(__doc__)
    for folder in map(Path, sys.argv[1:]):
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                add(path)
    archives()
    for target, kind, content in MADE:
        seed(target, kind, content)
    for folder in sorted(CORPUS.iterdir()):
        print(f"{folder.name}: {len(list(folder.iterdir()))} inputs")


main()
