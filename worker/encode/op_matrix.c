#include <math.h>

#include "worker/encode/op_elementwise.h"

/* --- Products of matrices -------------------------------------------------------------------- */

/* A matrix anywhere: element (i, j) at [i * row + j * column]. */
typedef struct matrix {
    const void *data;
    int64_t row, column;
} matrix;

typedef struct product_size {
    int64_t rows, depth, columns;
} product_size;

/* c [rows][columns] = a [rows][depth] times b [depth][columns]. Every element is summed in the
 * order of k, whichever loop is the inner one: that depends on where the next element of b lies. */
#define MULTIPLY(function, T)                                                                   \
    static void function(void *result, matrix a_matrix, matrix b_matrix, product_size size)     \
    {                                                                                           \
        T *c = result;                                                                          \
        for (int64_t i = 0; i < size.rows; i++, c += size.columns) {                            \
            const T *a = (const T *)a_matrix.data + i * a_matrix.row, *b = b_matrix.data;       \
            for (int64_t j = 0; j < size.columns; j++)                                          \
                c[j] = 0;                                                                       \
            if (b_matrix.row == 1) {                                                            \
                for (int64_t j = 0; j < size.columns; j++)                                      \
                    for (int64_t k = 0; k < size.depth; k++)                                    \
                        c[j] += a[k * a_matrix.column] * b[k + j * b_matrix.column];            \
            } else {                                                                            \
                for (int64_t k = 0; k < size.depth; k++)                                        \
                    for (int64_t j = 0; j < size.columns; j++)                                  \
                        c[j] +=                                                                 \
                            a[k * a_matrix.column] * b[k * b_matrix.row + j * b_matrix.column]; \
            }                                                                                   \
        }                                                                                       \
    }
MULTIPLY(multiply_floats, float)
MULTIPLY(multiply_doubles, double)
MULTIPLY(multiply_uint32, uint32_t) /* of signed ones as well: both wrap around */
MULTIPLY(multiply_uint64, uint64_t)

static void multiply(kin_type type, void *c, matrix a, matrix b, product_size size)
{
    if (type == KIN_TYPE_FLOAT)
        multiply_floats(c, a, b, size);
    else if (type == KIN_TYPE_DOUBLE)
        multiply_doubles(c, a, b, size);
    else if (kin_type_bytes(type) == 4)
        multiply_uint32(c, a, b, size);
    else
        multiply_uint64(c, a, b, size);
}

static kin_status refuse_shapes(const kin_shape *a, const kin_shape *b, kin_error *error)
{
    char a_text[KIN_SHAPE_TEXT_BYTES], b_text[KIN_SHAPE_TEXT_BYTES];
    return kin_fail(error, KIN_BAD_INPUT, "its inputs of shapes %s and %s do not fit together",
                    kin_shape_text(a, a_text), kin_shape_text(b, b_text));
}

/* --- MatMul ---------------------------------------------------------------------------------- */

#define TYPES_FLOATING (KIN_TYPE_BIT(KIN_TYPE_FLOAT) | KIN_TYPE_BIT(KIN_TYPE_DOUBLE))
#define TYPES_MATMUL                                                                \
    (TYPES_FLOATING | KIN_TYPE_BIT(KIN_TYPE_INT32) | KIN_TYPE_BIT(KIN_TYPE_INT64) | \
     KIN_TYPE_BIT(KIN_TYPE_UINT32) | KIN_TYPE_BIT(KIN_TYPE_UINT64))

/* A MatMul as products of matrices: one for each element of batch. */
typedef struct matmul_plan {
    product_size size;
    kin_shape a_batch, b_batch, batch;
    bool a_vector, b_vector; /* a row and a column, whose dimension of 1 the result does not have */
} matmul_plan;

static bool plan_matmul(const kin_shape *a, const kin_shape *b, matmul_plan *plan)
{
    if (a->rank == 0 || b->rank == 0) return false;
    *plan = (matmul_plan){.a_vector = a->rank == 1, .b_vector = b->rank == 1};
    plan->a_batch = *a;
    plan->b_batch = *b;
    plan->a_batch.rank = plan->a_vector ? 0 : a->rank - 2;
    plan->b_batch.rank = plan->b_vector ? 0 : b->rank - 2;
    plan->size.rows = plan->a_vector ? 1 : a->dims[a->rank - 2];
    plan->size.depth = a->dims[a->rank - 1];
    plan->size.columns = plan->b_vector ? 1 : b->dims[b->rank - 1];
    if (plan->size.depth != b->dims[plan->b_batch.rank]) return false;
    return kin_op_broadcast(&plan->a_batch, &plan->b_batch, &plan->batch);
}

static kin_status matmul_infer(kin_op_call *call, kin_error *error)
{
    matmul_plan plan;
    kin_status status = kin_op_require_node(call, NULL, 0, error);
    for (uint32_t i = 0; status == KIN_OK && i < 2; i++)
        status = kin_op_require_types(call, i, TYPES_MATMUL, error);
    if (status == KIN_OK) status = kin_op_require_same(call, 0, 1, error);
    if (status != KIN_OK) return status;
    const kin_shape *a = &call->inputs[0]->shape, *b = &call->inputs[1]->shape;
    if (!plan_matmul(a, b, &plan)) return refuse_shapes(a, b, error);
    kin_shape result = plan.batch; /* of rank 6 at most: there is room for two more */
    if (!plan.a_vector) result.dims[result.rank++] = plan.size.rows;
    if (!plan.b_vector) result.dims[result.rank++] = plan.size.columns;
    return kin_op_output(call, 0, call->inputs[0]->type, &result, error);
}

static void matmul_run(const kin_op_call *call)
{
    const kin_tensor *a = call->inputs[0], *b = call->inputs[1];
    kin_tensor *out = call->outputs[0];
    matmul_plan plan;
    kin_rows rows;
    int64_t bytes = (int64_t)kin_type_bytes(a->type);
    if (!plan_matmul(&a->shape, &b->shape, &plan) || kin_tensor_count(out) == 0) return;
    const kin_shape *batches[] = {&plan.a_batch, &plan.b_batch};
    product_size size = plan.size;
    for (bool more = kin_rows_first(&rows, &plan.batch, batches, 2); more;
         more = kin_rows_next(&rows))
        for (int64_t i = 0; i < rows.length; i++) {
            int64_t a_at = (rows.offsets[0] + i * rows.steps[0]) * size.rows * size.depth;
            int64_t b_at = (rows.offsets[1] + i * rows.steps[1]) * size.depth * size.columns;
            int64_t at = (rows.at + i) * size.rows * size.columns;
            matrix a_matrix = {(const char *)a->data + a_at * bytes, size.depth, 1};
            matrix b_matrix = {(const char *)b->data + b_at * bytes, size.columns, 1};
            multiply(a->type, (char *)out->data + at * bytes, a_matrix, b_matrix, size);
        }
}

/* --- Gemm ------------------------------------------------------------------------------------ */

#define GEMM_BROADCAST_OPSET 7
#define GEMM_NO_BIAS_OPSET 11

static product_size size_of_gemm(const kin_node *node, const kin_shape *a, const kin_shape *b)
{
    bool a_turned = kin_node_int(node, "transA", 0) != 0;
    bool b_turned = kin_node_int(node, "transB", 0) != 0;
    return (product_size){a->dims[a_turned], a->dims[!a_turned], b->dims[!b_turned]};
}

static kin_status gemm_bias(const kin_op_call *call, const kin_shape *result, kin_error *error)
{
    const kin_tensor *c = kin_op_input(call, 2);
    char text[KIN_SHAPE_TEXT_BYTES];
    kin_shape broadcast;
    if (c == NULL && call->node->opset >= GEMM_NO_BIAS_OPSET) return KIN_OK;
    kin_status status = kin_op_require_types(call, 2, TYPES_FLOATING, error);
    if (status == KIN_OK) status = kin_op_require_same(call, 0, 2, error);
    if (status != KIN_OK) return status;
    bool fits =
        kin_op_broadcast(result, &c->shape, &broadcast) && kin_shape_equal(result, &broadcast);
    if (call->node->opset < GEMM_BROADCAST_OPSET && kin_node_int(call->node, "broadcast", 0) == 0)
        fits = kin_shape_equal(result, &c->shape);
    if (!fits)
        return kin_fail(error, KIN_BAD_INPUT,
                        "its C of shape %s does not fit a result of %lld x %lld",
                        kin_shape_text(&c->shape, text), (long long)result->dims[0],
                        (long long)result->dims[1]);
    return KIN_OK;
}

static kin_status gemm_infer(kin_op_call *call, kin_error *error)
{
    static const kin_op_attribute known[] = {
        {"alpha", KIN_ATTRIBUTE_FLOAT},   {"beta", KIN_ATTRIBUTE_FLOAT},
        {"transA", KIN_ATTRIBUTE_INT},    {"transB", KIN_ATTRIBUTE_INT},
        {"broadcast", KIN_ATTRIBUTE_INT},
    };
    uint32_t known_count = call->node->opset < GEMM_BROADCAST_OPSET ? 5 : 4;
    kin_status status = kin_op_require_node(call, known, known_count, error);
    for (uint32_t i = 0; status == KIN_OK && i < 2; i++)
        status = kin_op_require_types(call, i, TYPES_FLOATING, error);
    if (status == KIN_OK) status = kin_op_require_same(call, 0, 1, error);
    if (status != KIN_OK) return status;
    const kin_shape *a = &call->inputs[0]->shape, *b = &call->inputs[1]->shape;
    if (a->rank != 2 || b->rank != 2) return refuse_shapes(a, b, error);
    product_size size = size_of_gemm(call->node, a, b);
    if (size.depth != b->dims[kin_node_int(call->node, "transB", 0) != 0])
        return refuse_shapes(a, b, error);
    kin_shape result = {.rank = 2, .dims = {size.rows, size.columns}};
    status = gemm_bias(call, &result, error);
    if (status != KIN_OK) return status;
    return kin_op_output(call, 0, call->inputs[0]->type, &result, error);
}

/* out = alpha out + beta c, a row of a broadcast. */
#define SCALE_AND_ADD(function, T)                                                    \
    static void function(T *out, float alpha, const T *c, int64_t c_step, float beta, \
                         int64_t count)                                               \
    {                                                                                 \
        for (int64_t i = 0; i < count; i++) {                                         \
            T sum = alpha == 1 ? out[i] : alpha * out[i];                             \
            out[i] = beta == 0 ? sum : sum + beta * c[i * c_step];                    \
        }                                                                             \
    }
SCALE_AND_ADD(finish_floats, float)
SCALE_AND_ADD(finish_doubles, double)

static void gemm_run(const kin_op_call *call)
{
    const kin_tensor *a = call->inputs[0], *b = call->inputs[1], *c = kin_op_input(call, 2);
    const kin_node *node = call->node;
    kin_tensor *out = call->outputs[0];
    product_size size = size_of_gemm(node, &a->shape, &b->shape);
    matrix a_matrix = {a->data, size.depth, 1}, b_matrix = {b->data, size.columns, 1};
    if (kin_node_int(node, "transA", 0) != 0) a_matrix = (matrix){a->data, 1, size.rows};
    if (kin_node_int(node, "transB", 0) != 0) b_matrix = (matrix){b->data, 1, size.depth};
    multiply(a->type, out->data, a_matrix, b_matrix, size);

    float alpha = kin_node_float(node, "alpha", 1);
    float beta = c == NULL ? 0 : kin_node_float(node, "beta", 1);
    if (c == NULL) c = out; /* times 0: nobody looks at it */
    const kin_shape *shapes[] = {&c->shape};
    kin_rows rows;
    for (bool more = kin_rows_first(&rows, &out->shape, shapes, 1); more;
         more = kin_rows_next(&rows)) {
        int64_t at = rows.at, from = rows.offsets[0];
        if (a->type == KIN_TYPE_FLOAT)
            finish_floats((float *)out->data + at, alpha, (const float *)c->data + from,
                          rows.steps[0], beta, rows.length);
        else
            finish_doubles((double *)out->data + at, alpha, (const double *)c->data + from,
                           rows.steps[0], beta, rows.length);
    }
}

/* --- Det ------------------------------------------------------------------------------------- */

/* Larger ones take hours; determinants of networks have a handful of rows. */
#define DET_ROWS_MAX 1024

static kin_status det_infer(kin_op_call *call, kin_error *error)
{
    kin_status status = kin_op_require_node(call, NULL, 0, error);
    if (status == KIN_OK) status = kin_op_require_types(call, 0, KIN_TYPES_REAL, error);
    if (status != KIN_OK) return status;
    kin_shape shape = call->inputs[0]->shape;
    char text[KIN_SHAPE_TEXT_BYTES];
    if (shape.rank < 2 || shape.dims[shape.rank - 1] != shape.dims[shape.rank - 2])
        return kin_fail(error, KIN_BAD_INPUT, "its input of shape %s is not of square matrices",
                        kin_shape_text(&shape, text));
    int64_t n = shape.dims[shape.rank - 1];
    if (n > DET_ROWS_MAX)
        return kin_fail(error, KIN_LIMIT, "its matrices have %lld rows; %d are supported",
                        (long long)n, DET_ROWS_MAX);
    call->scratch_bytes = (size_t)(n * n) * sizeof(double);
    shape.rank -= 2;
    return kin_op_output(call, 0, call->inputs[0]->type, &shape, error);
}

/* By elimination with pivots; m [n][n] is spent. */
static double determinant(double *m, int64_t n)
{
    double product = 1;
    for (int64_t k = 0; k < n; k++) {
        int64_t pivot = k;
        for (int64_t i = k + 1; i < n; i++)
            if (fabs(m[i * n + k]) > fabs(m[pivot * n + k])) pivot = i;
        if (m[pivot * n + k] == 0) return 0;
        for (int64_t j = k; j < n && pivot != k; j++) {
            double swapped = m[k * n + j];
            m[k * n + j] = m[pivot * n + j];
            m[pivot * n + j] = swapped;
        }
        product *= pivot != k ? -m[k * n + k] : m[k * n + k];
        for (int64_t i = k + 1; i < n; i++) {
            double factor = m[i * n + k] / m[k * n + k];
            for (int64_t j = k; j < n; j++)
                m[i * n + j] -= factor * m[k * n + j];
        }
    }
    return product;
}

static void det_run(const kin_op_call *call)
{
    const kin_tensor *in = call->inputs[0];
    kin_tensor *out = call->outputs[0];
    int64_t n = in->shape.dims[in->shape.rank - 1];
    double *m = call->scratch;
    for (int64_t o = 0, count = kin_tensor_count(out); o < count; o++) {
        for (int64_t i = 0; i < n * n; i++)
            m[i] = kin_tensor_get(in, o * n * n + i);
        kin_tensor_set(out, o, determinant(m, n));
    }
}

const kin_op kin_matrix_ops[] = {
    {"Det", 1, 1, 1, det_infer, det_run},
    {"Gemm", 2, 3, 1, gemm_infer, gemm_run},
    {"MatMul", 2, 2, 1, matmul_infer, matmul_run},
    {.name = NULL},
};
