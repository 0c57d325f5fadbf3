"""Parts of messages, by Python's reader of mail."""

import email
import email.policy
from functools import cache
from html.parser import HTMLParser
from pathlib import Path


class Shown(HTMLParser):
    """The text of a page."""

    def __init__(self):
        super().__init__()
        self.text, self.hidden = [], 0

    def handle_starttag(self, tag, attributes):
        self.hidden += tag in ("style", "script", "title")
        self.text.append("\n" if tag in ("p", "div", "br", "tr", "td", "th", "li", "h1", "h2", "h3", "table") else "")
        if tag == "img":
            self.text.append(dict(attributes).get("alt") or "")

    def handle_endtag(self, tag):
        self.hidden -= tag in ("style", "script", "title") and self.hidden > 0

    def handle_data(self, data):
        if not self.hidden:
            self.text.append(data)


@cache
def parts(file):
    """The text of each part by its name."""
    message = email.message_from_bytes(Path(file).read_bytes(), policy=email.policy.default)
    found = {}
    add(message, "body", "", found)
    return found


def add(message, name, outer, found):
    fields = [f"{field}: {message.get(field, '')}" for field in ("Subject", "From", "To", "Cc", "Date")]
    if message["Date"] is not None and message["Date"].datetime:
        fields.append(message["Date"].datetime.isoformat().replace("+00:00", "Z"))
    bodies, number = [], 0
    for part in walk(message):
        content = text_of(part)
        if part.is_attachment() or part.get_content_maintype() not in ("text", "multipart"):
            number += 1
            called = outer + (part.get_filename() or f"attachment {number}")
            if part.get_content_type() == "message/rfc822":
                add(part.get_content(), called, f"{called}/", found)
            else:
                found[called] = content
        else:
            bodies.append(content)
    found[name] = "\n".join(fields + bodies)


def walk(message):
    """The leaves of a message, not those of messages inside it."""
    if message.is_multipart() and message.get_content_maintype() == "multipart":
        for part in message.iter_parts():
            yield from walk(part)
    else:
        yield message


def text_of(part):
    if part.get_content_maintype() != "text":
        return ""
    raw = part.get_payload(decode=True) or b""
    for charset in (part.get_content_charset(), "utf-8", "gb18030", "latin-1"):
        try:
            text = raw.decode(charset or "ascii")
            break
        except (LookupError, UnicodeDecodeError):
            continue
    if part.get_content_subtype() not in ("html", "xml", "xhtml"):
        return text
    page = Shown()
    page.feed(text)
    return "".join(page.text)


def check(passage):
    all_of = parts(passage["file"])
    part = passage["location"].get("part")
    return [all_of.get(part, "")], "" if part in all_of else f"there is no part {part}, but {list(all_of)}"
