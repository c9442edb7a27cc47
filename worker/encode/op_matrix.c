#include "worker/encode/op.h"

const kin_op kin_matrix_ops[] = {{.name = NULL}};
