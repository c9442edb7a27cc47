#include "proto/link_curve.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/base/check.h"
#include "common/base/log.h"
#include "common/base/memory.h"

/* ZAP: the one address that libzmq asks at, and the frames of a question. */
#define ZAP_ENDPOINT "inproc://zeromq.zap.01"
#define ZAP_VERSION "1.0"
enum {
    ZAP_FRAME_VERSION,
    ZAP_FRAME_REQUEST,
    ZAP_FRAME_DOMAIN,
    ZAP_FRAME_ADDRESS,
    ZAP_FRAME_IDENTITY,
    ZAP_FRAME_MECHANISM,
    ZAP_FRAME_KEY, /* 32 bytes, of CURVE */
    ZAP_FRAMES
};
#define ZAP_FRAME_BYTES 256
#define KEY_BYTES 32
#define DOMAINS_MAX 4

typedef struct guarded_domain {
    char name[16];
    uint8_t (*keys)[KEY_BYTES];
    uint32_t key_count;
} guarded_domain;

struct kin_link_guard {
    pthread_t thread;
    void *socket;
    pthread_mutex_t lock; /* of the domains */
    guarded_domain domains[DOMAINS_MAX];
    uint32_t domain_count;
};

typedef struct zap_frame {
    uint8_t data[ZAP_FRAME_BYTES];
    size_t bytes;
} zap_frame;

/* Reads one question; false when the context ends. *complete: it has the frames of CURVE. */
static bool receive_question(void *socket, zap_frame *frames, bool *complete)
{
    int more = 1;
    size_t more_bytes = sizeof more;
    uint32_t count = 0;
    *complete = true;
    while (more) {
        zap_frame unused, *frame = count < ZAP_FRAMES ? &frames[count] : &unused;
        int bytes = zmq_recv(socket, frame->data, sizeof frame->data, 0);
        if (bytes < 0 && errno == EINTR) continue;
        if (bytes < 0) return false;
        *complete = *complete && (size_t)bytes <= sizeof frame->data;
        frame->bytes = (size_t)bytes;
        count++;
        if (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &more_bytes) != 0) return false;
    }
    *complete = *complete && count == ZAP_FRAMES;
    return true;
}

static bool frame_is(const zap_frame *frame, const char *text)
{
    return frame->bytes == strlen(text) && memcmp(frame->data, text, frame->bytes) == 0;
}

static bool is_allowed(kin_link_guard *guard, const zap_frame *frames)
{
    bool allowed = false;
    pthread_mutex_lock(&guard->lock);
    for (uint32_t i = 0; i < guard->domain_count; i++) {
        const guarded_domain *domain = &guard->domains[i];
        if (!frame_is(&frames[ZAP_FRAME_DOMAIN], domain->name)) continue;
        for (uint32_t k = 0; k < domain->key_count && !allowed; k++)
            allowed = memcmp(domain->keys[k], frames[ZAP_FRAME_KEY].data, KEY_BYTES) == 0;
    }
    pthread_mutex_unlock(&guard->lock);
    return allowed;
}

static void answer(void *socket, const zap_frame *request, bool allowed)
{
    const char *texts[] = {allowed ? "200" : "400", allowed ? "OK" : "the key is not in the list",
                           "", ""};
    zmq_send(socket, ZAP_VERSION, strlen(ZAP_VERSION), ZMQ_SNDMORE);
    zmq_send(socket, request->data, request->bytes, ZMQ_SNDMORE);
    for (int i = 0; i < 4; i++)
        zmq_send(socket, texts[i], strlen(texts[i]), i < 3 ? ZMQ_SNDMORE : 0);
}

static void *run(void *argument)
{
    kin_link_guard *guard = argument;
    zap_frame frames[ZAP_FRAMES] = {0};
    bool complete;
    while (receive_question(guard->socket, frames, &complete)) {
        bool allowed = complete && frame_is(&frames[ZAP_FRAME_VERSION], ZAP_VERSION) &&
                       frame_is(&frames[ZAP_FRAME_MECHANISM], "CURVE") &&
                       frames[ZAP_FRAME_KEY].bytes == KEY_BYTES && is_allowed(guard, frames);
        char key[KIN_KEY_TEXT_BYTES] = "of another mechanism";
        if (complete && frames[ZAP_FRAME_KEY].bytes == KEY_BYTES)
            zmq_z85_encode(key, frames[ZAP_FRAME_KEY].data, KEY_BYTES);
        if (!allowed)
            kin_log(KIN_LOG_WARNING,
                    "refused a connection from %.*s: its key %s is not in the list",
                    (int)frames[ZAP_FRAME_ADDRESS].bytes,
                    (const char *)frames[ZAP_FRAME_ADDRESS].data, key);
        answer(guard->socket, &frames[ZAP_FRAME_REQUEST], allowed);
    }
    zmq_close(guard->socket);
    return NULL;
}

kin_link_guard *kin_link_guard_start(void *zmq_context)
{
    kin_link_guard *guard = kin_calloc(1, sizeof *guard);
    guard->socket = zmq_socket(zmq_context, ZMQ_REP);
    KIN_CHECK(guard->socket != NULL && zmq_bind(guard->socket, ZAP_ENDPOINT) == 0);
    KIN_CHECK(pthread_mutex_init(&guard->lock, NULL) == 0);
    KIN_CHECK(pthread_create(&guard->thread, NULL, run, guard) == 0);
    return guard;
}

void kin_link_guard_join(kin_link_guard **guard)
{
    if (*guard == NULL) return;
    pthread_join((*guard)->thread, NULL);
    pthread_mutex_destroy(&(*guard)->lock);
    for (uint32_t i = 0; i < (*guard)->domain_count; i++)
        free((*guard)->domains[i].keys);
    free(*guard);
    *guard = NULL;
}

kin_status kin_link_guard_add(kin_link_guard *guard, const char *domain,
                              const kin_link_security *security, kin_error *error)
{
    uint32_t listed = security->allow != NULL ? security->allow->count : 0;
    guarded_domain added = {.keys = kin_calloc(listed + 1, KEY_BYTES)};
    snprintf(added.name, sizeof added.name, "%s", domain);
    for (uint32_t i = 0; i <= listed; i++) {
        const char *key = i < listed ? security->allow->keys[i] : security->pair->public_key;
        if (zmq_z85_decode(added.keys[added.key_count++], key) != NULL) continue;
        free(added.keys);
        return kin_fail(error, KIN_BAD_INPUT, "%s is not a key in Z85", key);
    }
    pthread_mutex_lock(&guard->lock);
    KIN_CHECK(guard->domain_count < DOMAINS_MAX);
    guard->domains[guard->domain_count++] = added;
    pthread_mutex_unlock(&guard->lock);
    return KIN_OK;
}

kin_status kin_link_curve(void *zmq_socket, const char *domain, const kin_link_security *security,
                          kin_error *error)
{
    const kin_key_pair *pair = security->pair;
    int server = 1;
    if (!zmq_has("curve"))
        return kin_fail(error, KIN_UNAVAILABLE, "this libzmq was built without CURVE");
    bool done =
        zmq_setsockopt(zmq_socket, ZMQ_CURVE_PUBLICKEY, pair->public_key, KIN_KEY_TEXT_BYTES) ==
            0 &&
        zmq_setsockopt(zmq_socket, ZMQ_CURVE_SECRETKEY, pair->secret_key, KIN_KEY_TEXT_BYTES) == 0;
    if (done && domain != NULL)
        done = zmq_setsockopt(zmq_socket, ZMQ_CURVE_SERVER, &server, sizeof server) == 0 &&
               zmq_setsockopt(zmq_socket, ZMQ_ZAP_DOMAIN, domain, strlen(domain)) == 0;
    if (done && domain == NULL) {
        if (security->server_key == NULL)
            return kin_fail(error, KIN_BAD_INPUT,
                            "a key without the server's public key; give --server-key KEY too");
        done = strlen(security->server_key) == KIN_KEY_TEXT_BYTES - 1 &&
               zmq_setsockopt(zmq_socket, ZMQ_CURVE_SERVERKEY, security->server_key,
                              KIN_KEY_TEXT_BYTES) == 0;
    }
    if (!done)
        return kin_fail(error, KIN_BAD_INPUT,
                        "a key is not 40 characters of Z85 (kindred keygen writes them)");
    return KIN_OK;
}

kin_status kin_key_pair_new(kin_key_pair *pair, kin_error *error)
{
    if (zmq_curve_keypair(pair->public_key, pair->secret_key) != 0)
        return kin_fail(error, KIN_UNAVAILABLE, "this libzmq was built without CURVE");
    return KIN_OK;
}
