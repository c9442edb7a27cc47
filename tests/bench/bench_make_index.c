/* Writes a synthetic index for tests and benchmarks of serving:
 *   bench_make_index INDEX COUNT BITS SHARDS [CODES]
 * CODES receives all codes in order of ids, BITS / 8 bytes each, first bit first. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/buffer.h"
#include "common/base/file.h"
#include "common/base/memory.h"
#include "tests/support/make_index.h"

#define SEED 20

int main(int argc, char **argv)
{
    if (argc < 5) {
        /* Without arguments it is one of all benchmarks, with nothing to measure. */
        puts("usage: bench_make_index INDEX COUNT BITS SHARDS [CODES]");
        return 0;
    }
    uint64_t count = strtoull(argv[2], NULL, 10);
    unsigned bits = (unsigned)strtoul(argv[3], NULL, 10);
    uint32_t shards = (uint32_t)strtoul(argv[4], NULL, 10);
    if (count == 0 || !kin_code_bits_valid(bits) || shards == 0) {
        fprintf(stderr, "bench_make_index: COUNT > 0, BITS 64, 128 or 256, SHARDS > 0\n");
        return 2;
    }
    kin_code *codes = kin_calloc(count, sizeof *codes);
    kin_make_codes(codes, count, bits, SEED);
    kin_make_index(argv[1], codes, count, bits, shards);
    kin_status status = KIN_OK;
    if (argc > 5) {
        kin_error error;
        kin_buffer bytes = {0};
        for (uint64_t i = 0; i < count; i++) {
            kin_code_to_bytes(&codes[i], kin_buffer_reserve(&bytes, bits / 8), bits);
            bytes.bytes += bits / 8;
        }
        status = kin_file_write_atomic(argv[5], bytes.data, bytes.bytes, &error);
        if (status != KIN_OK) fprintf(stderr, "bench_make_index: %s\n", error.text);
        kin_buffer_fini(&bytes);
    }
    free(codes);
    return status == KIN_OK ? 0 : 1;
}
