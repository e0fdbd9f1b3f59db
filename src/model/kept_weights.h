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

// Everything that packed matrices depend on, as text: the options, and of each file its name, size, time of
// change and a digest of samples of its bytes (so that a checkpoint that replaces another under the same time
// is noticed). std::invalid_argument or FileError where a file cannot be read.
std::string made_from(const std::vector<std::filesystem::path>& files, const std::string& dtype,
                      const std::string& quantize);

class KeptWeights {
 public:
  // The file's name follows from `source` (where the checkpoint lies), the options and the backend's layout;
  // what is in it is checked against `made_from`. The folder need not exist.
  KeptWeights(const std::filesystem::path& folder, const std::filesystem::path& source, std::string made_from,
              std::shared_ptr<ops::Backend> backend);

  // Maps what is kept. Empty where there is nothing, or it was made of something else, or is damaged, which
  // the log says. Valid on its own.
  KeptSource open(const ModelConfig& config) const;
  // Writes it, whole or not at all. What cannot be written is a warning in the log: the model is there
  // anyway.
  void keep(const ModelConfig& config, const DecoderWeights& weights,
            const std::vector<std::string>& known) const;

  const std::string& path() const { return path_; }

 private:
  std::string path_, made_from_;
  std::shared_ptr<ops::Backend> backend_;
};

}  // namespace whorl::model
