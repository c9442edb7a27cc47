#include "worker/encode/op.h"

const kin_op kin_einsum_ops[] = {{.name = NULL}};
