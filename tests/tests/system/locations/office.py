"""Word documents and PowerPoint slides, out of their XML."""

import posixpath
import re
import zipfile
from bisect import bisect_left, bisect_right
from functools import cache
from itertools import accumulate
from xml.etree import ElementTree

from words import squeezed


def local(element):
    """The name of an element without its namespace: files of the strict kind have others."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def attribute(element, name):
    return next((value for key, value in element.items() if key.rpartition("}")[2] == name), None)


def texts(element, name, without=frozenset()):
    """The text of all elements of that name, in order."""
    for child in element:
        if local(child) == name:
            yield child.text or ""
        elif local(child) not in without:
            yield from texts(child, name, without)


class Package:
    """A zip archive of XML parts that name each other."""

    def __init__(self, file):
        self.zip = zipfile.ZipFile(file)
        self.names = set(self.zip.namelist())

    def tree(self, name):
        return ElementTree.fromstring(self.zip.read(name))

    def relations(self, name):
        """Id, kind and target of what a part refers to."""
        folder, base = posixpath.split(name)
        file = posixpath.join(folder, "_rels", f"{base}.rels")
        if file not in self.names:
            return
        for relation in self.tree(file):
            target = relation.get("Target", "")
            target = target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join(folder, target))
            yield relation.get("Id"), relation.get("Type", ""), target

    def related(self, name, kind):
        return next((target for _, of, target in self.relations(name) if of.endswith(kind)), None)

    def all_related(self, name, kind):
        return [target for _, of, target in self.relations(name) if of.endswith(kind) and target in self.names]

    def main_part(self):
        return self.related("", "/officeDocument")

    def by_id(self, name, element):
        """The part that the relation of an element leads to."""
        wanted = {value for key, value in element.items() if "relationships}" in key}
        return next((target for id, _, target in self.relations(name) if id in wanted), None)

    def children(self, name, kind):
        return [child for child in self.tree(name) if local(child) == kind] if name in self.names else []


# Slides


@cache
def slides(file):
    """The text of each slide in the order of the presentation, with its notes and comments."""
    package = Package(file)
    root = package.main_part()
    found = []
    for entry in package.tree(root).iter():
        if local(entry) == "sldId":
            part = package.by_id(root, entry)
            parts = [part] + [
                other
                for kind in ("/notesSlide", "/comments", "/diagramData")
                for other in package.all_related(part, kind)
            ]
            texts_of = [slide_text(package.tree(name)) for name in parts]
            found.append("\n".join(texts_of + charts(package, part)))
    return found


def charts(package, part):
    """The names and numbers of the charts of a part, and what they are told under."""
    trees = map(package.tree, package.all_related(part, "/chart"))
    return [f"Title: Categories: {slide_text(tree)}" for tree in trees]


def slide_text(tree):
    lines = []
    for element in tree.iter():
        if local(element) in ("p", "pt", "text"):
            lines.append("".join(texts(element, "t")) or (element.text or ""))
        elif local(element) == "v":
            lines.append(element.text or "")
    return "\n".join(lines)


def check_slide(passage):
    number, all_of = passage["location"].get("slide"), slides(passage["file"])
    if number is None or number > len(all_of):
        return [], f"there is no slide {number}"
    return [all_of[number - 1]], ""


# Documents


@cache
def document(file):
    """Paragraphs in order, each with its level as a heading (None for text); those of notes, headers, footers, charts."""
    package = Package(file)
    root = package.main_part()
    levels = heading_levels(package, package.related(root, "/styles"))
    kinds = ("/header", "/footer", "/footnotes", "/endnotes", "/comments")
    margins = [part for kind in kinds for part in package.all_related(root, kind)]
    texts_of = (paragraphs(package.tree(part), {}) for part in margins)
    texts_of = [text for some in texts_of for text, _ in some]
    return list(paragraphs(package.tree(root), levels)), texts_of + charts(package, root)


def heading_levels(package, part):
    """By style: its outline level, from 1."""
    own, base, names = {}, {}, {}
    for style in package.children(part, "style"):
        id = attribute(style, "styleId")
        for element in style.iter():
            if local(element) == "outlineLvl":
                own[id] = int(attribute(element, "val")) + 1
            elif local(element) == "basedOn":
                base[id] = attribute(element, "val")
            elif local(element) == "name":
                names[id] = attribute(element, "val") or ""
    levels = {}
    for id in names:
        seen, at = set(), id
        while at and at not in seen:
            seen.add(at)
            named = re.fullmatch(r"heading (\d)", names.get(at, ""), re.IGNORECASE)
            level = own.get(at) or (named and int(named[1]))
            if level:
                levels[id] = level
                break
            at = base.get(at)
    return {id: level for id, level in levels.items() if level <= 9}


def paragraphs(element, levels):
    """Paragraphs below `element`, those in boxes after the one that they are anchored in."""
    for child in element:
        name = local(child)
        if name == "p":
            text, boxes = [], []
            run_text(child, text, boxes)
            yield "".join(text), level_of(child, levels)
            for box in boxes:
                yield from paragraphs(box, levels)
        elif name not in ("Fallback", "del", "moveFrom"):
            yield from paragraphs(child, levels)


def run_text(element, text, boxes):
    for child in element:
        name = local(child)
        if name == "t":
            text.append(child.text or "")
        elif name in ("tab", "br", "cr"):
            text.append(" ")
        elif name == "noBreakHyphen":
            text.append("-")
        elif name == "txbxContent":
            boxes.append(child)
        elif name not in ("Fallback", "del", "moveFrom", "rPr", "pPr"):
            run_text(child, text, boxes)


def level_of(paragraph, levels):
    for properties in paragraph:
        if local(properties) != "pPr":
            continue
        found = {local(child): attribute(child, "val") for child in properties}
        if "outlineLvl" in found:
            level = int(found["outlineLvl"]) + 1
            return level if level <= 9 else None
        return levels.get(found.get("pStyle"))
    return None


@cache
def letters(file):
    """The letters and digits of each paragraph, of all in one, and where in that each begins."""
    texts_of, _ = document(file)
    each = [squeezed(text) for text, _ in texts_of]
    return each, "".join(each), [0, *accumulate(map(len, each))]


def check_document(passage):
    all_of, margins = document(passage["file"])
    runs = [run for text in starts_of(passage["text"]) for run in find(passage["file"], text)]
    most = max(same for _, _, same in runs)
    # What is there several times is cited rightly if one of them is.
    found = sorted({(at, end) for at, end, same in runs if same == most})
    why = [headings_above(passage, all_of, at) for at, _ in found]
    at, end = found[why.index("") if "" in why else 0]
    # Headers, footers and notes belong to no one place.
    return ["\n".join([text for text, _ in all_of[at:end]] + margins)], "" if "" in why else why[0]


def starts_of(text):
    """The text from each of its first lines on: the first ones may be those of a header."""
    lines = text.split("\n")
    return ["\n".join(lines[at:]) for at in range(min(len(lines), 8))]


def find(file, text):
    """Where paragraphs begin with the first words of a text: from which to which paragraph it could be, and how much of it
    is there."""
    _, whole, begins = letters(file)
    wanted = squeezed(text)
    head = wanted[:24]
    place = whole.find(head) if head else -1
    runs = [] if head else [(0, 0, 0)]
    while place >= 0:
        same = sum(a == b for a, b in zip(whole[place : place + 600], wanted))
        # Of paragraphs without letters that begin there too, the last one. Numbers of lists are not in the file.
        end = place + len(wanted) + len(wanted) // 8 + 1
        runs.append((bisect_right(begins, place) - 1, bisect_left(begins, end), same))
        place = whole.find(head, place + 1)
    return runs or [(0, 0, 0)]


def headings_above(passage, all_of, at):
    """What is wrong with the headings of a passage that begins with paragraph `at`."""
    each, _, _ = letters(passage["file"])
    path = {}
    for heading, (_, level) in zip(each[: at + 1], all_of):
        if level and heading:
            path = {above: words for above, words in path.items() if above < level}
            path[level] = heading
    said = [squeezed(heading) for heading in passage["location"].get("heading", [])]
    real = list(path.values())
    # What is only set like a heading may count as one, if it stands above. Long headings are cut.
    rest = iter(said)
    in_order = all(any(long.startswith(short) for short in rest) for long in real)
    stand = all(any(text.startswith(heading) for text in each[: at + 1]) for heading in said)
    return "" if in_order and stand else f"headings {said} are {real}"
