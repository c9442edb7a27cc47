#include "worker/decode/verdict.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/base/limits.h"

kin_reason kin_reject(kin_verdict *verdict, kin_reason reason, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(verdict->detail, sizeof verdict->detail, format, arguments);
    va_end(arguments);
    verdict->reason = reason;
    return reason;
}

kin_reason kin_check_sides(kin_verdict *verdict, const char *format, uint32_t width,
                           uint32_t height, uint32_t pixels_max)
{
    if (width == 0 || height == 0)
        return kin_reject(verdict, KIN_REASON_CORRUPT, "%s: the header says %u x %u pixels", format,
                          width, height);
    if (width > KIN_PICTURE_SIDE_MAX || height > KIN_PICTURE_SIDE_MAX)
        return kin_reject(verdict, KIN_REASON_TOO_LARGE,
                          "%s: %u x %u; a side may have %d pixels at most", format, width, height,
                          KIN_PICTURE_SIDE_MAX);
    if ((uint64_t)width * height > pixels_max)
        return kin_reject(verdict, KIN_REASON_TOO_LARGE,
                          "%s: %u x %u is more than %u million pixels", format, width, height,
                          pixels_max / 1000000);
    return KIN_REASON_NONE;
}
