/* What a manifest says of an index, for a person and for a program. */
#ifndef COORDINATOR_CLIENT_INDEX_REPORT_H
#define COORDINATOR_CLIENT_INDEX_REPORT_H

#include <stdint.h>

#include "common/base/buffer.h"
#include "coordinator/client/code_survey.h"
#include "proto/encoder_file.h"
#include "proto/manifest.h"

/* Figures that follow from a manifest. */
typedef struct kin_index_figures {
    uint64_t rejected;
    uint64_t shard_bytes;
    double bytes_a_picture;
    double balance;     /* pictures of the largest shard / mean; 1 is perfect */
    uint32_t dead_bits; /* the same in every picture: they say nothing */
    /* At most so many bits of information: the sum of the single bits' entropies, or the logarithm
     * of the distinct codes where that is less. */
    double entropy_bits;
} kin_index_figures;

/* learned_bits: the first so many can say something; 0: all. */
void kin_index_figures_compute(kin_index_figures *figures, const kin_manifest *manifest,
                               uint32_t learned_bits);

/* What the encoder file of an index says beside its manifest; zeroed where it cannot be read. */
typedef struct kin_index_card {
    uint32_t learned_bits;    /* of the stored ones; 0: not known */
    kin_encoder_text quality; /* borrowed */
} kin_index_card;

/* Appends a report of one screen or two; index and generation are names to show. survey: of its
 * codes; NULL, or without pairs: there is none. */
void kin_index_report_append(kin_buffer *out, const char *index, const char *generation,
                             const kin_manifest *manifest, const kin_index_card *card,
                             const kin_code_survey *survey);

/* Appends the same as one JSON object on one line. */
void kin_index_report_append_json(kin_buffer *out, const char *index, const char *generation,
                                  const kin_manifest *manifest, const kin_index_card *card,
                                  const kin_code_survey *survey);

#endif
