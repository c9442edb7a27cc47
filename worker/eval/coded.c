#include "worker/eval/coded.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

/* Vectors that are hashed at once. */
#define BLOCK_ROWS 256

void kin_coded_fini(kin_coded *coded)
{
    free(coded->database);
    free(coded->queries);
    memset(coded, 0, sizeof *coded);
}

static kin_status check_count(const kin_part *part, const kin_dataset *codes, kin_error *error)
{
    if (kin_dataset_bits(codes) == 0)
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s holds no codes; those of an index do, and a .npy of uint8 rows",
                        kin_dataset_name(codes));
    if (kin_dataset_count(codes) == kin_dataset_count(part->dataset)) return KIN_OK;
    return kin_fail(error, KIN_BAD_INPUT, "%s has %llu codes, and %s %llu rows: a code a row",
                    kin_dataset_name(codes), (unsigned long long)kin_dataset_count(codes),
                    kin_dataset_name(part->dataset),
                    (unsigned long long)kin_dataset_count(part->dataset));
}

static uint64_t *stored(const kin_part *part, const kin_dataset *codes, size_t width)
{
    uint64_t *words = kin_malloc(part->count * width * sizeof *words);
    for (uint64_t i = 0; i < part->count; i++) {
        kin_code code;
        kin_dataset_code(codes, part->rows[i], &code);
        memcpy(words + i * width, code.word, width * sizeof *words);
    }
    return words;
}

kin_status kin_coded_stored(kin_coded *coded, const kin_split *split, const kin_dataset *codes,
                            const kin_dataset *query_codes, kin_error *error)
{
    const kin_part *database = &split->database, *queries = &split->queries;
    *coded = (kin_coded){0};
    if (codes == NULL) codes = database->dataset;
    if (query_codes == NULL)
        query_codes = queries->dataset == database->dataset ? codes : queries->dataset;
    kin_status status = check_count(database, codes, error);
    if (status == KIN_OK) status = check_count(queries, query_codes, error);
    if (status == KIN_OK && kin_dataset_bits(codes) != kin_dataset_bits(query_codes))
        status = kin_fail(error, KIN_MISMATCH,
                          "%s has codes of %u bits and %s of %u; they cannot be compared",
                          kin_dataset_name(codes), kin_dataset_bits(codes),
                          kin_dataset_name(query_codes), kin_dataset_bits(query_codes));
    if (status != KIN_OK) return status;
    coded->bits = kin_dataset_bits(codes);
    coded->width = (coded->bits + 63) / 64;
    coded->database = stored(database, codes, coded->width);
    coded->queries = stored(queries, query_codes, coded->width);
    return KIN_OK;
}

static kin_status hash_part(const kin_part *part, const kin_encoder *encoder, size_t width,
                            uint64_t *words, kin_error *error)
{
    uint32_t dimensions = kin_dataset_dimensions(part->dataset);
    uint32_t wanted = kin_features_dimensions(kin_encoder_features(encoder));
    if (dimensions != wanted)
        return kin_fail(error, KIN_MISMATCH,
                        "%s has vectors of %u numbers, and the hasher takes %u: it was trained on "
                        "other features",
                        kin_dataset_name(part->dataset), dimensions, wanted);
    float *vectors = kin_malloc((size_t)BLOCK_ROWS * dimensions * sizeof *vectors);
    kin_status status = KIN_OK;
    for (uint64_t first = 0; status == KIN_OK && first < part->count; first += BLOCK_ROWS) {
        uint64_t left = part->count - first;
        uint32_t count = left < BLOCK_ROWS ? (uint32_t)left : BLOCK_ROWS;
        kin_code codes[BLOCK_ROWS];
        status = kin_dataset_gather(part->dataset, part->rows + first, count, vectors, error);
        if (status == KIN_OK) kin_encoder_hash(encoder, vectors, count, codes);
        for (uint32_t i = 0; status == KIN_OK && i < count; i++)
            memcpy(words + (first + i) * width, codes[i].word, width * sizeof *words);
    }
    free(vectors);
    return status;
}

kin_status kin_coded_by_encoder(kin_coded *coded, const kin_split *split,
                                const kin_encoder *encoder, kin_error *error)
{
    unsigned bits = kin_encoder_bits(encoder);
    *coded = (kin_coded){.bits = bits, .width = (bits + 63) / 64};
    coded->database = kin_malloc(split->database.count * coded->width * sizeof(uint64_t));
    coded->queries = kin_malloc(split->queries.count * coded->width * sizeof(uint64_t));
    kin_status status = hash_part(&split->database, encoder, coded->width, coded->database, error);
    if (status == KIN_OK)
        status = hash_part(&split->queries, encoder, coded->width, coded->queries, error);
    if (status != KIN_OK) kin_coded_fini(coded);
    return status;
}
