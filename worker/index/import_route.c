#include "worker/index/import_route.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/memory.h"

void kin_import_route_init(kin_import_route *route, unsigned bits, const kin_code *starts,
                           uint32_t count)
{
    const uint32_t prefixes = 1u << KIN_ROUTE_BITS;
    KIN_CHECK(count > 0);
    *route = (kin_import_route){.count = count, .words = bits / 64};
    route->starts = kin_malloc((size_t)count * route->words * sizeof *route->starts);
    route->guide = kin_malloc(((size_t)prefixes + 1) * sizeof *route->guide);
    for (uint32_t i = 0; i < count; i++)
        memcpy(route->starts + (size_t)i * route->words, starts[i].word,
               route->words * sizeof *route->starts);
    uint32_t range = 0;
    for (uint32_t prefix = 0; prefix < prefixes; prefix++) {
        kin_code first = {{(uint64_t)prefix << (64 - KIN_ROUTE_BITS)}};
        while (range + 1 < count && kin_code_compare(&starts[range + 1], &first) <= 0)
            range++;
        route->guide[prefix] = range;
    }
    route->guide[prefixes] = count - 1;
}

void kin_import_route_fini(kin_import_route *route)
{
    free(route->starts);
    free(route->guide);
    memset(route, 0, sizeof *route);
}
