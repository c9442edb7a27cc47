/* Pad and Trilu against where each element must have come from, and what must be refused. */
#include <string.h>

#include "tests/support/op_moved.h"
#include "tests/support/op_random.h"
#include "tests/support/test.h"

typedef struct pads {
    const char *mode;
    kin_shape from;
    int64_t before[KIN_TENSOR_RANK_MAX], after[KIN_TENSOR_RANK_MAX];
} pads;

/* The place on an axis, walked step by step; -1: outside. Negative pads have cut it to
 * [first, last]. */
static int64_t on_axis(const pads *p, uint32_t axis, int64_t at)
{
    int64_t first = p->before[axis] < 0 ? -p->before[axis] : 0;
    int64_t last = p->from.dims[axis] - 1 + (p->after[axis] < 0 ? p->after[axis] : 0);
    int64_t place = at - p->before[axis];
    if (strcmp(p->mode, "constant") == 0) return place < first || place > last ? -1 : place;
    while (place < first || place > last)
        if (strcmp(p->mode, "edge") == 0 || first == last)
            place = place < first ? first : last;
        else
            place = place < first ? 2 * first - place : 2 * last - place;
    return place;
}

static int64_t padded(const void *context, const int64_t *at)
{
    const pads *p = context;
    int64_t from[KIN_TENSOR_RANK_MAX];
    for (uint32_t i = 0; i < p->from.rank; i++) {
        from[i] = on_axis(p, i, at[i]);
        if (from[i] < 0) return -1;
    }
    return op_index_at(&p->from, from);
}

/* form 0: attributes; 1: inputs; 2: inputs with a value. */
static void check_pad(const pads *p, int form, kin_random *random)
{
    static const kin_type types[] = {KIN_TYPE_FLOAT, KIN_TYPE_INT64, KIN_TYPE_UINT8,
                                     KIN_TYPE_FLOAT16};
    kin_type type = form == 0 ? KIN_TYPE_FLOAT : types[kin_random_below(random, 4)];
    uint32_t rank = p->from.rank;
    int64_t list[2 * KIN_TENSOR_RANK_MAX];
    uint8_t fill[8] = {0};
    kin_shape shape = p->from;
    op_trial trial;
    for (uint32_t i = 0; i < rank; i++) {
        list[i] = p->before[i];
        list[i + rank] = p->after[i];
        shape.dims[i] += p->before[i] + p->after[i];
    }
    op_trial_init(&trial, "Pad", form == 0 ? 10 : 13);
    op_trial_string(&trial, "mode", p->mode);
    op_moved_input(&trial, type, &p->from, random);
    if (form == 0) {
        op_random_ints(&trial, "pads", 2 * rank, list);
        op_trial_float(&trial, "value", 7.25f);
        memcpy(fill, &(float){7.25f}, sizeof(float));
    } else {
        op_moved_list(&trial, 2 * rank, list);
    }
    if (form == 2) {
        op_moved_input(&trial, type, &(kin_shape){.rank = 0}, random);
        memcpy(fill, trial.inputs[2].data, kin_type_bytes(type));
    }
    op_random_run(&trial, 2);
    op_moved_expect(&trial, 0, 0, &shape, padded, p, fill);
    op_trial_fini(&trial);
}

static void test_pad(void **state)
{
    (void)state;
    static const char *const modes[] = {"constant", "edge", "reflect"};
    kin_random random = {.state = 1};
    for (int round = 0; round < 1500; round++) {
        bool constant = round % 3 == 0;
        uint32_t rank = (uint32_t)kin_random_below(&random, 5);
        pads p = {.mode = modes[round % 3],
                  .from = op_moved_shape(&random, rank, constant && round % 10 == 0 ? 0 : 1, 5)};
        for (uint32_t i = 0; i < rank; i++) {
            int64_t dim = p.from.dims[i], least = constant ? 0 : 1;
            p.before[i] = op_random_between(&random, dim > 0 ? least - dim : 0, 4);
            int64_t left = dim + (p.before[i] < 0 ? p.before[i] : 0);
            p.after[i] = op_random_between(&random, left > 0 ? least - left : 0, 4);
            if (round % 4 == 0) p.before[i] = p.after[i] = 0;
            if (round % 4 == 1 && i + 2 != rank) p.before[i] = p.after[i] = 0; /* rows */
        }
        check_pad(&p, round / 3 % 3, &random);
    }
}

static void test_pad_refusals(void **state)
{
    (void)state;
    static const struct refusal {
        const char *mode, *words;
        int dim;
        uint32_t count;
        int64_t pads[4];
    } refusals[] = {
        {"wrap", "its 'mode' is 'wrap'", 2, 2, {1, 1}},
        {"constant", "3 pads of a tensor of rank 1", 2, 3, {1, 1, 1}},
        {"constant", "cut more than the 2 of axis 0", 2, 2, {-2, -1}},
        {"constant", "cut more than the 2 of axis 0", 2, 2, {INT64_MIN, INT64_MIN}},
        {"constant", "cut more than the 2 of axis 0", 2, 2, {5, -3}},
        {"constant", "pads of 9223372036854775807 and 1", 2, 2, {INT64_MAX, 1}},
        {"constant", "too large", 2, 2, {1 << 30, 1 << 30}},
        {"reflect", "no elements to repeat", 0, 2, {1, 0}},
        {"edge", "no elements to repeat", 2, 2, {1, -2}},
    };
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        op_trial trial;
        op_trial_init(&trial, "Pad", 9);
        op_trial_string(&trial, "mode", refusals[i].mode);
        op_random_ints(&trial, "pads", refusals[i].count, refusals[i].pads);
        op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(refusals[i].dim), NULL);
        op_trial_refused(&trial, refusals[i].words);
        op_trial_fini(&trial);
    }
    op_trial trial;
    op_trial_init(&trial, "Pad", 13);
    op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(2), NULL);
    op_moved_list(&trial, 2, (int64_t[]){1, 1});
    op_trial_refused(&trial, "it must be known before");
    op_trial_input(&trial, KIN_TYPE_DOUBLE, SCALAR, NULL);
    assert_int_equal(op_trial_run(&trial, 2), KIN_BAD_INPUT);
    assert_non_null(strstr(trial.error.text, "of type double"));
    op_trial_fini(&trial);
}

typedef struct triangle {
    kin_shape from;
    int64_t shift;
    bool upper;
} triangle;

static int64_t in_triangle(const void *context, const int64_t *at)
{
    const triangle *t = context;
    int64_t row = at[t->from.rank - 2], column = at[t->from.rank - 1];
    bool kept = t->upper ? column >= row + t->shift : column <= row + t->shift;
    return kept ? op_index_at(&t->from, at) : -1;
}

static void test_trilu(void **state)
{
    (void)state;
    static const uint8_t zero[8] = {0};
    kin_random random = {.state = 2};
    for (int round = 0; round < 300; round++) {
        uint32_t rank = (uint32_t)op_random_between(&random, 2, 4);
        triangle t = {.from = op_moved_shape(&random, rank, round % 10 == 0 ? 0 : 1, 5),
                      .shift = round % 3 == 0 ? 0 : op_random_between(&random, -7, 7),
                      .upper = round % 2 == 0};
        op_trial trial;
        op_trial_init(&trial, "Trilu", 14);
        if (!t.upper) op_trial_int(&trial, "upper", 0);
        op_moved_input(&trial, op_moved_types[round % OP_MOVED_TYPES], &t.from, &random);
        if (t.shift != 0) op_moved_list(&trial, 1, &t.shift);
        op_random_run(&trial, 0);
        op_moved_expect(&trial, 0, 0, &t.from, in_triangle, &t, zero);
        op_trial_fini(&trial);
    }
}

static void test_trilu_far_away(void **state)
{
    (void)state;
    op_trial trial;
    op_trial_init(&trial, "Trilu", 14);
    op_trial_input(&trial, KIN_TYPE_FLOAT, SHAPE(1, 2), VALUES(1, 2));
    op_moved_list(&trial, 1, (int64_t[]){INT64_MIN});
    op_trial_expect(&trial, 0, KIN_TYPE_FLOAT, SHAPE(1, 2), VALUES(1, 2), 0);
    *(int64_t *)trial.inputs[1].data = INT64_MAX;
    op_random_run(&trial, 0);
    op_trial_expect(&trial, 0, KIN_TYPE_FLOAT, SHAPE(1, 2), VALUES(0, 0), 0);
    trial.inputs[0].shape = SHAPE(2);
    op_trial_refused(&trial, "a tensor of rank 1");
    op_trial_fini(&trial);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pad),
        cmocka_unit_test(test_pad_refusals),
        cmocka_unit_test(test_trilu),
        cmocka_unit_test(test_trilu_far_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
