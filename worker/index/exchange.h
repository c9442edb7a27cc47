/* From codes that lie on the ranks that made them to shard files: where to cut, who gets what, and
 * the files. All ranks together; each function ends the job where it fails. */
#ifndef WORKER_INDEX_EXCHANGE_H
#define WORKER_INDEX_EXCHANGE_H

#include "coordinator/partition/splitter.h"
#include "worker/index/build_state.h"
#include "worker/index/rows.h"
#include "worker/shard/shard_writer.h"

/* Cuts the codes of all ranks (rows: this rank's, sorted) into at most `shards` ranges. splits
 * [shards]; returns how many there are: the same on every rank, for any number of ranks. */
uint32_t kin_exchange_split(kin_build_state *build, const kin_rows *rows, uint64_t total,
                            uint32_t shards, kin_split *splits);

/* What the ranks learn of a shard while they write it. */
typedef struct kin_exchange_shard {
    uint64_t distinct_codes, largest_bucket;
    kin_shard_written file;
} kin_exchange_shard;

/* Shard s goes to rank s % ranks, which writes it into `folder`, and its vectors where they are to
 * be kept; one shard a rank at a time. shards [split_count] receives the facts of all shards on
 * every rank. */
void kin_exchange_write(kin_build_state *build, const kin_rows *rows, const kin_split *splits,
                        uint32_t split_count, const char *folder, kin_exchange_shard *shards);

/* "shard-0007.kin" */
void kin_exchange_file_name(uint32_t shard, char name[32]);

#endif
