#include "worker/index/code_source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/base/file.h"
#include "common/base/limits.h"
#include "common/code/code.h"
#include "proto/npy_format.h"

#define RAW "raw:"
#define SYNTHETIC "synthetic:"

static kin_status bad_bits(const char *name, unsigned long long bits, kin_error *error)
{
    return kin_fail(error, KIN_BAD_INPUT, "%s: codes of %llu bits; a code has 64, 128 or 256", name,
                    bits);
}

static kin_status check_count(const kin_code_source *source, kin_error *error)
{
    if (source->count == 0)
        return kin_fail(error, KIN_BAD_INPUT, "%s: holds no codes, so there is no index to make",
                        source->name);
    if (source->count > KIN_IMPORT_CODES_MAX)
        return kin_fail(error, KIN_LIMIT, "%s: %llu codes, more than the limit of %llu",
                        source->name, (unsigned long long)source->count,
                        (unsigned long long)KIN_IMPORT_CODES_MAX);
    return KIN_OK;
}

static kin_status open_file(kin_code_source *source, const char *path, kin_error *error)
{
    struct stat facts;
    source->path = path;
    source->descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (source->descriptor < 0)
        return kin_fail(error, errno == ENOENT ? KIN_NOT_FOUND : KIN_IO, "cannot open %s: %s", path,
                        strerror(errno));
    if (fstat(source->descriptor, &facts) != 0 || !S_ISREG(facts.st_mode))
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s is not a regular file; codes are read several times, so save them to "
                        "one",
                        path);
    source->file_bytes = (uint64_t)facts.st_size;
    source->changed_ns =
        (int64_t)facts.st_mtim.tv_sec * 1000000000 + (int64_t)facts.st_mtim.tv_nsec;
    return KIN_OK;
}

/* The number before the next colon, which *text is then behind; false where there is none. */
static bool take_number(const char **text, char end, uint64_t *number)
{
    char *behind;
    if (**text < '0' || **text > '9') return false;
    errno = 0;
    *number = strtoull(*text, &behind, 10);
    if (errno != 0 || *behind != end) return false;
    *text = behind + (end != 0);
    return true;
}

static kin_status open_raw(kin_code_source *source, kin_error *error)
{
    const char *text = source->name + strlen(RAW);
    uint64_t bits;
    if (!take_number(&text, ':', &bits) || *text == 0)
        return kin_fail(error, KIN_BAD_INPUT, "'%s' is not raw:BITS:FILE, such as raw:64:codes.bin",
                        source->name);
    if (bits > KIN_CODE_BITS_MAX || !kin_code_bits_valid((unsigned)bits))
        return bad_bits(source->name, (unsigned long long)bits, error);
    source->bits = (unsigned)bits;
    kin_status status = open_file(source, text, error);
    if (status != KIN_OK) return status;
    if (source->file_bytes % (bits / 8) != 0)
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s: its %llu bytes are not a multiple of the %u of a code: it is cut "
                        "short, or its codes are of another width",
                        text, (unsigned long long)source->file_bytes, source->bits / 8);
    source->count = source->file_bytes / (bits / 8);
    return check_count(source, error);
}

static kin_status open_synthetic(kin_code_source *source, kin_error *error)
{
    const char *text = source->name + strlen(SYNTHETIC);
    uint64_t bits;
    source->kind = *text;
    if (*text != 0) text++;
    if (*text++ != ':' || !take_number(&text, ':', &bits) || !take_number(&text, 0, &source->count))
        return kin_fail(error, KIN_BAD_INPUT,
                        "'%s' is not synthetic:KIND:BITS:COUNT, such as synthetic:c:64:1000000",
                        source->name);
    if (bits > KIN_CODE_BITS_MAX) return bad_bits(source->name, (unsigned long long)bits, error);
    source->bits = (unsigned)bits;
    kin_status status = kin_synthetic_new(&source->synthetic, source->kind, source->bits, error);
    return status == KIN_OK ? check_count(source, error) : status;
}

static kin_status open_npy(kin_code_source *source, kin_error *error)
{
    kin_mapping mapping;
    kin_npy npy;
    kin_status status = open_file(source, source->name, error);
    if (status != KIN_OK) return status;
    status = kin_mapping_open(&mapping, source->name, error);
    if (status != KIN_OK) return status;
    status = kin_npy_parse(&npy, mapping.data, mapping.bytes, source->name, error);
    if (status == KIN_OK && (npy.kind != 'u' || npy.item_bytes != 1))
        status = kin_fail(error, KIN_BAD_INPUT,
                          "%s: codes are uint8 [n][bits / 8], as numpy.packbits makes them",
                          source->name);
    if (status == KIN_OK && npy.rank != 2)
        status = kin_fail(error, KIN_BAD_INPUT,
                          "%s: has %u dimensions; codes have two, rows and their bytes",
                          source->name, (unsigned)npy.rank);
    if (status == KIN_OK &&
        (npy.dims[1] > KIN_CODE_BYTES_MAX || !kin_code_bits_valid((unsigned)npy.dims[1] * 8)))
        status = kin_fail(error, KIN_BAD_INPUT, "%s: rows of %llu bytes; a code has 8, 16 or 32",
                          source->name, (unsigned long long)npy.dims[1]);
    if (status == KIN_OK) {
        source->bits = (unsigned)npy.dims[1] * 8;
        source->count = npy.dims[0];
        source->offset = (uint64_t)(npy.data - mapping.data);
        status = check_count(source, error);
    }
    kin_mapping_close(&mapping);
    return status;
}

kin_status kin_code_source_open(kin_code_source *source, const char *name, kin_error *error)
{
    *source = (kin_code_source){.name = name, .descriptor = -1};
    kin_status status;
    if (strncmp(name, RAW, strlen(RAW)) == 0)
        status = open_raw(source, error);
    else if (strncmp(name, SYNTHETIC, strlen(SYNTHETIC)) == 0)
        status = open_synthetic(source, error);
    else
        status = open_npy(source, error);
    if (status != KIN_OK) kin_code_source_close(source);
    return status;
}

kin_status kin_code_source_open_made(kin_code_source *source, const kin_code_source *set,
                                     const char *path, kin_error *error)
{
    *source = (kin_code_source){
        .name = set->name, .bits = set->bits, .count = set->count, .descriptor = -1};
    kin_status status = open_file(source, path, error);
    if (status == KIN_OK && source->file_bytes != source->count * (source->bits / 8))
        status =
            kin_fail(error, KIN_CORRUPT, "%s has another size than its codes; add --restart", path);
    if (status != KIN_OK) kin_code_source_close(source);
    return status;
}

void kin_code_source_close(kin_code_source *source)
{
    if (source->name == NULL) return;
    if (source->descriptor >= 0) close(source->descriptor);
    kin_synthetic_destroy(&source->synthetic);
    memset(source, 0, sizeof *source);
}

void kin_code_source_swap(uint64_t *words, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        words[i] = kin_load_be64(&words[i]);
}

kin_status kin_code_source_read(const kin_code_source *source, uint64_t first, uint64_t count,
                                uint64_t *words, kin_error *error)
{
    if (source->synthetic != NULL) {
        kin_synthetic_codes(source->synthetic, first, count, words);
        return KIN_OK;
    }
    size_t row_bytes = source->bits / 8, bytes = (size_t)count * row_bytes, done = 0;
    uint64_t offset = source->offset + first * row_bytes;
    while (done < bytes) {
        ssize_t part = pread(source->descriptor, (uint8_t *)words + done, bytes - done,
                             (off_t)(offset + done));
        if (part < 0 && errno == EINTR) continue;
        if (part <= 0)
            return kin_fail(error, KIN_IO, "cannot read codes %llu and on of %s: %s",
                            (unsigned long long)first, source->path,
                            part < 0 ? strerror(errno) : "the file has become shorter");
        done += (size_t)part;
    }
    kin_code_source_swap(words, count * (source->bits / 64));
    return KIN_OK;
}

void kin_code_source_expect(const kin_code_source *source, uint64_t first, uint64_t count)
{
    off_t row_bytes = (off_t)(source->bits / 8);
    if (source->synthetic != NULL) return;
    (void)posix_fadvise(source->descriptor, (off_t)source->offset + (off_t)first * row_bytes,
                        (off_t)count * row_bytes, POSIX_FADV_WILLNEED);
}
