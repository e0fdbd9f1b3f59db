#include "train/together.h"

#include <cstring>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "model/agreement.h"

namespace whorl::train {

void Together::join_devices(ops::Backend& backend, const std::string& context) {
  if (!all_) return;
  const model::Agreement agreed = model::agree(*all_, backend.collective(), "gradients");
  if (!agreed.sentence.empty() && first()) base::log(agreed.level, context, " ", agreed.sentence);
  if (agreed.on_devices) device_ = backend.join_ranks(model::calls_of(*all_));
}

void Together::sum_gradients(ops::Backend& backend, const std::vector<Learner*>& learners) const {
  if (!all_) return;
  std::vector<Tensor> gradients;
  for (const Learner* learner : learners) gradients.push_back(learner->parameters.gradients);
  if (device_) {
    all_->barrier();  // a rank that does not come is named here, which a device cannot do
    return device_->all_reduce_sum(gradients);
  }
  for (const Tensor& one : gradients) {
    if (backend.on_host()) {
      all_->all_reduce_sum(one);
      continue;
    }
    const Tensor host = to_host(backend, one);
    all_->all_reduce_sum(host);
    backend.upload(host, one);
  }
}

void Together::sum(std::vector<double>& numbers) const {
  if (!all_) return;
  const auto everyones =
      all_->all_gather({reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(double)});
  std::fill(numbers.begin(), numbers.end(), 0.0);
  for (const std::string& bytes : everyones) {
    base::check_argument(bytes.size() == numbers.size() * sizeof(double), "[ranks] expected ", numbers.size(),
                         " numbers of a rank, got ", bytes.size() / sizeof(double));
    for (size_t i = 0; i < numbers.size(); ++i) {
      double one;
      std::memcpy(&one, bytes.data() + i * sizeof one, sizeof one);
      numbers[i] += one;
    }
  }
}

bool Together::any(bool mine) const {
  if (!all_) return mine;
  bool found = false;
  for (const std::string& one : all_->all_gather(mine ? "1" : "0")) found = found || one == "1";
  return found;
}

void Together::barrier() const {
  if (all_) all_->barrier();
}

void Together::check_same_run(const std::string& identity, const std::string& context) const {
  if (!all_) return;
  const auto all = all_->all_gather(identity);
  for (size_t rank = 1; rank < all.size(); ++rank)
    if (all[rank] != all[0])
      base::invalid(context, " rank ", rank, " of ", all.size(), " trains another run than rank 0: ",
                    first_difference(base::parse_json(all[0], context), base::parse_json(all[rank], context)),
                    " (was: of rank 0)");
}

void Together::broadcast(std::string& text) const {
  uint64_t size = text.size();
  all_->broadcast(&size, sizeof size);
  text.resize(size);
  all_->broadcast(text.data(), text.size());
}

void Together::broadcast(ops::Backend& backend, const Tensor& x) const {
  const Tensor host = to_host(backend, x);
  all_->broadcast(host.raw(), host.nbytes());
  if (!first()) backend.upload(host, x);
}

bool Together::hand_out(bool found, RunPosition& position,
                        const std::vector<std::unique_ptr<Learner>>& learners, ops::Backend& backend) const {
  if (!all_) return found;
  all_->broadcast(&found, sizeof found);
  if (!found) return false;
  std::string text = first() ? progress_text(position, learners) : "";
  broadcast(text);
  if (!first()) read_progress_text(text, position, learners);
  for (const auto& learner : learners) {
    for (const Tensor* x : {&learner->parameters.values, &learner->parameters.m, &learner->parameters.v})
      broadcast(backend, *x);
    bool best = !learner->state.best.empty();
    all_->broadcast(&best, sizeof best);
    if (best && !first())
      learner->state.best = Tensor::zeros(DType::float32, learner->parameters.values.shape());
    if (best) all_->broadcast(learner->state.best.raw(), learner->state.best.nbytes());
    if (!first()) learner->refresh();
  }
  return true;
}

int64_t ranks_of_run(const TrainOptions& options, const std::string& context) {
  return options.distributed ? ranks::place_from_environment(context).size : 1;
}

}  // namespace whorl::train
