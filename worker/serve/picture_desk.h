/* The threads that turn pictures into codes, and thumbnails into pixels: each has a decoder and a
 * scratch of its own, all share one encoder. */
#ifndef WORKER_SERVE_PICTURE_DESK_H
#define WORKER_SERVE_PICTURE_DESK_H

#include <stdint.h>

#include "common/base/limits.h"
#include "common/base/queue.h"
#include "common/base/status.h"
#include "worker/decode/decoder.h"
#include "worker/encode/encoder.h"
#include "worker/serve/holding.h"
#include "worker/serve/job.h"

/* Encoding gives way to searching: a scan that comes takes the core at once, and where all cores
 * are wanted a picture still gets a quarter of one (the kernel's weights at nice 5 and 0 are 335
 * and 1,024). The threads set this for themselves; the decoders are to be opened with it. */
#define KIN_PICTURE_DESK_NICE 5
/* At a quarter of a core a picture takes four times as long. */
#define KIN_PICTURE_DESK_DECODE_MS (4 * KIN_DECODE_TIMEOUT_MS)

typedef struct kin_picture_desk kin_picture_desk;

typedef struct kin_picture_desk_options {
    kin_decoder *const *decoders; /* [decoder_count]: one a thread */
    uint32_t decoder_count;       /* 0: one thread that refuses */
    const kin_encoder *encoder;   /* NULL: codes of pictures are refused */
    const char *no_pictures;      /* why, where one of them is missing: KIN_UNAVAILABLE says it */
} kin_picture_desk_options;

/* Starts the threads, which take ENCODE jobs and THUMBNAILS jobs with rgb from queue until that is
 * closed and empty; jobs come back in any order. A thread whose decoder stops leaves the jobs to
 * the others; the last one refuses. All arguments are borrowed. After a failure too, *desk is to be
 * joined. */
KIN_MUST_USE kin_status kin_picture_desk_start(kin_picture_desk **desk,
                                               const kin_picture_desk_options *options,
                                               kin_queue *queue, kin_holding *holding,
                                               kin_job_returns *returns, kin_error *error);

/* Waits for the threads; the queue was closed. By the thread that started them. NULL is fine. */
void kin_picture_desk_join(kin_picture_desk **desk);

#endif
