/* Any bytes as a whole file of any kind: refused, or every section lies inside of them and its
 * format's reader offers only what is there. */
#include "common/base/bytes.h"
#include "common/base/check.h"
#include "tests/support/parse_any.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_sections(const kin_container *container, size_t size)
{
    KIN_CHECK(container->section_count <= KIN_CONTAINER_SECTIONS_MAX);
    for (uint32_t i = 0; i < container->section_count; i++) {
        const kin_section *section = &container->section[i];
        uint64_t bytes;
        const uint8_t *start = kin_container_section(container, section->name, &bytes);
        KIN_CHECK(start == container->data + section->offset && bytes == section->bytes);
        KIN_CHECK(section->offset <= size && bytes <= size - section->offset);
        kin_status status =
            kin_container_check_range(container, section->offset, bytes, "fuzz", NULL);
        KIN_CHECK(status == KIN_OK || kin_container_check_all(container, "fuzz", NULL) != KIN_OK);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kin_container container;
    kin_file_kind kind = size >= 12 ? (kin_file_kind)kin_load_le32(data + 8) : KIN_FILE_SHARD;
    if (kin_container_parse(&container, data, size, kind, 1, "fuzz", NULL) == KIN_OK)
        check_sections(&container, size);
    kin_status status = parse_any(kind, data, size);
    (void)status; /* either is fine; a crash is not */
    return 0;
}
