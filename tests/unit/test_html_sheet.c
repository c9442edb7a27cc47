/* The HTML sheet: everything escaped, pictures inside, nothing fetched from elsewhere. */
#include <stdlib.h>
#include <string.h>

#include "common/base/memory.h"
#include "coordinator/client/html_sheet.h"
#include "tests/support/test.h"

static char *page_of(const char *key, const char *jpeg)
{
    kin_sheet sheet = {.tile_side = 112, .columns = 12};
    sheet.title = kin_strdup("<title>");
    sheet.subtitle = kin_strdup("a & b");
    kin_sheet_row *row = kin_sheet_add_row(&sheet, 2);
    row->question.key = kin_strdup(key);
    row->question.no_image = "asked by code";
    row->code = kin_strdup("0123456789abcdef");
    row->note = kin_strdup("it's");
    for (int i = 0; i < 2; i++) {
        row->hits[i].key = kin_strdup(key);
        row->hits[i].id = 41 + (uint64_t)i;
        row->hits[i].distance = (uint32_t)i;
        kin_buffer_append(&row->hits[i].jpeg, jpeg, strlen(jpeg));
    }
    kin_buffer out = {0};
    kin_html_sheet_append(&out, &sheet);
    kin_buffer_append_byte(&out, 0);
    kin_sheet_fini(&sheet);
    return (char *)out.data;
}

static void test_escaping(void **state)
{
    (void)state;
    char *page = page_of("dir/<script>alert(\"1\")</script>\xff.png", "x");
    assert_null(strstr(page, "<script"));
    assert_null(strstr(page, "alert(\""));
    assert_null(strstr(page, "\xff"));
    assert_non_null(strstr(page, "&#60;title&#62;"));
    assert_non_null(strstr(page, "a &#38; b"));
    assert_non_null(strstr(page, "it&#39;s"));
    assert_null(strstr(page, "http"));
    free(page);
}

static void test_contents(void **state)
{
    (void)state;
    char *page = page_of("dir/name.png", "abcd");
    assert_non_null(strstr(page, "title=\"dir/name.png&#10;code 0123456789abcdef\""));
    assert_non_null(strstr(page, "title=\"dir/name.png&#10;distance 0 &#183; id 41\""));
    assert_non_null(strstr(page, "title=\"dir/name.png&#10;distance 1 &#183; id 42\""));
    assert_non_null(strstr(page, "asked by code"));
    char *query = strstr(page, "class=\"query\""), *first = strstr(page, "id 41");
    assert_true(query != NULL && first != NULL && query < first && first < strstr(page, "id 42"));
    assert_string_equal(page + strlen(page) - strlen("</body>\n</html>\n"), "</body>\n</html>\n");
    free(page);
}

/* RFC 4648, section 10. */
static void test_base64(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {{"f", "Zg=="},           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},         {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},   {"foobar", "Zm9vYmFy"},
                                           {"\xfb\xff\xfe", "+//+"}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char *page = page_of("k", pairs[i][0]);
        char *wanted = kin_sprintf("src=\"data:image/jpeg;base64,%s\"", pairs[i][1]);
        assert_non_null(strstr(page, wanted));
        free(wanted);
        free(page);
    }
}

/* A caption is cut between characters. */
static void test_cut(void **state)
{
    (void)state;
    char *page = page_of("a\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9.png", "x");
    assert_non_null(strstr(page, "<span>a\xc3\xa9\xc3\xa9</span>\xc3\xa9\xc3\xa9.png<"));
    free(page);
    page = page_of("a\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9.jpeg", "x");
    assert_non_null(strstr(page, "<span>a\xc3\xa9\xc3\xa9</span>\xc3\xa9\xc3\xa9.jpeg<"));
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escaping),
        cmocka_unit_test(test_contents),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
