/* A list of paths in two pieces: the same paths as whole, none empty, none with a separator. The
 * first byte chooses the separator, the second where the pieces part. */
#include <limits.h>
#include <string.h>

#include "common/base/check.h"
#include "worker/index/list_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct paths {
    char separator;
    kin_buffer all;
} paths;

static kin_status take(void *user, const char *path, kin_error *error)
{
    (void)error;
    paths *taken = user;
    size_t length = strlen(path);
    KIN_CHECK(length > 0 && length < PATH_MAX);
    KIN_CHECK(taken->separator == 0 || strchr(path, taken->separator) == NULL);
    kin_buffer_append(&taken->all, path, length + 1);
    return KIN_OK;
}

static kin_status split(const uint8_t *data, size_t size, size_t first, paths *taken)
{
    kin_list_file list = {.separator = taken->separator, .name = "fuzz"};
    kin_status status = kin_list_file_feed(&list, data, first, take, taken, NULL);
    if (status == KIN_OK)
        status = kin_list_file_feed(&list, data + first, size - first, take, taken, NULL);
    if (status == KIN_OK) status = kin_list_file_end(&list, take, taken, NULL);
    kin_buffer_fini(&list.path);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    char separator = data[0] % 2 == 0 ? '\n' : 0;
    size_t first = data[1] % (size - 1);
    paths whole = {.separator = separator}, pieces = {.separator = separator};
    kin_status one = split(data + 2, size - 2, size - 2, &whole);
    kin_status two = split(data + 2, size - 2, first < size - 2 ? first : size - 2, &pieces);
    KIN_CHECK(one == two);
    if (one == KIN_OK) {
        KIN_CHECK(whole.all.bytes == pieces.all.bytes);
        KIN_CHECK(whole.all.bytes == 0 ||
                  memcmp(whole.all.data, pieces.all.data, whole.all.bytes) == 0);
    }
    kin_buffer_fini(&whole.all);
    kin_buffer_fini(&pieces.all);
    return 0;
}
