#include "tests/support/golden.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/memory.h"
#include "tests/support/test.h"

char *tree_path(const char *path)
{
    /* tests are run from the root of the tree, or name it */
    const char *root = getenv("KINDRED_TREE");
    return kin_path_join(root != NULL ? root : ".", path);
}

char *temporary_folder(void)
{
    char *path = kin_strdup("/tmp/kindred-test-XXXXXX");
    if (mkdtemp(path) == NULL) abort();
    return path;
}

void golden_check(const char *name, const void *data, size_t bytes)
{
    char *relative = kin_path_join("tests/golden", name);
    char *path = tree_path(relative);
    kin_error error = {0};
    kin_buffer golden = {0};
    if (getenv("KINDRED_GOLDEN_WRITE") != NULL && !kin_path_exists(path))
        assert_int_equal(kin_file_write_atomic(path, data, bytes, &error), KIN_OK);
    if (kin_file_read(path, 64u << 20, &golden, &error) != KIN_OK) fail_msg("%s", error.text);
    assert_int_equal(golden.bytes, bytes);
    assert_memory_equal(golden.data, data, bytes);
    kin_buffer_fini(&golden);
    free(path);
    free(relative);
}
