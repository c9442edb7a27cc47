#include "worker/classify/verdicts.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/text.h"

uint32_t kin_verdict_class(const float *probabilities, uint32_t classes)
{
    uint32_t best = 0;
    for (uint32_t c = 1; c < classes; c++)
        if (probabilities[c] > probabilities[best]) best = c;
    return best;
}

void kin_verdict_append(kin_buffer *out, const kin_hasher *hasher, const char *name,
                        const float *probabilities, uint32_t top, bool json)
{
    uint32_t classes = kin_hasher_classes(hasher);
    float *left = kin_malloc(classes * sizeof *left); /* taken ones are below any other */
    memcpy(left, probabilities, classes * sizeof *left);
    if (json) {
        kin_buffer_append_string(out, "{\"picture\": ");
        kin_text_append_json(out, name, strlen(name));
        kin_buffer_append_string(out, ", \"classes\": [");
    }
    for (uint32_t i = 0; i < top && i < classes; i++) {
        uint32_t c = kin_verdict_class(left, classes);
        const char *text = kin_hasher_class_name(hasher, c);
        if (json) {
            kin_buffer_append_string(out, i > 0 ? ", {\"class\": " : "{\"class\": ");
            kin_text_append_json(out, text, strlen(text));
            kin_buffer_printf(out, ", \"probability\": %.6f}", (double)left[c]);
        } else {
            kin_text_append_escaped(out, name, strlen(name));
            kin_buffer_append_byte(out, '\t');
            kin_text_append_escaped(out, text, strlen(text));
            kin_buffer_printf(out, "\t%.4f\n", (double)left[c]);
        }
        left[c] = -1;
    }
    if (json) kin_buffer_append_string(out, "]}\n");
    free(left);
}
