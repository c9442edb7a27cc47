#include "worker/encode/op.h"

const kin_op kin_gather_ops[] = {{.name = NULL}};
