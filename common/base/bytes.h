/* Little- and big-endian numbers in byte arrays, whatever the alignment. */
#ifndef COMMON_BASE_BYTES_H
#define COMMON_BASE_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define KIN_DEFINE_BYTES(name, type, from, to)                   \
    static inline type kin_load_##name(const void *bytes)        \
    {                                                            \
        type value;                                              \
        memcpy(&value, bytes, sizeof value);                     \
        return from(value);                                      \
    }                                                            \
    static inline void kin_store_##name(void *bytes, type value) \
    {                                                            \
        value = to(value);                                       \
        memcpy(bytes, &value, sizeof value);                     \
    }

KIN_DEFINE_BYTES(le16, uint16_t, le16toh, htole16)
KIN_DEFINE_BYTES(le32, uint32_t, le32toh, htole32)
KIN_DEFINE_BYTES(le64, uint64_t, le64toh, htole64)
KIN_DEFINE_BYTES(be16, uint16_t, be16toh, htobe16)
KIN_DEFINE_BYTES(be32, uint32_t, be32toh, htobe32)
KIN_DEFINE_BYTES(be64, uint64_t, be64toh, htobe64)

#undef KIN_DEFINE_BYTES

#endif
