#include "cpu/isa.h"

#include "base/check.h"

namespace whorl::cpu {

const Kernels* amx_kernels();
const Kernels* amx_emulated_kernels();
const Kernels* avx512_bf16_kernels();
const Kernels* avx512_vnni_kernels();
const Kernels* avx512_kernels();
const Kernels* avx_vnni_kernels();
const Kernels* avx2_kernels();
const Kernels* generic_kernels();

namespace {
using Tables = std::vector<const Kernels*>;

Tables tables_of(const Features& features) {
  Tables found;
  const bool pairs_first = features.avx512_bf16 && !features.slow_pairs();
  if (features.amx()) found.push_back(amx_kernels());
  if (pairs_first) found.push_back(avx512_bf16_kernels());
  if (features.avx512_vnni) found.push_back(avx512_vnni_kernels());
  if (features.avx512_bf16 && !pairs_first) found.push_back(avx512_bf16_kernels());
  if (features.avx512) found.push_back(avx512_kernels());
  if (features.avx_vnni) found.push_back(avx_vnni_kernels());
  if (features.avx2_fma) found.push_back(avx2_kernels());
  found.push_back(generic_kernels());
  return found;
}
Tables available() { return tables_of(detect_features()); }

// Only the tiles are emulated.
Tables emulated() { return detect_features().avx512_bf16 ? Tables{amx_emulated_kernels()} : Tables{}; }

std::vector<std::string> names_of(const Tables& tables) {
  std::vector<std::string> names;
  for (const Kernels* kernels : tables) names.emplace_back(kernels->name);
  return names;
}
}  // namespace

std::vector<std::string> isas_of(const Features& features) { return names_of(tables_of(features)); }
std::vector<std::string> available_isas() { return isas_of(detect_features()); }
std::vector<std::string> emulated_isas() { return names_of(emulated()); }

const Kernels& kernels_for(const std::string& isa) {
  const auto found = available();
  if (isa.empty()) return *found.front();
  for (const auto& tables : {found, emulated()})
    for (const Kernels* kernels : tables)
      if (isa == kernels->name) return *kernels;
  std::string names;
  for (const auto& name : names_of(found)) names += (names.empty() ? "" : ", ") + name;
  const std::string why = isa == "amx" ? " (" + what_amx_lacks(detect_features()) + ")" : "";
  base::invalid("[make_backend] expected instruction set (WHORL_ISA) to be one of: ", names, "; got '", isa,
                "'", why);
}

}  // namespace whorl::cpu
