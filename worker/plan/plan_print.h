/* A plan for a person, and for a program. */
#ifndef WORKER_PLAN_PLAN_PRINT_H
#define WORKER_PLAN_PLAN_PRINT_H

#include "worker/plan/planning.h"

void kin_plan_print_text(const kin_planning *planning, kin_buffer *out);
void kin_plan_print_json(const kin_planning *planning, kin_buffer *out);

#endif
