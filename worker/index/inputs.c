#include "worker/index/inputs.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/memory.h"

/* An input; its texts are in kin_inputs.text, each with a NUL behind it. */
typedef struct input {
    uint64_t key_at, path_at;
    uint32_t key_bytes, path_bytes;
    uint64_t member, offset, bytes;
    uint64_t order; /* in which it was added */
    kin_reason reason;
} input;

struct kin_inputs {
    kin_buffer text;
    input *rows;
    uint64_t count, capacity;
    uint64_t links_not_followed;
};

kin_inputs *kin_inputs_new(void)
{
    return kin_calloc(1, sizeof(kin_inputs));
}

void kin_inputs_destroy(kin_inputs **inputs)
{
    if (*inputs == NULL) return;
    kin_buffer_fini(&(*inputs)->text);
    free((*inputs)->rows);
    free(*inputs);
    *inputs = NULL;
}

static uint64_t add_text(kin_inputs *inputs, const char *text, uint32_t bytes)
{
    uint64_t at = inputs->text.bytes;
    kin_buffer_append(&inputs->text, text, bytes);
    kin_buffer_append_byte(&inputs->text, 0);
    return at;
}

void kin_inputs_add(kin_inputs *inputs, const kin_list_row *row)
{
    if (inputs->count == inputs->capacity) {
        inputs->capacity = inputs->capacity == 0 ? 1024 : 2 * inputs->capacity;
        inputs->rows = kin_realloc(inputs->rows, inputs->capacity, sizeof *inputs->rows);
    }
    bool long_key = row->key_bytes > KIN_KEY_BYTES_MAX;
    uint32_t key_bytes = long_key ? KIN_KEY_BYTES_MAX : row->key_bytes;
    inputs->rows[inputs->count] = (input){
        .key_at = add_text(inputs, row->key, key_bytes),
        .key_bytes = key_bytes,
        .path_at = row->path_bytes > 0 ? add_text(inputs, row->path, row->path_bytes) : 0,
        .path_bytes = row->path_bytes,
        .member = row->member,
        .offset = row->offset,
        .bytes = row->bytes,
        .order = inputs->count,
        .reason = long_key ? KIN_REASON_TOO_LARGE : row->reason,
    };
    inputs->count++;
}

void kin_inputs_add_path(kin_inputs *inputs, const char *path, uint64_t bytes, kin_reason reason)
{
    kin_list_row row = {.key = path,
                        .key_bytes = (uint32_t)strlen(path),
                        .member = KIN_LIST_NO_MEMBER,
                        .offset = KIN_LIST_NO_MEMBER,
                        .bytes = bytes,
                        .reason = reason};
    kin_inputs_add(inputs, &row);
}

void kin_inputs_count_links(kin_inputs *inputs, uint64_t links)
{
    inputs->links_not_followed += links;
}

uint64_t kin_inputs_count(const kin_inputs *inputs)
{
    return inputs->count;
}

static int compare_keys(const input *a, const input *b, const kin_buffer *text)
{
    const char *keys = (const char *)text->data;
    return kin_key_compare(keys + a->key_at, a->key_bytes, keys + b->key_at, b->key_bytes);
}

static int compare_inputs(const void *a, const void *b, void *text)
{
    const input *left = a, *right = b;
    int order = compare_keys(left, right, text);
    if (order != 0) return order;
    return left->order < right->order ? -1 : left->order > right->order;
}

/* The rows that follow sorted ones with another key. */
static void drop_equal(kin_inputs *inputs)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i < inputs->count; i++)
        if (count == 0 ||
            compare_keys(&inputs->rows[count - 1], &inputs->rows[i], &inputs->text) != 0)
            inputs->rows[count++] = inputs->rows[i];
    inputs->count = count;
}

void kin_inputs_sort(kin_inputs *inputs, uint64_t keep, kin_inputs_totals *totals)
{
    *totals = (kin_inputs_totals){0};
    if (inputs->count > 0)
        qsort_r(inputs->rows, inputs->count, sizeof *inputs->rows, compare_inputs, &inputs->text);
    drop_equal(inputs);
    totals->inputs = inputs->count;
    for (uint64_t i = 0; i < inputs->count; i++) {
        const input *row = &inputs->rows[i];
        totals->file_bytes += row->bytes;
        totals->key_bytes += row->key_bytes;
        totals->text_bytes +=
            row->key_bytes + 1 + (row->path_bytes > 0 ? (uint64_t)row->path_bytes + 1 : 0);
    }
    if (keep == 0 || keep >= inputs->count) return;
    for (uint64_t i = 0; i < keep; i++) /* both factors are below 2^32 */
        inputs->rows[i] = inputs->rows[i * inputs->count / keep];
    inputs->count = keep;
}

void kin_inputs_freeze(kin_inputs *inputs, const kin_digest *options, kin_buffer *out)
{
    kin_list_builder builder = {0};
    const char *text = (const char *)inputs->text.data;
    for (uint64_t i = 0; i < inputs->count; i++) {
        const input *row = &inputs->rows[i];
        kin_list_row listed = {.key = text + row->key_at,
                               .key_bytes = row->key_bytes,
                               .path = text + row->path_at,
                               .path_bytes = row->path_bytes,
                               .member = row->member,
                               .offset = row->offset,
                               .bytes = row->bytes,
                               .reason = row->reason};
        kin_list_builder_add(&builder, &listed);
    }
    kin_list_builder_finish(&builder, options, inputs->links_not_followed, out);
    kin_list_builder_fini(&builder);
}
