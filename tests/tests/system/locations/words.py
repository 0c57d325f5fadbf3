"""Words of a text, as different readers of one file agree on them."""

import re
import unicodedata
from collections import Counter

# Scripts without spaces: what is compared of them is pairs of characters.
DENSE = "\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff"
DENSE_GAP = re.compile(f"(?<=[{DENSE}])\\s+(?=[{DENSE}])")
# Digits apart from letters: whether a raised figure belongs to the word before it is a matter of taste.
TOKEN = re.compile(f"[{DENSE}]+|[^\\W\\d_{DENSE}]+|\\d+")
# Soft hyphens, marks, joiners.
UNSEEN = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff\u0002]")
HYPHENATED = re.compile("(?<=\\w)[-\u2010\u2011]\\s*\n\\s*(?=\\w)")


def normal(text):
    """Compatibility forms (ligatures, full width) as plain ones, without case and what is not seen."""
    return UNSEEN.sub("", unicodedata.normalize("NFKC", text)).casefold()


def words(text):
    found = []
    for token in TOKEN.findall(DENSE_GAP.sub("", normal(text))):
        if re.match(f"[{DENSE}]", token) and len(token) > 1:
            found.extend(token[at : at + 2] for at in range(len(token) - 1))
        else:
            found.append(token)
    return found


def bag_of(text):
    """The words of a text with their numbers; a word cut at the end of a line is there whole and in its parts."""
    whole = HYPHENATED.sub("", text)
    return Counter(words(text)) | Counter(words(whole))


def runs_of(text):
    """Runs of eight letters with their numbers: where readers do not agree on where words end."""
    letters = squeezed(text)
    return Counter(letters[at : at + 8] for at in range(max(1, len(letters) - 7)))


def share(need, held):
    """How much of `need` is in `held`, from 0 to 1."""
    total = sum(need.values())
    return sum((need & held).values()) / total if total else 1.0


def squeezed(text):
    """Letters and digits alone."""
    return "".join(c for c in normal(text) if c.isalnum())
