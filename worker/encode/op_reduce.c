#include "worker/encode/op.h"

const kin_op kin_reduce_ops[] = {{.name = NULL}};
