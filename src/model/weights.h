#pragma once
// A model's numbers in the backend's layout.
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "model/layout.h"
#include "ops/backend.h"

namespace whorl::model {

struct DecoderLayer {
  Tensor input_norm, query_norm, key_norm, post_norm;  // float32; query_norm and key_norm may be empty
  std::array<ops::Weight, kLinearsPerLayer> weights;
  std::array<Tensor, kLinearsPerLayer> biases;  // float32; may be empty
};

struct DecoderWeights {
  ops::Weight embedding;
  ops::Weight head;  // the same object when tied
  Tensor final_norm;
  std::vector<DecoderLayer> layers;

  size_t nbytes() const;
};

// Where one tensor of the checkpoint lives: exactly one of the two is set.
struct TensorSlot {
  TensorSpec spec;
  ops::Weight* weight = nullptr;
  Tensor* vector = nullptr;
};
// In the order of tensor_specs.
std::vector<TensorSlot> tensor_slots(const ModelConfig& config, DecoderWeights& weights);

// Gives the host tensor for a specification: float32 or bfloat16, of its shape.
using TensorSource = std::function<Tensor(const TensorSpec&)>;

// What to call when numbers of a source are needed no more; null: they do not stay anyway.
using LaidOut = std::function<void()>;
// Asked of each matrix that is about to be packed, with what the source gave (empty: codes): whether that is
// memory which stays as it is, so that a backend may lay it out later.
using StaysSource = std::function<LaidOut(const TensorSpec&, const Tensor& host)>;

// A matrix that its file holds rounded: codes that are kept, or, where there are none (no codes.read), how
// its numbers are rounded once more. What the codes stand for are exactly the numbers in the file, unless
// `digest` is there to give their value_digest.
struct StoredMatrix {
  ops::QuantizedRows codes;
  std::function<std::string()> digest;
  ops::Quantize quantize = ops::Quantize::none;
  // Throws where a number is none, as reading the codes does: for those that are read late.
  std::function<void()> check = [] {};
};
using StoredSource = std::function<StoredMatrix(const TensorSpec&)>;

// A matrix that was packed before, and what pack_weights gave as `known` of it.
struct KeptMatrix {
  ops::Weight weight;
  std::string known;
};
using KeptSource = std::function<KeptMatrix(const TensorSpec&)>;

// How matrices are held: as `kept` has them if there is one, else as `stored` says, else all rounded to
// `quantize` whose inputs fill groups (ops::kQuantisedGroup); the log names what stays whole. fp8: all
// linears of layers, whatever their inputs, and nothing else.
struct Rounding {
  ops::Quantize quantize = ops::Quantize::none;
  StoredSource stored = {};
  KeptSource kept = {};
  StaysSource stays = {};  // null: nothing stays
};

// Packs everything that the sources give. `backward` also prepares gradients. `known`, unless null, receives
// for each of tensor_slots the value_digest of what was read where the packed weights would not tell, else
// "".
DecoderWeights pack_weights(const ModelConfig& config, const TensorSource& source, ops::Backend& backend,
                            bool backward, const Rounding& rounding, std::vector<std::string>* known);

// The same for one tensor: fills the slot and returns what `known` would receive of it.
std::string pack_one(const ModelConfig& config, const TensorSource& source, ops::Backend& backend,
                     const Rounding& rounding, const TensorSlot& slot);

// "none", "int8" or "int4" where all matrices are held alike, "fp8" where all linears of layers are and
// nothing else, else "mixed".
std::string held_as(const ModelConfig& config, const DecoderWeights& weights);

// The other way: a tensor of the checkpoint on the host, as held (matrices) or float32 (vectors).
Tensor unpack(const TensorSlot& slot, ops::Backend& backend);

// float32 or bfloat16, whatever it was. Returns `x` itself where nothing changes.
Tensor convert(const Tensor& x, DType dtype);
// True if rounding to bfloat16 loses nothing.
bool exact_in_bfloat16(const Tensor& x);

DType dtype_named(const std::string& name, const std::string& context);  // "float32" or "bfloat16"
ops::Quantize quantize_named(const std::string& name, const std::string& context);
const char* name_of(ops::Quantize quantize);

}  // namespace whorl::model
