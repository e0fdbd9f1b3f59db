// Model::load: a Hugging Face folder.
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/file.h"
#include "model/assemble.h"
#include "model/checkpoint_tensors.h"
#include "model/config.h"
#include "model/model_impl.h"

namespace whorl {

Model Model::load(const std::filesystem::path& folder, const ModelOptions& options) {
  const std::string path = folder.string(), context = "[Model.load] " + path;
  base::check_argument(std::filesystem::is_directory(folder), context, " is not a folder");
  auto impl = std::make_shared<Impl>();
  impl->path = folder;
  const std::string config_path = base::join(path, "config.json");
  base::check_argument(std::filesystem::exists(config_path), context, ": there is no config.json");
  impl->config_json = base::read_file(*base::FileSystem::real(), config_path, 16 << 20, "Model.load");
  const std::string where = "[Model.load] " + config_path;
  impl->config = model::parse_config(base::parse_json(impl->config_json, where), where);
  impl->text_files = model::read_text_files(path, "Model.load");
  const tensor::Safetensors file = tensor::Safetensors::open_model(path);
  model::check_tensor_names(file, impl->config, context);
  if (options.dtype != "auto") model::dtype_named(options.dtype, context);
  impl->config.torch_dtype = options.dtype == "auto" ? model::stored_dtype(file) : options.dtype;
  model::assemble(
      *impl,
      [&](const model::TensorSpec& spec) { return model::read_tensor(file, spec, options.dtype, context); },
      options, context);
  return Model(std::move(impl));
}

}  // namespace whorl
