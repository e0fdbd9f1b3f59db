// evaluate: adapters and base on held-out rows, in one batch.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/json.h"
#include "pipeline/option_fields.h"
#include "pipeline/steps.h"

namespace whorl::pipeline {
namespace {

using base::Json;

struct Candidates {
  std::vector<std::string> names;  // "" = the base
  Object artifacts;                // by name
};

Candidates add_adapters(JobContext& job, InferenceEngine& engine) {
  Candidates made;
  if (boolean_or(job.with(), "with_base", true)) made.names.emplace_back();
  for (const auto& [name, path, entry] : adapters_of(job)) {
    engine.add_adapter(name, Adapter::load(path));
    made.names.push_back(name);
    const bool kept = artifact_of(entry).has_value();
    made.artifacts[name] = kept ? entry : to_value(job.services.store.copy(path, job.where()));
  }
  return made;
}

EvaluateOptions options_of(JobContext& job) {
  const Object& with = job.with();
  EvaluateOptions made;
  made.metrics = texts_or(with, "metrics", made.metrics);
  made.limit = integer_or(with, "limit", 0);
  made.seed = static_cast<uint64_t>(integer_or(with, "seed", 0));
  made.max_seconds = number_or(with, "max_seconds", 0);
  if (const auto* fields = object_or_null(with, "sampling")) apply_options(*fields, made.sampling);
  // Answers are kept as they come: a killed evaluation goes on from there.
  made.out = base::join(job.kept_folder(), "answers");
  return made;
}

// The clock left out, so that the same evaluation gives the same bytes.
std::string scores_json(const std::vector<std::string>& names, const std::vector<std::string>& metrics,
                        const std::vector<EvaluateResult>& results) {
  Json whole = {{"metrics", metrics}, {"results", Json::array()}};
  for (size_t i = 0; i < results.size(); ++i) {
    Json result = base::parse_json(results[i].to_json(), "[Pipeline.run] scores");
    result.erase("seconds");
    result["adapter"] = names[i];
    whole["results"].push_back(std::move(result));
  }
  return base::to_sorted_json(whole);
}

bool lower_is_better(const std::string& metric) {
  return metric.find("perplexity") != std::string::npos || metric == "ter";
}

}  // namespace

Object run_evaluate(JobContext& job) {
  const auto data = rows_of(job, "data");
  InferenceEngine engine(base_of(job));
  const auto candidates = add_adapters(job, engine);
  base::check_argument(!candidates.names.empty(), job.where(),
                       ": nothing to score: no adapters, and no base");
  job.check_stop();
  const auto options = options_of(job);
  job.progress({.share = 0,
                .message = base::concat("scoring ", candidates.names.size(), " on ", data.size(), " rows")});
  const auto results = Evaluator(engine).run(data, candidates.names, options);
  job.check_stop();
  const auto& metric = options.metrics.front();
  Object values;
  Value best_name, base_value, best_value;
  for (size_t i = 0; i < results.size(); ++i) {
    const double value = results[i].scores.at(metric).value;
    const auto& name = candidates.names[i];
    values[name] = value;
    job.log(base::concat(name.empty() ? "base" : name, ": ", metric, " ", value));
    if (name.empty()) {
      base_value = value;
    } else if (best_value.is_null() ||
               (lower_is_better(metric) ? value < best_value.number() : value > best_value.number())) {
      best_value = value;
      best_name = name;
    }
  }
  const auto path = base::join(job.scratch(), "scores.json");
  base::write_file_durably(path, scores_json(candidates.names, options.metrics, results));
  const auto* best = best_name.text();
  return {{"scores", to_value(job.services.store.take(path, job.where()))},
          {"best", best != nullptr ? candidates.artifacts.at(*best) : Value()},
          {"best_name", best_name},
          {"value", best_value},
          {"base_value", base_value},
          {"values", values}};
}

}  // namespace whorl::pipeline
