#include "cpu/isa.h"

#include "base/check.h"
#include "cpu/features.h"

namespace whorl::cpu {

const Kernels* avx512_bf16_kernels();
const Kernels* avx512_kernels();
const Kernels* avx2_kernels();
const Kernels* generic_kernels();

namespace {
std::vector<const Kernels*> available() {
  const Features features = detect_features();
  std::vector<const Kernels*> found;
  if (features.avx512_bf16) found.push_back(avx512_bf16_kernels());
  if (features.avx512) found.push_back(avx512_kernels());
  if (features.avx2_fma) found.push_back(avx2_kernels());
  found.push_back(generic_kernels());
  return found;
}
}  // namespace

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const Kernels* kernels : available()) names.emplace_back(kernels->name);
  return names;
}

const Kernels& kernels_for(const std::string& isa) {
  const auto found = available();
  if (isa.empty()) return *found.front();
  std::string names;
  for (const Kernels* kernels : found) {
    if (isa == kernels->name) return *kernels;
    names += (names.empty() ? "" : ", ") + std::string(kernels->name);
  }
  base::invalid("[make_backend] expected instruction set (WHORL_ISA) to be one of: ", names, "; got '", isa,
                "'");
}

}  // namespace whorl::cpu
