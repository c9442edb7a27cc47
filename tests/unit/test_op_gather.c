/* Operators of indices, against where each element must have come from, for random shapes and
 * indices; and what must be refused. */
#include <string.h>

#include "tests/support/op_moved.h"
#include "tests/support/op_random.h"
#include "tests/support/test.h"

#define ROUNDS 300
#define FAR_AWAY ((int64_t)1 << 62)

/* Adds indices of [-dim, dim) each, of int64 or int32. dims: one for each place in a tuple. */
static const kin_tensor *add_indices(op_trial *trial, const kin_shape *shape, const int64_t *dims,
                                     uint32_t width, kin_random *random)
{
    bool wide = kin_random_below(random, 2) == 0;
    kin_tensor *tensor =
        op_trial_input(trial, wide ? KIN_TYPE_INT64 : KIN_TYPE_INT32, *shape, NULL);
    for (int64_t i = 0; i < kin_tensor_count(tensor); i++) {
        int64_t dim = dims[i % width], index = op_random_between(random, -dim, dim - 1);
        if (wide)
            ((int64_t *)tensor->data)[i] = index;
        else
            ((int32_t *)tensor->data)[i] = (int32_t)index;
    }
    return tensor;
}

static int64_t wrapped(const kin_tensor *indices, int64_t i, int64_t dim)
{
    int64_t index = kin_tensor_get_int(indices, i);
    return index < 0 ? index + dim : index;
}

/* --- Gather ---------------------------------------------------------------------------------- */

typedef struct gathered {
    kin_shape data;
    const kin_tensor *indices;
    uint32_t axis, batch;
} gathered;

static int64_t gather_source(const void *context, const int64_t *at)
{
    const gathered *g = context;
    uint32_t width = g->indices->shape.rank;
    int64_t from[KIN_TENSOR_RANK_MAX], index = op_index_at(&g->indices->shape, at + g->axis);
    memcpy(from, at, g->axis * sizeof *from);
    from[g->axis] = wrapped(g->indices, index, g->data.dims[g->axis]);
    for (uint32_t i = g->axis + 1; i < g->data.rank; i++)
        from[i] = at[i - 1 + width];
    return op_index_at(&g->data, from);
}

static void test_gather(void **state)
{
    (void)state;
    kin_random random = {.state = 1};
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t rank = (uint32_t)op_random_between(&random, 1, 4);
        gathered g = {.data = op_moved_shape(&random, rank, 1, 4),
                      .axis = (uint32_t)kin_random_below(&random, rank)};
        kin_shape chosen = op_moved_shape(&random, (uint32_t)op_random_between(&random, 0, 3),
                                          round % 10 == 0 ? 0 : 1, 4);
        kin_shape shape = {.rank = rank - 1 + chosen.rank};
        op_trial trial;
        op_trial_init(&trial, "Gather", 13);
        op_trial_int(&trial, "axis", round % 2 == 0 ? g.axis : (int64_t)g.axis - rank);
        op_moved_input(&trial, op_moved_types[round % OP_MOVED_TYPES], &g.data, &random);
        g.indices = add_indices(&trial, &chosen, g.data.dims + g.axis, 1, &random);
        for (uint32_t i = 0; i < shape.rank; i++)
            shape.dims[i] = i < g.axis                 ? g.data.dims[i]
                            : i < g.axis + chosen.rank ? chosen.dims[i - g.axis]
                                                       : g.data.dims[i + 1 - chosen.rank];
        op_random_run(&trial, 0);
        op_moved_expect(&trial, 0, 0, &shape, gather_source, &g, NULL);
        op_trial_fini(&trial);
    }
}

/* --- GatherElements and ScatterElements ------------------------------------------------------ */

static int64_t element_source(const void *context, const int64_t *at)
{
    const gathered *g = context;
    int64_t from[KIN_TENSOR_RANK_MAX];
    memcpy(from, at, sizeof from);
    from[g->axis] = wrapped(g->indices, op_index_at(&g->indices->shape, at), g->data.dims[g->axis]);
    return op_index_at(&g->data, from);
}

/* Data, and indices of as many dimensions that lie within them. */
static void random_elements(op_trial *trial, gathered *g, kin_type type, kin_random *random)
{
    uint32_t rank = (uint32_t)op_random_between(random, 1, 4);
    g->data = op_moved_shape(random, rank, 1, 4);
    g->axis = (uint32_t)kin_random_below(random, rank);
    kin_shape chosen = g->data;
    for (uint32_t i = 0; i < rank; i++)
        chosen.dims[i] = op_random_between(random, 0, i == g->axis ? 6 : g->data.dims[i]);
    op_trial_int(trial, "axis", (int64_t)g->axis - rank);
    op_moved_input(trial, type, &g->data, random);
    g->indices = add_indices(trial, &chosen, g->data.dims + g->axis, 1, random);
}

static void test_gather_elements(void **state)
{
    (void)state;
    kin_random random = {.state = 2};
    for (int round = 0; round < ROUNDS; round++) {
        gathered g = {.axis = 0};
        op_trial trial;
        op_trial_init(&trial, "GatherElements", 13);
        random_elements(&trial, &g, op_moved_types[round % OP_MOVED_TYPES], &random);
        op_random_run(&trial, 0);
        op_moved_expect(&trial, 0, 0, &g.indices->shape, element_source, &g, NULL);
        op_trial_fini(&trial);
    }
}

/* The last update of each element wins; sums and products of 16-bit integers wrap. */
static void check_scatter(op_trial *trial, const gathered *g, const char *reduction, bool tuples)
{
    const kin_tensor *data = &trial->inputs[0], *updates = &trial->inputs[2];
    int64_t count = kin_tensor_count(data), at[KIN_TENSOR_RANK_MAX] = {0};
    int16_t expected[4096];
    assert_true(count <= 4096);
    for (int64_t i = 0; i < count; i++)
        expected[i] = ((const int16_t *)data->data)[i];
    for (int64_t i = 0; i < kin_tensor_count(updates); i++) {
        int16_t update = ((const int16_t *)updates->data)[i];
        int64_t place;
        if (tuples) {
            uint32_t last = g->indices->shape.rank - 1;
            int64_t width = g->indices->shape.dims[last], tuple = 0, from[KIN_TENSOR_RANK_MAX];
            for (uint32_t d = 0; d < last; d++)
                tuple = tuple * g->indices->shape.dims[d] + at[d];
            for (uint32_t d = 0; d < g->data.rank; d++)
                from[d] = d < width ? wrapped(g->indices, tuple * width + d, g->data.dims[d])
                                    : at[last + d - (uint32_t)width];
            place = op_index_at(&g->data, from);
        } else {
            place = element_source(g, at);
        }
        int sum = expected[place] + update, product = expected[place] * update;
        expected[place] = reduction == NULL               ? update
                          : strcmp(reduction, "add") == 0 ? (int16_t)sum
                                                          : (int16_t)product;
        op_index_next(at, updates->shape.dims, updates->shape.rank);
    }
    assert_true(kin_shape_equal(&trial->outputs[0].shape, &g->data));
    assert_memory_equal(trial->outputs[0].data, expected, (size_t)count * sizeof *expected);
}

static const char *const reductions[] = {NULL, "add", "mul"};

static void test_scatter_elements(void **state)
{
    (void)state;
    kin_random random = {.state = 3};
    for (int round = 0; round < ROUNDS; round++) {
        const char *reduction = reductions[round % 3];
        gathered g = {.axis = 0};
        op_trial trial;
        op_trial_init(&trial, round % 6 == 0 ? "Scatter" : "ScatterElements", 16);
        if (reduction != NULL) op_trial_string(&trial, "reduction", reduction);
        random_elements(&trial, &g, KIN_TYPE_INT16, &random);
        op_moved_input(&trial, KIN_TYPE_INT16, &g.indices->shape, &random);
        op_random_run(&trial, 0);
        check_scatter(&trial, &g, reduction, false);
        op_trial_fini(&trial);
    }
}

/* --- GatherND and ScatterND ------------------------------------------------------------------ */

static int64_t tuple_source(const void *context, const int64_t *at)
{
    const gathered *g = context;
    uint32_t last = g->indices->shape.rank - 1;
    int64_t width = g->indices->shape.dims[last], tuple = 0, from[KIN_TENSOR_RANK_MAX];
    for (uint32_t i = 0; i < last; i++)
        tuple = tuple * g->indices->shape.dims[i] + at[i];
    memcpy(from, at, g->batch * sizeof *from);
    for (uint32_t i = g->batch; i < g->data.rank; i++)
        from[i] = i < g->batch + width
                      ? wrapped(g->indices, tuple * width + i - g->batch, g->data.dims[i])
                      : at[last + i - g->batch - (uint32_t)width];
    return op_index_at(&g->data, from);
}

/* Data, and tuples of indices behind g->batch dimensions; shape is that of what they point to. */
static void random_tuples(op_trial *trial, gathered *g, kin_type type, kin_shape *shape,
                          kin_random *random)
{
    uint32_t rank = (uint32_t)op_random_between(random, g->batch + 1, 4);
    uint32_t more = (uint32_t)op_random_between(random, 0, 2);
    int64_t width = op_random_between(random, 1, rank - g->batch);
    g->data = op_moved_shape(random, rank, 1, 4);
    *shape = op_moved_shape(random, g->batch + more, kin_random_below(random, 10) == 0 ? 0 : 1, 3);
    memcpy(shape->dims, g->data.dims, g->batch * sizeof *shape->dims);
    kin_shape chosen = *shape;
    chosen.dims[chosen.rank++] = width;
    for (uint32_t i = g->batch + (uint32_t)width; i < rank; i++)
        shape->dims[shape->rank++] = g->data.dims[i];
    op_moved_input(trial, type, &g->data, random);
    g->indices = add_indices(trial, &chosen, g->data.dims + g->batch, (uint32_t)width, random);
}

static void test_gather_nd(void **state)
{
    (void)state;
    kin_random random = {.state = 4};
    for (int round = 0; round < ROUNDS; round++) {
        gathered g = {.batch = (uint32_t)(round % 3)};
        kin_shape shape;
        op_trial trial;
        op_trial_init(&trial, "GatherND", 13);
        if (g.batch > 0) op_trial_int(&trial, "batch_dims", g.batch);
        random_tuples(&trial, &g, op_moved_types[round % OP_MOVED_TYPES], &shape, &random);
        op_random_run(&trial, 0);
        op_moved_expect(&trial, 0, 0, &shape, tuple_source, &g, NULL);
        op_trial_fini(&trial);
    }
}

static void test_scatter_nd(void **state)
{
    (void)state;
    kin_random random = {.state = 5};
    for (int round = 0; round < ROUNDS; round++) {
        const char *reduction = reductions[round % 3];
        gathered g = {.batch = 0};
        kin_shape shape;
        op_trial trial;
        op_trial_init(&trial, "ScatterND", 16);
        if (reduction != NULL) op_trial_string(&trial, "reduction", reduction);
        random_tuples(&trial, &g, KIN_TYPE_INT16, &shape, &random);
        op_moved_input(&trial, KIN_TYPE_INT16, &shape, &random);
        op_random_run(&trial, 0);
        check_scatter(&trial, &g, reduction, true);
        op_trial_fini(&trial);
    }
}

static void test_sums_of_every_type(void **state)
{
    (void)state;
    static const kin_type types[] = {KIN_TYPE_FLOAT,  KIN_TYPE_DOUBLE,  KIN_TYPE_FLOAT16,
                                     KIN_TYPE_UINT8,  KIN_TYPE_INT8,    KIN_TYPE_INT32,
                                     KIN_TYPE_UINT64, KIN_TYPE_BFLOAT16};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        op_trial trial;
        op_trial_init(&trial, "ScatterElements", 16);
        op_trial_string(&trial, "reduction", "add");
        op_trial_input(&trial, types[i], SHAPE(3), VALUES(1, 2, 3));
        op_moved_list(&trial, 3, (int64_t[]){2, 0, -1});
        op_trial_input(&trial, types[i], SHAPE(3), VALUES(10, 20, 30));
        op_trial_expect(&trial, 0, types[i], SHAPE(3), VALUES(21, 2, 43), 0);
        op_trial_fini(&trial);
    }
    op_trial trial;
    op_trial_init(&trial, "ScatterElements", 16);
    op_trial_string(&trial, "reduction", "add");
    op_trial_input(&trial, KIN_TYPE_INT64, SHAPE(1), NULL);
    op_moved_list(&trial, 1, (int64_t[]){0});
    op_moved_list(&trial, 1, (int64_t[]){INT64_MAX - 6}); /* no double holds it */
    op_random_run(&trial, 0);
    assert_true(*(int64_t *)trial.outputs[0].data == INT64_MAX - 6);
    op_trial_fini(&trial);
}

/* --- OneHot, Compress, NonZero --------------------------------------------------------------- */

static void test_one_hot(void **state)
{
    (void)state;
    op_trial trial;
    op_trial_init(&trial, "OneHot", 11);
    op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(4), VALUES(1, -1, 3, -4));
    op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(1), VALUES(3));
    op_trial_input(&trial, KIN_TYPE_INT16, SHAPE(2), VALUES(7, 9));
    op_random_run(&trial, 2);
    op_trial_expect(&trial, 0, KIN_TYPE_INT16, SHAPE(4, 3),
                    VALUES(7, 9, 7, 7, 7, 9, 7, 7, 7, 7, 7, 7), 0);
    op_trial_int(&trial, "axis", 0);
    op_random_run(&trial, 2);
    op_trial_expect(&trial, 0, KIN_TYPE_INT16, SHAPE(3, 4),
                    VALUES(7, 7, 7, 7, 9, 7, 7, 7, 7, 9, 7, 7), 0);
    op_trial_refused(&trial, "it must be known before");
    trial.node->attributes[0].i = 2;
    op_random_refused(&trial, 2);
    trial.node->attributes[0].i = -2;
    op_random_run(&trial, 2);
    static const float depths[] = {-1, 0x1p62f, 0x1p30f};
    for (int i = 0; i < 3; i++) {
        *(float *)trial.inputs[1].data = depths[i];
        op_random_refused(&trial, 2);
    }
    *(float *)trial.inputs[1].data = 0;
    op_random_run(&trial, 2);
    op_trial_expect(&trial, 0, KIN_TYPE_INT16, SHAPE(0, 4), NULL, 0);
    op_trial_fini(&trial);
}

static void test_compress(void **state)
{
    (void)state;
    op_trial trial;
    op_trial_init(&trial, "Compress", 11);
    op_trial_input(&trial, KIN_TYPE_INT32, SHAPE(3, 2), VALUES(1, 2, 3, 4, 5, 6));
    op_trial_input(&trial, KIN_TYPE_BOOL, SHAPE(5), VALUES(0, 1, 0, 0, 1));
    op_trial_refused(&trial, "it must be known before");
    op_random_run(&trial, 2);
    op_trial_expect(&trial, 0, KIN_TYPE_INT32, SHAPE(2), VALUES(2, 5), 0);
    op_trial_int(&trial, "axis", -1);
    op_random_refused(&trial, 2); /* longer than the axis */
    trial.inputs[1].shape = SHAPE(2);
    op_random_run(&trial, 2);
    op_trial_expect(&trial, 0, KIN_TYPE_INT32, SHAPE(3, 1), VALUES(2, 4, 6), 0);
    trial.node->attributes[0].i = 0;
    op_random_run(&trial, 2);
    op_trial_expect(&trial, 0, KIN_TYPE_INT32, SHAPE(1, 2), VALUES(3, 4), 0);
    trial.node->attributes[0].i = INT64_MIN;
    op_random_refused(&trial, 2);
    op_trial_fini(&trial);
}

static void test_non_zero(void **state)
{
    (void)state;
    op_trial trial;
    op_trial_init(&trial, "NonZero", 13);
    op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(2, 3), VALUES(0, 5, -0.0, 1e-30, 0, -1));
    op_trial_refused(&trial, "it must be known before");
    op_random_run(&trial, 1);
    op_trial_expect(&trial, 0, KIN_TYPE_INT64, SHAPE(2, 3), VALUES(0, 1, 1, 1, 0, 2), 0);
    trial.inputs[0].shape = SHAPE(0, 3);
    op_random_run(&trial, 1);
    op_trial_expect(&trial, 0, KIN_TYPE_INT64, SHAPE(2, 0), NULL, 0);
    trial.inputs[0].shape = SCALAR;
    *(float *)trial.inputs[0].data = 2;
    op_random_run(&trial, 1);
    op_trial_expect(&trial, 0, KIN_TYPE_INT64, SHAPE(1, 1), VALUES(0), 0);
    op_trial_fini(&trial);
}

/* --- What is refused, and what is clamped ---------------------------------------------------- */

/* Indices that only the picture tells: whatever they are, nothing outside is touched. */
static void test_wild_indices(void **state)
{
    (void)state;
    static const char *const ops[] = {"Gather", "GatherElements", "GatherND", "ScatterElements",
                                      "ScatterND"};
    static const int64_t wild[] = {INT64_MIN, -FAR_AWAY, -4, 3, FAR_AWAY, INT64_MAX};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        for (size_t j = 0; j < sizeof wild / sizeof *wild; j++) {
            op_trial trial;
            op_trial_init(&trial, ops[i], 13);
            op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(3), VALUES(1, 2, 3));
            op_moved_list(&trial, 1, &wild[j]);
            op_trial_input(&trial, KIN_TYPE_FLOAT,
                           strcmp(ops[i], "ScatterND") == 0 ? SCALAR : SHAPE(1), VALUES(5));
            if (strncmp(ops[i], "Gather", 6) == 0) trial.input_count = 2;
            op_random_run(&trial, 0);
            if (strncmp(ops[i], "Scatter", 7) == 0)
                op_trial_expect(&trial, 0, KIN_TYPE_FLOAT, SHAPE(3),
                                wild[j] < 0 ? VALUES(5, 2, 3) : VALUES(1, 2, 5), 0);
            else
                assert_true(*(float *)trial.outputs[0].data == (wild[j] < 0 ? 1 : 3));
            op_trial_fini(&trial);
        }
}

typedef struct refusal {
    const char *op, *words, *attribute;
    int64_t value;
    int data[3], indices[3], updates[3]; /* dimensions; -1 ends them, 0 first: no such input */
} refusal;

static const refusal refusals[] = {
    {"Gather", "axis 2 of a tensor", "axis", 2, {2, 3, -1}, {1, -1}, {0}},
    {"Gather", "no elements to take", "axis", 1, {2, 0, -1}, {1, -1}, {0}},
    {"Gather", "axis 4611686018427387904", "axis", FAR_AWAY, {2, 3, -1}, {1, -1}, {0}},
    {"GatherElements", "indices [1] of [2][3]", NULL, 0, {2, 3, -1}, {1, -1}, {0}},
    {"GatherElements", "indices [2][4] of [2][3]", NULL, 0, {2, 3, -1}, {2, 4, -1}, {0}},
    {"GatherElements", "indices [1][3] of [0][3]", NULL, 0, {0, 3, -1}, {1, 3, -1}, {0}},
    {"GatherND", "tuples of indices [1][3] of [2][3]", NULL, 0, {2, 3, -1}, {1, 3, -1}, {0}},
    {"GatherND", "tuples of indices [1][0]", NULL, 0, {2, 3, -1}, {1, 0, -1}, {0}},
    {"GatherND", "tuples of indices [1][2] of [2][0]", NULL, 0, {2, 0, -1}, {1, 2, -1}, {0}},
    {"GatherND", "behind 1 dimensions", "batch_dims", 1, {2, 3, -1}, {1, 1, -1}, {0}},
    {"GatherND", "behind 2 dimensions", "batch_dims", 2, {2, 3, -1}, {2, 1, -1}, {0}},
    {"GatherND", "'batch_dims' is -1", "batch_dims", -1, {2, 3, -1}, {2, 1, -1}, {0}},
    {"GatherND", "'batch_dims' is 4611", "batch_dims", FAR_AWAY, {2, 3, -1}, {2, 1, -1}, {0}},
    {"ScatterElements", "are [1][2]", NULL, 0, {2, 3, -1}, {1, 3, -1}, {1, 2, -1}},
    {"ScatterElements", "indices [1][4]", NULL, 0, {2, 3, -1}, {1, 4, -1}, {1, 4, -1}},
    {"ScatterElements", "input 2 is missing", NULL, 0, {2, 3, -1}, {1, 3, -1}, {0}},
    {"ScatterND", "indices want [1][3]", NULL, 0, {2, 3, -1}, {1, 1, -1}, {1, 2, -1}},
    {"ScatterND", "tuples of indices [4]", NULL, 0, {2, 3, -1}, {4, -1}, {1, -1}},
};

static void add_input(op_trial *trial, kin_type type, const int *dims)
{
    uint32_t rank = 0;
    while (dims[rank] >= 0)
        rank++;
    op_trial_input(trial, type, op_trial_shape(dims, rank), NULL);
}

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const refusal *r = &refusals[i];
        op_trial trial;
        op_trial_init(&trial, r->op, 13);
        if (r->attribute != NULL) op_trial_int(&trial, r->attribute, r->value);
        add_input(&trial, KIN_TYPE_FLOAT, r->data);
        add_input(&trial, KIN_TYPE_INT64, r->indices);
        if (r->updates[0] != 0) add_input(&trial, KIN_TYPE_FLOAT, r->updates);
        op_trial_refused(&trial, r->words);
        op_trial_fini(&trial);
    }
    op_trial trial;
    op_trial_init(&trial, "Gather", 13);
    op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(3), NULL);
    op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(3), NULL);
    op_trial_refused(&trial, "of type float; indices are int64");
    op_trial_fini(&trial);
    op_trial_init(&trial, "ScatterND", 16);
    op_trial_string(&trial, "reduction", "max");
    op_trial_input(&trial, KIN_TYPE_BOOL, SHAPE(3), NULL);
    op_moved_list(&trial, 1, (int64_t[]){0});
    op_trial_input(&trial, KIN_TYPE_BOOL, SCALAR, NULL);
    op_trial_refused(&trial, "'reduction' is 'max'");
    op_trial_fini(&trial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gather),           cmocka_unit_test(test_gather_elements),
        cmocka_unit_test(test_scatter_elements), cmocka_unit_test(test_gather_nd),
        cmocka_unit_test(test_scatter_nd),       cmocka_unit_test(test_sums_of_every_type),
        cmocka_unit_test(test_one_hot),          cmocka_unit_test(test_compress),
        cmocka_unit_test(test_non_zero),         cmocka_unit_test(test_wild_indices),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
