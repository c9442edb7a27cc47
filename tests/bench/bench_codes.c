/* Rows of a synthetic set as the bytes that kindred-index import reads as raw:BITS:FILE.
 *
 *   build/tests/bench_codes KIND BITS FIRST COUNT FILE
 *
 * They go to their places in FILE, so that several processes can write parts of one. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/base/memory.h"
#include "common/code/synthetic.h"

#define BATCH ((uint64_t)65536)

static int fail(const char *sentence)
{
    fprintf(stderr, "bench_codes: %s\n", sentence);
    return 1;
}

int main(int argc, char **argv)
{
    if (argc != 6) return fail("KIND BITS FIRST COUNT FILE");
    kin_synthetic *set;
    kin_error error;
    unsigned bits = (unsigned)atoi(argv[2]);
    uint64_t first = strtoull(argv[3], NULL, 10), count = strtoull(argv[4], NULL, 10);
    if (kin_synthetic_new(&set, argv[1][0], bits, &error) != KIN_OK) return fail(error.text);
    int file = open(argv[5], O_WRONLY | O_CREAT, 0666);
    if (file < 0) return fail("cannot open the file");
    uint64_t *words = kin_malloc((size_t)BATCH * (bits / 8));
    for (uint64_t done = 0; done < count; done += BATCH) {
        uint64_t part = count - done < BATCH ? count - done : BATCH;
        kin_synthetic_codes(set, first + done, part, words);
        for (uint64_t i = 0; i < part * (bits / 64); i++)
            kin_store_be64(&words[i], words[i]);
        size_t bytes = (size_t)part * (bits / 8);
        if (pwrite(file, words, bytes, (off_t)((first + done) * (bits / 8))) != (ssize_t)bytes)
            return fail("cannot write the file");
    }
    free(words);
    kin_synthetic_destroy(&set);
    return close(file) == 0 ? 0 : fail("cannot write the file");
}
