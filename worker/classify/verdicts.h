/* What a head says of one picture, as text and JSON. */
#ifndef WORKER_CLASSIFY_VERDICTS_H
#define WORKER_CLASSIFY_VERDICTS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "worker/encode/hasher.h"

/* Appends the `top` most probable classes of what `name` says, the most probable first, of equal
 * ones the first: a line "name<TAB>class<TAB>probability" for each, or one JSON object on a line.
 */
void kin_verdict_append(kin_buffer *out, const kin_hasher *hasher, const char *name,
                        const float *probabilities, uint32_t top, bool json);

#endif
