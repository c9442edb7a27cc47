#include "proto/npy_format.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/check.h"

#define MAGIC "\x93NUMPY"
#define MAGIC_BYTES 6
#define ALIGNMENT 64
/* Headers are some 100 bytes; structured types, which are refused, make long ones. */
#define HEADER_BYTES_MAX 65536
/* Digits of 2^64 - 1: the first dimension gets that much room. */
#define DIGITS_MAX 20

/* What is left of the header's dictionary. */
typedef struct cursor {
    const char *at, *end;
} cursor;

static void skip_spaces(cursor *c)
{
    while (c->at < c->end && strchr(" \t\n\r", *c->at) != NULL)
        c->at++;
}

static bool take(cursor *c, char wanted)
{
    skip_spaces(c);
    if (c->at == c->end || *c->at != wanted) return false;
    c->at++;
    return true;
}

/* A quoted text of less than size characters. */
static bool take_text(cursor *c, char *text, size_t size)
{
    skip_spaces(c);
    if (c->at == c->end || (*c->at != '\'' && *c->at != '"')) return false;
    char quote = *c->at++;
    size_t length = 0;
    while (c->at < c->end && *c->at != quote && length + 1 < size)
        text[length++] = *c->at++;
    text[length] = 0;
    return take(c, quote);
}

static bool take_word(cursor *c, const char *word)
{
    size_t length = strlen(word);
    skip_spaces(c);
    if ((size_t)(c->end - c->at) < length || memcmp(c->at, word, length) != 0) return false;
    c->at += length;
    return true;
}

static bool take_number(cursor *c, uint64_t *number)
{
    skip_spaces(c);
    const char *start = c->at;
    *number = 0;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++) {
        unsigned digit = (unsigned)(*c->at - '0');
        if (*number > (UINT64_MAX - digit) / 10) return false;
        *number = *number * 10 + digit;
    }
    return c->at > start;
}

/* "(3, 4)", "(3,)", "()" */
static bool take_shape(cursor *c, kin_npy *npy)
{
    if (!take(c, '(')) return false;
    for (npy->rank = 0; !take(c, ')'); npy->rank++) {
        if (npy->rank == KIN_NPY_RANK_MAX || (npy->rank > 0 && !take(c, ','))) return false;
        if (npy->rank > 0 && take(c, ')')) return true;
        if (!take_number(c, &npy->dims[npy->rank])) return false;
    }
    return true;
}

static bool take_dictionary(cursor *c, kin_npy *npy, char type[16], bool *fortran)
{
    unsigned seen = 0;
    if (!take(c, '{')) return false;
    while (!take(c, '}')) {
        char key[16];
        if (!take_text(c, key, sizeof key) || !take(c, ':')) return false;
        if (strcmp(key, "descr") == 0) {
            if (!take_text(c, type, 16)) return false;
            seen |= 1;
        } else if (strcmp(key, "fortran_order") == 0) {
            *fortran = take_word(c, "True");
            if (!*fortran && !take_word(c, "False")) return false;
            seen |= 2;
        } else if (strcmp(key, "shape") != 0 || !take_shape(c, npy)) {
            return false;
        } else {
            seen |= 4;
        }
        (void)take(c, ',');
    }
    skip_spaces(c);
    return seen == 7 && c->at == c->end;
}

static kin_status check_type(kin_npy *npy, const char *type, const char *name, kin_error *error)
{
    static const char *const known[] = {"<f4", "<f8", "<f2", "<i1", "<i2", "<i4", "<i8", "<u1",
                                        "<u2", "<u4", "<u8", "|u1", "|i1", "|b1", "<b1"};
    if (type[0] == '>' && type[1] != 0)
        return kin_fail(
            error, KIN_BAD_INPUT,
            "%s: is big-endian ('%s'); save array.astype(array.dtype.newbyteorder('<'))", name,
            type);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(type, known[i]) != 0) continue;
        npy->kind = type[1];
        npy->item_bytes = (uint32_t)(type[2] - '0');
        return KIN_OK;
    }
    return kin_fail(error, KIN_BAD_INPUT, "%s: elements of type '%s' are not supported", name,
                    type);
}

static kin_status check_size(kin_npy *npy, uint64_t bytes, const char *name, kin_error *error)
{
    npy->count = 1;
    for (uint32_t i = 0; i < npy->rank; i++)
        if (npy->dims[i] == 0) npy->count = 0;
    for (uint32_t i = 0; i < npy->rank && npy->count > 0; i++) {
        if (npy->count > bytes / npy->dims[i])
            return kin_fail(error, KIN_BAD_INPUT,
                            "%s: is truncated: its shape asks for more than its %llu bytes", name,
                            (unsigned long long)bytes);
        npy->count *= npy->dims[i];
    }
    if (npy->count * npy->item_bytes != bytes)
        return kin_fail(
            error, KIN_BAD_INPUT,
            "%s: has %llu bytes of elements; its shape asks for %llu (truncated, or not "
            "one array)",
            name, (unsigned long long)bytes, (unsigned long long)(npy->count * npy->item_bytes));
    return KIN_OK;
}

kin_status kin_npy_parse(kin_npy *npy, const void *data, size_t bytes, const char *name,
                         kin_error *error)
{
    const uint8_t *file = data;
    char type[16] = "";
    bool fortran = false;
    memset(npy, 0, sizeof *npy);
    if (bytes < MAGIC_BYTES + 4 || memcmp(file, MAGIC, MAGIC_BYTES) != 0)
        return kin_fail(error, KIN_BAD_INPUT, "%s: is no .npy file", name);
    uint8_t version = file[MAGIC_BYTES];
    size_t start = version == 1 ? 10 : 12, header = kin_load_le16(file + 8);
    if (version < 1 || version > 3 || bytes < start)
        return kin_fail(error, KIN_BAD_INPUT, "%s: .npy of version %u; 1 to 3 are known", name,
                        version);
    if (version > 1) header = kin_load_le32(file + 8);
    if (header > HEADER_BYTES_MAX || header > bytes - start)
        return kin_fail(error, KIN_BAD_INPUT, "%s: the .npy header is cut or too long", name);
    cursor c = {.at = (const char *)file + start, .end = (const char *)file + start + header};
    if (!take_dictionary(&c, npy, type, &fortran))
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s: the .npy header is not of one array of plain numbers of up to %d "
                        "dimensions",
                        name, KIN_NPY_RANK_MAX);
    if (fortran)
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s: is in Fortran order; save numpy.ascontiguousarray(array)", name);
    kin_status status = check_type(npy, type, name, error);
    if (status != KIN_OK) return status;
    npy->data = file + start + header;
    return check_size(npy, bytes - start - header, name, error);
}

void kin_npy_build_header(kin_buffer *out, const char *type, const uint64_t *dims, uint32_t rank)
{
    char text[512];
    size_t at = 0, room = DIGITS_MAX;
    KIN_CHECK(rank <= KIN_NPY_RANK_MAX);
    at += (size_t)snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (",
                           type);
    for (uint32_t i = 0; i < rank; i++) {
        size_t written = (size_t)snprintf(text + at, sizeof text - at, "%llu,%s",
                                          (unsigned long long)dims[i], i + 1 < rank ? " " : "");
        if (i == 0) room = DIGITS_MAX + 2 - written;
        at += written;
    }
    at += (size_t)snprintf(text + at, sizeof text - at, "), }");
    size_t bytes = (10 + at + room + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT - 10;
    kin_buffer_append(out, MAGIC "\x01\x00", MAGIC_BYTES + 2);
    kin_buffer_append_byte(out, (uint8_t)bytes);
    kin_buffer_append_byte(out, (uint8_t)(bytes >> 8));
    kin_buffer_append(out, text, at);
    for (; at + 1 < bytes; at++)
        kin_buffer_append_byte(out, ' ');
    kin_buffer_append_byte(out, '\n');
}
