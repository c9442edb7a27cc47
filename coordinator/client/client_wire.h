/* Questions of a client on their way, for those parts of the library that have several open. */
#ifndef COORDINATOR_CLIENT_CLIENT_WIRE_H
#define COORDINATOR_CLIENT_CLIENT_WIRE_H

#include "coordinator/client/client.h"
#include "proto/message.h"

/* When an answer to what is asked now is too late; a kin_clock_ms time. */
int64_t kin_client_end_ms(const kin_client *client);

/* Sends a question, and numbers it (question->request). */
KIN_MUST_USE kin_status kin_client_send(kin_client *client, kin_message *question, int64_t end_ms,
                                        kin_error *error);

/* The next reply, to whichever question. body holds its bytes, from which *reply borrows; both are
 * the caller's. What is no message, or nothing by end_ms, is a failure. */
KIN_MUST_USE kin_status kin_client_receive(kin_client *client, kin_message *reply, kin_buffer *body,
                                           int64_t end_ms, kin_error *error);

/* Sends a question and waits for its reply, of type `wanted`; *reply borrows from the client, until
 * its next question, and wants kin_message_fini. */
KIN_MUST_USE kin_status kin_client_ask(kin_client *client, kin_message *question,
                                       kin_message_type wanted, kin_message *reply,
                                       kin_error *error);

/* KIN_OK for a reply of type `wanted`; what an error says, or KIN_CORRUPT. */
KIN_MUST_USE kin_status kin_client_expect(const kin_client *client, const kin_message *reply,
                                          kin_message_type wanted, kin_error *error);

#endif
