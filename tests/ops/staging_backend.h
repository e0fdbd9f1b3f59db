#pragma once
// A backend whose memory is not the host's, behind the harness's tensors, which are: every tensor of a call
// is copied to the device with the gaps between its rows, and back after it. An op on a GPU and on the
// emulated one is checked by the same calls as one on the CPU.
#include <map>

#include "ops/backend.h"

namespace whorl::ops {

class StagingBackend : public Backend {
 public:
  // With `activations` bfloat16 the tensors that may be are that on the device: all of an op that wants one
  // kind, of others those whose width is no multiple of three, so that kinds meet.
  explicit StagingBackend(std::shared_ptr<Backend> inner, DType activations = DType::float32)
      : inner_(std::move(inner)), activations_(activations) {}

  std::string name() const override { return inner_->name(); }
  DType activation_dtype() const override { return inner_->activation_dtype(); }
  DType cache_dtype(const AttentionShape& shape, int64_t page_size) const override {
    return inner_->cache_dtype(shape, page_size);
  }
  int threads() const override { return inner_->threads(); }

  // The host's: the harness looks into it.
  Tensor allocate(DType dtype, Shape shape) override;
  void upload(const Tensor& host, const Tensor& device) override;
  void download(const Tensor& device, const Tensor& host) override;
  void fill_zero(const Tensor& x) override;

  Weight pack(const Tensor& w, bool backward) override { return inner_->pack(w, backward); }
  size_t working_bytes(const PassShape& pass) const override { return inner_->working_bytes(pass); }
  Weight pack_quantized(const Tensor& w, Quantize quantize) override {
    return inner_->pack_quantized(w, quantize);
  }
  bool takes_fp8() const override { return inner_->takes_fp8(); }
  Weight pack_quantized(const QuantizedMatrix& w) override { return inner_->pack_quantized(w); }
  Weight pack_quantized(const QuantizedRows& w) override { return inner_->pack_quantized(w); }
  void prepare_backward(PackedWeight& w) override { inner_->prepare_backward(w); }
  size_t gradient_layout_bytes(const PackedWeight& w) const override {
    return inner_->gradient_layout_bytes(w);
  }
  Weight pack_later(const Tensor& w, const std::function<void()>& laid_out) override {
    return inner_->pack_later(w, laid_out);
  }
  Weight pack_quantized_later(const QuantizedRows& w, const std::function<void()>& laid_out) override {
    return inner_->pack_quantized_later(w, laid_out);
  }
  void repack(PackedWeight& w, const Tensor& host) override { inner_->repack(w, host); }
  Tensor unpack(const PackedWeight& w) override { return inner_->unpack(w); }
  void unpack_rows(const PackedWeight& w, int64_t begin, const Tensor& out) override {
    inner_->unpack_rows(w, begin, out);
  }
  Lora pack_lora(const Tensor& a, const Tensor& b, float scale, DType base) override {
    return inner_->pack_lora(a, b, scale, base);
  }
  void repack_lora(PackedLora& lora, const Tensor& a, const Tensor& b, float scale) override {
    inner_->repack_lora(lora, a, b, scale);
  }
  void repack_loras(std::span<const LoraValues> values) override;

  void linear(const Tensor& x, const PackedWeight& w, const Tensor& bias,
              std::span<const LoraSegment> segments, const Tensor& s, const Tensor& y) override;
  void linears(const Tensor& x, std::span<const LinearJob> jobs) override;
  void norm_linears(const Tensor& x, const Tensor& gain, float epsilon, const Tensor& normed,
                    const Tensor& rstd, std::span<const LinearJob> jobs) override;
  void swiglu_linears(const Tensor& gate, const Tensor& up, const Tensor& h,
                      std::span<const LinearJob> jobs) override;
  void linear_backward(const Tensor& dy, const Tensor& x, const PackedWeight& w,
                       std::span<const LoraSegment> segments, const Tensor& s,
                       std::span<const LoraGradient> gradients, const Tensor& dx, bool accumulate) override;
  void linear_backward_weight(const Tensor& dy, const Tensor& x, const Tensor& dw,
                              const Tensor& dbias) override;
  void embedding(std::span<const int32_t> ids, const PackedWeight& table, const Tensor& y) override;
  void embedding_backward(std::span<const int32_t> ids, const Tensor& dy, const Tensor& dtable) override;
  void rms_norm(const Tensor& x, const Tensor& gain, float epsilon, int64_t groups, const Tensor& y,
                const Tensor& rstd) override;
  void rms_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& gain, const Tensor& rstd,
                         int64_t groups, const Tensor& dx, bool accumulate, const Tensor& dgain) override;
  void add(const Tensor& x, const Tensor& y) override;
  void rope(const Tensor& x, std::span<const int32_t> positions, const Tensor& table, int64_t head_size,
            bool inverse) override;
  void ropes(std::span<const Tensor> all, std::span<const int32_t> positions, const Tensor& table,
             int64_t head_size, bool inverse) override;
  void swiglu(const Tensor& gate, const Tensor& up, const Tensor& h) override;
  void swiglu_backward(const Tensor& dh, const Tensor& gate, const Tensor& up, const Tensor& h) override;
  void attention(const Tensor& q, const Tensor& k, const Tensor& v, Ragged rows, const AttentionShape& shape,
                 const Tensor& out, const Tensor& lse) override;
  void attention_backward(const Tensor& dout, const Tensor& q, const Tensor& k, const Tensor& v,
                          const Tensor& out, const Tensor& lse, Ragged rows, const AttentionShape& shape,
                          const Tensor& dq, const Tensor& dk, const Tensor& dv) override;
  void attention_paged(const Tensor& q, const Tensor& k, const Tensor& v,
                       std::span<const PagedSequence> sequences, const AttentionShape& shape,
                       const PagedCache& cache, const Tensor& out) override;
  void rope_attention_paged(const Tensor& q, const Tensor& k, const Tensor& v,
                            std::span<const int32_t> positions, const Tensor& table,
                            std::span<const PagedSequence> sequences, const AttentionShape& shape,
                            const PagedCache& cache, const Tensor& out,
                            std::span<const LinearJob> jobs) override;
  void cross_entropy(const Tensor& h, const PackedWeight& head, std::span<const int32_t> targets,
                     std::span<const float> weights, const Tensor& losses, const Tensor& dh,
                     const Tensor& dhead) override;
  void draw(const Tensor& logits, std::span<const Draw> draws, const Tensor& out) override;
  void score(const Tensor& logits, std::span<const int32_t> targets, const Tensor& out) override;
  double sum_squares(const Tensor& x) override;
  void adamw(const Tensor& parameter, const Tensor& gradient, const Tensor& m, const Tensor& v,
             const AdamW& options) override;
  void clipped_adamw(std::span<const ClippedUpdate> updates, const Tensor& norms) override;

 private:
  // The tensors of one call; the destructor copies them back.
  class Call {
   public:
    explicit Call(Backend& inner, DType activations = DType::float32)
        : inner_(inner), activations_(activations) {}
    ~Call();
    // The device's copy of a host tensor; the same one for the same tensor.
    Tensor operator()(const Tensor& host) { return copy(host, host.dtype()); }
    // The same as an activation; where its kind is free.
    Tensor activation(const Tensor& host) { return copy(host, activations_); }
    Tensor either(const Tensor& host) {
      const bool narrow = !host.empty() && host.shape().back() % 3 != 0;
      return copy(host, narrow ? activations_ : DType::float32);
    }

   private:
    struct Copied {
      Tensor host, device;  // both one row
      Tensor rounded;       // what went there, where that is something else
    };
    Tensor copy(const Tensor& host, DType dtype);
    void bring_back(const Copied& copied);
    Backend& inner_;
    DType activations_;
    std::map<std::pair<void*, int64_t>, Copied> copies_;
  };
  // Beside a weight: float32 takes rows of float32 alone.
  DType beside(const PackedWeight& w) const {
    return w.dtype() == DType::float32 ? DType::float32 : activations_;
  }
  DType beside(std::span<const LinearJob> jobs) const {
    for (const LinearJob& job : jobs)
      if (job.w.dtype() == DType::float32) return DType::float32;
    return activations_;
  }
  struct StagedJobs;
  std::shared_ptr<Backend> inner_;
  DType activations_;
};

}  // namespace whorl::ops
