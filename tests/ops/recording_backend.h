#pragma once
// Keeps a digest of every output that passes through, so that two runs can be compared bit for bit.
#include <cstring>

#include "base/random.h"
#include "ops/forwarding_backend.h"

namespace whorl::ops {

class RecordingBackend final : public ForwardingBackend {
 public:
  using ForwardingBackend::ForwardingBackend;
  const std::vector<uint64_t>& digests() const { return digests_; }

  void linear(const Tensor& x, const PackedWeight& w, const Tensor& bias,
              std::span<const LoraSegment> segments, const Tensor& s, const Tensor& y) override {
    inner_->linear(x, w, bias, segments, s, y);
    record(y);
  }
  void linear_backward(const Tensor& dy, const Tensor& x, const PackedWeight& w,
                       std::span<const LoraSegment> segments, const Tensor& s,
                       std::span<const LoraGradient> gradients, const Tensor& dx, bool accumulate) override {
    inner_->linear_backward(dy, x, w, segments, s, gradients, dx, accumulate);
    record(dx);
    for (const auto& gradient : gradients) record(gradient.da), record(gradient.db);
  }
  void linear_backward_weight(const Tensor& dy, const Tensor& x, const Tensor& dw,
                              const Tensor& dbias) override {
    inner_->linear_backward_weight(dy, x, dw, dbias);
    record(dw), record(dbias);
  }
  void embedding_backward(std::span<const int32_t> ids, const Tensor& dy, const Tensor& dtable) override {
    inner_->embedding_backward(ids, dy, dtable);
    record(dtable);
  }
  void rms_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& gain, const Tensor& rstd,
                         int64_t groups, const Tensor& dx, bool accumulate, const Tensor& dgain) override {
    inner_->rms_norm_backward(dy, x, gain, rstd, groups, dx, accumulate, dgain);
    record(dx), record(dgain);
  }
  void attention(const Tensor& q, const Tensor& k, const Tensor& v, Ragged rows, const AttentionShape& shape,
                 const Tensor& out, const Tensor& lse) override {
    inner_->attention(q, k, v, rows, shape, out, lse);
    record(out), record(lse);
  }
  void attention_backward(const Tensor& dout, const Tensor& q, const Tensor& k, const Tensor& v,
                          const Tensor& out, const Tensor& lse, Ragged rows, const AttentionShape& shape,
                          const Tensor& dq, const Tensor& dk, const Tensor& dv) override {
    inner_->attention_backward(dout, q, k, v, out, lse, rows, shape, dq, dk, dv);
    record(dq), record(dk), record(dv);
  }
  void attention_paged(const Tensor& q, const Tensor& k, const Tensor& v,
                       std::span<const PagedSequence> sequences, const AttentionShape& shape,
                       const PagedCache& cache, const Tensor& out) override {
    inner_->attention_paged(q, k, v, sequences, shape, cache, out);
    record(out);
  }
  void cross_entropy(const Tensor& h, const PackedWeight& head, std::span<const int32_t> targets,
                     std::span<const float> weights, const Tensor& losses, const Tensor& dh,
                     const Tensor& dhead) override {
    inner_->cross_entropy(h, head, targets, weights, losses, dh, dhead);
    record(losses), record(dh), record(dhead);
  }
  double sum_squares(const Tensor& x) override {
    const double sum = inner_->sum_squares(x);
    uint64_t bits;
    std::memcpy(&bits, &sum, sizeof bits);
    digests_.push_back(bits);
    return sum;
  }
  void clipped_adamw(std::span<const ClippedUpdate> updates, const Tensor& norms) override {
    inner_->clipped_adamw(updates, norms);
    for (const ClippedUpdate& u : updates) record(u.parameter), record(u.m), record(u.v);
  }

 private:
  void record(const Tensor& t) {
    if (t.empty()) return;
    const int64_t rows = t.shape().size() == 1 ? 1 : t.dim(0), columns = t.numel() / (rows > 0 ? rows : 1);
    uint64_t digest = 0;
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j) {
        uint32_t bits;
        std::memcpy(&bits, t.data<float>() + i * t.row_stride() + j, sizeof bits);
        digest = base::mix64(digest ^ bits);
      }
    digests_.push_back(digest);
  }

  std::vector<uint64_t> digests_;
};

}  // namespace whorl::ops
