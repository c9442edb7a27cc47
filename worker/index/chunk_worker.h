/* Makes one part of one chunk: reads, decodes, describes, hashes, writes; or takes what an index
 * has kept, or a file of vectors holds. One a rank. */
#ifndef WORKER_INDEX_CHUNK_WORKER_H
#define WORKER_INDEX_CHUNK_WORKER_H

#include <stdint.h>

#include "common/base/status.h"
#include "proto/part_format.h"
#include "worker/decode/decoder.h"
#include "worker/encode/encoder.h"
#include "worker/encode/features.h"
#include "worker/index/building.h"
#include "worker/index/comm.h"
#include "worker/index/feature_table.h"
#include "worker/index/kept_index.h"

/* Where the time of a rank goes, and what it has done. */
typedef struct kin_work_times {
    uint64_t read_ns, decode_ns, features_ns, hash_ns, write_ns;
    uint64_t learn_ns, publish_ns; /* waiting for other ranks within them included */
    uint64_t read_bytes, written_bytes;
    uint64_t pictures, rejected;
    uint64_t thumbnail_bytes;
    uint64_t unseen; /* indexed, but could not be decoded for a thumbnail */
} kin_work_times;

typedef struct kin_chunk_worker kin_chunk_worker;

/* What a worker works with; borrowed. */
typedef struct kin_chunk_sources {
    const kin_building *building;
    kin_decoder *decoder; /* NULL: no picture is opened */
    const kin_features *features;
    const kin_kept_index *kept;     /* NULL, or where vectors and thumbnails come from */
    const kin_feature_table *table; /* NULL, or where vectors come from */
    uint32_t thumbnail_side;        /* of pictures that are decoded; 0: none */
    bool rerank;                    /* parts of codes hold values, which say the codes */
    kin_comm *comm;
} kin_chunk_sources;

kin_chunk_worker *kin_chunk_worker_new(const kin_chunk_sources *sources);
void kin_chunk_worker_destroy(kin_chunk_worker **worker);

/* Writes the chunk's part: of codes, or values, where an encoder is given, else of vectors. Ticks
 * between pictures. KIN_IO where the part cannot be written or the decoder is gone. */
KIN_MUST_USE kin_status kin_chunk_worker_run(kin_chunk_worker *worker, uint64_t chunk,
                                             const kin_encoder *encoder, kin_error *error);

/* Vectors of the inputs that are pictures, one behind the other, of ids [count], at most a chunk's;
 * valid until the worker's next work. *indexed: how many. KIN_IO where the decoder is gone. */
KIN_MUST_USE kin_status kin_chunk_worker_describe(kin_chunk_worker *worker, const uint64_t *ids,
                                                  uint32_t count, const float **vectors,
                                                  uint32_t *indexed, kin_error *error);

/* Stages other than parts are added by whoever runs them. */
kin_work_times *kin_chunk_worker_times(kin_chunk_worker *worker);

#endif
