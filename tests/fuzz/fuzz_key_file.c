/* Key files: pairs and lists. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "proto/key_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kin_key_pair pair;
    kin_key_list list;
    kin_error error;
    if (kin_key_pair_parse((const char *)data, size, "fuzz", &pair, &error) == KIN_OK)
        KIN_CHECK(strlen(pair.public_key) == KIN_KEY_TEXT_BYTES - 1 &&
                  strlen(pair.secret_key) == KIN_KEY_TEXT_BYTES - 1);
    if (kin_key_list_parse((const char *)data, size, "fuzz", &list, &error) == KIN_OK)
        for (uint32_t i = 0; i < list.count; i++)
            KIN_CHECK(strlen(list.keys[i]) == KIN_KEY_TEXT_BYTES - 1);
    else
        KIN_CHECK(list.count == 0);
    kin_key_list_fini(&list);
    return 0;
}
