/* Restricted Boltzmann machines: the free energy against a sum over all hidden states, contrastive
 * divergence against plain loops, and what is learned from toy data. */
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/random.h"
#include "worker/encode/blas.h"
#include "worker/train/rbm.h"

/* e^-F(v) is the sum of e^-E(v, h) over all hidden states. */
static void free_energy(void **state)
{
    (void)state;
    enum { V = 5, H = 6 };
    kin_random random = {.state = 3};
    for (int gaussian = 0; gaussian < 2; gaussian++) {
        kin_rbm rbm = {V, H, gaussian, false};
        float p[V * H + V + H], v[V];
        for (size_t i = 0; i < V * H + V + H; i++)
            p[i] = (float)kin_random_gaussian(&random);
        for (size_t i = 0; i < V; i++)
            v[i] = gaussian ? (float)kin_random_gaussian(&random) : (float)(i % 2);
        double sum = 0;
        for (unsigned h = 0; h < 1u << H; h++) {
            double energy = 0;
            for (size_t j = 0; j < V; j++) {
                double c = p[V * H + H + j];
                energy += gaussian ? (v[j] - c) * (v[j] - c) / 2 : -v[j] * c;
            }
            for (size_t i = 0; i < H; i++) {
                if (!(h >> i & 1)) continue;
                energy -= p[V * H + i];
                for (size_t j = 0; j < V; j++)
                    energy -= (double)p[i * V + j] * v[j];
            }
            sum += exp(-energy);
        }
        double wanted = -log(sum), got = kin_rbm_free_energy(&rbm, p, v);
        if (fabs(got - wanted) > 1e-9 * (1 + fabs(wanted))) fail_msg("%g, not %g", got, wanted);
    }
}

/* The same with linear hidden units: an integral over them, by steps of a grid. */
static void free_energy_of_linear_units(void **state)
{
    (void)state;
    enum { V = 4, H = 2 };
    const double step = 0.05, pi = 3.14159265358979323846;
    kin_random random = {.state = 8};
    for (int gaussian = 0; gaussian < 2; gaussian++) {
        kin_rbm rbm = {V, H, gaussian, true};
        float p[V * H + V + H], v[V];
        for (size_t i = 0; i < V * H + V + H; i++)
            p[i] = (float)(0.7 * kin_random_gaussian(&random));
        for (size_t i = 0; i < V; i++)
            v[i] = gaussian ? (float)kin_random_gaussian(&random) : (float)(i % 2);
        double sum = 0, visible = 0, inputs[H];
        for (size_t j = 0; j < V; j++) {
            double c = p[V * H + H + j];
            visible += gaussian ? (v[j] - c) * (v[j] - c) / 2 : -v[j] * c;
        }
        for (size_t i = 0; i < H; i++) {
            inputs[i] = p[V * H + i];
            for (size_t j = 0; j < V; j++)
                inputs[i] += (double)p[i * V + j] * v[j];
        }
        for (double a = -15; a < 15; a += step)
            for (double b = -15; b < 15; b += step) {
                double hidden = (a * a + b * b) / 2 - a * inputs[0] - b * inputs[1];
                sum += exp(-hidden) * step * step;
            }
        double wanted = visible - log(sum) + log(2 * pi) * H / 2;
        double got = kin_rbm_free_energy(&rbm, p, v);
        if (fabs(got - wanted) > 1e-6 * (1 + fabs(wanted))) fail_msg("%g, not %g", got, wanted);
    }
}

static double logistic(double x)
{
    return 1 / (1 + exp(-x));
}

/* With hidden units that are all but certain, no state is drawn at random, and one step of Gibbs
 * sampling is a formula. */
static void divergence(void **state)
{
    (void)state;
    enum { V = 4, H = 3, ROWS = 5 };
    kin_random random = {.state = 5};
    kin_blas_init();
    for (int gaussian = 0; gaussian < 2; gaussian++) {
        kin_rbm rbm = {V, H, gaussian, false};
        float p[V * H + V + H], rows[ROWS * V], gradient[V * H + V + H];
        double wanted[V * H + V + H] = {0}, error = 0;
        for (size_t i = 0; i < V * H + V + H; i++)
            p[i] = (float)kin_random_gaussian(&random);
        for (size_t i = 0; i < H; i++)
            p[V * H + i] = i % 2 == 0 ? 40 : -40;
        for (size_t i = 0; i < ROWS * V; i++)
            rows[i] = (float)kin_random_unit(&random);
        float *scratch = kin_malloc(kin_rbm_scratch(&rbm, ROWS) * sizeof *scratch);
        double got = kin_rbm_divergence(&rbm, p, rows, ROWS, 0.2, 7, scratch, gradient);
        for (size_t r = 0; r < ROWS; r++) {
            double made[V], first[H], second[H];
            for (size_t i = 0; i < H; i++) {
                first[i] = p[V * H + i];
                for (size_t j = 0; j < V; j++)
                    first[i] += (double)p[i * V + j] * rows[r * V + j];
                first[i] = logistic(first[i]);
            }
            for (size_t j = 0; j < V; j++) {
                made[j] = p[V * H + H + j];
                for (size_t i = 0; i < H; i += 2)
                    made[j] += p[i * V + j];
                if (!gaussian) made[j] = logistic(made[j]);
                error += (made[j] - rows[r * V + j]) * (made[j] - rows[r * V + j]);
            }
            for (size_t i = 0; i < H; i++) {
                second[i] = p[V * H + i];
                for (size_t j = 0; j < V; j++)
                    second[i] += p[i * V + j] * made[j];
                second[i] = logistic(second[i]);
                wanted[V * H + i] -= 0.2 * (first[i] - second[i]);
                for (size_t j = 0; j < V; j++)
                    wanted[i * V + j] -= 0.2 * (first[i] * rows[r * V + j] - second[i] * made[j]);
            }
            for (size_t j = 0; j < V; j++)
                wanted[V * H + H + j] -= 0.2 * (rows[r * V + j] - made[j]);
        }
        for (size_t i = 0; i < V * H + V + H; i++)
            if (fabs(gradient[i] - wanted[i]) > 1e-5)
                fail_msg("parameter %zu: %g, not %g", i, (double)gradient[i], wanted[i]);
        assert_true(fabs(got - error) < 1e-4 * error);
        free(scratch);
    }
}

/* Bars and stripes (MacKay): 4 x 4 pictures whose rows or whose columns are each all 0 or all 1. */
enum { SIDE = 4, PIXELS = SIDE * SIDE, PICTURES = 30, HIDDEN = 24, BATCH = PICTURES };

static void make_bars(float *pictures)
{
    size_t count = 0;
    for (unsigned kind = 0; kind < 2; kind++)
        for (unsigned mask = 0; mask < 1u << SIDE; mask++) {
            if (kind == 1 && (mask == 0 || mask == (1u << SIDE) - 1)) continue;
            for (size_t i = 0; i < PIXELS; i++)
                pictures[count * PIXELS + i] =
                    (float)(mask >> (kind == 0 ? i / SIDE : i % SIDE) & 1);
            count++;
        }
    assert_int_equal(count, PICTURES);
}

static double mean_energy(const kin_rbm *rbm, const float *parameters, const float *rows,
                          size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += kin_rbm_free_energy(rbm, parameters, rows + i * rbm->visible);
    return sum / (double)count;
}

static void learn_bars(bool linear)
{
    kin_rbm rbm = {PIXELS, HIDDEN, false, linear};
    float rate = linear ? 0.005f : 0.1f; /* linear units know no bound: Hinton 2010 */
    float pictures[PICTURES * PIXELS], noise[PICTURES * PIXELS];
    size_t count = kin_rbm_parameters(&rbm);
    float *p = kin_malloc(count * sizeof *p), *gradient = kin_malloc(count * sizeof *p);
    float *velocity = kin_calloc(count, sizeof *p);
    float *scratch = kin_malloc(kin_rbm_scratch(&rbm, BATCH) * sizeof *scratch);
    kin_random random = {.state = 9};
    make_bars(pictures);
    for (size_t i = 0; i < PICTURES * PIXELS; i++)
        noise[i] = (float)(kin_random_u64(&random) & 1);
    kin_blas_init();
    kin_rbm_init(&rbm, 1, p);
    double before = mean_energy(&rbm, p, pictures, PICTURES), first = 0, last = 0;
    for (uint64_t step = 0; step < 6000; step++) {
        last = kin_rbm_divergence(&rbm, p, pictures, PICTURES, 1.0 / PICTURES, step, scratch,
                                  gradient);
        if (step == 0) first = last;
        for (size_t i = 0; i < count; i++) {
            velocity[i] = 0.5f * velocity[i] + gradient[i];
            p[i] -= rate * velocity[i];
        }
    }
    double after = mean_energy(&rbm, p, pictures, PICTURES);
    double others = mean_energy(&rbm, p, noise, PICTURES);
    print_message("# free energy of bars and stripes %.1f, before %.1f, of noise %.1f; error %.1f, "
                  "before %.1f\n",
                  after, before, others, last, first);
    assert_true(after < before - 2);
    assert_true(after < others - 5);
    assert_true(last < 0.3 * first);
    free(p);
    free(gradient);
    free(velocity);
    free(scratch);
}

static void learns_bars_and_stripes(void **state)
{
    (void)state;
    learn_bars(false);
    learn_bars(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(free_energy),
        cmocka_unit_test(free_energy_of_linear_units),
        cmocka_unit_test(divergence),
        cmocka_unit_test(learns_bars_and_stripes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
