/* What can be asked of this index. */
#include "coordinator/serve/question.h"

#include <string.h>

static kin_status check_search(const kin_inquiry_scope *scope, kin_message *question,
                               kin_error *error)
{
    if ((question->code.data == NULL) == (question->picture.data == NULL))
        return kin_fail(error, KIN_BAD_INPUT, "a search has either a 'code' or a 'picture'");
    if (question->code.data != NULL && question->code.bytes != scope->manifest->bits / 8)
        return kin_fail(error, KIN_BAD_INPUT, "the code has %zu bits; codes of this index have %u",
                        8 * question->code.bytes, scope->manifest->bits);
    if (question->picture.data != NULL && question->picture.bytes == 0)
        return kin_fail(error, KIN_BAD_INPUT, "empty: the picture has no bytes");
    if (question->within > (int32_t)scope->manifest->bits)
        return kin_fail(error, KIN_BAD_INPUT,
                        "'within' is %d; codes of this index differ in at most %u bits",
                        question->within, scope->manifest->bits);
    if (question->rerank > 0 && scope->manifest->value_dimensions == 0)
        return kin_fail(error, KIN_BAD_INPUT,
                        "this index keeps no values to re-rank by; build it with --rerank");
    if (question->rerank > 0 && question->picture.data == NULL)
        return kin_fail(error, KIN_BAD_INPUT,
                        "a code has no values to re-rank by; ask with a picture, or without "
                        "'rerank'");
    if (question->histogram && question->within < 0)
        return kin_fail(error, KIN_BAD_INPUT, "a 'histogram' wants 'within': it ends there");
    if (question->k == 0) question->k = KIN_K_DEFAULT;
    return KIN_OK;
}

static kin_status check_classify(kin_message *question, kin_error *error)
{
    if (question->picture.bytes == 0)
        return kin_fail(error, KIN_BAD_INPUT, "empty: the picture has no bytes");
    if (question->k == 0) question->k = 1;
    return KIN_OK;
}

static kin_status check_batch(const kin_inquiry_scope *scope, const kin_message *question,
                              kin_error *error)
{
    unsigned bits = scope->manifest->bits;
    size_t count = question->codes.bytes / (bits / 8);
    if (question->codes.bytes % (bits / 8) != 0 || count == 0 || count > KIN_BATCH_CODES_MAX)
        return kin_fail(error, KIN_BAD_INPUT,
                        "'codes' has %zu bytes; a batch has 1 to %u codes of %u bytes",
                        question->codes.bytes, KIN_BATCH_CODES_MAX, bits / 8);
    if (question->k == 0 || count * question->k > KIN_BATCH_HITS_MAX)
        return kin_fail(error, KIN_BAD_INPUT,
                        "%zu codes with k = %u; a batch has 1 to %u hits in all", count,
                        question->k, KIN_BATCH_HITS_MAX);
    if (question->within > (int32_t)bits)
        return kin_fail(error, KIN_BAD_INPUT,
                        "'within' is %d; codes of this index differ in at most %u bits",
                        question->within, bits);
    return KIN_OK;
}

static kin_status check_thumbnails(const kin_inquiry_scope *scope, const kin_message *question,
                                   kin_error *error)
{
    if (question->generation.data != NULL &&
        (question->generation.bytes != strlen(scope->generation) ||
         memcmp(question->generation.data, scope->generation, question->generation.bytes) != 0))
        return kin_fail(error, KIN_MISMATCH,
                        "rows of %.*s are asked for, and %s is served; search again",
                        (int)question->generation.bytes, (const char *)question->generation.data,
                        scope->generation);
    for (uint32_t i = 0; i < question->row_count; i++)
        if (question->rows[i].shard >= scope->fleet->shard_count)
            return kin_fail(error, KIN_BAD_INPUT, "there is no shard %u; this index has %u",
                            question->rows[i].shard, scope->fleet->shard_count);
    return KIN_OK;
}

kin_status kin_question_check(const kin_inquiry_scope *scope, kin_message *question,
                              kin_error *error)
{
    if (question->type == KIN_MESSAGE_SEARCH) return check_search(scope, question, error);
    if (question->type == KIN_MESSAGE_BATCH) return check_batch(scope, question, error);
    if (question->type == KIN_MESSAGE_CLASSIFY) return check_classify(question, error);
    return check_thumbnails(scope, question, error);
}
