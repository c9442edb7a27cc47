/* kindred-plan: what an index will take, before anything starts. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "common/base/progress.h"
#include "common/base/stop.h"
#include "worker/plan/plan_print.h"
#include "worker/plan/rates.h"

static kin_progress *progress;

static void say(const char *what)
{
    kin_progress_begin(progress, what, 0, 0);
    kin_progress_update(progress, 0, 0);
}

/* A file of rates that cannot be used is said, not failed for. */
static void load(kin_planning *planning)
{
    kin_error error;
    kin_status status = kin_rates_load(&planning->rates, &error);
    if (status != KIN_OK && status != KIN_NOT_FOUND)
        kin_log(KIN_LOG_WARNING, "rates are measured anew: %s", error.text);
}

static kin_status run(const kin_plan_options *options, kin_error *error)
{
    kin_planning planning = {.options = options, .say = say};
    kin_buffer text = {0};
    load(&planning);
    kin_status status = kin_planning_run(&planning, error);
    kin_progress_clear(progress);
    if (planning.measured && status == KIN_OK) {
        kin_error unsaved;
        if (kin_rates_save(&planning.rates, &unsaved) != KIN_OK)
            kin_log(KIN_LOG_WARNING, "rates are not kept for the next time: %s", unsaved.text);
    }
    if (status == KIN_OK && options->json) kin_plan_print_json(&planning, &text);
    if (status == KIN_OK && !options->json) kin_plan_print_text(&planning, &text);
    if (text.bytes > 0 &&
        (fwrite(text.data, 1, text.bytes, stdout) != text.bytes || fflush(stdout) != 0))
        status = kin_fail(error, KIN_IO, "cannot write to standard output");
    kin_buffer_fini(&text);
    kin_planning_fini(&planning);
    return status;
}

int main(int argc, char **argv)
{
    kin_log_init("kindred-plan", KIN_LOG_INFO);
    kin_plan_options options;
    kin_error error = {0};
    if (kin_plan_options_parse(&options, argc, argv, &error) != KIN_OK) {
        kin_log(KIN_LOG_ERROR, "%s", error.text);
        return 2;
    }
    if (options.help) {
        fputs(kin_plan_help, stdout);
        return 0;
    }
    kin_stop_init();
    progress = kin_progress_new();
    kin_status status = run(&options, &error);
    kin_progress_destroy(&progress);
    if (status != KIN_OK) kin_log(KIN_LOG_ERROR, "%s", error.text);
    return status == KIN_OK ? 0 : 1;
}
