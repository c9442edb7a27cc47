/* Any bytes as a tar archive, compressed or not: it is listed, and of a plain one every member that
 * is not rejected begins within it. */
#include <stdbool.h>
#include <string.h>

#include "common/base/check.h"
#include "worker/index/archive_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct listed {
    size_t size;
    uint64_t members, next;
    bool plain;
} listed;

static void take(void *user, const kin_archive_member *member)
{
    listed *l = user;
    KIN_CHECK(strlen(member->name) < SIZE_MAX && member->ordinal >= l->next);
    l->next = member->ordinal + 1;
    l->members++;
    if (l->plain && !member->link && member->reason == KIN_REASON_NONE)
        KIN_CHECK(member->offset <= l->size);
}

static void tick(void *user)
{
    (void)user;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool compressed = size > 2 && (memcmp(data, "\x1f\x8b", 2) == 0 || memcmp(data, "BZ", 2) == 0 ||
                                   memcmp(data,
                                          "\xfd"
                                          "7",
                                          2) == 0);
    listed l = {.size = size, .plain = !compressed};
    kin_archive_options options = {.user = &l, .member = take, .tick = tick};
    kin_reason damage;
    kin_error error;
    kin_status status = kin_archive_list_memory(data, size, &options, &damage, &error);
    KIN_CHECK(status == KIN_OK);
    return 0;
}
