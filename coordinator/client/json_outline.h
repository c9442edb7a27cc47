/* JSON for a person: members as indented lines, without quotes and braces. */
#ifndef COORDINATOR_CLIENT_JSON_OUTLINE_H
#define COORDINATOR_CLIENT_JSON_OUTLINE_H

#include <stddef.h>

#include "common/base/buffer.h"

/* Appends the outline of any text, as far as it is JSON: nothing is validated, control characters
 * are escaped, and nesting beyond 16 levels is not indented further. */
void kin_json_outline_append(kin_buffer *out, const char *json, size_t bytes);

#endif
