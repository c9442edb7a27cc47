/* What a picture is of, by the head of an index's hasher. */
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/memory.h"
#include "coordinator/client/client_wire.h"

static kin_status take_classes(const kin_message *reply, uint32_t top, kin_classes_answer *answer,
                               kin_error *error)
{
    if (reply->class_count == 0 || reply->class_count > top || reply->total < reply->class_count)
        return kin_fail(error, KIN_CORRUPT,
                        "an answer with %u of %llu classes, where %u were asked",
                        reply->class_count, (unsigned long long)reply->total, top);
    answer->classes = kin_calloc(reply->class_count, sizeof *answer->classes);
    answer->total = reply->total;
    for (; answer->count < reply->class_count; answer->count++) {
        const kin_message_class *class = &reply->classes[answer->count];
        answer->classes[answer->count] =
            (kin_class){.name = kin_bytes_text(class->name),
                        .probability = (double)class->billionths / KIN_BILLION};
    }
    return KIN_OK;
}

kin_status kin_client_classify(kin_client *client, const void *picture, size_t bytes, uint32_t top,
                               kin_classes_answer *answer, kin_error *error)
{
    kin_message message = kin_message_of(KIN_MESSAGE_CLASSIFY), reply;
    memset(answer, 0, sizeof *answer);
    if (bytes > KIN_PICTURE_BYTES_MAX)
        return kin_fail(error, KIN_LIMIT, "the picture has %zu bytes; the limit is %u", bytes,
                        KIN_PICTURE_BYTES_MAX);
    message.picture = (kin_bytes){picture, bytes};
    message.k = top;
    kin_status status = kin_client_ask(client, &message, KIN_MESSAGE_CLASSES, &reply, error);
    if (status == KIN_OK) status = take_classes(&reply, top, answer, error);
    kin_message_fini(&reply);
    return status;
}

void kin_classes_answer_fini(kin_classes_answer *answer)
{
    for (uint32_t i = 0; i < answer->count; i++)
        free((char *)(uintptr_t)answer->classes[i].name);
    free(answer->classes);
    memset(answer, 0, sizeof *answer);
}
