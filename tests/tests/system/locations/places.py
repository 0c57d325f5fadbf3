"""Says whether passages stand where docent says that they do, without docent: by pdftotext and by Python's own library.

A line of JSON for each passage comes in: {"format", "file", "text", "header", "location"}. A line for each goes out:
{"share", "why", "missing"}: how much of its words stands in that place, what else is wrong with it, and words that do not
stand there.
"""

import json
import re
import sys
from collections import Counter
from functools import reduce
from operator import or_
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import mail
import office
import pages
import sheets
from words import bag_of, runs_of, share


def check_lines(passage):
    first, last = passage["location"]["lines"]
    raw = Path(passage["file"]).read_bytes()
    mark = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}.get(raw[:2], "utf-8")
    lines = re.split("\r\n|\n|\r", raw.decode(mark).lstrip("\ufeff"))[first - 1 : last]
    # Lines are cited exactly: they hold nothing else, but for what a passage cuts off within its first and last.
    inner = "\n".join(lines[1:-1])
    whole = share(bag_of(inner), bag_of(passage["text"])) >= 0.95
    return ["\n".join(lines)], "" if whole else "the lines hold more than the passage"


CHECKS = {
    "pdf": pages.check,
    "docx": office.check_document,
    "pptx": office.check_slide,
    "xlsx": sheets.check,
    "md": check_lines,
    "eml": mail.check,
}


def verdict(passage):
    place, why = CHECKS[passage["format"]](passage)
    need = bag_of(passage["text"])
    if isinstance(place, Counter):
        held, best = place, share(need, place)
    else:
        # Ways to read one place.
        held = reduce(or_, map(bag_of, place), Counter())
        letters = reduce(or_, map(runs_of, place), Counter())
        best = max(share(need, held), share(runs_of(passage["text"]), letters))
    return {"share": best, "why": why, "missing": " ".join((need - held).elements())[:300]}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(verdict(json.loads(line))), flush=True)
