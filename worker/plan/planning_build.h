/* The part of planning that is about builds of pictures. */
#ifndef WORKER_PLAN_PLANNING_BUILD_H
#define WORKER_PLAN_PLANNING_BUILD_H

#include "worker/plan/planning.h"

/* Rehearses it where it has to, and fills in plan, build, shards, tables and codes. */
KIN_MUST_USE kin_status kin_planning_build(kin_planning *planning, kin_error *error);

/* Of planning.c: opens the scratch folder and says what is measured there; writes down when;
 * whether it need not be done; the processors of this machine. */
KIN_MUST_USE kin_status kin_planning_scratch(kin_planning *planning, const char *what,
                                             kin_error *error);
void kin_planning_stamp(kin_planning *planning, const char *prefix);
bool kin_planning_knows(const kin_planning *planning, const char *prefix);
uint64_t kin_planning_cores(void);

#endif
