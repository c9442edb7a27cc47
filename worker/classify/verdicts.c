#include "worker/classify/verdicts.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/code/class_text.h"

void kin_verdict_append(kin_buffer *out, const kin_hasher *hasher, const char *name,
                        const float *probabilities, uint32_t top, bool json)
{
    uint32_t classes = kin_hasher_classes(hasher), count = top < classes ? top : classes;
    float *left = kin_malloc(classes * sizeof *left); /* taken ones are below any other */
    kin_class *first = kin_malloc(count * sizeof *first);
    memcpy(left, probabilities, classes * sizeof *left);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t c = kin_hasher_likeliest(left, classes);
        first[i] =
            (kin_class){.name = kin_hasher_class_name(hasher, c), .probability = (double)left[c]};
        left[c] = -1;
    }
    kin_class_text_append(out, name, first, count, json);
    free(first);
    free(left);
}
