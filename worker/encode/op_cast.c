#include "worker/encode/op.h"

const kin_op kin_cast_ops[] = {{.name = NULL}};
