#include "worker/index/chunk_worker.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/memory.h"
#include "common/base/text.h"
#include "worker/index/picture_reader.h"

struct kin_chunk_worker {
    const kin_building *building;
    kin_decoder *decoder;
    const kin_features *features;
    const kin_kept_index *kept; /* where there is either, pictures are not described */
    const kin_feature_table *table;
    kin_comm *comm;
    kin_features_scratch *scratch;
    kin_decode_request request;
    kin_picture_reader reader;
    kin_decoded decoded;
    kin_image *rasters;     /* [raster_max]: waiting for their features */
    kin_list_row *pictures; /* [raster_max]: whose they are */
    uint32_t raster_max, raster_count;
    kin_part_builder part;
    kin_buffer file; /* the part's bytes */
    float *vectors;  /* [chunk_pictures][dimensions], of the indexed pictures */
    uint64_t *words; /* [chunk_pictures][bits / 64] */
    int8_t *values;  /* [chunk_pictures][bits]; NULL where codes are enough */
    kin_work_times times;
};

kin_chunk_worker *kin_chunk_worker_new(const kin_chunk_sources *sources)
{
    const kin_building *building = sources->building;
    const kin_features *features = sources->features;
    kin_chunk_worker *worker = kin_calloc(1, sizeof *worker);
    worker->building = building;
    worker->decoder = sources->decoder;
    worker->features = features;
    worker->kept = sources->kept;
    worker->table = sources->table;
    worker->comm = sources->comm;
    worker->scratch = kin_features_scratch_new(features);
    worker->request.raster = *kin_features_raster(features);
    worker->request.thumbnail_side = sources->thumbnail_side;
    worker->raster_max = kin_features_pictures(features);
    worker->rasters = kin_calloc(worker->raster_max, sizeof *worker->rasters);
    worker->pictures = kin_calloc(worker->raster_max, sizeof *worker->pictures);
    size_t pictures = building->chunk_pictures;
    worker->vectors =
        kin_malloc(pictures * kin_features_dimensions(features) * sizeof *worker->vectors);
    worker->words = kin_malloc(pictures * KIN_CODE_WORDS_MAX * sizeof *worker->words);
    if (sources->rerank) worker->values = kin_malloc(pictures * KIN_CODE_BITS_MAX);
    return worker;
}

void kin_chunk_worker_destroy(kin_chunk_worker **worker)
{
    if (*worker == NULL) return;
    kin_features_scratch_destroy(&(*worker)->scratch);
    kin_picture_reader_fini(&(*worker)->reader);
    kin_decoded_fini(&(*worker)->decoded);
    for (uint32_t i = 0; i < (*worker)->raster_max; i++)
        kin_image_fini(&(*worker)->rasters[i]);
    free((*worker)->rasters);
    free((*worker)->pictures);
    kin_part_builder_fini(&(*worker)->part);
    kin_buffer_fini(&(*worker)->file);
    free((*worker)->vectors);
    free((*worker)->words);
    free((*worker)->values);
    free(*worker);
    *worker = NULL;
}

kin_work_times *kin_chunk_worker_times(kin_chunk_worker *worker)
{
    return &worker->times;
}

/* Reads and decodes one input. A picture that was too slow gets a second chance: the machine may
 * have been busy, and the ledger should be the same tomorrow. */
static kin_status decode(kin_chunk_worker *worker, const kin_list_row *row, kin_picture_bytes *read,
                         kin_error *error)
{
    kin_status status = KIN_OK;
    worker->decoded.reason = KIN_REASON_TIMEOUT;
    for (int tries = 0; tries < 2 && worker->decoded.reason == KIN_REASON_TIMEOUT; tries++) {
        int64_t start = kin_clock_ns();
        kin_picture_read(&worker->reader, row, kin_decoder_input(worker->decoder), read);
        kin_clock_lap(&start, &worker->times.read_ns);
        worker->times.read_bytes += read->bytes;
        if (read->reason != KIN_REASON_NONE) break;
        status = kin_decoder_run(worker->decoder, read->bytes, &worker->request, &worker->decoded,
                                 error);
        kin_clock_lap(&start, &worker->times.decode_ns);
        kin_comm_tick(worker->comm);
        if (status != KIN_OK) break;
    }
    return status;
}

static kin_status refuse_vector(const kin_list_row *row, kin_error *error)
{
    kin_buffer key = {0};
    kin_text_append_escaped(&key, row->key, row->key_bytes);
    kin_status status =
        kin_fail(error, KIN_BAD_INPUT,
                 "%.*s: the model gives it numbers that are not finite, which make no code; tap "
                 "another tensor (kindred-index model lists them), or leave it out",
                 (int)key.bytes, (const char *)key.data);
    kin_buffer_fini(&key);
    return status;
}

/* Describes the pictures that wait: the last ones that were indexed. */
static kin_status run_features(kin_chunk_worker *worker, kin_error *error)
{
    int64_t start = kin_clock_ns();
    size_t dimensions = kin_features_dimensions(worker->features);
    uint32_t count = worker->raster_count;
    float *vectors = worker->vectors + (worker->part.indexed - count) * dimensions;
    if (count == 0) return KIN_OK;
    kin_features_run(worker->features, worker->scratch, worker->rasters, count, vectors);
    worker->raster_count = 0;
    kin_clock_lap(&start, &worker->times.features_ns);
    for (uint32_t i = 0; i < count; i++)
        if (!kin_features_finite(worker->features, vectors + i * dimensions))
            return refuse_vector(&worker->pictures[i], error);
    return KIN_OK;
}

/* The decoded raster waits for its features; its memory is used again. */
static void keep_raster(kin_chunk_worker *worker, const kin_list_row *row)
{
    kin_image spare = worker->rasters[worker->raster_count];
    worker->pictures[worker->raster_count] = *row;
    worker->rasters[worker->raster_count++] = worker->decoded.raster;
    worker->decoded.raster = spare;
}

static kin_status add_picture(kin_chunk_worker *worker, const kin_list_row *row, kin_error *error)
{
    kin_picture_bytes read;
    kin_decoded *decoded = &worker->decoded;
    kin_status status = decode(worker, row, &read, error);
    if (status != KIN_OK) return status;
    kin_part_row part = {.reason = read.reason, .detail = read.detail, .file_bytes = row->bytes};
    if (read.reason == KIN_REASON_NONE) {
        part.reason = decoded->reason;
        part.detail = decoded->detail;
    }
    if (part.reason == KIN_REASON_NONE) {
        keep_raster(worker, row);
        part.detail = "";
        part.thumbnail = decoded->thumbnail.data;
        part.thumbnail_bytes = (uint32_t)decoded->thumbnail.bytes;
        worker->times.thumbnail_bytes += decoded->thumbnail.bytes;
    } else {
        worker->times.rejected++;
    }
    part.detail_bytes = (uint32_t)strlen(part.detail);
    kin_part_builder_add(&worker->part, &part);
    worker->times.pictures++;
    return worker->raster_count == worker->raster_max ? run_features(worker, error) : KIN_OK;
}

kin_status kin_chunk_worker_describe(kin_chunk_worker *worker, const uint64_t *ids, uint32_t count,
                                     const float **vectors, uint32_t *indexed, kin_error *error)
{
    kin_status status = KIN_OK;
    KIN_CHECK(count <= worker->building->chunk_pictures);
    *indexed = worker->part.indexed = 0;
    *vectors = worker->vectors;
    for (uint32_t i = 0; status == KIN_OK && i < count; i++) {
        kin_list_row row = kin_list_get(&worker->building->list, ids[i]);
        kin_picture_bytes read;
        status = decode(worker, &row, &read, error);
        if (status != KIN_OK || read.reason != KIN_REASON_NONE ||
            worker->decoded.reason != KIN_REASON_NONE)
            continue;
        keep_raster(worker, &row);
        worker->part.indexed++;
        if (worker->raster_count == worker->raster_max) status = run_features(worker, error);
        kin_comm_tick(worker->comm);
    }
    if (status == KIN_OK) status = run_features(worker, error);
    *indexed = worker->part.indexed;
    worker->part.indexed = 0;
    return status;
}

/* A picture whose vector is there already. It is indexed whatever comes of its thumbnail. */
static kin_status add_thumbnail(kin_chunk_worker *worker, const kin_list_row *row,
                                kin_part_row *part, kin_error *error)
{
    kin_picture_bytes read;
    kin_decoded *decoded = &worker->decoded;
    kin_status status = decode(worker, row, &read, error);
    if (status != KIN_OK) return status;
    if (read.reason != KIN_REASON_NONE || decoded->reason != KIN_REASON_NONE) {
        worker->times.unseen++;
        return KIN_OK;
    }
    part->thumbnail = decoded->thumbnail.data;
    part->thumbnail_bytes = (uint32_t)decoded->thumbnail.bytes;
    return KIN_OK;
}

/* An input whose vector is given. */
static kin_status add_given(kin_chunk_worker *worker, uint64_t id, const kin_list_row *row,
                            kin_error *error)
{
    int64_t start = kin_clock_ns();
    kin_part_row part = {.reason = KIN_REASON_NONE, .detail = "", .file_bytes = row->bytes};
    size_t dimensions = kin_features_dimensions(worker->features);
    float *vector = worker->vectors + worker->part.indexed * dimensions;
    kin_status status = worker->kept != NULL
                            ? kin_kept_index_get(worker->kept, id, row, &part, vector, error)
                            : kin_feature_table_get(worker->table, row, vector, error);
    kin_clock_lap(&start, &worker->times.read_ns);
    if (status == KIN_OK && worker->table != NULL && worker->request.thumbnail_side > 0)
        status = add_thumbnail(worker, row, &part, error);
    if (status != KIN_OK) return status;
    worker->times.rejected += part.reason != KIN_REASON_NONE;
    kin_part_builder_add(&worker->part, &part);
    worker->times.pictures++;
    return KIN_OK;
}

/* The part's values: the vectors, their codes, or what re-ranking compares. */
static const void *make_values(kin_chunk_worker *worker, const kin_encoder *encoder,
                               kin_part_head *head)
{
    uint32_t dimensions = kin_features_dimensions(worker->features);
    *head = (kin_part_head){.kind = KIN_PART_VECTORS, .width = dimensions};
    if (encoder == NULL) return worker->vectors;
    if (worker->values != NULL) {
        const kin_hasher *hasher = kin_encoder_hasher(encoder);
        *head = (kin_part_head){.kind = KIN_PART_VALUES, .width = kin_hasher_bits(hasher)};
        kin_hasher_store(hasher, worker->vectors, worker->part.indexed, worker->values);
        return worker->values;
    }
    head->kind = KIN_PART_CODES;
    head->width = kin_encoder_bits(encoder);
    uint32_t words = head->width / 64;
    for (uint32_t i = 0; i < worker->part.indexed; i++) {
        kin_code code;
        kin_encoder_hash(encoder, worker->vectors + (size_t)i * dimensions, 1, &code);
        memcpy(worker->words + (size_t)i * words, code.word, words * sizeof *code.word);
    }
    return worker->words;
}

static kin_status write_part(kin_chunk_worker *worker, uint64_t chunk, const kin_encoder *encoder,
                             kin_error *error)
{
    int64_t start = kin_clock_ns();
    kin_part_head head;
    const void *values = make_values(worker, encoder, &head);
    head.job = worker->building->job;
    head.first_id = kin_building_chunk_first(worker->building, chunk);
    head.count = worker->part.count;
    kin_clock_lap(&start, &worker->times.hash_ns);
    char *path = kin_building_part_path(worker->building, chunk);
    kin_buffer_clear(&worker->file);
    kin_part_builder_finish(&worker->part, &head, values, &worker->file);
    kin_part part;
    KIN_CHECK(kin_part_parse(&part, worker->file.data, worker->file.bytes, path, NULL) == KIN_OK);
    kin_status status = kin_file_write_atomic(path, worker->file.data, worker->file.bytes, error);
    worker->times.written_bytes += worker->file.bytes;
    free(path);
    kin_clock_lap(&start, &worker->times.write_ns);
    return status;
}

kin_status kin_chunk_worker_run(kin_chunk_worker *worker, uint64_t chunk,
                                const kin_encoder *encoder, kin_error *error)
{
    uint64_t first = kin_building_chunk_first(worker->building, chunk);
    uint32_t inputs = kin_building_chunk_inputs(worker->building, chunk);
    for (uint32_t i = 0; i < inputs; i++) {
        kin_list_row row = kin_list_get(&worker->building->list, first + i);
        bool given = worker->kept != NULL || worker->table != NULL;
        kin_status status =
            given ? add_given(worker, first + i, &row, error) : add_picture(worker, &row, error);
        if (status != KIN_OK) return status;
        kin_comm_report(worker->comm, worker->times.pictures, worker->times.rejected);
        kin_comm_tick(worker->comm);
    }
    kin_status status = run_features(worker, error);
    return status == KIN_OK ? write_part(worker, chunk, encoder, error) : status;
}
