#include "proto/key_file.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/buffer.h"
#include "common/base/file.h"
#include "common/base/memory.h"

/* A list of 10,000 keys with notes is under a megabyte. */
#define KEY_FILE_BYTES_MAX (1u << 20)
#define PUBLIC_WORD "public-key"
#define SECRET_WORD "secret-key"

/* One line of a key file: `word = "key"`, or a key alone (word empty). */
typedef struct key_line {
    char word[16];
    char key[KIN_KEY_TEXT_BYTES];
} key_line;

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Z85's 85 characters (ZeroMQ RFC 32). */
static bool is_key(const char *text, size_t bytes)
{
    static const char digits[] =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
    for (size_t i = 0; i < bytes; i++)
        if (text[i] == 0 || strchr(digits, text[i]) == NULL) return false;
    return bytes == KIN_KEY_TEXT_BYTES - 1;
}

/* False for a line that is neither. text is without spaces around it. */
static bool read_line(const char *text, size_t bytes, key_line *line)
{
    memset(line, 0, sizeof *line);
    size_t word = 0;
    while (word < bytes && ((text[word] >= 'a' && text[word] <= 'z') || text[word] == '-'))
        word++;
    size_t at = word;
    while (at < bytes && is_space(text[at]))
        at++;
    bool named =
        at < bytes && text[at] == '=' && word < sizeof line->word && bytes > KIN_KEY_TEXT_BYTES;
    if (named) {
        memcpy(line->word, text, word);
        for (at++; at < bytes && is_space(text[at]);)
            at++;
        if (bytes - at < 2 || text[at] != '"' || text[bytes - 1] != '"') return false;
        text += at + 1;
        bytes -= at + 2;
    }
    if (!is_key(text, bytes)) return false;
    memcpy(line->key, text, bytes);
    return true;
}

/* The next line that says something; false at the end. *number counts lines. */
static bool next_line(const char **at, const char *end, const char **text, size_t *bytes,
                      unsigned *number)
{
    while (*at < end) {
        const char *stop = memchr(*at, '\n', (size_t)(end - *at));
        if (stop == NULL) stop = end;
        *text = *at;
        const char *last = stop;
        while (*text < last && is_space(**text))
            (*text)++;
        while (last > *text && is_space(last[-1]))
            last--;
        *bytes = (size_t)(last - *text);
        *at = stop < end ? stop + 1 : end;
        ++*number;
        if (*bytes > 0 && (*text)[0] != '#') return true;
    }
    return false;
}

static kin_status bad_line(const char *name, unsigned number, kin_error *error)
{
    return kin_fail(error, KIN_BAD_INPUT,
                    "%s, line %u: neither a note (#) nor a key of 40 characters such as "
                    "public-key = \"...\"",
                    name, number);
}

kin_status kin_key_pair_parse(const char *data, size_t bytes, const char *name, kin_key_pair *pair,
                              kin_error *error)
{
    const char *at = data, *text;
    size_t length;
    unsigned number = 0;
    key_line line;
    memset(pair, 0, sizeof *pair);
    while (next_line(&at, data + bytes, &text, &length, &number)) {
        if (!read_line(text, length, &line)) return bad_line(name, number, error);
        if (strcmp(line.word, PUBLIC_WORD) == 0)
            memcpy(pair->public_key, line.key, sizeof line.key);
        else if (strcmp(line.word, SECRET_WORD) == 0)
            memcpy(pair->secret_key, line.key, sizeof line.key);
        else
            return bad_line(name, number, error);
    }
    if (pair->public_key[0] == 0 || pair->secret_key[0] == 0)
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s does not hold both keys of a pair; kindred keygen writes such a file",
                        name);
    return KIN_OK;
}

kin_status kin_key_list_parse(const char *data, size_t bytes, const char *name, kin_key_list *list,
                              kin_error *error)
{
    const char *at = data, *text;
    size_t length;
    unsigned number = 0;
    key_line line;
    memset(list, 0, sizeof *list);
    while (next_line(&at, data + bytes, &text, &length, &number)) {
        if (!read_line(text, length, &line) ||
            (line.word[0] != 0 && strcmp(line.word, PUBLIC_WORD) != 0)) {
            kin_key_list_fini(list);
            return bad_line(name, number, error);
        }
        list->keys = kin_realloc(list->keys, list->count + 1, sizeof *list->keys);
        memcpy(list->keys[list->count++], line.key, sizeof line.key);
    }
    return KIN_OK;
}

void kin_key_list_fini(kin_key_list *list)
{
    free(list->keys);
    memset(list, 0, sizeof *list);
}

kin_status kin_key_pair_read(const char *path, kin_key_pair *pair, kin_error *error)
{
    struct stat about;
    kin_buffer data = {0};
    memset(pair, 0, sizeof *pair);
    if (stat(path, &about) == 0 && (about.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return kin_fail(error, KIN_BAD_INPUT,
                        "%s holds a secret key and is open to others; chmod 600 it", path);
    kin_status status = kin_file_read(path, KEY_FILE_BYTES_MAX, &data, error);
    if (status == KIN_OK)
        status = kin_key_pair_parse((const char *)data.data, data.bytes, path, pair, error);
    if (data.data != NULL) explicit_bzero(data.data, data.bytes);
    kin_buffer_fini(&data);
    return status;
}

kin_status kin_key_list_read(const char *path, kin_key_list *list, kin_error *error)
{
    kin_buffer data = {0};
    memset(list, 0, sizeof *list);
    kin_status status = kin_file_read(path, KEY_FILE_BYTES_MAX, &data, error);
    if (status == KIN_OK)
        status = kin_key_list_parse((const char *)data.data, data.bytes, path, list, error);
    kin_buffer_fini(&data);
    return status;
}

kin_status kin_key_pair_write(const char *path, const kin_key_pair *pair, kin_error *error)
{
    char *public_path = kin_sprintf("%s.pub", path);
    kin_buffer text = {0};
    kin_status status = KIN_OK;
    if (kin_path_exists(path) || kin_path_exists(public_path))
        status = kin_fail(error, KIN_BAD_INPUT,
                          "%s or %s is there already; choose another name or remove it", path,
                          public_path);
    kin_buffer_printf(&text, "# Kindred: the public key, for lists of those who may connect.\n");
    kin_buffer_printf(&text, PUBLIC_WORD " = \"%s\"\n", pair->public_key);
    if (status == KIN_OK) status = kin_file_write_atomic(public_path, text.data, text.bytes, error);
    kin_buffer_clear(&text);
    kin_buffer_printf(&text, "# Kindred: a pair of keys. Keep this file to yourself.\n");
    kin_buffer_printf(&text, PUBLIC_WORD " = \"%s\"\n", pair->public_key);
    kin_buffer_printf(&text, SECRET_WORD " = \"%s\"\n", pair->secret_key);
    /* Nobody else may look at any moment, so the mask is set before the file is there. */
    mode_t mask = umask(S_IRWXG | S_IRWXO);
    if (status == KIN_OK) status = kin_file_write_atomic(path, text.data, text.bytes, error);
    umask(mask);
    explicit_bzero(text.data, text.bytes);
    kin_buffer_fini(&text);
    free(public_path);
    return status;
}
