/* What the card of a hasher says of itself: a few figures, measured once it is learned, on rows
 * that it has not learned from where its method holds some out. */
#ifndef WORKER_EVAL_QUALITY_H
#define WORKER_EVAL_QUALITY_H

#include "common/base/buffer.h"
#include "common/base/status.h"
#include "worker/train/train.h"

/* Rows that are asked for, and rows among which is looked: enough for figures of two digits, and
 * done in a second. */
#define KIN_QUALITY_QUERIES 256
#define KIN_QUALITY_DATABASE 8192
/* Smaller samples say nothing. */
#define KIN_QUALITY_ROWS_MIN 64

/* Plain data; all borrowed. */
typedef struct kin_quality_options {
    const kin_train_options *train; /* as the hasher was learned with */
    const kin_train_source *source; /* from which */
    const uint32_t *labels;         /* [source->count], or UINT32_MAX for none; NULL: no classes */
    uint32_t class_count;
    const void *file; /* what was learned: an encoder file [bytes] */
    size_t bytes;
    void (*tick)(void *user);
    void *user;
} kin_quality_options;

/* Appends lines of a name, a tab and a value (proto/ENCODER.md, "quality"); none of a sample that
 * is too small. One rank alone; the same text for the same sample and file. */
KIN_MUST_USE kin_status kin_quality_measure(const kin_quality_options *options, kin_buffer *text,
                                            kin_error *error);

/* Bytes that it takes at most. */
size_t kin_quality_bytes(size_t dimensions);

#endif
