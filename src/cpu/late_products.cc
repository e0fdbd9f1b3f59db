// Weights whose layout is made late (late.h), in products: from rows where they lie, or for good.
#include "cpu/backend.h"
#include "cpu/checks.h"
#include "cpu/linear_parts.h"

namespace whorl::cpu {

namespace {
// A stretch of panels laid out in passing, as a weight of its own.
class PassingPanels {
 public:
  explicit PassingPanels(const CpuWeight& weight) : weight_(weight) {
    const QuantPanels& q = weight.quantised;
    const int64_t halves = q.groups() * kPanel;  // scales, or minima, of a panel
    code_bytes_ = weight.whole() ? static_cast<int64_t>(weight.forward.nbytes()) / weight.panels()
                                 : static_cast<int64_t>(q.codes().nbytes()) / weight.panels();
    scale_bytes_ = weight.whole() ? 0 : 2 * halves;
  }
  // As many as stay in a core's cache, and what a kernel takes at once.
  int64_t at_once() const {
    constexpr int64_t kBytes = 256 << 10, kStep = 4;
    return std::max(kStep, kBytes / panel_bytes() / kStep * kStep);
  }
  size_t floats(int64_t count) const { return static_cast<size_t>(count * panel_bytes() / 4); }

  // Panels [first, first + count) of `rows`, in `memory`, become `part`.
  void make(const LateRows& rows, int64_t first, int64_t count, float* memory, CpuWeight& part) const {
    const int64_t k = weight_.inputs(),
                  columns = std::min(weight_.outputs() - first * kPanel, count * kPanel);
    auto* const codes = reinterpret_cast<uint8_t*>(memory);
    const auto view = [&](const Tensor& whole, uint8_t* at) {
      if (whole.empty()) return Tensor();
      return Tensor::view(whole.dtype(), {count, whole.dim(1), whole.dim(2)}, at, nullptr);
    };
    if (weight_.whole()) {
      part.forward = Panels(view(weight_.forward.memory(), codes), k, columns);
    } else {
      uint8_t* const scales = codes + count * code_bytes_;
      const QuantPanels& q = weight_.quantised;
      part.quantised = QuantPanels(view(q.codes(), codes), view(q.scales(), scales),
                                   view(q.minima(), scales + count * scale_bytes_), k, columns);
    }
    for (int64_t i = 0; i < count; ++i) rows.lay(first + i, part, i);
  }

 private:
  int64_t panel_bytes() const { return code_bytes_ + 2 * scale_bytes_; }  // room for minima, needed or not

  const CpuWeight& weight_;
  int64_t code_bytes_, scale_bytes_;
};
}  // namespace

void CpuBackend::lay_out(const CpuWeight& weight) {
  if (weight.late.there()) return;
  weight.late.finish(*pool_, weight);
  passing_.clear();
}

// Many rows take long anyway, and tasks that share panels would each make them again; so few are made ready
// once for all of a product's tasks.
std::shared_ptr<const LateRows> CpuBackend::rows_or_layout(const CpuWeight& weight, int64_t n) {
  if (weight.late.there()) return nullptr;
  std::shared_ptr<const LateRows> rows;
  if (n <= kQuantRows) rows = weight.late.first(Late::Use::product);
  if (!rows) lay_out(weight);
  return rows;
}

// The kernels see the panels that they would see, a few at a time.
void CpuBackend::late_block(const CpuWeight& weight, const Block& b, int64_t panel_begin, int64_t panel_end) {
  const PassingPanels panels(weight);
  const int64_t at_once = std::min(panels.at_once(), panel_end - panel_begin);
  const Lease memory(passing_, panels.floats(at_once));
  for (int64_t first = panel_begin; first < panel_end; first += at_once) {
    CpuWeight part;
    const int64_t count = std::min(at_once, panel_end - first);
    panels.make(*b.late, first, count, memory.get(), part);
    Block some = b;
    some.late = nullptr, some.c += first * kPanel;
    if (b.bias) some.bias += first * kPanel;
    if (first > panel_begin) some.beside = nullptr;  // the first panels' product made it
    Gemm behind{};
    if (b.behind) {
      behind = *b.behind;
      behind.w = static_cast<const float*>(behind.w) +
                 first * kPanel * (behind.bf16 ? (behind.k + 1) / 2 : behind.k);
      some.behind = &behind;
    }
    forward_block(part, some, 0, count);
  }
}

}  // namespace whorl::cpu
