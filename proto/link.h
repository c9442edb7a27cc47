/* ZeroMQ, the only user of zmq.h: contexts, endpoints, and messages of one frame.
 *
 * A server binds and answers whom it got a message from (ROUTER); a client connects (DEALER). A
 * ROUTER takes [identity, body] and [identity, empty, body], so that REQ sockets work too, and
 * answers in kind. Messages of more frames are dropped. */
#ifndef PROTO_LINK_H
#define PROTO_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/status.h"
#include "proto/key_file.h"

/* A ZeroMQ context. Made after the last fork; closed after its links. */
typedef struct kin_link_context kin_link_context;

/* One socket; one thread uses it. */
typedef struct kin_link kin_link;

/* CURVE (ZeroMQ RFC 26): who this end is, and whom it trusts. Borrowed until the context is closed.
 */
typedef struct kin_link_security {
    const kin_key_pair *pair;  /* NULL: no encryption */
    const kin_key_list *allow; /* binding: clients that are let in, beside those of the own key */
    const char *server_key;    /* connecting: the server's public key */
} kin_link_security;

/* Whom a server answers. Plain data. */
typedef struct kin_link_peer {
    uint8_t identity[255];
    uint8_t identity_bytes;
    bool delimiter; /* it sends an empty frame first */
} kin_link_peer;

kin_link_context *kin_link_context_new(void);
void kin_link_context_close(kin_link_context **context);

/* Binds "tcp://127.0.0.1:7700" (port * or 0: any) or "ipc://PATH". Without keys a TCP address that
 * is not loopback is refused (KIN_BAD_INPUT), and the sentence tells how. security may be NULL. */
KIN_MUST_USE kin_status kin_link_bind(kin_link **link, kin_link_context *context,
                                      const char *endpoint, const kin_link_security *security,
                                      kin_error *error);

/* Connects, now or as soon as somebody is there, and again whenever the connection breaks. */
KIN_MUST_USE kin_status kin_link_connect(kin_link **link, kin_link_context *context,
                                         const char *endpoint, const kin_link_security *security,
                                         kin_error *error);

/* What a client has not sent yet is given up; what a server has not sent gets a second and a half,
 * spent in kin_link_context_close. NULL is fine. */
void kin_link_close(kin_link **link);

/* The endpoint that was bound, with its port. */
const char *kin_link_endpoint(const kin_link *link);

/* Sends without waiting; peer is for servers, NULL for clients. KIN_BUSY: the peer's queue is full
 * (it does not read, or nobody is connected); KIN_UNAVAILABLE: it is gone. The data is copied. */
KIN_MUST_USE kin_status kin_link_send(kin_link *link, const kin_link_peer *peer, const void *data,
                                      size_t bytes);

/* Takes one message, without waiting, into body (emptied first). False if there is none. peer (of a
 * server; may be NULL) is whom to answer. */
bool kin_link_receive(kin_link *link, kin_link_peer *peer, kin_buffer *body);

/* What to wait for: a link or, where that is NULL, a plain descriptor. */
typedef struct kin_link_wait {
    kin_link *link;
    int descriptor;
    bool readable; /* result */
} kin_link_wait;

#define KIN_LINK_WAITS_MAX 4

/* Waits until one of them is readable, timeout_ms have passed (-1: for ever), or a signal came. */
void kin_link_wait_any(kin_link_wait *waits, uint32_t count, int64_t timeout_ms);

#endif
