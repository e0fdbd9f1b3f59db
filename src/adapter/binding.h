#pragma once
// Does this adapter fit that base? It binds whole or not at all.
#include <string>
#include <vector>

#include "adapter/lora.h"

namespace whorl::adapter {

struct BindingReport {
  std::vector<std::string> bound;       // modules that fit
  std::vector<std::string> unbound;     // the adapter has them, the base has no such linear
  std::vector<std::string> untargeted;  // both have them, the adapter's own configuration does not mean them
  std::vector<std::string> missing;     // the configuration means them, the adapter lacks them
  std::vector<std::string> mismatched;  // "name: adapter [out, in] = [4, 8], base [4, 16]"
  bool other_base = false;              // trained on a base with another digest

  bool complete() const;
  std::string to_string() const;  // counts, then the names (the first few of each kind)
};

BindingReport binding_report(const LoraAdapter& adapter, const BaseDescription& base);

// Throws std::invalid_argument "[context] …" with the report unless everything binds.
BindingReport bind(const LoraAdapter& adapter, const BaseDescription& base, const std::string& context);

}  // namespace whorl::adapter
