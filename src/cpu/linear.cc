// y = x w^T + bias, and for each segment its adapter's part, added to the same accumulators' results in the
// same order whoever else is in the batch; a residual comes last.
#include <optional>

#include "cpu/backend.h"
#include "cpu/linear_parts.h"
#include "cpu/rounded_once.h"

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

void check(const Tensor& x, const ops::LinearJob& job) {
  check(x, as_cpu(job.w), job.bias, job.segments, job.s, job.y);
  ops::expect_residual("linear", job);
}
}  // namespace

struct CpuBackend::Projection {
  const ops::LinearJob& job;
  const CpuWeight& weight;
  float* low;  // s, the backend's own where the caller keeps none
  int64_t low_stride;
  float *ready, *packed;  // x for this weight, and for adapters (RoundedOnce); null where tasks do it
  Cut cut;
  int64_t first_task;
  bool beside;                           // s is made beside y, by the same tasks
  std::shared_ptr<const LateRows> late;  // where the weight has no layout yet
};

// s = D(x) a^T for rows [begin, end) of one segment.
void CpuBackend::down(const Tensor& x, const Projection& p, const LoraSegment& segment, int64_t begin,
                      int64_t end) {
  const int64_t k = x.dim(1);
  const float* rows = x.data<float>() + begin * x.row_stride();
  int64_t stride = x.row_stride();
  std::optional<Lease> dropped;
  if (segment.dropout > 0) {
    dropped.emplace(scratch_, static_cast<size_t>((end - begin) * k));
    for (int64_t r = begin; r < end; ++r)
      drop_row(segment, r - segment.begin, x.data<float>() + r * stride, k, dropped->get() + (r - begin) * k);
    rows = dropped->get(), stride = k;
  }
  const Panels& a = as_cpu(*segment.lora).a;
  Gemm g = product(rows, stride, end - begin, a, p.low + begin * p.low_stride, p.low_stride);
  if (p.packed && a.bf16() && !dropped) g.packed = p.packed + begin, g.packed_step = packed_step(x.dim(0));
  const Lease scratch(scratch_, static_cast<size_t>(kernels_.gemm_scratch));
  g.scratch = scratch.get();
  kernels_.gemm(g);
}

// The same for the rows of every segment of every job that does not make it beside y.
void CpuBackend::project_down(const Tensor& x, std::span<const Projection> jobs) {
  struct Piece {
    SegmentPiece rows;
    const Projection* job;
  };
  const int64_t at_once =
      rows_down_at_once(x.dim(0) * static_cast<int64_t>(jobs.size()), pool_->width(), kernels_.fewest_rows);
  std::vector<Piece> pieces;
  for (const Projection& p : jobs)
    for (const SegmentPiece& rows :
         p.beside ? std::vector<SegmentPiece>() : cut_segments(p.job.segments, at_once))
      pieces.push_back({rows, &p});
  pool_->run(static_cast<int64_t>(pieces.size()), [&](int64_t i) {
    const auto& [piece, p] = pieces[static_cast<size_t>(i)];
    down(x, *p, *piece.segment, piece.begin, piece.end);
  });
}

// Rows and panels of one job: its base product, and its adapters' second products on top.
void CpuBackend::project(const Tensor& x, const Projection& p, base::Stretch rows, base::Stretch panels) {
  const Tensor& y = p.job.y;
  const int64_t begin = rows.begin, end = rows.end, panel = panels.begin, panel_end = panels.end;
  const int64_t stride = y.row_stride();
  Block block{x.data<float>() + begin * x.row_stride(),
              x.row_stride(),
              end - begin,
              y.data<float>() + begin * stride,
              stride,
              p.job.bias.data<float>(),
              p.ready,
              packed_step(x.dim(0))};
  block.late = p.late.get();
  const LoraSegment* const all = segment_of_all(p.job.segments, begin, end);
  Gemm beside{};
  if (p.beside && all) {
    beside = product(nullptr, 0, 0, as_cpu(*all->lora).a, p.low + begin * p.low_stride, p.low_stride);
    block.beside = &beside;
  } else if (p.beside) {
    for_segments(p.job.segments, begin, end, [&](const LoraSegment& segment, int64_t first, int64_t last) {
      down(x, p, segment, first, last);
    });
  }
  const auto behind = product_behind(kernels_, p.weight.whole() ? all : nullptr, p.weight.forward.bf16(),
                                     &CpuLora::b, p.low + begin * p.low_stride, p.low_stride);
  if (behind) block.behind = &*behind;
  forward_block(p.weight, block, panel, panel_end);
  if (behind) return;
  const Lease scratch(scratch_, static_cast<size_t>(kernels_.gemm_scratch));
  for_segments(p.job.segments, begin, end, [&](const LoraSegment& segment, int64_t first, int64_t last) {
    float* c = y.data<float>() + first * stride;
    Gemm g =
        product(p.low + first * p.low_stride, p.low_stride, last - first, as_cpu(*segment.lora).b, c, stride);
    g.init = c, g.init_stride = stride;
    g.panel_begin = panel, g.panel_end = panel_end, g.scratch = scratch.get();
    kernels_.gemm(g);
  });
}

void CpuBackend::linear(const Tensor& x, const PackedWeight& w, const Tensor& bias,
                        std::span<const LoraSegment> segments, const Tensor& s, const Tensor& y) {
  const ops::LinearJob job{w, bias, segments, s, y};
  linears(x, {&job, 1});
}

void CpuBackend::linears(const Tensor& x, std::span<const ops::LinearJob> jobs) {
  for (const ops::LinearJob& job : jobs) check(x, job);
  if (jobs.empty() || x.dim(0) == 0) return;
  project_all(x, jobs);
  for (const ops::LinearJob& job : jobs)
    if (job.residual) add(*job.residual, job.y);
}

// Threads are set to work once for all jobs: between two short products memory would have nothing to do.
void CpuBackend::project_all(const Tensor& x, std::span<const ops::LinearJob> jobs) {
  const int64_t n = x.dim(0);
  int64_t own_floats = 1;
  for (const ops::LinearJob& job : jobs)
    if (job.s.empty()) own_floats += n * largest_rank(job.segments);
  const Lease own(scratch_, static_cast<size_t>(own_floats));
  float* next = own.get();
  RoundedOnce rows(*this, x);
  const bool stretches = in_stretches(kernels_, jobs, n);
  std::vector<Projection> all;
  all.reserve(jobs.size());
  int64_t tasks = 0;
  for (const ops::LinearJob& job : jobs) {
    const int64_t rank = largest_rank(job.segments);
    const CpuWeight& weight = as_cpu(job.w);
    const Cut cut(n, weight, pool_->width());
    const bool kept = !job.s.empty();
    all.push_back({job, weight, kept ? job.s.data<float>() : next, kept ? job.s.row_stride() : rank,
                   rows.for_weight(weight), rows.for_adapters(job.segments), cut, tasks,
                   !stretches && weight.whole() &&
                       goes_beside(kernels_, cut, weight.forward.bf16(), job.segments, &CpuLora::a),
                   rows_or_layout(weight, n)});
    tasks += cut.tasks();
    if (!kept) next += n * rank;
  }
  project_down(x, all);
  if (stretches) return project_in_stretches(x, all);
  pool_->run(tasks, [&](int64_t task) {
    size_t i = all.size() - 1;
    while (task < all[i].first_task) --i;
    const Projection& p = all[i];
    task -= p.first_task;
    project(x, p, {p.cut.row(task), p.cut.row_end(task)}, {p.cut.panel(task), p.cut.panel_end(task)});
  });
}

// A few rows wait for memory, which is fastest where a thread reads on and on: all jobs' panels one behind
// the other, each thread its part of them.
void CpuBackend::project_in_stretches(const Tensor& x, std::span<const Projection> jobs) {
  const int64_t n = x.dim(0), k = x.dim(1);
  const auto units_of = [&](const Projection& p) {
    const int64_t at_once = panels_at_once(p.weight, kernels_, n);
    return std::pair((p.weight.panels() + at_once - 1) / at_once, at_once);
  };
  int64_t units = 0, panels = 0;
  for (const Projection& p : jobs) units += units_of(p).first, panels += p.weight.panels();
  const int64_t worth = kWorthATask / std::max<int64_t>(1, n * k * kPanel);  // panels
  pool_->run_stretches(units, worth * units / panels, [&](int64_t begin, int64_t end) {
    for (const Projection& p : jobs) {
      const auto [count, at_once] = units_of(p);
      const int64_t first = std::max<int64_t>(begin, 0), last = std::min(end, count);
      if (first < last) project(x, p, {0, n}, {first * at_once, std::min(last * at_once, p.weight.panels())});
      begin -= count, end -= count;
    }
  });
}

}  // namespace whorl::cpu
