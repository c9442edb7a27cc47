/* Operators that move elements, against where each element must have come from, for random shapes;
 * and what must be refused. */
#include <string.h>

#include "tests/support/op_moved.h"
#include "tests/support/op_random.h"
#include "tests/support/test.h"

#define ROUNDS 300

static kin_type any_type(kin_random *random)
{
    return op_moved_types[kin_random_below(random, OP_MOVED_TYPES)];
}

/* --- Transpose, Concat, Split ---------------------------------------------------------------- */

typedef struct permutation {
    kin_shape from;
    int64_t perm[KIN_TENSOR_RANK_MAX];
} permutation;

static int64_t permuted(const void *context, const int64_t *at)
{
    const permutation *p = context;
    int64_t from[KIN_TENSOR_RANK_MAX];
    for (uint32_t i = 0; i < p->from.rank; i++)
        from[p->perm[i]] = at[i];
    return op_index_at(&p->from, from);
}

static void check_transpose(permutation *p, bool given, kin_random *random)
{
    op_trial trial;
    kin_shape shape = p->from;
    op_trial_init(&trial, "Transpose", 13);
    if (given) op_random_ints(&trial, "perm", p->from.rank, p->perm);
    op_moved_input(&trial, any_type(random), &p->from, random);
    op_random_run(&trial, 0);
    for (uint32_t i = 0; i < shape.rank; i++)
        shape.dims[i] = p->from.dims[p->perm[i]];
    op_moved_expect(&trial, 0, 0, &shape, permuted, p, NULL);
    op_trial_fini(&trial);
}

static void test_transpose(void **state)
{
    (void)state;
    kin_random random = {.state = 1};
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t rank = (uint32_t)kin_random_below(&random, 7);
        permutation p = {.from = op_moved_shape(&random, rank, round % 10 == 0 ? 0 : 1, 4)};
        for (uint32_t i = 0; i < rank; i++) { /* reversed, or shuffled by Fisher and Yates */
            uint32_t j = round % 5 == 0 ? 0 : (uint32_t)kin_random_below(&random, i + 1);
            memmove(p.perm + j + 1, p.perm + j, (i - j) * sizeof *p.perm);
            p.perm[j] = i;
        }
        check_transpose(&p, round % 5 != 0, &random);
    }
    /* wider and higher than the blocks of the copy */
    check_transpose(&(permutation){kin_shape_of(3, 2, 37, 50), {0, 2, 1}}, true, &random);
    check_transpose(&(permutation){kin_shape_of(3, 33, 3, 17), {2, 0, 1}}, true, &random);
}

/* One part of a tensor along an axis: [from, from + its size). */
typedef struct span {
    kin_shape part;
    uint32_t axis;
    int64_t from;
    kin_shape whole;
} span;

/* Whence an element of the part comes in the whole. */
static int64_t in_whole(const void *context, const int64_t *at)
{
    const span *s = context;
    int64_t from[KIN_TENSOR_RANK_MAX];
    memcpy(from, at, sizeof from);
    from[s->axis] += s->from;
    return op_index_at(&s->whole, from);
}

static void test_split_and_concat(void **state)
{
    (void)state;
    kin_random random = {.state = 2};
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t rank = 1 + (uint32_t)kin_random_below(&random, 4);
        kin_shape whole = op_moved_shape(&random, rank, round % 10 == 0 ? 0 : 1, 4);
        span s = {.axis = (uint32_t)kin_random_below(&random, rank)};
        int64_t sizes[3] = {op_random_between(&random, 0, 3), op_random_between(&random, 0, 3),
                            op_random_between(&random, 1, 3)};
        op_trial split, concat;
        whole.dims[s.axis] = sizes[0] + sizes[1] + sizes[2];
        s.part = s.whole = whole;
        op_trial_init(&split, "Split", round % 2 == 0 ? 13 : 11);
        op_trial_init(&concat, "Concat", 13);
        split.output_count = 3;
        op_trial_int(&split, "axis", round % 3 == 0 ? s.axis : (int64_t)s.axis - rank);
        op_trial_int(&concat, "axis", round % 3 == 0 ? (int64_t)s.axis - rank : s.axis);
        op_moved_input(&split, any_type(&random), &whole, &random);
        if (round % 2 == 0)
            op_moved_list(&split, 3, sizes);
        else
            op_random_ints(&split, "split", 3, sizes);
        op_random_run(&split, 2);
        for (uint32_t i = 0; i < 3; s.from += sizes[i++]) {
            s.part.dims[s.axis] = sizes[i];
            op_moved_expect(&split, i, 0, &s.part, in_whole, &s, NULL);
            kin_tensor *part = op_trial_input(&concat, split.inputs[0].type, s.part, NULL);
            memcpy(part->data, split.outputs[i].data, kin_tensor_bytes(part));
        }
        op_random_run(&concat, 0);
        assert_true(kin_shape_equal(&concat.outputs[0].shape, &whole));
        assert_memory_equal(concat.outputs[0].data, split.inputs[0].data,
                            kin_tensor_bytes(&split.inputs[0]));
        op_trial_fini(&split);
        op_trial_fini(&concat);
    }
}

static void test_split_into_equal_parts(void **state)
{
    (void)state;
    op_trial trial;
    op_trial_init(&trial, "Split", 13);
    trial.output_count = 2;
    op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(4), VALUES(1, 2, 3, 4));
    op_trial_expect(&trial, 0, KIN_TYPE_FLOAT, SHAPE(2), VALUES(1, 2), 0);
    op_trial_expect(&trial, 1, KIN_TYPE_FLOAT, SHAPE(2), VALUES(3, 4), 0);
    trial.output_count = 3;
    op_trial_refused(&trial, "4 does not split into 3 equal parts");
    trial.output_count = 0;
    op_trial_refused(&trial, "0 outputs");
    op_trial_fini(&trial);
}

/* --- Slice ----------------------------------------------------------------------------------- */

typedef struct slice {
    kin_shape from;
    int64_t starts[4], ends[4], steps[4], count[4];
    int64_t picked[4][8]; /* [axis][count]: positions that are taken */
} slice;

/* As Python's ranges are defined: every position of the axis that they pass by. */
static void pick(slice *s, uint32_t axis)
{
    int64_t dim = s->from.dims[axis], step = s->steps[axis], *count = &s->count[axis];
    int64_t start = s->starts[axis] < 0 ? s->starts[axis] + dim : s->starts[axis];
    int64_t end = s->ends[axis] < 0 ? s->ends[axis] + dim : s->ends[axis];
    *count = 0;
    if (step > 0) {
        if (start < 0) start = 0;
        for (int64_t i = 0; i < dim; i++)
            if (i >= start && i < end && (i - start) % step == 0) s->picked[axis][(*count)++] = i;
    } else {
        if (start > dim - 1) start = dim - 1;
        for (int64_t i = dim; i-- > 0;)
            if (i <= start && i > end && (start - i) % step == 0) s->picked[axis][(*count)++] = i;
    }
}

static int64_t sliced(const void *context, const int64_t *at)
{
    const slice *s = context;
    int64_t from[4];
    for (uint32_t i = 0; i < s->from.rank; i++)
        from[i] = s->picked[i][at[i]];
    return op_index_at(&s->from, from);
}

/* A bound near the axis, or far away. */
static int64_t random_bound(kin_random *random, int64_t dim)
{
    static const int64_t far[] = {INT64_MIN, -((int64_t)1 << 62), INT32_MAX, INT64_MAX};
    if (kin_random_below(random, 5) == 0) return far[kin_random_below(random, 4)];
    return op_random_between(random, -dim - 2, dim + 2);
}

static void test_slice(void **state)
{
    (void)state;
    static const int64_t steps[] = {1, 1, 2, 3, -1, -2, -3, INT64_MAX, INT64_MIN};
    kin_random random = {.state = 3};
    for (int round = 0; round < 4 * ROUNDS; round++) {
        uint32_t rank = 1 + (uint32_t)kin_random_below(&random, 4);
        bool attributes = round % 4 == 0;
        slice s = {.from = op_moved_shape(&random, rank, round % 10 == 0 ? 0 : 1, 6)};
        int64_t axes[4];
        kin_shape shape = {.rank = rank};
        for (uint32_t i = 0; i < rank; i++) {
            s.starts[i] = random_bound(&random, s.from.dims[i]);
            s.ends[i] = random_bound(&random, s.from.dims[i]);
            s.steps[i] = attributes ? 1 : steps[kin_random_below(&random, 9)];
            axes[i] = kin_random_below(&random, 2) == 0 ? i : (int64_t)i - rank;
            pick(&s, i);
            shape.dims[i] = s.count[i];
        }
        op_trial trial;
        op_trial_init(&trial, "Slice", attributes ? 9 : 13);
        op_moved_input(&trial, any_type(&random), &s.from, &random);
        if (attributes) {
            op_random_ints(&trial, "starts", rank, s.starts);
            op_random_ints(&trial, "ends", rank, s.ends);
        } else {
            op_moved_list(&trial, rank, s.starts);
            op_moved_list(&trial, rank, s.ends);
            op_moved_list32(&trial, rank, axes);
            op_moved_list(&trial, rank, s.steps);
        }
        op_random_run(&trial, 0x1e);
        op_moved_expect(&trial, 0, 0, &shape, sliced, &s, NULL);
        op_trial_fini(&trial);
    }
}

/* --- Tile ------------------------------------------------------------------------------------ */

static int64_t tiled(const void *context, const int64_t *at)
{
    const kin_shape *from = context;
    int64_t inside[KIN_TENSOR_RANK_MAX];
    for (uint32_t i = 0; i < from->rank; i++)
        inside[i] = at[i] % from->dims[i];
    return op_index_at(from, inside);
}

static void test_tile(void **state)
{
    (void)state;
    kin_random random = {.state = 4};
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t rank = (uint32_t)kin_random_below(&random, 5);
        kin_shape from = op_moved_shape(&random, rank, round % 10 == 0 ? 0 : 1, 4);
        kin_shape repeats = op_moved_shape(&random, rank, round % 20 == 1 ? 0 : 1, 3), shape = from;
        op_trial trial;
        op_trial_init(&trial, "Tile", 13);
        op_moved_input(&trial, any_type(&random), &from, &random);
        op_moved_list(&trial, rank, repeats.dims);
        op_random_run(&trial, 2);
        for (uint32_t i = 0; i < rank; i++)
            shape.dims[i] *= repeats.dims[i];
        op_moved_expect(&trial, 0, 0, &shape, tiled, &from, NULL);
        op_trial_fini(&trial);
    }
}

/* --- DepthToSpace and SpaceToDepth ----------------------------------------------------------- */

typedef struct blocks {
    kin_shape from, to;
    int64_t size;
    bool channels_first;
} blocks;

static int64_t from_depth(const void *context, const int64_t *at)
{
    const blocks *b = context;
    int64_t place = at[2] % b->size * b->size + at[3] % b->size, count = b->size * b->size;
    int64_t from[] = {at[0],
                      b->channels_first ? at[1] * count + place : place * b->to.dims[1] + at[1],
                      at[2] / b->size, at[3] / b->size};
    return op_index_at(&b->from, from);
}

static int64_t from_space(const void *context, const int64_t *at)
{
    const blocks *b = context;
    int64_t place = at[1] / b->from.dims[1];
    int64_t from[] = {at[0], at[1] % b->from.dims[1], at[2] * b->size + place / b->size,
                      at[3] * b->size + place % b->size};
    return op_index_at(&b->from, from);
}

static void test_depth_and_space(void **state)
{
    (void)state;
    kin_random random = {.state = 5};
    for (int round = 0; round < ROUNDS; round++) {
        kin_shape space = op_moved_shape(&random, 4, round % 10 == 0 ? 0 : 1, 3), depth = space;
        int64_t size = op_random_between(&random, 1, 3);
        blocks b = {.size = size, .channels_first = round % 3 == 0};
        depth.dims[1] *= size * size;
        space.dims[2] *= size;
        space.dims[3] *= size;
        b.from = round % 2 == 0 ? depth : space;
        b.to = round % 2 == 0 ? space : depth;
        op_trial trial;
        op_trial_init(&trial, round % 2 == 0 ? "DepthToSpace" : "SpaceToDepth", 13);
        op_trial_int(&trial, "blocksize", size);
        if (b.channels_first) op_trial_string(&trial, "mode", "CRD");
        op_moved_input(&trial, any_type(&random), &b.from, &random);
        op_random_run(&trial, 0);
        op_moved_expect(&trial, 0, 0, &b.to, round % 2 == 0 ? from_depth : from_space, &b, NULL);
        op_trial_fini(&trial);
    }
}

/* --- ReverseSequence ------------------------------------------------------------------------- */

/* Lengths that nobody could check before are cut to what there is. */
static void test_reverse_sequence(void **state)
{
    (void)state;
    op_trial trial;
    op_trial_init(&trial, "ReverseSequence", 10);
    op_trial_input(&trial, KIN_TYPE_INT16, SHAPE(3, 2), VALUES(1, 2, 3, 4, 5, 6));
    op_moved_list(&trial, 2, (int64_t[]){2, INT64_MAX});
    op_trial_expect(&trial, 0, KIN_TYPE_INT16, SHAPE(3, 2), VALUES(3, 6, 1, 4, 5, 2), 0);
    op_trial_int(&trial, "batch_axis", 0);
    op_random_refused(&trial, 0); /* both axes are 0 */
    op_trial_fini(&trial);
    op_trial_init(&trial, "ReverseSequence", 10);
    op_trial_int(&trial, "batch_axis", 0);
    op_trial_int(&trial, "time_axis", 1);
    op_trial_input(&trial, KIN_TYPE_INT16, SHAPE(2, 3), VALUES(1, 2, 3, 4, 5, 6));
    op_moved_list(&trial, 2, (int64_t[]){INT64_MIN, 3});
    op_trial_expect(&trial, 0, KIN_TYPE_INT16, SHAPE(2, 3), VALUES(1, 2, 3, 6, 5, 4), 0);
    trial.inputs[1].shape.dims[0] = 1;
    op_trial_refused(&trial, "not one for each of 2");
    op_trial_fini(&trial);
}

/* --- What is refused ------------------------------------------------------------------------- */

#define FAR_AWAY ((int64_t)1 << 62)

typedef struct refusal {
    const char *op, *words;
    int64_t opset;
    int dims[4];         /* of a float tensor; 0 ends them */
    int attribute_count; /* of `attribute`, a list of integers; -1: one integer */
    const char *attribute;
    int64_t values[4];  /* of the attribute */
    int list_counts[4]; /* of further inputs, lists of int64; -1: none */
    int64_t lists[4][4];
} refusal;

static const refusal refusals[] = {
    {"Transpose", "no permutation", 13, {2, 3}, 2, "perm", {0, 0}, {0}, {{0}}},
    {"Transpose", "no permutation", 13, {2, 3}, 2, "perm", {0, FAR_AWAY}, {0}, {{0}}},
    {"Transpose", "no permutation", 13, {2, 3}, 2, "perm", {-1, 0}, {0}, {{0}}},
    {"Transpose", "1 numbers for a tensor of rank 2", 13, {2, 3}, 1, "perm", {0}, {0}, {{0}}},
    {"Concat", "'axis' is missing", 13, {2, 3}, 0, NULL, {0}, {0}, {{0}}},
    {"Concat", "axis 2 of a tensor of rank 2", 13, {2, 3}, -1, "axis", {2}, {0}, {{0}}},
    {"Concat", "axis -9223372036854775808", 13, {2}, -1, "axis", {INT64_MIN}, {0}, {{0}}},
    {"Concat", "of type int64", 13, {2}, -1, "axis", {0}, {2}, {{1, 2}}},
    {"Split", "a part of 5 out of 4", 13, {4}, 0, NULL, {0}, {1}, {{5}}},
    {"Split", "a part of -1 out of 4", 13, {4}, 0, NULL, {0}, {1}, {{-1}}},
    {"Split", "2 sizes for 1 outputs", 13, {4}, 0, NULL, {0}, {2}, {{FAR_AWAY, FAR_AWAY}}},
    {"Split", "its parts are 3 together", 13, {4}, 0, NULL, {0}, {1}, {{3}}},
    {"Split", "since opset 13 it is an input", 13, {4}, 1, "split", {4}, {0}, {{0}}},
    {"Split", "before opset 13 it is an attribute", 12, {4}, 0, NULL, {0}, {1}, {{4}}},
    {"Slice", "its 'starts' or 'ends' are missing", 13, {4}, 0, NULL, {0}, {1, -1}, {{0}}},
    {"Slice", "a step of 0", 13, {4}, 0, NULL, {0}, {1, 1, 1, 1}, {{0}, {4}, {0}, {0}}},
    {"Slice", "given twice", 13, {4}, 0, NULL, {0}, {2, 2, 2}, {{0, 0}, {4, 4}, {0, -1}}},
    {"Slice", "axis 1 of a tensor", 13, {4}, 0, NULL, {0}, {2, 2}, {{0, 0}, {4, 4}}},
    {"Slice", "axis 4611686018427387904", 13, {4}, 0, NULL, {0}, {1, 1, 1}, {{0}, {4}, {FAR_AWAY}}},
    {"Slice", "its 'ends' has 2 numbers", 13, {4}, 0, NULL, {0}, {1, 2}, {{0}, {4, 4}}},
    {"Tile", "2 repeats of a tensor of rank 1", 13, {4}, 0, NULL, {0}, {2}, {{1, 1}}},
    {"Tile", "-1 repeats", 13, {4}, 0, NULL, {0}, {1}, {{-1}}},
    {"Tile", "4611686018427387904 repeats", 13, {4}, 0, NULL, {0}, {1}, {{FAR_AWAY}}},
    {"Tile", "too large", 13, {4, 4}, 0, NULL, {0}, {2}, {{1 << 29, 1 << 29}}},
    {"DepthToSpace", "'blocksize' is 0", 13, {1, 4, 1, 1}, 0, NULL, {0}, {0}, {{0}}},
    {"DepthToSpace", "'blocksize' is -2", 13, {1, 4, 1, 1}, -1, "blocksize", {-2}, {0}, {{0}}},
    {"DepthToSpace", "'blocksize' is", 13, {1, 4, 1, 1}, -1, "blocksize", {FAR_AWAY}, {0}, {{0}}},
    {"DepthToSpace", "blocks of 3 x 3", 13, {1, 4, 1, 1}, -1, "blocksize", {3}, {0}, {{0}}},
    {"DepthToSpace", "rank 2", 13, {4, 1}, -1, "blocksize", {2}, {0}, {{0}}},
    {"SpaceToDepth", "blocks of 2", 13, {1, 4, 4, 3}, -1, "blocksize", {2}, {0}, {{0}}},
    {"SpaceToDepth", "'blocksize' is", 13, {1, 1, 2, 2}, -1, "blocksize", {FAR_AWAY}, {0}, {{0}}},
    {"ReverseSequence", "rank 1", 13, {4}, 0, NULL, {0}, {1}, {{1}}},
    {"ReverseSequence",
     "axes of batch and time are 4611686018427387904",
     13,
     {4, 1},
     -1,
     "batch_axis",
     {FAR_AWAY},
     {1},
     {{1}}},
};

static void test_refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        const refusal *r = &refusals[i];
        op_trial trial;
        uint32_t rank = 0;
        op_trial_init(&trial, r->op, r->opset);
        while (rank < 4 && r->dims[rank] > 0)
            rank++;
        op_trial_input(&trial, KIN_TYPE_FLOAT, op_trial_shape(r->dims, rank), NULL);
        if (r->attribute_count < 0)
            op_trial_int(&trial, r->attribute, r->values[0]);
        else if (r->attribute != NULL)
            op_random_ints(&trial, r->attribute, (uint32_t)r->attribute_count, r->values);
        for (int j = 0; j < 4 && r->list_counts[j] != 0; j++)
            if (r->list_counts[j] < 0)
                op_trial_no_input(&trial);
            else
                op_moved_list(&trial, (uint32_t)r->list_counts[j], r->lists[j]);
        kin_status status = op_trial_run(&trial, 0x1e);
        if (status != KIN_BAD_INPUT && status != KIN_LIMIT)
            fail_msg("%s was not refused: %s", r->op, r->words);
        if (strstr(trial.error.text, r->words) == NULL)
            fail_msg("%s: '%s' does not say '%s'", r->op, trial.error.text, r->words);
        op_trial_fini(&trial);
    }
}

/* Lists that are computed from the picture cannot be followed, and missing inputs neither. */
static void test_lists_must_be_known(void **state)
{
    (void)state;
    static const char *const ops[] = {"Split", "Slice", "Tile"};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        op_trial trial;
        op_trial_init(&trial, ops[i], 13);
        op_trial_refused(&trial, "input 0 is missing");
        op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(4), NULL);
        op_moved_list(&trial, 1, (int64_t[]){4});
        op_moved_list(&trial, 1, (int64_t[]){4});
        op_trial_refused(&trial, "it must be known before");
        op_trial_fini(&trial);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transpose),
        cmocka_unit_test(test_split_and_concat),
        cmocka_unit_test(test_split_into_equal_parts),
        cmocka_unit_test(test_slice),
        cmocka_unit_test(test_tile),
        cmocka_unit_test(test_depth_and_space),
        cmocka_unit_test(test_reverse_sequence),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_lists_must_be_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
