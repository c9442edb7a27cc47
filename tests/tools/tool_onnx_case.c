/* Runs models on stored inputs and compares with stored outputs; see README.md of this folder. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/memory.h"
#include "tests/support/plain_network.h"
#include "worker/encode/network.h"
#include "worker/encode/onnx_file.h"

#define TENSORS_MAX 64  /* inputs or outputs of a case */
#define SECONDS_MAX 280 /* of a case: below what tests/run allows a test */

typedef enum engine { PLAIN, REFERENCE, FAST } engine;

typedef struct options {
    engine engine;
    double relative; /* 0: ONNX's tolerances */
} options;

typedef struct tensors {
    kin_tensor items[TENSORS_MAX];
    uint32_t count;
} tensors;

/* One data set of a case, and what came of it. */
typedef struct trial {
    const options *options;
    const char *folder;
    tensors inputs, expected, made;
    char
        *names[TENSORS_MAX]; /* [expected.count] of taps.txt; the first NULL: the model's outputs */
    bool constant;           /* inputs were made constants */
    double worst;            /* max |difference| / max |expected| */
} trial;

static void drop(tensors *dropped)
{
    for (uint32_t i = 0; i < dropped->count; i++)
        free(dropped->items[i].data);
    dropped->count = 0;
}

static kin_status read_tensors(const char *folder, const char *kind, tensors *read,
                               kin_error *error)
{
    for (read->count = 0; read->count < TENSORS_MAX; read->count++) {
        char name[64];
        snprintf(name, sizeof name, "%s_%u.pb", kind, read->count);
        char *path = kin_path_join(folder, name);
        kin_buffer bytes = {0};
        kin_status status = KIN_OK;
        bool there = kin_path_exists(path);
        if (there) status = kin_file_read(path, KIN_ONNX_BYTES_MAX, &bytes, error);
        if (there && status == KIN_OK)
            status = kin_onnx_tensor_parse(&read->items[read->count], bytes.data, bytes.bytes, name,
                                           error);
        kin_buffer_fini(&bytes);
        free(path);
        if (!there || status != KIN_OK) return status;
    }
    return KIN_OK;
}

/* ONNX 1.12 stores tensors of bfloat16 as uint16. */
static void read_bfloat16(kin_tensor *stored, kin_type meant)
{
    if (stored->type == KIN_TYPE_UINT16 && meant == KIN_TYPE_BFLOAT16) stored->type = meant;
}

/* --- Comparing ------------------------------------------------------------------------------- */

static bool is_float(kin_type type)
{
    return type == KIN_TYPE_FLOAT || type == KIN_TYPE_DOUBLE || type == KIN_TYPE_FLOAT16 ||
           type == KIN_TYPE_BFLOAT16;
}

/* As numpy.testing.assert_allclose does: not-a-number equals itself, so does infinity. */
static bool close_enough(double made, double expected)
{
    if (isnan(made) || isnan(expected)) return isnan(made) && isnan(expected);
    if (isinf(made) || isinf(expected)) return made == expected;
    return fabs(made - expected) <= 1e-7 + 1e-3 * fabs(expected);
}

static bool same_kind(const trial *tried, const kin_tensor *made, const kin_tensor *expected)
{
    if (tried->options->engine != PLAIN && is_float(made->type) && is_float(expected->type))
        return kin_shape_equal(&made->shape, &expected->shape);
    return made->type == expected->type && kin_shape_equal(&made->shape, &expected->shape);
}

static bool compare_relative(trial *tried, const kin_tensor *made, const kin_tensor *expected)
{
    double difference = 0, largest = 0;
    for (int64_t i = 0; i < kin_tensor_count(expected); i++) {
        double a = kin_tensor_get(made, i), b = kin_tensor_get(expected, i);
        difference = isfinite(a) && isfinite(b) ? fmax(difference, fabs(a - b)) : INFINITY;
        if (isfinite(b)) largest = fmax(largest, fabs(b));
    }
    double relative = difference > 0 ? difference / largest : 0;
    tried->worst = fmax(tried->worst, relative);
    return relative <= tried->options->relative;
}

static kin_status compare(trial *tried, uint32_t output, kin_error *error)
{
    const kin_tensor *made = &tried->made.items[output];
    kin_tensor *expected = &tried->expected.items[output];
    read_bfloat16(expected, made->type);
    char ours[KIN_SHAPE_TEXT_BYTES], theirs[KIN_SHAPE_TEXT_BYTES];
    if (!same_kind(tried, made, expected))
        return kin_fail(error, KIN_MISMATCH, "output %u is %s %s, expected is %s %s", output,
                        kin_type_name(made->type), kin_shape_text(&made->shape, ours),
                        kin_type_name(expected->type), kin_shape_text(&expected->shape, theirs));
    if (tried->options->relative > 0 && is_float(expected->type)) {
        if (compare_relative(tried, made, expected)) return KIN_OK;
        return kin_fail(error, KIN_MISMATCH, "output %u differs by %.2g of its largest value",
                        output, tried->worst);
    }
    int64_t differ = 0, first = -1;
    for (int64_t i = 0; i < kin_tensor_count(expected); i++) {
        bool good = is_float(expected->type)
                        ? close_enough(kin_tensor_get(made, i), kin_tensor_get(expected, i))
                        : kin_tensor_get_int(made, i) == kin_tensor_get_int(expected, i);
        if (good) continue;
        if (differ++ == 0) first = i;
    }
    if (differ == 0) return KIN_OK;
    return kin_fail(error, KIN_MISMATCH,
                    "output %u: %lld of %lld differ, the first, %lld: %g, not %g", output,
                    (long long)differ, (long long)kin_tensor_count(expected), (long long)first,
                    kin_tensor_get(made, first), kin_tensor_get(expected, first));
}

/* --- Running --------------------------------------------------------------------------------- */

/* Input i of the model becomes a constant of it. */
static void fix_input(kin_graph *graph, uint32_t i, const kin_tensor *tensor)
{
    kin_value *value = &graph->values[graph->inputs[i]];
    value->is_input = false;
    value->tensor = *tensor;
    size_t bytes = kin_tensor_bytes(tensor);
    value->tensor.data = kin_malloc(bytes + 1);
    if (bytes > 0) memcpy(value->tensor.data, tensor->data, bytes);
    for (uint32_t k = i + 1; k < graph->input_count; k++)
        graph->inputs[k - 1] = graph->inputs[k];
    graph->input_count--;
}

static kin_status run_plain(trial *tried, kin_graph *graph, const tensors *inputs, kin_error *error)
{
    const char *names[TENSORS_MAX];
    for (uint32_t i = 0; i < tried->expected.count; i++)
        names[i] =
            tried->names[0] != NULL ? tried->names[i] : graph->values[graph->outputs[i]].name;
    return plain_network_run(graph, inputs->items, names, tried->expected.count, tried->made.items,
                             error);
}

static void copy_tensor(kin_tensor *to, const kin_tensor *from)
{
    if (to->type == from->type && kin_tensor_bytes(from) > 0)
        memcpy(to->data, from->data, kin_tensor_bytes(from));
    for (int64_t i = 0; to->type != from->type && i < kin_tensor_count(from); i++)
        kin_tensor_set(to, i, kin_tensor_get(from, i));
}

static kin_status run_network(trial *tried, kin_graph **graph, const tensors *inputs,
                              kin_error *error)
{
    kin_network_input_shape shapes[TENSORS_MAX];
    kin_network_options how = {.shapes = shapes, .shape_count = inputs->count};
    how.reference = tried->options->engine == REFERENCE;
    for (uint32_t i = 0; i < inputs->count; i++)
        shapes[i] = (kin_network_input_shape){.name = (*graph)->values[(*graph)->inputs[i]].name,
                                              .shape = inputs->items[i].shape};
    if (tried->names[0] != NULL) {
        how.taps = (const char *const *)tried->names;
        how.tap_count = tried->expected.count;
    }
    kin_network *network = NULL;
    kin_status status = kin_network_open(&network, graph, &how, error);
    if (status != KIN_OK) return status;
    /* Twice: what the first run left in the network's memory must not be seen. */
    for (int turn = 0; turn < 2; turn++) {
        for (uint32_t i = 0; i < inputs->count; i++)
            copy_tensor(kin_network_input(network, i), &inputs->items[i]);
        kin_network_run(network);
    }
    for (uint32_t i = 0; i < tried->expected.count; i++) {
        const kin_tensor *output = kin_network_output(network, i);
        tried->made.items[i] = *output;
        tried->made.items[i].data = kin_malloc(kin_tensor_bytes(output) + 1);
        copy_tensor(&tried->made.items[i], output);
    }
    kin_network_close(&network);
    return KIN_OK;
}

/* Whether input i becomes a constant at the given attempt: none, all that are not float (shapes,
 * axes, indices), all but the first, all. */
static bool is_fixed(const trial *tried, uint32_t attempt, uint32_t i)
{
    return (attempt == 1 && !is_float(tried->inputs.items[i].type)) || (attempt == 2 && i > 0) ||
           attempt == 3;
}

static kin_status attempt(trial *tried, uint32_t number, const char *path, kin_error *error)
{
    kin_graph *graph = NULL;
    tensors rest = {.count = 0};
    kin_status status = kin_onnx_open(&graph, path, error);
    if (status != KIN_OK) return status;
    if (graph->input_count != tried->inputs.count)
        status = kin_fail(error, KIN_LIMIT, "the model takes %u inputs, the data set has %u",
                          graph->input_count, tried->inputs.count);
    else if (tried->names[0] == NULL && graph->output_count != tried->expected.count)
        status = kin_fail(error, KIN_LIMIT, "the model gives %u outputs, the data set has %u",
                          graph->output_count, tried->expected.count);
    for (uint32_t i = 0; status == KIN_OK && i < tried->inputs.count; i++)
        read_bfloat16(&tried->inputs.items[i], graph->values[graph->inputs[i]].tensor.type);
    for (uint32_t i = tried->inputs.count; status == KIN_OK && i-- > 0;)
        if (is_fixed(tried, number, i)) fix_input(graph, i, &tried->inputs.items[i]);
    for (uint32_t i = 0; status == KIN_OK && i < tried->inputs.count; i++)
        if (!is_fixed(tried, number, i)) rest.items[rest.count++] = tried->inputs.items[i];
    if (status == KIN_OK && tried->options->engine == PLAIN)
        status = run_plain(tried, graph, &rest, error);
    else if (status == KIN_OK)
        status = run_network(tried, &graph, &rest, error);
    if (status == KIN_OK) tried->made.count = tried->expected.count;
    kin_graph_destroy(&graph);
    tried->constant = rest.count < tried->inputs.count;
    return status;
}

static kin_status run_data_set(trial *tried, const char *data, kin_error *error)
{
    char *path = kin_path_join(tried->folder, "model.onnx");
    kin_graph *graph = NULL; /* whether the model is refused is said before its data are read */
    kin_status status = kin_onnx_open(&graph, path, error);
    kin_graph_destroy(&graph);
    if (status == KIN_OK) status = read_tensors(data, "input", &tried->inputs, error);
    if (status == KIN_OK) status = read_tensors(data, "output", &tried->expected, error);
    for (uint32_t number = 0; status == KIN_OK && number < 4; number++) {
        drop(&tried->made);
        kin_status ran = attempt(tried, number, path, error);
        if (ran != KIN_BAD_INPUT || number == 3) {
            status = ran;
            break;
        }
    }
    for (uint32_t i = 0; status == KIN_OK && i < tried->expected.count; i++)
        status = compare(tried, i, error);
    drop(&tried->inputs);
    drop(&tried->expected);
    drop(&tried->made);
    free(path);
    return status;
}

/* --- Cases ----------------------------------------------------------------------------------- */

static kin_status read_taps(trial *tried, kin_error *error)
{
    char *path = kin_path_join(tried->folder, "taps.txt"), *rest = NULL;
    kin_buffer text = {0};
    kin_status status = KIN_OK;
    uint32_t count = 0;
    if (kin_path_exists(path)) status = kin_file_read(path, 1 << 16, &text, error);
    kin_buffer_append_byte(&text, 0);
    for (char *line = strtok_r((char *)text.data, "\n", &rest); line != NULL && count < TENSORS_MAX;
         line = strtok_r(NULL, "\n", &rest))
        tried->names[count++] = kin_strdup(line);
    kin_buffer_fini(&text);
    free(path);
    return status;
}

/* In a process of its own: prints the line, returns the exit status. */
static int run_case(const options *chosen, const char *folder)
{
    trial tried = {.options = chosen, .folder = folder};
    kin_error error = {0};
    bool constant = false;
    uint32_t sets = 0;
    kin_status status = read_taps(&tried, &error);
    for (; status == KIN_OK; sets++) {
        char name[64];
        snprintf(name, sizeof name, "test_data_set_%u", sets);
        char *data = kin_path_join(folder, name);
        bool there = kin_path_is_directory(data);
        if (there) status = run_data_set(&tried, data, &error);
        free(data);
        if (!there) break;
        constant = constant || tried.constant;
    }
    for (uint32_t i = 0; i < TENSORS_MAX; i++)
        free(tried.names[i]);
    if (status == KIN_OK && sets == 0)
        status = kin_fail(&error, KIN_NOT_FOUND, "there is no test_data_set_0");
    for (char *c = error.text; *c != 0; c++)
        if (*c == '\n') *c = ' ';
    if (status == KIN_OK && chosen->relative > 0)
        printf("ok %s: %.2g\n", folder, tried.worst);
    else if (status == KIN_OK)
        printf("%s %s\n", constant ? "ok-constant" : "ok", folder);
    else
        printf("%s %s: %s\n", status == KIN_MISMATCH ? "fail" : "refused", folder, error.text);
    fflush(stdout);
    return status == KIN_OK ? 0 : status == KIN_MISMATCH ? 1 : 2;
}

static int run_child(const options *chosen, const char *folder)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        alarm(SECONDS_MAX);
        exit(run_case(chosen, folder));
    }
    int state = 0;
    if (child < 0 || waitpid(child, &state, 0) != child) {
        perror("tool_onnx_case");
        exit(1);
    }
    if (WIFEXITED(state) && WEXITSTATUS(state) <= 2) return WEXITSTATUS(state);
    if (WIFSIGNALED(state))
        printf("crash %s: signal %d\n", folder, WTERMSIG(state));
    else
        printf("crash %s: status %d\n", folder, WEXITSTATUS(state));
    return 1;
}

int main(int argc, char **argv)
{
    static const char *const engines[] = {"plain", "reference", "fast"};
    options chosen = {.engine = PLAIN};
    int at = 1, failed = 0, refused = 0;
    for (; at + 1 < argc && strncmp(argv[at], "--", 2) == 0; at += 2) {
        int named = 0;
        while (named < 3 && strcmp(argv[at + 1], engines[named]) != 0)
            named++;
        if (strcmp(argv[at], "--relative") == 0)
            chosen.relative = atof(argv[at + 1]);
        else if (strcmp(argv[at], "--engine") == 0 && named < 3)
            chosen.engine = (enum engine)named;
        else
            break;
    }
    if (at >= argc || argv[at][0] == '-') {
        fprintf(stderr, "usage: %s [--engine plain|reference|fast] [--relative R] DIR...\n",
                argv[0]);
        return 64;
    }
    for (; at < argc; at++) {
        int status = run_child(&chosen, argv[at]);
        failed += status == 1;
        refused += status == 2;
    }
    return failed > 0 ? 1 : refused > 0 ? 2 : 0;
}
