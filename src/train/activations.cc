#include "train/activations.h"

#include "base/check.h"
#include "model/weights.h"

namespace whorl::train {

DType activation_of(const TrainOptions& options) {
  return options.activation_dtype == "bfloat16" ? DType::bfloat16 : DType::float32;
}

void check_activations(const TrainOptions& options, const model::Transformer& base,
                       const std::string& context) {
  const DType wanted = activation_of(options);
  if (wanted == DType::float32) return;
  const ops::Backend& backend = base.backend();
  base::check_argument(backend.takes_activations(wanted), context, " expected activation_dtype 'float32' on ",
                       backend.name(), ", which computes with nothing else, got '", options.activation_dtype,
                       "': that needs a GPU");
  const DType stored = base.weights().layers.front().weights.front()->dtype();
  base::check_argument(stored != DType::float32, context,
                       " activation_dtype 'bfloat16' expected a base in "
                       "bfloat16, or with quantize, got one in ",
                       name_of(stored));
}

}  // namespace whorl::train
