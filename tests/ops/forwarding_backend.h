#pragma once
// A backend that hands every call to another one. What stands in front of it (a recorder, a planted fault)
// overrides the ops it is about. Calls for several at once (linears, by_rows) become what they consist of,
// all rows at once.
#include "ops/backend.h"

namespace whorl::ops {

class ForwardingBackend : public Backend {
 public:
  explicit ForwardingBackend(std::shared_ptr<Backend> inner) : inner_(std::move(inner)) {}

  std::string name() const override { return inner_->name(); }
  DType activation_dtype() const override { return inner_->activation_dtype(); }
  DType cache_dtype(const AttentionShape& shape, int64_t page_size) const override {
    return inner_->cache_dtype(shape, page_size);
  }
  int threads() const override { return inner_->threads(); }
  Tensor allocate(DType dtype, Shape shape) override { return inner_->allocate(dtype, std::move(shape)); }
  void upload(const Tensor& host, const Tensor& device) override { inner_->upload(host, device); }
  void download(const Tensor& device, const Tensor& host) override { inner_->download(device, host); }
  void fill_zero(const Tensor& x) override { inner_->fill_zero(x); }
  size_t working_bytes(const PassShape& pass) const override { return inner_->working_bytes(pass); }
  Weight pack(const Tensor& w, bool backward) override { return inner_->pack(w, backward); }
  void prepare_backward(PackedWeight& w) override { inner_->prepare_backward(w); }
  size_t gradient_layout_bytes(const PackedWeight& w) const override {
    return inner_->gradient_layout_bytes(w);
  }
  void repack(PackedWeight& w, const Tensor& host) override { inner_->repack(w, host); }
  Tensor unpack(const PackedWeight& w) override { return inner_->unpack(w); }
  void unpack_rows(const PackedWeight& w, int64_t begin, const Tensor& out) override {
    inner_->unpack_rows(w, begin, out);
  }
  Weight pack_quantized(const Tensor& w, Quantize quantize) override {
    return inner_->pack_quantized(w, quantize);
  }
  bool takes_fp8() const override { return inner_->takes_fp8(); }
  Weight pack_quantized(const QuantizedMatrix& w) override { return inner_->pack_quantized(w); }
  Weight pack_quantized(const QuantizedRows& w) override { return inner_->pack_quantized(w); }
  Weight pack_later(const Tensor& w, const std::function<void()>& laid_out) override {
    return inner_->pack_later(w, laid_out);
  }
  Weight pack_quantized_later(const QuantizedRows& w, const std::function<void()>& laid_out) override {
    return inner_->pack_quantized_later(w, laid_out);
  }
  std::string weight_layout() const override { return inner_->weight_layout(); }
  WeightParts parts(const PackedWeight& w) override { return inner_->parts(w); }
  Weight from_parts(const WeightParts& parts) override { return inner_->from_parts(parts); }
  Lora pack_lora(const Tensor& a, const Tensor& b, float scale, DType base) override {
    return inner_->pack_lora(a, b, scale, base);
  }
  void repack_lora(PackedLora& lora, const Tensor& a, const Tensor& b, float scale) override {
    inner_->repack_lora(lora, a, b, scale);
  }
  void repack_loras(std::span<const LoraValues> values) override { inner_->repack_loras(values); }
  void linear(const Tensor& x, const PackedWeight& w, const Tensor& bias,
              std::span<const LoraSegment> segments, const Tensor& s, const Tensor& y) override {
    inner_->linear(x, w, bias, segments, s, y);
  }
  void linear_backward(const Tensor& dy, const Tensor& x, const PackedWeight& w,
                       std::span<const LoraSegment> segments, const Tensor& s,
                       std::span<const LoraGradient> gradients, const Tensor& dx, bool accumulate) override {
    inner_->linear_backward(dy, x, w, segments, s, gradients, dx, accumulate);
  }
  void linear_backward_weight(const Tensor& dy, const Tensor& x, const Tensor& dw,
                              const Tensor& dbias) override {
    inner_->linear_backward_weight(dy, x, dw, dbias);
  }
  void embedding(std::span<const int32_t> ids, const PackedWeight& table, const Tensor& y) override {
    inner_->embedding(ids, table, y);
  }
  void embedding_backward(std::span<const int32_t> ids, const Tensor& dy, const Tensor& dtable) override {
    inner_->embedding_backward(ids, dy, dtable);
  }
  void rms_norm(const Tensor& x, const Tensor& gain, float epsilon, int64_t groups, const Tensor& y,
                const Tensor& rstd) override {
    inner_->rms_norm(x, gain, epsilon, groups, y, rstd);
  }
  void rms_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& gain, const Tensor& rstd,
                         int64_t groups, const Tensor& dx, bool accumulate, const Tensor& dgain) override {
    inner_->rms_norm_backward(dy, x, gain, rstd, groups, dx, accumulate, dgain);
  }
  void add(const Tensor& x, const Tensor& y) override { inner_->add(x, y); }
  void rope(const Tensor& x, std::span<const int32_t> positions, const Tensor& table, int64_t head_size,
            bool inverse) override {
    inner_->rope(x, positions, table, head_size, inverse);
  }
  void swiglu(const Tensor& gate, const Tensor& up, const Tensor& h) override { inner_->swiglu(gate, up, h); }
  void swiglu_backward(const Tensor& dh, const Tensor& gate, const Tensor& up, const Tensor& h) override {
    inner_->swiglu_backward(dh, gate, up, h);
  }
  void attention(const Tensor& q, const Tensor& k, const Tensor& v, Ragged rows, const AttentionShape& shape,
                 const Tensor& out, const Tensor& lse) override {
    inner_->attention(q, k, v, rows, shape, out, lse);
  }
  void attention_backward(const Tensor& dout, const Tensor& q, const Tensor& k, const Tensor& v,
                          const Tensor& out, const Tensor& lse, Ragged rows, const AttentionShape& shape,
                          const Tensor& dq, const Tensor& dk, const Tensor& dv) override {
    inner_->attention_backward(dout, q, k, v, out, lse, rows, shape, dq, dk, dv);
  }
  void attention_paged(const Tensor& q, const Tensor& k, const Tensor& v,
                       std::span<const PagedSequence> sequences, const AttentionShape& shape,
                       const PagedCache& cache, const Tensor& out) override {
    inner_->attention_paged(q, k, v, sequences, shape, cache, out);
  }
  void cross_entropy(const Tensor& h, const PackedWeight& head, std::span<const int32_t> targets,
                     std::span<const float> weights, const Tensor& losses, const Tensor& dh,
                     const Tensor& dhead) override {
    inner_->cross_entropy(h, head, targets, weights, losses, dh, dhead);
  }
  void draw(const Tensor& logits, std::span<const Draw> draws, const Tensor& out) override {
    inner_->draw(logits, draws, out);
  }
  void score(const Tensor& logits, std::span<const int32_t> targets, const Tensor& out) override {
    inner_->score(logits, targets, out);
  }
  double sum_squares(const Tensor& x) override { return inner_->sum_squares(x); }
  void adamw(const Tensor& parameter, const Tensor& gradient, const Tensor& m, const Tensor& v,
             const AdamW& options) override {
    inner_->adamw(parameter, gradient, m, v, options);
  }
  void clipped_adamw(std::span<const ClippedUpdate> updates, const Tensor& norms) override {
    inner_->clipped_adamw(updates, norms);
  }

 protected:
  std::shared_ptr<Backend> inner_;
};

}  // namespace whorl::ops
