"""third_party.py: prints which crates docent-cli is linked from, under which licence, and the licence texts they ship.

Reads `cargo metadata` on standard input:

    cargo metadata --format-version 1 --locked --filter-platform TARGET | python3 scripts/third_party.py
"""

import hashlib
import json
import pathlib
import re
import sys

NAMES = re.compile(r"^(licen[cs]e|copying|notice|unlicense)", re.IGNORECASE)


def linked(metadata):
    """Ids of the packages that docent-cli is linked from: neither build tools nor what only tests need."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = next(package["id"] for package in metadata["packages"] if package["name"] == "docent-cli")
    found, waiting = set(), [root]
    while waiting:
        node = nodes[waiting.pop()]
        if node["id"] in found:
            continue
        found.add(node["id"])
        for dependency in node["deps"]:
            if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                waiting.append(dependency["pkg"])
    return found


def main():
    metadata = json.load(sys.stdin)
    ids = linked(metadata)
    packages = [package for package in metadata["packages"] if package["id"] in ids and package["source"]]
    packages.sort(key=lambda package: (package["name"], package["version"]))
    print(f"docent is linked from {len(packages)} crates by others:\n")
    texts = {}
    for package in packages:
        print(f"{package['name']} {package['version']}: {package['license'] or 'see its licence file'}")
        # Sources in C that a crate brings along lie in a folder of their own.
        folder = pathlib.Path(package["manifest_path"]).parent
        for file in sorted(folder.glob("*")) + sorted(folder.glob("*/*")):
            if NAMES.match(file.name) and file.is_file():
                text = file.read_text(encoding="utf-8", errors="replace").strip()
                key = hashlib.sha256(" ".join(text.split()).encode()).hexdigest()
                texts.setdefault(key, (text, []))[1].append(package["name"])
    for text, names in texts.values():
        print(f"\n==== {', '.join(dict.fromkeys(names))} ====\n\n{text}")


if __name__ == "__main__":
    main()
