// Model::load: a Hugging Face folder or a GGUF file.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/check.h"
#include "base/file.h"
#include "model/assemble.h"
#include "model/checkpoint_tensors.h"
#include "model/config.h"
#include "model/gguf_tokenizer.h"
#include "model/gguf_weights.h"
#include "model/model_impl.h"

namespace whorl {

namespace {
// Tensors are packed one after another: when the next is read, the last one's pages in the file's mapping are
// let go, so that a load holds the packed weights and little more. Those of a tensor that is laid out late go
// when it is: until then they are what holds its numbers.
template <class File>
class OneAtATime {
 public:
  explicit OneAtATime(const File& file) : file_(file) {}
  void reads(const std::string& name) {
    if (!last_.empty() && name != last_) file_.release(last_);
    last_ = name;
  }
  void ends() { reads(""); }
  model::LaidOut stays() {
    return [file = file_, name = std::exchange(last_, "")] { file.release(name); };
  }

 private:
  File file_;
  std::string last_;
};

// Tokenizer and chat template are those of the folder that the file lies in; where it has no tokenizer.json,
// those that the file holds, though its folder's other files still come first.
void read_gguf_text(Model::Impl& impl, const tensor::Gguf& file, const std::filesystem::path& path,
                    const std::string& context) {
  impl.text_files =
      model::read_text_files(std::filesystem::absolute(path).parent_path().string(), "Model.load");
  if (impl.text_files.contains("tokenizer.json")) return;
  model::GgufText own = model::gguf_text({file.metadata(), context});
  impl.text_files.merge(own.files);
  impl.no_tokenizer = "no tokenizer.json; in " + path.filename().string() + ": " + own.no_tokenizer;
}

bool holds_whole_numbers(const tensor::Gguf& file) {
  const auto& tensors = file.tensors();
  return std::any_of(tensors.begin(), tensors.end(),
                     [](const tensor::GgufTensor& t) { return tensor::block_size(t.type) > 1; });
}

void load_gguf(Model::Impl& impl, const std::filesystem::path& path, const ModelOptions& options) {
  const std::string context = "[Model.load] " + path.string();
  const tensor::Gguf file = tensor::Gguf::open(path.string());
  const base::Json json = model::gguf_config(file, context);
  impl.config = model::complete_config(model::parse_config(json, context), context);
  model::check_gguf_tensors(file, impl.config, context);
  const std::string dtype = options.dtype == "auto" ? model::gguf_dtype(file) : options.dtype;
  model::dtype_named(dtype, context);
  impl.config.torch_dtype = dtype;
  read_gguf_text(impl, file, path, context);
  const auto pages = std::make_shared<OneAtATime<tensor::Gguf>>(file);
  const auto tensor = [file, pages, config = impl.config, dtype, context](const model::TensorSpec& spec) {
    pages->reads(model::gguf_tensor_name(spec));
    return model::read_gguf_tensor(file, config, spec, dtype, context);
  };
  const auto matrix = [file, pages, config = impl.config, quantize = options.quantize,
                       context](const model::TensorSpec& spec) {
    pages->reads(model::gguf_tensor_name(spec));
    return model::read_gguf_matrix(file, config, spec, quantize, context);
  };
  const auto stays = [file, pages](const model::TensorSpec& spec, const Tensor& host) -> model::LaidOut {
    const bool mapped = host.empty() || host.raw() == file.blocks(model::gguf_tensor_name(spec));
    return mapped ? pages->stays() : nullptr;
  };
  model::assemble(impl, {tensor, matrix, {path}, holds_whole_numbers(file), {}, stays}, options, context);
  pages->ends();
}

// What a model's numbers follow from: its configuration, shards and their index.
std::vector<std::filesystem::path> number_files(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files{folder / "config.json"};
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".safetensors") || name.ends_with(".safetensors.index.json"))
      files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}
}  // namespace

Model Model::load(const std::filesystem::path& folder, const ModelOptions& options) {
  return model::load(folder, options, nullptr);
}

Model model::load(const std::filesystem::path& folder, const ModelOptions& options,
                  std::shared_ptr<ranks::Communicator> all) {
  const std::string path = folder.string(), context = "[Model.load] " + path;
  auto impl = std::make_shared<Model::Impl>();
  impl->path = folder;
  impl->ranks = std::move(all);
  if (folder.extension() == ".gguf") {
    load_gguf(*impl, folder, options);
    return Model(std::move(impl));
  }
  base::check_argument(std::filesystem::is_directory(folder), context, " is not a folder, nor a .gguf file");
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
  const auto pages = std::make_shared<OneAtATime<tensor::Safetensors>>(file);
  const auto tensor = [file, pages, dtype = options.dtype, context](const model::TensorSpec& spec) {
    pages->reads(spec.name);
    return model::read_tensor(file, spec, dtype, context);
  };
  const auto stays = [file, pages](const model::TensorSpec& spec, const Tensor& host) -> model::LaidOut {
    return host.raw() == file.tensor(spec.name).raw() ? pages->stays() : nullptr;
  };
  model::assemble(*impl, {tensor, {}, number_files(folder), false, {}, stays}, options, context);
  pages->ends();
  return Model(std::move(impl));
}

}  // namespace whorl
