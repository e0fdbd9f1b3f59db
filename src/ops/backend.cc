// What a backend does unless it knows better. A backend that is a library of its own holds this file, too.
#include "ops/backend.h"

#include <cstring>

#include "base/check.h"
#include "base/thread_pool.h"

namespace whorl::ops {

void Backend::unpack_rows(const PackedWeight& w, int64_t begin, const Tensor& out) {
  const Tensor rows = unpack(w).rows(begin, begin + out.dim(0));
  std::memcpy(out.raw(), rows.raw(), rows.nbytes());
}

WeightParts Backend::parts(const PackedWeight&) {
  base::invalid("[parts] the backend ", name(), " has no layout to keep");
}
Weight Backend::from_parts(const WeightParts&) {
  base::invalid("[from_parts] the backend ", name(), " has no layout to keep");
}

std::unique_ptr<DeviceRanks> Backend::join_ranks(const RankCalls&) {
  base::invalid("[join_ranks] the backend ", name(), " has no sums of its own over ranks");
}

Weight Backend::pack_quantized(const QuantizedMatrix&) {
  base::invalid("[pack_quantized] the backend ", name(),
                " takes no codes; load with quantize 'none', 'int8' or 'int4'");
}

Weight Backend::pack_quantized(const QuantizedRows& w) {
  constexpr int64_t kGroup = 32;
  const int64_t groups = (w.inputs + kGroup - 1) / kGroup;
  QuantizedMatrix all{
      w.quantize, w.inputs,
      Tensor::zeros(DType::uint8, {w.outputs, w.quantize == Quantize::int8 ? w.inputs : (w.inputs + 1) / 2}),
      Tensor::zeros(DType::float16, {w.outputs, groups}),
      w.minima ? Tensor::zeros(DType::float16, {w.outputs, groups}) : Tensor()};
  const int64_t bytes = all.codes.dim(1);
  base::ThreadPool::shared()->run(w.outputs, [&](int64_t row) {
    w.read(row, {all.codes.data<uint8_t>() + row * bytes, all.scales.data<uint16_t>() + row * groups,
                 w.minima ? all.minima.data<uint16_t>() + row * groups : nullptr});
  });
  return pack_quantized(all);
}

}  // namespace whorl::ops
