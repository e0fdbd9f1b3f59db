#include <algorithm>

#include "cpu/backend.h"
#include "cpu/checks.h"

namespace whorl::cpu {

void CpuBackend::embedding(std::span<const int32_t> ids, const PackedWeight& table, const Tensor& y) {
  const CpuWeight& weight = as_cpu(table);
  expect("embedding", "y", y, {static_cast<int64_t>(ids.size()), weight.inputs()});
  expect_below("embedding", "ids", ids, weight.outputs());
  const auto late = weight.late.first(Late::Use::lookup);
  if (!late) lay_out(weight);
  parallel(static_cast<int64_t>(ids.size()), 1 + 4096 / weight.inputs(), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      float* const to = y.data<float>() + i * y.row_stride();
      const int32_t id = ids[static_cast<size_t>(i)];
      if (late) {
        late->copy_row(id, to);
        continue;
      }
      weight.whole() ? weight.forward.copy_column_wide(id, to) : weight.quantised.copy_column(id, to);
    }
  });
}

void CpuBackend::embedding_backward(std::span<const int32_t> ids, const Tensor& dy, const Tensor& dtable) {
  expect_matrix("embedding_backward", "dtable", dtable);
  expect("embedding_backward", "dy", dy, {static_cast<int64_t>(ids.size()), dtable.dim(1)});
  expect_below("embedding_backward", "ids", ids, dtable.dim(0));
  // An id may occur in many rows: threads share columns, and each adds its rows in order.
  const int64_t columns = dtable.dim(1);
  parallel((columns + 63) / 64, 1, [&](int64_t begin, int64_t end) {
    const int64_t first = begin * 64, size = std::min(end * 64, columns) - first;
    for (size_t i = 0; i < ids.size(); ++i)
      kernels_.add(size, dy.data<float>() + static_cast<int64_t>(i) * dy.row_stride() + first,
                   dtable.data<float>() + ids[i] * dtable.row_stride() + first);
  });
}

}  // namespace whorl::cpu
