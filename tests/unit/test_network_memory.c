/* Running a network asks for no memory: every call of the C library's allocator is counted, for all
 * small networks of tests/golden, in both engines. */
#include "tests/support/test.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/memory.h"
#include "tests/support/golden.h"
#include "worker/encode/network.h"
#include "worker/encode/onnx_file.h"

/* Sanitizers have allocators of their own: there the networks are run, and nothing is counted. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define COUNTS 0
#else
#define COUNTS 1
#endif

static volatile unsigned long calls;

#if COUNTS
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *block, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);

void *malloc(size_t bytes)
{
    calls++;
    return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    calls++;
    return __libc_calloc(count, bytes);
}

void *realloc(void *block, size_t bytes)
{
    calls++;
    return __libc_realloc(block, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    calls++;
    return __libc_memalign(alignment, bytes);
}
#endif

static void run_one(const char *path, bool reference)
{
    kin_graph *graph = NULL;
    kin_network *network = NULL;
    kin_error error = {0};
    kin_network_options options = {.reference = reference};
    if (kin_onnx_open(&graph, path, &error) != KIN_OK ||
        kin_network_open(&network, &graph, &options, &error) != KIN_OK)
        fail_msg("%s", error.text);
    kin_tensor *input = kin_network_input(network, 0);
    memset(input->data, 0, kin_tensor_bytes(input));
    unsigned long before = calls;
    kin_network_run(network);
    if (calls != before) fail_msg("%s: asks for memory %lu times", path, calls - before);
    kin_network_close(&network);
}

static void runs_without_memory(void **state)
{
    (void)state;
    char *folder = tree_path("tests/golden/networks");
    struct dirent **names;
    int count = scandir(folder, &names, NULL, alphasort), networks = 0;
    for (int i = 0; i < count; i++) {
        if (names[i]->d_name[0] != '.') {
            char *path = kin_sprintf("%s/%s/model.onnx", folder, names[i]->d_name);
            run_one(path, false);
            run_one(path, true);
            networks++;
            free(path);
        }
        free(names[i]);
    }
    assert_true(networks >= 23);
    assert_true(!COUNTS || calls > 1000); /* the counting works */
    free(names);
    free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
