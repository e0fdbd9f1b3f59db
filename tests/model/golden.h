#pragma once
// The toy checkpoints of tests/golden and what transformers and PEFT computed from them.
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "base/temporary_folder.h"
#include "tensor/safetensors.h"
#include "whorl/model.h"

namespace whorl::testing {

using base::TemporaryFolder;

inline std::filesystem::path golden_root() {
  return std::filesystem::path(WHORL_SOURCE_DIR) / "tests" / "golden";
}

inline nlohmann::json read_json_file(const std::filesystem::path& path) {
  std::ifstream in(path);
  return nlohmann::json::parse(in);
}

inline nlohmann::json golden_index() { return read_json_file(golden_root() / "index.json"); }

// A model folder for the case: its config.json beside the weights that it shares with other cases.
inline std::filesystem::path model_folder(const std::string& name, const std::filesystem::path& root) {
  const std::filesystem::path folder = root / name;
  const std::string owner = golden_index()["weights"][name];
  std::filesystem::create_directories(folder);
  std::filesystem::copy_file(golden_root() / name / "config.json", folder / "config.json");
  const auto weights = golden_root() / owner / "model.safetensors";
  if (!read_json_file(folder / "config.json")["tie_word_embeddings"].get<bool>()) {
    std::filesystem::copy_file(weights, folder / "model.safetensors");
    return folder;
  }
  const auto file = tensor::Safetensors::open(weights.string());
  std::map<std::string, Tensor> tensors;
  for (const std::string& tensor_name : file.names())
    if (tensor_name != "lm_head.weight") tensors.emplace(tensor_name, file.tensor(tensor_name));
  tensor::write_safetensors((folder / "model.safetensors").string(), tensors);
  return folder;
}

inline tensor::Safetensors golden_tensors(const std::string& name) {
  return tensor::Safetensors::open((golden_root() / name / "golden.safetensors").string());
}

inline std::vector<float> values_of(const Tensor& x) {
  return {x.data<float>(), x.data<float>() + x.numel()};
}

inline std::vector<int32_t> ids_of(const Tensor& x) {
  return {x.data<int32_t>(), x.data<int32_t>() + x.numel()};
}

inline double max_error(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return 1e300;
  double worst = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double error = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
    worst = error <= worst ? worst : error;  // a NaN wins
    if (!(error == error)) return 1e300;
  }
  return worst;
}

inline double rms_error(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double error = static_cast<double>(a[i]) - static_cast<double>(b[i]);
    sum += error * error;
  }
  return std::sqrt(sum / static_cast<double>(a.size()));
}

}  // namespace whorl::testing
