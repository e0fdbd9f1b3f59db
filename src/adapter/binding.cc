#include "adapter/binding.h"

#include <set>

#include "adapter/targets.h"
#include "base/check.h"
#include "base/file.h"

namespace whorl::adapter {

bool BindingReport::complete() const {
  return unbound.empty() && untargeted.empty() && missing.empty() && mismatched.empty() && !other_base;
}

namespace {
void describe(std::string& out, const char* what, const std::vector<std::string>& names) {
  if (names.empty()) return;
  out += base::concat("; ", names.size(), " ", what, ": ");
  for (size_t i = 0; i < names.size() && i < 5; ++i)
    out += (i ? ", '" : "'") + base::printable(names[i]) + "'";
  if (names.size() > 5) out += ", …";
}
}  // namespace

std::string BindingReport::to_string() const {
  std::string out = base::concat(bound.size(), " modules bound");
  describe(out, "in the adapter but not in the base model", unbound);
  describe(out, "in the adapter but not among its target_modules", untargeted);
  describe(out, "targeted but missing from the adapter", missing);
  describe(out, "of another shape", mismatched);
  if (other_base) out += "; the adapter was trained on a base model with other weights";
  return out;
}

BindingReport binding_report(const LoraAdapter& adapter, const BaseDescription& base) {
  BindingReport report;
  std::vector<std::string> linear_names;
  for (const auto& [name, module] : base.modules) linear_names.push_back(name);
  const auto targeted = matching_modules(adapter.config, linear_names, "[Adapter.bind]");
  std::set<std::string> present;
  for (const LoraModule& module : adapter.modules) {
    present.insert(module.name);
    const auto linear = base.modules.find(module.name);
    if (linear == base.modules.end()) {
      report.unbound.push_back(module.name);
    } else if (!targeted.count(module.name)) {
      report.untargeted.push_back(module.name);
    } else if (linear->second.inputs != module.inputs() || linear->second.outputs != module.outputs()) {
      report.mismatched.push_back(base::concat(module.name, ": the adapter has [outputs, inputs] = [",
                                               module.outputs(), ", ", module.inputs(), "], the base [",
                                               linear->second.outputs, ", ", linear->second.inputs, "]"));
    } else {
      report.bound.push_back(module.name);
    }
  }
  for (const auto& [name, resolved] : targeted)
    if (!present.count(name)) report.missing.push_back(name);
  const auto trained_on = adapter.metadata.find("base_model_digest");
  report.other_base =
      trained_on != adapter.metadata.end() && !base.digest.empty() && trained_on->second != base.digest;
  return report;
}

BindingReport bind(const LoraAdapter& adapter, const BaseDescription& base, const std::string& context) {
  BindingReport report = binding_report(adapter, base);
  if (!report.complete())
    base::invalid("[", context, "] the adapter does not fit the base model: ", report.to_string());
  return report;
}

}  // namespace whorl::adapter
