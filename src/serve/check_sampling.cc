#include <cmath>

#include "base/check.h"
#include "serve/sampler.h"

namespace whorl::serve {
namespace {

constexpr const char* kWhere = "[InferenceEngine.submit] expected sampling.";

void check_int(const char* field, int64_t value, int64_t low, int64_t high) {
  base::check_argument(value >= low && value <= high, kWhere, field, " in [", low, ", ", high, "], got ",
                       value);
}

void check_real(const char* field, double value, double low, double high) {
  base::check_argument(std::isfinite(value) && value >= low && value <= high, kWhere, field, " in [", low,
                       ", ", high, "], got ", value);
}

}  // namespace

void check_sampling(const SamplingOptions& options, int64_t context, int64_t vocab) {
  check_int("max_new_tokens", options.max_new_tokens, 1, context);
  check_real("temperature", options.temperature, 0, 100);
  check_int("top_k", options.top_k, 0, int64_t{1} << 31);
  check_real("top_p", options.top_p, 0, 1);
  base::check_argument(options.top_p > 0, kWhere, "top_p above 0, got 0");
  check_real("min_p", options.min_p, 0, 1);
  check_real("repetition_penalty", options.repetition_penalty, 0.01, 100);
  check_real("presence_penalty", options.presence_penalty, -100, 100);
  check_real("frequency_penalty", options.frequency_penalty, -100, 100);
  check_int("logprobs", options.logprobs, -1, 20);
  check_int("n", options.n, 1, 64);
  check_int("prompt_lookup_num_tokens", options.prompt_lookup_num_tokens, 0, 32);
  base::check_argument(options.stop.size() <= 16, kWhere, "stop of at most 16 strings, got ",
                       options.stop.size());
  for (const auto& stop : options.stop)
    base::check_argument(!stop.empty() && stop.size() <= 1024, kWhere,
                         "stop strings of 1 to 1024 bytes, got one of ", stop.size());
  base::check_argument(options.stop_token_ids.size() <= 256, kWhere,
                       "stop_token_ids of at most 256 ids, got ", options.stop_token_ids.size());
  for (const int32_t id : options.stop_token_ids) check_int("stop_token_ids", id, 0, vocab - 1);
}

}  // namespace whorl::serve
