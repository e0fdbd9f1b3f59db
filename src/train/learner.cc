#include "train/learner.h"

#include <limits>

namespace whorl::train {

LearnerState::LearnerState()
    : validation_loss(std::numeric_limits<double>::quiet_NaN()),
      best_loss(std::numeric_limits<double>::quiet_NaN()) {}

Parameters Parameters::allocate(ops::Backend& backend, int64_t n, int64_t decayed) {
  Parameters out;
  for (Tensor* x : {&out.values, &out.gradients, &out.m, &out.v}) *x = backend.allocate(DType::float32, {n});
  out.decayed = decayed;
  return out;
}

void update(ops::Backend& backend, const std::vector<Learner*>& learners, const TrainOptions& o,
            double factor, int64_t step, const Tensor& norms) {
  std::vector<ops::ClippedUpdate> updates;
  std::vector<ops::LoraValues> repacks;
  for (const Learner* learner : learners) {
    const Parameters& p = learner->parameters;
    const ops::AdamW adamw{learner->learning_rate() * factor, o.beta1, o.beta2, o.epsilon,
                           learner->weight_decay(),           step};
    updates.push_back({p.values, p.gradients, p.m, p.v, p.decayed, o.max_grad_norm, adamw});
    repacks.insert(repacks.end(), learner->repacks().begin(), learner->repacks().end());
  }
  backend.clipped_adamw(updates, norms);
  backend.repack_loras(repacks);
  for (Learner* learner : learners)
    if (learner->repacks().empty()) learner->refresh();
}

Tensor to_host(ops::Backend& backend, const Tensor& device) {
  Tensor host = Tensor::zeros(device.dtype(), device.shape());
  backend.download(device, host);
  return host;
}

}  // namespace whorl::train
