#include "model/weights.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/log.h"
#include "model/config.h"
#include "model/value_hash.h"
#include "ops/quantised_group.h"

namespace whorl::model {

namespace {

void add(std::vector<TensorSlot>& out, const TensorSpec& spec, ops::Weight& weight) {
  out.push_back({spec, &weight, nullptr});
}
void add(std::vector<TensorSlot>& out, const TensorSpec& spec, Tensor& vector) {
  out.push_back({spec, nullptr, &vector});
}

Tensor on_device(const Tensor& host, ops::Backend& backend) {
  Tensor device = backend.allocate(DType::float32, host.shape());
  backend.upload(host, device);
  return device;
}

}  // namespace

std::vector<TensorSlot> tensor_slots(const ModelConfig& config, DecoderWeights& weights) {
  const std::vector<TensorSpec> specs = tensor_specs(config);
  weights.layers.resize(static_cast<size_t>(config.num_hidden_layers));
  std::vector<TensorSlot> out;
  size_t next = 0;
  add(out, specs[next++], weights.embedding);
  for (DecoderLayer& layer : weights.layers) {
    add(out, specs[next++], layer.input_norm);
    for (int kind = 0; kind < kLinearsPerLayer; ++kind) {
      add(out, specs[next++], layer.weights[static_cast<size_t>(kind)]);
      if (has_bias(config, static_cast<LinearKind>(kind)))
        add(out, specs[next++], layer.biases[static_cast<size_t>(kind)]);
    }
    if (has_head_norms(config)) {
      add(out, specs[next++], layer.query_norm);
      add(out, specs[next++], layer.key_norm);
    }
    add(out, specs[next++], layer.post_norm);
  }
  add(out, specs[next++], weights.final_norm);
  if (!config.tie_word_embeddings) add(out, specs[next++], weights.head);
  return out;
}

namespace {
struct Packing {
  const ModelConfig& config;
  const TensorSource& source;
  ops::Backend& backend;
  bool backward, hashes;
  const Rounding& rounding;
  std::vector<TensorSpec> left_whole = {};
};

// A group that is not full costs a scale for few numbers, and GGUF has none: such a matrix stays whole. FP8
// is for the linears of layers: a gradient of logits spans more than its numbers do, and a table is only
// looked up.
bool to_round(Packing& p, const TensorSpec& spec, ops::Quantize quantize) {
  if (quantize == ops::Quantize::none) return false;
  if (quantize == ops::Quantize::fp8) return spec.linear >= 0;
  const bool fills = spec.shape.back() % ops::kQuantisedGroup == 0;
  if (!fills) p.left_whole.push_back(spec);
  return fills;
}

void say_what_stays_whole(const std::vector<TensorSpec>& specs) {
  if (specs.empty()) return;
  const TensorSpec& first = specs.front();
  base::log(base::LogLevel::warn, "[Model.load] ", specs.size(),
            specs.size() == 1 ? " matrix stays" : " matrices stay", " whole: ", ops::kQuantisedGroup,
            " inputs share a scale, and theirs are no multiple of that; the first is '", first.name,
            "' with ", first.shape.back());
}

std::string hashed(const Packing& p, const Tensor& x) {
  return p.hashes ? value_digest(*base::ThreadPool::shared(), x) : "";
}

LaidOut stays(const Packing& p, const TensorSpec& spec, const Tensor& host) {
  return p.rounding.stays ? p.rounding.stays(spec, host) : nullptr;
}

ops::Weight pack_codes(const Packing& p, const TensorSpec& spec, const StoredMatrix& stored) {
  const LaidOut laid_out = stays(p, spec, Tensor());
  if (!laid_out) return p.backend.pack_quantized(stored.codes);
  stored.check();  // now, not at the first product
  return p.backend.pack_quantized_later(stored.codes, laid_out);
}

KeptMatrix pack_stored(const Packing& p, const TensorSpec& spec, const StoredMatrix& stored) {
  const ops::Weight weight = pack_codes(p, spec, stored);
  if (p.hashes && stored.digest) return {weight, stored.digest()};
  return {weight, p.backend.on_host() || !p.hashes ? "" : hashed(p, p.backend.unpack(*weight))};
}

KeptMatrix pack_matrix(Packing& p, const TensorSpec& spec) {
  if (p.rounding.kept) return p.rounding.kept(spec);
  StoredMatrix stored{{}, {}, p.rounding.quantize};
  if (p.rounding.stored) stored = p.rounding.stored(spec);
  if (stored.codes.read) return pack_stored(p, spec, stored);
  const Tensor host = p.source(spec);
  const bool rounded = to_round(p, spec, stored.quantize);
  // From a device's memory it would cost the way back.
  const std::string known = rounded || !p.backend.on_host() ? hashed(p, host) : "";
  if (rounded) return {p.backend.pack_quantized(host, stored.quantize), known};
  // The head's gradient towards its input is always asked for; a table that is no head never is.
  const bool head = spec.kind != TensorKind::embedding || p.config.tie_word_embeddings;
  const bool backward = p.backward && head;
  if (const LaidOut laid_out = backward ? nullptr : stays(p, spec, host))
    return {p.backend.pack_later(host, laid_out), known};
  return {p.backend.pack(host, backward), known};
}

// The value_digest of what was read where what is held would not tell, else "".
std::string fill(Packing& p, const TensorSlot& slot) {
  if (slot.weight) {
    KeptMatrix made = pack_matrix(p, slot.spec);
    *slot.weight = std::move(made.weight);
    return std::move(made.known);
  }
  const Tensor host = p.source(slot.spec);
  *slot.vector = on_device(convert(host, DType::float32), p.backend);
  return p.backend.on_host() ? "" : hashed(p, host);
}
}  // namespace

std::string pack_one(const ModelConfig& config, const TensorSource& source, ops::Backend& backend,
                     const Rounding& rounding, const TensorSlot& slot) {
  Packing packing{config, source, backend, false, true, rounding};
  return fill(packing, slot);
}

DecoderWeights pack_weights(const ModelConfig& config, const TensorSource& source, ops::Backend& backend,
                            bool backward, const Rounding& rounding, std::vector<std::string>* known) {
  Packing packing{config, source, backend, backward, known != nullptr, rounding};
  DecoderWeights weights;
  for (TensorSlot& slot : tensor_slots(config, weights)) {
    std::string digest = fill(packing, slot);
    if (known) known->push_back(std::move(digest));
  }
  say_what_stays_whole(packing.left_whole);
  if (config.tie_word_embeddings) weights.head = weights.embedding;
  return weights;
}

std::string held_as(const ModelConfig& config, const DecoderWeights& weights) {
  DecoderWeights copy = weights;
  std::string held;
  const bool in_fp8 = weights.layers.front().weights[0]->quantize() == ops::Quantize::fp8;
  for (const TensorSlot& slot : tensor_slots(config, copy)) {
    if (!slot.weight) continue;
    const ops::Quantize its = (*slot.weight)->quantize();
    // Table and head stay whole beside linears in FP8, which is what such a model is.
    if (its == ops::Quantize::none && slot.spec.linear < 0 && in_fp8) continue;
    const std::string one = name_of(its);
    if (!held.empty() && held != one) return "mixed";
    held = one;
  }
  return held;
}

Tensor unpack(const TensorSlot& slot, ops::Backend& backend) {
  if (slot.weight) return backend.unpack(**slot.weight);
  Tensor host = Tensor::zeros(DType::float32, slot.spec.shape);
  backend.download(*slot.vector, host);
  return host;
}

size_t DecoderWeights::nbytes() const {
  size_t total = embedding->nbytes() + (head == embedding ? 0 : head->nbytes()) + final_norm.nbytes();
  for (const DecoderLayer& layer : layers) {
    for (const ops::Weight& weight : layer.weights) total += weight->nbytes();
    for (const Tensor& bias : layer.biases)
      if (!bias.empty()) total += bias.nbytes();
    for (const Tensor* norm : {&layer.input_norm, &layer.query_norm, &layer.key_norm, &layer.post_norm})
      if (!norm->empty()) total += norm->nbytes();
  }
  return total;
}

Tensor convert(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  Tensor out = Tensor::zeros(dtype, x.shape());
  const int64_t n = x.numel();
  const auto value = [&x](int64_t i) {
    if (x.dtype() == DType::float32) return x.data<float>()[i];
    const uint16_t bits = x.data<uint16_t>()[i];
    return x.dtype() == DType::bfloat16 ? bf16_to_float(bits) : half_to_float(bits);
  };
  if (dtype == DType::float32)
    for (int64_t i = 0; i < n; ++i) out.data<float>()[i] = value(i);
  else
    for (int64_t i = 0; i < n; ++i) out.data<uint16_t>()[i] = float_to_bf16(value(i));
  return out;
}

bool exact_in_bfloat16(const Tensor& x) {
  if (x.dtype() == DType::bfloat16) return true;
  const float* values = x.data<float>();
  return std::all_of(values, values + x.numel(),
                     [](float v) { return bf16_to_float(float_to_bf16(v)) == v; });
}

const char* name_of(ops::Quantize quantize) {
  constexpr const char* kNames[] = {"none", "int8", "int4", "fp8"};
  return kNames[static_cast<size_t>(quantize)];
}

ops::Quantize quantize_named(const std::string& name, const std::string& context) {
  for (const auto known : {ops::Quantize::none, ops::Quantize::int8, ops::Quantize::int4, ops::Quantize::fp8})
    if (name == name_of(known)) return known;
  base::invalid(context, ": expected quantize 'auto', 'none', 'int8', 'int4' or 'fp8', got '", name, "'");
}

DType dtype_named(const std::string& name, const std::string& context) {
  if (name == "float32") return DType::float32;
  if (name == "bfloat16") return DType::bfloat16;
  base::invalid(context, ": expected dtype 'auto', 'float32' or 'bfloat16', got '", name, "'");
}

}  // namespace whorl::model
