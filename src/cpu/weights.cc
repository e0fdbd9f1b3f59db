// Packing weights and adapters, and taking them out again.
#include <algorithm>

#include "cpu/backend.h"
#include "cpu/checks.h"
#include "ops/quantised_group.h"

namespace whorl::cpu {

namespace {
void check_weight(const char* op, const Tensor& w) {
  base::check_argument(!w.empty() && w.shape().size() == 2 && w.dim(0) > 0 && w.dim(1) > 0 &&
                           w.contiguous() && (w.dtype() == DType::float32 || w.dtype() == DType::bfloat16),
                       "[", op, "] expected a float32 or bfloat16 matrix [O, K], got ", name_of(w.dtype()),
                       " ", to_string(w.shape()));
}

void fill_forward(base::ThreadPool& pool, CpuWeight& weight, const Tensor& w) {
  weight.forward.fill(pool, w.raw(), 1, w.dim(1));
}
void fill_backward(base::ThreadPool& pool, CpuWeight& weight, const Tensor& w) {
  weight.backward.fill(pool, w.raw(), w.dim(1), 1);
}

// The four layouts of a pair.
void fill_lora(base::ThreadPool& pool, CpuLora& lora, const Tensor& a, const Tensor& b, int64_t layout) {
  const int64_t k = a.dim(1), r = a.dim(0);
  switch (layout) {
    case 0:
      return lora.a.fill_scaled(pool, a.data<float>(), 1, k, 1);
    case 1:
      return lora.a_backward.fill_scaled(pool, a.data<float>(), k, 1, 1);
    case 2:
      return lora.b.fill_scaled(pool, b.data<float>(), 1, r, lora.scale);
    default:
      return lora.b_backward.fill_scaled(pool, b.data<float>(), r, 1, lora.scale);
  }
}
constexpr int64_t kLoraLayouts = 4;

void check_lora(const char* op, const Tensor& a, const Tensor& b) {
  expect_matrix(op, "a", a);
  expect_matrix(op, "b", b);
  base::check_argument(a.dim(0) > 0 && a.dim(0) == b.dim(1) && a.contiguous() && b.contiguous(), "[", op,
                       "] expected a [R, K] and b [O, R], got ", to_string(a.shape()), " and ",
                       to_string(b.shape()));
}
}  // namespace

Weight CpuBackend::pack(const Tensor& w, bool backward) {
  check_weight("pack", w);
  auto weight = std::make_shared<CpuWeight>();
  weight->forward = Panels(w.dtype(), w.dim(1), w.dim(0));
  fill_forward(*pool_, *weight, w);
  if (backward) {
    weight->backward = Panels(w.dtype(), w.dim(0), w.dim(1));
    fill_backward(*pool_, *weight, w);
  }
  return weight;
}

Weight CpuBackend::pack_quantized(const Tensor& w, ops::Quantize quantize) {
  check_weight("pack_quantized", w);
  base::check_argument(quantize != ops::Quantize::none, "[pack_quantized] expected int8 or int4, got none");
  base::check_argument(quantize != ops::Quantize::fp8, "[pack_quantized] the backend ", name(),
                       " has no products of FP8: expected int8 or int4, or a GPU, got fp8");
  auto weight = std::make_shared<CpuWeight>();
  weight->quantised = QuantPanels(*pool_, ops::rounded_rows(w, quantize));
  return weight;
}

Weight CpuBackend::pack_quantized(const ops::QuantizedMatrix& w) {
  ops::expect_codes(w);
  return pack_quantized(ops::rows_of(w));
}

Weight CpuBackend::pack_quantized(const ops::QuantizedRows& w) {
  auto weight = std::make_shared<CpuWeight>();
  weight->quantised = QuantPanels(*pool_, w);
  return weight;
}

Weight CpuBackend::pack_later(const Tensor& w, const std::function<void()>& laid_out) {
  check_weight("pack_later", w);
  auto weight = std::make_shared<CpuWeight>();
  weight->forward = Panels(w.dtype(), w.dim(1), w.dim(0));
  weight->late.begin(std::make_shared<const LateRows>(w, laid_out));
  return weight;
}

Weight CpuBackend::pack_quantized_later(const ops::QuantizedRows& w, const std::function<void()>& laid_out) {
  auto weight = std::make_shared<CpuWeight>();
  weight->quantised = QuantPanels(w.quantize, w.minima, w.inputs, w.outputs);
  weight->late.begin(std::make_shared<const LateRows>(w, laid_out));
  return weight;
}

void CpuBackend::prepare_backward(PackedWeight& w) {
  CpuWeight& weight = as_cpu(w);
  lay_out(weight);
  const std::lock_guard lock(weight.preparing);
  if (weight.has_backward()) return;
  const Tensor plain = unpack(w);
  Panels panels(weight.dtype(), weight.outputs(), weight.inputs());
  panels.fill(*pool_, plain.raw(), plain.dim(1), 1);
  const std::lock_guard swap(weight.swapping);
  weight.backward = std::move(panels);
}

size_t CpuBackend::gradient_layout_bytes(const PackedWeight& w) const {
  const CpuWeight& weight = as_cpu(w);
  if (!weight.whole()) return 0;
  return static_cast<size_t>(weight.outputs() * ((weight.inputs() + kPanel - 1) / kPanel * kPanel)) *
         size_of(weight.dtype());
}

void CpuBackend::repack(PackedWeight& w, const Tensor& host) {
  CpuWeight& weight = as_cpu(w);
  check_weight("repack", host);
  base::check_argument(weight.whole(), "[repack] expected a weight that is not quantised");
  base::check_argument(!weight.forward.borrowed(), "[repack] this weight's memory is not its own");
  expect("repack", "w", host, {weight.outputs(), weight.inputs()}, weight.dtype());
  lay_out(weight);
  fill_forward(*pool_, weight, host);
  if (!weight.backward.empty()) fill_backward(*pool_, weight, host);
}

Tensor CpuBackend::unpack(const PackedWeight& w) {
  const CpuWeight& weight = as_cpu(w);
  const DType dtype = weight.whole() ? weight.dtype() : DType::float32;
  lay_out(weight);
  Tensor out = Tensor::zeros(dtype, {weight.outputs(), weight.inputs()});
  const int64_t panels = (weight.outputs() + kPanel - 1) / kPanel;  // whole ones go faster
  parallel(panels, 1 + (1 << 10) / weight.inputs(), [&](int64_t begin, int64_t end) {
    unpack_rows(w, begin * kPanel, out.rows(begin * kPanel, std::min(end * kPanel, weight.outputs())));
  });
  return out;
}

void CpuBackend::unpack_rows(const PackedWeight& w, int64_t begin, const Tensor& out) {
  const CpuWeight& weight = as_cpu(w);
  const int64_t end = begin + out.dim(0);
  lay_out(weight);
  if (weight.whole())
    weight.forward.copy_columns(begin, end, out.raw());
  else
    weight.quantised.copy_columns(begin, end, out.data<float>());
}

Lora CpuBackend::pack_lora(const Tensor& a, const Tensor& b, float scale, DType base) {
  check_lora("pack_lora", a, b);
  const int64_t k = a.dim(1), r = a.dim(0), o = b.dim(0);
  auto lora = std::make_shared<CpuLora>();
  // Rounding it buys speed only where pairs are multiplied.
  const DType stored = base == DType::bfloat16 && kernels_.bfloat16_group == 2 ? base : DType::float32;
  lora->a = Panels(stored, k, r);
  lora->a_backward = Panels(stored, r, k);
  lora->b = Panels(stored, r, o);
  lora->b_backward = Panels(stored, o, r);
  repack_lora(*lora, a, b, scale);
  return lora;
}

void CpuBackend::repack_lora(PackedLora& lora, const Tensor& a, const Tensor& b, float scale) {
  const ops::LoraValues one{&lora, a, b, scale};
  repack_loras({&one, 1});
}

// All layouts of all pairs are shared out at once: one is the work of microseconds.
void CpuBackend::repack_loras(std::span<const ops::LoraValues> values) {
  std::vector<CpuLora*> mine;
  for (const ops::LoraValues& one : values) {
    ops::expect_pair("repack_loras", one);
    CpuLora& lora = const_cast<CpuLora&>(as_cpu(static_cast<const PackedLora&>(*one.lora)));
    check_lora("repack_lora", one.a, one.b);
    expect("repack_lora", "a", one.a, {lora.a.columns(), lora.a.k()});
    expect("repack_lora", "b", one.b, {lora.b.columns(), lora.b.k()});
    mine.push_back(&lora);
  }
  for (size_t i = 0; i < mine.size(); ++i) mine[i]->scale = values[i].scale;
  pool_->run(static_cast<int64_t>(mine.size()) * kLoraLayouts, [&](int64_t task) {
    const auto i = static_cast<size_t>(task / kLoraLayouts);
    fill_lora(*pool_, *mine[i], values[i].a, values[i].b, task % kLoraLayouts);
  });
}

}  // namespace whorl::cpu
