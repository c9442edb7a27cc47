/* kindred-index: makes indexes, alone or as an MPI job. */
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "common/base/log.h"
#include "worker/index/build_job.h"
#include "worker/index/build_options.h"
#include "worker/index/comm.h"
#include "worker/index/export_command.h"
#include "worker/index/import_job.h"
#include "worker/index/model_command.h"
#include "worker/index/train_command.h"

static const char help[] =
    "usage: kindred-index build -o INDEX [OPTION]... SOURCE...\n"
    "       kindred-index train -o HASHER [OPTION]... DATA\n"
    "       kindred-index import -o INDEX [OPTION]... CODES\n"
    "       kindred-index export INDEX -o CODES.npy [OPTION]...\n"
    "       kindred-index model [OPTION]... FILE.onnx\n"
    "\n"
    "Makes an index of pictures, which kindred then searches. On several cores or machines it is\n"
    "an MPI job; alone it is a job of one rank.\n"
    "\n"
    "  build    make an index, or go on with one that was interrupted; build --help says more\n"
    "  train    learn what makes the codes, from feature vectors; train --help says more\n"
    "  import   make one of codes that another program made; import --help says more\n"
    "  export   write the codes and keys of an index to files; export --help says more\n"
    "  model    show a network (ONNX), or run it on a tensor; model --help says more\n"
    "\n"
    "example: mpirun -n 4 kindred-index build -o /tmp/index /usr/share/icons\n";

static int usage(const char *sentence)
{
    if (kin_comm_launched_rank() <= 0) kin_log(KIN_LOG_ERROR, "%s", sentence);
    return 2;
}

static void print(const char *text)
{
    if (kin_comm_launched_rank() <= 0) fputs(text, stdout);
}

static int run_import(int argc, char **argv)
{
    kin_import_options options;
    kin_error error;
    if (kin_import_options_parse(&options, argc, argv, &error) != KIN_OK) return usage(error.text);
    if (options.help) {
        print(kin_import_help);
        return 0;
    }
    return kin_import_run(&options);
}

int main(int argc, char **argv)
{
    kin_log_init("kindred-index", KIN_LOG_INFO);
    setlocale(LC_CTYPE, "C.UTF-8"); /* names in archives: bytes in, the same bytes out */
    if (argc < 2) return usage("there is no command; kindred-index --help says how it is used");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
        strcmp(argv[1], "help") == 0) {
        print(help);
        return 0;
    }
    if (strcmp(argv[1], "model") == 0) return kin_model_command(argc - 1, argv + 1);
    if (strcmp(argv[1], "train") == 0) return kin_train_command(argc - 1, argv + 1);
    if (strcmp(argv[1], "export") == 0) return kin_export_command(argc - 1, argv + 1);
    if (strcmp(argv[1], "import") == 0) return run_import(argc - 1, argv + 1);
    if (strcmp(argv[1], "build") != 0)
        return usage(
            "the commands are build, train, import, export and model; kindred-index --help "
            "says how they are used");
    kin_build_options options;
    kin_error error;
    if (kin_build_options_parse(&options, argc - 1, argv + 1, &error) != KIN_OK)
        return usage(error.text);
    if (options.help) {
        print(kin_build_help);
        return 0;
    }
    return kin_build_run(&options);
}
