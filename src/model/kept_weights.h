#pragma once
// Packed weights kept on disk, so that the next start maps them instead of laying them out again: nothing is
// copied, and processes on one machine share the memory. One safetensors file for a checkpoint, its options
// and a backend's layout.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "model/weights.h"

namespace whorl::model {

// Names, sizes and samples of the bytes of files: other ones differ in practically all cases.
std::string samples_of(const std::vector<std::filesystem::path>& files);

class KeptWeights {
 public:
  // Within options.weights_cache, which need not exist. The file's name follows from `source` (where the
  // checkpoint lies), dtype, quantize, the backend's layout and `part` (of the model: "" = all). What is in
  // it must have been made of the same `files`: names, sizes, times of change and samples of their bytes, so
  // that a checkpoint that replaces another under the same time is noticed. std::invalid_argument or
  // FileError where one cannot be read.
  KeptWeights(const ModelOptions& options, const std::filesystem::path& source,
              const std::vector<std::filesystem::path>& files, std::shared_ptr<ops::Backend> backend,
              const std::string& part = "");

  // Maps what is kept. Empty where there is nothing, or it was made of something else, or is damaged, which
  // the log says. Valid on its own.
  KeptSource open(const ModelConfig& config) const;
  // Writes it, whole or not at all. What cannot be written is a warning in the log: the model is there
  // anyway.
  void keep(const ModelConfig& config, const DecoderWeights& weights,
            const std::vector<std::string>& known) const;

 private:
  std::string path_, made_from_;  // made_from_: JSON text, as the file holds it
  std::shared_ptr<ops::Backend> backend_;
};

}  // namespace whorl::model
