#include "whorl/trainer.h"

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "model/model_impl.h"
#include "train/activations.h"
#include "train/adapter_learner.h"
#include "train/identity.h"
#include "train/loop.h"
#include "train/memory_plan.h"
#include "train/options.h"
#include "train/train_plan.h"

namespace whorl {

using train::Learner;

struct Trainer::Impl {
  Model base;
  std::vector<LoraOptions> adapters;
  TrainOptions options;
  std::vector<std::unique_ptr<Learner>> learners;  // of the last fit()

  const model::Transformer& transformer() const { return *base.impl()->transformer; }

  std::vector<std::unique_ptr<Learner>> new_learners() const {
    std::vector<std::unique_ptr<Learner>> out;
    for (const LoraOptions& adapter : adapters) {
      const uint64_t seed = adapter.seed != 0 ? adapter.seed : options.seed;
      out.push_back(std::make_unique<train::AdapterLearner>(
          transformer(), train::initial_adapter(base, adapter, seed), adapter, seed));
    }
    return out;
  }

  TrainResult result(const Learner& learner) const {
    TrainResult out;
    out.name = learner.name();
    out.adapter = static_cast<const train::AdapterLearner&>(learner).result(options.keep_best);
    out.history = learner.state.history;
    out.validation_loss = options.keep_best ? learner.state.best_loss : learner.state.validation_loss;
    out.stopped_early = !learner.state.active;
    return out;
  }

  std::vector<TrainResult> fit(const Dataset& data, const Dataset* valid, const ProgressCallback& callback,
                               const std::string& context, ranks::Communicator* ranks) {
    const train::TrainRows rows = train::encode_rows(data, base, options, context);
    train::TrainRows valid_rows;
    if (valid) valid_rows = train::encode_rows(*valid, base, options, context);
    learners.clear();  // first the old memory goes
    learners = new_learners();
    whorl::base::Json described = whorl::base::Json::array();
    for (const LoraOptions& adapter : adapters) described.push_back(train::to_json(adapter));
    train::Loop({transformer(), options, rows, valid ? &valid_rows : nullptr,
                 train::run_identity(base, options, described, rows, valid ? &valid_rows : nullptr), callback,
                 context, ranks},
                learners)
        .run();
    std::vector<TrainResult> out;
    for (const auto& learner : learners) out.push_back(result(*learner));
    return out;
  }
};

Trainer::Trainer(const Model& base, std::vector<LoraOptions> adapters, const TrainOptions& options) {
  base.impl()->expect_whole("[Trainer]");
  train::check_options(options, "[Trainer]");
  train::check_activations(options, *base.impl()->transformer, "[Trainer]");
  train::check_adapters(adapters, "[Trainer]");
  impl_ = std::make_unique<Impl>(Impl{base, std::move(adapters), options, {}});
  for (const LoraOptions& adapter : impl_->adapters)
    train::initial_adapter(base, adapter, 0);  // targets that name nothing
}
Trainer::~Trainer() = default;
Trainer::Trainer(Trainer&&) noexcept = default;
Trainer& Trainer::operator=(Trainer&&) noexcept = default;

TrainPlan Trainer::plan(const Dataset& data, const Dataset* valid) const {
  const std::string context = "[Trainer.plan]";
  const train::TrainRows rows = train::encode_rows(data, impl_->base, impl_->options, context);
  train::TrainRows valid_rows;
  if (valid) valid_rows = train::encode_rows(*valid, impl_->base, impl_->options, context);
  return train::make_plan(impl_->transformer(), impl_->new_learners(), rows, impl_->options,
                          valid ? &valid_rows : nullptr, context);
}

std::vector<TrainResult> Trainer::fit(const Dataset& data, const Dataset* valid,
                                      const ProgressCallback& callback) {
  const std::string context = "[Trainer.fit]";
  train::check_validation(impl_->options, valid != nullptr, context);
  return train::with_ranks(impl_->options, context, [&](ranks::Communicator* ranks) {
    return impl_->fit(data, valid, callback, context, ranks);
  });
}

std::vector<double> Trainer::evaluate(const Dataset& data) const {
  base::check_argument(!impl_->learners.empty(),
                       "[Trainer.evaluate] call fit() first: there are no adapters yet");
  const train::TrainRows rows = train::encode_rows(data, impl_->base, impl_->options, "[Trainer.evaluate]");
  std::vector<Learner*> learners;
  for (const auto& learner : impl_->learners) learners.push_back(learner.get());
  model::TrainingPass pass(impl_->transformer(), train::ranks_of(impl_->transformer(), impl_->learners),
                           false, {}, false, train::activation_of(impl_->options));
  return train::mean_losses(pass, rows, impl_->options,
                            train::row_length(impl_->options, impl_->base.config()), learners,
                            train::Together());
}

}  // namespace whorl
