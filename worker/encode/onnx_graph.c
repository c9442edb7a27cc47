#include "worker/encode/onnx_graph.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"

#define IR_VERSION_MIN 3
#define IR_VERSION_MAX 10
/* Sets of operators that a model may import. */
#define DOMAINS_MAX 64

/* Of what is being read. */
typedef struct reading {
    kin_graph *graph;
    const KinOnnx__Model *model;
    kin_onnx_source *source;
    kin_error *error;
} reading;

/* ONNX's own set of operators has two names. */
static bool is_own_domain(const ProtobufCBinaryData *domain)
{
    return domain->len == 0 || kin_onnx_is(domain, "ai.onnx");
}

static bool same_domain(const ProtobufCBinaryData *a, const ProtobufCBinaryData *b)
{
    if (is_own_domain(a) || is_own_domain(b)) return is_own_domain(a) && is_own_domain(b);
    return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

/* The version of a domain that the model imports; false where it does not. */
static bool find_opset(const KinOnnx__Model *model, const ProtobufCBinaryData *domain,
                       int64_t *version)
{
    for (size_t i = 0; i < model->n_opset_import; i++)
        if (same_domain(&model->opset_import[i]->domain, domain)) {
            *version = model->opset_import[i]->version;
            return true;
        }
    return false;
}

static kin_status check_imports(reading *r)
{
    const KinOnnx__Model *model = r->model;
    const ProtobufCBinaryData own = {0, NULL};
    char label[KIN_ONNX_LABEL_BYTES];
    if (model->n_opset_import > DOMAINS_MAX)
        return kin_fail(r->error, KIN_LIMIT, "it imports %zu sets of operators; it may import %d",
                        model->n_opset_import, DOMAINS_MAX);
    for (size_t i = 0; i < model->n_opset_import; i++)
        for (size_t j = 0; j < i; j++)
            if (same_domain(&model->opset_import[i]->domain, &model->opset_import[j]->domain))
                return kin_fail(r->error, KIN_CORRUPT, "it imports the operators '%s' twice",
                                kin_onnx_label(&model->opset_import[i]->domain, label));
    if (!find_opset(model, &own, &r->graph->opset))
        return kin_fail(r->error, KIN_BAD_INPUT, "it does not say which opset of ONNX it uses");
    if (r->graph->opset < KIN_ONNX_OPSET_MIN || r->graph->opset > KIN_ONNX_OPSET_MAX)
        return kin_fail(r->error, KIN_BAD_INPUT,
                        "it uses opset %lld; %d to %d are supported, so export it anew",
                        (long long)r->graph->opset, KIN_ONNX_OPSET_MIN, KIN_ONNX_OPSET_MAX);
    return KIN_OK;
}

static kin_status check_model(reading *r)
{
    const KinOnnx__Model *model = r->model;
    if (!model->has_ir_version || model->graph == NULL)
        return kin_fail(r->error, KIN_CORRUPT, "it is no ONNX model: it has no %s",
                        model->has_ir_version ? "graph" : "IR version");
    if (model->ir_version < IR_VERSION_MIN || model->ir_version > IR_VERSION_MAX)
        return kin_fail(r->error, KIN_BAD_INPUT, "IR version %lld is not supported; %d to %d are",
                        (long long)model->ir_version, IR_VERSION_MIN, IR_VERSION_MAX);
    if (model->n_functions > 0)
        return kin_fail(r->error, KIN_BAD_INPUT, "models with functions are not supported");
    if (model->n_training_info > 0)
        return kin_fail(r->error, KIN_BAD_INPUT, "models with training steps are not supported");
    if (model->graph->n_sparse_initializer > 0)
        return kin_fail(r->error, KIN_BAD_INPUT, "sparse initializers are not supported");
    if (model->graph->n_node > KIN_GRAPH_NODES_MAX)
        return kin_fail(r->error, KIN_LIMIT, "it has %zu nodes; a model has up to %d",
                        model->graph->n_node, KIN_GRAPH_NODES_MAX);
    return check_imports(r);
}

/* A value that must not be there yet. */
static kin_status new_value(reading *r, const ProtobufCBinaryData *text, uint32_t *value)
{
    char *name, label[KIN_ONNX_LABEL_BYTES];
    kin_status status = kin_onnx_name(&name, text, "name", r->error);
    if (status != KIN_OK) return status;
    if (name[0] == 0)
        status = kin_fail(r->error, KIN_CORRUPT, "has no name");
    else if (kin_graph_find(r->graph, name) != KIN_VALUE_NONE)
        status = kin_fail(r->error, KIN_CORRUPT, "something before it has the name '%s' already",
                          kin_onnx_label(text, label));
    else if (r->graph->value_count == KIN_GRAPH_VALUES_MAX)
        status = kin_fail(r->error, KIN_LIMIT, "a model has up to %d values", KIN_GRAPH_VALUES_MAX);
    else
        *value = kin_graph_value(r->graph, name);
    free(name);
    return status;
}

static kin_status take_initializer(reading *r, KinOnnx__Tensor *message)
{
    char label[KIN_ONNX_LABEL_BYTES];
    uint32_t value;
    kin_status status = new_value(r, &message->name, &value);
    if (status == KIN_OK)
        status =
            kin_onnx_tensor_take(&r->graph->values[value].tensor, message, r->source, r->error);
    if (status != KIN_OK)
        kin_error_prefix(r->error, "initializer '%s'", kin_onnx_label(&message->name, label));
    return status;
}

/* The type and shape that an input declares; -1 for what it leaves open. */
static kin_status read_type(kin_tensor *tensor, const KinOnnx__Type *type, kin_error *error)
{
    const KinOnnx__TensorType *declared = type != NULL ? type->tensor_type : NULL;
    if (declared == NULL) return kin_fail(error, KIN_BAD_INPUT, "is no tensor");
    tensor->type = (kin_type)declared->elem_type;
    if (kin_type_bytes(tensor->type) == 0)
        return kin_fail(error, KIN_BAD_INPUT, "element type %d is not supported",
                        (int)declared->elem_type);
    const KinOnnx__Shape *shape = declared->shape;
    if (shape == NULL)
        return kin_fail(error, KIN_BAD_INPUT, "does not say how many dimensions it has");
    if (shape->n_dim > KIN_TENSOR_RANK_MAX)
        return kin_fail(error, KIN_LIMIT, "%zu dimensions; a tensor has up to %d", shape->n_dim,
                        KIN_TENSOR_RANK_MAX);
    kin_shape closed = {.rank = (uint32_t)shape->n_dim};
    tensor->shape.rank = closed.rank;
    for (size_t i = 0; i < shape->n_dim; i++) {
        closed.dims[i] = shape->dim[i]->has_dim_value ? shape->dim[i]->dim_value : 1;
        tensor->shape.dims[i] = shape->dim[i]->has_dim_value ? closed.dims[i] : -1;
    }
    char text[KIN_SHAPE_TEXT_BYTES];
    if (!kin_shape_valid(&closed))
        return kin_fail(error, KIN_LIMIT, "shape %s is negative or too large",
                        kin_shape_text(&tensor->shape, text));
    return KIN_OK;
}

/* Whether text names a constant: old models declare those as inputs, too. */
static bool is_constant(const kin_graph *graph, const ProtobufCBinaryData *text)
{
    char *name = NULL;
    uint32_t value = KIN_VALUE_NONE;
    if (kin_onnx_name(&name, text, "name", NULL) == KIN_OK) value = kin_graph_find(graph, name);
    free(name);
    return value != KIN_VALUE_NONE && graph->values[value].tensor.data != NULL;
}

static kin_status take_input(reading *r, const KinOnnx__ValueInfo *message)
{
    char label[KIN_ONNX_LABEL_BYTES];
    uint32_t value;
    if (is_constant(r->graph, &message->name)) return KIN_OK;
    kin_status status = new_value(r, &message->name, &value);
    if (status == KIN_OK)
        status = read_type(&r->graph->values[value].tensor, message->type, r->error);
    if (status == KIN_OK)
        kin_graph_add_input(r->graph, value);
    else
        kin_error_prefix(r->error, "input '%s'", kin_onnx_label(&message->name, label));
    return status;
}

/* A value that is there already. */
static kin_status find_value(reading *r, const ProtobufCBinaryData *text, uint32_t *value)
{
    char *name;
    kin_status status = kin_onnx_name(&name, text, "name", r->error);
    if (status != KIN_OK) return status;
    *value = kin_graph_find(r->graph, name);
    free(name);
    return KIN_OK;
}

static kin_status link_node(reading *r, const KinOnnx__Node *message, uint32_t index)
{
    char label[KIN_ONNX_LABEL_BYTES];
    kin_status status = KIN_OK;
    uint32_t value = KIN_VALUE_NONE;
    for (size_t i = 0; i < message->n_input; i++) {
        const ProtobufCBinaryData *name = &message->input[i];
        value = KIN_VALUE_NONE;
        if (name->len > 0) status = find_value(r, name, &value);
        if (status != KIN_OK) return status;
        if (name->len > 0 && value == KIN_VALUE_NONE)
            return kin_fail(r->error, KIN_CORRUPT,
                            "takes '%s', which no input, initializer or node before it gives",
                            kin_onnx_label(name, label));
        kin_node_add_input(&r->graph->nodes[index], value);
    }
    for (size_t i = 0; i < message->n_output; i++) {
        value = KIN_VALUE_NONE;
        if (message->output[i].len > 0) status = new_value(r, &message->output[i], &value);
        if (status != KIN_OK) return status;
        kin_graph_add_node_output(r->graph, index, value);
    }
    return KIN_OK;
}

/* Name, operator, set of operators and how many values it takes and gives. */
static kin_status add_node(reading *r, const KinOnnx__Node *message)
{
    char *name = NULL, *op = NULL, *domain = NULL, label[KIN_ONNX_LABEL_BYTES];
    int64_t opset = 0;
    kin_status status = kin_onnx_name(&name, &message->name, "name", r->error);
    if (status == KIN_OK) status = kin_onnx_name(&op, &message->op_type, "operator", r->error);
    if (status == KIN_OK) status = kin_onnx_name(&domain, &message->domain, "domain", r->error);
    if (status == KIN_OK && op[0] == 0)
        status = kin_fail(r->error, KIN_CORRUPT, "says no operator");
    if (status == KIN_OK && !find_opset(r->model, &message->domain, &opset))
        status = kin_fail(r->error, KIN_CORRUPT,
                          "is of the operators '%s', which the model does not import",
                          kin_onnx_label(&message->domain, label));
    if (status == KIN_OK && message->n_input > KIN_NODE_INPUTS_MAX)
        status = kin_fail(r->error, KIN_LIMIT, "takes %zu values; a node takes up to %d",
                          message->n_input, KIN_NODE_INPUTS_MAX);
    if (status == KIN_OK && message->n_output > KIN_NODE_OUTPUTS_MAX)
        status = kin_fail(r->error, KIN_LIMIT, "gives %zu values; a node gives up to %d",
                          message->n_output, KIN_NODE_OUTPUTS_MAX);
    if (status == KIN_OK) {
        kin_node *node = kin_graph_add_node(r->graph, op, name);
        node->opset = opset;
        if (!is_own_domain(&message->domain)) {
            free(node->domain);
            node->domain = domain;
            domain = NULL;
        }
    }
    free(name);
    free(op);
    free(domain);
    return status;
}

static kin_status take_node(reading *r, const KinOnnx__Node *message, size_t number)
{
    char name[KIN_ONNX_LABEL_BYTES], op[KIN_ONNX_LABEL_BYTES];
    uint32_t index = r->graph->node_count;
    kin_status status = add_node(r, message);
    if (status == KIN_OK) status = link_node(r, message, index);
    for (size_t i = 0; status == KIN_OK && i < message->n_attribute; i++)
        status = kin_onnx_attribute_take(&r->graph->nodes[index], message->attribute[i], r->source,
                                         r->error);
    if (status == KIN_OK) return KIN_OK;
    kin_onnx_label(&message->op_type, op);
    if (message->name.len == 0)
        kin_error_prefix(r->error, "node %zu (%s)", number, op);
    else
        kin_error_prefix(r->error, "node %zu '%s' (%s)", number,
                         kin_onnx_label(&message->name, name), op);
    return status;
}

static kin_status take_output(reading *r, const KinOnnx__ValueInfo *message)
{
    char label[KIN_ONNX_LABEL_BYTES];
    uint32_t value = KIN_VALUE_NONE;
    kin_status status = find_value(r, &message->name, &value);
    if (status == KIN_OK && value == KIN_VALUE_NONE)
        status = kin_fail(r->error, KIN_CORRUPT, "no input, initializer or node gives it");
    else if (status == KIN_OK && r->graph->values[value].is_output)
        status = kin_fail(r->error, KIN_CORRUPT, "is there twice");
    if (status == KIN_OK)
        kin_graph_add_output(r->graph, value);
    else
        kin_error_prefix(r->error, "output '%s'", kin_onnx_label(&message->name, label));
    return status;
}

kin_status kin_onnx_graph_take(kin_graph *graph, KinOnnx__Model *model, kin_onnx_source *source,
                               kin_error *error)
{
    reading r = {.graph = graph, .model = model, .source = source, .error = error};
    kin_status status = check_model(&r);
    if (status != KIN_OK) return status;
    KinOnnx__Graph *message = model->graph;
    for (size_t i = 0; status == KIN_OK && i < message->n_initializer; i++)
        status = take_initializer(&r, message->initializer[i]);
    for (size_t i = 0; status == KIN_OK && i < message->n_input; i++)
        status = take_input(&r, message->input[i]);
    for (size_t i = 0; status == KIN_OK && i < message->n_node; i++)
        status = take_node(&r, message->node[i], i);
    if (status == KIN_OK && message->n_output == 0)
        status = kin_fail(error, KIN_BAD_INPUT, "it has no outputs");
    for (size_t i = 0; status == KIN_OK && i < message->n_output; i++)
        status = take_output(&r, message->output[i]);
    return status;
}
