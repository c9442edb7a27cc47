#include "worker/encode/op.h"

const kin_op kin_move_ops[] = {{.name = NULL}};
