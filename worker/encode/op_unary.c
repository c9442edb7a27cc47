#include "worker/encode/op.h"

const kin_op kin_unary_ops[] = {{.name = NULL}};
