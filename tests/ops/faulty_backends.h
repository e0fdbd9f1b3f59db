#pragma once
// Backends with one planted fault each. The harness must flag every one of them.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "ops/forwarding_backend.h"

namespace whorl::ops {

struct SwapsTwoAdapters final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void linear(const Tensor& x, const PackedWeight& w, const Tensor& bias,
              std::span<const LoraSegment> segments, const Tensor& s, const Tensor& y) override {
    std::vector<LoraSegment> mixed(segments.begin(), segments.end());
    if (mixed.size() > 1) std::swap(mixed[0].lora, mixed[1].lora);
    inner_->linear(x, w, bias, mixed, s, y);
  }
};

// Of the likeliest that are equal the last one is greedy's.
struct TakesTheLastOfATie final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void draw(const Tensor& logits, std::span<const Draw> draws, const Tensor& out) override {
    inner_->draw(logits, draws, out);
    for (int64_t i = 0; i < logits.dim(0); ++i) {
      int32_t& id = out.data<int32_t>()[i * out.row_stride()];
      if (id < 0 || draws[static_cast<size_t>(i)].temperature > 0) continue;
      const float* const row = logits.data<float>() + i * logits.row_stride();
      const float most = row[id];
      for (int64_t j = id; j < logits.dim(1); ++j) id = row[j] == most ? static_cast<int32_t>(j) : id;
    }
  }
};

// Looks a little farther along than it should.
struct DrawsTooFar final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void draw(const Tensor& logits, std::span<const Draw> draws, const Tensor& out) override {
    std::vector<Draw> moved(draws.begin(), draws.end());
    for (Draw& d : moved) d.uniform += (1 - d.uniform) / 16;
    inner_->draw(logits, moved, out);
  }
};

// Of several products at once only the first keeps its adapters.
struct ForgetsLaterAdapters final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void linears(const Tensor& x, std::span<const LinearJob> jobs) override {
    for (const LinearJob& job : jobs)
      linear(x, job.w, job.bias, &job == jobs.data() ? job.segments : std::span<const LoraSegment>(), job.s,
             job.y);
  }
};

struct ForgetsTheResidual final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void linears(const Tensor& x, std::span<const LinearJob> jobs) override {
    for (const LinearJob& job : jobs) linear(x, job.w, job.bias, job.segments, job.s, job.y);
  }
};

// Its products are of the rows before the norm.
struct MultipliesWhatIsNotNormed final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void norm_linears(const Tensor& x, const Tensor& gain, float epsilon, const Tensor& normed,
                    const Tensor& rstd, std::span<const LinearJob> jobs) override {
    rms_norm(x, gain, epsilon, 1, normed, rstd);
    linears(x, jobs);
  }
};

struct ActivatesTheOtherSide final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void swiglu_linears(const Tensor& gate, const Tensor& up, const Tensor& h,
                      std::span<const LinearJob> jobs) override {
    swiglu(up, gate, h);
    linears(h, jobs);
  }
};

struct TurnsTheFirstAlone final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void ropes(std::span<const Tensor> all, std::span<const int32_t> positions, const Tensor& table,
             int64_t head_size, bool inverse) override {
    rope(all[0], positions, table, head_size, inverse);
  }
};

// Pages get keys as they came.
struct TurnsKeysTooLate final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void rope_attention_paged(const Tensor& q, const Tensor& k, const Tensor& v,
                            std::span<const int32_t> positions, const Tensor& table,
                            std::span<const PagedSequence> sequences, const AttentionShape& shape,
                            const PagedCache& cache, const Tensor& out,
                            std::span<const LinearJob> jobs) override {
    rope(q, positions, table, shape.head_size, false);
    attention_paged(q, k, v, sequences, shape, cache, out);
    rope(k, positions, table, shape.head_size, false);
    linears(out, jobs);
  }
};

struct ForgetsTheOutput final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void rope_attention_paged(const Tensor& q, const Tensor& k, const Tensor& v,
                            std::span<const int32_t> positions, const Tensor& table,
                            std::span<const PagedSequence> sequences, const AttentionShape& shape,
                            const PagedCache& cache, const Tensor& out, std::span<const LinearJob>) override {
    Backend::rope_attention_paged(q, k, v, positions, table, sequences, shape, cache, out, {});
  }
};

// One group's scale is a percent off: products and unpacked numbers agree, both are wrong.
struct ScalesAGroupWrongly final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  using ForwardingBackend::pack_quantized;
  Weight pack_quantized(const Tensor& w, Quantize quantize) override {
    const Tensor off = Tensor::zeros(DType::float32, w.shape());
    for (int64_t i = 0; i < w.numel(); ++i) {
      const float x = w.dtype() == DType::float32 ? w.data<float>()[i] : bf16_to_float(w.data<uint16_t>()[i]);
      off.data<float>()[i] = i < 32 ? 1.01f * x : x;
    }
    return inner_->pack_quantized(off, quantize);
  }
};

// Codes taken as they are, but the halves of a byte change places, a row's first group has its neighbour's
// scale, or minima are left out (the codes' offset of 8 in their place).
template <int kFault>
struct MisreadsCodes final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  using ForwardingBackend::pack_quantized;
  Weight pack_quantized(const QuantizedMatrix& w) override {
    QuantizedMatrix off = w;
    if (kFault == 0 && w.quantize == Quantize::int4) {
      off.codes = Tensor::zeros(DType::uint8, w.codes.shape());
      for (int64_t i = 0; i < w.codes.numel(); ++i) {
        const uint8_t byte = w.codes.data<uint8_t>()[i];
        off.codes.data<uint8_t>()[i] = static_cast<uint8_t>(byte << 4 | byte >> 4);
      }
    } else if (kFault == 1 && w.scales.dim(1) > 1) {
      off.scales = Tensor::zeros(DType::float16, w.scales.shape());
      std::memcpy(off.scales.raw(), w.scales.raw(), w.scales.nbytes());
      off.scales.data<uint16_t>()[0] = off.scales.data<uint16_t>()[1];
    } else if (kFault == 2) {
      off.minima = Tensor();
    }
    return inner_->pack_quantized(off);
  }
};

// Codes read row by row are those of the next row; rows of a packed weight always its first.
struct ReadsTheNextRow final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  using ForwardingBackend::pack_quantized;
  Weight pack_quantized(const QuantizedRows& w) override {
    QuantizedRows off = w;
    off.read = [&](int64_t row, const QuantizedRow& to) { w.read((row + 1) % w.outputs, to); };
    return inner_->pack_quantized(off);
  }
};
// A kept weight is changed in its last bytes.
struct SpoilsParts final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  Weight from_parts(const WeightParts& parts) override {
    WeightParts off = parts;
    for (auto& [name, part] : off.tensors) {
      const Tensor copy = Tensor::zeros(part.dtype(), part.shape());
      std::memcpy(copy.raw(), part.raw(), part.nbytes() / 2);
      part = copy;
    }
    return inner_->from_parts(off);
  }
};
struct UnpacksTheFirstRows final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void unpack_rows(const PackedWeight& w, int64_t, const Tensor& out) override {
    inner_->unpack_rows(w, 0, out);
  }
};

// Products with rounded weights forget to round the other operand.
struct RoundsNoRows final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void linear(const Tensor& x, const PackedWeight& w, const Tensor& bias,
              std::span<const LoraSegment> segments, const Tensor& s, const Tensor& y) override {
    if (w.quantize() == Quantize::none) return inner_->linear(x, w, bias, segments, s, y);
    inner_->linear(x, *inner_->pack(inner_->unpack(w), false), bias, segments, s, y);
  }
};

struct ForgetsTheBias final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void linear(const Tensor& x, const PackedWeight& w, const Tensor&, std::span<const LoraSegment> segments,
              const Tensor& s, const Tensor& y) override {
    inner_->linear(x, w, Tensor(), segments, s, y);
  }
};

struct DropsOtherInputsBackward final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void linear_backward(const Tensor& dy, const Tensor& x, const PackedWeight& w,
                       std::span<const LoraSegment> segments, const Tensor& s,
                       std::span<const LoraGradient> gradients, const Tensor& dx, bool accumulate) override {
    std::vector<LoraSegment> other(segments.begin(), segments.end());
    for (auto& segment : other) ++segment.dropout_seed;
    inner_->linear_backward(dy, x, w, other, s, gradients, dx, accumulate);
  }
};

struct NeverAccumulates final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void linear_backward(const Tensor& dy, const Tensor& x, const PackedWeight& w,
                       std::span<const LoraSegment> segments, const Tensor& s,
                       std::span<const LoraGradient> gradients, const Tensor& dx, bool) override {
    inner_->linear_backward(dy, x, w, segments, s, gradients, dx, false);
  }
};

struct ClearsParameterGradients final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void linear_backward_weight(const Tensor& dy, const Tensor& x, const Tensor& dw,
                              const Tensor& dbias) override {
    inner_->fill_zero(dw);
    inner_->linear_backward_weight(dy, x, dw, dbias);
  }
};

// The last decimal of every product depends on how many rows there are.
struct KnowsItsNeighbours final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void linear(const Tensor& x, const PackedWeight& w, const Tensor& bias,
              std::span<const LoraSegment> segments, const Tensor& s, const Tensor& y) override {
    inner_->linear(x, w, bias, segments, s, y);
    for (int64_t i = 0; i < y.dim(0) && y.dim(0) % 2; ++i) nudge(y.data<float>()[i * y.row_stride()]);
  }
  static void nudge(float& value) {
    uint32_t bits;
    __builtin_memcpy(&bits, &value, 4);
    ++bits;
    __builtin_memcpy(&value, &bits, 4);
  }
};

// Gradients of an adapter know how many others there are: by one bit.
struct GradientsKnowTheirNeighbours final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void linear_backward(const Tensor& dy, const Tensor& x, const PackedWeight& w,
                       std::span<const LoraSegment> segments, const Tensor& s,
                       std::span<const LoraGradient> gradients, const Tensor& dx, bool accumulate) override {
    inner_->linear_backward(dy, x, w, segments, s, gradients, dx, accumulate);
    if (segments.size() < 2) return;
    for (const LoraGradient& g : gradients)
      if (!g.db.empty()) KnowsItsNeighbours::nudge(g.db.data<float>()[g.db.numel() / 2]);
  }
};

// The last row of every segment counts for no gradient.
struct ForgetsASegmentsLastRow final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void linear_backward(const Tensor& dy, const Tensor& x, const PackedWeight& w,
                       std::span<const LoraSegment> segments, const Tensor& s,
                       std::span<const LoraGradient> gradients, const Tensor& dx, bool accumulate) override {
    inner_->linear_backward(dy, x, w, segments, s, {}, dx, accumulate);
    std::vector<LoraSegment> shorter(segments.begin(), segments.end());
    for (LoraSegment& segment : shorter) segment.end = std::max(segment.begin, segment.end - 1);
    inner_->linear_backward(dy, x, w, shorter, s, gradients, Tensor(), accumulate);
  }
};

// Rows of late weights: said to be free at once; never; twice.
template <int kFault>
struct MisusesLateRows final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  static std::function<void()> off(const std::function<void()>& laid_out) {
    if (kFault == 2) return [laid_out] { laid_out(), laid_out(); };
    return [] {};
  }
  Weight pack_later(const Tensor& w, const std::function<void()>& laid_out) override {
    Weight packed = inner_->pack_later(w, off(laid_out));
    if (kFault == 0) laid_out();
    return packed;
  }
  Weight pack_quantized_later(const QuantizedRows& w, const std::function<void()>& laid_out) override {
    Weight packed = inner_->pack_quantized_later(w, off(laid_out));
    if (kFault == 0) laid_out();
    return packed;
  }
};

struct WritesPastTheEnd final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void linear(const Tensor& x, const PackedWeight& w, const Tensor& bias,
              std::span<const LoraSegment> segments, const Tensor& s, const Tensor& y) override {
    inner_->linear(x, w, bias, segments, s, y);
    if (y.row_stride() > y.dim(1)) y.data<float>()[y.dim(1)] = 0;
  }
};

struct SeesAcrossSequences final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void attention(const Tensor& q, const Tensor& k, const Tensor& v, Ragged rows, const AttentionShape& shape,
                 const Tensor& out, const Tensor& lse) override {
    const std::vector<int32_t> one = {0, rows.starts.back()};
    inner_->attention(q, k, v, {one}, shape, out, lse);
  }
};

struct WindowTooWideByOne final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void attention(const Tensor& q, const Tensor& k, const Tensor& v, Ragged rows, const AttentionShape& shape,
                 const Tensor& out, const Tensor& lse) override {
    AttentionShape wider = shape;
    if (wider.window > 0) ++wider.window;
    inner_->attention(q, k, v, rows, wider, out, lse);
  }
};

// Rows beyond the first block of keys lose that block.
struct DropsABlockOfKeys final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void attention(const Tensor& q, const Tensor& k, const Tensor& v, Ragged rows, const AttentionShape& shape,
                 const Tensor& out, const Tensor& lse) override {
    AttentionShape narrow = shape;
    if (narrow.window == 0) narrow.window = 64;
    inner_->attention(q, k, v, rows, narrow, out, lse);
  }
};

struct ForgetsThePast final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void attention_paged(const Tensor& q, const Tensor& k, const Tensor& v,
                       std::span<const PagedSequence> sequences, const AttentionShape& shape,
                       const PagedCache& cache, const Tensor& out) override {
    std::vector<PagedSequence> fresh(sequences.begin(), sequences.end());
    for (auto& sequence : fresh) sequence.past = 0;
    inner_->attention_paged(q, k, v, fresh, shape, cache, out);
  }
};

struct SwapsKeyAndValueGradients final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void attention_backward(const Tensor& dout, const Tensor& q, const Tensor& k, const Tensor& v,
                          const Tensor& out, const Tensor& lse, Ragged rows, const AttentionShape& shape,
                          const Tensor& dq, const Tensor& dk, const Tensor& dv) override {
    inner_->attention_backward(dout, q, k, v, out, lse, rows, shape, dq, dv, dk);
  }
};

struct TrainsMaskedRows final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void cross_entropy(const Tensor& h, const PackedWeight& head, std::span<const int32_t> targets,
                     std::span<const float> weights, const Tensor& losses, const Tensor& dh,
                     const Tensor& dhead) override {
    std::vector<int32_t> all(targets.begin(), targets.end());
    for (auto& target : all) target = target < 0 ? 0 : target;
    inner_->cross_entropy(h, head, all, weights, losses, dh, dhead);
  }
};

struct TurnsTheSameWayBack final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void rope(const Tensor& x, std::span<const int32_t> positions, const Tensor& table, int64_t head_size,
            bool) override {
    inner_->rope(x, positions, table, head_size, false);
  }
};

struct OverwritesTheNormsGradient final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void rms_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& gain, const Tensor& rstd,
                         int64_t groups, const Tensor& dx, bool, const Tensor& dgain) override {
    inner_->rms_norm_backward(dy, x, gain, rstd, groups, dx, false, dgain);
  }
};

struct ForgetsBiasCorrection final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void adamw(const Tensor& parameter, const Tensor& gradient, const Tensor& m, const Tensor& v,
             const AdamW& options) override {
    AdamW late = options;
    late.step += 1000000;
    inner_->adamw(parameter, gradient, m, v, late);
  }
};

struct RepacksNothing final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void repack(PackedWeight&, const Tensor&) override {}
};

// Each set is clipped by what the next one's gradient would be clipped by.
struct TakesTheNeighboursNorm final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void clipped_adamw(std::span<const ClippedUpdate> updates, const Tensor& norms) override {
    std::vector<ClippedUpdate> off(updates.begin(), updates.end());
    for (size_t i = 0; i + 1 < off.size(); ++i) {
      const double factor =
          std::sqrt(inner_->sum_squares(updates[i].gradient) / inner_->sum_squares(updates[i + 1].gradient));
      if (std::isfinite(factor)) off[i].max_grad_norm *= factor;
    }
    inner_->clipped_adamw(off, norms);
  }
};

// A set that is sound is updated, whatever the others are.
struct UpdatesBesideNan final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void clipped_adamw(std::span<const ClippedUpdate> updates, const Tensor& norms) override {
    for (size_t i = 0; i < updates.size(); ++i) {
      const auto at = static_cast<int64_t>(i);
      inner_->clipped_adamw(updates.subspan(i, 1), norms.rows(at, at + 1));
    }
  }
};

struct DecaysEverything final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void clipped_adamw(std::span<const ClippedUpdate> updates, const Tensor& norms) override {
    std::vector<ClippedUpdate> off(updates.begin(), updates.end());
    for (ClippedUpdate& u : off) u.decayed = std::max(u.decayed, u.parameter.numel());
    inner_->clipped_adamw(off, norms);
  }
};

struct NeverClips final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void clipped_adamw(std::span<const ClippedUpdate> updates, const Tensor& norms) override {
    std::vector<ClippedUpdate> off(updates.begin(), updates.end());
    for (ClippedUpdate& u : off) u.max_grad_norm = std::min(u.max_grad_norm, 0.0);
    inner_->clipped_adamw(off, norms);
  }
};

struct RepacksTheNeighbour final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void repack_loras(std::span<const LoraValues> values) override {
    std::vector<LoraValues> off(values.begin(), values.end());
    for (size_t i = 0; i + 1 < off.size(); i += 2)
      if (off[i].a.shape() == off[i + 1].a.shape()) std::swap(off[i].lora, off[i + 1].lora);
    inner_->repack_loras(off);
  }
};

struct ForgetsLatePairs final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void repack_loras(std::span<const LoraValues> values) override {
    inner_->repack_loras(values.first(std::min<size_t>(values.size(), 4096)));
  }
};

// A loss that is not finite beside a gradient that is.
struct HidesAnInfiniteLoss final : ForwardingBackend {
  using ForwardingBackend::ForwardingBackend;
  void cross_entropy(const Tensor& h, const PackedWeight& head, std::span<const int32_t> targets,
                     std::span<const float> weights, const Tensor& losses, const Tensor& dh,
                     const Tensor& dhead) override {
    inner_->cross_entropy(h, head, targets, weights, losses, dh, dhead);
    for (int64_t i = 0; !dh.empty() && i < dh.dim(0); ++i)
      for (int64_t j = 0; j < dh.dim(1); ++j)
        if (float& x = dh.data<float>()[i * dh.row_stride() + j]; std::isnan(x)) x = 0;
  }
};

}  // namespace whorl::ops
