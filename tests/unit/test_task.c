/* Records of an import's tasks: what is written is read; everything else is refused. */
#include <stdlib.h>
#include <string.h>

#include "proto/task_format.h"
#include "tests/support/golden.h"
#include "tests/support/test.h"

static const kin_task_run runs[] = {{.shard = 0, .first = 7, .count = 2},
                                    {.shard = 3, .first = 0, .count = 1}};
static const uint64_t checksums[] = {0x1111, 0x2222222222222222, 0x333};

static void build(kin_buffer *out, uint64_t run_count)
{
    kin_task_head head = {.boot = "01234567-89ab-cdef-0123-456789abcdef",
                          .number = 5,
                          .distinct_codes = 1000,
                          .largest_bucket = 12};
    for (unsigned i = 0; i < sizeof head.plan.byte; i++)
        head.plan.byte[i] = (uint8_t)(0xb0 + i);
    kin_task_build(out, &head, runs, run_count, checksums);
}

static void round_trip(void **state)
{
    (void)state;
    kin_buffer file = {0};
    kin_task task;
    kin_error error = {0};
    build(&file, 2);
    assert_int_equal(kin_task_parse(&task, file.data, file.bytes, "task", &error), KIN_OK);
    assert_int_equal(task.head.number, 5);
    assert_int_equal(task.head.distinct_codes, 1000);
    assert_int_equal(task.head.largest_bucket, 12);
    assert_int_equal(task.head.plan.byte[15], 0xbf);
    assert_string_equal(task.head.boot, "01234567-89ab-cdef-0123-456789abcdef");
    assert_int_equal(task.run_count, 2);
    for (uint64_t i = 0; i < 2; i++) {
        kin_task_run run = kin_task_run_get(&task, i);
        assert_int_equal(run.shard, runs[i].shard);
        assert_int_equal(run.first, runs[i].first);
        assert_int_equal(run.count, runs[i].count);
    }
    assert_memory_equal(task.checksums, checksums, sizeof checksums);
    golden_check("task-1.kin", file.data, file.bytes);
    kin_buffer_fini(&file);
    build(&file, 0);
    assert_int_equal(kin_task_parse(&task, file.data, file.bytes, "task", &error), KIN_OK);
    assert_int_equal(task.run_count, 0);
    kin_buffer_fini(&file);
}

/* The same file with other sections. */
static kin_status parse_with(const char *name, const void *data, size_t bytes)
{
    kin_buffer file = {0}, other = {0};
    kin_container container;
    kin_task task;
    kin_error error = {0};
    kin_section_source sections[3];
    static const char *const names[] = {"head", "runs", "blocks"};
    build(&file, 2);
    assert_int_equal(kin_container_parse(&container, file.data, file.bytes, KIN_FILE_TASK,
                                         KIN_TASK_VERSION, "task", &error),
                     KIN_OK);
    for (int i = 0; i < 3; i++) {
        uint64_t size;
        sections[i].data = kin_container_section(&container, names[i], &size);
        sections[i].name = names[i];
        sections[i].bytes = (size_t)size;
        if (strcmp(name, names[i]) == 0) sections[i] = (kin_section_source){names[i], data, bytes};
    }
    kin_container_build(&other, KIN_FILE_TASK, KIN_TASK_VERSION, sections, 3);
    kin_status status = kin_task_parse(&task, other.data, other.bytes, "task", &error);
    kin_buffer_fini(&file);
    kin_buffer_fini(&other);
    return status;
}

static void contradictions_are_refused(void **state)
{
    (void)state;
    uint64_t many[] = {0, 7, 3, 3, 0, 1}, few[] = {0, 7, 1, 3, 0, 1};
    uint64_t vast[] = {0, UINT64_MAX, 2, 3, 0, 1}, wrap[] = {0, 7, UINT64_MAX, 3, 0, 4};
    const uint64_t same[] = {0, 7, 2, 3, 0, 1};
    assert_int_equal(parse_with("runs", same, sizeof same), KIN_OK);
    assert_int_equal(parse_with("runs", many, sizeof many), KIN_CORRUPT);
    assert_int_equal(parse_with("runs", few, sizeof few), KIN_CORRUPT);
    assert_int_equal(parse_with("runs", vast, sizeof vast), KIN_CORRUPT);
    assert_int_equal(parse_with("runs", wrap, sizeof wrap), KIN_CORRUPT);
    assert_int_equal(parse_with("runs", same, sizeof same - 1), KIN_CORRUPT);
    assert_int_equal(parse_with("blocks", same, 16), KIN_CORRUPT);
    assert_int_equal(parse_with("blocks", same, 23), KIN_CORRUPT);
    assert_int_equal(parse_with("head", same, sizeof same), KIN_CORRUPT);
}

static void damage_is_refused(void **state)
{
    (void)state;
    kin_buffer file = {0};
    kin_task task;
    build(&file, 2);
    for (size_t i = 0; i < file.bytes; i += 7) {
        file.data[i] ^= 4;
        assert_int_not_equal(kin_task_parse(&task, file.data, file.bytes, "task", NULL), KIN_OK);
        file.data[i] ^= 4;
    }
    assert_int_not_equal(kin_task_parse(&task, file.data, file.bytes - 1, "task", NULL), KIN_OK);
    kin_buffer_fini(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(contradictions_are_refused),
        cmocka_unit_test(damage_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
