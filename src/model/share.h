#pragma once
// What of a model lies on one of several ranks that compute it together. Queries, keys, values, gate and up
// are cut by outputs (whole heads; a stretch of the MLP's width), attention's output and down by inputs: what
// those two give on a rank is its part of a sum. Everything else is whole on every rank.
#include <cstdint>
#include <string>

#include "adapter/lora.h"
#include "model/weights.h"

namespace whorl::model {

struct Share {
  int rank = 0, size = 1;
  bool whole() const { return size == 1; }
};

enum class Cut : uint8_t { none, outputs, inputs };
Cut cut_of(int linear);  // TensorSpec::linear

// std::invalid_argument unless so many ranks can share the model. `rounded`: its matrices hold whole numbers,
// or will; groups of them that share a scale are never cut.
void check_share(const ModelConfig& config, int size, bool rounded, const std::string& context);

// The model that one rank computes: its heads, its part of the MLP's width. The names of its tensors are
// those of the whole one.
ModelConfig config_of(const Share& share, ModelConfig whole);

// The part of a whole tensor, or of codes. A bias behind a sum is rank 0's: on the others it is zero.
Tensor part_of(const Share& share, const TensorSpec& whole, const Tensor& x);
ops::QuantizedRows part_of(const Share& share, const TensorSpec& whole, const ops::QuantizedRows& rows,
                           const std::string& context);
// Sources of whole tensors as sources of parts: they are asked for the tensors of config_of(share, whole).
TensorSource part_of(const Share& share, const ModelConfig& whole, const TensorSource& source);
StoredSource part_of(const Share& share, const ModelConfig& whole, const StoredSource& source,
                     const std::string& context);

// A pair beside a linear: where outputs are cut, rows of B; where inputs are, columns of A.
struct LoraPair {
  Tensor a, b;  // [R, K], [O, R]
};
LoraPair part_of(const Share& share, int linear, const LoraPair& whole);

}  // namespace whorl::model
