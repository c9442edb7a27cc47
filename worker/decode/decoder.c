#include "worker/decode/decoder.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/memory.h"
#include "worker/decode/decode_wire.h"

/* Starting takes some 10 ms; a machine that is busy gets its time. */
#define START_TIMEOUT_MS 20000

struct kin_decoder {
    pid_t launcher;
    int control, work, memory;
    uint8_t *shared;
    uint64_t sequence;
    uint32_t child; /* the child that may be sent requests; 0: none */
    int timeout_ms;
};

/* stb's version is that of Debian 12; a newer one may give other pixels and would get its own name,
 * as would another rule for the scale of JPEGs ("dct") or another resizer. */
const char *kin_decoder_name(void)
{
#ifdef KIN_DECODER_TURBO
    return "libjpeg-turbo-dct/1 stb-2.27 resize/2";
#else
    return "stb-2.27 resize/2";
#endif
}

/* Memory that the child can neither shrink nor grow: a parent that reads it is safe. */
static kin_status make_memory(kin_decoder *decoder, kin_error *error)
{
    decoder->memory = memfd_create("kindred-decode", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (decoder->memory < 0 || ftruncate(decoder->memory, (off_t)KIN_WIRE_MEMORY_BYTES) != 0 ||
        fcntl(decoder->memory, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        return kin_fail(error, KIN_IO, "cannot make memory for decoding: %s", strerror(errno));
    void *shared =
        mmap(NULL, KIN_WIRE_MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, decoder->memory, 0);
    if (shared == MAP_FAILED)
        return kin_fail(error, KIN_IO, "cannot map memory for decoding: %s", strerror(errno));
    decoder->shared = shared;
    return KIN_OK;
}

/* In the forked process: only what is safe there. The three descriptors lose close-on-exec. */
_Noreturn static void become_launcher(const char *path, int control, int work, int memory,
                                      const kin_decoder_options *options)
{
    char numbers[3][16];
    const int descriptors[3] = {control, work, memory};
    if (options->nice > 0)
        setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + options->nice);
    for (int i = 0; i < 3; i++) {
        fcntl(descriptors[i], F_SETFD, 0);
        snprintf(numbers[i], sizeof numbers[i], "%d", descriptors[i]);
    }
    char *const arguments[] = {
        (char *)path, (char *)KIN_WIRE_LAUNCHER_ARGUMENT,        numbers[0], numbers[1],
        numbers[2],   (char *)(options->no_sandbox ? "0" : "1"), NULL};
    execv(path, arguments);
    _exit(127);
}

static kin_status start_launcher(kin_decoder *decoder, const kin_decoder_options *options,
                                 kin_error *error)
{
    char *path;
    int control[2] = {-1, -1}, work[2] = {-1, -1};
    kin_status status = kin_program_path("kindred-decode", &path, error);
    if (status != KIN_OK) return status;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) != 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, work) != 0) {
        status = kin_fail(error, KIN_IO, "cannot make sockets for decoding: %s", strerror(errno));
    } else {
        decoder->launcher = fork();
        if (decoder->launcher == 0)
            become_launcher(path, control[1], work[1], decoder->memory, options);
        if (decoder->launcher < 0)
            status = kin_fail(error, KIN_IO, "cannot start %s: %s", path, strerror(errno));
    }
    close(control[1]);
    close(work[1]);
    decoder->control = control[0];
    decoder->work = work[0];
    free(path);
    return status;
}

/* Takes in one message of the launcher. */
static kin_status hear_launcher(kin_decoder *decoder, kin_error *error)
{
    kin_wire_control message;
    ssize_t bytes = recv(decoder->control, &message, sizeof message, 0);
    if (bytes < 0 && errno == EINTR) return KIN_OK;
    if (bytes != (ssize_t)sizeof message)
        return kin_fail(error, KIN_IO, "kindred-decode ended; is it the one of this version?");
    message.text[sizeof message.text - 1] = 0;
    if (message.kind == KIN_WIRE_FAILED)
        return kin_fail(error, KIN_IO,
                        "%s; use a kernel with seccomp, or accept the risk with --no-sandbox",
                        message.text);
    if (message.kind == KIN_WIRE_STARTED) decoder->child = message.child;
    if (message.kind == KIN_WIRE_DIED) decoder->child = 0;
    return KIN_OK;
}

/* Hears the launcher until all that it said is taken in and a child is there to be asked. */
static kin_status await_child(kin_decoder *decoder, kin_error *error)
{
    int64_t deadline = kin_clock_ms() + START_TIMEOUT_MS;
    for (;;) {
        struct pollfd wait = {.fd = decoder->control, .events = POLLIN};
        int64_t left = deadline - kin_clock_ms();
        int ready = poll(&wait, 1, decoder->child != 0 ? 0 : left > 0 ? (int)left : 0);
        if (ready < 0 && errno == EINTR) continue;
        if (ready == 0 && decoder->child != 0) return KIN_OK;
        if (ready == 0)
            return kin_fail(error, KIN_IO, "kindred-decode did not start a child within %d s",
                            START_TIMEOUT_MS / 1000);
        kin_status status = hear_launcher(decoder, error);
        if (status != KIN_OK) return status;
    }
}

kin_status kin_decoder_open(kin_decoder **decoder, const kin_decoder_options *options,
                            kin_error *error)
{
    static bool said; /* once is enough for all decoders of a process */
    kin_decoder *made = kin_calloc(1, sizeof *made);
    made->control = made->work = made->memory = -1;
    made->timeout_ms = options->timeout_ms;
    if (options->no_sandbox && !said)
        kin_log(KIN_LOG_WARNING, "--no-sandbox: pictures are parsed WITHOUT a sandbox; a hostile "
                                 "one can take over this account");
    said = said || options->no_sandbox;
    kin_status status = make_memory(made, error);
    if (status == KIN_OK) status = start_launcher(made, options, error);
    if (status == KIN_OK) status = await_child(made, error);
    if (status != KIN_OK) kin_decoder_close(&made);
    *decoder = made;
    return status;
}

void kin_decoder_close(kin_decoder **decoder)
{
    kin_decoder *closed = *decoder;
    if (closed == NULL) return;
    if (closed->control >= 0) close(closed->control); /* which ends the launcher and its child */
    if (closed->work >= 0) close(closed->work);
    if (closed->launcher > 0) waitpid(closed->launcher, NULL, 0);
    if (closed->shared != NULL) munmap(closed->shared, KIN_WIRE_MEMORY_BYTES);
    if (closed->memory >= 0) close(closed->memory);
    free(closed);
    *decoder = NULL;
}

void kin_decoded_fini(kin_decoded *decoded)
{
    kin_image_fini(&decoded->raster);
    kin_buffer_fini(&decoded->thumbnail);
    memset(decoded, 0, sizeof *decoded);
}

uint8_t *kin_decoder_input(kin_decoder *decoder)
{
    return decoder->shared;
}

typedef enum outcome { REPLIED, DIED, TIMED_OUT } outcome;

/* Waits for the reply to the request that was sent. */
static outcome await_reply(kin_decoder *decoder, kin_wire_reply *reply)
{
    int64_t deadline = kin_clock_ms() + decoder->timeout_ms;
    for (;;) {
        struct pollfd waits[2] = {{.fd = decoder->work, .events = POLLIN},
                                  {.fd = decoder->control, .events = POLLIN}};
        int64_t left = deadline - kin_clock_ms();
        int ready = left > 0 ? poll(waits, 2, (int)left) : 0;
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) return TIMED_OUT;
        if (waits[0].revents & POLLIN) {
            ssize_t bytes = recv(decoder->work, reply, sizeof *reply, MSG_DONTWAIT);
            if (bytes == (ssize_t)sizeof *reply && reply->sequence == decoder->sequence)
                return REPLIED;
            continue; /* of an earlier request */
        }
        return DIED; /* the launcher has something to say of this child */
    }
}

/* Whether the child's numbers are possible: it may have been taken over by what it read. Of a
 * rejected picture the sides are those that its header declares, whatever they are. */
static bool reply_valid(const kin_wire_reply *reply, const kin_decode_request *request)
{
    if (reply->decode_ns < 0) return false;
    if (reply->reason != KIN_REASON_NONE)
        return reply->reason >= KIN_REASON_EMPTY && reply->reason <= KIN_REASON_TOO_LARGE;
    if (reply->width < 1 || reply->width > KIN_PICTURE_SIDE_MAX || reply->height < 1 ||
        reply->height > KIN_PICTURE_SIDE_MAX || reply->thumbnail_bytes > KIN_WIRE_THUMBNAIL_BYTES)
        return false;
    if (request->raster.mode == KIN_RASTER_NONE) return true;
    const kin_raster_spec *spec = &request->raster;
    if (spec->mode == KIN_RASTER_FIT)
        return reply->raster_width >= 1 && reply->raster_width <= spec->width &&
               reply->raster_height >= 1 && reply->raster_height <= spec->height;
    return reply->raster_width == spec->width && reply->raster_height == spec->height;
}

static void take_raster(const kin_wire_reply *reply, const uint8_t *pixels, kin_image *raster)
{
    if (raster->width != reply->raster_width || raster->height != reply->raster_height) {
        kin_image_fini(raster);
        kin_image_init(raster, reply->raster_width, reply->raster_height);
    }
    memcpy(raster->pixels, pixels, (size_t)raster->width * raster->height * 3);
}

static void take_reply(kin_decoder *decoder, const kin_wire_reply *reply,
                       const kin_decode_request *request, kin_decoded *decoded)
{
    const uint8_t *output = decoder->shared + KIN_WIRE_INPUT_BYTES;
    decoded->reason = (kin_reason)reply->reason;
    decoded->width = reply->width;
    decoded->height = reply->height;
    decoded->decode_ns = reply->decode_ns;
    memcpy(decoded->detail, reply->detail, sizeof decoded->detail);
    decoded->detail[sizeof decoded->detail - 1] = 0;
    for (char *at = decoded->detail; *at != 0; at++)
        if (*at < 0x20 || *at > 0x7e) *at = '?';
    if (decoded->reason != KIN_REASON_NONE) return;
    if (request->raster.mode != KIN_RASTER_NONE) take_raster(reply, output, &decoded->raster);
    kin_buffer_append(&decoded->thumbnail, output + KIN_WIRE_RASTER_BYTES, reply->thumbnail_bytes);
}

static void reject(kin_decoded *decoded, kin_reason reason, const char *detail)
{
    decoded->reason = reason;
    snprintf(decoded->detail, sizeof decoded->detail, "%s", detail);
}

/* Has the launcher end the child, and waits for the next one. */
static kin_status replace_child(kin_decoder *decoder, kin_error *error)
{
    kin_wire_control order = {.kind = KIN_WIRE_KILL, .child = decoder->child};
    decoder->child = 0;
    if (send(decoder->control, &order, sizeof order, MSG_NOSIGNAL) != (ssize_t)sizeof order)
        return kin_fail(error, KIN_IO, "kindred-decode is gone: %s", strerror(errno));
    return await_child(decoder, error);
}

/* Whether the child that died had begun with the request. Its word is good for one more try, so
 * that lying gains it nothing. */
static bool request_taken(const kin_decoder *decoder)
{
    const uint8_t *taken = decoder->shared + KIN_WIRE_TAKEN_OFFSET;
    return *(const volatile uint64_t *)(const void *)taken == decoder->sequence;
}

/* Sends the request under a new sequence number and waits for what becomes of it. */
static kin_status ask(kin_decoder *decoder, kin_wire_request *wire, kin_wire_reply *reply,
                      outcome *result, kin_error *error)
{
    /* A child that died while it had nothing to do says nothing of this picture. */
    kin_status status = await_child(decoder, error);
    if (status != KIN_OK) return status;
    wire->sequence = ++decoder->sequence;
    if (send(decoder->work, wire, sizeof *wire, MSG_NOSIGNAL) != (ssize_t)sizeof *wire)
        return kin_fail(error, KIN_IO, "kindred-decode is gone: %s", strerror(errno));
    *result = await_reply(decoder, reply);
    return KIN_OK;
}

static void forget(kin_decoded *decoded)
{
    decoded->width = decoded->height = 0;
    decoded->decode_ns = 0;
    decoded->detail[0] = 0;
    kin_buffer_clear(&decoded->thumbnail);
}

kin_status kin_decoder_run(kin_decoder *decoder, size_t bytes, const kin_decode_request *request,
                           kin_decoded *decoded, kin_error *error)
{
    const kin_raster_spec *spec = &request->raster;
    KIN_CHECK(bytes <= KIN_PICTURE_BYTES_MAX && spec->width <= KIN_RASTER_SIDE_MAX &&
              spec->height <= KIN_RASTER_SIDE_MAX &&
              request->thumbnail_side <= KIN_THUMBNAIL_SIDE_MAX);
    kin_wire_request wire = {.bytes = bytes,
                             .raster_mode = spec->mode,
                             .raster_width = spec->width,
                             .raster_height = spec->height,
                             .raster_shorter_side = spec->shorter_side,
                             .raster_interpolation = spec->interpolation,
                             .thumbnail_side = request->thumbnail_side};
    kin_wire_reply reply;
    outcome result;
    forget(decoded);
    kin_status status = ask(decoder, &wire, &reply, &result, error);
    if (status == KIN_OK && result == DIED && !request_taken(decoder))
        status = ask(decoder, &wire, &reply, &result, error);
    if (status != KIN_OK) return status;
    switch (result) {
    case REPLIED:
        if (reply_valid(&reply, request)) {
            take_reply(decoder, &reply, request, decoded);
            return KIN_OK;
        }
        reject(decoded, KIN_REASON_DECODER_DIED, "the decoder's answer makes no sense");
        return replace_child(decoder, error);
    case TIMED_OUT:
        reject(decoded, KIN_REASON_TIMEOUT, "not decoded within the time for a picture");
        return replace_child(decoder, error);
    case DIED:
        break;
    }
    reject(decoded, KIN_REASON_DECODER_DIED, "the sandboxed decoder was killed by it");
    return await_child(decoder, error);
}
