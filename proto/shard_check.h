/* What kin_shard_view_parse looks at beyond sizes; used by nobody else. */
#ifndef PROTO_SHARD_CHECK_H
#define PROTO_SHARD_CHECK_H

#include "proto/shard_format.h"

/* That ends of keys and thumbnails never fall, are not too far apart, and end where their section
 * does, and so the starts of tables. */
KIN_MUST_USE kin_status kin_shard_check_pieces(const kin_shard_view *view, const char *name,
                                               kin_error *error);

/* That rows ascend by (code, id) within the range, and that every table is sorted, says the right
 * starts, is zero behind its last entry, and holds the same codes as the first. */
KIN_MUST_USE kin_status kin_shard_check_order(const kin_shard_view *view, const char *name,
                                              kin_error *error);

#endif
