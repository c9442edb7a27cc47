#include <string.h>

#include "common/base/text.h"
#include "coordinator/client/commands.h"
#include "proto/key_file.h"

static const char help[] =
    "usage: kindred keygen FILE\n"
    "\n"
    "Makes a CURVE key pair, by which daemons and clients of different machines know\n"
    "each other: FILE holds both keys and stays where it is (mode 0600); FILE.pub holds\n"
    "the public one, which is given to the others. A file that is there is kept.\n"
    "\n"
    "The server takes --key FILE --allow CLIENTS, where CLIENTS is the .pub files of\n"
    "all clients and workers, one after the other; a client takes --key FILE and, as\n"
    "--server-key, the key in the server's .pub file.\n"
    "\n"
    "example: kindred keygen ~/.kindred.key\n";

static kin_exit run(int argc, char **argv)
{
    const kin_option options[] = {{0}};
    int count;
    kin_exit result;
    if (!kin_command_parse(&kin_keygen_command, options, argc, argv, 1, 1, &count, &result))
        return result;
    kin_key_pair pair = {0};
    kin_buffer text = {0};
    kin_error error = {0};
    kin_status status = kin_key_pair_new(&pair, &error);
    if (status == KIN_OK) status = kin_key_pair_write(argv[1], &pair, &error);
    if (status == KIN_OK) {
        kin_buffer_printf(&text, "public key %s, in ", pair.public_key);
        kin_text_append_escaped(&text, argv[1], strlen(argv[1]));
        kin_buffer_append_string(&text, ".pub\n");
        status = kin_command_print(text.data, text.bytes, &error);
    }
    explicit_bzero(&pair, sizeof pair);
    kin_buffer_fini(&text);
    return status == KIN_OK ? KIN_EXIT_DONE : kin_command_failed(&error);
}

const kin_command kin_keygen_command = {
    .name = "keygen",
    .summary = "keys for a cluster that spans machines",
    .help = help,
    .run = run,
};
