// Every op through the machine code of the tile kernels, on threads of its own: by the processor if it has
// tiles, else one decoded instruction at a time.
#include <gtest/gtest.h>

#include "cpu/backend.h"
#include "cpu/tile_products.h"
#include "cpu/tile_traps.h"
#include "ops/harness.h"

namespace whorl::cpu {

namespace {
TEST(AmxOps, MachineCodeKeepsTheContractOfEveryOp) {
  if (emulated_isas().empty()) GTEST_SKIP() << "tiles are emulated beside AVX512-BF16, which is not here";
  const bool trapped = !detect_features().amx();
  const TileTraps traps;
  CpuBackend backend(std::make_shared<base::ThreadPool>(2), *amx_kernels());
  for (const auto& check : ops::all_checks()) {
    ops::Report report;
    check.run(backend, {DType::bfloat16, true}, report);
    EXPECT_TRUE(report.ok()) << check.name << "\n" << report.text();
  }
  EXPECT_EQ(traps.done() > 10000, trapped) << traps.done();
  EXPECT_FALSE(traps.in_use());
}
}  // namespace
}  // namespace whorl::cpu
