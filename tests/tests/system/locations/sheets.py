"""Cells of Excel workbooks, out of their XML."""

import re
from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache

from office import Package, local, texts
from words import bag_of, share, words


@cache
def book(file):
    """By name of sheet: by row and column (from 1), the ways to write what a cell holds."""
    package = Package(file)
    root = package.main_part()
    strings = [string_of(item) for item in package.children(package.related(root, "/sharedStrings"), "si")]
    sheets = {}
    for entry in package.tree(root).iter():
        if local(entry) == "sheet":
            target = package.by_id(root, entry)
            if target in package.names:
                sheets[entry.get("name")] = cells_of(package.tree(target), strings)
    return sheets


def string_of(item):
    """The text of a string without how it is pronounced."""
    return "".join(texts(item, "t", without={"rPh"}))


def cells_of(tree, strings):
    cells, row = {}, 0
    for line in tree.iter():
        if local(line) != "row":
            continue
        row = int(line.get("r", row + 1))
        column = 0
        for cell in line:
            if local(cell) != "c":
                continue
            column = corner(cell.get("r"))[1] if cell.get("r") else column + 1
            ways = ways_of(cell, strings)
            if ways:
                cells[row, column] = ways
    return cells


def ways_of(cell, strings):
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        return [string_of(cell)]
    value = next((child.text or "" for child in cell if local(child) == "v"), "")
    if not value.strip():
        return []
    if kind == "s":
        return [strings[int(value)]]
    if kind == "b":
        return ["TRUE" if value == "1" else "FALSE"]
    if kind != "n":
        return [value, value.replace("T", " "), value.split("T")[0]]
    return numbers(float(value))


def numbers(value):
    """A number as it may be written: plain, as a date, as a time, as a length of time."""
    plain = format(Decimal(repr(value)), "f")
    ways = [plain.removesuffix(".0")]
    if 0 <= value < 2958466:
        seconds = round(value * 86400)
        for start in (datetime(1899, 12, 30), datetime(1904, 1, 1), datetime(1899, 12, 31)):
            try:
                moment = start + timedelta(seconds=seconds)
            except OverflowError:
                continue
            forms = ("%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%H:%M", "%H:%M:%S")
            ways += [moment.strftime(form) for form in forms]
        ways.append(f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}")
    return ways


def corner(name):
    """`B7` as row and column, from 1."""
    letters, digits = re.fullmatch(r"([A-Z]+)(\d+)", name).groups()
    column = 0
    for letter in letters:
        column = column * 26 + ord(letter) - 64
    return int(digits), column


def within(cells, top, left, bottom, right):
    return [ways for (row, column), ways in cells.items() if top <= row <= bottom and left <= column <= right]


def bag(cells):
    """Every word that a cell may be written with."""
    all_of = Counter()
    for ways in cells:
        one = Counter()
        for way in ways:
            one |= Counter(words(way))
        all_of += one
    return all_of


def check(passage):
    place = passage["location"]
    sheet = book(passage["file"]).get(place["sheet"])
    if sheet is None:
        return [], f"there is no sheet {place['sheet']}"
    first, _, last = place["cells"].partition(":")
    (top, left), (bottom, right) = corner(first), corner(last or first)
    # A passage may begin and end within a row.
    whole = within(sheet, top + 1, left, bottom - 1, right)
    why = surplus(passage, whole, within(sheet, 1, left, top - 1, right))
    return bag(within(sheet, top, left, bottom, right)), why


def surplus(passage, whole, above):
    """Cells are cited exactly: what they hold is in the passage. A repeated header stands above them."""
    said = bag_of(passage["text"])
    told = [ways for ways in whole if any(share(Counter(words(way)), said) == 1 for way in ways)]
    if len(told) < 0.95 * len(whole):
        return f"the cells hold more than the passage: {len(told)} of {len(whole)} are in it"
    if share(bag_of(passage["header"]), bag(above)) < 0.95:
        return "the header does not stand above the cells"
    return ""
