/* Learning a hasher as part of a job: rows with or without classes, progress, checkpoints. */
#ifndef WORKER_INDEX_TRAINING_H
#define WORKER_INDEX_TRAINING_H

#include "common/base/progress.h"
#include "worker/index/comm.h"
#include "worker/index/hasher_options.h"

/* What is kept in the folder of a job that learns: the state of its training, and a line for each
 * epoch of this run. */
#define KIN_TRAINING_STATE_FILE "training.state"
#define KIN_TRAINING_LOG_FILE "training.tsv"

/* Plain data; all borrowed. */
typedef struct kin_training {
    kin_comm *comm;
    kin_progress *progress; /* rank 0 */
    const kin_hasher_options *options;
    const char *folder; /* of the state and the log */
    const char *features, *decoder;
    kin_digest data;
    uint32_t dimensions;
    /* Classes of the source's rows that are measured by, where the method does not learn from them:
     * [source's count] below class_count, or KIN_NO_CLASS; NULL: there are none. */
    const uint32_t *labels;
    uint32_t class_count;
} kin_training;

/* The most memory that learning takes on this rank. */
size_t kin_training_memory(const kin_training *training, uint64_t vectors);
/* The same of a rank of a job of so many. */
size_t kin_training_memory_of(const kin_training *training, uint64_t vectors, uint64_t rank,
                              uint64_t ranks);

/* All ranks together: appends the encoder file, with what was measured on its card, which rank 0
 * says. Labels of the source may be KIN_NO_CLASS: where the
 * method wants classes, rows without one are left out. The state is left in the folder. */
KIN_MUST_USE kin_status kin_training_run(const kin_training *training,
                                         const kin_train_source *source, kin_buffer *file,
                                         kin_error *error);

#endif
