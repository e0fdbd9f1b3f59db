#include "train/weight_learner.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "model/assemble.h"
#include "model/decoder.h"

namespace whorl::train {

namespace {
bool is_matrix(const model::TensorSpec& spec) { return spec.shape.size() == 2; }

int64_t size_of_spec(const model::TensorSpec& spec) {
  return std::accumulate(spec.shape.begin(), spec.shape.end(), int64_t{1}, std::multiplies<>());
}

DType stored_as(const model::TensorSlot& slot) {
  return slot.weight ? (*slot.weight)->dtype() : DType::float32;
}
}  // namespace

WeightLearner::WeightLearner(const Model& base, double learning_rate, double weight_decay)
    : Learner("model", learning_rate, weight_decay),
      base_(base),
      config_(base.config()),
      backend_(base.impl()->backend) {
  model::DecoderWeights original = base.impl()->transformer->weights();
  std::map<std::string, model::TensorSlot> slots;
  for (const model::TensorSlot& slot : model::tensor_slots(config_, original))
    slots.emplace(slot.spec.name, slot);
  weights_ = model::pack_weights(
      config_, [&](const model::TensorSpec& spec) { return model::unpack(slots.at(spec.name), *backend_); },
      *backend_, true, {}, nullptr);
  transformer_ =
      std::make_shared<const model::Decoder>(config_, backend_, weights_, base.impl()->read_digest);
  lay_out();
  bind_gradients();
}

// Matrices first: decay falls on them only.
void WeightLearner::lay_out() {
  int64_t total = 0, decayed = 0;
  for (const bool matrices : {true, false}) {
    for (const model::TensorSlot& slot : model::tensor_slots(config_, weights_)) {
      if (is_matrix(slot.spec) != matrices) continue;
      places_.push_back({slot, total});
      total += size_of_spec(slot.spec);
    }
    if (matrices) decayed = total;
  }
  parameters = Parameters::allocate(*backend_, total, decayed);
  host_ = Tensor::zeros(DType::float32, {total});
  for (const Place& place : places_) {
    const Tensor x = model::convert(model::unpack(place.slot, *backend_), DType::float32);
    std::memcpy(host_.data<float>() + place.begin, x.raw(), x.nbytes());
  }
  backend_->upload(host_, parameters.values);
}

void WeightLearner::bind_gradients() {
  std::map<std::string, Tensor> views;
  for (const Place& place : places_)
    views[place.slot.spec.name] =
        parameters.gradients.rows(place.begin, place.begin + size_of_spec(place.slot.spec))
            .reshape(place.slot.spec.shape);
  const auto view = [&views](const std::string& name) {
    const auto it = views.find(name);
    return it == views.end() ? Tensor() : it->second;
  };
  gradients_.embedding = view(model::kEmbeddingName);
  gradients_.head = config_.tie_word_embeddings ? gradients_.embedding : view(model::kHeadName);
  gradients_.final_norm = view(model::kFinalNormName);
  for (int64_t layer = 0; layer < config_.num_hidden_layers; ++layer) {
    model::LayerGradients g;
    g.input_norm = view(model::norm_name(layer, "input_layernorm"));
    g.query_norm = view(model::norm_name(layer, "self_attn.q_norm"));
    g.key_norm = view(model::norm_name(layer, "self_attn.k_norm"));
    g.post_norm = view(model::norm_name(layer, "post_attention_layernorm"));
    for (size_t kind = 0; kind < model::kLinearsPerLayer; ++kind) {
      const std::string name =
          model::linear_name(static_cast<size_t>(layer) * model::kLinearsPerLayer + kind);
      g.weights[kind] = view(name + ".weight");
      g.biases[kind] = view(name + ".bias");
    }
    gradients_.layers.push_back(std::move(g));
  }
}

void WeightLearner::refresh() {
  backend_->download(parameters.values, host_);
  for (const Place& place : places_) {
    const Tensor x =
        host_.rows(place.begin, place.begin + size_of_spec(place.slot.spec)).reshape(place.slot.spec.shape);
    if (place.slot.weight)
      backend_->repack(**place.slot.weight, model::convert(x, stored_as(place.slot)));
    else
      backend_->upload(x, *place.slot.vector);
  }
}

Model WeightLearner::result(bool best) const {
  const Tensor flat = best && !state.best.empty() ? state.best : to_host(*backend_, parameters.values);
  std::map<std::string, const Place*> by_name;
  for (const Place& place : places_) by_name[place.slot.spec.name] = &place;
  auto impl = std::make_shared<Model::Impl>(*base_.impl());
  impl->path.clear();
  const DType stored = config_.torch_dtype == "bfloat16" ? DType::bfloat16 : DType::float32;
  const auto tensor = [&](const model::TensorSpec& spec) {
    const int64_t begin = by_name.at(spec.name)->begin;
    return model::convert(flat.rows(begin, begin + size_of_spec(spec)).reshape(spec.shape), stored);
  };
  model::assemble(*impl, {tensor}, {}, "[train_all_weights]");
  return Model(std::move(impl));
}

}  // namespace whorl::train
