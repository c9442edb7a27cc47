/* Sections as the fuzzer wants them, in a container whose checksums are right: what the readers of
 * each format check themselves.
 *
 * Input: one byte for the kind; then for each section of that kind, in order, its length (u16,
 * little-endian) and its bytes; what is missing is empty. */
#include "common/base/bytes.h"
#include "tests/support/parse_any.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SECTIONS_MAX 11

static const struct {
    kin_file_kind kind;
    uint32_t version;
    const char *sections[SECTIONS_MAX + 1];
} formats[] = {
    {KIN_FILE_SHARD, 1, {"meta", "codes", "ids", "keyends", "keys", "thumbend", "thumbs"}},
    {KIN_FILE_MANIFEST, 1, {"summary", "shards", "rejected", "ones", "correlat"}},
    {KIN_FILE_ENCODER, 1, {"card", "planes", "thresh"}},
    {KIN_FILE_LEDGER, 1, {"rows", "text"}},
    {KIN_FILE_LIST, 1, {"meta", "rows", "text"}},
    {KIN_FILE_PART, 1, {"head", "rows", "text", "values", "thumbs"}},
    {KIN_FILE_NETWORK, 1, {"specs", "model-a", "model-b"}},
    {KIN_FILE_SHARD,
     2,
     {"meta", "ids", "codes-a", "starts-a", "codes-b", "starts-b", "keyends", "keys", "thumbend",
      "thumbs"}},
    {KIN_FILE_TASK, 1, {"head", "runs", "blocks"}},
    {KIN_FILE_SHARD,
     3,
     {"meta", "ids", "codes-a", "starts-a", "codes-b", "starts-b", "keyends", "keys", "values",
      "thumbend", "thumbs"}},
    {KIN_FILE_MANIFEST, 2, {"summary", "shards", "rejected", "ones", "correlat"}},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    size_t format = data[0] % (sizeof formats / sizeof *formats), at = 1;
    kin_section_source sources[SECTIONS_MAX] = {0};
    uint32_t count = 0;
    for (; formats[format].sections[count] != NULL; count++) {
        size_t bytes = at + 2 <= size ? kin_load_le16(data + at) : 0;
        at = at + 2 <= size ? at + 2 : size;
        if (bytes > size - at) bytes = size - at;
        sources[count] = (kin_section_source){formats[format].sections[count], data + at, bytes};
        at += bytes;
    }
    kin_buffer file = {0};
    kin_container_build(&file, formats[format].kind, formats[format].version, sources, count);
    kin_status status = parse_any(formats[format].kind, file.data, file.bytes);
    (void)status; /* either is fine; a crash is not */
    kin_buffer_fini(&file);
    return 0;
}
