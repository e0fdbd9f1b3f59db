#include "whorl/adapter.h"

#include "adapter/adapter_impl.h"
#include "adapter/peft.h"
#include "base/check.h"
#include "base/json.h"
#include "base/log.h"

namespace whorl {

namespace adapter {

Adapter make_adapter(LoraAdapter lora, const std::string& context) {
  check_lora(lora, context);
  auto impl = std::make_shared<Adapter::Impl>();
  impl->digest = digest_of(lora);
  impl->lora = std::move(lora);
  return Adapter(std::move(impl));
}

const LoraAdapter& adapter_impl(const Adapter& adapter) {
  base::check_argument(!adapter.empty(), "[Adapter] this adapter is empty; load or train one first");
  return adapter.impl()->lora;
}

}  // namespace adapter

using adapter::adapter_impl;
using adapter::LoraModule;

Adapter Adapter::load(const std::filesystem::path& folder) {
  Adapter out =
      adapter::make_adapter(adapter::read_peft(folder.string()), "[Adapter.load] " + folder.string());
  for (const std::string& warning : out.warnings())
    base::log(base::LogLevel::warn, "[Adapter.load] ", warning);
  return out;
}

void Adapter::save(const std::filesystem::path& folder, const AdapterSaveOptions& options) const {
  adapter::write_peft(adapter_impl(*this), folder.string(), options.dtype);
}

int64_t Adapter::rank() const { return adapter_impl(*this).config.rank; }
double Adapter::alpha() const { return adapter_impl(*this).config.alpha; }
bool Adapter::use_rslora() const { return adapter_impl(*this).config.use_rslora; }
std::string Adapter::base_model() const { return adapter_impl(*this).config.base_model_name_or_path; }

std::vector<std::string> Adapter::target_modules() const {
  const adapter::Targets& targets = adapter_impl(*this).config.targets;
  switch (targets.kind) {
    case adapter::Targets::Kind::list:
      return targets.names;
    case adapter::Targets::Kind::regex:
      return {targets.regex};
    case adapter::Targets::Kind::all_linear:
      return {"all-linear"};
    case adapter::Targets::Kind::family_default:
      break;
  }
  return {"q_proj", "v_proj"};
}

std::vector<AdapterModule> Adapter::modules() const {
  std::vector<AdapterModule> out;
  for (const LoraModule& m : adapter_impl(*this).modules)
    out.push_back({m.name, m.rank, m.inputs(), m.outputs(), m.alpha, m.scale});
  return out;
}

std::vector<AdapterTensor> Adapter::tensors() const {
  std::vector<AdapterTensor> out;
  for (const LoraModule& m : adapter_impl(*this).modules) {
    out.push_back({adapter::tensor_name(m.name, 'A'), m.a.shape()});
    out.push_back({adapter::tensor_name(m.name, 'B'), m.b.shape()});
  }
  return out;
}

AdapterTensor Adapter::tensor(const std::string& name) const {
  std::vector<std::string> names;
  for (const LoraModule& m : adapter_impl(*this).modules)
    for (const auto& [matrix, letter] : {std::pair{&m.a, 'A'}, std::pair{&m.b, 'B'}}) {
      names.push_back(adapter::tensor_name(m.name, letter));
      if (names.back() == name)
        return {name, matrix->shape(), {matrix->data<float>(), matrix->data<float>() + matrix->numel()}};
    }
  base::invalid("[Adapter.tensor] there is no tensor '", name, "'", base::did_you_mean(name, names));
}

int64_t Adapter::parameter_count() const {
  int64_t n = 0;
  for (const LoraModule& m : adapter_impl(*this).modules) n += m.a.numel() + m.b.numel();
  return n;
}

size_t Adapter::memory_bytes() const { return static_cast<size_t>(parameter_count()) * sizeof(float); }

std::map<std::string, double> Adapter::delta_norms() const {
  std::map<std::string, double> out;
  for (const LoraModule& m : adapter_impl(*this).modules) out[m.name] = adapter::delta_norm(m);
  return out;
}

const std::string& Adapter::digest() const {
  adapter_impl(*this);
  return impl_->digest;
}

const std::map<std::string, std::string>& Adapter::metadata() const { return adapter_impl(*this).metadata; }
const std::vector<std::string>& Adapter::warnings() const { return adapter_impl(*this).warnings; }
std::string Adapter::config_json() const { return adapter::to_peft_config(adapter_impl(*this)); }

Adapter Adapter::with_metadata(std::map<std::string, std::string> metadata) const {
  auto copy = std::make_shared<Impl>(Impl{adapter_impl(*this), impl_->digest});
  metadata.erase("format");
  copy->lora.metadata = std::move(metadata);
  return Adapter(std::move(copy));
}

}  // namespace whorl
