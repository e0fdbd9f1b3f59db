// Every op x every instruction set of this machine x every type of weight, through one harness.
#include <gtest/gtest.h>

#include <cstdio>

#include "ops/device.h"
#include "ops/factories.h"
#include "ops/harness.h"
#include "ops/recording_backend.h"

namespace whorl::ops {

namespace {
struct Parameter {
  std::string isa;
  DType weights;
  int threads;
};

std::vector<Parameter> parameters() {
  std::vector<Parameter> all;
  auto isas = available_isas();
  const auto emulated = emulated_cpu_isas();
  isas.insert(isas.end(), emulated.begin(), emulated.end());
  for (const auto& isa : isas)
    for (const DType weights : {DType::float32, DType::bfloat16}) all.push_back({isa, weights, 2});
  return all;
}

bool has_tiles(const std::string& isa) { return isa == "amx" || isa == "amx_emulated"; }
bool rounds(const Parameter& p) { return p.isa == "avx512_bf16" || has_tiles(p.isa); }

class EveryBackend : public testing::TestWithParam<Parameter> {};

TEST_P(EveryBackend, KeepsTheContract) {
  const auto backend = make_cpu_backend(GetParam().threads, GetParam().isa);
  const Setting setting{GetParam().weights, rounds(GetParam())};
  for (const auto& check : all_checks()) {
    Report report;
    check.run(*backend, setting, report);
    EXPECT_TRUE(report.ok()) << check.name << "\n" << report.text();
    EXPECT_GT(report.checks(), 0) << check.name;
  }
}

// The same calls on one thread and on three leave the same bits in every output of every op.
TEST_P(EveryBackend, GivesTheSameBitsOnAnyNumberOfThreads) {
  const std::string& isa = GetParam().isa;
  if (GetParam().weights != DType::float32 && isa != available_isas().front() && !has_tiles(isa))
    GTEST_SKIP() << "threads cut work alike for every type of weight; the best instruction set stands for it";
  const Setting setting{GetParam().weights};
  std::vector<std::vector<uint64_t>> digests;
  for (const int threads : {1, 3}) {
    RecordingBackend recording(make_cpu_backend(threads, GetParam().isa));
    Report report;
    for (const auto& check : all_checks()) check.run(recording, setting, report);
    digests.push_back(recording.digests());
  }
  EXPECT_GT(digests[0].size(), 300u);
  EXPECT_EQ(digests[0], digests[1]);
}

INSTANTIATE_TEST_SUITE_P(Isa, EveryBackend, testing::ValuesIn(parameters()), [](const auto& instance) {
  return instance.param.isa + "_" + name_of(instance.param.weights);
});

TEST(Isa, SaysWhichRan) {
  std::string ran, missing;
  const auto available = available_isas();
  for (const std::string isa : {"amx", "avx512_bf16", "avx512_vnni", "avx512", "avx_vnni", "avx2", "generic"})
    (std::find(available.begin(), available.end(), isa) != available.end() ? ran : missing) += " " + isa;
  std::printf("instruction sets that ran:%s; not on this machine:%s\n", ran.c_str(),
              missing.empty() ? " none" : missing.c_str());
  std::printf("emulated: %s\n",
              emulated_cpu_isas().empty() ? "none (tiles need AVX512-BF16 beside them)" : "amx_emulated");
  EXPECT_EQ(available.back(), "generic");
}

}  // namespace
}  // namespace whorl::ops
