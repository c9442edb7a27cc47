/* Thumbnails as the shards store them. */
#ifndef WORKER_SERVE_STORED_THUMBNAILS_H
#define WORKER_SERVE_STORED_THUMBNAILS_H

#include "worker/serve/holding.h"
#include "worker/serve/job.h"

/* JPEG bytes of row; empty where none is stored. held is whose bytes they are: put it back
 * after use; NULL after a failure. KIN_NOT_FOUND (shard not open, row beyond its end), KIN_CORRUPT.
 */
KIN_MUST_USE kin_status kin_stored_thumbnail_get(kin_holding *holding, const kin_row *row,
                                                 kin_held_shard **held, kin_bytes *jpeg,
                                                 kin_error *error);

/* Returns a THUMBNAILS job with its IMAGES, as stored, or with an error. */
void kin_stored_thumbnails_answer(kin_job *job, kin_holding *holding, kin_job_returns *returns);

#endif
