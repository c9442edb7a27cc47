/* Files of classes: every line lies within the bytes, has a class, and lines have keys all or none.
 */
#include <string.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "proto/label_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t bytes, const uint8_t *data, size_t size)
{
    const char *start = (const char *)data;
    KIN_CHECK(bytes > 0 && text >= start && bytes <= size - (size_t)(text - start));
    KIN_CHECK(memchr(text, '\n', bytes) == NULL && memchr(text, 0, bytes) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kin_label_file file;
    kin_label_line line;
    bool there = true;
    uint64_t lines = 0;
    kin_label_file_begin(&file, data, size, "fuzz");
    while (kin_label_file_next(&file, &line, &there, NULL) == KIN_OK && there) {
        check_text(line.label, line.label_bytes, data, size);
        KIN_CHECK(line.label_bytes <= KIN_CLASS_NAME_BYTES_MAX);
        KIN_CHECK(memchr(line.label, '\t', line.label_bytes) == NULL);
        KIN_CHECK((line.key != NULL) == file.keyed);
        if (line.key != NULL) check_text(line.key, line.key_bytes, data, size);
        KIN_CHECK(file.line == ++lines);
    }
    return 0;
}
