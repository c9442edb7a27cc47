#include "worker/encode/op.h"

const kin_op kin_pool_ops[] = {{.name = NULL}};
