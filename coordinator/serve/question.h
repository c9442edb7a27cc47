/* Whether a client's question can be asked of this index, before anything is asked for it. */
#ifndef COORDINATOR_SERVE_QUESTION_H
#define COORDINATOR_SERVE_QUESTION_H

#include "coordinator/serve/inquiry.h"

/* A search, a batch, a picture to classify or a request for thumbnails; fills what was left out.
 * KIN_BAD_INPUT, KIN_MISMATCH name the field. */
KIN_MUST_USE kin_status kin_question_check(const kin_inquiry_scope *scope, kin_message *question,
                                           kin_error *error);

#endif
