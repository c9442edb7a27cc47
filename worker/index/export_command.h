/* kindred-index export: the codes and keys of an index as files of other programs. */
#ifndef WORKER_INDEX_EXPORT_COMMAND_H
#define WORKER_INDEX_EXPORT_COMMAND_H

/* argv[0] is the command's name; the exit code. */
int kin_export_command(int argc, char **argv);

#endif
