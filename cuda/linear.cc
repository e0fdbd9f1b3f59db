// y = x w^T + bias, and for each segment its adapter's part on top, for several products of the same rows.
#include <algorithm>
#include <deque>

#include "cuda/backend.h"
#include "cuda/lora_parts.h"
#include "cuda/rounded_rows.h"

namespace whorl::cuda {

namespace {
void check_job(const Tensor& x, const ops::LinearJob& job) {
  const CudaWeight& weight = as_cuda(job.w);
  const int64_t n = x.dim(0), k = weight.k, o = weight.o;
  ops::expect("linear", "x", x, {n, k});
  ops::expect("linear", "y", job.y, {n, o});
  ops::expect_optional("linear", "bias", job.bias, {o});
  check_segments("linear", job.segments, n, k, o);
  ops::expect_low("linear", job.s, n, ops::largest_rank(job.segments), true);
}
}  // namespace

// Both read x alone: one launch, where a product will ask for rounded rows.
void CudaBackend::shrink_and_round(const LoraParts& parts, RoundedRows& rows,
                                   std::span<const ops::LinearJob> jobs) {
  const auto any = [&](auto needs) {
    return std::any_of(jobs.begin(), jobs.end(), [&](const auto& job) { return needs(as_cuda(job.w)); });
  };
  if (any([](const CudaWeight& w) { return !w.whole(); }))
    return parts.shrinking([&](const auto& its) { launch_both(*runtime_, its, rows.coding()); });
  if (runtime_->has_library() && any([](const CudaWeight& w) { return w.dtype() == DType::bfloat16; }))
    return parts.shrinking([&](const auto& its) { launch_both(*runtime_, its, rows.narrowing()); });
  parts.shrinking([&](const auto& its) { launch(*runtime_, its); });
}

void CudaBackend::linear(const Tensor& x, const PackedWeight& w, const Tensor& bias,
                         std::span<const LoraSegment> segments, const Tensor& s, const Tensor& y) {
  const ops::LinearJob job{w, bias, segments, s, y};
  linears(x, {&job, 1});
}

void CudaBackend::linears(const Tensor& x, std::span<const ops::LinearJob> jobs) {
  if (jobs.empty()) return;
  ops::expect_matrix("linear", "x", x);
  for (const ops::LinearJob& job : jobs) check_job(x, job);
  if (x.dim(0) == 0) return;
  std::vector<LoraTarget> targets;
  for (const ops::LinearJob& job : jobs)
    if (ops::largest_rank(job.segments) > 0) targets.push_back({job.segments, job.s, job.y});
  RoundedRows rows(*runtime_, x);
  std::deque<LoraParts> parts;  // of as many products as one launch takes, each
  for (size_t first = 0; first < targets.size(); first += kLoraJobs) {
    const auto some = std::span(targets).subspan(first, std::min<size_t>(kLoraJobs, targets.size() - first));
    for (const bool rounds : {true, false}) {
      parts.emplace_back(*runtime_, lists_, x, some, false, rounds);
      if (parts.back().empty())
        parts.pop_back();
      else if (parts.size() == 1)
        shrink_and_round(parts.back(), rows, jobs);
      else
        parts.back().shrinking([&](const auto& its) { launch(*runtime_, its); });
    }
  }
  for (const ops::LinearJob& job : jobs) multiply(rows, as_cuda(job.w), job.bias, job.y);
  for (const LoraParts& one : parts) one.expand();
}

}  // namespace whorl::cuda
