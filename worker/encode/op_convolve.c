#include "worker/encode/op.h"

const kin_op kin_convolve_ops[] = {{.name = NULL}};
