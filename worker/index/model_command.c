#include "worker/index/model_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "common/base/options.h"
#include "proto/npy_format.h"
#include "worker/encode/blas.h"
#include "worker/encode/network.h"
#include "worker/encode/onnx_file.h"
#include "worker/index/model_listing.h"
#include "worker/index/models.h"

static const char help[] =
    "usage: kindred-index model [OPTION]... FILE.onnx[:TENSOR]\n"
    "\n"
    "Shows what a network holds: every operator as it will run, shapes, parameters, "
    "multiply-adds,\n"
    "memory, and the tensors that can be tapped. With --run, runs it.\n"
    "\n"
    "      --run IN.npy     float32 numbers of the input's shape, [n][c][h][w] as a rule\n"
    "      --tap TENSOR     give this tensor instead of the model's output; also FILE.onnx:TENSOR\n"
    "  -o, --output OUT.npy where the result of --run goes\n"
    "      --shape N,C,H,W  shape of the input, where the model leaves it open\n"
    "      --set WORD=VALUE as of build, for these sides: size=299, ...\n"
    "      --reference      plain loops instead of fast kernels, as KINDRED_ENGINE=reference does\n"
    "\n"
    "example: kindred-index model resnet50.onnx --run pictures.npy --tap avgpool -o features.npy\n";

typedef struct model_options {
    const char *run, *tap, *output, *shape;
    kin_option_list settings;
    bool reference, help;
} model_options;

static kin_status parse_shape(const char *text, kin_shape *shape, kin_error *error)
{
    shape->rank = 0;
    for (const char *at = text; at != NULL;) {
        char *end;
        long long dim = strtoll(at, &end, 10);
        if (end == at || (*end != ',' && *end != 0) || dim < 1 || dim > KIN_TENSOR_ELEMENTS_MAX ||
            shape->rank == KIN_TENSOR_RANK_MAX)
            return kin_fail(error, KIN_BAD_INPUT,
                            "--shape is '%s'; it takes up to %d whole numbers such as 1,3,224,224",
                            text, KIN_TENSOR_RANK_MAX);
        shape->dims[shape->rank++] = dim;
        at = *end == ',' ? end + 1 : NULL;
    }
    return KIN_OK;
}

/* The tensor of --run; *shape is its shape. */
static kin_status read_input(const char *path, kin_buffer *file, kin_npy *npy, kin_shape *shape,
                             kin_error *error)
{
    kin_status status = kin_file_read(path, (size_t)8 << 30, file, error);
    if (status == KIN_OK) status = kin_npy_parse(npy, file->data, file->bytes, path, error);
    if (status == KIN_OK && (npy->kind != 'f' || npy->item_bytes != 4))
        status =
            kin_fail(error, KIN_BAD_INPUT,
                     "%s: holds other numbers than float32; save array.astype('float32')", path);
    if (status == KIN_OK && npy->rank == 0)
        status = kin_fail(error, KIN_BAD_INPUT,
                          "%s: holds one number without a shape; an input is [n][c][h][w]", path);
    shape->rank = npy->rank;
    for (uint32_t i = 0; status == KIN_OK && i < npy->rank; i++) {
        if (npy->dims[i] > (uint64_t)KIN_TENSOR_ELEMENTS_MAX)
            return kin_fail(error, KIN_LIMIT, "%s: a dimension of %llu is too large", path,
                            (unsigned long long)npy->dims[i]);
        shape->dims[i] = (int64_t)npy->dims[i];
    }
    return status;
}

static kin_status write_output(const kin_tensor *tensor, const char *path, kin_error *error)
{
    kin_buffer file = {0};
    uint64_t dims[KIN_TENSOR_RANK_MAX];
    kin_tensor floats = {.type = KIN_TYPE_FLOAT, .shape = tensor->shape};
    size_t bytes = kin_tensor_bytes(&floats);
    for (uint32_t i = 0; i < tensor->shape.rank; i++)
        dims[i] = (uint64_t)tensor->shape.dims[i];
    kin_npy_build_header(&file, "<f4", dims, tensor->shape.rank);
    floats.data = kin_malloc(bytes);
    for (int64_t i = 0; i < kin_tensor_count(tensor); i++)
        kin_tensor_set(&floats, i, kin_tensor_get(tensor, i));
    kin_buffer_append(&file, floats.data, bytes);
    kin_status status = kin_file_write_atomic(path, file.data, file.bytes, error);
    free(floats.data);
    kin_buffer_fini(&file);
    return status;
}

static kin_status run_network(kin_network *network, const kin_npy *npy, const char *output,
                              kin_error *error)
{
    kin_tensor *input = kin_network_input(network, 0);
    if (input->type != KIN_TYPE_FLOAT)
        return kin_fail(error, KIN_BAD_INPUT, "the model's input is of type %s; --run gives floats",
                        kin_type_name(input->type));
    memcpy(input->data, npy->data, npy->count * sizeof(float));
    kin_network_run(network);
    return write_output(kin_network_output(network, 0), output, error);
}

/* --run has one array for the input, and one file for the result. */
static kin_status check_run(const model_options *options, const kin_graph *graph, const char *path,
                            kin_error *error)
{
    if (options->run == NULL) return KIN_OK;
    if (graph->input_count != 1)
        return kin_fail(error, KIN_BAD_INPUT, "%s: has %u inputs; --run gives one", path,
                        graph->input_count);
    if (graph->output_count == 0 && options->tap == NULL)
        return kin_fail(error, KIN_BAD_INPUT, "%s: has no output; name a tensor with --tap", path);
    return KIN_OK;
}

static kin_status open_network(const model_options *options, const char *path,
                               const kin_shape *shape, kin_network **network, kin_error *error)
{
    kin_graph *graph = NULL;
    kin_network_input_shape given = {.shape = *shape};
    kin_network_options wanted = {.shapes = &given,
                                  .shape_count = shape->rank > 0 ? 1 : 0,
                                  .taps = &options->tap,
                                  .tap_count = options->tap != NULL ? 1 : 0,
                                  .reference = options->reference};
    kin_status status = kin_onnx_open(&graph, path, error);
    if (status == KIN_OK) status = check_run(options, graph, path, error);
    if (status == KIN_OK && wanted.shape_count == 0)
        status = kin_model_listing_guess(graph, path, &options->settings, &given.shape,
                                         &wanted.shape_count, error);
    if (status == KIN_OK && options->run == NULL && options->tap == NULL)
        kin_model_listing_tensors(graph, path, &given.shape);
    if (status == KIN_OK) {
        kin_error why = {0};
        status = kin_network_open(network, &graph, &wanted, &why);
        if (status != KIN_OK) kin_fail(error, status, "%s: %s", path, why.text);
    }
    kin_graph_destroy(&graph);
    return status;
}

static kin_status show_or_run(const model_options *options, const char *path, kin_error *error)
{
    kin_network *network = NULL;
    kin_buffer file = {0};
    kin_npy npy = {0};
    kin_shape shape = {0};
    kin_status status = KIN_OK;
    if (options->shape != NULL) status = parse_shape(options->shape, &shape, error);
    if (status == KIN_OK && options->run != NULL)
        status = read_input(options->run, &file, &npy, &shape, error);
    if (status == KIN_OK) status = open_network(options, path, &shape, &network, error);
    if (status == KIN_OK && options->run != NULL)
        status = run_network(network, &npy, options->output, error);
    else if (status == KIN_OK)
        kin_model_listing_print(network);
    kin_network_close(&network);
    kin_buffer_fini(&file);
    return status;
}

int kin_model_command(int argc, char **argv)
{
    model_options options = {0};
    int count;
    kin_error error;
    const kin_option table[] = {
        {"run", 0, KIN_OPTION_TEXT, &options.run, 0, 0, NULL},
        {"tap", 0, KIN_OPTION_TEXT, &options.tap, 0, 0, NULL},
        {"output", 'o', KIN_OPTION_TEXT, &options.output, 0, 0, NULL},
        {"shape", 0, KIN_OPTION_TEXT, &options.shape, 0, 0, NULL},
        {"set", 0, KIN_OPTION_LIST, &options.settings, 0, 0, NULL},
        {"reference", 0, KIN_OPTION_FLAG, &options.reference, 0, 0, NULL},
        {"help", 'h', KIN_OPTION_FLAG, &options.help, 0, 0, NULL},
        {0},
    };
    kin_blas_init();
    kin_status status = kin_options_parse(table, argc, argv, &count, &error);
    if (status == KIN_OK && options.help) {
        fputs(help, stdout);
        return 0;
    }
    if (status == KIN_OK && count != 1)
        status = kin_fail(&error, KIN_BAD_INPUT, "one model is wanted; model --help says more");
    if (status == KIN_OK && (options.run == NULL) != (options.output == NULL))
        status = kin_fail(&error, KIN_BAD_INPUT, "--run IN.npy and -o OUT.npy go together");
    if (status == KIN_OK && options.settings.count > 0 &&
        (options.run != NULL || options.shape != NULL))
        status = kin_fail(&error, KIN_BAD_INPUT,
                          "--set is about pictures, and %s says the input's shape; leave one out",
                          options.run != NULL ? "--run" : "--shape");
    if (status != KIN_OK) {
        kin_log(KIN_LOG_ERROR, "%s", error.text);
        return 2;
    }
    const char *tensor;
    char *path = kin_model_split(argv[1], &tensor);
    if (tensor != NULL && options.tap == NULL) options.tap = tensor;
    status = show_or_run(&options, path, &error);
    free(path);
    if (status != KIN_OK) kin_log(KIN_LOG_ERROR, "%s", error.text);
    return status == KIN_OK ? 0 : 1;
}
