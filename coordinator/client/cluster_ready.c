#include "coordinator/client/cluster_ready.h"

#include "common/base/clock.h"
#include "common/code/code.h"
#include "proto/link.h"
#include "proto/message.h"

/* Shards are checked as they are opened: a large index takes its time. */
#define READY_TIMEOUT_MS 600000
#define CHECK_MS 20

static kin_status send_search(kin_link *link, unsigned bits, kin_error *error)
{
    static const uint8_t zeros[KIN_CODE_BYTES_MAX];
    kin_message search = kin_message_of(KIN_MESSAGE_SEARCH);
    kin_buffer body = {0};
    search.k = 1;
    search.code = (kin_bytes){zeros, bits / 8};
    search.deadline_ms = READY_TIMEOUT_MS;
    kin_status status = kin_message_build(&search, &body, error);
    if (status == KIN_OK) status = kin_link_send(link, NULL, body.data, body.bytes);
    kin_buffer_fini(&body);
    return status;
}

static kin_status read_reply(const kin_buffer *body, kin_error *error)
{
    kin_message reply;
    kin_status status = kin_message_parse(&reply, body->data, body->bytes, error);
    if (status == KIN_OK && reply.type == KIN_MESSAGE_ERROR)
        status = kin_message_error(&reply, error);
    kin_message_fini(&reply);
    return status;
}

static kin_status wait_for_reply(kin_link *link, unsigned bits,
                                 kin_status (*check)(void *user, kin_error *error), void *user,
                                 kin_error *error)
{
    bool sent = false;
    kin_buffer body = {0};
    kin_status status = KIN_OK;
    int64_t end_ms = kin_clock_ms() + READY_TIMEOUT_MS;
    while (status == KIN_OK) {
        kin_link_wait wait = {.link = link};
        if (!sent) sent = send_search(link, bits, error) == KIN_OK;
        kin_link_wait_any(&wait, 1, CHECK_MS);
        if (kin_link_receive(link, NULL, &body)) {
            status = read_reply(&body, error);
            break;
        }
        status = check(user, error);
        if (status == KIN_OK && kin_clock_ms() > end_ms)
            status = kin_fail(error, KIN_DEADLINE, "the cluster did not get ready in %d s",
                              READY_TIMEOUT_MS / 1000);
    }
    kin_buffer_fini(&body);
    return status;
}

kin_status kin_cluster_wait_ready(const char *endpoint, const char *key_file, unsigned bits,
                                  kin_status (*check)(void *user, kin_error *error), void *user,
                                  kin_error *error)
{
    kin_key_pair pair;
    kin_link_security security = {0};
    kin_link *link = NULL;
    kin_status status = KIN_OK;
    if (key_file != NULL) {
        status = kin_key_pair_read(key_file, &pair, error);
        security = (kin_link_security){.pair = &pair, .server_key = pair.public_key};
    }
    if (status != KIN_OK) return status;
    kin_link_context *context = kin_link_context_new();
    status = kin_link_connect(&link, context, endpoint, &security, error);
    if (status == KIN_OK) status = wait_for_reply(link, bits, check, user, error);
    kin_link_close(&link);
    kin_link_context_close(&context);
    return status;
}
