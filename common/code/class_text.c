#include "common/code/class_text.h"

#include <string.h>

#include "common/base/text.h"

void kin_class_text_append(kin_buffer *out, const char *picture, const kin_class *classes,
                           uint32_t count, bool json)
{
    if (json) {
        kin_buffer_append_string(out, "{\"picture\": ");
        kin_text_append_json(out, picture, strlen(picture));
        kin_buffer_append_string(out, ", \"classes\": [");
    }
    for (uint32_t i = 0; i < count; i++) {
        const kin_class *class = &classes[i];
        if (json) {
            kin_buffer_append_string(out, i > 0 ? ", {\"class\": " : "{\"class\": ");
            kin_text_append_json(out, class->name, strlen(class->name));
            kin_buffer_printf(out, ", \"probability\": %.6f}", class->probability);
        } else {
            kin_text_append_escaped(out, picture, strlen(picture));
            kin_buffer_append_byte(out, '\t');
            kin_text_append_escaped(out, class->name, strlen(class->name));
            kin_buffer_printf(out, "\t%.4f\n", class->probability);
        }
    }
    if (json) kin_buffer_append_string(out, "]}\n");
}
