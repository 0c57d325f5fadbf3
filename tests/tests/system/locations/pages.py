"""Pages of PDF files, by pdftotext."""

import subprocess
from functools import cache


@cache
def page(file, number):
    """A page, read in the order of its layout and in that of the file: they differ in where words end."""
    found = []
    for order in ([], ["-raw"]):
        command = ["pdftotext", *order, "-enc", "UTF-8", "-f", str(number), "-l", str(number), file, "-"]
        run = subprocess.run(command, capture_output=True, check=False)
        if run.returncode == 0:
            found.append(run.stdout.decode("utf-8", "replace"))
    return found


def check(passage):
    return page(passage["file"], passage["location"]["page"]), ""
