/* The generation that a worker serves: its manifest, and its encoder if it fits this program. */
#ifndef WORKER_SERVE_SERVED_INDEX_H
#define WORKER_SERVE_SERVED_INDEX_H

#include "common/base/checksum.h"
#include "common/base/status.h"
#include "proto/generation.h"
#include "proto/manifest.h"
#include "worker/encode/encoder.h"

typedef struct kin_served_index {
    char generation[KIN_GENERATION_NAME_BYTES];
    char *folder; /* of the generation */
    kin_manifest manifest;
    kin_digest manifest_digest; /* of the bytes of manifest.kin */
    kin_features *features;     /* NULL: those built in */
    kin_encoder *encoder;       /* NULL: this worker does not encode pictures */
    char no_pictures[768];      /* why; empty if it does */
} kin_served_index;

/* The current generation of index_path. An encoder that is damaged, is not the manifest's, or was
 * trained on another decoder's pixels is not used, and no_pictures says so: codes are served all
 * the same. Zeroed to begin with. */
KIN_MUST_USE kin_status kin_served_index_open(kin_served_index *served, const char *index_path,
                                              kin_error *error);
void kin_served_index_close(kin_served_index *served);

#endif
