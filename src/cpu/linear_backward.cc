#include "cpu/backend.h"
#include "cpu/linear_parts.h"
#include "cpu/rows_in_turn.h"

namespace whorl::cpu {

namespace {
void check_gradients(std::span<const LoraSegment> segments, std::span<const LoraGradient> gradients) {
  if (gradients.empty()) return;
  expect_count("linear_backward", "gradients, one per segment", gradients.size(),
               static_cast<int64_t>(segments.size()));
  for (size_t i = 0; i < segments.size(); ++i) {
    if (!segments[i].lora) continue;
    const CpuLora& lora = as_cpu(*segments[i].lora);
    expect_optional("linear_backward", "da", gradients[i].da, {lora.rank(), lora.a.k()});
    expect_optional("linear_backward", "db", gradients[i].db, {lora.b.columns(), lora.rank()});
  }
}
}  // namespace

// c[m, columns] += scale * a^T b over rows, the larger of m and columns shared out among threads.
void CpuBackend::reduce_rows(GemmOverRows product) {
  const bool by_columns = product.columns >= product.m;
  const int64_t whole = by_columns ? product.columns : product.m;
  const int64_t units = (whole + 47) / 48;  // whole tiles of 12 rows and whole panels of 16 columns
  parallel(units, 1, [&](int64_t begin, int64_t end) {
    const Lease scratch(scratch_, static_cast<size_t>(kernels_.over_rows_scratch));
    GemmOverRows part = product;
    const int64_t first = begin * 48, size = std::min(end * 48, whole) - first;
    part.scratch = scratch.get();
    if (by_columns) {
      part.b += first, part.c += first, part.columns = size;
    } else {
      part.a += first, part.c += first * part.c_stride, part.m = size;
    }
    kernels_.gemm_over_rows(part);
  });
}

void CpuBackend::lora_gradients(const Tensor& dy, const Tensor& x, std::span<const LoraSegment> segments,
                                const Tensor& s, std::span<const LoraGradient> gradients, const float* ds,
                                int64_t ds_stride) {
  for (size_t i = 0; i < gradients.size(); ++i) {
    const LoraSegment& segment = segments[i];
    const int64_t begin = segment.begin, rows = segment.end - begin;
    if (!segment.lora || rows == 0) continue;
    const CpuLora& lora = as_cpu(*segment.lora);
    const auto &da = gradients[i].da, &db = gradients[i].db;
    if (!db.empty())
      reduce_rows({dy.data<float>() + begin * dy.row_stride(), dy.row_stride(), dy.dim(1),
                   s.data<float>() + begin * s.row_stride(), s.row_stride(), lora.rank(), rows, lora.scale,
                   db.data<float>(), db.row_stride(), nullptr});
    if (da.empty()) continue;
    const int64_t k = x.dim(1);
    const float* from = x.data<float>() + begin * x.row_stride();
    int64_t stride = x.row_stride();
    const Lease dropped(scratch_, segment.dropout > 0 ? static_cast<size_t>(rows * k) : 1);
    if (segment.dropout > 0) {
      parallel(rows, 4, [&](int64_t first, int64_t last) {
        for (int64_t r = first; r < last; ++r)
          drop_row(segment, r, x.data<float>() + (begin + r) * x.row_stride(), k, dropped.get() + r * k);
      });
      from = dropped.get(), stride = k;
    }
    reduce_rows({ds + begin * ds_stride, ds_stride, lora.rank(), from, stride, k, rows, 1.0f,
                 da.data<float>(), da.row_stride(), nullptr});
  }
}

namespace {
// dy b for rows [begin, end) of one segment.
Gemm low_product(const Tensor& dy, const LoraSegment& segment, int64_t begin, int64_t end, float* ds,
                 int64_t ds_stride) {
  return product(dy.data<float>() + begin * dy.row_stride(), dy.row_stride(), end - begin,
                 as_cpu(*segment.lora).b_backward, ds + begin * ds_stride, ds_stride);
}
}  // namespace

// ds = dy b for the rows of every segment.
void CpuBackend::low_gradient(const Tensor& dy, std::span<const LoraSegment> segments, float* ds,
                              int64_t ds_stride) {
  const auto pieces = cut_segments(segments, kSegmentRows);
  pool_->run(static_cast<int64_t>(pieces.size()), [&](int64_t i) {
    const auto& [segment, index, begin, end] = pieces[static_cast<size_t>(i)];
    const Lease scratch(scratch_, static_cast<size_t>(kernels_.gemm_scratch));
    Gemm g = low_product(dy, *segment, begin, end, ds, ds_stride);
    g.scratch = scratch.get();
    kernels_.gemm(g);
  });
}

// One task's rows and panels of dx (= or +=) dy w + scale * D(ds a); `beside`: and its rows of ds.
void CpuBackend::base_gradient(const Tensor& dy, const GradientPanels& w, const InputGradient& to,
                               const GradientTask& t, bool beside) {
  Gemm g = w.product(dy.data<float>() + t.begin * dy.row_stride(), dy.row_stride(), t.end - t.begin,
                     dy.dim(1), to.dx.data<float>() + t.begin * to.dx.row_stride(), to.dx.row_stride());
  if (to.accumulate) g.init = g.c, g.init_stride = g.c_stride;
  g.panel_begin = t.panel - w.first, g.panel_end = t.panel_end - w.first, g.scratch = t.scratch;
  const LoraSegment* const all = segment_of_all(to.segments, t.begin, t.end);
  Gemm low{};
  if (beside && all) {
    low = low_product(dy, *all, t.begin, t.end, to.ds, to.ds_stride);
    g.beside = &low;
  } else if (beside) {
    for_segments(to.segments, t.begin, t.end, [&](const LoraSegment& segment, int64_t first, int64_t last) {
      Gemm part = low_product(dy, segment, first, last, to.ds, to.ds_stride);
      part.scratch = t.scratch;
      kernels_.gemm(part);
    });
  }
  const auto behind =
      product_behind(kernels_, all && all->dropout == 0 ? all : nullptr, w.bf16, &CpuLora::a_backward,
                     to.ds + t.begin * to.ds_stride, to.ds_stride, w.first);
  if (behind) g.behind = &*behind;
  kernels_.gemm(g);
  if (!behind) adapters_gradient(to, t);
}

// dx += scale * D(ds a), one task's rows and panels.
void CpuBackend::adapters_gradient(const InputGradient& to, const GradientTask& t) {
  const int64_t k = to.dx.dim(1), stride = to.dx.row_stride();
  for_segments(to.segments, t.begin, t.end, [&](const LoraSegment& segment, int64_t first, int64_t last) {
    const bool drop = segment.dropout > 0;
    const Lease branch(scratch_, drop ? static_cast<size_t>((last - first) * k) : 1);
    float* c = drop ? branch.get() : to.dx.data<float>() + first * stride;
    Gemm part = product(to.ds + first * to.ds_stride, to.ds_stride, last - first,
                        as_cpu(*segment.lora).a_backward, c, drop ? k : stride);
    if (!drop) part.init = c, part.init_stride = stride;
    part.panel_begin = t.panel, part.panel_end = t.panel_end, part.scratch = t.scratch;
    kernels_.gemm(part);
    const int64_t column = t.panel * kPanel, columns = std::min(t.panel_end * kPanel, k) - column;
    for (int64_t r = first; drop && r < last; ++r)
      add_dropped(segment, r - segment.begin, branch.get() + (r - first) * k + column, column, columns,
                  to.dx.data<float>() + r * stride + column);
  });
}

// dx (= or +=) dy w + scale * ds a; ds is made first, or by the tasks of the first panels.
void CpuBackend::input_gradient(const Tensor& dy, const CpuWeight& weight, const InputGradient& to) {
  for_gradient_panels(weight, [&](const GradientPanels& w) {
    const Cut cut(dy.dim(0), weight.outputs(), w.columns, pool_->width());
    const bool beside = w.first == 0 && goes_beside(kernels_, cut, w.bf16, to.segments, &CpuLora::b_backward);
    if (w.first == 0 && !beside) low_gradient(dy, to.segments, to.ds, to.ds_stride);
    pool_->run(cut.tasks(), [&](int64_t task) {
      const Lease scratch(scratch_, static_cast<size_t>(kernels_.gemm_scratch));
      const GradientTask t{cut.row(task), cut.row_end(task), w.first + cut.panel(task),
                           w.first + cut.panel_end(task), scratch.get()};
      base_gradient(dy, w, to, t, beside);
    });
  });
}

void CpuBackend::linear_backward(const Tensor& dy, const Tensor& x, const PackedWeight& w,
                                 std::span<const LoraSegment> segments, const Tensor& s,
                                 std::span<const LoraGradient> gradients, const Tensor& dx, bool accumulate) {
  const CpuWeight& weight = as_cpu(w);
  expect_matrix("linear_backward", "dy", dy);
  const int64_t n = dy.dim(0), k = weight.inputs(), o = weight.outputs();
  expect("linear_backward", "dy", dy, {n, o});
  expect_optional("linear_backward", "dx", dx, {n, k});
  check_segments("linear_backward", segments, n, k, o);
  check_gradients(segments, gradients);
  const int64_t rank = largest_rank(segments);
  if (!gradients.empty() && rank > 0) {
    expect("linear_backward", "x", x, {n, k});
    ops::expect_low("linear_backward", s, n, rank, false);
  }
  if (n == 0) return;

  const Lease ds(scratch_, static_cast<size_t>(n * rank + 1));
  if (dx.empty())
    low_gradient(dy, segments, ds.get(), rank);
  else
    input_gradient(dy, weight, {segments, ds.get(), rank, dx, accumulate});
  if (!gradients.empty())
    in_row_order(&w, [&] { lora_gradients(dy, x, segments, s, gradients, ds.get(), rank); });
}

void CpuBackend::linear_backward_weight(const Tensor& dy, const Tensor& x, const Tensor& dw,
                                        const Tensor& dbias) {
  expect_matrix("linear_backward_weight", "dy", dy);
  expect_matrix("linear_backward_weight", "x", x);
  const int64_t n = dy.dim(0), o = dy.dim(1), k = x.dim(1);
  expect("linear_backward_weight", "x", x, {n, k});
  expect_optional("linear_backward_weight", "dw", dw, {o, k});
  expect_optional("linear_backward_weight", "dbias", dbias, {o});
  if (!dw.empty())
    reduce_rows({dy.data<float>(), dy.row_stride(), o, x.data<float>(), x.row_stride(), k, n, 1.0f,
                 dw.data<float>(), dw.row_stride(), nullptr});
  if (dbias.empty()) return;
  parallel((o + 63) / 64, 1 + (1 << 14) / (64 * n + 1), [&](int64_t begin, int64_t end) {
    const int64_t first = begin * 64, columns = std::min(end * 64, o) - first;
    for (int64_t r = 0; r < n; ++r)
      kernels_.add(columns, dy.data<float>() + r * dy.row_stride() + first, dbias.data<float>() + first);
  });
}

}  // namespace whorl::cpu
