#include "common/code/values.h"

#include <math.h>
#include <string.h>

#include "common/base/check.h"

/* Steps from 0 to the largest stored value. */
#define STORED_STEPS 128

/* Sums of products stay below 2^31. */
_Static_assert((int64_t)KIN_VALUES_ASKED_MAX *(2 * STORED_STEPS - 1) * KIN_CODE_BITS_MAX <=
                   INT32_MAX,
               "a product of vectors fits 32 bits");

/* The largest |value - threshold|. A difference of floats is never 0 in double where they differ.
 */
static double largest(const float *values, const float *thresholds, uint32_t count)
{
    double most = 0;
    for (uint32_t i = 0; i < count; i++) {
        double size = fabs((double)values[i] - (double)thresholds[i]);
        if (size > most) most = size;
    }
    return most;
}

void kin_values_store(const float *values, const float *thresholds, uint32_t count, int8_t *stored)
{
    double most = largest(values, thresholds, count);
    for (uint32_t i = 0; i < count; i++) {
        double above = (double)values[i] - (double)thresholds[i];
        /* Step n ends at n + 1, where it is included: what is above 0 is in step 0 at least. */
        double step = most > 0 ? ceil(above * STORED_STEPS / most) - 1 : -1;
        stored[i] = (int8_t)(step > -STORED_STEPS ? step : -STORED_STEPS); /* NaN: the least */
    }
}

void kin_values_ask(const float *values, const float *thresholds, uint32_t count, int16_t *asked)
{
    double most = largest(values, thresholds, count);
    for (uint32_t i = 0; i < count; i++) {
        double above = (double)values[i] - (double)thresholds[i];
        double asks = floor(above * KIN_VALUES_ASKED_MAX / most + 0.5);
        asked[i] = (int16_t)(fabs(asks) <= KIN_VALUES_ASKED_MAX ? asks : 0); /* NaN, or all are 0 */
    }
}

void kin_values_code(const int8_t *stored, uint32_t count, kin_code *code)
{
    memset(code, 0, sizeof *code);
    for (uint32_t i = 0; i < count; i++)
        if (stored[i] >= 0) kin_code_set_bit(code, i);
}

uint32_t kin_values_distance(const int16_t *asked, const int8_t *stored, uint32_t count)
{
    int32_t product = 0, stored_square = 0;
    int64_t asked_square = 0;
    KIN_CHECK(count >= 1 && count <= KIN_CODE_BITS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        int32_t value = 2 * stored[i] + 1; /* in half steps: never 0 */
        product += asked[i] * value;
        stored_square += value * value;
        asked_square += (int32_t)asked[i] * asked[i];
    }
    if (asked_square == 0) return KIN_VALUES_RIGHT_ANGLE;
    double cosine = product / sqrt((double)((uint64_t)asked_square * (uint64_t)stored_square));
    double distance = floor((1 - cosine) * KIN_VALUES_RIGHT_ANGLE);
    if (distance < 0) return 0; /* the last digit of a cosine of 1 */
    return distance > KIN_VALUES_DISTANCE_MAX ? KIN_VALUES_DISTANCE_MAX : (uint32_t)distance;
}
