#!/usr/bin/python3
"""Good pictures of every variety that we read, decoded by the real program and by Pillow.

Tolerances, in grey levels: PNG, BMP and GIF are exact (alpha on white may round by 1); JPEG of
libjpeg-turbo is what Pillow uses too, and stb_image is within a few levels of it (chroma is
interpolated in another way); rasters are within 1 of Pillow's BILINEAR and BICUBIC in every way of
resizing, and JPEG pictures that were decoded at a reduced scale on average within 1."""
import io
import os
import shutil
import struct
import sys
import tempfile
import zlib

import numpy
from PIL import Image, ImageOps

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import hostile  # noqa: E402
import tap  # noqa: E402
import trial  # noqa: E402

encoded, photo = hostile.encoded, hostile.photo
RNG = numpy.random.default_rng(5)


def on_white(image):
    """Pillow's idea of the picture: upright, 8-bit RGB, on white."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        grey = numpy.asarray(image).astype(numpy.uint32) >> 8
        image = Image.fromarray(grey.astype(numpy.uint8))
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return numpy.asarray(image.convert("RGB")).astype(int)


def textured(width, height, seed=1):
    """A photo with fine detail, which wrong filters and wrong rows show."""
    pixels = numpy.asarray(photo(width, height, seed)).astype(int)
    pixels += RNG.integers(-20, 21, pixels.shape)
    return Image.fromarray(pixels.clip(0, 255).astype(numpy.uint8))


# --- PNG that Pillow does not write -------------------------------------------------------------

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2),
         (0, 1, 1, 2)]


def packed_rows(samples, depth):
    """[height][width][channels] samples as PNG rows, each with a filter byte of none."""
    height = samples.shape[0]
    flat = samples.reshape(height, -1)
    if depth == 16:
        rows = flat.astype(">u2").tobytes()
        size = flat.shape[1] * 2
        return b"".join(b"\0" + rows[y * size:(y + 1) * size] for y in range(height))
    bits = ((flat[..., None] >> numpy.arange(depth - 1, -1, -1)) & 1).reshape(height, -1)
    return b"".join(b"\0" + numpy.packbits(row.astype(numpy.uint8)).tobytes() for row in bits)


def made_png(width, height, depth, colour, interlaced, *chunks):
    samples = RNG.integers(0, 1 << depth, (height, width, CHANNELS[colour]))
    if interlaced:
        raw = b"".join(packed_rows(part, depth) for x, y, dx, dy in ADAM7
                       for part in [samples[y::dy, x::dx]] if part.size)
    else:
        raw = packed_rows(samples, depth)
    if colour == 3:
        palette = RNG.integers(0, 256, 3 << depth, dtype=numpy.uint8).tobytes()
        chunks = (hostile.chunk(b"PLTE", palette), *chunks)
    half = len(raw) // 2
    data = zlib.compress(raw)
    return hostile.png(hostile.ihdr(width, height, depth, colour, interlace=int(interlaced)),
                       *chunks, hostile.chunk(b"IDAT", data[:half]),
                       hostile.chunk(b"IDAT", data[half:]), hostile.IEND), samples


def expected_samples(data, samples, depth, colour):
    """Our own reading of what was made, for depths that Pillow changes in its own way."""
    top = (1 << depth) - 1
    if colour == 3 or depth == 16 and colour in (4, 6):
        return None
    values = samples >> 8 if depth == 16 else samples * 255 // top
    return numpy.repeat(values, 3, 2) if colour == 0 else values if colour == 2 else None


def png_varieties():
    for colour, depths in {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16),
                           6: (8, 16)}.items():
        for depth in depths:
            for interlaced in (False, True):
                data, samples = made_png(37, 21, depth, colour, interlaced)
                name = f"png colour {colour}, {depth} bits{', interlaced' if interlaced else ''}"
                yield name, data, expected_samples(data, samples, depth, colour), 1
    for width, height in ((1, 1), (1, 9), (9, 1), (3, 5)):
        data, samples = made_png(width, height, 8, 2, True)
        yield f"png interlaced {width} x {height}", data, samples, 0
    image = textured(50, 40)
    key = image.getpixel((7, 7))
    yield "png transparent colour", encoded(image, "PNG", transparency=key), None, 0
    indexed = image.quantize(32)
    yield "png palette with alpha", encoded(indexed, "PNG", transparency=bytes(range(0, 256, 8))), \
        None, 1
    faint = image.convert("RGBA")
    faint.putalpha(image.convert("L"))
    yield "png RGBA", encoded(faint, "PNG"), None, 1
    yield "png LA", encoded(faint.convert("LA"), "PNG"), None, 1
    yield "png animated, its first picture", encoded(image, "PNG", save_all=True, append_images=[
        textured(50, 40, 9)]), numpy.asarray(image).astype(int), 0


def jpeg_varieties():
    image = textured(101, 67)
    tight = 0 if trial.by_turbo() else 40
    for name, options in [("4:4:4", {"subsampling": 0}), ("4:2:2", {"subsampling": 1}),
                          ("4:2:0", {"subsampling": 2}), ("progressive", {"progressive": True}),
                          ("quality 100", {"quality": 100}), ("optimized", {"optimize": True})]:
        yield f"jpeg {name}", encoded(image, "JPEG", **options), None, tight
    yield "jpeg grey", encoded(image.convert("L"), "JPEG"), None, min(tight, 3)
    yield "jpeg CMYK", encoded(image.convert("CMYK"), "JPEG"), None, 2 if tight == 0 else tight
    yield "jpeg 1 x 1", encoded(image.crop((0, 0, 1, 1)), "JPEG"), None, tight
    yield "jpeg 17 x 3", encoded(image.crop((0, 0, 17, 3)), "JPEG"), None, tight


def orientation_varieties():
    # Each corner is another colour, so that a wrong turn shows at any tolerance.
    image = Image.new("RGB", (48, 32), "white")
    for box, colour in (((0, 0, 24, 16), "red"), ((24, 0, 48, 16), "green"),
                        ((0, 16, 24, 32), "blue")):
        image.paste(colour, box)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[274] = orientation
        for kind in ("JPEG", "PNG"):
            options = {"subsampling": 0, "quality": 100} if kind == "JPEG" else {}
            yield f"{kind.lower()} orientation {orientation}", \
                encoded(image, kind, exif=exif, **options), None, 3
    big = hostile.swap(encoded(image, "JPEG", subsampling=0, quality=100), hostile.SOI,
                       hostile.SOI + hostile.segment(
                           0xe1, b"Exif\0\0MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 274, 3, 1, 6, 0,
                                                               0)))
    yield "jpeg orientation 6, big-endian", big, None, 3


def other_varieties():
    image = textured(45, 31)
    indexed = image.quantize(64)
    for name, options in (("", {}), (" interlaced", {"interlace": 1}),
                          (" transparent", {"transparency": 5})):
        yield f"gif{name}", encoded(indexed, "GIF", **options), None, 0
    yield "gif animated, its first picture", encoded(indexed, "GIF", save_all=True, append_images=[
        textured(45, 31, 8).quantize(64)]), on_white(Image.open(io.BytesIO(
            encoded(indexed, "GIF")))), 0
    yield "gif of two colours", encoded(image.convert("1"), "GIF"), None, 0
    for mode in ("1", "L", "P", "RGB"):
        yield f"bmp {mode}", encoded(image.convert(mode), "BMP"), None, 0
    pixels = numpy.asarray(image)
    upside = hostile.bmp(45, -31, data=b"".join(
        row[:, ::-1].tobytes() + b"\0" for row in pixels))
    yield "bmp top down", upside, pixels.astype(int), 0
    four = numpy.dstack([pixels[::-1, :, ::-1], numpy.full((31, 45, 1), 0, numpy.uint8)])
    yield "bmp 32 bits", hostile.bmp(45, 31, 32, data=four.tobytes()), pixels.astype(int), 0
    fives = RNG.integers(0, 32, (6, 8, 3))
    words = (fives[..., 0] << 10 | fives[..., 1] << 5 | fives[..., 2]).astype("<u2")[::-1]
    yield "bmp 16 bits", hostile.bmp(8, 6, 16, data=words.tobytes()), fives * 255 // 31, 1


def read_ppm(folder, number):
    return numpy.asarray(Image.open(os.path.join(folder, f"{number}.ppm"))).astype(int)


def decode(folder, pictures, *options):
    """Trials and pixels of pictures (bytes)."""
    paths = []
    for number, data in enumerate(pictures):
        paths.append(os.path.join(folder, f"picture-{number}"))
        with open(paths[-1], "wb") as file:
            file.write(data)
    pixels = os.path.join(folder, "pixels")
    shutil.rmtree(pixels, ignore_errors=True)
    os.mkdir(pixels)
    trials, _ = trial.run(paths, "--raster-out", pixels, *options)
    return trials, [read_ppm(pixels, n) if t.reason == "none" else None
                    for n, t in enumerate(trials)]


def test_varieties(folder):
    """At the size that they have: 1024 x 1024 is the box, and they are smaller."""
    varieties = [*png_varieties(), *jpeg_varieties(), *orientation_varieties(),
                 *other_varieties()]
    trials, rasters = decode(folder, [data for _, data, _, _ in varieties])
    for (name, data, expected, tolerance), said, raster in zip(varieties, trials, rasters):
        if expected is None:
            expected = on_white(Image.open(io.BytesIO(data)))
        if raster is None or raster.shape != expected.shape:
            tap.ok(False, f"{name} decodes", said, expected.shape)
            continue
        worst = abs(raster - expected).max()
        size = (said.width, said.height) == expected.shape[1::-1]
        tap.ok(worst <= tolerance and size, f"{name}: within {tolerance} of Pillow", said,
               f"off by {worst}")


def test_sizes(folder):
    """Rasters that are smaller than the picture."""
    sizes = [(640, 480), (333, 777), (1000, 3), (2, 900), (129, 128), (128, 129), (1500, 1500)]
    images = [photo(width, height, 3) for width, height in sizes]
    for side in (1, 7, 64, 128):
        trials, rasters = decode(folder, [encoded(i, "PNG") for i in images], "--side", str(side))
        worst = 0
        for said, image, raster in zip(trials, images, rasters):
            if raster is None:
                tap.ok(False, f"a PNG of {image.size} decodes", said)
                continue
            height, width = raster.shape[:2]
            other = numpy.asarray(image.resize((width, height), Image.BILINEAR)).astype(int)
            worst = max(worst, abs(raster - other).max())
            shape = max(width, height) <= side and (width == side or height == side)
            if not shape:
                tap.ok(False, f"{image.size} fits {side}", raster.shape)
        tap.ok(worst <= 1, f"side {side}: within 1 of Pillow", f"off by {worst}")


def stretched(image, size, _, filter_):
    return image.resize(size, filter_)


def cropped(image, size, shorter, filter_):
    """torchvision's Resize(shorter), its longer side cut off to a whole number, and CenterCrop."""
    short = min(image.size)
    width, height = (shorter * side // short for side in image.size)
    left, top = round((width - size[0]) / 2), round((height - size[1]) / 2)
    whole = image.resize((width, height), filter_)
    return whole.crop((left, top, left + size[0], top + size[1]))


def padded(image, size, _, filter_):
    return ImageOps.pad(image, size, filter_, color="white")


def test_rules(folder):
    """Every way of resizing with every interpolation, of photos, of pictures with edges of black on
    white, where the cubic filter overshoots, and of pictures that are stored turned."""
    edges = Image.fromarray(RNG.integers(0, 2, (150, 203), dtype=numpy.uint8) * 255).resize(
        (812, 600), Image.NEAREST).convert("RGB")
    images = [photo(641, 480, 3), textured(375, 500), textured(90, 61), edges, photo(1999, 1003, 7)]
    turned = []
    for orientation in (3, 5, 6, 8):
        exif = Image.Exif()
        exif[274] = orientation
        turned.append(encoded(edges.crop((0, 0, 611, 402)), "PNG", exif=exif))
    data = [encoded(image, "PNG") for image in images] + turned
    images = [ImageOps.exif_transpose(Image.open(io.BytesIO(d))).convert("RGB") for d in data]
    for size, shorter in (((224, 224), 256), ((96, 64), 96), ((1, 1), 1), ((336, 336), 336)):
        for rule, oracle in (("stretch", stretched), ("crop", cropped), ("pad", padded)):
            for word, filter_ in (("bilinear", Image.BILINEAR), ("bicubic", Image.BICUBIC)):
                options = ["--raster", "%dx%d" % size, "--resize", rule, "--interpolation", word]
                if rule == "crop":
                    options += ["--shorter-side", str(shorter)]
                _, rasters = decode(folder, data, *options)
                worst = max(abs(raster - numpy.asarray(oracle(image, size, shorter, filter_),
                                                       dtype=int)).max()
                            for image, raster in zip(images, rasters))
                tap.ok(worst <= 1, f"{rule} to {size}, {word}: within 1 of Pillow",
                       f"off by {worst}")


def test_reduced_jpeg(folder):
    """The DCT at a reduced scale: near the whole decode, and the same for every thumbnail."""
    images = [textured(1600, 1200), photo(2000, 700, 4)]
    data = [encoded(image, "JPEG", quality=90) for image in images]
    for word, filter_ in (("bicubic", Image.BICUBIC), ("bilinear", Image.BILINEAR)):
        _, rasters = decode(folder, data, "--side", "64", "--interpolation", word)
        for image, source, raster in zip(images, data, rasters):
            whole = Image.open(io.BytesIO(source)).convert("RGB")
            size = raster.shape[1::-1]
            other = numpy.asarray(whole.resize(size, filter_)).astype(int)
            mean = abs(raster - other).mean()
            tap.ok(mean <= 1, f"jpeg {image.size} to {size}, {word}: mean within 1",
                   f"off by {mean}")
    for thumbnail in ("0", "96", "512"):
        _, again = decode(folder, data, "--side", "64", "--thumbnail", thumbnail)
        tap.ok(all((a == b).all() for a, b in zip(again, rasters)),
               f"the raster does not depend on a thumbnail of {thumbnail}")


def difference(image, other):
    return abs(numpy.asarray(image.convert("RGB")).astype(int) - numpy.asarray(other)).mean()


def test_thumbnails(folder):
    """JPEG of quality 85: upright, of the picture's shape, no worse than Pillow's JPEG of 85."""
    exif = Image.Exif()
    exif[274] = 6
    data = [encoded(photo(900, 300, 5), "PNG"), encoded(photo(640, 480, 6), "JPEG", exif=exif),
            encoded(photo(30, 20, 7), "BMP"), encoded(textured(600, 500), "PNG")]
    sizes = [(96, 32), (72, 96), (30, 20), (96, 80)]
    decode(folder, data, "--thumbnail", "96")
    for number, (source, size) in enumerate(zip(data, sizes)):
        with open(os.path.join(folder, "pixels", f"{number}.jpg"), "rb") as file:
            thumbnail = Image.open(io.BytesIO(file.read()))
        whole = ImageOps.exif_transpose(Image.open(io.BytesIO(source))).convert("RGB")
        other = whole.resize(size, Image.BILINEAR)
        lost = difference(Image.open(io.BytesIO(encoded(other, "JPEG", quality=85))), other)
        fits = thumbnail.size == size and thumbnail.format == "JPEG"
        mean = difference(thumbnail, other) if fits else 255
        tap.ok(mean <= lost + 1, f"thumbnail of {whole.size}: {size}, as good as Pillow's",
               thumbnail.size, f"off by {mean}, Pillow's by {lost}")


def main():
    for test in (test_varieties, test_sizes, test_rules, test_reduced_jpeg, test_thumbnails):
        folder = tempfile.mkdtemp(prefix="kindred-decode-")
        try:
            test(folder)
        finally:
            shutil.rmtree(folder)
    tap.finish()


main()
