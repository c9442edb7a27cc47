#include "proto/link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/base/check.h"
#include "common/base/limits.h"
#include "common/base/memory.h"
#include "proto/link_curve.h"

/* Messages that wait for one peer. A peer that does not read loses answers beyond that. */
#define QUEUE_MESSAGES 256
/* A handshake that takes longer is nobody; without it idle connections spin the I/O thread once
 * descriptors run out. */
#define HANDSHAKE_MS 1000
/* ZMTP heartbeats find connections that broke silently; hung programs answer them, so that daemons
 * have beats of their own. */
#define HEARTBEAT_MS 1000
#define HEARTBEAT_TIMEOUT_MS 5000
/* Answers that are not sent when a server closes get this long to leave; a client's questions have
 * nobody who waits for them. */
#define LINGER_MS 1500
#define RECONNECT_MS 20
#define RECONNECT_MAX_MS 500

struct kin_link_context {
    void *zmq;
    kin_link_guard *guard;
    unsigned domains; /* names given so far */
};

struct kin_link {
    void *socket;
    bool server;
    char endpoint[512];
};

kin_link_context *kin_link_context_new(void)
{
    kin_link_context *context = kin_calloc(1, sizeof *context);
    context->zmq = zmq_ctx_new();
    KIN_CHECK(context->zmq != NULL);
    return context;
}

void kin_link_context_close(kin_link_context **context)
{
    if (*context == NULL) return;
    zmq_ctx_shutdown((*context)->zmq);
    kin_link_guard_join(&(*context)->guard);
    while (zmq_ctx_term((*context)->zmq) != 0 && errno == EINTR) {
    }
    free(*context);
    *context = NULL;
}

/* --- Endpoints ------------------------------------------------------------------------------ */

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* A literal address: a name such as 127.0.0.1.example.org may lead anywhere. */
static bool is_loopback(const char *endpoint)
{
    if (starts_with(endpoint, "tcp://127.")) {
        const char *host = endpoint + strlen("tcp://");
        return host[strspn(host, "0123456789.")] == ':';
    }
    return starts_with(endpoint, "tcp://localhost:") || starts_with(endpoint, "tcp://[::1]:");
}

/* Behind its last colon, as [::1]:7700 has others before. */
static bool has_port(const char *endpoint)
{
    const char *colon = strrchr(endpoint + strlen("tcp://"), ':');
    if (colon == NULL || colon[1] == 0) return false;
    return strcmp(colon + 1, "*") == 0 || colon[1 + strspn(colon + 1, "0123456789")] == 0;
}

static kin_status check_endpoint(const char *endpoint, bool server,
                                 const kin_link_security *security, kin_error *error)
{
    bool tcp = starts_with(endpoint, "tcp://"), ipc = starts_with(endpoint, "ipc://");
    if ((!tcp && !ipc) || strlen(endpoint) >= sizeof((kin_link *)0)->endpoint)
        return kin_fail(error, KIN_BAD_INPUT,
                        "%.200s is no endpoint; it is tcp://ADDRESS:PORT or ipc://PATH", endpoint);
    if (tcp && !has_port(endpoint))
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s has no port; an endpoint is tcp://ADDRESS:PORT, such as "
                        "tcp://127.0.0.1:7700",
                        endpoint);
    if (ipc || is_loopback(endpoint)) return KIN_OK;
    bool keys = security != NULL && security->pair != NULL;
    if (server && !(keys && security->allow != NULL))
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s is not loopback: everybody who reaches this machine could ask; make "
                        "keys with `kindred keygen` and give --key FILE and --allow FILE (public "
                        "keys of clients)",
                        endpoint);
    if (!server && !keys)
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s is not loopback: pictures and answers would travel in clear; give "
                        "--key FILE (kindred keygen) and --server-key KEY",
                        endpoint);
    return KIN_OK;
}

/* --- Sockets -------------------------------------------------------------------------------- */

static void set(void *socket, int option, int value)
{
    KIN_CHECK(zmq_setsockopt(socket, option, &value, sizeof value) == 0);
}

static void set_options(void *socket, bool server, const char *endpoint)
{
    int64_t bytes_max = KIN_MESSAGE_BYTES_MAX;
    KIN_CHECK(zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &bytes_max, sizeof bytes_max) == 0);
    set(socket, ZMQ_LINGER, server ? LINGER_MS : 0);
    set(socket, ZMQ_SNDHWM, QUEUE_MESSAGES);
    set(socket, ZMQ_RCVHWM, QUEUE_MESSAGES);
    set(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
    set(socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS);
    set(socket, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS);
    set(socket, ZMQ_TCP_KEEPALIVE, 1);
    /* Only where it is asked for: it would show 127.0.0.1 as [::ffff:127.0.0.1]. */
    set(socket, ZMQ_IPV6, starts_with(endpoint, "tcp://["));
    if (server) {
        set(socket, ZMQ_ROUTER_MANDATORY, 1);
    } else {
        set(socket, ZMQ_RECONNECT_IVL, RECONNECT_MS);
        set(socket, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS);
    }
}

static kin_link *link_new(kin_link_context *context, bool server, const char *endpoint)
{
    kin_link *link = kin_calloc(1, sizeof *link);
    link->server = server;
    link->socket = zmq_socket(context->zmq, server ? ZMQ_ROUTER : ZMQ_DEALER);
    KIN_CHECK(link->socket != NULL);
    set_options(link->socket, server, endpoint);
    return link;
}

/* Each server of a context is a domain of its own, with a list of its own. */
static kin_status secure_server(kin_link *link, kin_link_context *context,
                                const kin_link_security *security, kin_error *error)
{
    char domain[16];
    snprintf(domain, sizeof domain, "server-%u", context->domains++);
    if (context->guard == NULL) context->guard = kin_link_guard_start(context->zmq);
    kin_status status = kin_link_guard_add(context->guard, domain, security, error);
    if (status == KIN_OK) status = kin_link_curve(link->socket, domain, security, error);
    return status;
}

kin_status kin_link_bind(kin_link **link, kin_link_context *context, const char *endpoint,
                         const kin_link_security *security, kin_error *error)
{
    *link = NULL;
    kin_status status = check_endpoint(endpoint, true, security, error);
    if (status != KIN_OK) return status;
    kin_link *made = link_new(context, true, endpoint);
    if (security != NULL && security->pair != NULL)
        status = secure_server(made, context, security, error);
    size_t bytes = sizeof made->endpoint;
    if (status == KIN_OK && zmq_bind(made->socket, endpoint) != 0)
        status = kin_fail(error, KIN_IO, "cannot listen at %s: %s", endpoint, zmq_strerror(errno));
    if (status == KIN_OK)
        KIN_CHECK(zmq_getsockopt(made->socket, ZMQ_LAST_ENDPOINT, made->endpoint, &bytes) == 0);
    else
        kin_link_close(&made);
    *link = made;
    return status;
}

kin_status kin_link_connect(kin_link **link, kin_link_context *context, const char *endpoint,
                            const kin_link_security *security, kin_error *error)
{
    *link = NULL;
    kin_status status = check_endpoint(endpoint, false, security, error);
    if (status != KIN_OK) return status;
    kin_link *made = link_new(context, false, endpoint);
    if (security != NULL && security->pair != NULL)
        status = kin_link_curve(made->socket, NULL, security, error);
    if (status == KIN_OK && zmq_connect(made->socket, endpoint) != 0)
        status = kin_fail(error, KIN_BAD_INPUT, "cannot connect to %s: %s", endpoint,
                          zmq_strerror(errno));
    if (status == KIN_OK)
        strcpy(made->endpoint, endpoint);
    else
        kin_link_close(&made);
    *link = made;
    return status;
}

void kin_link_close(kin_link **link)
{
    if (*link == NULL) return;
    KIN_CHECK(zmq_close((*link)->socket) == 0);
    free(*link);
    *link = NULL;
}

const char *kin_link_endpoint(const kin_link *link)
{
    return link->endpoint;
}

/* --- Messages ------------------------------------------------------------------------------- */

static kin_status send_frame(kin_link *link, const void *data, size_t bytes, int more)
{
    for (;;) {
        if (zmq_send(link->socket, data, bytes, ZMQ_DONTWAIT | more) >= 0) return KIN_OK;
        if (errno == EINTR) continue;
        return errno == EHOSTUNREACH ? KIN_UNAVAILABLE : KIN_BUSY;
    }
}

kin_status kin_link_send(kin_link *link, const kin_link_peer *peer, const void *data, size_t bytes)
{
    KIN_CHECK(link->server == (peer != NULL));
    if (bytes > KIN_MESSAGE_BYTES_MAX) return KIN_LIMIT;
    if (peer == NULL) return send_frame(link, data, bytes, 0);
    /* Only the first frame can be refused: the others follow it. */
    kin_status status = send_frame(link, peer->identity, peer->identity_bytes, ZMQ_SNDMORE);
    if (status == KIN_OK && peer->delimiter) status = send_frame(link, NULL, 0, ZMQ_SNDMORE);
    if (status == KIN_OK) status = send_frame(link, data, bytes, 0);
    return status;
}

typedef enum frame_result {
    FRAME_NONE,
    FRAME_LAST,
    FRAME_MORE /* others follow */
} frame_result;

static frame_result receive_frame(kin_link *link, kin_buffer *body)
{
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    int received;
    do {
        received = zmq_msg_recv(&frame, link->socket, ZMQ_DONTWAIT);
    } while (received < 0 && errno == EINTR);
    kin_buffer_clear(body);
    if (received > 0) kin_buffer_append(body, zmq_msg_data(&frame), (size_t)received);
    frame_result result = received < 0           ? FRAME_NONE
                          : zmq_msg_more(&frame) ? FRAME_MORE
                                                 : FRAME_LAST;
    zmq_msg_close(&frame);
    return result;
}

static bool receive_one(kin_link *link, kin_link_peer *peer, kin_buffer *body, bool *usable)
{
    *usable = false;
    memset(peer, 0, sizeof *peer);
    frame_result frame = receive_frame(link, body);
    if (frame == FRAME_NONE) return false;
    if (link->server && frame == FRAME_MORE) {
        peer->identity_bytes = (uint8_t)body->bytes;
        memcpy(peer->identity, body->data, body->bytes);
        frame = receive_frame(link, body);
    }
    if (frame == FRAME_MORE && body->bytes == 0) {
        peer->delimiter = true;
        frame = receive_frame(link, body);
    }
    *usable = frame == FRAME_LAST;
    while (frame == FRAME_MORE)
        frame = receive_frame(link, body);
    return true;
}

bool kin_link_receive(kin_link *link, kin_link_peer *peer, kin_buffer *body)
{
    kin_link_peer unused;
    bool usable;
    while (receive_one(link, peer != NULL ? peer : &unused, body, &usable))
        if (usable) return true;
    return false;
}

void kin_link_wait_any(kin_link_wait *waits, uint32_t count, int64_t timeout_ms)
{
    KIN_CHECK(count <= KIN_LINK_WAITS_MAX);
    zmq_pollitem_t items[KIN_LINK_WAITS_MAX];
    for (uint32_t i = 0; i < count; i++)
        items[i] = (zmq_pollitem_t){.socket = waits[i].link != NULL ? waits[i].link->socket : NULL,
                                    .fd = waits[i].descriptor,
                                    .events = ZMQ_POLLIN};
    int ready = zmq_poll(items, (int)count, timeout_ms);
    for (uint32_t i = 0; i < count; i++)
        waits[i].readable = ready > 0 && (items[i].revents & ZMQ_POLLIN) != 0;
}
