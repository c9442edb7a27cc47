#include "worker/encode/op.h"

const kin_op kin_normalize_ops[] = {{.name = NULL}};
