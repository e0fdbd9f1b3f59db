#include <nlohmann/json.hpp>

#include "base/check.h"
#include "model/model_impl.h"
#include "train/activations.h"
#include "train/identity.h"
#include "train/loop.h"
#include "train/options.h"
#include "train/weight_learner.h"

namespace whorl {

namespace {

FullTrainResult run(const Model& base, const Dataset& data, const Dataset* valid,
                    const FullTrainOptions& options, const ProgressCallback& callback,
                    const std::string& context, ranks::Communicator* ranks) {
  const train::TrainRows rows = train::encode_rows(data, base, options, context);
  train::TrainRows valid_rows;
  if (valid) valid_rows = train::encode_rows(*valid, base, options, context);
  std::vector<std::unique_ptr<train::Learner>> learners;
  learners.push_back(
      std::make_unique<train::WeightLearner>(base, options.learning_rate, options.weight_decay));
  const auto& learner = static_cast<const train::WeightLearner&>(*learners.front());
  const whorl::base::Json identity = {{"learning_rate", options.learning_rate},
                                      {"weight_decay", options.weight_decay}};
  train::Loop({learner.transformer(), options, rows, valid ? &valid_rows : nullptr,
               train::run_identity(base, options, identity, rows, valid ? &valid_rows : nullptr), callback,
               context, ranks},
              learners)
      .run();
  return {learner.result(options.keep_best), learner.state.history,
          options.keep_best ? learner.state.best_loss : learner.state.validation_loss};
}

}  // namespace

FullTrainResult train_all_weights(const Model& base, const Dataset& data, const Dataset* valid,
                                  const FullTrainOptions& options, const ProgressCallback& callback) {
  const std::string context = "[train_all_weights]";
  base.impl()->expect_whole(context);
  whorl::base::check_argument(base.quantize() == "none", context,
                              " expected a model loaded with quantize='none', got '", base.quantize(),
                              "'; over rounded weights adapters can be trained");
  train::check_options(options, context);
  train::check_activations(options, *base.impl()->transformer, context);
  train::check_learning_rate(options.learning_rate, options.weight_decay, context);
  train::check_validation(options, valid != nullptr, context);
  return train::with_ranks(options, context, [&](ranks::Communicator* ranks) {
    return run(base, data, valid, options, callback, context, ranks);
  });
}

}  // namespace whorl
