/* Whose question is asked next. Questions that are open wait until few enough are with the workers;
 * then the clients take turns, each with its oldest question, so that one who asks a thousand at
 * once delays nobody else by more than a turn (round robin: Nagle, "On Packet Switches with
 * Infinite Storage", RFC 970). No client may hold more than its share of what is open. */
#ifndef COORDINATOR_SERVE_TURNS_H
#define COORDINATOR_SERVE_TURNS_H

#include <stdint.h>

#include "common/base/limits.h"
#include "common/base/status.h"
#include "proto/link.h"

#define KIN_TURNS_NONE UINT32_MAX

typedef struct kin_turns kin_turns;

kin_turns *kin_turns_new(void);
void kin_turns_destroy(kin_turns **turns);

/* A question of `bytes` comes in: *slot, below KIN_QUERIES_IN_FLIGHT_MAX, is its own until it
 * leaves, and was not another's just now. KIN_BUSY if there is no room, or none for this client. */
KIN_MUST_USE kin_status kin_turns_enter(kin_turns *turns, const kin_link_peer *client,
                                        uint64_t bytes, uint32_t *slot, kin_error *error);

/* The question to ask now, which waits no more; KIN_TURNS_NONE if none waits, or asked_max of those
 * that are open have been asked already. */
uint32_t kin_turns_next(kin_turns *turns, uint32_t asked_max);

/* A question is over, whether it was asked or not. */
void kin_turns_leave(kin_turns *turns, uint32_t slot);

/* Questions that came in and did not leave; those of them that were not asked. */
uint32_t kin_turns_open(const kin_turns *turns);
uint32_t kin_turns_waiting(const kin_turns *turns);

#endif
