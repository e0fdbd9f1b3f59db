#pragma once
// Trains one adapter over a frozen base.
#include <memory>

#include "adapter/lora.h"
#include "train/learner.h"
#include "whorl/adapter.h"

namespace whorl::train {

class AdapterLearner final : public Learner {
 public:
  // `start` gives names, shapes, scales and the initial values.
  AdapterLearner(const model::Transformer& transformer, adapter::LoraAdapter start,
                 const LoraOptions& options, uint64_t seed);

  void refresh() override;
  std::span<const ops::LoraValues> repacks() const override { return repacks_; }
  const model::DeviceAdapter* adapter() const override { return device_.get(); }
  const model::AdapterGradients* adapter_gradients() const override { return &gradients_; }
  float dropout() const override { return dropout_; }
  uint64_t dropout_seed() const override { return seed_; }

  // The adapter with the current values, or those of the best validation.
  Adapter result(bool best) const;
  // Takes other values than the initial ones; tests and warm starts.
  void set_values(const adapter::LoraAdapter& values);

 private:
  struct Place {
    size_t linear;  // index in the model
    int64_t a, b;   // where A and B begin in the flat tensor
  };
  adapter::LoraAdapter with_values(const Tensor& flat) const;

  const model::Transformer& transformer_;
  adapter::LoraAdapter shape_;
  std::vector<Place> places_;  // by module
  std::shared_ptr<model::DeviceAdapter> device_;
  model::AdapterGradients gradients_;
  std::vector<ops::LoraValues> repacks_;  // by module: what is packed of the current values
  float dropout_;
  uint64_t seed_;
};

// A fresh adapter by PEFT's rules: A uniform in +-1/sqrt(K), B zero.
adapter::LoraAdapter initial_adapter(const Model& base, const LoraOptions& options, uint64_t seed);

}  // namespace whorl::train
