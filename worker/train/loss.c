#include "worker/train/loss.h"

#include <math.h>
#include <string.h>

#include "worker/encode/convolution.h"

/* Elements whose factors 1 + e^-|x|, each at most 2, are multiplied before one logarithm. */
#define RUN 64

double kin_loss_squares(const float *outputs, const float *targets, size_t rows, size_t columns,
                        double weight, float *gradient)
{
    float scale = (float)(2 * weight);
    double sum = 0;
    for (size_t i = 0; i < rows; i++) {
        float row = 0;
        for (size_t j = i * columns; j < (i + 1) * columns; j++) {
            float difference = outputs[j] - targets[j];
            row += difference * difference;
            gradient[j] = scale * difference;
        }
        sum += row;
    }
    return weight * sum;
}

static void exponentials(float *values, size_t count)
{
    kin_activation_apply(&(kin_activation){.kind = KIN_ACTIVATION_EXP}, values, 1, count, count);
}

/* log(1 + e^x) - t x = max(x, 0) - t x + log(1 + e^-|x|). */
double kin_loss_logistic(const float *outputs, const float *targets, size_t rows, size_t columns,
                         double weight, float *gradient)
{
    size_t count = rows * columns;
    float scale = (float)weight;
    double sum = 0;
    for (size_t first = 0; first < count; first += RUN) {
        size_t run = count - first < RUN ? count - first : RUN;
        const float *x = outputs + first, *t = targets + first;
        float *g = gradient + first, small[RUN], linear = 0;
        double product = 1;
        for (size_t i = 0; i < run; i++)
            small[i] = -fabsf(x[i]);
        exponentials(small, run);
        for (size_t i = 0; i < run; i++) {
            float inverse = 1 / (1 + small[i]);
            product *= 1 + (double)small[i];
            linear += (x[i] > 0 ? x[i] : 0) - t[i] * x[i];
            g[i] = scale * ((x[i] > 0 ? inverse : small[i] * inverse) - t[i]);
        }
        sum += (double)linear + log(product);
    }
    return weight * sum;
}

static size_t largest(const float *row, size_t columns)
{
    size_t best = 0;
    for (size_t j = 1; j < columns; j++)
        if (row[j] > row[best]) best = j;
    return best;
}

void kin_softmax(float *outputs, size_t rows, size_t columns)
{
    for (size_t i = 0; i < rows; i++) {
        float *row = outputs + i * columns, top = row[largest(row, columns)], sum = 0;
        for (size_t j = 0; j < columns; j++)
            row[j] -= top;
        exponentials(row, columns);
        for (size_t j = 0; j < columns; j++)
            sum += row[j];
        for (size_t j = 0; j < columns; j++)
            row[j] /= sum;
    }
}

double kin_loss_softmax(const float *outputs, const uint32_t *labels, size_t rows, size_t columns,
                        double weight, float *gradient, uint64_t *right)
{
    float scale = (float)weight;
    double sum = 0;
    memcpy(gradient, outputs, rows * columns * sizeof *gradient);
    kin_softmax(gradient, rows, columns);
    for (size_t i = 0; i < rows; i++) {
        const float *row = outputs + i * columns;
        float *g = gradient + i * columns;
        size_t best = largest(row, columns);
        double total = 1; /* the largest one's: the sum does not underflow */
        for (size_t j = 0; j < columns; j++)
            if (j != best) total += exp((double)row[j] - row[best]);
        sum += log(total) + (double)row[best] - row[labels[i]];
        if (right != NULL) *right += best == labels[i];
        g[labels[i]] -= 1;
        for (size_t j = 0; j < columns; j++)
            g[j] *= scale;
    }
    return weight * sum;
}
