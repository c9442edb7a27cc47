/* How the codes of an index lie: distances between pictures that have nothing to do with each
 * other, and codes that many pictures share. Reads shards, where the manifest does not say it. */
#ifndef COORDINATOR_CLIENT_CODE_SURVEY_H
#define COORDINATOR_CLIENT_CODE_SURVEY_H

#include <stdint.h>

#include "common/code/code.h"
#include "proto/manifest.h"

/* Codes that are drawn: all pairs of them are two million, and of a large index few pages are read.
 */
#define KIN_SURVEY_CODES 2048
#define KIN_SURVEY_BUCKETS_MAX 1000

typedef struct kin_code_survey {
    uint32_t codes;                     /* drawn, evenly over the order of codes */
    uint64_t pairs;                     /* of them; 0: nothing was surveyed */
    uint64_t at[KIN_CODE_BITS_MAX + 1]; /* pairs of each distance */
    double mean, deviation;             /* of the distances */
} kin_code_survey;

/* A code that several pictures share. */
typedef struct kin_survey_bucket {
    kin_code code;
    uint64_t pictures;
    uint64_t first_id;
    char *first_key; /* of the least id, with escapes; owned; "" where there are no keys */
} kin_survey_bucket;

/* Draws codes of a generation's shards. Blocks of codes are not checked: kindred verify does that.
 */
KIN_MUST_USE kin_status kin_code_survey_distances(const char *folder, const kin_manifest *manifest,
                                                  kin_code_survey *survey, kin_error *error);

/* buckets [room] gets those of most pictures, of equal ones the least code first, none of a single
 * picture; *count of them. Reads all codes. */
KIN_MUST_USE kin_status kin_code_survey_buckets(const char *folder, const kin_manifest *manifest,
                                                kin_survey_bucket *buckets, uint32_t room,
                                                uint32_t *count, kin_error *error);
void kin_survey_buckets_fini(kin_survey_bucket *buckets, uint32_t count);

#endif
