// The CUDA backend's ops through the harness of tests/ops: on the host's emulation of blocks and threads, and
// on a GPU where there is one.
#include <gtest/gtest.h>

#include <filesystem>

#include "ops/device.h"
#include "ops/forwarding_backend.h"
#include "ops/harness.h"
#include "ops/library_folders.h"
#include "ops/staging_backend.h"

namespace whorl::ops {

namespace {
struct Parameter {
  std::string device;
  DType weights;
  bool library = false;      // the emulation's stand-in for NVIDIA's
  bool few_rows_too = true;  // not the library's
  DType activations = DType::float32;
};

constexpr DType kNarrow = DType::bfloat16;

class EveryDevice : public testing::TestWithParam<Parameter> {};

TEST_P(EveryDevice, KeepsTheContract) {
  const auto& [device, weights, library, few_rows_too, activations] = GetParam();
  if (library) setenv("WHORL_EMULATED_PRODUCTS", "1", 1);
  if (!few_rows_too) setenv("WHORL_CUDA_FEW_ROWS", "0", 1);
  for (const char* path : {WHORL_EMULATED_LIBRARY, WHORL_CUDA_LIBRARY})
    if (*path) add_library_folder(std::filesystem::path(path).parent_path().string());
  if (device == "cuda") {
    const PlugCall found = call_plug("libwhorl_cuda.so", 0);
    if (!found.backend) GTEST_SKIP() << "no GPU: " << found.refusal;
    delete found.backend;
  }
  StagingBackend backend(make_backend(device), activations);
  unsetenv("WHORL_EMULATED_PRODUCTS"), unsetenv("WHORL_CUDA_FEW_ROWS");
  // NVIDIA's library rounds what stands beside bfloat16 weights; attention and adapters on
  // tensor cores do so everywhere.
  const Setting setting{.weights = weights,
                        .rounds = device == "cuda" || library,
                        .attention_rounds = true,
                        .adapters_round = true,
                        .activations_round = activations == DType::bfloat16};
  for (const auto& check : all_checks()) {
    // Which algorithm NVIDIA's library takes depends on the number of rows, and few rows are not its own; the
    // contract promises bits of rows alone for the CPU only.
    const bool depends = device == "cuda" || (library && few_rows_too && weights == DType::bfloat16);
    if ((device == "cuda" || (library && few_rows_too)) && check.run == check_fp8_rows_alone) continue;
    if (depends && (check.run == check_rows_alone || check.run == check_adapter_rows_alone ||
                    check.run == check_adapter_gradients_alone))
      continue;
    // These hold what may be bfloat16 against ops over pages, which are not, bit by bit.
    const bool narrow = activations == DType::bfloat16;
    if (narrow && (check.run == check_chunked_attention || check.run == check_rope_attention_paged)) continue;
    const RoundedNumbers rounded(narrow);
    Report report;
    check.run(backend, setting, report);
    EXPECT_TRUE(report.ok()) << check.name << "\n" << report.text();
    EXPECT_GT(report.checks(), 0) << check.name;
  }
}

// What a device that has nothing of its own for it does: the host in between, and the same bits.
struct AsTheContractHasIt final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void clipped_adamw(std::span<const ClippedUpdate> updates, const Tensor& norms) override {
    Backend::clipped_adamw(updates, norms);
  }
  void repack_loras(std::span<const LoraValues> values) override { Backend::repack_loras(values); }
};

TEST(Defaults, DoOnADeviceWhatItsOwnOpsDo) {
  add_library_folder(std::filesystem::path(WHORL_EMULATED_LIBRARY).parent_path().string());
  StagingBackend backend(std::make_shared<AsTheContractHasIt>(make_backend("cuda_emulated")));
  Report report;
  for (const Check check : {check_clipped_adamw, check_repack_loras}) check(backend, {}, report);
  EXPECT_TRUE(report.ok()) << report.text();
}

INSTANTIATE_TEST_SUITE_P(Cuda, EveryDevice,
                         testing::Values(Parameter{"cuda_emulated", DType::float32},
                                         Parameter{"cuda_emulated", DType::bfloat16},
                                         Parameter{"cuda_emulated", DType::float32, true},
                                         Parameter{"cuda_emulated", DType::bfloat16, true},
                                         Parameter{"cuda_emulated", DType::bfloat16, true, false},
                                         Parameter{"cuda_emulated", DType::bfloat16, false, true, kNarrow},
                                         Parameter{"cuda_emulated", DType::bfloat16, true, true, kNarrow},
                                         Parameter{"cuda", DType::float32},
                                         Parameter{"cuda", DType::bfloat16},
                                         Parameter{"cuda", DType::bfloat16, false, true, kNarrow}),
                         [](const auto& instance) {
                           const Parameter& p = instance.param;
                           return p.device + "_" + name_of(p.weights) + (p.library ? "_library" : "") +
                                  (p.few_rows_too ? "" : "_alone") +
                                  (p.activations == kNarrow ? "_narrow" : "");
                         });

}  // namespace
}  // namespace whorl::ops
