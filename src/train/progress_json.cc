#include "train/progress_json.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace whorl::train {

using base::Json;

Json finite_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

double number_or_nan(const Json& json, const char* key) {
  const auto it = json.find(key);
  return it == json.end() || !it->is_number() ? std::numeric_limits<double>::quiet_NaN() : it->get<double>();
}

Json to_json(const Progress& p) {
  return {{"event", p.event},
          {"name", p.name},
          {"step", p.step},
          {"total_steps", p.total_steps},
          {"epoch", p.epoch},
          {"loss", finite_or_null(p.loss)},
          {"validation_loss", finite_or_null(p.validation_loss)},
          {"learning_rate", p.learning_rate},
          {"grad_norm", finite_or_null(p.grad_norm)},
          {"tokens", p.tokens},
          {"trained_tokens", p.trained_tokens},
          {"tokens_per_second", finite_or_null(p.tokens_per_second)},
          {"seconds", finite_or_null(p.seconds)},
          {"seconds_left", finite_or_null(p.seconds_left)}};
}

Progress parse_progress(const Json& json, const std::string& context) {
  Progress p;
  p.event = base::require_string(json, "event", context);
  p.name = base::require_string(json, "name", context);
  p.step = base::require_int(json, "step", context);
  p.total_steps = base::require_int(json, "total_steps", context);
  p.epoch = base::require_number(json, "epoch", context);
  p.loss = number_or_nan(json, "loss");
  p.validation_loss = number_or_nan(json, "validation_loss");
  p.learning_rate = base::require_number(json, "learning_rate", context);
  p.grad_norm = number_or_nan(json, "grad_norm");
  p.tokens = base::require_int(json, "tokens", context);
  p.trained_tokens = base::require_int(json, "trained_tokens", context);
  p.tokens_per_second = number_or_nan(json, "tokens_per_second");
  p.seconds = number_or_nan(json, "seconds");
  p.seconds_left = number_or_nan(json, "seconds_left");
  return p;
}

}  // namespace whorl::train
