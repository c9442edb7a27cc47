/* CURVE for links, and the handler of ZAP (ZeroMQ RFC 27) that lets in only keys of a list: without
 * one, libzmq lets every key in. */
#ifndef PROTO_LINK_CURVE_H
#define PROTO_LINK_CURVE_H

#include "common/base/status.h"
#include "proto/link.h"

/* A thread that answers libzmq's questions about one context; started before its first server. */
typedef struct kin_link_guard kin_link_guard;

kin_link_guard *kin_link_guard_start(void *zmq_context);
/* Ends the thread; call it when the context is being terminated. NULL is fine. */
void kin_link_guard_join(kin_link_guard **guard);

/* Names domain and lets security's keys into it. */
KIN_MUST_USE kin_status kin_link_guard_add(kin_link_guard *guard, const char *domain,
                                           const kin_link_security *security, kin_error *error);

/* Sets the socket's options. domain: of a server; NULL makes it a client. */
KIN_MUST_USE kin_status kin_link_curve(void *zmq_socket, const char *domain,
                                       const kin_link_security *security, kin_error *error);

#endif
