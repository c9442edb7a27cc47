#include "worker/encode/op.h"

const kin_op kin_compare_ops[] = {{.name = NULL}};
