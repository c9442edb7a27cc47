#include "worker/encode/op.h"

const kin_op kin_resize_ops[] = {{.name = NULL}};
