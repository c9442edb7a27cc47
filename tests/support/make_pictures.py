#!/usr/bin/python3
"""Makes small pictures of a few categories for tests: the same arguments, the same bytes.

  tests/support/make_pictures.py FOLDER [--count 60] [--categories 4] [--side 64] [--seed 1]

FOLDER/CATEGORY/NNNN.EXT: a category has its own colours and stripes, a picture its own noise and
place; JPEG, PNG, GIF and BMP in turn. Import it for make(folder, count, categories, side, seed).
"""
import argparse
import os
import random

from PIL import Image, ImageDraw

FORMATS = [("jpg", "JPEG"), ("png", "PNG"), ("gif", "GIF"), ("bmp", "BMP")]
NAMES = ["apple", "boat", "cloud", "drum", "eagle", "fern", "glove", "house"]


def picture(category, index, side, seed):
    """One picture: stripes of the category, a blob and noise of its own."""
    chance = random.Random(f"{seed}/{category}/{index}")
    style = random.Random(f"style/{category}")
    back, front = [tuple(style.randrange(256) for _ in range(3)) for _ in range(2)]
    step = style.choice([6, 9, 13, 18])
    width, height = side + chance.randrange(side // 2), side + chance.randrange(side // 2)
    image = Image.new("RGB", (width, height), back)
    draw = ImageDraw.Draw(image)
    shift = chance.randrange(step)
    for at in range(-height, width, step):
        lean = height if category % 2 else 0
        draw.line([(at + shift, 0), (at + shift + lean, height)], fill=front, width=step // 3)
    x, y = chance.randrange(width), chance.randrange(height)
    draw.ellipse([x - side // 4, y - side // 4, x + side // 4, y + side // 4],
                 fill=tuple(chance.randrange(256) for _ in range(3)))
    for _ in range(side):
        draw.point((chance.randrange(width), chance.randrange(height)),
                   fill=tuple(chance.randrange(256) for _ in range(3)))
    return image


def make(folder, count=60, categories=4, side=64, seed=1):
    """Writes the pictures and returns their paths, in order."""
    paths = []
    for index in range(count):
        category = index % categories
        name = NAMES[category % len(NAMES)] + (str(category) if category >= len(NAMES) else "")
        ending, form = FORMATS[index // categories % len(FORMATS)]
        path = os.path.join(folder, name, f"{index:04d}.{ending}")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        picture(category, index, side, seed).save(path, form)
        paths.append(path)
    return paths


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    for name, value in (("count", 60), ("categories", 4), ("side", 64), ("seed", 1)):
        parser.add_argument("--" + name, type=int, default=value)
    options = parser.parse_args()
    make(options.folder, options.count, options.categories, options.side, options.seed)


if __name__ == "__main__":
    main()
