/* Files of figures: what is read is written as something that is read as the same. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/checksum.h"
#include "common/base/memory.h"
#include "proto/figures.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_back(const kin_figures *figures)
{
    kin_buffer bytes = {0};
    kin_figures again;
    kin_figures_build(figures, &bytes);
    KIN_CHECK(kin_figures_parse(&again, bytes.data, bytes.bytes, "fuzz", NULL) == KIN_OK);
    KIN_CHECK(again.count == figures->count && strcmp(again.machine, figures->machine) == 0);
    for (uint32_t i = 0; i < again.count; i++)
        KIN_CHECK(strcmp(again.items[i].name, figures->items[i].name) == 0 &&
                  again.items[i].value == figures->items[i].value);
    kin_figures_fini(&again);
    kin_buffer_fini(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kin_figures figures;
    if (kin_figures_parse(&figures, data, size, "fuzz", NULL) == KIN_OK) read_back(&figures);
    kin_figures_fini(&figures);
    /* The same as the lines before a checksum that holds, or nothing but checksums would be seen.
     */
    char *text = kin_malloc(size + 64);
    if (size > 0) memcpy(text, data, size);
    int more = snprintf(text + size, 64, "checksum %016llx\n",
                        (unsigned long long)kin_checksum(data, size));
    if (kin_figures_parse(&figures, text, size + (size_t)more, "fuzz", NULL) == KIN_OK)
        read_back(&figures);
    kin_figures_fini(&figures);
    free(text);
    return 0;
}
