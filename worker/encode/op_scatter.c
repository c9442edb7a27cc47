#include "worker/encode/op.h"

const kin_op kin_scatter_ops[] = {{.name = NULL}};
