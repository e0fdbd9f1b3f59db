#pragma once
// What one optimizer owns: the parameters of one adapter, or all weights of a model, in one flat tensor
// beside their gradients and moments. The loop drives any number of them through one pass.
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/training_pass.h"
#include "ops/backend.h"
#include "whorl/trainer.h"

namespace whorl::train {

// Weight decay falls on the first `decayed` numbers only.
struct Parameters {
  Tensor values, gradients, m, v;  // float32 [n], on the device
  int64_t decayed = 0;

  static Parameters allocate(ops::Backend& backend, int64_t n, int64_t decayed);
  int64_t size() const { return values.dim(0); }
};

// How far a learner has come; with the parameters, all that a checkpoint holds of it.
struct LearnerState {
  bool active = true;           // false: stopped early
  double validation_loss = 0;   // the latest; NaN until there is one
  double best_loss = 0;         // the lowest; NaN until there is one
  int64_t bad_validations = 0;  // in a row, without improvement
  int64_t tokens = 0, trained_tokens = 0;
  Tensor best;  // host copy of the values at the best validation, with keep_best
  std::vector<Progress> history;

  LearnerState();
};

class Learner {
 public:
  Learner(std::string name, double learning_rate, double weight_decay)
      : name_(std::move(name)), learning_rate_(learning_rate), weight_decay_(weight_decay) {}
  virtual ~Learner() = default;

  const std::string& name() const { return name_; }
  double learning_rate() const { return learning_rate_; }
  double weight_decay() const { return weight_decay_; }

  // Brings changed parameters into the layout that the model computes with.
  virtual void refresh() = 0;
  // What that does, where it is a call of repack_loras: several learners can share one. Else empty.
  virtual std::span<const ops::LoraValues> repacks() const { return {}; }
  // Null for all weights: then the batch has no adapter rows.
  virtual const model::DeviceAdapter* adapter() const { return nullptr; }
  virtual const model::AdapterGradients* adapter_gradients() const { return nullptr; }
  virtual const model::WeightGradients* weight_gradients() const { return nullptr; }
  virtual float dropout() const { return 0; }
  virtual uint64_t dropout_seed() const { return 0; }

  Parameters parameters;
  LearnerState state;

 private:
  std::string name_;
  double learning_rate_, weight_decay_;
};

// The clipped AdamW update `step` (from 1) of all learners, and the layout that the model computes with;
// rates are `factor` of the learners' own. `norms` as in Backend::clipped_adamw: where one of them is not
// finite, all stay as they were.
void update(ops::Backend& backend, const std::vector<Learner*>& learners, const TrainOptions& options,
            double factor, int64_t step, const Tensor& norms);

Tensor to_host(ops::Backend& backend, const Tensor& device);

}  // namespace whorl::train
