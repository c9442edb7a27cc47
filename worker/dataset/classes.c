#include "worker/dataset/classes.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/base/bytes.h"
#include "common/base/file.h"
#include "common/base/limits.h"
#include "common/base/memory.h"
#include "proto/label_file.h"
#include "proto/npy_format.h"
#include "worker/dataset/dataset.h"
#include "worker/dataset/idx_reader.h"

#define IDX_START "idx:"

/* A row and what its class is called, or the number that it is. */
typedef struct named_row {
    const char *text;
    size_t bytes;
    int64_t number;
    uint64_t row;
} named_row;

/* A key of a file, and the class beside it. */
typedef struct keyed_class {
    const char *key, *label;
    size_t key_bytes, label_bytes;
} keyed_class;

static int compare_texts(const char *a, size_t a_bytes, const char *b, size_t b_bytes)
{
    size_t bytes = a_bytes < b_bytes ? a_bytes : b_bytes;
    int order = bytes > 0 ? memcmp(a, b, bytes) : 0;
    return order != 0 ? order : (a_bytes > b_bytes) - (a_bytes < b_bytes);
}

/* Numbers have no text, so that either comparison alone decides. */
static int compare_names(const void *a, const void *b)
{
    const named_row *left = a, *right = b;
    int order = (left->number > right->number) - (left->number < right->number);
    return order != 0 ? order : compare_texts(left->text, left->bytes, right->text, right->bytes);
}

static int compare_keys(const void *a, const void *b)
{
    const keyed_class *left = a, *right = b;
    return compare_texts(left->key, left->key_bytes, right->key, right->key_bytes);
}

void kin_classes_fini(kin_classes *classes)
{
    for (uint32_t i = 0; i < classes->count; i++)
        free(classes->names[i]);
    free(classes->names);
    free(classes->labels);
    memset(classes, 0, sizeof *classes);
}

/* Numbers the classes of named [count], which it sorts; the other rows of n have none. */
static kin_status number_classes(kin_classes *classes, const kin_class_rows *rows, named_row *named,
                                 uint64_t count, bool numbers, kin_error *error)
{
    uint32_t room = 0;
    qsort(named, count, sizeof *named, compare_names);
    classes->labels = kin_malloc(rows->count * sizeof *classes->labels);
    for (uint64_t i = 0; i < rows->count; i++)
        classes->labels[i] = KIN_NO_CLASS;
    for (uint64_t i = 0; i < count; i++) {
        if (i == 0 || compare_names(&named[i - 1], &named[i]) != 0) {
            if (classes->count == KIN_CLASSES_MAX) {
                kin_classes_fini(classes);
                return kin_fail(error, KIN_LIMIT,
                                "%s: more than %d classes; are these the numbers of classes?",
                                rows->name, KIN_CLASSES_MAX);
            }
            if (classes->count == room) {
                room = room == 0 ? 64 : 2 * room;
                classes->names = kin_realloc(classes->names, room, sizeof *classes->names);
            }
            classes->names[classes->count++] =
                numbers ? kin_sprintf("%lld", (long long)named[i].number)
                        : kin_sprintf("%.*s", (int)named[i].bytes, named[i].text);
        }
        classes->labels[named[i].row] = classes->count - 1;
    }
    return KIN_OK;
}

kin_status kin_classes_of_bytes(kin_classes *classes, const kin_class_rows *rows,
                                const uint8_t *bytes, kin_error *error)
{
    named_row *named = kin_malloc(rows->count * sizeof *named);
    for (uint64_t i = 0; i < rows->count; i++)
        named[i] = (named_row){.number = bytes[i], .row = i};
    kin_status status = number_classes(classes, rows, named, rows->count, true, error);
    free(named);
    return status;
}

static kin_status check_count(const kin_class_rows *rows, const char *path, uint64_t count,
                              kin_error *error)
{
    if (count == rows->count) return KIN_OK;
    return kin_fail(error, KIN_BAD_INPUT, "%s has %llu classes, and %s %llu rows: one a row", path,
                    (unsigned long long)count, rows->name, (unsigned long long)rows->count);
}

static kin_status read_idx(kin_classes *classes, const kin_class_rows *rows, const char *path,
                           kin_error *error)
{
    kin_idx idx;
    kin_buffer data = {0};
    kin_status status = kin_idx_read(path, &idx, &data, error);
    if (status == KIN_OK && idx.rank != 1)
        status =
            kin_fail(error, KIN_BAD_INPUT,
                     "%s: has %u dimensions, as pictures have; classes have one", path, idx.rank);
    if (status == KIN_OK) status = check_count(rows, path, idx.dims[0], error);
    if (status == KIN_OK) status = kin_classes_of_bytes(classes, rows, data.data, error);
    kin_buffer_fini(&data);
    return status;
}

/* Little-endian, of any size; one beyond int64 comes out negative, which names it no less. */
static int64_t load_integer(const kin_npy *npy, uint64_t at)
{
    const uint8_t *data = npy->data + at * npy->item_bytes;
    bool sign = npy->kind == 'i';
    switch (npy->item_bytes) {
    case 1:
        return sign ? (int64_t)(int8_t)data[0] : (int64_t)data[0];
    case 2:
        return sign ? (int64_t)(int16_t)kin_load_le16(data) : (int64_t)kin_load_le16(data);
    case 4:
        return sign ? (int64_t)(int32_t)kin_load_le32(data) : (int64_t)kin_load_le32(data);
    default:
        return (int64_t)kin_load_le64(data);
    }
}

static kin_status read_npy(kin_classes *classes, const kin_class_rows *rows, const char *path,
                           const kin_mapping *mapping, kin_error *error)
{
    kin_npy npy;
    kin_status status = kin_npy_parse(&npy, mapping->data, mapping->bytes, path, error);
    if (status != KIN_OK) return status;
    if (npy.kind == 'f')
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s: classes are integers; save labels.astype('int64')", path);
    if (npy.rank != 1)
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s: has %u dimensions; classes have one, a number a row", path, npy.rank);
    status = check_count(rows, path, npy.count, error);
    if (status != KIN_OK) return status;
    named_row *named = kin_malloc(rows->count * sizeof *named);
    for (uint64_t i = 0; i < rows->count; i++)
        named[i] = (named_row){.number = load_integer(&npy, i), .row = i};
    status = number_classes(classes, rows, named, rows->count, true, error);
    free(named);
    return status;
}

/* The classes of a file's keys, sorted by key; a key twice must be of one class. */
static kin_status sort_keyed(keyed_class *keyed, uint64_t count, const char *path, kin_error *error)
{
    qsort(keyed, count, sizeof *keyed, compare_keys);
    for (uint64_t i = 1; i < count; i++)
        if (compare_keys(&keyed[i - 1], &keyed[i]) == 0 &&
            compare_texts(keyed[i - 1].label, keyed[i - 1].label_bytes, keyed[i].label,
                          keyed[i].label_bytes) != 0)
            return kin_fail(error, KIN_BAD_INPUT, "%s: gives %.*s two classes, %.*s and %.*s", path,
                            (int)keyed[i].key_bytes, keyed[i].key, (int)keyed[i - 1].label_bytes,
                            keyed[i - 1].label, (int)keyed[i].label_bytes, keyed[i].label);
    return KIN_OK;
}

/* named [rows->count] gets the rows whose key is in keyed [count]. */
static kin_status find_keys(const kin_class_rows *rows, keyed_class *keyed, uint64_t count,
                            const char *path, named_row *named, uint64_t *found, kin_error *error)
{
    *found = 0;
    if (rows->key == NULL)
        return kin_fail(
            error, KIN_BAD_INPUT,
            "%s names keys, and the rows of %s have none; give them with --keys, or one "
            "class a line",
            path, rows->name);
    kin_status status = sort_keyed(keyed, count, path, error);
    for (uint64_t i = 0; status == KIN_OK && i < rows->count; i++) {
        uint32_t bytes;
        keyed_class wanted = {.key = rows->key(rows->user, i, &bytes)};
        wanted.key_bytes = bytes;
        const keyed_class *hit = bsearch(&wanted, keyed, count, sizeof *keyed, compare_keys);
        if (hit != NULL)
            named[(*found)++] =
                (named_row){.text = hit->label, .bytes = hit->label_bytes, .row = i};
    }
    if (status == KIN_OK && *found == 0)
        status = kin_fail(error, KIN_BAD_INPUT, "%s: none of its %llu keys is a key of %s", path,
                          (unsigned long long)count, rows->name);
    return status;
}

static kin_status read_text(kin_classes *classes, const kin_class_rows *rows, const char *path,
                            const kin_mapping *mapping, kin_error *error)
{
    kin_label_file file;
    kin_buffer lines = {0};
    bool there = true;
    kin_status status = KIN_OK;
    kin_label_file_begin(&file, mapping->data, mapping->bytes, path);
    while (status == KIN_OK && there) {
        kin_label_line line;
        status = kin_label_file_next(&file, &line, &there, error);
        keyed_class read = {line.key, line.label, line.key_bytes, line.label_bytes};
        if (status == KIN_OK && there) kin_buffer_append(&lines, &read, sizeof read);
    }
    keyed_class *keyed = (keyed_class *)(void *)lines.data;
    uint64_t count = lines.bytes / sizeof *keyed, found = count;
    named_row *named = kin_malloc(rows->count * sizeof *named);
    if (status == KIN_OK && file.keyed)
        status = find_keys(rows, keyed, count, path, named, &found, error);
    else if (status == KIN_OK)
        status = check_count(rows, path, count, error);
    for (uint64_t i = 0; status == KIN_OK && !file.keyed && i < count; i++)
        named[i] = (named_row){.text = keyed[i].label, .bytes = keyed[i].label_bytes, .row = i};
    if (status == KIN_OK) status = number_classes(classes, rows, named, found, false, error);
    free(named);
    kin_buffer_fini(&lines);
    return status;
}

/* Bytes of a key's folder with its slash; 0: it has none. */
static size_t folder_bytes(const char *key, size_t bytes)
{
    while (bytes > 0 && key[bytes - 1] != '/')
        bytes--;
    return bytes;
}

/* Bytes, with the slash, of the folder that all keys are in. */
static size_t common_folder(const kin_class_rows *rows)
{
    uint32_t bytes;
    const char *first = rows->key(rows->user, 0, &bytes);
    size_t common = folder_bytes(first, bytes);
    for (uint64_t i = 1; common > 0 && i < rows->count; i++) {
        const char *key = rows->key(rows->user, i, &bytes);
        while (common > 0 && (bytes < common || memcmp(first, key, common) != 0))
            common = folder_bytes(first, common - 1);
    }
    return common;
}

static kin_status read_folders(kin_classes *classes, const kin_class_rows *rows, bool top,
                               kin_error *error)
{
    if (rows->key == NULL)
        return kin_fail(error, KIN_BAD_INPUT,
                        "the rows of %s have no keys, so no folders; give a file of classes",
                        rows->name);
    size_t common = common_folder(rows);
    named_row *named = kin_malloc(rows->count * sizeof *named);
    for (uint64_t i = 0; i < rows->count; i++) {
        uint32_t bytes;
        const char *key = rows->key(rows->user, i, &bytes), *text = key + common;
        size_t folder = folder_bytes(key, bytes) - common;
        const char *slash = top && folder > 0 ? memchr(text, '/', folder) : NULL;
        if (slash != NULL) folder = (size_t)(slash - text) + 1;
        named[i] = folder == 0 ? (named_row){.text = ".", .bytes = 1, .row = i}
                               : (named_row){.text = text, .bytes = folder - 1, .row = i};
    }
    kin_status status = number_classes(classes, rows, named, rows->count, false, error);
    free(named);
    return status;
}

kin_status kin_classes_open(kin_classes *classes, const kin_class_rows *rows, const char *labels,
                            kin_error *error)
{
    *classes = (kin_classes){0};
    if (strcmp(labels, "folders") == 0) return read_folders(classes, rows, false, error);
    if (strcmp(labels, "top-folders") == 0) return read_folders(classes, rows, true, error);
    if (strncmp(labels, IDX_START, strlen(IDX_START)) == 0)
        return read_idx(classes, rows, labels + strlen(IDX_START), error);
    kin_mapping mapping;
    kin_status status = kin_mapping_open(&mapping, labels, error);
    if (status == KIN_OK && mapping.bytes == 0)
        status = kin_fail(error, KIN_BAD_INPUT, "%s is empty; classes are wanted in it", labels);
    if (status == KIN_OK) {
        bool npy = mapping.bytes >= 6 && memcmp(mapping.data, "\x93NUMPY", 6) == 0;
        status = npy ? read_npy(classes, rows, labels, &mapping, error)
                     : read_text(classes, rows, labels, &mapping, error);
    }
    kin_mapping_close(&mapping);
    return status;
}
