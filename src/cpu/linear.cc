// y = x w^T + bias, and for each segment its adapter's part, added to the same accumulators' results in the
// same order whoever else is in the batch.
#include "cpu/backend.h"
#include "cpu/linear_parts.h"

namespace whorl::cpu {

namespace {
constexpr int64_t kSegmentRows = 48;
}

void CpuBackend::linear(const Tensor& x, const PackedWeight& w, const Tensor& bias,
                        std::span<const LoraSegment> segments, const Tensor& s, const Tensor& y) {
  const CpuWeight& weight = as_cpu(w);
  expect_matrix("linear", "x", x);
  const int64_t n = x.dim(0), k = weight.inputs(), o = weight.outputs();
  expect("linear", "x", x, {n, k});
  expect("linear", "y", y, {n, o});
  expect_optional("linear", "bias", bias, {o});
  check_segments("linear", segments, n, k, o);
  const int64_t rank = largest_rank(segments);
  const bool keep = !s.empty();
  base::check_argument(!keep || rank == 0 || (s.shape().size() == 2 && s.dim(0) == n && s.dim(1) >= rank &&
                                              s.dtype() == DType::float32),
                       "[linear] expected s [", n, ", ", rank, "] or more columns, got ", to_string(s.shape()));
  if (n == 0) return;

  const Lease low(scratch_, keep || rank == 0 ? 1 : static_cast<size_t>(n * rank));
  float* const low_rank = keep ? s.data<float>() : low.get();
  const int64_t low_stride = keep ? s.row_stride() : rank;
  const auto pieces = cut_segments(segments, kSegmentRows);
  pool_->run(static_cast<int64_t>(pieces.size()), [&](int64_t i) {
    const auto& [segment, index, begin, end] = pieces[static_cast<size_t>(i)];
    const float* from = x.data<float>() + begin * x.row_stride();
    int64_t stride = x.row_stride();
    const Lease dropped(scratch_, segment->dropout > 0 ? static_cast<size_t>((end - begin) * k) : 1);
    if (segment->dropout > 0) {
      for (int64_t r = begin; r < end; ++r)
        drop_row(*segment, r - segment->begin, x.data<float>() + r * x.row_stride(), k, dropped.get() + (r - begin) * k);
      from = dropped.get(), stride = k;
    }
    Gemm g = product(from, stride, end - begin, as_cpu(*segment->lora).a, low_rank + begin * low_stride, low_stride);
    const Lease scratch(scratch_, static_cast<size_t>(kernels_.gemm_scratch));
    g.scratch = scratch.get();
    kernels_.gemm(g);
  });

  const Cut cut(n, weight.forward, pool_->size());
  pool_->run(cut.tasks(), [&](int64_t task) {
    const int64_t begin = cut.row(task), end = cut.row_end(task);
    const Lease scratch(scratch_, static_cast<size_t>(kernels_.gemm_scratch));
    float* const to = y.data<float>();
    const auto run = [&](Gemm g) {
      g.panel_begin = cut.panel(task), g.panel_end = cut.panel_end(task), g.scratch = scratch.get();
      kernels_.gemm(g);
    };
    Gemm g = product(x.data<float>() + begin * x.row_stride(), x.row_stride(), end - begin, weight.forward,
                     to + begin * y.row_stride(), y.row_stride());
    g.init = bias.data<float>(), g.init_stride = 0;
    run(g);
    for (const LoraSegment& segment : segments) {
      const int64_t first = std::max(begin, segment.begin), last = std::min(end, segment.end);
      if (!segment.lora || first >= last) continue;
      float* c = to + first * y.row_stride();
      Gemm part = product(low_rank + first * low_stride, low_stride, last - first, as_cpu(*segment.lora).b, c,
                          y.row_stride());
      part.init = c, part.init_stride = y.row_stride();
      run(part);
    }
  });
}

}  // namespace whorl::cpu
