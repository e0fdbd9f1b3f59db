// The CUDA backend's ops through the harness of tests/ops: on the host's emulation of blocks and threads, and
// on a GPU where there is one.
#include <gtest/gtest.h>

#include <filesystem>

#include "ops/device.h"
#include "ops/harness.h"
#include "ops/library_folders.h"
#include "ops/staging_backend.h"

namespace whorl::ops {

namespace {
struct Parameter {
  std::string device;
  DType weights;
};

class EveryDevice : public testing::TestWithParam<Parameter> {};

TEST_P(EveryDevice, KeepsTheContract) {
  const auto& [device, weights] = GetParam();
  for (const char* library : {WHORL_EMULATED_LIBRARY, WHORL_CUDA_LIBRARY})
    if (*library) add_library_folder(std::filesystem::path(library).parent_path().string());
  if (device == "cuda") {
    const PlugCall found = call_plug("libwhorl_cuda.so", 0);
    if (!found.backend) GTEST_SKIP() << "no GPU: " << found.refusal;
    delete found.backend;
  }
  StagingBackend backend(make_backend(device));
  // NVIDIA's library rounds what stands beside bfloat16 weights.
  const Setting setting{weights, device == "cuda"};
  for (const auto& check : all_checks()) {
    // Which algorithm NVIDIA's library takes depends on the number of rows, and the contract promises bits of
    // rows alone for the CPU only.
    if (device == "cuda" && check.run == check_rows_alone) continue;
    Report report;
    check.run(backend, setting, report);
    EXPECT_TRUE(report.ok()) << check.name << "\n" << report.text();
    EXPECT_GT(report.checks(), 0) << check.name;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Cuda, EveryDevice,
    testing::Values(Parameter{"cuda_emulated", DType::float32}, Parameter{"cuda_emulated", DType::bfloat16},
                    Parameter{"cuda", DType::float32}, Parameter{"cuda", DType::bfloat16}),
    [](const auto& instance) { return instance.param.device + "_" + name_of(instance.param.weights); });

}  // namespace
}  // namespace whorl::ops
