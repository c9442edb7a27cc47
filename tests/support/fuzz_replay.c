/* The main() of a fuzz target outside the fuzzer: every file of the corpus is one test (TAP), and
 * so are its truncations and a few hundred mutations by a fixed seed. A crash or a sanitizer's
 * report ends the program, which fails the test. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/random.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) __attribute__((weak));
int main(int argc, char **argv) __attribute__((weak));

#define MUTATIONS 200

static void run(const uint8_t *data, size_t bytes)
{
    uint8_t *exact = malloc(bytes + !bytes); /* no slack behind it, for the sanitizer to see */
    if (exact == NULL) abort();
    if (bytes > 0) memcpy(exact, data, bytes);
    LLVMFuzzerTestOneInput(exact, bytes);
    free(exact);
}

static void mutate(kin_buffer *input, kin_random *random)
{
    for (int i = 0; i < MUTATIONS && input->bytes > 0; i++) {
        uint64_t at = kin_random_below(random, input->bytes);
        uint8_t kept = input->data[at];
        input->data[at] = (uint8_t)kin_random_u64(random);
        run(input->data, i % 4 == 0 ? at : input->bytes);
        input->data[at] = kept;
    }
}

int main(int argc, char **argv)
{
    if (argc != 2 || LLVMFuzzerTestOneInput == NULL) {
        fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
        return 2;
    }
    struct dirent **names;
    int count = scandir(argv[1], &names, NULL, alphasort), tests = 0;
    kin_random random = {.state = 1};
    for (int i = 0; i < count; i++) {
        if (names[i]->d_name[0] != '.') {
            char *path = kin_path_join(argv[1], names[i]->d_name);
            kin_buffer input = {0};
            kin_error error;
            if (kin_file_read(path, 64u << 20, &input, &error) != KIN_OK) {
                printf("not ok %d - %s\n", ++tests, error.text);
            } else {
                run(input.data, input.bytes);
                mutate(&input, &random);
                printf("ok %d - %s\n", ++tests, names[i]->d_name);
            }
            kin_buffer_fini(&input);
            free(path);
        }
        free(names[i]);
    }
    free(count >= 0 ? names : NULL);
    printf("1..%d\n", tests);
    return tests == 0;
}
