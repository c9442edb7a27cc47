/* Sidecars of models: every word and what it changes, and one refusal for each way to be wrong. */
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/file.h"
#include "common/base/memory.h"
#include "tests/support/golden.h"
#include "worker/index/models.h"
#include "worker/index/sidecar.h"

static kin_network_spec parse(const char *text)
{
    kin_network_spec spec;
    kin_error error = {0};
    kin_sidecar_default(&spec);
    if (kin_sidecar_parse(&spec, text, strlen(text), "m.json", &error) != KIN_OK)
        fail_msg("%s: %s", text, error.text);
    return spec;
}

static void assert_equal_floats(const float *made, float a, float b, float c)
{
    assert_true(made[0] == a && made[1] == b && made[2] == c);
}

static void defaults(void **state)
{
    (void)state;
    kin_network_spec spec = parse("{}");
    assert_int_equal(spec.width, 224);
    assert_int_equal(spec.height, 224);
    assert_int_equal(spec.shorter_side, 256);
    assert_int_equal(spec.resize, KIN_NETWORK_RESIZE_CROP);
    assert_false(spec.bgr);
    assert_true(spec.scale == 1.0f / 255);
    assert_equal_floats(spec.mean, 0.485f, 0.456f, 0.406f);
    assert_equal_floats(spec.deviation, 0.229f, 0.224f, 0.225f);
    assert_int_equal(spec.pooling, KIN_NETWORK_POOL_AVERAGE);
    assert_true(spec.power == 3);
    assert_false(spec.normalise);
    assert_false(spec.centre);
    assert_int_equal(spec.interpolation, KIN_NETWORK_BILINEAR);
    assert_int_equal(spec.tap_count, 0);
    spec.tap_count = 1;
    strcpy(spec.taps[0], "x");
    assert_int_equal(kin_network_spec_check(&spec, NULL), KIN_OK);
}

static void every_word(void **state)
{
    (void)state;
    kin_network_spec spec =
        parse("{\"name\": \"a net\", \"source\": [\"anything\", {}], \"license\": null,\n"
              " \"input\": {\"width\": 96, \"height\": 64, \"resize\": \"crop\", \"shorter_side\": "
              "100, \"interpolation\": \"bicubic\", \"channels\": \"bgr\", \"scale\": 2,\n"
              " \"mean\": [1, 2.5, -3], \"std\": [0.5, 1e2, 7]},\n"
              " \"taps\": [\"one\", \"two \\u00e9\"], \"pooling\": \"gem\", \"power\": 4.5,\n"
              " \"normalise\": true, \"centre\": true}");
    assert_string_equal(spec.name, "a net");
    assert_int_equal(spec.interpolation, KIN_NETWORK_BICUBIC);
    assert_true(spec.centre);
    assert_int_equal(spec.width, 96);
    assert_int_equal(spec.height, 64);
    assert_int_equal(spec.resize, KIN_NETWORK_RESIZE_CROP);
    assert_int_equal(spec.shorter_side, 100);
    assert_true(spec.bgr);
    assert_true(spec.scale == 2);
    assert_equal_floats(spec.mean, 1, 2.5f, -3);
    assert_equal_floats(spec.deviation, 0.5f, 100, 7);
    assert_int_equal(spec.tap_count, 2);
    assert_string_equal(spec.taps[0], "one");
    assert_string_equal(spec.taps[1], "two \xc3\xa9");
    assert_int_equal(spec.pooling, KIN_NETWORK_POOL_GEM);
    assert_true(spec.power == 4.5f);
    assert_true(spec.normalise);
    assert_int_equal(kin_network_spec_check(&spec, NULL), KIN_OK);
}

static void ways_of_resizing(void **state)
{
    (void)state;
    kin_network_spec spec = parse("{\"input\": {\"resize\": \"stretch\"}}");
    assert_int_equal(spec.resize, KIN_NETWORK_RESIZE_STRETCH);
    assert_int_equal(spec.shorter_side, 0);
    spec = parse("{\"input\": {\"resize\": \"pad\", \"width\": 7}}");
    assert_int_equal(spec.resize, KIN_NETWORK_RESIZE_PAD);
    assert_int_equal(spec.shorter_side, 0);
    /* cropping without a word about the shorter side: as large as the input */
    spec = parse("{\"input\": {\"height\": 300}}");
    assert_int_equal(spec.resize, KIN_NETWORK_RESIZE_CROP);
    assert_int_equal(spec.shorter_side, 300);
    spec = parse("{\"pooling\": \"max\", \"normalise\": false}");
    assert_int_equal(spec.shorter_side, 256);
    assert_int_equal(spec.pooling, KIN_NETWORK_POOL_MAX);
}

/* One sentence with the file and these words. */
static void assert_refused(const char *text, const char *words)
{
    kin_network_spec spec;
    kin_error error = {0};
    kin_sidecar_default(&spec);
    assert_int_equal(kin_sidecar_parse(&spec, text, strlen(text), "m.json", &error), KIN_BAD_INPUT);
    if (strstr(error.text, words) == NULL || strncmp(error.text, "m.json", 6) != 0)
        fail_msg("%s: '%s' does not say '%s'", text, error.text, words);
}

static void refusals(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", "line 1 is no JSON"},
        {"{", "line 1 is no JSON"},
        {"{\n\"name\": \"a\",\n}", "line 3 is no JSON"},
        {"{} {}", "no JSON"},
        {"{\"name\": \"a\\u0000b\"}", "no JSON"},
        {"{\"name\": \"\xff\"}", "no JSON"},
        {"{\"name\": \"a\", \"name\": \"b\"}", "no JSON"},
        {"[]", "\"the whole file\" must be an object"},
        {"{\"tap\": [\"x\"]}", "the word \"tap\" is unknown there"},
        {"{\"input\": {\"name\": 3}}", "the word \"name\" is unknown there"},
        {"{\"width\": 3}", "the word \"width\" is unknown there"},
        {"{\"name\": 3}", "\"name\" must be 1 to 63 characters"},
        {"{\"name\": \"\"}", "\"name\" must be 1 to 63 characters"},
        {"{\"name\": \"0123456789012345678901234567890123456789012345678901234567890123\"}",
         "\"name\" must be 1 to 63 characters"},
        {"{\"input\": 224}", "\"input\" must be an object"},
        {"{\"input\": {\"width\": \"224\"}}", "\"width\" must be a whole number"},
        {"{\"input\": {\"width\": 224.0}}", "\"width\" must be a whole number"},
        {"{\"input\": {\"width\": 0}}", "\"width\" must be a whole number"},
        {"{\"input\": {\"height\": -3}}", "\"height\" must be a whole number"},
        {"{\"input\": {\"width\": 1025}}", "\"width\" must be a whole number from 1 to 1024"},
        {"{\"input\": {\"height\": 99999999999}}", "\"height\" must be a whole number"},
        {"{\"input\": {\"shorter_side\": 4097}}", "\"shorter_side\" must be a whole number"},
        {"{\"input\": {\"resize\": \"squeeze\"}}", "\"resize\" must be \"stretch\", \"crop\""},
        {"{\"input\": {\"resize\": 3}}", "\"resize\" must be"},
        {"{\"input\": {\"interpolation\": \"nearest\"}}", "\"interpolation\" must be \"bilinear\""},
        {"{\"centre\": \"yes\"}", "\"centre\" must be true or false"},
        {"{\"input\": {\"channels\": \"RGB\"}}", "\"channels\" must be \"rgb\" or \"bgr\""},
        {"{\"input\": {\"scale\": \"1\"}}", "\"scale\" must be a number"},
        {"{\"input\": {\"mean\": 0.5}}", "\"mean\" must be a list of 3 numbers"},
        {"{\"input\": {\"mean\": [1, 2]}}", "\"mean\" must be a list of 3 numbers"},
        {"{\"input\": {\"std\": [1, 2, null]}}", "\"std\" must be a list of 3 numbers"},
        {"{\"input\": {\"std\": [1, 2, 3, 4]}}", "\"std\" must be a list of 3 numbers"},
        {"{\"taps\": []}", "\"taps\" must be a list of 1 to 8"},
        {"{\"taps\": \"x\"}", "\"taps\" must be a list of 1 to 8"},
        {"{\"taps\": [1,2,3,4,5,6,7,8,9]}", "\"taps\" must be a list of 1 to 8"},
        {"{\"taps\": [\"x\", 3]}", "\"taps\" must be a list of names"},
        {"{\"taps\": [\"\"]}", "\"taps\" must be a list of names"},
        {"{\"pooling\": \"mean\"}", "\"pooling\" must be \"average\""},
        {"{\"power\": true}", "\"power\" must be a number"},
        {"{\"normalise\": 1}", "\"normalise\" must be true or false"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_refused(cases[i][0], cases[i][1]);
}

/* What the words allow and a network file does not: numbers that contradict each other. */
static void contradictions(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"{\"taps\": [\"x\"], \"name\": \"caf\\u00e9\"}", "name"},
        {"{\"taps\": [\"x\"], \"input\": {\"shorter_side\": 223}}", "shorter side"},
        {"{\"taps\": [\"x\"], \"input\": {\"resize\": \"pad\", \"shorter_side\": 300}}",
         "shorter side"},
        {"{\"taps\": [\"x\"], \"input\": {\"scale\": 0}}", "scale"},
        {"{\"taps\": [\"x\"], \"input\": {\"scale\": 1e39}}", "scale"},
        {"{\"taps\": [\"x\"], \"input\": {\"mean\": [0, 1e300, 0]}}", "mean"},
        {"{\"taps\": [\"x\"], \"input\": {\"std\": [1, 0, 1]}}", "std"},
        {"{\"taps\": [\"x\"], \"input\": {\"std\": [1, -1, 1]}}", "std"},
        {"{\"taps\": [\"x\"], \"input\": {\"std\": [1, 1e-60, 1]}}", "std"},
        {"{\"taps\": [\"x\"], \"pooling\": \"gem\", \"power\": 0.5}", "power"},
        {"{\"taps\": [\"x\"], \"pooling\": \"gem\", \"power\": 1e300}", "number"},
        {"{}", "0 tensors are tapped"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kin_network_spec spec = parse(cases[i][0]);
        kin_error error = {0};
        assert_int_equal(kin_network_spec_check(&spec, &error), KIN_BAD_INPUT);
        if (strstr(error.text, cases[i][1]) == NULL)
            fail_msg("%s: '%s' does not say '%s'", cases[i][0], error.text, cases[i][1]);
    }
}

/* --- Words of a command line ----------------------------------------------------------------- */

static kin_status set_words(kin_network_spec *spec, const char *sidecar, const char *const *words,
                            kin_error *error)
{
    kin_option_list settings = {0};
    while (words[settings.count] != NULL) {
        settings.items[settings.count] = words[settings.count];
        settings.count++;
    }
    *spec = parse(sidecar);
    return kin_sidecar_set(spec, &settings, error);
}

static kin_network_spec set(const char *sidecar, const char *const *words)
{
    kin_network_spec spec;
    kin_error error = {0};
    if (set_words(&spec, sidecar, words, &error) != KIN_OK) fail_msg("%s", error.text);
    return spec;
}

#define SET(sidecar, ...) set(sidecar, (const char *const[]){__VA_ARGS__, NULL})

static void words_of_a_command_line(void **state)
{
    (void)state;
    kin_network_spec spec = SET("{}", "size=96x64", "interpolation=bicubic", "channels=bgr",
                                "scale=1", "mean=1,2.5,-3", "std=0.5,1e2,7", "pooling=gem",
                                "power=4.5", "centre=true", "normalise=true", "shorter_side=100");
    assert_int_equal(spec.width, 96);
    assert_int_equal(spec.height, 64);
    assert_int_equal(spec.shorter_side, 100);
    assert_int_equal(spec.interpolation, KIN_NETWORK_BICUBIC);
    assert_true(spec.bgr && spec.scale == 1 && spec.power == 4.5f);
    assert_true(spec.centre && spec.normalise && spec.pooling == KIN_NETWORK_POOL_GEM);
    assert_equal_floats(spec.mean, 1, 2.5f, -3);
    assert_equal_floats(spec.deviation, 0.5f, 100, 7);
    /* what the sidecar says else, stays; the shorter side follows where it is not set */
    spec = SET("{\"input\": {\"channels\": \"bgr\"}}", "size=336");
    assert_true(spec.bgr && spec.width == 336 && spec.height == 336);
    assert_int_equal(spec.shorter_side, 336);
    spec = SET("{}", "interpolation=bicubic");
    assert_int_equal(spec.shorter_side, 256);
    spec = SET("{}", "resize=pad");
    assert_int_equal(spec.resize, KIN_NETWORK_RESIZE_PAD);
    assert_int_equal(spec.shorter_side, 0);
    spec = SET("{\"input\": {\"resize\": \"stretch\"}}", "resize=crop", "height=300");
    assert_int_equal(spec.shorter_side, 300);
    spec = SET("{\"input\": {\"resize\": \"pad\"}}", "width=100", "width=90");
    assert_int_equal(spec.width, 90);
    assert_int_equal(spec.shorter_side, 0);
}

static void wrong_words(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"size", "--set is 'size'; it takes WORD=VALUE"},
        {"sizes=3", "there is no word 'sizes=3'; there are size, width"},
        {"taps=conv", "there is no word"},
        {"=3", "there is no word"},
        {"size=", "\"size\" must be W or WxH"},
        {"size=3x", "\"size\" must be W or WxH"},
        {"size=3x4x5", "\"size\" must be W or WxH"},
        {"size=0", "\"size\" must be W or WxH"},
        {"size=1025", "\"size\" must be W or WxH"},
        {"size=-5", "\"size\" must be W or WxH"},
        {"size=12345", "\"size\" must be W or WxH"},
        {"size=a", "\"size\" must be W or WxH"},
        {"width=2.5", "\"width\" must be a whole number"},
        {"width=many", "\"width\" must be a whole number"},
        {"resize=squeeze", "\"resize\" must be"},
        {"interpolation=nearest", "\"interpolation\" must be"},
        {"mean=1,2", "\"mean\" must be a list of 3 numbers"},
        {"mean=1,2,x", "\"mean\" must be a list of 3 numbers"},
        {"mean=1", "\"mean\" must be a list of 3 numbers"},
        {"std=", "\"std\" must be a list of 3 numbers"},
        {"scale=\xff", "\"scale\" must be"},
        {"scale=[1]", "\"scale\" must be a number"},
        {"centre=yes", "\"centre\" must be true or false"},
        {"normalise=1", "\"normalise\" must be true or false"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const words[] = {cases[i][0], NULL};
        kin_network_spec spec;
        kin_error error = {0};
        assert_int_equal(set_words(&spec, "{}", words, &error), KIN_BAD_INPUT);
        if (strstr(error.text, cases[i][1]) == NULL || strncmp(error.text, "--set", 5) != 0)
            fail_msg("%s: '%s' does not say '%s'", cases[i][0], error.text, cases[i][1]);
    }
}

/* --- Models and their sidecars ------------------------------------------------------------------
 */

static void arguments(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"a/b.onnx", "a/b.onnx", NULL},
        {"a/b.onnx:x,y", "a/b.onnx", "x,y"},
        {"b.onnx:x:0,y.onnx:1", "b.onnx", "x:0,y.onnx:1"},
        {"b.onnx:", "b.onnx", ""},
        {"model", "model", NULL},
        {"c:b.onnx", "c:b.onnx", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *tensors;
        char *path = kin_model_split(cases[i][0], &tensors);
        assert_string_equal(path, cases[i][1]);
        if (cases[i][2] == NULL)
            assert_null(tensors);
        else
            assert_string_equal(tensors, cases[i][2]);
        free(path);
    }
}

static void write_file(const char *folder, const char *name, const char *text)
{
    char *path = kin_path_join(folder, name);
    kin_error error = {0};
    assert_int_equal(kin_file_write_atomic(path, text, strlen(text), &error), KIN_OK);
    free(path);
}

static kin_status read_spec(const char *folder, const char *name, const char *tensors,
                            kin_network_spec *spec, bool *assumed, kin_error *error)
{
    char *path = kin_path_join(folder, name);
    kin_status status = kin_model_spec(spec, path, tensors, NULL, assumed, error);
    free(path);
    return status;
}

static void beside_the_model(void **state)
{
    (void)state;
    char *folder = temporary_folder();
    kin_network_spec spec;
    kin_error error = {0};
    bool assumed;
    write_file(folder, "good.json", "{\"taps\": [\"t\"], \"input\": {\"width\": 9}}");
    write_file(folder, "bad.json", "{\"taps\": 3}");
    assert_int_equal(read_spec(folder, "none.onnx", NULL, &spec, &assumed, &error), KIN_OK);
    assert_true(assumed && spec.tap_count == 0 && spec.width == 224);
    assert_string_equal(spec.name, "none");
    assert_int_equal(read_spec(folder, "good.onnx", NULL, &spec, &assumed, &error), KIN_OK);
    assert_true(!assumed && spec.tap_count == 1 && spec.width == 9);
    assert_string_equal(spec.name, "good");
    assert_int_equal(read_spec(folder, "good.onnx", "u,v", &spec, &assumed, &error), KIN_OK);
    assert_int_equal(spec.tap_count, 2);
    assert_string_equal(spec.taps[1], "v");
    assert_int_equal(read_spec(folder, "bad.onnx", NULL, &spec, &assumed, &error), KIN_BAD_INPUT);
    assert_non_null(strstr(error.text, "bad.json: \"taps\" must be"));
    static const char *const wrong[] = {"", ",", "a,", "a,,b", "1,2,3,4,5,6,7,8,9"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(read_spec(folder, "good.onnx", wrong[i], &spec, &assumed, &error),
                         KIN_BAD_INPUT);
        assert_non_null(strstr(error.text, "is no list of up to 8 names"));
    }
    /* a name of 64 letters and more is cut, and others than ASCII's become question marks */
    char name[128];
    memset(name, 'n', sizeof name);
    strcpy(name + 100, "\n.onnx");
    assert_int_equal(read_spec(folder, name, "t", &spec, &assumed, &error), KIN_OK);
    assert_int_equal(strlen(spec.name), KIN_NETWORK_NAME_BYTES - 1);
    assert_int_equal(read_spec(folder, "\xc3\xa9\t.onnx", "t", &spec, &assumed, &error), KIN_OK);
    assert_string_equal(spec.name, "???");
    assert_int_equal(kin_network_spec_check(&spec, &error), KIN_OK);
    assert_int_equal(kin_directory_remove(folder, &error), KIN_OK);
    free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults),         cmocka_unit_test(every_word),
        cmocka_unit_test(ways_of_resizing), cmocka_unit_test(refusals),
        cmocka_unit_test(contradictions),   cmocka_unit_test(arguments),
        cmocka_unit_test(beside_the_model), cmocka_unit_test(words_of_a_command_line),
        cmocka_unit_test(wrong_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
