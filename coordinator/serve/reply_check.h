/* Whether a worker's reply is what it was asked for: counts, sums, order and ranges. */
#ifndef COORDINATOR_SERVE_REPLY_CHECK_H
#define COORDINATOR_SERVE_REPLY_CHECK_H

#include "coordinator/serve/inquiry.h"

/* Of a leg that asks for shards. */
bool kin_reply_is_right(const kin_inquiry *inquiry, const kin_inquiry_scope *scope,
                        const kin_leg *leg, const kin_message *reply);

#endif
