/* The thread that turns pictures into codes, and thumbnails into pixels: one decoder, one encoder.
 */
#ifndef WORKER_SERVE_PICTURE_DESK_H
#define WORKER_SERVE_PICTURE_DESK_H

#include "common/base/queue.h"
#include "common/base/status.h"
#include "worker/decode/decoder.h"
#include "worker/encode/encoder.h"
#include "worker/serve/holding.h"
#include "worker/serve/job.h"

typedef struct kin_picture_desk kin_picture_desk;

/* Starts the thread, which takes ENCODE jobs and THUMBNAILS jobs with rgb from queue until that is
 * closed and empty. decoder and encoder may be NULL: what needs them is then KIN_UNAVAILABLE, with
 * the sentence no_pictures. All arguments are borrowed. */
KIN_MUST_USE kin_status kin_picture_desk_start(kin_picture_desk **desk, kin_decoder *decoder,
                                               const kin_encoder *encoder, const char *no_pictures,
                                               kin_queue *queue, kin_holding *holding,
                                               kin_job_returns *returns, kin_error *error);

/* Waits for the thread; the queue was closed. NULL is fine. */
void kin_picture_desk_join(kin_picture_desk **desk);

#endif
