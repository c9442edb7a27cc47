#include "common/base/reason.h"

#include "common/base/check.h"

const char *kin_reason_word(kin_reason reason)
{
    static const char *const words[KIN_REASON_COUNT] = {
        [KIN_REASON_NONE] = "none",
        [KIN_REASON_UNREADABLE] = "unreadable",
        [KIN_REASON_VANISHED] = "vanished",
        [KIN_REASON_CHANGED] = "changed",
        [KIN_REASON_NOT_A_FILE] = "not-a-file",
        [KIN_REASON_EMPTY] = "empty",
        [KIN_REASON_NOT_AN_IMAGE] = "not-an-image",
        [KIN_REASON_UNSUPPORTED] = "unsupported",
        [KIN_REASON_TRUNCATED] = "truncated",
        [KIN_REASON_CORRUPT] = "corrupt",
        [KIN_REASON_TOO_LARGE] = "too-large",
        [KIN_REASON_TIMEOUT] = "timeout",
        [KIN_REASON_DECODER_DIED] = "decoder-died",
    };
    KIN_CHECK(reason >= 0 && reason < KIN_REASON_COUNT);
    return words[reason];
}
