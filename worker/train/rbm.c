#include "worker/train/rbm.h"

#include <math.h>
#include <string.h>

#include "common/base/random.h"
#include "worker/encode/blas.h"
#include "worker/encode/convolution.h"
#include "worker/train/floats.h"

size_t kin_rbm_parameters(const kin_rbm *rbm)
{
    return rbm->hidden * rbm->visible + rbm->hidden + rbm->visible;
}

void kin_rbm_init(const kin_rbm *rbm, uint64_t seed, float *parameters)
{
    kin_random random = {.state = seed};
    size_t weights = rbm->hidden * rbm->visible;
    for (size_t i = 0; i < weights; i++)
        parameters[i] = (float)(0.01 * kin_random_gaussian(&random));
    memset(parameters + weights, 0, (rbm->hidden + rbm->visible) * sizeof *parameters);
}

size_t kin_rbm_scratch(const kin_rbm *rbm, size_t rows)
{
    return rows * (3 * rbm->hidden + rbm->visible);
}

static void squash(float *values, size_t count)
{
    kin_activation_apply(&(kin_activation){.kind = KIN_ACTIVATION_SIGMOID}, values, 1, count,
                         count);
}

void kin_rbm_up(const kin_rbm *rbm, const float *parameters, const float *visible, size_t rows,
                float *hidden)
{
    const float *biases = parameters + rbm->hidden * rbm->visible;
    kin_floats_fill_rows(hidden, rows, rbm->hidden, biases);
    kin_blas_multiply_floats(false, true, rows, rbm->hidden, rbm->visible, visible, parameters, 1,
                             hidden);
    if (!rbm->linear) squash(hidden, rows * rbm->hidden);
}

/* visible [rows][visible] = means given hidden states. */
static void down(const kin_rbm *rbm, const float *parameters, const float *hidden, size_t rows,
                 float *visible)
{
    const float *biases = parameters + rbm->hidden * rbm->visible + rbm->hidden;
    kin_floats_fill_rows(visible, rows, rbm->visible, biases);
    kin_blas_multiply_floats(false, false, rows, rbm->visible, rbm->hidden, hidden, parameters, 1,
                             visible);
    if (!rbm->gaussian) squash(visible, rows * rbm->visible);
}

/* 1 with the probability, four draws of 16 bits a number. */
static void draw(const float *probabilities, size_t count, uint64_t seed, float *states)
{
    kin_random random = {.state = seed};
    for (size_t i = 0; i < count; i += 4) {
        uint64_t bits = kin_random_u64(&random);
        for (size_t j = i; j < i + 4 && j < count; j++, bits >>= 16)
            states[j] = probabilities[j] * 65536 > (float)(bits & 0xffff) ? 1 : 0;
    }
}

double kin_rbm_divergence(const kin_rbm *rbm, const float *parameters, const float *visible,
                          size_t rows, double weight, uint64_t seed, float *scratch,
                          float *gradient)
{
    size_t h = rbm->hidden, v = rbm->visible;
    float *hidden = scratch, *states = hidden + rows * h, *again = states + rows * h;
    float *made = again + rows * h, scale = (float)weight;
    float *hidden_biases = gradient + h * v, *visible_biases = hidden_biases + h;
    double error = 0;
    kin_rbm_up(rbm, parameters, visible, rows, hidden);
    if (rbm->linear)
        kin_floats_add_noise(states, hidden, rows * h, 1, seed);
    else
        draw(hidden, rows * h, seed, states);
    down(rbm, parameters, states, rows, made);
    kin_rbm_up(rbm, parameters, made, rows, again);
    /* The states are not needed any more: their place gets what is summed. */
    kin_floats_scale(hidden, -scale, rows * h);
    kin_floats_scale(again, scale, rows * h);
    kin_blas_multiply_floats(true, false, h, v, rows, hidden, visible, 0, gradient);
    kin_blas_multiply_floats(true, false, h, v, rows, again, made, 1, gradient);
    kin_floats_add(hidden, again, rows * h);
    kin_floats_column_sums(hidden, rows, h, hidden_biases);
    for (size_t i = 0; i < rows; i++) {
        float row = 0;
        for (size_t j = i * v; j < (i + 1) * v; j++) {
            made[j] -= visible[j];
            row += made[j] * made[j];
        }
        error += row;
    }
    kin_floats_column_sums(made, rows, v, visible_biases);
    kin_floats_scale(visible_biases, scale, v);
    return error;
}

double kin_rbm_free_energy(const kin_rbm *rbm, const float *parameters, const float *visible)
{
    const float *hidden_biases = parameters + rbm->hidden * rbm->visible;
    const float *visible_biases = hidden_biases + rbm->hidden;
    double energy = 0;
    for (size_t j = 0; j < rbm->visible; j++) {
        double x = visible[j], centred = x - visible_biases[j];
        energy += rbm->gaussian ? centred * centred / 2 : -x * visible_biases[j];
    }
    for (size_t i = 0; i < rbm->hidden; i++) {
        double input = hidden_biases[i];
        for (size_t j = 0; j < rbm->visible; j++)
            input += (double)parameters[i * rbm->visible + j] * visible[j];
        if (rbm->linear)
            energy -= input * input / 2;
        else
            energy -= input > 0 ? input + log1p(exp(-input)) : log1p(exp(input));
    }
    return energy;
}
