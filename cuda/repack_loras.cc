#include <algorithm>

#include "cuda/backend.h"
#include "cuda/kernels/repack.h"
#include "cuda/views.h"
#include "ops/checks.h"
#include "target/launch.h"

namespace whorl::cuda {

namespace {
// Their list is copied without waiting: it stays below Runtime::kStaged.
constexpr size_t kPairsOfALaunch = 4096;
static_assert(kPairsOfALaunch * sizeof(RepackedPair) <= Runtime::kStaged);

RepackedPair repacked(const ops::LoraValues& values) {
  ops::expect_pair("repack_loras", values);
  auto& lora = const_cast<CudaLora&>(as_cuda(static_cast<const PackedLora&>(*values.lora)));
  ops::expect("repack_loras", "a", values.a, lora.a.shape());
  ops::expect("repack_loras", "b", values.b, {lora.outputs(), lora.rank()});
  lora.scale = values.scale;
  return {values.a.data<float>(), values.b.data<float>(), lora.a.raw(), lora.bt.raw(), lora.rank(),
          lora.inputs(),          lora.outputs(),         values.scale, lora.rounds};
}
}  // namespace

void CudaBackend::repack_loras(std::span<const ops::LoraValues> values) {
  for (size_t first = 0; first < values.size(); first += kPairsOfALaunch) {
    const auto some = values.subspan(first, std::min(kPairsOfALaunch, values.size() - first));
    std::vector<RepackedPair> pairs;
    int64_t largest = 0;
    for (const ops::LoraValues& one : some) {
      pairs.push_back(repacked(one));
      largest = std::max(largest, one.a.numel() + one.b.numel());
    }
    const Uploaded<RepackedPair> list(*runtime_, pairs);
    launch(*runtime_, {static_cast<int64_t>(pairs.size()), pieces(largest, RepackPairs::kBlock), 0},
           RepackPairs{Global<const RepackedPair>(list.get())});
  }
}

}  // namespace whorl::cuda
