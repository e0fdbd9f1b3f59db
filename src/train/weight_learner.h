#pragma once
// Trains all weights of a copy of a model: float32 masters, packed again after every update in the model's
// own precision.
#include <functional>
#include <memory>

#include "model/model_impl.h"
#include "model/weights.h"
#include "train/learner.h"

namespace whorl::train {

class WeightLearner final : public Learner {
 public:
  // `base` stays as it is; the copy computes on the same backend.
  WeightLearner(const Model& base, double learning_rate, double weight_decay);

  const model::Transformer& transformer() const { return *transformer_; }
  void refresh() override;
  const model::WeightGradients* weight_gradients() const override { return &gradients_; }

  // A new model with the current values, or those of the best validation.
  Model result(bool best) const;

 private:
  struct Place {
    model::TensorSlot slot;
    int64_t begin;
  };
  void lay_out();
  void bind_gradients();

  const Model base_;
  ModelConfig config_;
  std::shared_ptr<ops::Backend> backend_;
  std::shared_ptr<const model::Transformer> transformer_;
  model::DecoderWeights weights_;  // shares its tensors with the transformer
  std::vector<Place> places_;
  model::WeightGradients gradients_;
  Tensor host_;
};

}  // namespace whorl::train
