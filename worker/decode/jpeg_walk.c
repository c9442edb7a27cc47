#include "worker/decode/jpeg_walk.h"

#include <stdbool.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/image/orientation.h"
#include "worker/decode/exif.h"

enum {
    SOF0 = 0xc0, /* baseline */
    SOF1 = 0xc1, /* extended sequential */
    SOF2 = 0xc2, /* progressive */
    DHT = 0xc4,
    JPG = 0xc8,
    DAC = 0xcc,
    SOF15 = 0xcf,
    RST0 = 0xd0,
    RST7 = 0xd7,
    SOI = 0xd8,
    EOI = 0xd9,
    SOS = 0xda,
    DQT = 0xdb,
    DNL = 0xdc,
    APP1 = 0xe1,
    TEM = 0x01
};

/* Symbols a DC table may have: sizes of differences. */
#define DC_SYMBOL_MAX 15

typedef struct component {
    uint8_t id, quantization;
} component;

/* What has been seen so far. */
typedef struct progress {
    bool frame, progressive, exif;
    unsigned quantization;   /* bit t: table t is there */
    unsigned huffman[2];     /* of DC and of AC */
    unsigned scanned;        /* bit i: component i has been in a scan */
    component components[4]; /* of the frame */
    uint64_t entropy_bytes;  /* of all scans */
} progress;

typedef struct segment {
    const uint8_t *data; /* behind the length */
    size_t bytes;
    size_t offset; /* of the marker, in the file */
    uint8_t marker;
} segment;

static kin_reason bad_segment(const segment *s, const char *what, kin_verdict *verdict)
{
    return kin_reject(verdict, KIN_REASON_CORRUPT, "JPEG: segment FF%02X at byte %zu %s", s->marker,
                      s->offset, what);
}

/* One table: class and number, 16 counts of code lengths, the symbols. Its bytes in *used. */
static kin_reason read_huffman_table(const segment *s, const uint8_t *table, size_t room,
                                     progress *seen, size_t *used, kin_verdict *verdict)
{
    if (room < 17) return bad_segment(s, "is too short for a Huffman table", verdict);
    unsigned class = table[0] >> 4, number = table[0] & 15;
    if (class > 1 || number > 3) return bad_segment(s, "defines a table that cannot be", verdict);
    unsigned symbols = 0, codes = 0; /* codes: taken, of 2^length at each length */
    for (int length = 1; length <= 16; length++) {
        symbols += table[length];
        codes = 2 * codes + table[length];
        if (codes > 1u << length)
            return bad_segment(s, "has more Huffman codes than there can be", verdict);
    }
    if (symbols > 256) return bad_segment(s, "has a Huffman table of over 256 symbols", verdict);
    if (symbols > room - 17) return bad_segment(s, "is too short for its Huffman table", verdict);
    for (unsigned i = 0; class == 0 && i < symbols; i++)
        if (table[17 + i] > DC_SYMBOL_MAX)
            return bad_segment(s, "has a symbol that no DC table has", verdict);
    seen->huffman[class] |= 1u << number;
    *used = 17 + symbols;
    return KIN_REASON_NONE;
}

static kin_reason read_huffman(const segment *s, progress *seen, kin_verdict *verdict)
{
    kin_reason reason = KIN_REASON_NONE;
    size_t used = 0;
    for (size_t at = 0; at < s->bytes && reason == KIN_REASON_NONE; at += used)
        reason = read_huffman_table(s, s->data + at, s->bytes - at, seen, &used, verdict);
    return reason;
}

static kin_reason read_quantization(const segment *s, progress *seen, kin_verdict *verdict)
{
    for (size_t at = 0; at < s->bytes;) {
        unsigned precision = s->data[at] >> 4, number = s->data[at] & 15;
        if (precision > 1 || number > 3)
            return bad_segment(s, "defines a table that cannot be", verdict);
        size_t used = precision == 0 ? 65 : 129;
        if (used > s->bytes - at)
            return bad_segment(s, "is too short for its quantization table", verdict);
        seen->quantization |= 1u << number;
        at += used;
    }
    return KIN_REASON_NONE;
}

static kin_reason unsupported_frame(const segment *s, kin_verdict *verdict)
{
    const char *what = s->marker >= 0xc9      ? "arithmetic coding"
                       : (s->marker & 3) == 3 ? "lossless coding"
                                              : "hierarchical coding";
    return kin_reject(verdict, KIN_REASON_UNSUPPORTED, "JPEG: %s (FF%02X) is not read", what,
                      s->marker);
}

static kin_reason read_frame(const segment *s, uint32_t pixels_max, progress *seen,
                             kin_jpeg_facts *facts, kin_verdict *verdict)
{
    if (s->marker > SOF2) return unsupported_frame(s, verdict);
    if (seen->frame) return bad_segment(s, "is a second frame", verdict);
    if (s->bytes < 6) return bad_segment(s, "is too short for a frame header", verdict);
    facts->height = kin_load_be16(s->data + 1);
    facts->width = kin_load_be16(s->data + 3);
    facts->components = s->data[5];
    if (s->data[0] != 8)
        return kin_reject(verdict, KIN_REASON_UNSUPPORTED, "JPEG: %u bits a sample are not read",
                          s->data[0]);
    if (facts->components != 1 && facts->components != 3 && facts->components != 4)
        return kin_reject(verdict, KIN_REASON_UNSUPPORTED, "JPEG: %u components are not read",
                          facts->components);
    if (s->bytes != 6 + 3 * (size_t)facts->components)
        return bad_segment(s, "has the wrong length for its components", verdict);
    if (facts->height == 0)
        return kin_reject(verdict, KIN_REASON_UNSUPPORTED,
                          "JPEG: a height that follows later (DNL) is not read");
    for (uint32_t i = 0; i < facts->components; i++) {
        const uint8_t *entry = s->data + 6 + 3 * i;
        unsigned horizontal = entry[1] >> 4, vertical = entry[1] & 15;
        if (horizontal < 1 || horizontal > 4 || vertical < 1 || vertical > 4 || entry[2] > 3)
            return bad_segment(s, "has impossible sampling factors or tables", verdict);
        for (uint32_t j = 0; j < i; j++)
            if (seen->components[j].id == entry[0])
                return bad_segment(s, "names a component twice", verdict);
        seen->components[i] = (component){.id = entry[0], .quantization = entry[2]};
    }
    seen->frame = true;
    seen->progressive = s->marker == SOF2;
    return kin_check_sides(verdict, "JPEG", facts->width, facts->height, pixels_max);
}

/* A scan's header: components of the frame, each once, whose tables have been defined. */
static kin_reason read_scan(const segment *s, const kin_jpeg_facts *facts, progress *seen,
                            kin_verdict *verdict)
{
    if (!seen->frame) return bad_segment(s, "is a scan before any frame", verdict);
    if (s->bytes < 1 || s->data[0] < 1 || s->data[0] > facts->components ||
        s->bytes != 4 + 2 * (size_t)s->data[0])
        return bad_segment(s, "has the wrong length for its components", verdict);
    const uint8_t *end = s->data + 1 + 2 * s->data[0];
    unsigned first = end[0], last = end[1], high = end[2] >> 4, low = end[2] & 15;
    if (seen->progressive && (first > last || last > 63 || (first == 0 && last != 0) || low > 13))
        return bad_segment(s, "has impossible limits of a progressive scan", verdict);
    bool needs_dc = !seen->progressive || (first == 0 && high == 0);
    bool needs_ac = !seen->progressive || first > 0;
    unsigned in_scan = 0;
    for (const uint8_t *entry = s->data + 1; entry < end; entry += 2) {
        uint32_t i = 0;
        while (i < facts->components && seen->components[i].id != entry[0])
            i++;
        if (i == facts->components || (in_scan & 1u << i) != 0)
            return bad_segment(s, "is a scan of an unknown or repeated component", verdict);
        in_scan |= 1u << i;
        unsigned dc = entry[1] >> 4, ac = entry[1] & 15;
        if (dc > 3 || ac > 3) return bad_segment(s, "asks for a table that cannot be", verdict);
        if ((needs_dc && (seen->huffman[0] & 1u << dc) == 0) ||
            (needs_ac && (seen->huffman[1] & 1u << ac) == 0))
            return bad_segment(s, "asks for a Huffman table that is not there", verdict);
        if ((seen->quantization & 1u << seen->components[i].quantization) == 0)
            return bad_segment(s, "asks for a quantization table that is not there", verdict);
    }
    seen->scanned |= in_scan;
    return KIN_REASON_NONE;
}

static void read_exif(const segment *s, progress *seen, kin_jpeg_facts *facts)
{
    if (seen->exif || s->bytes < 6 || memcmp(s->data, "Exif\0\0", 6) != 0) return;
    seen->exif = true;
    facts->orientation = kin_exif_orientation(s->data + 6, s->bytes - 6);
}

static kin_reason read_segment(const segment *s, uint32_t pixels_max, progress *seen,
                               kin_jpeg_facts *facts, kin_verdict *verdict)
{
    switch (s->marker) {
    case DHT:
        return read_huffman(s, seen, verdict);
    case DQT:
        return read_quantization(s, seen, verdict);
    case SOS:
        return read_scan(s, facts, seen, verdict);
    case APP1:
        read_exif(s, seen, facts);
        return KIN_REASON_NONE;
    case DNL:
    case DAC:
        return unsupported_frame(s, verdict);
    }
    if (s->marker >= SOF0 && s->marker <= SOF15 && s->marker != JPG)
        return read_frame(s, pixels_max, seen, facts, verdict);
    if (s->marker < SOF0 || s->marker == SOI || s->marker == JPG)
        return bad_segment(s, "cannot be there", verdict);
    return KIN_REASON_NONE;
}

/* The next marker at or behind `at`, or bytes where there is none; FF00 is data, FFs may precede a
 * marker, and restart markers belong to the data of a scan. */
static size_t find_marker(const uint8_t *data, size_t bytes, size_t at)
{
    while (at + 1 < bytes) {
        const uint8_t *found = memchr(data + at, 0xff, bytes - 1 - at);
        if (found == NULL) return bytes;
        at = (size_t)(found - data);
        uint8_t marker = data[at + 1];
        if (marker == 0xff)
            at++;
        else if (marker == 0 || marker == TEM || (marker >= RST0 && marker <= RST7))
            at += 2;
        else
            return at;
    }
    return bytes;
}

/* At the end marker: every component has been in a scan, and there are bits enough. Each block of
 * 64 pixels takes two bits at least (its first code and the end of block), one in the first scan of
 * a progressive frame: a few bytes cannot declare millions of pixels. */
static kin_reason check_whole(const progress *seen, const kin_jpeg_facts *facts,
                              kin_verdict *verdict)
{
    if (!seen->frame || seen->scanned == 0)
        return kin_reject(verdict, KIN_REASON_CORRUPT, "JPEG: has no %s",
                          seen->frame ? "scan" : "frame");
    if (seen->scanned != (1u << facts->components) - 1)
        return kin_reject(verdict, KIN_REASON_CORRUPT, "JPEG: a component is in no scan");
    uint64_t blocks = (uint64_t)((facts->width + 7) / 8) * ((facts->height + 7) / 8);
    uint64_t bits = blocks * (seen->progressive ? 1 : 2);
    if (seen->entropy_bytes < bits / 8)
        return kin_reject(verdict, KIN_REASON_CORRUPT,
                          "JPEG: %llu bytes of data cannot hold %u x %u pixels",
                          (unsigned long long)seen->entropy_bytes, facts->width, facts->height);
    return KIN_REASON_NONE;
}

static kin_reason ends_early(size_t bytes, kin_verdict *verdict)
{
    return kin_reject(verdict, KIN_REASON_TRUNCATED, "JPEG: ends at byte %zu without end marker",
                      bytes);
}

kin_reason kin_jpeg_walk(const uint8_t *data, size_t bytes, uint32_t pixels_max,
                         kin_jpeg_facts *facts, kin_verdict *verdict)
{
    progress seen = {0};
    *facts = (kin_jpeg_facts){.orientation = KIN_ORIENTATION_UPRIGHT};
    if (bytes < 2 || data[0] != 0xff || data[1] != SOI)
        return kin_reject(verdict, KIN_REASON_NOT_AN_IMAGE, "JPEG: no start marker");
    for (size_t at = 2;;) {
        /* Bytes between segments are skipped, as decoders do. */
        at = find_marker(data, bytes, at);
        if (at >= bytes) return ends_early(bytes, verdict);
        segment s = {.offset = at, .marker = data[at + 1]};
        if (s.marker == EOI) return check_whole(&seen, facts, verdict);
        if (bytes - at < 4) return ends_early(bytes, verdict);
        size_t length = kin_load_be16(data + at + 2);
        if (length < 2) return bad_segment(&s, "has an impossible length", verdict);
        if (length > bytes - at - 2) return ends_early(bytes, verdict);
        s.data = data + at + 4;
        s.bytes = length - 2;
        kin_reason reason = read_segment(&s, pixels_max, &seen, facts, verdict);
        if (reason != KIN_REASON_NONE) return reason;
        at += 2 + length;
        if (s.marker == SOS) {
            size_t start = at;
            at = find_marker(data, bytes, at);
            seen.entropy_bytes += at - start;
        }
    }
}
