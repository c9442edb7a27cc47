#include "common/base/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/text.h"

static kin_status unknown(const kin_option *options, const char *given, kin_error *error)
{
    const char *name = given + strspn(given, "-");
    const kin_option *nearest = NULL;
    int least = 3; /* farther than two edits is another word */
    for (const kin_option *option = options; option->name != NULL; option++) {
        int distance = kin_text_edit_distance(name, option->name);
        if (distance < least) {
            least = distance;
            nearest = option;
        }
    }
    if (nearest != NULL)
        return kin_fail(error, KIN_BAD_INPUT, "unknown option %s; did you mean --%s?", given,
                        nearest->name);
    return kin_fail(error, KIN_BAD_INPUT, "unknown option %s; --help lists the options", given);
}

/* "--" of "--name"; "-" where the name is its letter. */
static const char *dashes(const kin_option *option)
{
    return option->name[1] == 0 ? "-" : "--";
}

static bool is_choice(const char *choices, const char *value)
{
    size_t length = strlen(value);
    for (const char *choice = choices; length > 0; choice++) {
        size_t span = strcspn(choice, "|");
        if (span == length && memcmp(choice, value, length) == 0) return true;
        choice += span;
        if (*choice == 0) break;
    }
    return false;
}

static kin_status assign_real(const kin_option *option, const char *value, kin_error *error)
{
    char *end;
    double number = strtod(value, &end);
    if (end == value || *end != 0 || !(number >= (double)option->minimum) ||
        !(number <= (double)option->maximum))
        return kin_fail(error, KIN_BAD_INPUT, "%s%s is '%s'; it takes a number from %lld to %lld",
                        dashes(option), option->name, value, (long long)option->minimum,
                        (long long)option->maximum);
    *(double *)option->target = number;
    return KIN_OK;
}

static kin_status assign(const kin_option *option, const char *value, kin_error *error)
{
    if (option->kind == KIN_OPTION_REAL) return assign_real(option, value, error);
    if (option->kind == KIN_OPTION_TEXT) {
        if (option->choices != NULL && !is_choice(option->choices, value))
            return kin_fail(error, KIN_BAD_INPUT, "%s%s is '%s'; it takes one of %s",
                            dashes(option), option->name, value, option->choices);
        *(const char **)option->target = value;
        return KIN_OK;
    }
    if (option->kind == KIN_OPTION_LIST) {
        kin_option_list *list = option->target;
        if (list->count == KIN_OPTION_LIST_MAX)
            return kin_fail(error, KIN_BAD_INPUT, "%s%s is given more than %d times",
                            dashes(option), option->name, KIN_OPTION_LIST_MAX);
        list->items[list->count++] = value;
        return KIN_OK;
    }
    char *end;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    if (end == value || *end != 0 || errno != 0 || number < option->minimum ||
        number > option->maximum)
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s%s is '%s'; it takes a whole number from %lld to %lld", dashes(option),
                        option->name, value, (long long)option->minimum,
                        (long long)option->maximum);
    *(int64_t *)option->target = number;
    return KIN_OK;
}

/* The option that argument names, its inline value (after '=' or behind a letter) in *value. */
static const kin_option *find(const kin_option *options, const char *argument, const char **value)
{
    *value = NULL;
    for (const kin_option *option = options; option->name != NULL; option++) {
        if (argument[1] != '-') {
            if (option->letter == 0 || argument[1] != option->letter) continue;
            if (argument[2] != 0) *value = argument + 2;
            if (option->kind == KIN_OPTION_FLAG && *value != NULL) continue;
            return option;
        }
        size_t length = strlen(option->name);
        if (strncmp(argument + 2, option->name, length) != 0) continue;
        if (argument[2 + length] == '=') *value = argument + 3 + length;
        if (argument[2 + length] == '=' || argument[2 + length] == 0) return option;
    }
    return NULL;
}

kin_status kin_options_parse(const kin_option *options, int argc, char **argv, int *argument_count,
                             kin_error *error)
{
    int kept = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--") == 0) {
            while (++i < argc)
                argv[1 + kept++] = argv[i];
            break;
        }
        if (argv[i][0] != '-' || argv[i][1] == 0) {
            argv[1 + kept++] = argv[i];
            continue;
        }
        const char *value;
        const kin_option *option = find(options, argv[i], &value);
        if (option == NULL) return unknown(options, argv[i], error);
        if (option->kind == KIN_OPTION_FLAG) {
            if (value != NULL)
                return kin_fail(error, KIN_BAD_INPUT, "%s%s takes no value", dashes(option),
                                option->name);
            *(bool *)option->target = true;
            continue;
        }
        if (value == NULL && i + 1 < argc) value = argv[++i];
        if (value == NULL)
            return kin_fail(error, KIN_BAD_INPUT, "%s%s needs a value", dashes(option),
                            option->name);
        kin_status status = assign(option, value, error);
        if (status != KIN_OK) return status;
    }
    *argument_count = kept;
    return KIN_OK;
}
