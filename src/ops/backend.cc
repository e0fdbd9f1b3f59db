// What a backend does unless it knows better. A backend that is a library of its own holds this file, too.
#include "ops/backend.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/thread_pool.h"
#include "ops/checks.h"
#include "ops/choosing.h"

namespace whorl::ops {

size_t Backend::step_bytes(const StepShape& step) const {
  PassShape pass;
  pass.rows = step.rows, pass.trained_rows = 0, pass.gradients = false;
  pass.segment_rows = step.rank > 0 ? step.rows : 0, pass.rank = step.rank;
  pass.attention = step.attention, pass.linears = step.linears, pass.head = step.head;
  return working_bytes(pass);
}

void Backend::unpack_rows(const PackedWeight& w, int64_t begin, const Tensor& out) {
  const Tensor rows = unpack(w).rows(begin, begin + out.dim(0));
  std::memcpy(out.raw(), rows.raw(), rows.nbytes());
}

WeightParts Backend::parts(const PackedWeight&) {
  base::invalid("[parts] the backend ", name(), " has no layout to keep");
}
Weight Backend::from_parts(const WeightParts&) {
  base::invalid("[from_parts] the backend ", name(), " has no layout to keep");
}

std::unique_ptr<DeviceRanks> Backend::join_ranks(const RankCalls&) {
  base::invalid("[join_ranks] the backend ", name(), " has no sums of its own over ranks");
}

Weight Backend::pack_quantized(const QuantizedMatrix&) {
  base::invalid("[pack_quantized] the backend ", name(),
                " takes no codes; load with quantize 'none', 'int8' or 'int4'");
}

Weight Backend::pack_quantized(const QuantizedRows& w) {
  constexpr int64_t kGroup = 32;
  const int64_t groups = (w.inputs + kGroup - 1) / kGroup;
  QuantizedMatrix all{
      w.quantize, w.inputs,
      Tensor::zeros(DType::uint8, {w.outputs, w.quantize == Quantize::int8 ? w.inputs : (w.inputs + 1) / 2}),
      Tensor::zeros(DType::float16, {w.outputs, groups}),
      w.minima ? Tensor::zeros(DType::float16, {w.outputs, groups}) : Tensor()};
  const int64_t bytes = all.codes.dim(1);
  base::ThreadPool::shared()->run(w.outputs, [&](int64_t row) {
    w.read(row, {all.codes.data<uint8_t>() + row * bytes, all.scales.data<uint16_t>() + row * groups,
                 w.minima ? all.minima.data<uint16_t>() + row * groups : nullptr});
  });
  return pack_quantized(all);
}

Weight Backend::pack_later(const Tensor& w, const std::function<void()>& laid_out) {
  Weight weight = pack(w, false);
  laid_out();
  return weight;
}

Weight Backend::pack_quantized_later(const QuantizedRows& w, const std::function<void()>& laid_out) {
  Weight weight = pack_quantized(w);
  laid_out();
  return weight;
}

void Backend::repack_loras(std::span<const LoraValues> values) {
  const auto host = [this](const Tensor& x) {
    if (on_host() || x.empty()) return x;
    Tensor copy = Tensor::zeros(x.dtype(), x.shape());
    download(x, copy);
    return copy;
  };
  for (const LoraValues& v : values) {
    expect_pair("repack_loras", v);
    repack_lora(*v.lora, host(v.a), host(v.b), v.scale);
  }
}

namespace {
void update(Backend& backend, const ClippedUpdate& u, double norm) {
  AdamW options = u.options;
  if (u.max_grad_norm > 0) options.gradient_scale = std::min(1.0, u.max_grad_norm / (norm + 1e-6));
  const auto part = [&](int64_t begin, int64_t end, double decay) {
    if (begin == end) return;
    options.weight_decay = decay;
    backend.adamw(u.parameter.rows(begin, end), u.gradient.rows(begin, end), u.m.rows(begin, end),
                  u.v.rows(begin, end), options);
  };
  part(0, u.decayed, u.options.weight_decay);
  part(u.decayed, u.parameter.dim(0), 0);
}
}  // namespace

void Backend::clipped_adamw(std::span<const ClippedUpdate> updates, const Tensor& norms) {
  expect_updates("clipped_adamw", updates, norms);
  std::vector<double> found(updates.size());
  const Tensor bits = Tensor::zeros(DType::int64, norms.shape());
  for (size_t i = 0; i < updates.size(); ++i) {
    found[i] = std::sqrt(sum_squares(updates[i].gradient));
    bits.data<int64_t>()[i] = std::bit_cast<int64_t>(found[i]);
  }
  upload(bits, norms);
  if (!std::all_of(found.begin(), found.end(), [](double norm) { return std::isfinite(norm); })) return;
  for (size_t i = 0; i < updates.size(); ++i) update(*this, updates[i], found[i]);
}

void Backend::exp_weights(std::span<const float> logits, float largest, float temperature,
                          std::span<float> weights) const {
  ops::exp_weights(logits, largest, temperature, weights);
}
double Backend::sum_exp(std::span<const float> logits, float largest) const {
  return ops::sum_exp(logits, largest);
}

namespace {
void score_row(const Backend& backend, std::span<const float> row, int32_t target, int32_t* out) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const bool broken = !std::all_of(row.begin(), row.end(), [](float x) { return x < kInfinity; });
  const auto best = std::max_element(row.begin(), row.end());
  const float most = broken ? std::numeric_limits<float>::quiet_NaN() : *best;
  out[0] = static_cast<int32_t>(best - row.begin());
  out[1] = std::bit_cast<int32_t>(most);
  out[2] = std::bit_cast<int32_t>(row[static_cast<size_t>(target)]);
  const double sum = broken ? 0 : backend.sum_exp(row, most);
  std::memcpy(out + 3, &sum, sizeof sum);
}
}  // namespace

void Backend::score(const Tensor& logits, std::span<const int32_t> targets, const Tensor& out) {
  expect_score(logits, targets, out);
  const int64_t n = logits.dim(0), v = logits.dim(1);
  Tensor rows = logits, found = out;
  if (!on_host()) {
    rows = Tensor::zeros(DType::float32, {n, v}), found = Tensor::zeros(DType::int32, {n, kScoreWords});
    download(logits, rows);
  }
  for (int64_t i = 0; i < n; ++i)
    score_row(*this, {rows.data<float>() + i * rows.row_stride(), static_cast<size_t>(v)},
              targets[static_cast<size_t>(i)], found.data<int32_t>() + i * found.row_stride());
  if (!on_host()) upload(found, out);
}

}  // namespace whorl::ops
