#!/usr/bin/env python3
"""Makes the scans that OCR is tested with, out of the texts beside them.

Each NAME.txt becomes NAME.pdf or NAME.jpg: set in type, printed on grey paper, laid on the glass a little askew, blurred
and packed the way an office scanner does it. What is made is kept in the repository, so that the test needs neither fonts
nor Python; run this again only to change the scans:

    apt-get install fonts-liberation fonts-noto-cjk && pip install pillow numpy && python3 make.py
"""

import io
from pathlib import Path

import numpy
from PIL import Image, ImageDraw, ImageFilter, ImageFont

HERE = Path(__file__).parent
DPI = 200
PAGE = (1654, 2339)  # A4
MARGIN = 190
SERIF = "/usr/share/fonts/truetype/liberation/LiberationSerif-Regular.ttf"
SANS = "/usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf"
MONO = "/usr/share/fonts/truetype/liberation/LiberationMono-Regular.ttf"
SONG = "/usr/share/fonts/opentype/noto/NotoSerifCJK-Regular.ttc"
HEI = "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"
SIMPLIFIED, TRADITIONAL = 2, 3  # of the fonts in a collection


def font(name, points, index=0):
    return ImageFont.truetype(name, round(points * DPI / 72), index=index)


def broken(text, face, width):
    """Lines of `text` that are no wider than `width`: broken at blanks, or between Chinese characters."""
    line = ""
    for piece in pieces(text):
        if face.getlength((line + piece).rstrip()) > width and line:
            yield line.rstrip()
            line = piece.lstrip()
        else:
            line += piece
    if line.strip():
        yield line.rstrip()


def pieces(text):
    word = ""
    for c in text:
        if ord(c) > 0x2E80:
            # Closing marks do not begin a line.
            if c in "，。、；：？！）》”":
                word += c
            else:
                if word:
                    yield word
                word = c
        else:
            if word and ord(word[0]) > 0x2E80:
                yield word
                word = ""
            word += c
            if c == " ":
                yield word
                word = ""
    if word:
        yield word


def typeset(text, face, columns=1, leading=1.45):
    page = Image.new("L", PAGE, 255)
    draw = ImageDraw.Draw(page)
    gutter = 70
    width = (PAGE[0] - 2 * MARGIN - gutter * (columns - 1)) / columns
    step = face.size * leading
    x, y = MARGIN, MARGIN
    for paragraph in text.strip().split("\n"):
        for line in broken(paragraph, face, width) if paragraph else [""]:
            if y + step > PAGE[1] - MARGIN:
                x, y = x + width + gutter, MARGIN
            draw.text((x, y), line, font=face, fill=25)
            y += step
    return page


def scanned(page, seed, tilt=0.4, quarter=0):
    noise = numpy.random.default_rng(seed)
    page = page.rotate(tilt, resample=Image.Resampling.BICUBIC, fillcolor=255)
    page = page.filter(ImageFilter.GaussianBlur(0.8))
    grey = numpy.asarray(page, dtype=numpy.float32) * 0.93 + noise.normal(0, 7, (PAGE[1], PAGE[0]))
    # Dust.
    for _ in range(60):
        y, x = noise.integers(0, PAGE[1] - 3), noise.integers(0, PAGE[0] - 3)
        grey[y : y + 2, x : x + 2] = 90
    page = Image.fromarray(numpy.clip(grey, 0, 255).astype(numpy.uint8))
    return page.rotate(90 * quarter, expand=True)


def save_pdf(pages, path):
    jpegs = []
    for page in pages:
        out = io.BytesIO()
        page.save(out, "JPEG", quality=35, dpi=(DPI, DPI))
        jpegs.append(Image.open(io.BytesIO(out.getvalue())))
    jpegs[0].save(path, "PDF", resolution=DPI, save_all=True, append_images=jpegs[1:], quality=35)


def save_small():
    """One line in every form that pictures come in."""
    def line(words):
        page = Image.new("L", (760, 120), 255)
        ImageDraw.Draw(page).text((40, 35), words, font=font(SANS, 12), fill=0)
        return page

    one, two = line("Valve 7 opens at 3.5 bar"), line("This is page two of the fax")
    black = [page.convert("1") for page in (one, two)]
    black[0].save(HERE / "fax.tif", compression="group4", save_all=True, append_images=black[1:], dpi=(200, 200))
    one.convert("RGB").save(HERE / "colours.tif", compression="tiff_lzw")
    # On a ground that is not there: the words are black, and so is what lies below the ground.
    screen = Image.new("LA", one.size, (0, 0))
    screen.putalpha(one.point(lambda grey: 255 - grey))
    screen.save(HERE / "screen.png", optimize=True)
    one.convert("P").save(HERE / "screen.gif")
    one.convert("RGB").save(HERE / "screen.webp", quality=50)
    one.convert("1").save(HERE / "screen.bmp")


def text(name):
    return (HERE / f"{name}.txt").read_text(encoding="utf-8")


def main():
    english = typeset(text("lease"), font(SERIF, 11))
    save_pdf([scanned(english, 1)], HERE / "lease.pdf")
    columns = typeset(text("bulletin"), font(SANS, 9), columns=2)
    save_pdf([scanned(columns, 2, tilt=-0.3)], HERE / "bulletin.pdf")
    chinese = typeset(text("contract"), font(SONG, 11, SIMPLIFIED))
    save_pdf([scanned(chinese, 3, tilt=0.3)], HERE / "contract.pdf")
    notice = typeset(text("notice"), font(HEI, 11, TRADITIONAL))
    # Laid in upside down.
    save_pdf([scanned(notice, 4, tilt=-0.4, quarter=2)], HERE / "notice.pdf")
    receipt = typeset(text("receipt"), font(MONO, 10))
    box = (MARGIN - 60, MARGIN - 60, PAGE[0] - MARGIN + 60, MARGIN + 1150)
    scanned(receipt, 5, tilt=0.2).crop(box).save(HERE / "receipt.jpg", quality=50, dpi=(DPI, DPI))
    save_small()
    # A page that was fed in sideways.
    save_pdf([scanned(english, 6, quarter=1)], HERE / "lease-sideways.pdf")


if __name__ == "__main__":
    main()
