#include "coordinator/client/codes_search.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/checksum.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "proto/npy_format.h"

#define NUMBERS_PER_HIT 2 /* of the output file: id, distance */

/* Where answers go. */
typedef struct answers {
    const kin_batch *batch;
    bool to_file;
    kin_file_writer file;
    kin_buffer out;
    uint8_t *row;        /* [k][NUMBERS_PER_HIT] int64, for the file */
    kin_digest *digests; /* [count] of the answers, if they are to be checked; else NULL */
    bool comparing;      /* the second time over */
} answers;

static void put_text(answers *self, uint64_t query, const kin_hit *hits, uint32_t count)
{
    kin_buffer_printf(&self->out, "{\"query\": %" PRIu64 ", \"hits\": [", query);
    for (uint32_t i = 0; i < count; i++)
        kin_buffer_printf(&self->out, "%s{\"id\": %" PRIu64 ", \"distance\": %u}",
                          i > 0 ? ", " : "", hits[i].id, hits[i].distance);
    kin_buffer_append_string(&self->out, "]}\n");
}

static void put_row(answers *self, const kin_hit *hits, uint32_t count)
{
    size_t row_bytes = (size_t)self->batch->k * NUMBERS_PER_HIT * sizeof(int64_t);
    memset(self->row, 0xff, row_bytes); /* -1 */
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *at = self->row + i * NUMBERS_PER_HIT * sizeof(int64_t);
        kin_store_le64(at, hits[i].id);
        kin_store_le64(at + sizeof(int64_t), hits[i].distance);
    }
    kin_buffer_append(&self->out, self->row, row_bytes);
}

/* Of what an answer promises: distances, and ids unless any will do. */
static kin_digest digest_of(answers *self, const kin_hit *hits, uint32_t count)
{
    kin_buffer bytes = {0};
    for (uint32_t i = 0; i < count; i++) {
        uint64_t pair[] = {hits[i].distance, self->batch->any_ties ? 0 : hits[i].id};
        kin_buffer_append(&bytes, pair, sizeof pair);
    }
    kin_digest digest = kin_digest_of(bytes.data, bytes.bytes);
    kin_buffer_fini(&bytes);
    return digest;
}

static kin_status take(void *user, uint64_t first, uint32_t count, const kin_hit *hits,
                       const uint32_t *counts, kin_error *error)
{
    answers *self = user;
    kin_buffer_clear(&self->out);
    for (uint32_t i = 0; i < count; i++) {
        const kin_hit *of_code = hits + (size_t)i * self->batch->k;
        if (self->digests != NULL) {
            kin_digest digest = digest_of(self, of_code, counts[i]);
            if (!self->comparing)
                self->digests[first + i] = digest;
            else if (!kin_digest_equal(&digest, &self->digests[first + i]))
                return kin_fail(error, KIN_CORRUPT,
                                "a scan of all codes gives another answer to code %" PRIu64
                                ": please report this, with the index",
                                first + i);
        }
        if (self->comparing) continue;
        if (self->to_file)
            put_row(self, of_code, counts[i]);
        else
            put_text(self, first + i, of_code, counts[i]);
    }
    if (self->comparing) return KIN_OK;
    if (self->to_file)
        return kin_file_writer_append(&self->file, self->out.data, self->out.bytes, error);
    return kin_command_print(self->out.data, self->out.bytes, error);
}

/* The file's codes: mapped, and of the index's width. */
static kin_status open_codes(const char *path, unsigned bits, kin_mapping *mapping,
                             kin_batch *batch, kin_error *error)
{
    kin_npy npy;
    kin_status status = kin_mapping_open(mapping, path, error);
    if (status == KIN_OK) status = kin_npy_parse(&npy, mapping->data, mapping->bytes, path, error);
    if (status != KIN_OK) return status;
    if (npy.kind != 'u' || npy.item_bytes != 1 || npy.rank != 2 || npy.dims[1] != bits / 8)
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s does not hold codes of this index: they are uint8 [n][%u], %u bits "
                        "each, as numpy.packbits makes them",
                        path, bits / 8, bits);
    if (npy.dims[0] == 0) return kin_fail(error, KIN_BAD_INPUT, "%s holds no codes", path);
    batch->codes = npy.data;
    batch->count = npy.dims[0];
    return KIN_OK;
}

static kin_status open_output(answers *self, const char *output, kin_error *error)
{
    const uint64_t dims[] = {self->batch->count, self->batch->k, NUMBERS_PER_HIT};
    kin_buffer header = {0};
    if (!self->to_file) return KIN_OK;
    kin_status status = kin_file_writer_open(&self->file, output, error);
    kin_npy_build_header(&header, "<i8", dims, 3);
    if (status == KIN_OK)
        status = kin_file_writer_append(&self->file, header.data, header.bytes, error);
    kin_buffer_fini(&header);
    return status;
}

static kin_status search(kin_ask *ask, answers *self, const char *output, kin_error *error)
{
    char count[32], rate[32];
    int64_t start_ns = kin_clock_ns();
    kin_status status = open_output(self, output, error);
    if (status == KIN_OK) status = kin_client_batch(ask->client, self->batch, take, self, error);
    if (status == KIN_OK && self->to_file) status = kin_file_writer_publish(&self->file, error);
    if (status != KIN_OK) return status;
    double seconds = (double)(kin_clock_ns() - start_ns) / 1e9;
    kin_log(KIN_LOG_INFO, "%s codes in %.1f s, %s a second%s%s",
            kin_text_count(self->batch->count, count), seconds,
            kin_text_count((uint64_t)((double)self->batch->count / seconds), rate),
            self->to_file ? "; the hits are in " : "", self->to_file ? output : "");
    if (self->digests == NULL) return KIN_OK;
    kin_batch again = *self->batch;
    again.exhaustive = self->comparing = true;
    status = kin_client_batch(ask->client, &again, take, self, error);
    if (status == KIN_OK)
        kin_log(KIN_LOG_INFO, "checked: a scan of all codes gives the same answers");
    return status;
}

kin_exit kin_codes_search(kin_ask *ask, const char *path, kin_batch batch, const char *output)
{
    kin_error error = {0};
    kin_mapping mapping = {0};
    answers self = {.batch = &batch, .to_file = output != NULL};
    kin_status status = open_codes(path, ask->bits, &mapping, &batch, &error);
    if (status == KIN_OK) {
        self.row = kin_malloc((size_t)batch.k * NUMBERS_PER_HIT * sizeof(int64_t));
        if (ask->check) self.digests = kin_calloc(batch.count, sizeof *self.digests);
        status = search(ask, &self, output, &error);
    }
    kin_file_writer_discard(&self.file);
    kin_buffer_fini(&self.out);
    free(self.row);
    free(self.digests);
    kin_mapping_close(&mapping);
    if (status != KIN_OK) ask->result = kin_command_failed(&error);
    return kin_ask_close(ask, "");
}
