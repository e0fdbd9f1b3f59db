#include "train/identity.h"

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "train/options.h"

namespace whorl::train {

std::string run_identity(const Model& base, const TrainOptions& options, const base::Json& learners,
                         const TrainRows& rows, const TrainRows* valid) {
  const base::Json identity = {{"version", whorl::version()},
                               {"device", base.device()},
                               {"model", base.digest()},
                               {"dtype", base.config().torch_dtype},
                               {"train_data", rows.digest},
                               {"validation_data", valid ? base::Json(valid->digest) : base::Json(nullptr)},
                               {"options", to_json(options)},
                               {"learners", learners}};
  return identity.dump();
}

void check_validation(const TrainOptions& options, bool has_validation, const std::string& context) {
  if (has_validation) return;
  base::check_argument(!options.keep_best, context, " keep_best needs validation data");
  base::check_argument(options.early_stopping_patience == 0, context,
                       " early stopping needs validation data");
}

}  // namespace whorl::train
