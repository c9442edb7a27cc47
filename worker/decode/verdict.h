/* What a check or a decoder says of a picture: fine, or why not. */
#ifndef WORKER_DECODE_VERDICT_H
#define WORKER_DECODE_VERDICT_H

#include <stdint.h>

#include "common/base/reason.h"

/* Zeroed is fine. */
typedef struct kin_verdict {
    kin_reason reason;
    char detail[160]; /* "PNG: CRC of chunk IDAT at byte 33 is wrong" */
} kin_verdict;

/* Writes reason and detail; returns reason, so that a check ends with `return kin_reject(...)`. */
kin_reason kin_reject(kin_verdict *verdict, kin_reason reason, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Compares what a header of a format ("PNG") declares with the limits of a picture: no side is 0 or
 * above KIN_PICTURE_SIDE_MAX, and there are at most pixels_max pixels. */
kin_reason kin_check_sides(kin_verdict *verdict, const char *format, uint32_t width,
                           uint32_t height, uint32_t pixels_max);

#endif
