#include "train/learner.h"

#include <algorithm>
#include <cmath>
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

double gradient_norm(ops::Backend& backend, const Parameters& parameters) {
  return std::sqrt(backend.sum_squares(parameters.gradients));
}

void update(ops::Backend& backend, const Parameters& p, double norm, const UpdateOptions& options) {
  ops::AdamW step;
  step.learning_rate = options.learning_rate;
  step.beta1 = options.beta1;
  step.beta2 = options.beta2;
  step.epsilon = options.epsilon;
  step.step = options.step;
  if (options.max_grad_norm > 0) step.gradient_scale = std::min(1.0, options.max_grad_norm / (norm + 1e-6));
  const auto part = [&](int64_t begin, int64_t end, double decay) {
    if (begin == end) return;
    step.weight_decay = decay;
    backend.adamw(p.values.rows(begin, end), p.gradients.rows(begin, end), p.m.rows(begin, end),
                  p.v.rows(begin, end), step);
  };
  part(0, p.decayed, options.weight_decay);
  part(p.decayed, p.size(), 0);
}

Tensor to_host(ops::Backend& backend, const Tensor& device) {
  Tensor host = Tensor::zeros(device.dtype(), device.shape());
  backend.download(device, host);
  return host;
}

}  // namespace whorl::train
