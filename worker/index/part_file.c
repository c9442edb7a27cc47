#include "worker/index/part_file.h"

#include <stdlib.h>
#include <string.h>

kin_status kin_part_file_open(kin_part_file *file, const kin_building *building, uint64_t chunk,
                              kin_error *error)
{
    memset(file, 0, sizeof *file);
    file->path = kin_building_part_path(building, chunk);
    kin_status status = kin_mapping_open(&file->mapping, file->path, error);
    if (status == KIN_OK)
        status =
            kin_part_parse(&file->part, file->mapping.data, file->mapping.bytes, file->path, error);
    const kin_part_head *head = &file->part.head;
    if (status == KIN_OK && (!kin_digest_equal(&head->job, &building->job) ||
                             head->first_id != kin_building_chunk_first(building, chunk) ||
                             head->count != kin_building_chunk_inputs(building, chunk)))
        status = kin_fail(error, KIN_MISMATCH, "%s is a part of another build", file->path);
    if (status != KIN_OK) kin_part_file_close(file);
    return status;
}

void kin_part_file_close(kin_part_file *file)
{
    kin_mapping_close(&file->mapping);
    free(file->path);
    memset(file, 0, sizeof *file);
}
