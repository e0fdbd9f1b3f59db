// Model::save and save_merged.
#include <nlohmann/json.hpp>

#include "adapter/adapter_impl.h"
#include "adapter/binding.h"
#include "base/check.h"
#include "model/assemble.h"
#include "model/config.h"
#include "model/save_folder.h"

namespace whorl {

namespace {

// A model that was read keeps its config.json but for the precision; every key of it was understood.
std::string config_text(const Model::Impl& impl, const std::string& dtype) {
  if (impl.config_json.empty()) {
    ModelConfig config = impl.config;
    if (dtype != "auto") config.torch_dtype = dtype;
    return base::to_sorted_json(model::to_json(config));
  }
  base::Json json = base::parse_json(impl.config_json, "[Model.save] config.json");
  json[json.contains("dtype") ? "dtype" : "torch_dtype"] = dtype == "auto" ? impl.config.torch_dtype : dtype;
  return json.dump(2) + "\n";
}

void write(const Model::Impl& impl, const std::filesystem::path& folder, const std::string& dtype,
           const std::map<std::string, Tensor>& tensors, const std::string& operation) {
  model::TextFiles files = impl.text_files;
  files["config.json"] = config_text(impl, dtype);
  if (!files.contains("generation_config.json"))
    files["generation_config.json"] = model::generation_config(impl.config);
  model::write_model_folder(folder.string(), files, tensors, operation);
}

// W + scale * B A in double, rounded once to the stored precision.
Tensor merged(const Tensor& w, const adapter::LoraModule& module, DType dtype) {
  const Tensor wide = model::convert(w, DType::float32);
  Tensor out = Tensor::zeros(DType::float32, w.shape());
  const int64_t outputs = w.dim(0), inputs = w.dim(1), rank = module.rank;
  std::vector<double> row(static_cast<size_t>(inputs));
  for (int64_t o = 0; o < outputs; ++o) {
    std::fill(row.begin(), row.end(), 0.0);
    for (int64_t r = 0; r < rank; ++r) {
      const double b = module.scale * static_cast<double>(module.b.data<float>()[o * rank + r]);
      const float* a = module.a.data<float>() + r * inputs;
      for (int64_t i = 0; i < inputs; ++i) row[static_cast<size_t>(i)] += b * static_cast<double>(a[i]);
    }
    for (int64_t i = 0; i < inputs; ++i)
      out.data<float>()[o * inputs + i] = static_cast<float>(
          static_cast<double>(wide.data<float>()[o * inputs + i]) + row[static_cast<size_t>(i)]);
  }
  return model::convert(out, dtype);
}

adapter::BaseDescription describe(const Model::Impl& impl) {
  adapter::BaseDescription base;
  const auto& names = impl.transformer->linear_names();
  for (size_t i = 0; i < names.size(); ++i) {
    const Shape shape = impl.transformer->linear_shape(i);
    base.modules[names[i]] = {shape[0], shape[1]};
  }
  base.digest = impl.read_digest->get();
  return base;
}

}  // namespace

void Model::save(const std::filesystem::path& folder, const std::string& dtype) const {
  write(*impl_, folder, dtype, model::host_tensors(*impl_, dtype, "[Model.save]"), "Model.save");
}

void Model::save_merged(const std::filesystem::path& folder, const Adapter& adapter,
                        const std::string& dtype) const {
  const adapter::LoraAdapter& lora = adapter::adapter_impl(adapter);
  adapter::bind(lora, describe(*impl_), "Model.save_merged");
  std::map<std::string, Tensor> tensors = model::host_tensors(*impl_, "auto", "[Model.save_merged]");
  for (const adapter::LoraModule& module : lora.modules) {
    Tensor& w = tensors.at(module.name + ".weight");
    w = merged(w, module, dtype == "auto" ? w.dtype() : model::dtype_named(dtype, "[Model.save_merged]"));
  }
  if (dtype != "auto")
    for (auto& [name, tensor] : tensors)
      tensor = model::convert(tensor, model::dtype_named(dtype, "[Model.save_merged]"));
  write(*impl_, folder, dtype, tensors, "Model.save_merged");
}

}  // namespace whorl
