/* Sidecars of models: what is read can be checked and kept. */
#include "common/base/check.h"
#include "proto/network_file.h"
#include "worker/index/sidecar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    kin_network_spec spec;
    kin_sidecar_default(&spec);
    if (kin_sidecar_parse(&spec, (const char *)data, size, "fuzz", NULL) != KIN_OK) return 0;
    if (kin_network_spec_check(&spec, NULL) != KIN_OK) return 0;
    kin_network_file file = {.model_count = 1, .models = {{.spec = spec, .onnx = "x", .bytes = 1}}};
    kin_network_file parsed;
    kin_buffer bytes = {0};
    kin_network_file_build(&bytes, &file);
    KIN_CHECK(kin_network_file_parse(&parsed, bytes.data, bytes.bytes, "fuzz", NULL) == KIN_OK);
    KIN_CHECK(parsed.models[0].spec.tap_count == spec.tap_count);
    kin_buffer_fini(&bytes);
    return 0;
}
