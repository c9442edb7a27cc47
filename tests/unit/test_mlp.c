/* Layers and losses: forward against plain loops in double precision, gradients against finite
 * differences of those loops. */
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "common/base/random.h"
#include "worker/encode/blas.h"
#include "worker/train/loss.h"
#include "worker/train/mlp.h"

#define ROWS 7
#define WIDTH_MAX 16

/* One layer in doubles: x [ROWS][inputs] -> y. What is drawn comes from the layer's own run: kept
 * [ROWS][outputs] is its output, given [ROWS][inputs] its input. */
static void plain_layer(const kin_layer *layer, const double *p, const float *given,
                        const float *kept, const double *x, double *y)
{
    size_t n = layer->inputs;
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < layer->outputs; j++) {
            double sum = 0, mean = 0, variance = 0, in = j < n ? x[i * n + j] : 0;
            double *out = &y[i * layer->outputs + j];
            switch (layer->kind) {
            case KIN_LAYER_AFFINE:
                for (size_t k = 0; k < n; k++)
                    sum += p[j * n + k] * x[i * n + k];
                *out = sum + p[layer->outputs * n + j];
                break;
            case KIN_LAYER_BATCH_NORM:
                for (size_t r = 0; r < ROWS; r++)
                    mean += x[r * n + j] / ROWS;
                for (size_t r = 0; r < ROWS; r++)
                    variance += (x[r * n + j] - mean) * (x[r * n + j] - mean) / ROWS;
                *out = (in - mean) / sqrt(variance + 1e-5) * p[j] + p[n + j];
                break;
            case KIN_LAYER_RELU:
                *out = in > 0 ? in : 0;
                break;
            case KIN_LAYER_LOGISTIC:
                *out = 1 / (1 + exp(-in));
                break;
            case KIN_LAYER_TANH:
                *out = tanh(in);
                break;
            case KIN_LAYER_DROPOUT:
                *out = kept[i * n + j] == 0 ? 0 : in / (1 - layer->rate);
                break;
            case KIN_LAYER_NOISE:
                *out = in + ((double)kept[i * n + j] - (double)given[i * n + j]);
                break;
            case KIN_LAYER_SIGN: /* what the straight-through gradient is the gradient of */
                *out = fmin(1, fmax(-1, in));
                break;
            }
        }
}

typedef struct trial {
    kin_mlp *mlp;
    kin_mlp_work *work;
    float *input;    /* [ROWS][inputs] */
    double *targets; /* weights of the outputs in the loss: their sum of products */
    bool plain_sign; /* the sign layer's output is compared with the clipped one */
} trial;

static double plain_loss(const trial *t, const double *parameters, const double *input,
                         double *outputs)
{
    double a[ROWS * WIDTH_MAX], b[ROWS * WIDTH_MAX];
    memcpy(a, input, ROWS * kin_mlp_inputs(t->mlp) * sizeof *a);
    for (size_t l = 0; l < kin_mlp_layer_count(t->mlp); l++) {
        const kin_layer *layer = kin_mlp_layer(t->mlp, l);
        const float *given = l == 0 ? t->input : kin_mlp_output(t->mlp, t->work, l - 1);
        plain_layer(layer, parameters + layer->parameters_at, given,
                    kin_mlp_output(t->mlp, t->work, l), a, b);
        memcpy(a, b, sizeof a);
    }
    size_t count = ROWS * kin_mlp_outputs(t->mlp);
    double loss = 0;
    for (size_t i = 0; i < count; i++)
        loss += a[i] * t->targets[i];
    if (outputs != NULL) memcpy(outputs, a, count * sizeof *a);
    return loss;
}

static void assert_close(double got, double wanted, double scale, const char *what, size_t i)
{
    if (fabs(got - wanted) > 2e-4 * (scale + fabs(wanted)))
        fail_msg("%s %zu is %.8g, not %.8g", what, i, got, wanted);
}

/* Gradients of all parameters and inputs against central differences of the plain loss. */
static void check_gradients(const trial *t, const float *parameters, const float *gradient,
                            const float *input_gradient)
{
    size_t count = kin_mlp_parameters(t->mlp), inputs = ROWS * kin_mlp_inputs(t->mlp);
    double *values = kin_malloc((count + inputs) * sizeof *values), step = 1e-5;
    for (size_t i = 0; i < count; i++)
        values[i] = parameters[i];
    for (size_t i = 0; i < inputs; i++)
        values[count + i] = t->input[i];
    for (size_t i = 0; i < count + inputs; i++) {
        double kept = values[i];
        values[i] = kept + step;
        double up = plain_loss(t, values, values + count, NULL);
        values[i] = kept - step;
        double down = plain_loss(t, values, values + count, NULL);
        values[i] = kept;
        assert_close(i < count ? gradient[i] : input_gradient[i - count], (up - down) / (2 * step),
                     1, i < count ? "the gradient of parameter" : "the gradient of input", i);
    }
    free(values);
}

static void try_chain(size_t inputs, const kin_layer_spec *specs, size_t count, uint64_t seed)
{
    kin_random random = {.state = seed};
    trial t = {.mlp = kin_mlp_new(inputs, specs, count)};
    t.work = kin_mlp_work_new(t.mlp, ROWS + 2);
    size_t outputs = kin_mlp_outputs(t.mlp), parameters = kin_mlp_parameters(t.mlp);
    float *p = kin_malloc(parameters * sizeof *p), *gradient = kin_malloc(parameters * sizeof *p);
    float *statistics = kin_calloc(kin_mlp_statistics(t.mlp), sizeof *p);
    float up[ROWS * WIDTH_MAX], input_gradient[ROWS * WIDTH_MAX];
    double plain[ROWS * WIDTH_MAX], wide[ROWS * WIDTH_MAX] = {0};
    t.input = kin_malloc(ROWS * inputs * sizeof *t.input);
    t.targets = kin_malloc(ROWS * outputs * sizeof *t.targets);
    kin_mlp_init(t.mlp, seed, p, statistics);
    for (size_t i = 0; i < parameters; i++) /* biases and shifts that are not 0 */
        p[i] += (float)(0.2 * kin_random_gaussian(&random));
    for (size_t i = 0; i < ROWS * inputs; i++)
        wide[i] = t.input[i] = (float)kin_random_gaussian(&random);
    for (size_t i = 0; i < ROWS * outputs; i++)
        t.targets[i] = up[i] = (float)kin_random_gaussian(&random);
    const float *out = kin_mlp_forward(t.mlp, t.work, p, statistics, t.input, ROWS, true, seed);
    double *doubles = kin_malloc(parameters * sizeof *doubles);
    for (size_t i = 0; i < parameters; i++)
        doubles[i] = p[i];
    (void)plain_loss(&t, doubles, wide, plain);
    for (size_t i = 0; i < ROWS * outputs; i++)
        if (specs[count - 1].kind == KIN_LAYER_SIGN)
            assert_true(out[i] == (plain[i] > 0 ? 1 : -1));
        else
            assert_close(out[i], plain[i], 0.1, "output", i);
    kin_mlp_backward(t.mlp, t.work, p, up, gradient, NULL, input_gradient);
    check_gradients(&t, p, gradient, input_gradient);
    free(doubles);
    free(t.input);
    free(t.targets);
    free(p);
    free(gradient);
    free(statistics);
    kin_mlp_work_destroy(&t.work);
    kin_mlp_destroy(&t.mlp);
}

static void gradients(void **state)
{
    (void)state;
    kin_blas_init();
    const kin_layer_spec alone[] = {{KIN_LAYER_AFFINE, 5, 0},  {KIN_LAYER_BATCH_NORM, 0, 0},
                                    {KIN_LAYER_RELU, 0, 0},    {KIN_LAYER_LOGISTIC, 0, 0},
                                    {KIN_LAYER_TANH, 0, 0},    {KIN_LAYER_DROPOUT, 0, 0.375},
                                    {KIN_LAYER_NOISE, 0, 0.5}, {KIN_LAYER_SIGN, 0, 0}};
    for (size_t i = 0; i < sizeof alone / sizeof *alone; i++)
        try_chain(6, &alone[i], 1, i + 1);
    const kin_layer_spec hasher[] = {{KIN_LAYER_DROPOUT, 0, 0.25}, {KIN_LAYER_AFFINE, 11, 0},
                                     {KIN_LAYER_BATCH_NORM, 0, 0}, {KIN_LAYER_RELU, 0, 0},
                                     {KIN_LAYER_AFFINE, 9, 0},     {KIN_LAYER_RELU, 0, 0},
                                     {KIN_LAYER_AFFINE, 4, 0},     {KIN_LAYER_TANH, 0, 0}};
    const kin_layer_spec autoencoder[] = {{KIN_LAYER_AFFINE, 12, 0},  {KIN_LAYER_LOGISTIC, 0, 0},
                                          {KIN_LAYER_AFFINE, 5, 0},   {KIN_LAYER_NOISE, 0, 1.5},
                                          {KIN_LAYER_LOGISTIC, 0, 0}, {KIN_LAYER_AFFINE, 12, 0},
                                          {KIN_LAYER_LOGISTIC, 0, 0}, {KIN_LAYER_AFFINE, 9, 0}};
    for (uint64_t seed = 20; seed < 24; seed++) {
        try_chain(9, hasher, sizeof hasher / sizeof *hasher, seed);
        try_chain(9, autoencoder, sizeof autoencoder / sizeof *autoencoder, seed);
    }
}

/* In use a batch norm takes the statistics that it is given; dropout and noise do nothing. */
static void inference(void **state)
{
    (void)state;
    const kin_layer_spec specs[] = {
        {KIN_LAYER_DROPOUT, 0, 0.5}, {KIN_LAYER_NOISE, 0, 1}, {KIN_LAYER_BATCH_NORM, 0, 0}};
    kin_mlp *mlp = kin_mlp_new(2, specs, 3);
    kin_mlp_work *work = kin_mlp_work_new(mlp, 1);
    const float parameters[] = {2, 3, 0.5f, -0.5f}, statistics[] = {1, -1, 4, 9};
    const float input[] = {5, 2};
    const float *out = kin_mlp_forward(mlp, work, parameters, statistics, input, 1, false, 1);
    assert_true(fabs(out[0] - (2 * 4 / sqrt(4 + 1e-5) + 0.5)) < 1e-5);
    assert_true(fabs(out[1] - (3 * 3 / sqrt(9 + 1e-5) - 0.5)) < 1e-5);
    kin_mlp_work_destroy(&work);
    kin_mlp_destroy(&mlp);
}

/* What dropout and noise draw: shares, mean and deviation; another seed draws otherwise. */
static void drawn(void **state)
{
    (void)state;
    enum { COUNT = 40000 };
    const kin_layer_spec specs[] = {{KIN_LAYER_DROPOUT, 0, 0.3}, {KIN_LAYER_NOISE, 0, 2}};
    float *input = kin_malloc(COUNT * sizeof *input), *first = kin_malloc(COUNT * sizeof *first);
    for (size_t i = 0; i < COUNT; i++)
        input[i] = 1;
    for (int l = 0; l < 2; l++) {
        kin_mlp *mlp = kin_mlp_new(100, &specs[l], 1);
        kin_mlp_work *work = kin_mlp_work_new(mlp, COUNT / 100);
        double sum = 0, squares = 0;
        memcpy(first, kin_mlp_forward(mlp, work, NULL, NULL, input, COUNT / 100, true, 1),
               COUNT * sizeof *first);
        for (size_t i = 0; i < COUNT; i++) {
            sum += first[i];
            squares += (first[i] - 1) * (first[i] - 1);
        }
        assert_true(fabs(sum / COUNT - 1) < 0.03);
        double deviation = l == 0 ? sqrt(0.3 / 0.7) : 2;
        assert_true(fabs(sqrt(squares / COUNT) / deviation - 1) < 0.02);
        const float *again = kin_mlp_forward(mlp, work, NULL, NULL, input, COUNT / 100, true, 1);
        assert_memory_equal(again, first, COUNT * sizeof *first);
        again = kin_mlp_forward(mlp, work, NULL, NULL, input, COUNT / 100, true, 2);
        assert_true(memcmp(again, first, COUNT * sizeof *first) != 0);
        kin_mlp_work_destroy(&work);
        kin_mlp_destroy(&mlp);
    }
    free(input);
    free(first);
}

static void batch_statistics(void **state)
{
    (void)state;
    kin_mlp *mlp = kin_mlp_new(1, &(kin_layer_spec){KIN_LAYER_BATCH_NORM, 0, 0}, 1);
    kin_mlp_work *work = kin_mlp_work_new(mlp, 3);
    float parameters[] = {1, 0}, statistics[2], batch[2], gradient[2], up[] = {1, 1, 1};
    const float input[] = {1, 2, 6};
    kin_mlp_init(mlp, 1, parameters, statistics);
    (void)kin_mlp_forward(mlp, work, parameters, statistics, input, 3, true, 1);
    kin_mlp_backward(mlp, work, parameters, up, gradient, batch, NULL);
    assert_true(fabs(batch[0] - 3) < 1e-6 && fabs(batch[1] - 7) < 1e-5); /* (4 + 1 + 9) / 2 */
    kin_mlp_work_destroy(&work);
    kin_mlp_destroy(&mlp);
}

typedef double loss_function(const float *outputs, const float *targets, const uint32_t *labels,
                             size_t rows, size_t columns, float *gradient);

static double squares(const float *outputs, const float *targets, const uint32_t *labels,
                      size_t rows, size_t columns, float *gradient)
{
    (void)labels;
    return kin_loss_squares(outputs, targets, rows, columns, 0.25, gradient);
}

static double logistic(const float *outputs, const float *targets, const uint32_t *labels,
                       size_t rows, size_t columns, float *gradient)
{
    (void)labels;
    return kin_loss_logistic(outputs, targets, rows, columns, 0.25, gradient);
}

static double softmax(const float *outputs, const float *targets, const uint32_t *labels,
                      size_t rows, size_t columns, float *gradient)
{
    (void)targets;
    return kin_loss_softmax(outputs, labels, rows, columns, 0.25, gradient, NULL);
}

/* The three losses in doubles. */
static double plain(int which, const double *outputs, const float *targets, const uint32_t *labels,
                    size_t rows, size_t columns)
{
    double loss = 0;
    for (size_t i = 0; i < rows; i++) {
        double sum = 0;
        for (size_t j = 0; j < columns; j++) {
            double x = outputs[i * columns + j], t = targets[i * columns + j];
            if (which == 0) loss += (x - t) * (x - t);
            if (which == 1) loss -= t * log(1 / (1 + exp(-x))) + (1 - t) * log(1 / (1 + exp(x)));
            sum += exp(x);
        }
        if (which == 2) loss -= log(exp(outputs[i * columns + labels[i]]) / sum);
    }
    return 0.25 * loss;
}

static void losses(void **state)
{
    (void)state;
    loss_function *const functions[] = {squares, logistic, softmax};
    enum { COLUMNS = 45 };
    kin_random random = {.state = 3};
    float outputs[ROWS * COLUMNS], targets[ROWS * COLUMNS], gradient[ROWS * COLUMNS];
    double wide[ROWS * COLUMNS], step = 1e-5;
    uint32_t labels[ROWS];
    for (size_t i = 0; i < ROWS * COLUMNS; i++) {
        wide[i] = outputs[i] = (float)(3 * kin_random_gaussian(&random));
        targets[i] = (float)kin_random_unit(&random);
    }
    for (size_t i = 0; i < ROWS; i++)
        labels[i] = (uint32_t)kin_random_below(&random, COLUMNS);
    for (int f = 0; f < 3; f++) {
        double loss = functions[f](outputs, targets, labels, ROWS, COLUMNS, gradient);
        assert_close(loss, plain(f, wide, targets, labels, ROWS, COLUMNS), 0, "loss", (size_t)f);
        for (size_t i = 0; i < ROWS * COLUMNS; i++) {
            double kept = wide[i];
            wide[i] = kept + step;
            double up = plain(f, wide, targets, labels, ROWS, COLUMNS);
            wide[i] = kept - step;
            double down = plain(f, wide, targets, labels, ROWS, COLUMNS);
            wide[i] = kept;
            assert_close(gradient[i], (up - down) / (2 * step), 0.05, "the gradient of output", i);
        }
    }
}

/* Outputs far from 0 neither overflow nor lose the loss. */
static void extreme_losses(void **state)
{
    (void)state;
    const float outputs[] = {1000, -1000}, targets[] = {0, 1};
    const uint32_t label = 1;
    float gradient[2];
    uint64_t right = 0;
    assert_true(kin_loss_logistic(outputs, targets, 1, 2, 1, gradient) == 2000);
    assert_true(gradient[0] == 1 && gradient[1] == -1);
    assert_true(kin_loss_softmax(outputs, &label, 1, 2, 1, gradient, &right) == 2000);
    assert_true(gradient[0] == 1 && gradient[1] == -1 && right == 0);
    const uint32_t other = 0;
    assert_true(kin_loss_softmax(outputs, &other, 1, 2, 1, gradient, &right) == 0);
    assert_int_equal(right, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients), cmocka_unit_test(inference),
        cmocka_unit_test(drawn),     cmocka_unit_test(batch_statistics),
        cmocka_unit_test(losses),    cmocka_unit_test(extreme_losses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
