/* The walk over messages: what it lets through, and what it refuses before anything is allocated.
 */
#include <msgpack.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/limits.h"
#include "common/base/memory.h"
#include "common/base/random.h"
#include "proto/walk.h"
#include "tests/support/test.h"

static kin_status walk(const char *bytes, size_t count)
{
    kin_error error = {0};
    kin_status status = kin_walk(bytes, count, &error);
    assert_int_equal(status == KIN_OK, error.text[0] == 0);
    return status;
}
#define WALK(literal) walk(literal, sizeof literal - 1)

static void every_kind_of_object_passes(void **state)
{
    (void)state;
    assert_int_equal(WALK("\xc0"), KIN_OK);
    assert_int_equal(WALK("\xc2"), KIN_OK);
    assert_int_equal(WALK("\xc3"), KIN_OK);
    assert_int_equal(WALK("\x7f"), KIN_OK);
    assert_int_equal(WALK("\xe0"), KIN_OK);
    assert_int_equal(WALK("\xca\0\0\0\0"), KIN_OK);
    assert_int_equal(WALK("\xcb\0\0\0\0\0\0\0\0"), KIN_OK);
    assert_int_equal(WALK("\xcc\0"), KIN_OK);
    assert_int_equal(WALK("\xcd\0\0"), KIN_OK);
    assert_int_equal(WALK("\xce\0\0\0\0"), KIN_OK);
    assert_int_equal(WALK("\xcf\0\0\0\0\0\0\0\0"), KIN_OK);
    assert_int_equal(WALK("\xd0\0"), KIN_OK);
    assert_int_equal(WALK("\xd3\0\0\0\0\0\0\0\0"), KIN_OK);
    assert_int_equal(WALK("\xa2ok"), KIN_OK);
    assert_int_equal(WALK("\xd9\2ok"), KIN_OK);
    assert_int_equal(WALK("\xda\0\2ok"), KIN_OK);
    assert_int_equal(WALK("\xdb\0\0\0\2ok"), KIN_OK);
    assert_int_equal(WALK("\xc4\2\xff\xfe"), KIN_OK);
    assert_int_equal(WALK("\xc5\0\2\xff\xfe"), KIN_OK);
    assert_int_equal(WALK("\xc6\0\0\0\2\xff\xfe"), KIN_OK);
    assert_int_equal(WALK("\x90"), KIN_OK);
    assert_int_equal(WALK("\x92\1\2"), KIN_OK);
    assert_int_equal(WALK("\xdc\0\2\1\2"), KIN_OK);
    assert_int_equal(WALK("\xdd\0\0\0\2\1\2"), KIN_OK);
    assert_int_equal(WALK("\x80"), KIN_OK);
    assert_int_equal(WALK("\x81\1\2"), KIN_OK);
    assert_int_equal(WALK("\xde\0\1\1\2"), KIN_OK);
    assert_int_equal(WALK("\xdf\0\0\0\1\1\2"), KIN_OK);
}

static void what_is_declared_must_be_there(void **state)
{
    (void)state;
    assert_int_equal(walk("", 0), KIN_CORRUPT);
    assert_int_equal(WALK("\xdf\xff\xff\xff\xff"), KIN_CORRUPT); /* 8 GB in msgpack-c */
    assert_int_equal(WALK("\xdd\xff\xff\xff\xff\xc0"), KIN_CORRUPT);
    assert_int_equal(WALK("\xc6\xff\xff\xff\xff"), KIN_CORRUPT);
    assert_int_equal(WALK("\xdb\0\0\0\3ok"), KIN_CORRUPT);
    assert_int_equal(WALK("\x92\1"), KIN_CORRUPT);
    assert_int_equal(WALK("\x81\1"), KIN_CORRUPT);
    assert_int_equal(WALK("\xcf\0\0"), KIN_CORRUPT);
    assert_int_equal(WALK("\xde\0"), KIN_CORRUPT);
    assert_int_equal(WALK("\1\1"), KIN_CORRUPT); /* bytes behind the end */
}

static void extensions_and_broken_text_are_refused(void **state)
{
    (void)state;
    for (int type = 0xc7; type <= 0xd8; type++) {
        char bytes[24] = {(char)type};
        if ((type >= 0xc7 && type <= 0xc9) || type >= 0xd4)
            assert_int_equal(walk(bytes, sizeof bytes), KIN_CORRUPT);
    }
    assert_int_equal(WALK("\xc1"), KIN_CORRUPT);
    assert_int_equal(WALK("\xa2\xc3\x28"), KIN_CORRUPT);
}

static void depth_and_number_have_limits(void **state)
{
    (void)state;
    char deep[KIN_MESSAGE_DEPTH_MAX + 2];
    memset(deep, '\x91', sizeof deep);
    deep[KIN_MESSAGE_DEPTH_MAX] = '\xc0';
    assert_int_equal(walk(deep, KIN_MESSAGE_DEPTH_MAX + 1), KIN_OK);
    deep[KIN_MESSAGE_DEPTH_MAX] = '\x91';
    deep[KIN_MESSAGE_DEPTH_MAX + 1] = '\xc0';
    assert_int_equal(walk(deep, KIN_MESSAGE_DEPTH_MAX + 2), KIN_LIMIT);
    for (uint32_t more = 0; more < 2; more++) {
        uint32_t count = KIN_MESSAGE_OBJECTS_MAX - 1 + more;
        char *many = kin_calloc(count + 5, 1);
        many[0] = '\xdd';
        for (int i = 0; i < 4; i++)
            many[1 + i] = (char)(count >> (24 - 8 * i));
        assert_int_equal(walk(many, count + 5), more ? KIN_LIMIT : KIN_OK);
        free(many);
    }
}

/* Random objects, packed by msgpack-c: whole they pass, and no shorter piece of them does. */
static void pack_random(msgpack_packer *packer, kin_random *random, int depth)
{
    static const char text[300] = {0};
    size_t bytes = kin_random_below(random, sizeof text);
    switch (kin_random_below(random, depth > 0 ? 7 : 5)) {
    case 0:
        msgpack_pack_uint64(packer, kin_random_u64(random) >> kin_random_below(random, 64));
        break;
    case 1:
        msgpack_pack_int64(packer, -(int64_t)(kin_random_u64(random) >> 20));
        break;
    case 2:
        msgpack_pack_str(packer, bytes);
        msgpack_pack_str_body(packer, text, bytes);
        break;
    case 3:
        msgpack_pack_bin(packer, bytes);
        msgpack_pack_bin_body(packer, text, bytes);
        break;
    case 4:
        msgpack_pack_double(packer, 0.5);
        break;
    case 5:
        bytes = kin_random_below(random, 20);
        msgpack_pack_array(packer, bytes);
        while (bytes-- > 0)
            pack_random(packer, random, depth - 1);
        break;
    default:
        bytes = kin_random_below(random, 20);
        msgpack_pack_map(packer, bytes);
        for (bytes *= 2; bytes-- > 0;)
            pack_random(packer, random, depth - 1);
    }
}

static void what_msgpack_packs_passes_whole_and_only_whole(void **state)
{
    (void)state;
    kin_random random = {.state = 11};
    for (int round = 0; round < 300; round++) {
        msgpack_sbuffer packed;
        msgpack_packer packer;
        msgpack_sbuffer_init(&packed);
        msgpack_packer_init(&packer, &packed, msgpack_sbuffer_write);
        pack_random(&packer, &random, 2);
        assert_int_equal(walk(packed.data, packed.size), KIN_OK);
        for (size_t i = 0; i < 20; i++)
            assert_int_equal(walk(packed.data, kin_random_below(&random, packed.size)),
                             KIN_CORRUPT);
        msgpack_sbuffer_destroy(&packed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_object_passes),
        cmocka_unit_test(what_is_declared_must_be_there),
        cmocka_unit_test(extensions_and_broken_text_are_refused),
        cmocka_unit_test(depth_and_number_have_limits),
        cmocka_unit_test(what_msgpack_packs_passes_whole_and_only_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
