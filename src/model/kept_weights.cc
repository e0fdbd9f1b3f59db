#include "model/kept_weights.h"

#include <algorithm>
#include <chrono>
#include <map>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "tensor/safetensors.h"

namespace whorl::model {

namespace {
// Grows when the same options make other numbers of the same checkpoint.
constexpr int kRecipe = 2;
constexpr size_t kLine = 64;  // data begins at a line of the cache
constexpr char kMadeFrom[] = "made_from", kLayout[] = "layout", kKnown[] = "known";

// Pieces all over the file: another checkpoint of the same shape differs in practically all of them.
std::string sampled_digest(const base::File& file) {
  constexpr uint64_t kSamples = 1024, kBytes = 64;
  const uint64_t size = file.size(), count = std::min(kSamples, size / kBytes + 1);
  base::Sha256 hash;
  char piece[kBytes];
  for (uint64_t i = 0; i < count; ++i) {
    const uint64_t begin = count == 1 ? 0 : (size - kBytes) / (count - 1) * i;
    const auto n = static_cast<size_t>(std::min(kBytes, size - begin));
    file.read_at(piece, n, begin);
    hash.update(piece, n);
  }
  return hash.hex();
}

// "model.layers.0.mlp.up_proj.weight" and "codes" as one name.
std::string name_of_part(const std::string& tensor, const std::string& part) { return tensor + "/" + part; }

// What can stand in a file's name anywhere.
std::string plain(const std::string& name) {
  std::string out;
  for (const char c : name.substr(0, 64))
    out += std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' ? c : '_';
  return out;
}

ops::WeightParts parts_of(const tensor::Safetensors& file, const TensorSpec& spec) {
  ops::WeightParts parts{spec.shape.at(0), spec.shape.at(1), {}};
  for (const char* part : {"panels", "codes", "scales", "minima"})
    if (const std::string name = name_of_part(spec.name, part); file.contains(name))
      parts.tensors[part] = file.tensor(name);
  return parts;
}

std::map<std::string, KeptMatrix> read_all(const tensor::Safetensors& file, const ModelConfig& config,
                                           ops::Backend& backend) {
  const base::Json known = base::parse_json(file.metadata().at(kKnown), "[KeptWeights.open]");
  std::map<std::string, KeptMatrix> out;
  DecoderWeights empty;
  for (const TensorSlot& slot : tensor_slots(config, empty))
    if (slot.weight)
      out[slot.spec.name] = {backend.from_parts(parts_of(file, slot.spec)),
                             known.at(slot.spec.name).get<std::string>()};
  return out;
}

// Everything that packed matrices depend on besides the layout.
std::string made_from(const std::vector<std::filesystem::path>& files, const ModelOptions& options) {
  base::Json list = base::Json::array();
  for (const auto& path : files) {
    const auto file = base::File::open(*base::FileSystem::real(), path.string(), "Model.load");
    const auto time = std::filesystem::last_write_time(path).time_since_epoch();
    list.push_back({{"name", path.filename().string()},
                    {"size", file.size()},
                    {"modified", std::chrono::duration_cast<std::chrono::nanoseconds>(time).count()},
                    {"samples", sampled_digest(file)}});
  }
  return base::to_sorted_json(
      {{"recipe", kRecipe}, {"dtype", options.dtype}, {"quantize", options.quantize}, {"files", list}});
}
}  // namespace

std::string samples_of(const std::vector<std::filesystem::path>& files) {
  base::Sha256 hash;
  for (const auto& path : files) {
    const auto file = base::File::open(*base::FileSystem::real(), path.string(), "Model.load");
    hash.update(base::concat(path.filename().string(), "\n", file.size(), "\n", sampled_digest(file)));
  }
  return hash.hex();
}

KeptWeights::KeptWeights(const ModelOptions& options, const std::filesystem::path& source,
                         const std::vector<std::filesystem::path>& files,
                         std::shared_ptr<ops::Backend> backend, const std::string& part)
    : made_from_(made_from(files, options)), backend_(std::move(backend)) {
  const std::filesystem::path& folder = options.weights_cache;
  base::check_argument(!std::filesystem::exists(folder) || std::filesystem::is_directory(folder),
                       "[Model.load] expected weights_cache to be a folder, got the file ", folder.string());
  const auto absolute = std::filesystem::weakly_canonical(source);
  const std::string text = base::concat(absolute.string(), "\n", options.dtype, "\n", options.quantize, "\n",
                                        backend_->weight_layout(), part.empty() ? "" : "\n", part);
  const std::string stem = plain(absolute.filename().string());
  path_ = (folder / (stem + "-" + base::sha256_hex(text).substr(0, 16) + ".safetensors")).string();
}

KeptSource KeptWeights::open(const ModelConfig& config) const try {
  if (!base::exists(*base::FileSystem::real(), path_)) return {};
  const auto file = tensor::Safetensors::open(path_, {}, tensor::Access::map);
  const auto said = [&](const char* key) {
    const auto it = file.metadata().find(key);
    return it == file.metadata().end() ? "" : it->second;
  };
  if (said(kMadeFrom) != made_from_ || said(kLayout) != backend_->weight_layout()) {
    base::log(base::LogLevel::info, "[Model.load] ", path_, " is of another checkpoint: laid out again");
    return {};
  }
  auto all = std::make_shared<const std::map<std::string, KeptMatrix>>(read_all(file, config, *backend_));
  base::log(base::LogLevel::info, "[Model.load] weights are those of ", path_);
  return [all](const TensorSpec& spec) { return all->at(spec.name); };
} catch (const std::exception& error) {
  base::log(base::LogLevel::warn, "[Model.load] ", path_, " is damaged and not used: ", error.what());
  return {};
}

void KeptWeights::keep(const ModelConfig& config, const DecoderWeights& weights,
                       const std::vector<std::string>& known) const try {
  DecoderWeights copy = weights;
  std::map<std::string, Tensor> tensors;
  base::Json digests = base::Json::object();
  size_t i = 0;
  for (const TensorSlot& slot : tensor_slots(config, copy)) {
    const std::string& digest = known.at(i++);
    if (!slot.weight) continue;
    digests[slot.spec.name] = digest;
    for (const auto& [part, tensor] : backend_->parts(**slot.weight).tensors)
      tensors[name_of_part(slot.spec.name, part)] = tensor;
  }
  base::FileSystem& fs = *base::FileSystem::real();
  base::make_directories(fs, base::parent_of(path_), "Model.load");
  tensor::write_safetensors(path_, tensors,
                            {{kMadeFrom, made_from_},
                             {kLayout, backend_->weight_layout()},
                             {kKnown, base::to_sorted_json(digests)}},
                            fs, kLine);
  base::log(base::LogLevel::info, "[Model.load] weights are kept in ", path_);
} catch (const std::exception& error) {
  base::log(base::LogLevel::warn, "[Model.load] weights are not kept: ", error.what());
}

}  // namespace whorl::model
