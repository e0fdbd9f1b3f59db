// Products with a packed weight, stored whole or as whole numbers.
#include "cpu/backend.h"
#include "cpu/linear_parts.h"

namespace whorl::cpu {

void CpuBackend::forward_block(const CpuWeight& weight, const Block& b, int64_t panel_begin,
                               int64_t panel_end) {
  const QuantPanels& q = weight.quantised;
  const auto quantised = [&](float* rows, bool rounded) {
    kernels_.gemm_quantised({b.a, b.a_stride, b.rows, q.k(), q.matrix(), panel_begin, panel_end, q.columns(),
                             b.c, b.c_stride, b.bias, rows, rounded});
  };
  if (b.rounded) return quantised(b.rounded, true);
  const int64_t needed =
      weight.whole() ? kernels_.gemm_scratch : kernels_.gemm_quantised_scratch(weight.inputs());
  const Lease scratch(scratch_, static_cast<size_t>(needed));
  if (!weight.whole()) return quantised(scratch.get(), false);
  Gemm g = product(b.a, b.a_stride, b.rows, weight.forward, b.c, b.c_stride);
  g.init = b.bias, g.init_stride = 0;
  g.panel_begin = panel_begin, g.panel_end = panel_end, g.scratch = scratch.get(), g.beside = b.beside;
  kernels_.gemm(g);
}

void CpuBackend::multiply(const Block& whole, const CpuWeight& weight) {
  const Cut cut(whole.rows, weight, pool_->size(), kernels_.quant_panels);
  pool_->run(cut.tasks(), [&](int64_t task) {
    const int64_t begin = cut.row(task);
    Block part = whole;
    part.a += begin * whole.a_stride, part.c += begin * whole.c_stride;
    part.rows = cut.row_end(task) - begin;
    forward_block(weight, part, cut.panel(task), cut.panel_end(task));
  });
}

void CpuBackend::multiply_back(const float* a, int64_t a_stride, int64_t rows, const CpuWeight& weight,
                               float* c, int64_t c_stride) {
  if (!weight.whole()) return quantised_gradient(a, a_stride, rows, weight, c, c_stride, false);
  const Cut cut(rows, weight.backward, pool_->size());
  pool_->run(cut.tasks(), [&](int64_t task) {
    const Lease scratch(scratch_, static_cast<size_t>(kernels_.gemm_scratch));
    const int64_t begin = cut.row(task);
    Gemm g = product(a + begin * a_stride, a_stride, cut.row_end(task) - begin, weight.backward,
                     c + begin * c_stride, c_stride);
    g.panel_begin = cut.panel(task), g.panel_end = cut.panel_end(task), g.scratch = scratch.get();
    kernels_.gemm(g);
  });
}

void CpuBackend::quantised_gradient(const float* a, int64_t a_stride, int64_t rows, const CpuWeight& weight,
                                    float* c, int64_t c_stride, bool accumulate) {
  const QuantPanels& q = weight.quantised;
  const int64_t inputs = q.k(), outputs = q.columns(), panels = (inputs + kPanel - 1) / kPanel;
  const bool pairs = kernels_.bfloat16_group == 2;
  const Widened widening = widened_at_once(inputs, outputs, pairs);
  const int64_t panel_floats = widening.panel_floats, step = widening.panels;
  const Lease widened(scratch_, static_cast<size_t>(step * panel_floats));
  for (int64_t first = 0; first < panels; first += step) {
    const int64_t count = std::min(step, panels - first);
    pool_->run(count, [&](int64_t i) {
      kernels_.widen_quantised({q.matrix(), inputs, outputs, first + i, widened.get() + i * panel_floats});
    });
    const int64_t columns = std::min(inputs - first * kPanel, count * kPanel);
    const Cut cut(rows, outputs, columns, pool_->size());
    pool_->run(cut.tasks(), [&](int64_t task) {
      const Lease scratch(scratch_, static_cast<size_t>(kernels_.gemm_scratch));
      const int64_t begin = cut.row(task);
      Gemm g{};
      g.a = a + begin * a_stride, g.a_stride = a_stride, g.rows = cut.row_end(task) - begin, g.k = outputs;
      g.w = widened.get(), g.bf16 = pairs, g.columns = columns;
      g.c = c + begin * c_stride + first * kPanel, g.c_stride = c_stride;
      if (accumulate) g.init = g.c, g.init_stride = c_stride;
      g.panel_begin = cut.panel(task), g.panel_end = cut.panel_end(task), g.scratch = scratch.get();
      kernels_.gemm(g);
    });
  }
}

}  // namespace whorl::cpu
