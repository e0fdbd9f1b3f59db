// Products with a packed weight, stored whole or as whole numbers.
#include "cpu/backend.h"
#include "cpu/linear_parts.h"
#include "cpu/rows_in_turn.h"

namespace whorl::cpu {

void CpuBackend::forward_block(const CpuWeight& weight, const Block& b, int64_t panel_begin,
                               int64_t panel_end) {
  if (b.late) return late_block(weight, b, panel_begin, panel_end);
  const QuantPanels& q = weight.quantised;
  const auto quantised = [&](float* rows, bool rounded) {
    kernels_.gemm_quantised({b.a, b.a_stride, b.rows, q.k(), q.matrix(), panel_begin, panel_end, q.columns(),
                             b.c, b.c_stride, b.bias, rows, rounded});
  };
  if (b.rounded && !weight.whole()) return quantised(b.rounded, true);
  const int64_t needed =
      weight.whole() ? kernels_.gemm_scratch : kernels_.gemm_quantised_scratch(weight.inputs());
  const Lease scratch(scratch_, static_cast<size_t>(needed));
  if (!weight.whole()) return quantised(scratch.get(), false);
  Gemm g = product(b.a, b.a_stride, b.rows, weight.forward, b.c, b.c_stride);
  g.init = b.bias, g.init_stride = 0;
  g.panel_begin = panel_begin, g.panel_end = panel_end, g.scratch = scratch.get(), g.beside = b.beside,
  g.behind = b.behind, g.packed = b.rounded, g.packed_step = b.packed_step;
  kernels_.gemm(g);
}

void CpuBackend::multiply(const Block& whole, const CpuWeight& weight) {
  lay_out(weight);
  const Cut cut(whole.rows, weight, pool_->width());
  pool_->run(cut.tasks(), [&](int64_t task) {
    const int64_t begin = cut.row(task);
    Block part = whole;
    part.a += begin * whole.a_stride, part.c += begin * whole.c_stride;
    part.rows = cut.row_end(task) - begin;
    forward_block(weight, part, cut.panel(task), cut.panel_end(task));
  });
}

Gemm CpuBackend::GradientPanels::product(const float* a, int64_t a_stride, int64_t rows, int64_t k, float* c,
                                         int64_t c_stride) const {
  Gemm g{};
  g.a = a, g.a_stride = a_stride, g.rows = rows, g.k = k;
  g.w = w, g.bf16 = bf16, g.columns = columns;
  g.panel_begin = 0, g.panel_end = (columns + kPanel - 1) / kPanel;
  g.c = c + first * kPanel, g.c_stride = c_stride;
  return g;
}

void CpuBackend::turn_panel(const CpuWeight& weight, int64_t panel, float* to) {
  const int64_t k = weight.inputs(), columns = weight.outputs();
  if (weight.whole())
    kernels_.turn_panel({weight.forward.data(), weight.forward.bf16(), k, columns, panel, to});
  else
    kernels_.widen_quantised({weight.quantised.matrix(), k, columns, panel, to});
}

void CpuBackend::for_gradient_panels(const CpuWeight& weight,
                                     const std::function<void(const GradientPanels&)>& body) {
  lay_out(weight);
  const int64_t inputs = weight.inputs();
  if (const Panels kept = weight.kept(); !kept.empty()) return body({kept.data(), kept.bf16(), 0, inputs});
  const Turned turned(weight, kernels_);
  if (const float* all = turned_for_rows(weight)) return body({all, turned.pairs, 0, inputs});
  const Lease memory(scratch_, static_cast<size_t>(turned.panels * turned.panel_floats));
  for (int64_t first = 0; first < turned.all_panels; first += turned.panels) {
    const int64_t count = std::min(turned.panels, turned.all_panels - first);
    pool_->run(count,
               [&](int64_t i) { turn_panel(weight, first + i, memory.get() + i * turned.panel_floats); });
    body({memory.get(), turned.pairs, first, std::min(inputs - first * kPanel, count * kPanel)});
  }
}

void CpuBackend::multiply_back(const float* a, int64_t a_stride, int64_t rows, const CpuWeight& weight,
                               float* c, int64_t c_stride) {
  for_gradient_panels(weight, [&](const GradientPanels& w) {
    const Cut cut(rows, weight.outputs(), w.columns, pool_->width(), 1);
    pool_->run(cut.tasks(), [&](int64_t task) {
      const Lease scratch(scratch_, static_cast<size_t>(kernels_.gemm_scratch));
      const int64_t begin = cut.row(task);
      Gemm g = w.product(a + begin * a_stride, a_stride, cut.row_end(task) - begin, weight.outputs(),
                         c + begin * c_stride, c_stride);
      g.panel_begin = cut.panel(task), g.panel_end = cut.panel_end(task), g.scratch = scratch.get();
      kernels_.gemm(g);
    });
  });
}

}  // namespace whorl::cpu
