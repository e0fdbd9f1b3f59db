// Packed weights as parts that can be kept on disk, and computing over parts that lie there.
#include <cstring>

#include "cpu/backend.h"
#include "cpu/checks.h"
#include "cpu/memory.h"

namespace whorl::cpu {

namespace {
// A group's scales are 32 bytes, and so every part of a file lies at a multiple of 32 where its data do. What
// lies crooked is copied: kernels would read it right, but slowly.
Tensor in_place(const Tensor& part) {
  constexpr uintptr_t kStep = 32;
  if (part.empty() || reinterpret_cast<uintptr_t>(part.raw()) % kStep == 0) return part;
  const Tensor copy = zeroed_tensor(part.dtype(), part.shape());
  std::memcpy(copy.raw(), part.raw(), part.nbytes());
  return copy;
}

Tensor part_named(const ops::WeightParts& parts, const char* name) {
  const auto it = parts.tensors.find(name);
  return it == parts.tensors.end() ? Tensor() : in_place(it->second);
}
}  // namespace

// The same for all instruction sets. The number grows with every change of Panels or QuantPanels.
std::string CpuBackend::weight_layout() const { return "cpu panels 1"; }

ops::WeightParts CpuBackend::parts(const PackedWeight& w) {
  const CpuWeight& weight = as_cpu(w);
  lay_out(weight);
  ops::WeightParts out{weight.outputs(), weight.inputs(), {}};
  if (weight.whole()) {
    out.tensors["panels"] = weight.forward.memory();
    return out;
  }
  out.tensors["codes"] = weight.quantised.codes();
  out.tensors["scales"] = weight.quantised.scales();
  if (!weight.quantised.minima().empty()) out.tensors["minima"] = weight.quantised.minima();
  return out;
}

Weight CpuBackend::from_parts(const ops::WeightParts& parts) {
  base::check_argument(parts.outputs > 0 && parts.inputs > 0, "[from_parts] expected a matrix, got [",
                       parts.outputs, ", ", parts.inputs, "]");
  auto weight = std::make_shared<CpuWeight>();
  if (const Tensor panels = part_named(parts, "panels"); !panels.empty())
    weight->forward = Panels(panels, parts.inputs, parts.outputs);
  else
    weight->quantised = QuantPanels(part_named(parts, "codes"), part_named(parts, "scales"),
                                    part_named(parts, "minima"), parts.inputs, parts.outputs);
  return weight;
}

}  // namespace whorl::cpu
