"""Pictures that are meant to hurt a decoder, byte by byte. cases() gives (name, bytes, reasons):
the reason words that are right for it ("none" where decoding it is right)."""
import io
import random
import struct
import zlib

from PIL import Image

SIGNATURE = b"\x89PNG\r\n\x1a\n"
DAMAGED = {"corrupt", "truncated"}
REFUSED = {"corrupt", "truncated", "unsupported", "too-large"}
# stb_image paints what a scan lacks, and does not say so.
PAINTED_BY_STB = {"jpeg cut in its scan, end behind"}


def photo(width, height, seed=1):
    """Smooth colours with some noise: what a camera might give."""
    rng = random.Random(seed)
    small = Image.new("RGB", (4, 4))
    small.putdata([tuple(rng.randrange(256) for _ in range(3)) for _ in range(16)])
    return small.resize((width, height), Image.BICUBIC)


def encoded(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


# --- PNG ---------------------------------------------------------------------------------------

def chunk(kind, data=b"", crc=None, length=None):
    checksum = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data) if length is None else length) + kind + data + \
        struct.pack(">I", checksum)


def ihdr(width=1, height=1, depth=8, colour=0, compression=0, filtering=0, interlace=0):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, compression,
                                      filtering, interlace))


IEND = chunk(b"IEND")


def idat(raw=b"\0\0"):
    return chunk(b"IDAT", zlib.compress(raw))


def png(*chunks):
    return SIGNATURE + b"".join(chunks)


def png_cases():
    good = png(ihdr(), idat(), IEND)
    palette = chunk(b"PLTE", b"\x10\x20\x30")
    bomb = zlib.compressobj(9)
    bomb = bomb.compress(bytes(64 << 20)) + bomb.flush()
    million = zlib.compress(bytes(3000 * 2001), 1)
    return [
        ("png length 2^31", SIGNATURE + ihdr() + b"\x7f\xff\xff\xffIDAT\0\0\0\0", DAMAGED),
        ("png length 2^32", SIGNATURE + ihdr() + b"\xff\xff\xff\xffIDAT\0\0\0\0", DAMAGED),
        ("png 49 bytes", (SIGNATURE + ihdr() + b"\x6b\0\0\0IDAT" + bytes(8))[:49], DAMAGED),
        ("png crc of IHDR", good.replace(ihdr()[-4:], b"\1\2\3\4"), {"corrupt"}),
        ("png crc of IDAT", png(ihdr(), chunk(b"IDAT", zlib.compress(b"\0\0"), crc=7), IEND),
         {"corrupt"}),
        ("png crc of IEND", png(ihdr(), idat(), chunk(b"IEND", crc=7)), {"corrupt"}),
        ("png crc of tEXt", png(ihdr(), chunk(b"tEXt", b"a\0b", crc=7), idat(), IEND),
         {"corrupt"}),
        ("png without IEND", png(ihdr(), idat()), {"truncated"}),
        ("png cut in IDAT", good[:45], {"truncated"}),
        ("png cut in IHDR", good[:20], {"truncated"}),
        ("png signature alone", SIGNATURE, {"truncated"}),
        ("png half a signature", SIGNATURE[:4], {"truncated", "not-an-image"}),
        ("png width 0", png(ihdr(width=0), idat(), IEND), {"corrupt"}),
        ("png height 0", png(ihdr(height=0), idat(), IEND), {"corrupt"}),
        ("png width 2^32-1", png(ihdr(width=0xffffffff), idat(), IEND), {"corrupt", "too-large"}),
        ("png width 65536", png(ihdr(width=65536), idat(), IEND), {"too-large"}),
        ("png 900 million pixels", png(ihdr(30000, 30000), idat(), IEND), {"too-large"}),
        ("png 4 billion pixels", png(ihdr(65535, 65535), idat(), IEND), {"too-large"}),
        ("png 320 MB of 16-bit RGBA", png(ihdr(6300, 6300, 16, 6), idat(), IEND), REFUSED),
        ("png 39 million pixels, no data", png(ihdr(6300, 6300), idat(), IEND), DAMAGED),
        ("png 6 million pixels of one colour", png(ihdr(3000, 2000), chunk(b"IDAT", million), IEND),
         {"none"}),
        ("png depth 3", png(ihdr(depth=3), idat(), IEND), {"corrupt"}),
        ("png depth 16 with palette", png(ihdr(depth=16, colour=3), palette, idat(), IEND),
         {"corrupt"}),
        ("png colour type 5", png(ihdr(colour=5), idat(), IEND), {"corrupt"}),
        ("png compression 1", png(ihdr(compression=1), idat(), IEND), {"corrupt", "unsupported"}),
        ("png filter method 1", png(ihdr(filtering=1), idat(), IEND), {"corrupt", "unsupported"}),
        ("png interlace 2", png(ihdr(interlace=2), idat(), IEND), {"corrupt", "unsupported"}),
        ("png no palette", png(ihdr(colour=3), idat(), IEND), {"corrupt"}),
        ("png palette of 7 bytes", png(ihdr(colour=3), chunk(b"PLTE", bytes(7)), idat(), IEND),
         {"corrupt"}),
        ("png palette of 257", png(ihdr(colour=3), chunk(b"PLTE", bytes(771)), idat(), IEND),
         {"corrupt"}),
        ("png palette index too large", png(ihdr(colour=3), palette, idat(b"\0\xff"), IEND),
         {"none", "corrupt"}),
        ("png two IHDR", png(ihdr(), ihdr(), idat(), IEND), {"corrupt"}),
        ("png IHDR second", png(chunk(b"tEXt", b"a\0b"), ihdr(), idat(), IEND), {"corrupt"}),
        ("png IHDR of 12 bytes", png(chunk(b"IHDR", bytes(12)), idat(), IEND), {"corrupt"}),
        ("png CgBI", png(chunk(b"CgBI", bytes(4)), ihdr(), idat(), IEND),
         {"unsupported", "corrupt"}),
        ("png no IDAT", png(ihdr(), IEND), {"corrupt"}),
        ("png IDATs apart", png(ihdr(), idat()[:0] + chunk(b"IDAT", zlib.compress(b"\0\0")[:4]),
                                chunk(b"tEXt", b"a\0b"),
                                chunk(b"IDAT", zlib.compress(b"\0\0")[4:]), IEND), {"corrupt"}),
        ("png unknown critical chunk", png(ihdr(), chunk(b"ABCD"), idat(), IEND),
         {"unsupported", "corrupt"}),
        ("png chunk name of control bytes", png(ihdr(), chunk(b"\1\2\3\4"), idat(), IEND),
         {"corrupt", "unsupported"}),
        ("png noise for zlib", png(ihdr(9, 9), chunk(b"IDAT", bytes(range(1, 99))), IEND),
         DAMAGED),
        ("png too few rows", png(ihdr(9, 9), idat(bytes(20)), IEND), DAMAGED),
        ("png empty IDAT", png(ihdr(), chunk(b"IDAT"), IEND), DAMAGED),
        ("png 64 MB for one pixel", png(ihdr(), chunk(b"IDAT", bomb), IEND),
         REFUSED | {"none"}),
        ("png row filter 9", png(ihdr(), idat(b"\x09\0"), IEND), {"corrupt"}),
        ("png tRNS of 300", png(ihdr(colour=3), palette, chunk(b"tRNS", bytes(300)), idat(), IEND),
         {"corrupt"}),
        ("png 10,000 empty IDAT", png(ihdr(), idat(), chunk(b"IDAT") * 10000, IEND), {"none"}),
        ("png garbage behind", good + bytes(range(256)), {"none"}),
    ]


# --- JPEG --------------------------------------------------------------------------------------

def segment(marker, data, length=None):
    return bytes([0xff, marker]) + struct.pack(">H", len(data) + 2 if length is None else length) \
        + data


def sof(width, height, components=((1, 0x11, 0),), marker=0xc0, precision=8):
    body = struct.pack(">BHHB", precision, height, width, len(components))
    return segment(marker, body + b"".join(bytes(c) for c in components))


def sos(*components):
    components = components or ((1, 0),)
    return segment(0xda, bytes([len(components)]) + b"".join(bytes(c) for c in components) +
                   b"\0\x3f\0")


SOI, EOI = b"\xff\xd8", b"\xff\xd9"
DQT = segment(0xdb, b"\0" + bytes([1] * 64))
# One code of one bit each: a block is two bits.
DHT = segment(0xc4, b"\0" + bytes([1] + [0] * 15) + b"\0") + \
    segment(0xc4, b"\x10" + bytes([1] + [0] * 15) + b"\0")


def jpeg(*parts):
    return SOI + b"".join(parts) + EOI


def swap(data, find, replacement):
    """data with the first occurrence replaced; it must be there."""
    assert find in data, find
    return data.replace(find, replacement, 1)


def exif(entries, count=None, offset=8, order=b"II*\0"):
    """APP1 with one directory of (tag, type, count, value)."""
    body = struct.pack("<H", len(entries) if count is None else count)
    body += b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    return segment(0xe1, b"Exif\0\0" + order + struct.pack("<I", offset) + body)


def jpeg_cases():
    good = encoded(photo(40, 24), "JPEG")
    progressive = encoded(photo(64, 64), "JPEG", progressive=True)
    start = good.index(b"\xff\xda")
    scan = start + 2 + struct.unpack(">H", good[start + 2:start + 4])[0]
    at = good.index(b"\xff\xc0")
    height, width = at + 5, at + 7
    rng = random.Random(7)
    noise = bytes(rng.randrange(255) for _ in range(len(good) - scan - 2))
    many = segment(0xc4, b"\0" + bytes([255] * 16) + bytes(255 * 4))
    frame = sof(8, 8)
    whole = jpeg(DQT, DHT, frame, sos(), b"\0")
    scans = sos() + b"\0"
    return [
        ("jpeg of 1,926 bytes, 4,080 symbols", jpeg(DQT, many, frame, sos(), bytes(800))[:1926],
         DAMAGED),
        ("jpeg 257 symbols", jpeg(DQT, segment(0xc4, b"\0" + bytes([0] * 14 + [200, 57]) +
                                               bytes(257)), frame, sos(), b"\0"), {"corrupt"}),
        ("jpeg three codes of one bit", jpeg(DQT, segment(0xc4, b"\0" + bytes([3] + [0] * 15) +
                                                          b"\0\1\2"), frame, sos(), b"\0"),
         {"corrupt"}),
        ("jpeg table longer than segment", jpeg(DQT, segment(0xc4, b"\0" + bytes([200] * 1 +
                                                [0] * 15)), frame, sos(), b"\0"), {"corrupt"}),
        ("jpeg table 7", jpeg(DQT, segment(0xc4, b"\x77" + bytes([1] + [0] * 15) + b"\0"), frame,
                              sos(), b"\0"), {"corrupt"}),
        ("jpeg 150 bytes, 65500 x 65500", jpeg(DQT, DHT, sof(65500, 65500), sos(), b"\0"),
         {"too-large"}),
        ("jpeg 240 million pixels, no data", jpeg(DQT, DHT, sof(16000, 15000), sos(), b"\0"),
         DAMAGED | {"too-large"}),
        ("jpeg 36 million pixels, no data", jpeg(DQT, DHT, sof(6000, 6000), sos(), b"\0"),
         DAMAGED),
        ("jpeg 36 million pixels, progressive, no data",
         jpeg(DQT, DHT, sof(6000, 6000, marker=0xc2), sos(), b"\0"), REFUSED),
        ("jpeg without end", good[:-2], {"truncated"}),
        ("jpeg cut in its scan", good[:scan + 40], {"truncated"}),
        ("jpeg cut in a header", good[:100], {"truncated"}),
        ("jpeg first byte alone", b"\xff", {"not-an-image", "truncated"}),
        ("jpeg start alone", SOI, {"truncated", "not-an-image"}),
        ("jpeg start and end", SOI + EOI, {"corrupt", "truncated", "not-an-image"}),
        ("jpeg magic alone", b"\xff\xd8\xff", {"truncated"}),
        ("jpeg cut in its scan, end behind", good[:scan + 40] + EOI, DAMAGED),
        ("jpeg noise for a scan", good[:scan] + noise + EOI, DAMAGED | {"none"}),
        ("jpeg width 0", good[:width] + b"\0\0" + good[width + 2:], {"corrupt"}),
        ("jpeg height 0", good[:height] + b"\0\0" + good[height + 2:], {"corrupt", "unsupported"}),
        ("jpeg 5 components", jpeg(DQT, DHT, sof(8, 8, [(i, 0x11, 0) for i in range(5)]), sos(),
                                   b"\0"), {"unsupported", "corrupt"}),
        ("jpeg 2 components", jpeg(DQT, DHT, sof(8, 8, [(i, 0x11, 0) for i in range(2)]),
                                   sos((0, 0), (1, 0)), b"\0"), {"unsupported", "corrupt"}),
        ("jpeg 0 components", jpeg(DQT, DHT, sof(8, 8, []), sos(), b"\0"),
         {"unsupported", "corrupt"}),
        ("jpeg 12 bit", jpeg(DQT, DHT, sof(8, 8, marker=0xc1, precision=12), sos(), b"\0"),
         {"unsupported"}),
        ("jpeg arithmetic", jpeg(DQT, sof(8, 8, marker=0xc9), sos(), b"\0"), {"unsupported"}),
        ("jpeg lossless", jpeg(DHT, sof(8, 8, marker=0xc3), sos(), b"\0"), {"unsupported"}),
        ("jpeg hierarchical", jpeg(DQT, DHT, sof(8, 8, marker=0xc5), sos(), b"\0"),
         {"unsupported"}),
        ("jpeg segment length 0", jpeg(segment(0xe0, b"", 0), frame), DAMAGED),
        ("jpeg segment length 1", jpeg(segment(0xe0, b"", 1), frame), DAMAGED),
        ("jpeg segment past the end", SOI + segment(0xe0, b"JFIF\0", 60000), {"truncated"}),
        ("jpeg scan before frame", jpeg(DQT, DHT, sos(), b"\0", frame), {"corrupt"}),
        ("jpeg two frames", jpeg(DQT, DHT, frame, frame, sos(), b"\0"), {"corrupt"}),
        ("jpeg no frame", jpeg(DQT, DHT), DAMAGED),
        ("jpeg no scan", jpeg(DQT, DHT, frame), DAMAGED),
        ("jpeg sampling 0", jpeg(DQT, DHT, sof(8, 8, [(1, 0, 0)]), sos(), b"\0"), {"corrupt"}),
        ("jpeg sampling 15", jpeg(DQT, DHT, sof(8, 8, [(1, 0xff, 0)]), sos(), b"\0"), {"corrupt"}),
        ("jpeg sampling 4x4 thrice",
         jpeg(DQT, DHT, sof(8, 8, [(i, 0x44, 0) for i in (1, 2, 3)]),
              sos((1, 0), (2, 0), (3, 0)), bytes(64)), {"corrupt", "none"}),
        ("jpeg no Huffman tables", jpeg(DQT, frame, sos(), b"\0"), {"corrupt", "none"}),
        ("jpeg no quantization", jpeg(DHT, frame, sos(), b"\0"), {"corrupt"}),
        ("jpeg scan of an unknown component", jpeg(DQT, DHT, frame, sos((9, 0)), b"\0"),
         {"corrupt"}),
        ("jpeg one grey block", whole, {"none"}),
        ("jpeg 3,000 scans", jpeg(DQT, DHT, frame, scans * 3000), REFUSED | {"none"}),
        ("jpeg 3,000 progressive scans of a million pixels",
         jpeg(DQT, DHT, sof(1000, 1000, marker=0xc2),
              (segment(0xda, b"\1\1\0\0\0\0") + bytes(2000)) * 3000),
         REFUSED | {"timeout", "none"}),
        ("jpeg progressive cut", progressive[:len(progressive) // 2] + EOI, DAMAGED | {"none"}),
        ("jpeg restart markers anywhere", good[:scan] + b"\xff\xd3" * 50 + good[scan:],
         DAMAGED | {"none"}),
        ("jpeg exif offset 2^32-1", swap(good, SOI, SOI + exif([], offset=0xffffffff)), {"none"}),
        ("jpeg exif 65,535 entries", swap(good, SOI, SOI + exif([], count=65535)), {"none"}),
        ("jpeg exif orientation 9", swap(good, SOI, SOI + exif([(274, 3, 1, 9)])), {"none"}),
        ("jpeg exif order of bytes unknown", swap(good, SOI, SOI + exif([], order=b"XX*\0")),
         {"none"}),
        ("jpeg exif of 6 bytes", swap(good, SOI, SOI + segment(0xe1, b"Exif\0\0")), {"none"}),
        ("jpeg garbage behind", good + bytes(range(256)), {"none"}),
    ]


# --- GIF, BMP and what is neither ---------------------------------------------------------------

def gif(width=8, height=8, flags=0x80, frame=None, code_size=2, data=b"\x84\x51", end=b"\0;"):
    frame = frame or (0, 0, width, height)
    return b"GIF89a" + struct.pack("<HHBBB", width, height, flags, 0, 0) + \
        (bytes(6) if flags & 0x80 else b"") + b"," + struct.pack("<HHHHB", *frame, 0) + \
        bytes([code_size]) + bytes([len(data)]) + data + end


def gif_cases():
    good = encoded(photo(20, 10).quantize(16), "GIF")
    return [
        ("gif 65535 x 65535", gif(65535, 65535), {"too-large"}),
        ("gif 0 x 0", gif(0, 0), {"corrupt"}),
        ("gif frame outside", gif(frame=(4, 4, 8, 8)), {"corrupt"}),
        ("gif frame of 65535 on 8", gif(frame=(0, 0, 65535, 65535)), {"corrupt", "too-large"}),
        ("gif code size 0", gif(code_size=0), {"corrupt", "none"}),
        ("gif code size 13", gif(code_size=13), {"corrupt"}),
        ("gif code size 255", gif(code_size=255), {"corrupt"}),
        ("gif no colours", gif(flags=0), {"corrupt"}),
        ("gif no picture", b"GIF89a" + struct.pack("<HHBBB", 8, 8, 0, 0, 0) + b";", DAMAGED),
        ("gif noise", gif(data=bytes(range(200, 255))), {"corrupt", "none"}),
        ("gif header alone", b"GIF89a", {"truncated"}),
        ("gif cut in its data", good[:len(good) * 3 // 4], {"truncated"}),
        ("gif block past the end", gif(data=b"\x84\x51", end=b"\xff"), {"truncated"}),
        ("gif of another version", swap(good, good[:6], b"GIF99z"),
         {"not-an-image", "unsupported", "corrupt"}),
        ("gif 36 million pixels, no data", gif(6000, 6000), REFUSED | {"none"}),
        ("gif endless extensions", good[:13] + b"!\xfe\1a\0" * 9999, {"truncated", "corrupt"}),
    ]


def bmp(width=2, height=2, bits=24, compression=0, header=40, offset=54, data=bytes(16),
        colours=0):
    return b"BM" + struct.pack("<IHHI", 54 + len(data), 0, 0, offset) + \
        struct.pack("<IiiHHIIiiII", header, width, height, 1, bits, compression, 0, 0, 0, colours,
                    0) + data


def bmp_cases():
    return [
        ("bmp 2^31-1 wide", bmp(width=0x7fffffff), {"too-large", "corrupt"}),
        ("bmp height -2^31", bmp(height=-0x80000000), {"too-large", "corrupt"}),
        ("bmp width 0", bmp(width=0), {"corrupt"}),
        ("bmp height 0", bmp(height=0), {"corrupt"}),
        ("bmp width -2", bmp(width=-2), {"corrupt"}),
        ("bmp 6000 x 6000, no data", bmp(6000, 6000), {"truncated"}),
        ("bmp 60000 x 60000", bmp(60000, 60000), {"too-large"}),
        ("bmp 7 bits", bmp(bits=7), {"corrupt", "unsupported"}),
        ("bmp 0 bits", bmp(bits=0), {"corrupt", "unsupported"}),
        ("bmp header of 13", bmp(header=13), {"corrupt", "unsupported", "not-an-image"}),
        ("bmp header of 2^32-1", bmp(header=0xffffffff), REFUSED | {"not-an-image"}),
        ("bmp RLE", bmp(bits=8, compression=1, offset=54 + 1024, data=bytes(1100)),
         {"unsupported"}),
        ("bmp PNG inside", bmp(bits=0, compression=5), {"unsupported", "corrupt"}),
        ("bmp truncated", bmp(data=bytes(9)), {"truncated"}),
        ("bmp pixels behind the file", bmp(offset=99999), DAMAGED),
        ("bmp pixels inside its header", bmp(offset=10), {"corrupt"}),
        ("bmp 2^32-1 colours", bmp(bits=8, colours=0xffffffff, offset=1078, data=bytes(1100)),
         {"corrupt", "none"}),
        ("bmp masks of zero", bmp(bits=32, compression=3, offset=66, data=bytes(40)),
         {"corrupt", "unsupported", "none"}),
        ("bmp header alone", b"BM" + bytes(12), {"truncated", "corrupt", "not-an-image"}),
        ("bmp magic alone", b"BM", {"truncated", "not-an-image"}),
    ]


def other_cases():
    rng = random.Random(3)
    nothing = {"not-an-image"}
    hdr = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 9999 +X 9999\n"[:49]
    return [
        ("nothing", b"", {"empty"}),
        ("one byte", b"x", nothing),
        ("text", b"hello, world\n", nothing),
        ("hdr of 49 bytes", hdr, nothing),
        ("hdr header alone", b"#?RGBE\n", nothing),
        ("psd", b"8BPS\0\1" + bytes(99), nothing),
        ("pic", b"\x53\x80\xf6\x34" + bytes(99), nothing),
        ("pnm", b"P6 99999 99999 255\n", nothing),
        ("tga", bytes([0, 0, 2]) + bytes(9) + b"\xff\xff\xff\xff\x20\0", nothing),
        ("webp", b"RIFF\x24\0\0\0WEBPVP8 ", nothing),
        ("tiff", b"II*\0\x08\0\0\0" + bytes(20), nothing),
        ("icon", bytes([0, 0, 1, 0, 1, 0]) + bytes(40), nothing),
        ("a program", b"\x7fELF" + bytes(500), nothing),
        ("svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", nothing),
        ("a megabyte of zeros", bytes(1 << 20), nothing),
        ("a megabyte of noise", rng.randbytes(1 << 20), nothing),
    ]


def cases():
    return png_cases() + jpeg_cases() + gif_cases() + bmp_cases() + other_cases()


# --- Mutations ----------------------------------------------------------------------------------

def repaired(data):
    """A PNG with right checksums, as far as its chunks can be followed."""
    out, at = bytearray(data), 8
    while at + 12 <= len(out):
        length = struct.unpack(">I", out[at:at + 4])[0]
        if at + 12 + length > len(out):
            break
        out[at + 8 + length:at + 12 + length] = struct.pack(
            ">I", zlib.crc32(out[at + 4:at + 8 + length]))
        at += 12 + length
    return bytes(out)


def mutated(data, rng):
    """data with a few bytes changed, cut, doubled or moved."""
    out = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        at, other = rng.randrange(len(out)), rng.randrange(len(out))
        way = rng.randrange(6)
        if way <= 2:
            out[at] = rng.choice((0, 1, 0x7f, 0x80, 0xff, rng.randrange(256)))
        elif way == 3:
            out[at] ^= 1 << rng.randrange(8)
        elif way == 4:
            part = out[at:at + rng.randrange(1, 40)]
            out[other:other] = part
        elif len(out) > 64:
            del out[at:at + rng.randrange(1, 40)]
    if rng.randrange(8) == 0:
        del out[rng.randrange(1, len(out)):]
    if data.startswith(SIGNATURE) and rng.randrange(4) > 0:
        return repaired(out)
    return bytes(out)
