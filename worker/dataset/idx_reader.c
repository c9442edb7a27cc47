#include "worker/dataset/idx_reader.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "common/base/file.h"

/* gzread takes an unsigned int, and returns an int. */
#define PIECE_BYTES ((size_t)16 << 20)

/* Bytes until the end of the file or of what was asked for; plain files are read as they are. */
static kin_status read_bytes(gzFile file, const char *path, void *data, size_t bytes, size_t *done,
                             kin_error *error)
{
    *done = 0;
    while (*done < bytes) {
        size_t left = bytes - *done;
        int got = gzread(file, (uint8_t *)data + *done,
                         (unsigned)(left < PIECE_BYTES ? left : PIECE_BYTES));
        if (got < 0) {
            int code;
            const char *what = gzerror(file, &code);
            if (code == Z_ERRNO)
                return kin_fail(error, KIN_IO, "cannot read %s: %s", path, strerror(errno));
            return kin_fail(error, KIN_BAD_INPUT, "%s: is damaged or truncated: %s", path, what);
        }
        if (got == 0) break;
        *done += (size_t)got;
    }
    return KIN_OK;
}

static kin_status read_open(gzFile file, const char *path, kin_idx *idx, kin_buffer *data,
                            kin_error *error)
{
    uint8_t header[KIN_IDX_HEADER_BYTES_MAX], more;
    size_t done, ahead;
    kin_status status = read_bytes(file, path, header, sizeof header, &ahead, error);
    if (status == KIN_OK) status = kin_idx_parse(idx, header, ahead, path, error);
    if (status != KIN_OK) return status;
    size_t start = data->bytes, bytes = (size_t)idx->data_bytes;
    ahead -= idx->header_bytes;
    if (ahead > bytes)
        return kin_fail(error, KIN_BAD_INPUT, "%s: is longer than its IDX header says", path);
    kin_buffer_append(data, header + idx->header_bytes, ahead);
    status = read_bytes(file, path, kin_buffer_reserve(data, bytes - ahead), bytes - ahead, &done,
                        error);
    data->bytes += done;
    if (status == KIN_OK && data->bytes - start < bytes)
        return kin_fail(error, KIN_BAD_INPUT, "%s: is truncated: %zu of %zu bytes of elements",
                        path, data->bytes - start, bytes);
    if (status == KIN_OK) status = read_bytes(file, path, &more, 1, &done, error);
    if (status == KIN_OK && done > 0)
        return kin_fail(error, KIN_BAD_INPUT, "%s: is longer than its IDX header says", path);
    return status;
}

kin_status kin_idx_read(const char *path, kin_idx *idx, kin_buffer *data, kin_error *error)
{
    if (kin_path_is_directory(path))
        return kin_fail(error, KIN_BAD_INPUT, "%s is a folder; an IDX file is wanted", path);
    gzFile file = gzopen(path, "rbe");
    if (file == NULL)
        return kin_fail(error, errno == ENOENT ? KIN_NOT_FOUND : KIN_IO, "cannot open %s: %s", path,
                        strerror(errno));
    kin_status status = read_open(file, path, idx, data, error);
    (void)gzclose_r(file); /* only reading: nothing is left to fail */
    return status;
}
