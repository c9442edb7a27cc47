#include "worker/eval/coded.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/code/values.h"

/* Vectors that are hashed at once. */
#define BLOCK_ROWS 256
/* Real-valued code layers that are held: of four million rows of 64 bits. */
#define VALUES_BYTES_MAX ((uint64_t)1 << 30)

void kin_coded_fini(kin_coded *coded)
{
    free(coded->database);
    free(coded->queries);
    free(coded->database_values);
    free(coded->query_values);
    free(coded->database_stored);
    free(coded->query_asked);
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

/* Stored values ask as what they stand for, in half steps. */
static void take_values(kin_coded *coded, const kin_split *split, const kin_dataset *codes,
                        const kin_dataset *query_codes)
{
    const kin_part *database = &split->database, *queries = &split->queries;
    uint32_t dimensions = kin_dataset_value_dimensions(codes);
    if (dimensions == 0 || kin_dataset_value_dimensions(query_codes) != dimensions) return;
    coded->value_dimensions = dimensions;
    coded->database_stored = kin_malloc(database->count * dimensions);
    coded->query_asked = kin_malloc(queries->count * dimensions * sizeof *coded->query_asked);
    for (uint64_t i = 0; i < database->count; i++)
        memcpy(coded->database_stored + i * dimensions,
               kin_dataset_values(codes, database->rows[i]), dimensions);
    for (uint64_t i = 0; i < queries->count; i++) {
        const int8_t *stored_values = kin_dataset_values(query_codes, queries->rows[i]);
        for (uint32_t b = 0; b < dimensions; b++)
            coded->query_asked[i * dimensions + b] = (int16_t)(2 * stored_values[b] + 1);
    }
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
    take_values(coded, split, codes, query_codes);
    return KIN_OK;
}

/* Where what a hasher makes of a part goes. */
typedef struct hashed {
    uint64_t *words; /* [rows][width] */
    size_t width;
    float *values;  /* [rows][bits] less thresholds; NULL: not kept */
    int8_t *stored; /* [rows][bits], of a database; NULL: not kept */
    int16_t *asked; /* [rows][bits], of queries; NULL: not kept */
} hashed;

/* What the hasher makes of a block: values, less thresholds, and their signs as codes. values
 * [count][bits]. */
static void hash_block(const kin_hasher *hasher, const float *thresholds, const float *vectors,
                       uint32_t count, float *values, uint64_t first, const hashed *to)
{
    unsigned bits = kin_hasher_bits(hasher);
    kin_hasher_values(hasher, vectors, count, values);
    for (uint32_t i = 0; i < count; i++) {
        kin_code code = {0};
        float *row = values + (size_t)i * bits;
        size_t at = (size_t)(first + i) * bits;
        if (to->stored != NULL) kin_values_store(row, thresholds, bits, to->stored + at);
        if (to->asked != NULL) kin_values_ask(row, thresholds, bits, to->asked + at);
        for (unsigned b = 0; b < bits; b++) {
            if (row[b] > thresholds[b]) kin_code_set_bit(&code, b);
            row[b] -= thresholds[b];
        }
        memcpy(to->words + (first + i) * to->width, code.word, to->width * sizeof *to->words);
    }
}

static kin_status hash_part(const kin_part *part, const kin_hasher *hasher, const float *thresholds,
                            const hashed *to, kin_error *error)
{
    uint32_t dimensions = kin_dataset_dimensions(part->dataset);
    uint32_t wanted = kin_hasher_dimensions(hasher);
    unsigned bits = kin_hasher_bits(hasher);
    if (dimensions != wanted)
        return kin_fail(error, KIN_MISMATCH,
                        "%s has vectors of %u numbers, and the hasher takes %u: it was trained on "
                        "other features",
                        kin_dataset_name(part->dataset), dimensions, wanted);
    float *vectors = kin_malloc((size_t)BLOCK_ROWS * dimensions * sizeof *vectors);
    float *block = kin_malloc((size_t)BLOCK_ROWS * bits * sizeof *block);
    kin_status status = KIN_OK;
    for (uint64_t first = 0; status == KIN_OK && first < part->count; first += BLOCK_ROWS) {
        uint64_t left = part->count - first;
        uint32_t count = left < BLOCK_ROWS ? (uint32_t)left : BLOCK_ROWS;
        float *values = to->values == NULL ? block : to->values + first * bits;
        status = kin_dataset_gather(part->dataset, part->rows + first, count, vectors, error);
        if (status == KIN_OK) hash_block(hasher, thresholds, vectors, count, values, first, to);
    }
    free(block);
    free(vectors);
    return status;
}

kin_status kin_coded_by_encoder(kin_coded *coded, const kin_split *split, const kin_hasher *hasher,
                                const float *thresholds, kin_error *error)
{
    unsigned bits = kin_hasher_bits(hasher);
    uint64_t rows = split->database.count, asked = split->queries.count;
    *coded = (kin_coded){.bits = bits, .width = (bits + 63) / 64};
    coded->database = kin_malloc(rows * coded->width * sizeof(uint64_t));
    coded->queries = kin_malloc(asked * coded->width * sizeof(uint64_t));
    if ((rows + asked) * bits * sizeof(float) <= VALUES_BYTES_MAX) {
        coded->value_dimensions = bits;
        coded->database_values = kin_malloc(rows * bits * sizeof(float));
        coded->query_values = kin_malloc(asked * bits * sizeof(float));
        coded->database_stored = kin_malloc(rows * bits);
        coded->query_asked = kin_malloc(asked * bits * sizeof *coded->query_asked);
    }
    const hashed database = {.words = coded->database,
                             .width = coded->width,
                             .values = coded->database_values,
                             .stored = coded->database_stored};
    const hashed queries = {.words = coded->queries,
                            .width = coded->width,
                            .values = coded->query_values,
                            .asked = coded->query_asked};
    kin_status status = hash_part(&split->database, hasher, thresholds, &database, error);
    if (status == KIN_OK) status = hash_part(&split->queries, hasher, thresholds, &queries, error);
    if (status != KIN_OK) kin_coded_fini(coded);
    return status;
}

kin_status kin_coded_classified(const kin_split *split, const kin_hasher *hasher, double *share,
                                kin_error *error)
{
    const kin_part *queries = &split->queries;
    const kin_dataset *named = split->database.dataset; /* whose classes the labels are */
    uint32_t classes = kin_hasher_classes(hasher);
    uint64_t right = 0;
    *share = NAN;
    if (classes == 0 || queries->labels == NULL) return KIN_OK;
    float *vector = kin_malloc(kin_hasher_dimensions(hasher) * sizeof *vector);
    float *probabilities = kin_malloc(classes * sizeof *probabilities);
    kin_status status = KIN_OK;
    for (uint64_t q = 0; status == KIN_OK && q < queries->count; q++) {
        uint32_t label = queries->labels[q];
        status = kin_dataset_gather(queries->dataset, &queries->rows[q], 1, vector, error);
        if (status != KIN_OK || label == kin_dataset_classes(named)) continue;
        kin_hasher_classify(hasher, vector, 1, probabilities);
        const char *told =
            kin_hasher_class_name(hasher, kin_hasher_likeliest(probabilities, classes));
        right += strcmp(told, kin_dataset_class_name(named, label)) == 0;
    }
    if (status == KIN_OK) *share = (double)right / (double)queries->count;
    free(probabilities);
    free(vector);
    return status;
}
