// y = x w^T + bias (+ a residual), and for each segment its adapter's part on top, for several products of
// the same rows, which may be made in passing.
#include <algorithm>
#include <list>

#include "cuda/backend.h"
#include "cuda/lora_parts.h"
#include "cuda/row_checks.h"
#include "cuda/rows_made.h"

namespace whorl::cuda {

void check_jobs(const Tensor& x, std::span<const ops::LinearJob> jobs) {
  ops::expect_rows("linear", "x", x);
  for (const ops::LinearJob& job : jobs) {
    const CudaWeight& weight = as_cuda(job.w);
    const int64_t n = x.dim(0), k = weight.k, o = weight.o;
    ops::expect_rows("linear", "x", x, {n, k});
    ops::expect_rows("linear", "y", job.y, {n, o});
    expect_rounding("linear", x, job.w, job.segments), expect_rounding("linear", job.y, job.w, job.segments);
    if (job.residual) ops::expect("linear", "y", job.y, {n, o});
    ops::expect_optional("linear", "bias", job.bias, {o});
    check_segments("linear", job.segments, n, k, o);
    ops::expect_low("linear", job.s, n, ops::largest_rank(job.segments), true);
    ops::expect_residual("linear", job);
  }
}

namespace {
bool any_rounds(std::span<const LoraTarget> targets, bool rounds) {
  return std::any_of(targets.begin(), targets.end(), [&](const LoraTarget& target) {
    return std::any_of(target.segments.begin(), target.segments.end(),
                       [&](const auto& s) { return s.lora && as_cuda(*s.lora).rounds == rounds; });
  });
}

// Of as many products as one launch takes, each: target i of the first is job i.
std::list<LoraParts> parts_of(Runtime& runtime, Lists& lists, const Tensor& x,
                              std::span<const ops::LinearJob> jobs) {
  std::list<LoraParts> parts;
  const auto adapted = [](const ops::LinearJob& job) { return ops::largest_rank(job.segments) > 0; };
  if (std::none_of(jobs.begin(), jobs.end(), adapted)) return parts;
  for (size_t first = 0; first < jobs.size(); first += kLoraJobs) {
    std::vector<LoraTarget> targets;
    for (const ops::LinearJob& job : jobs.subspan(first, std::min<size_t>(kLoraJobs, jobs.size() - first)))
      targets.push_back({job.segments, job.s, job.y});
    for (const bool rounds : {true, false}) {
      if (!any_rounds(targets, rounds)) continue;
      parts.emplace_back(runtime, lists, x.dim(0), x.dim(1), targets, false, rounds);
      if (parts.back().empty()) parts.pop_back();
    }
  }
  return parts;
}
}  // namespace

RoundingNeeds CudaBackend::needs_of(std::span<const ops::LinearJob> jobs) const {
  RoundingNeeds out;
  for (const ops::LinearJob& job : jobs) {
    const CudaWeight& w = as_cuda(job.w);
    out.codes |= w.whole_numbers(), out.fp8 |= w.fp8();
    out.narrow |= w.whole() && w.dtype() == DType::bfloat16 && runtime_->has_library();
  }
  return out;
}

// Whoever makes the rows, rounds them, and makes the first adapters' s reads what is there already: one
// launch.
template <class Made>
void CudaBackend::project(const Made& made, const Tensor& x, std::span<const ops::LinearJob> jobs) {
  RoundedRows rows(*runtime_, x);
  const RoundedStore wanted = rows.take(needs_of(jobs));
  const std::list<LoraParts> parts = parts_of(*runtime_, lists_, x, jobs);
  const auto alone = [&](const auto& its) { launch(*runtime_, its); };
  bool there = Made::kThere && !wanted.wanted();
  for (const LoraParts& one : parts) {
    if (!there && made.beside()) {
      made.with_source([&](const auto& source) {
        one.shrinking(source, [&](const auto& its) { launch_both(*runtime_, its, made.making(wanted)); });
      });
    } else {
      if (!there) alone(made.making(wanted));
      RowsThere{x}.with_source([&](const auto& source) { one.shrinking(source, alone); });
    }
    there = true;
  }
  if (!there) alone(made.making(wanted));
  const LoraParts* const behind = adds_adapters(jobs, parts) ? &parts.front() : nullptr;
  multiply(rows, jobs, behind);
  if (behind) return;
  for (const LoraParts& one : parts) one.expand();
}

void CudaBackend::linear(const Tensor& x, const PackedWeight& w, const Tensor& bias,
                         std::span<const LoraSegment> segments, const Tensor& s, const Tensor& y) {
  const ops::LinearJob job{w, bias, segments, s, y};
  linears(x, {&job, 1});
}

void CudaBackend::linears(const Tensor& x, std::span<const ops::LinearJob> jobs) {
  if (jobs.empty()) return;
  check_jobs(x, jobs);
  if (x.dim(0) > 0) project(RowsThere{x}, x, jobs);
}

void CudaBackend::norm_linears(const Tensor& x, const Tensor& gain, float epsilon, const Tensor& normed,
                               const Tensor& rstd, std::span<const ops::LinearJob> jobs) {
  check_rms_norm(x, gain, 1, normed, rstd);
  check_jobs(normed, jobs);
  if (x.dim(0) > 0) project(RowsOfNorm{x, gain, epsilon, normed, rstd}, normed, jobs);
}

void CudaBackend::swiglu_linears(const Tensor& gate, const Tensor& up, const Tensor& h,
                                 std::span<const ops::LinearJob> jobs) {
  check_swiglu(gate, up, h);
  check_jobs(h, jobs);
  if (h.dim(0) > 0) project(RowsOfSwiglu{gate, up, h}, h, jobs);
}

}  // namespace whorl::cuda
