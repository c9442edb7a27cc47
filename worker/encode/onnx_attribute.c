#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "worker/encode/onnx_graph.h"

/* Of one node; no operator of ONNX has more than 20. */
#define ATTRIBUTES_MAX 256

/* ONNX's numbers of attribute types. */
enum {
    TYPE_FLOAT = 1,
    TYPE_INT = 2,
    TYPE_STRING = 3,
    TYPE_TENSOR = 4,
    TYPE_FLOATS = 6,
    TYPE_INTS = 7,
    TYPE_STRINGS = 8,
    TYPE_LAST = 14
};

kin_status kin_onnx_name(char **name, const ProtobufCBinaryData *text, const char *what,
                         kin_error *error)
{
    char label[KIN_ONNX_LABEL_BYTES];
    kin_onnx_label(text, label);
    if (text->len > KIN_GRAPH_NAME_BYTES_MAX)
        return kin_fail(error, KIN_LIMIT, "the %s '%s' has %zu bytes; it may have %d", what, label,
                        text->len, KIN_GRAPH_NAME_BYTES_MAX);
    if (text->len > 0 && memchr(text->data, 0, text->len) != NULL)
        return kin_fail(error, KIN_CORRUPT, "the %s '%s' has a zero byte in it", what, label);
    *name = kin_malloc(text->len + 1);
    if (text->len > 0) memcpy(*name, text->data, text->len);
    (*name)[text->len] = 0;
    return KIN_OK;
}

/* A string of any length, but without a NUL. */
static kin_status take_string(char **string, const ProtobufCBinaryData *text, kin_error *error)
{
    if (text->len > 0 && memchr(text->data, 0, text->len) != NULL)
        return kin_fail(error, KIN_BAD_INPUT, "is a string with a zero byte in it");
    *string = kin_malloc(text->len + 1);
    if (text->len > 0) memcpy(*string, text->data, text->len);
    (*string)[text->len] = 0;
    return KIN_OK;
}

/* An array out of the message, which had memory for less than 2^32 elements. */
static void *take_array(void *elements, size_t *left, uint32_t *count)
{
    *count = (uint32_t)*left;
    *left = 0;
    return elements;
}

static kin_status take_value(kin_attribute *attribute, KinOnnx__Attribute *message,
                             kin_onnx_source *source, kin_error *error)
{
    kin_status status = KIN_OK;
    switch (attribute->kind) {
    case KIN_ATTRIBUTE_INT:
        attribute->i = message->i;
        break;
    case KIN_ATTRIBUTE_FLOAT:
        attribute->f = message->f;
        break;
    case KIN_ATTRIBUTE_STRING:
        return take_string(&attribute->s, &message->s, error);
    case KIN_ATTRIBUTE_INTS:
        attribute->ints = take_array(message->ints, &message->n_ints, &attribute->count);
        message->ints = NULL;
        break;
    case KIN_ATTRIBUTE_FLOATS:
        attribute->floats = take_array(message->floats, &message->n_floats, &attribute->count);
        message->floats = NULL;
        break;
    case KIN_ATTRIBUTE_STRINGS:
        attribute->strings = kin_calloc(message->n_strings, sizeof *attribute->strings);
        for (size_t i = 0; status == KIN_OK && i < message->n_strings; i++) {
            status = take_string(&attribute->strings[i], &message->strings[i], error);
            attribute->count += status == KIN_OK;
        }
        break;
    case KIN_ATTRIBUTE_TENSOR:
        if (message->t == NULL) return kin_fail(error, KIN_CORRUPT, "has no tensor");
        return kin_onnx_tensor_take(&attribute->tensor, message->t, source, error);
    case KIN_ATTRIBUTE_OTHER:
        break;
    }
    return status;
}

/* False for a number that ONNX does not have. */
static bool find_kind(int32_t type, kin_attribute_kind *kind)
{
    static const kin_attribute_kind kinds[] = {
        [TYPE_FLOAT] = KIN_ATTRIBUTE_FLOAT,    [TYPE_INT] = KIN_ATTRIBUTE_INT,
        [TYPE_STRING] = KIN_ATTRIBUTE_STRING,  [TYPE_TENSOR] = KIN_ATTRIBUTE_TENSOR,
        [TYPE_FLOATS] = KIN_ATTRIBUTE_FLOATS,  [TYPE_INTS] = KIN_ATTRIBUTE_INTS,
        [TYPE_STRINGS] = KIN_ATTRIBUTE_STRINGS};
    if (type <= 0 || type > TYPE_LAST) return false;
    bool other =
        type == 5 || type > TYPE_STRINGS; /* graphs, sparse tensors, types, lists of them */
    *kind = other ? KIN_ATTRIBUTE_OTHER : kinds[type];
    return true;
}

static kin_status add_attribute(kin_node *node, const char *name, KinOnnx__Attribute *message,
                                kin_onnx_source *source, kin_error *error)
{
    kin_attribute_kind kind;
    if (name[0] == 0) return kin_fail(error, KIN_CORRUPT, "has no name");
    for (uint32_t i = 0; i < node->attribute_count; i++)
        if (strcmp(node->attributes[i].name, name) == 0)
            return kin_fail(error, KIN_CORRUPT, "is there twice");
    if (message->ref_attr_name.len > 0)
        return kin_fail(error, KIN_BAD_INPUT, "refers to a function's attribute");
    if (!find_kind(message->type, &kind))
        return kin_fail(error, KIN_CORRUPT, "has the type %d, which ONNX does not have",
                        (int)message->type);
    return take_value(kin_node_add_attribute(node, name, kind), message, source, error);
}

kin_status kin_onnx_attribute_take(kin_node *node, KinOnnx__Attribute *message,
                                   kin_onnx_source *source, kin_error *error)
{
    char *name, label[KIN_ONNX_LABEL_BYTES];
    if (node->attribute_count == ATTRIBUTES_MAX)
        return kin_fail(error, KIN_LIMIT, "it has more than %d attributes", ATTRIBUTES_MAX);
    kin_status status = kin_onnx_name(&name, &message->name, "attribute's name", error);
    if (status != KIN_OK) return status;
    status = add_attribute(node, name, message, source, error);
    if (status != KIN_OK)
        kin_error_prefix(error, "attribute '%s'", kin_onnx_label(&message->name, label));
    free(name);
    return status;
}
