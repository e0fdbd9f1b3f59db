#pragma once
// A backend that hands every call to another one and adds up, by op, the time it took and what the call had
// to compute and read: 2 additions and multiplications for each pair of numbers, causal scores counted half,
// every operand read once.
#include <chrono>
#include <map>
#include <mutex>

#include "ops/forwarding_backend.h"

namespace whorl::ops {

struct OpTotal {
  int64_t calls = 0;
  double seconds = 0, flops = 0, bytes = 0;
};

class TimingBackend final : public ForwardingBackend {
 public:
  using ForwardingBackend::ForwardingBackend;

  void reset() {
    const std::lock_guard lock(mutex_);
    totals_.clear();
  }
  std::map<std::string, OpTotal> totals() const {
    const std::lock_guard lock(mutex_);
    return totals_;
  }

  int64_t working_rows(int64_t n) const override { return inner_->working_rows(n); }
  // Pieces go through ops on several threads at once: a thread's second counts as its share of one.
  void by_rows(int64_t n, std::span<const Weight> weights, const RowsBody& body) override {
    inner_->by_rows(n, weights, [&](const RowPiece& rows) {
      if (rows.rows() < n) share() = 1.0 / threads();
      body(rows);
      share() = 1.0;
    });
  }
  void linear(const Tensor& x, const PackedWeight& w, const Tensor& bias,
              std::span<const LoraSegment> segments, const Tensor& s, const Tensor& y) override {
    timed("linear" + sides(w), product(x.dim(0), w) + 2 * low_rank(w, segments),
          weight_bytes(w) + bytes(x) + bytes(y), [&] { inner_->linear(x, w, bias, segments, s, y); });
  }
  void linears(const Tensor& x, std::span<const LinearJob> jobs) override {
    if (jobs.size() == 1) return ForwardingBackend::linears(x, jobs);
    std::string name = "linears";
    double flops = 0, moved = bytes(x);
    for (const LinearJob& job : jobs) {
      name += sides(job.w);
      flops += product(x.dim(0), job.w) + 2 * low_rank(job.w, job.segments);
      moved += weight_bytes(job.w) + bytes(job.y);
    }
    timed(name, flops, moved, [&] { inner_->linears(x, jobs); });
  }
  void linear_backward(const Tensor& dy, const Tensor& x, const PackedWeight& w,
                       std::span<const LoraSegment> segments, const Tensor& s,
                       std::span<const LoraGradient> gradients, const Tensor& dx, bool accumulate) override {
    timed("linear_backward" + sides(w), (dx.empty() ? 0 : product(dy.dim(0), w)) + 4 * low_rank(w, segments),
          weight_bytes(w) + bytes(dy) + bytes(x) + bytes(dx),
          [&] { inner_->linear_backward(dy, x, w, segments, s, gradients, dx, accumulate); });
  }
  void embedding(std::span<const int32_t> ids, const PackedWeight& table, const Tensor& y) override {
    timed("embedding", 0, 2 * bytes(y), [&] { inner_->embedding(ids, table, y); });
  }
  void rms_norm(const Tensor& x, const Tensor& gain, float epsilon, int64_t groups, const Tensor& y,
                const Tensor& rstd) override {
    timed("rms_norm", 0, bytes(x) + bytes(y), [&] { inner_->rms_norm(x, gain, epsilon, groups, y, rstd); });
  }
  void rms_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& gain, const Tensor& rstd,
                         int64_t groups, const Tensor& dx, bool accumulate, const Tensor& dgain) override {
    timed("rms_norm_backward", 0, bytes(dy) + bytes(x) + bytes(dx),
          [&] { inner_->rms_norm_backward(dy, x, gain, rstd, groups, dx, accumulate, dgain); });
  }
  void add(const Tensor& x, const Tensor& y) override {
    timed("add", 0, bytes(x) + 2 * bytes(y), [&] { inner_->add(x, y); });
  }
  void rope(const Tensor& x, std::span<const int32_t> positions, const Tensor& table, int64_t head_size,
            bool inverse) override {
    timed("rope", 0, 2 * bytes(x), [&] { inner_->rope(x, positions, table, head_size, inverse); });
  }
  void swiglu(const Tensor& gate, const Tensor& up, const Tensor& h) override {
    timed("swiglu", 0, 3 * bytes(h), [&] { inner_->swiglu(gate, up, h); });
  }
  void swiglu_backward(const Tensor& dh, const Tensor& gate, const Tensor& up, const Tensor& h) override {
    timed("swiglu_backward", 0, 5 * bytes(dh) + bytes(h), [&] { inner_->swiglu_backward(dh, gate, up, h); });
  }
  void attention(const Tensor& q, const Tensor& k, const Tensor& v, Ragged rows, const AttentionShape& shape,
                 const Tensor& out, const Tensor& lse) override {
    timed("attention", 2 * pairs(rows, shape), bytes(q) + bytes(k) + bytes(v) + bytes(out),
          [&] { inner_->attention(q, k, v, rows, shape, out, lse); });
  }
  void attention_backward(const Tensor& dout, const Tensor& q, const Tensor& k, const Tensor& v,
                          const Tensor& out, const Tensor& lse, Ragged rows, const AttentionShape& shape,
                          const Tensor& dq, const Tensor& dk, const Tensor& dv) override {
    timed("attention_backward", 4 * pairs(rows, shape), 4 * bytes(q) + 2 * bytes(k) + 2 * bytes(v),
          [&] { inner_->attention_backward(dout, q, k, v, out, lse, rows, shape, dq, dk, dv); });
  }
  void attention_paged(const Tensor& q, const Tensor& k, const Tensor& v,
                       std::span<const PagedSequence> sequences, const AttentionShape& shape,
                       const PagedCache& cache, const Tensor& out) override {
    double scores = 0, keys = 0;
    for (const PagedSequence& s : sequences) {
      const auto rows = static_cast<double>(s.end - s.begin), past = static_cast<double>(s.past);
      scores += rows * past + rows * rows / 2, keys += past + rows;
    }
    const auto size = static_cast<double>(shape.head_size);
    timed("attention_paged", 4 * scores * static_cast<double>(shape.heads) * size,
          keys * 2 * static_cast<double>(shape.kv_heads) * size *
              static_cast<double>(size_of(cache.keys.dtype())),
          [&] { inner_->attention_paged(q, k, v, sequences, shape, cache, out); });
  }
  void cross_entropy(const Tensor& h, const PackedWeight& head, std::span<const int32_t> targets,
                     std::span<const float> weights, const Tensor& losses, const Tensor& dh,
                     const Tensor& dhead) override {
    int64_t rows = 0;
    for (const int32_t target : targets) rows += target >= 0;
    timed("cross_entropy", (dh.empty() ? 1 : 2) * product(rows, head),
          weight_bytes(head) + bytes(h) + bytes(dh),
          [&] { inner_->cross_entropy(h, head, targets, weights, losses, dh, dhead); });
  }
  double sum_squares(const Tensor& x) override {
    double sum = 0;
    timed("sum_squares", 0, bytes(x), [&] { sum = inner_->sum_squares(x); });
    return sum;
  }
  void adamw(const Tensor& parameter, const Tensor& gradient, const Tensor& m, const Tensor& v,
             const AdamW& options) override {
    timed("adamw", 0, 7 * bytes(parameter), [&] { inner_->adamw(parameter, gradient, m, v, options); });
  }
  void repack_lora(PackedLora& lora, const Tensor& a, const Tensor& b, float scale) override {
    timed("repack_lora", 0, 2 * (bytes(a) + bytes(b)), [&] { inner_->repack_lora(lora, a, b, scale); });
  }
  void fill_zero(const Tensor& x) override {
    timed("fill_zero", 0, bytes(x), [&] { inner_->fill_zero(x); });
  }

 private:
  template <class Call>
  void timed(const std::string& op, double flops, double bytes, const Call& call) {
    const auto begin = std::chrono::steady_clock::now();
    call();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    const std::lock_guard lock(mutex_);
    OpTotal& total = totals_[op];
    ++total.calls, total.seconds += took.count() * share(), total.flops += flops, total.bytes += bytes;
  }
  static double& share() {
    thread_local double of_a_second = 1.0;
    return of_a_second;
  }
  static double bytes(const Tensor& x) { return x.empty() ? 0 : static_cast<double>(x.nbytes()); }
  static double weight_bytes(const PackedWeight& w) {
    if (w.quantize() != Quantize::none) return static_cast<double>(w.nbytes());
    return static_cast<double>(w.outputs() * w.inputs()) * static_cast<double>(size_of(w.dtype()));
  }
  static std::string sides(const PackedWeight& w) {
    std::string out(1, ' ');
    out += std::to_string(w.inputs());
    out += " to ";
    out += std::to_string(w.outputs());
    return out;
  }
  static double product(int64_t rows, const PackedWeight& w) {
    return 2.0 * static_cast<double>(rows) * static_cast<double>(w.inputs() * w.outputs());
  }
  // Rows times rank times (inputs + outputs): half of the work of one direction.
  static double low_rank(const PackedWeight& w, std::span<const LoraSegment> segments) {
    double sum = 0;
    for (const LoraSegment& s : segments)
      if (s.lora)
        sum += static_cast<double>((s.end - s.begin) * s.lora->rank()) *
               static_cast<double>(w.inputs() + w.outputs());
    return sum;
  }
  static double pairs(Ragged rows, const AttentionShape& shape) {
    double sum = 0;
    for (size_t i = 1; i < rows.starts.size(); ++i) {
      const auto t = static_cast<double>(rows.starts[i] - rows.starts[i - 1]);
      sum += t * t;
    }
    return sum * static_cast<double>(shape.heads * shape.head_size);
  }

  mutable std::mutex mutex_;
  std::map<std::string, OpTotal> totals_;
};

}  // namespace whorl::ops
