#!/usr/bin/python3
"""Makes common/image/font_{text,strong,title}.c: the letters of contact sheets, so that no program
of Kindred needs a font when it runs.

The outlines are those of DejaVu Sans Condensed, drawn by FreeType through Pillow. DejaVu is free:
Bitstream Vera is copyright 2003 Bitstream, Inc., Arev's letters copyright 2006 Tavmjong Bah, both
may be used, changed and passed on within larger software; DejaVu's own changes are in the public
domain (https://dejavu-fonts.github.io/License.html).

Needs Debian's fonts-dejavu-extra, python3-pil and clang-format; writes the files anew.
"""
import os
import subprocess

from PIL import Image, ImageDraw, ImageFont

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FONTS = "/usr/share/fonts/truetype/dejavu/"
FACES = [
    ("text", "DejaVuSansCondensed.ttf", 12, "captions: keys and notes"),
    ("strong", "DejaVuSansCondensed-Bold.ttf", 12, "captions: distances and labels"),
    ("title", "DejaVuSansCondensed-Bold.ttf", 16, "the header of a sheet"),
]
# ASCII, Latin-1, and the one further sign that the sheets use; the order of kin_font's table.
CHARACTERS = [*range(0x20, 0x7F), *range(0xA0, 0x100), 0x2026]


def glyph(font, ascent, character):
    """One row of the table: advance, left, top (below the ascent), width, height, pixels."""
    text = chr(character)
    advance = round(font.getlength(text))
    margin = 8
    canvas = Image.new("L", (64, 64))
    ImageDraw.Draw(canvas).text((margin, 0), text, fill=255, font=font)
    box = canvas.getbbox()
    if box is None:
        return f"{{{advance}, 0, 0, 0, 0, \"\"}},"
    left, top, right, bottom = box
    pixels = "".join(f"{(value * 15 + 127) // 255:x}" for value in canvas.crop(box).tobytes())
    return f"{{{advance}, {left - margin}, {top}, {right - left}, {bottom - top}, \"{pixels}\"}},"


def main():
    for name, file, size, what in FACES:
        font = ImageFont.truetype(FONTS + file, size, layout_engine=ImageFont.Layout.BASIC)
        ascent, descent = font.getmetrics()
        rows = "\n".join(glyph(font, ascent, character) for character in CHARACTERS)
        source = f"""/* Glyphs for {what}. Made by tests/support/make_font.py from
 * {file} (free licence, see there) at {size} pixels. */
#include "common/image/font.h"

/* advance, left, top, width, height, coverage [height][width] as hexadecimal digits */
static const kin_glyph glyphs[KIN_FONT_GLYPHS] = {{
{rows}
}};

const kin_font kin_font_{name} = {{.ascent = {ascent}, .height = {ascent + descent}, .glyphs = glyphs}};
"""
        path = os.path.join(ROOT, "common/image", f"font_{name}.c")
        formatted = subprocess.run(["clang-format", f"--assume-filename={path}"], input=source,
                                   text=True, capture_output=True, check=True).stdout
        with open(path, "w", encoding="ascii") as out:
            out.write(formatted)


if __name__ == "__main__":
    main()
