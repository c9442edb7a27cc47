/* An index whose kept features a build takes (--features INDEX): one generation of it, mapped.
 * Keys, ids, vectors, thumbnails and the ledger are there to be read; nothing is written. */
#ifndef WORKER_INDEX_KEPT_INDEX_H
#define WORKER_INDEX_KEPT_INDEX_H

#include "common/base/checksum.h"
#include "proto/generation.h"
#include "proto/list_format.h"
#include "proto/part_format.h"
#include "worker/index/inputs.h"

/* Immutable after opening. */
typedef struct kin_kept_index kin_kept_index;

/* generation: its name; NULL: the one that CURRENT names. Every file is held to the manifest's
 * digests. KIN_BAD_INPUT where no features are kept. */
KIN_MUST_USE kin_status kin_kept_index_open(kin_kept_index **kept, const char *index_path,
                                            const char *generation, kin_error *error);
void kin_kept_index_close(kin_kept_index **kept);

const char *kin_kept_index_generation(const kin_kept_index *kept);
const kin_manifest *kin_kept_index_manifest(const kin_kept_index *kept);
/* Of the bytes of manifest.kin: it names all the others, so that it names the generation. */
kin_digest kin_kept_index_digest(const kin_kept_index *kept);

/* Appends network.kin, where the features are of networks. */
KIN_MUST_USE kin_status kin_kept_index_network(const kin_kept_index *kept, kin_buffer *out,
                                               kin_error *error);

/* Adds every input, as proto/LIST.md says of them: where it is in the index instead of where the
 * picture is. Frozen, they have the ids that they have there. */
KIN_MUST_USE kin_status kin_kept_index_list(const kin_kept_index *kept, kin_inputs *inputs,
                                            void (*tick)(void *user), void *user, kin_error *error);

/* What became of an input, by its row of such a list: its thumbnail and its vector, or why it is
 * rejected. vector [dimensions]. KIN_CORRUPT for a vector that is not this picture's: its code is
 * computed and compared. */
KIN_MUST_USE kin_status kin_kept_index_get(const kin_kept_index *kept, uint64_t id,
                                           const kin_list_row *row, kin_part_row *part,
                                           float *vector, kin_error *error);

#endif
