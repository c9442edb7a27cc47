/* Classes of a picture, as people and programs read them: the same lines wherever they come from.
 */
#ifndef COMMON_CODE_CLASS_TEXT_H
#define COMMON_CODE_CLASS_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"

/* Plain data; the name is borrowed. */
typedef struct kin_class {
    const char *name;
    double probability;
} kin_class;

/* Appends what `picture` is of, classes [count] in their order: a line
 * "picture<TAB>class<TAB>probability" for each, or one JSON object on a line. */
void kin_class_text_append(kin_buffer *out, const char *picture, const kin_class *classes,
                           uint32_t count, bool json);

#endif
