#include "worker/decode/decode_child.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/buffer.h"
#include "common/base/clock.h"
#include "common/image/encode_image.h"
#include "common/image/orientation.h"
#include "worker/decode/decode_wire.h"
#include "worker/decode/picture.h"

/* Of thumbnails: at the first 96 x 96 pixels are about 4 kB. The others are for pictures of noise,
 * which may be more than KIN_THUMBNAIL_BYTES_MAX. */
static const int qualities[] = {85, 60, 30, 5};

static kin_raster_spec fit_spec(uint32_t side)
{
    return (kin_raster_spec){.mode = KIN_RASTER_FIT, .width = side, .height = side};
}

static kin_raster_spec raster_of(const kin_wire_request *request)
{
    return (kin_raster_spec){.mode = (kin_raster_mode)request->raster_mode,
                             .width = request->raster_width,
                             .height = request->raster_height,
                             .shorter_side = request->raster_shorter_side,
                             .interpolation = (kin_interpolation)request->raster_interpolation};
}

/* Writes the thumbnail into output; returns its bytes. */
static uint32_t make_thumbnail(const kin_raster_source *source, uint32_t side, uint8_t *output)
{
    kin_raster_spec spec = fit_spec(side);
    kin_image small = {0};
    kin_buffer jpeg = {0};
    kin_raster_make_upright(source, &spec, &small);
    for (size_t i = 0; i < sizeof qualities / sizeof *qualities; i++) {
        kin_buffer_clear(&jpeg);
        kin_image_append_jpeg(&small, qualities[i], &jpeg);
        if (jpeg.bytes <= KIN_WIRE_THUMBNAIL_BYTES) break;
    }
    uint32_t bytes = jpeg.bytes <= KIN_WIRE_THUMBNAIL_BYTES ? (uint32_t)jpeg.bytes : 0;
    memcpy(output, jpeg.data, bytes);
    kin_buffer_fini(&jpeg);
    kin_image_fini(&small);
    return bytes;
}

/* Raster and thumbnail of a decoded picture, into the output area. */
static void make_results(const kin_wire_request *request, const kin_picture *picture,
                         uint8_t *output, kin_wire_reply *reply)
{
    kin_raster_source source = {.pixels = &picture->pixels,
                                .width = picture->width,
                                .height = picture->height,
                                .orientation = picture->orientation};
    kin_raster_spec spec = raster_of(request);
    if (spec.mode != KIN_RASTER_NONE) {
        kin_image raster = {0};
        kin_raster_make_upright(&source, &spec, &raster);
        memcpy(output, raster.pixels, (size_t)raster.width * raster.height * 3);
        reply->raster_width = raster.width;
        reply->raster_height = raster.height;
        kin_image_fini(&raster);
    }
    if (request->thumbnail_side != 0)
        reply->thumbnail_bytes =
            make_thumbnail(&source, request->thumbnail_side, output + KIN_WIRE_RASTER_BYTES);
}

static void serve_one(const kin_wire_request *request, uint8_t *memory, kin_pixel_store *store,
                      kin_wire_reply *reply)
{
    int64_t start = kin_clock_ns();
    kin_picture_wish wish = {.raster = raster_of(request),
                             .thumbnail_side = request->thumbnail_side};
    kin_picture picture = {0};
    kin_verdict verdict = {0};
    kin_picture_decode(memory, (size_t)request->bytes, &wish, store, &picture, &verdict);
    bool swaps = kin_orientation_swaps_sides(picture.orientation);
    *reply = (kin_wire_reply){.sequence = request->sequence,
                              .reason = (uint32_t)verdict.reason,
                              .width = swaps ? picture.height : picture.width,
                              .height = swaps ? picture.width : picture.height};
    memcpy(reply->detail, verdict.detail, sizeof reply->detail);
    if (verdict.reason == KIN_REASON_NONE)
        make_results(request, &picture, memory + KIN_WIRE_INPUT_BYTES, reply);
    kin_picture_fini(&picture);
    reply->decode_ns = kin_clock_ns() - start;
}

void kin_decode_child_serve(int work, uint8_t *memory)
{
    kin_pixel_store store = {0};
    volatile uint64_t *taken = (volatile uint64_t *)(void *)(memory + KIN_WIRE_TAKEN_OFFSET);
    for (;;) {
        kin_wire_request request;
        kin_wire_reply reply;
        ssize_t bytes = recv(work, &request, sizeof request, 0);
        if (bytes < 0 && errno == EINTR) continue;
        if (bytes != (ssize_t)sizeof request) return;
        *taken = request.sequence;
        serve_one(&request, memory, &store, &reply);
        if (send(work, &reply, sizeof reply, MSG_NOSIGNAL) != (ssize_t)sizeof reply) return;
    }
}
