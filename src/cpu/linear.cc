// y = x w^T + bias, and for each segment its adapter's part, added to the same accumulators' results in the
// same order whoever else is in the batch.
#include "cpu/backend.h"
#include "cpu/linear_parts.h"

namespace whorl::cpu {

namespace {
void check(const Tensor& x, const CpuWeight& weight, const Tensor& bias,
           std::span<const LoraSegment> segments, const Tensor& s, const Tensor& y) {
  expect_matrix("linear", "x", x);
  const int64_t n = x.dim(0), k = weight.inputs(), o = weight.outputs();
  expect("linear", "x", x, {n, k});
  expect("linear", "y", y, {n, o});
  expect_optional("linear", "bias", bias, {o});
  check_segments("linear", segments, n, k, o);
  ops::expect_low("linear", s, n, largest_rank(segments), true);
}
}  // namespace

// s = D(x) a^T for the rows of every segment.
void CpuBackend::project_down(const Tensor& x, std::span<const LoraSegment> segments, float* s,
                              int64_t s_stride) {
  const auto pieces = cut_segments(segments, kSegmentRows);
  pool_->run(static_cast<int64_t>(pieces.size()), [&](int64_t i) {
    const auto& [segment, index, begin, end] = pieces[static_cast<size_t>(i)];
    const int64_t k = x.dim(1);
    const bool drop = segment->dropout > 0;
    const Lease dropped(scratch_, drop ? static_cast<size_t>((end - begin) * k) : 1);
    const auto row = [&](int64_t r) { return x.data<float>() + r * x.row_stride(); };
    for (int64_t r = begin; drop && r < end; ++r)
      drop_row(*segment, r - segment->begin, row(r), k, dropped.get() + (r - begin) * k);
    Gemm g = product(drop ? dropped.get() : row(begin), drop ? k : x.row_stride(), end - begin,
                     as_cpu(*segment->lora).a, s + begin * s_stride, s_stride);
    const Lease scratch(scratch_, static_cast<size_t>(kernels_.gemm_scratch));
    g.scratch = scratch.get();
    kernels_.gemm(g);
  });
}

void CpuBackend::linear(const Tensor& x, const PackedWeight& w, const Tensor& bias,
                        std::span<const LoraSegment> segments, const Tensor& s, const Tensor& y) {
  const CpuWeight& weight = as_cpu(w);
  check(x, weight, bias, segments, s, y);
  const int64_t n = x.dim(0), rank = largest_rank(segments);
  if (n == 0) return;
  const Lease own(scratch_, s.empty() ? static_cast<size_t>(n * rank + 1) : 1);
  float* const low = s.empty() ? own.get() : s.data<float>();
  const int64_t low_stride = s.empty() ? rank : s.row_stride();
  project_down(x, segments, low, low_stride);

  const Cut cut(n, weight, pool_->size());
  pool_->run(cut.tasks(), [&](int64_t task) {
    const int64_t begin = cut.row(task), end = cut.row_end(task), stride = y.row_stride();
    forward_block(weight,
                  {x.data<float>() + begin * x.row_stride(), x.row_stride(), end - begin,
                   y.data<float>() + begin * stride, stride, bias.data<float>()},
                  cut.panel(task), cut.panel_end(task));
    const Lease scratch(scratch_, static_cast<size_t>(kernels_.gemm_scratch));
    const auto run = [&](Gemm g) {
      g.panel_begin = cut.panel(task), g.panel_end = cut.panel_end(task), g.scratch = scratch.get();
      kernels_.gemm(g);
    };
    for_segments(segments, begin, end, [&](const LoraSegment& segment, int64_t first, int64_t last) {
      float* c = y.data<float>() + first * stride;
      Gemm part =
          product(low + first * low_stride, low_stride, last - first, as_cpu(*segment.lora).b, c, stride);
      part.init = c, part.init_stride = stride;
      run(part);
    });
  });
}

}  // namespace whorl::cpu
