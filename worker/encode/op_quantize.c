#include "worker/encode/op.h"

const kin_op kin_quantize_ops[] = {{.name = NULL}};
