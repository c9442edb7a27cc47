/* Why an input is not indexed. The words are stable: ledgers, JSON and scripts carry them. */
#ifndef COMMON_BASE_REASON_H
#define COMMON_BASE_REASON_H

typedef enum kin_reason {
    KIN_REASON_NONE = 0,     /* "none": it is indexed */
    KIN_REASON_UNREADABLE,   /* "unreadable": the system refuses to open or read it */
    KIN_REASON_VANISHED,     /* "vanished": listed, but no longer there */
    KIN_REASON_CHANGED,      /* "changed": another size than when it was listed */
    KIN_REASON_NOT_A_FILE,   /* "not-a-file": FIFO, socket, device, dangling link */
    KIN_REASON_EMPTY,        /* "empty": no bytes */
    KIN_REASON_NOT_AN_IMAGE, /* "not-an-image": no format that we read */
    KIN_REASON_UNSUPPORTED,  /* "unsupported": a variety of a known format that we do not read */
    KIN_REASON_TRUNCATED,    /* "truncated": ends before its end */
    KIN_REASON_CORRUPT,      /* "corrupt": contradicts its format or its checksum */
    KIN_REASON_TOO_LARGE,    /* "too-large": bytes, sides, pixels or memory above the limits */
    KIN_REASON_TIMEOUT,      /* "timeout": not decoded in time */
    KIN_REASON_DECODER_DIED, /* "decoder-died": the sandboxed child was killed by it */
    KIN_REASON_COUNT
} kin_reason;

/* The word; never NULL for a valid reason. */
const char *kin_reason_word(kin_reason reason);

#endif
