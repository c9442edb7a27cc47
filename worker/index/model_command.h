/* `kindred-index model`: shows a model, and runs it on a tensor. */
#ifndef WORKER_INDEX_MODEL_COMMAND_H
#define WORKER_INDEX_MODEL_COMMAND_H

/* argv[0] is the command's name; returns the exit code. */
int kin_model_command(int argc, char **argv);

#endif
