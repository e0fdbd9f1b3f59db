// gate: is the candidate good enough, by a threshold, a gain, a paired test over rows.
#include <cmath>

#include "base/check.h"
#include "base/json.h"
#include "pipeline/steps.h"
#include "whorl/statistics.h"

namespace whorl::pipeline {
namespace {

struct Scores {
  Value whole;
  std::string metric, where;
  bool lower = false;  // is better

  const Value& result(const std::string& name) const {
    std::vector<std::string> names;
    for (const auto& entry : *whole.find("results")->list()) {
      if (plain_text(*entry.find("adapter")) == name) return entry;
      names.push_back(plain_text(*entry.find("adapter")));
    }
    base::invalid(where, ": no adapter '", base::printable(name, 80), "' was scored",
                  base::did_you_mean(name, names));
  }
  double value(const std::string& name) const {
    const Value* scores = result(name).find("scores");
    std::vector<std::string> names;
    for (const auto& [key, score] : *scores->object()) {
      if (key == metric) {
        const Value* found = score.find("value");
        base::check_argument(found != nullptr && found->is_number(), where, ": '", metric, "' of '", name,
                             "' could not be scored");
        return found->number();
      }
      names.push_back(key);
    }
    base::invalid(where, ": argument 'metric': '", base::printable(metric, 80), "' was not scored",
                  base::did_you_mean(metric, names));
  }
  // By row, signed so that higher is better.
  std::map<std::string, double> rows(const std::string& name) const {
    std::map<std::string, double> made;
    const auto& list = *result(name).find("rows")->list();
    for (size_t i = 0; i < list.size(); ++i) {
      const Value* id = list[i].find("id");
      const Value* score = list[i].find("scores")->find(metric);
      if (score == nullptr || !score->is_number()) continue;
      // Rows with the same content are told apart by how often they came.
      std::string key = id != nullptr ? plain_text(*id) : std::to_string(i);
      while (made.contains(key)) key += "'";
      made[key] = lower ? -score->number() : score->number();
    }
    return made;
  }
};

Scores read_scores(JobContext& job, const char* argument) {
  const auto path = text_or(job.with(), argument, "");
  Scores made{.whole = parse_value(base::read_file(path), job.where() + ": " + path),
              .metric = {},
              .where = job.where()};
  const Value *results = made.whole.find("results"), *metrics = made.whole.find("metrics");
  base::check_argument(results != nullptr && results->list() != nullptr && metrics != nullptr &&
                           metrics->list() != nullptr && !metrics->list()->empty(),
                       job.where(), ": argument '", argument, "': not the scores of an evaluate step");
  made.metric = text_or(job.with(), "metric", plain_text(metrics->list()->front()));
  made.lower = made.metric.find("perplexity") != std::string::npos || made.metric == "ter";
  return made;
}

// Where the baseline stands: beside the candidate, or in scores of its own over the same rows.
Scores read_baseline(JobContext& job, const Scores& scores, const std::string& candidate) {
  if (text_or(job.with(), "baseline_scores", "").empty()) return scores;
  auto made = read_scores(job, "baseline_scores");
  made.metric = scores.metric;
  made.lower = scores.lower;
  const Value *there = made.result(text_or(job.with(), "baseline", "")).find("data_digest"),
              *here = scores.result(candidate).find("data_digest");
  base::check_argument(there != nullptr && here != nullptr && *there == *here, job.where(),
                       ": 'scores' and 'baseline_scores' are of different rows; a paired comparison needs "
                       "the same");
  return made;
}

std::string best_of(const Scores& scores) {
  std::optional<std::string> best;
  for (const auto& entry : *scores.whole.find("results")->list()) {
    const auto name = plain_text(*entry.find("adapter"));
    if (name.empty()) continue;
    const double sign = scores.lower ? -1 : 1;
    if (!best || sign * scores.value(name) > sign * scores.value(*best)) best = name;
  }
  base::check_argument(best.has_value(), scores.where, ": no adapter was scored");
  return *best;
}

// Why the candidate does not pass; empty = it does.
std::vector<std::string> objections(JobContext& job, const Scores& scores, const std::string& candidate,
                                    Object& outputs) {
  const Object& with = job.with();
  std::vector<std::string> found;
  const double value = scores.value(candidate), sign = scores.lower ? -1 : 1;
  outputs["value"] = value;
  const auto given = [&](const char* name) { return with.contains(name) && !with.at(name).is_null(); };
  if (given("at_least") && sign * value < sign * number_or(with, "at_least", 0))
    found.push_back(base::concat(scores.metric, " is ", value, ", wanted ",
                                 scores.lower ? "at most " : "at least ", number_or(with, "at_least", 0)));
  if (!given("improvement") && !given("max_p")) return found;
  const auto baseline = text_or(with, "baseline", "");
  const auto reference = read_baseline(job, scores, candidate);
  const double other = reference.value(baseline), gain = sign * (value - other);
  outputs["baseline_value"] = other;
  outputs["difference"] = value - other;
  constexpr double kRounding = 1e-12;  // 0.7 - 0.2 is a gain of 0.5
  if (given("improvement") && gain < number_or(with, "improvement", 0) - kRounding)
    found.push_back(base::concat("gains ", gain, " over ", baseline.empty() ? "the base" : baseline,
                                 ", wanted at least ", number_or(with, "improvement", 0)));
  if (!given("max_p")) return found;
  PairedOptions options;
  options.seed = static_cast<uint64_t>(integer_or(with, "seed", static_cast<int64_t>(options.seed)));
  options.resamples = 0;
  const auto test = compare_paired(reference.rows(baseline), scores.rows(candidate), options);
  outputs["p"] = test.permutation_p;
  outputs["wins"] = test.wins;
  outputs["losses"] = test.losses;
  outputs["ties"] = test.ties;
  if (gain <= 0 || test.permutation_p > number_or(with, "max_p", 0))
    found.push_back(base::concat("p = ", test.permutation_p, " (", test.wins, " rows better, ", test.losses,
                                 " worse), wanted a gain with p of at most ", number_or(with, "max_p", 0)));
  return found;
}

}  // namespace

Object run_gate(JobContext& job) {
  const auto scores = read_scores(job, "scores");
  const auto candidate =
      text_or(job.with(), "candidate", "").empty() ? best_of(scores) : text_or(job.with(), "candidate", "");
  Object outputs = {{"candidate", candidate}, {"value", Value()}, {"baseline_value", Value()},
                    {"difference", Value()},  {"p", Value()},     {"wins", Value()},
                    {"losses", Value()},      {"ties", Value()},  {"passed", true}};
  const auto found = objections(job, scores, candidate, outputs);
  std::string why;
  for (const auto& objection : found) why += (why.empty() ? "" : "; ") + objection;
  job.log(candidate + (why.empty() ? " passes: " : " is rejected: ") +
          (why.empty() ? compact(outputs) : why));
  if (found.empty()) return outputs;
  outputs["passed"] = false;
  if (text_or(job.with(), "on_reject", "fail") == "report") return outputs;
  throw StepError(Fault::rejected, candidate + " is rejected: " + why);
}

}  // namespace whorl::pipeline
