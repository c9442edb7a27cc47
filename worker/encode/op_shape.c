#include "worker/encode/op.h"

const kin_op kin_shape_ops[] = {{.name = NULL}};
