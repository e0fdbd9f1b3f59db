#pragma once
// What an adapter belongs to: configuration and weights as they were read. Hashing a model takes longer than
// reading it, and a process that only generates never asks; so it is worked out when somebody does.
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "model/weights.h"

namespace whorl::model {

class ReadDigest {
 public:
  explicit ReadDigest(std::function<std::string()> compute) : compute_(std::move(compute)) {}

  // SHA-256 as hex digits. The first call computes it, on all threads of the shared pool; others wait.
  const std::string& get() const;

 private:
  mutable std::mutex mutex_;
  mutable std::function<std::string()> compute_;  // null once it has answered
  mutable std::string digest_;
};

// Over names, shapes and values of `weights` on `backend`, which must stay as they are until it has answered.
// `known` as pack_weights gives it.
std::shared_ptr<const ReadDigest> read_digest(const ModelConfig& config,
                                              std::shared_ptr<ops::Backend> backend, DecoderWeights weights,
                                              std::vector<std::string> known);

// The same where a process holds a part of each matrix: whole ones are read again, one at a time, on the
// host. The sources are called when somebody asks.
std::shared_ptr<const ReadDigest> read_digest(const ModelConfig& config, TensorSource source,
                                              Rounding rounding);

}  // namespace whorl::model
