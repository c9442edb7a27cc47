#include "worker/index/shard_source.h"

#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/memory.h"
#include "worker/index/part_file.h"

/* Parts that are mapped at a time, at most: neighbours by code are strangers by id, so that each
 * row may be in another part, and opening one takes longer than writing a row. Linux lets a process
 * map 65,530 things (vm.max_map_count), which is why not all are. */
#define PARTS_MAPPED_MAX 32768

typedef struct slot {
    uint64_t chunk;
    kin_part_file file; /* closed where the slot is empty */
} slot;

struct kin_shard_source {
    kin_build_state *build;
    const uint64_t *ids;
    uint64_t slot_count;
    slot *slots;   /* [slot_count] */
    float *vector; /* [dimensions] */
    int8_t values[KIN_CODE_BITS_MAX];
};

kin_shard_source *kin_shard_source_new(kin_build_state *build, const uint64_t *ids)
{
    kin_shard_source *source = kin_calloc(1, sizeof *source);
    source->build = build;
    source->ids = ids;
    source->slot_count = build->building.chunk_count;
    if (source->slot_count > PARTS_MAPPED_MAX) source->slot_count = PARTS_MAPPED_MAX;
    source->slots = kin_calloc(source->slot_count, sizeof *source->slots);
    source->vector = kin_malloc(kin_features_dimensions(build->features) * sizeof *source->vector);
    return source;
}

void kin_shard_source_destroy(kin_shard_source **source)
{
    if (*source == NULL) return;
    for (uint64_t i = 0; i < (*source)->slot_count; i++)
        kin_part_file_close(&(*source)->slots[i].file);
    free((*source)->slots);
    free((*source)->vector);
    free(*source);
    *source = NULL;
}

kin_status kin_shard_source_key(void *user, uint64_t row, const char **key, uint32_t *bytes,
                                kin_error *error)
{
    (void)error;
    const kin_shard_source *source = user;
    kin_list_row listed = kin_list_get(&source->build->building.list, source->ids[row]);
    *key = listed.key;
    *bytes = listed.key_bytes;
    return KIN_OK;
}

/* The part that a row is in, mapped now, and what it says of the row. */
static kin_status find_row(kin_shard_source *source, uint64_t row, const kin_part_file **file,
                           kin_part_row *part, kin_error *error)
{
    const kin_building *building = &source->build->building;
    uint64_t id = source->ids[row], chunk = id / building->chunk_pictures;
    slot *s = &source->slots[chunk % source->slot_count];
    if (s->file.path == NULL || s->chunk != chunk) {
        kin_part_file_close(&s->file);
        kin_status status = kin_part_file_open(&s->file, building, chunk, error);
        if (status != KIN_OK) return status;
        s->chunk = chunk;
    }
    *file = &s->file;
    *part = kin_part_get(&s->file.part, (uint32_t)(id - kin_building_chunk_first(building, chunk)));
    return KIN_OK;
}

kin_status kin_shard_source_thumbnail(void *user, uint64_t row, const uint8_t **data,
                                      uint32_t *bytes, kin_error *error)
{
    const kin_part_file *file;
    kin_part_row part;
    kin_status status = find_row(user, row, &file, &part, error);
    if (status != KIN_OK) return status;
    *data = part.thumbnail;
    *bytes = part.thumbnail_bytes;
    return kin_part_check_thumbnail(&file->part, &part, file->path, error);
}

kin_status kin_shard_source_values(void *user, uint64_t row, const int8_t **values,
                                   kin_error *error)
{
    kin_shard_source *source = user;
    const kin_part_file *file;
    kin_part_row part;
    kin_status status = find_row(source, row, &file, &part, error);
    if (status != KIN_OK) return status;
    if (file->part.head.kind == KIN_PART_VALUES) {
        *values = kin_part_values(&file->part, part.value);
        return KIN_OK;
    }
    kin_part_vector(&file->part, part.value, source->vector);
    kin_hasher_store(kin_encoder_hasher(source->build->encoder), source->vector, 1, source->values);
    *values = source->values;
    return KIN_OK;
}

kin_status kin_shard_source_vector(kin_shard_source *source, uint64_t row, const uint8_t **vector,
                                   kin_error *error)
{
    const kin_part_file *file;
    kin_part_row part;
    kin_status status = find_row(source, row, &file, &part, error);
    if (status != KIN_OK) return status;
    KIN_CHECK(file->part.head.kind == KIN_PART_VECTORS);
    *vector = file->part.values + (size_t)part.value * file->part.head.width * sizeof(float);
    return KIN_OK;
}

void kin_shard_source_tick(void *user)
{
    const kin_shard_source *source = user;
    kin_comm_tick(source->build->comm);
}
