#include "worker/encode/op.h"

const kin_op kin_binary_ops[] = {{.name = NULL}};
