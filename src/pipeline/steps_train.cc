// train: one adapter, or all items of a foreach in one pass. A kill resumes from the checkpoint.
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "base/check.h"
#include "base/json.h"
#include "pipeline/option_fields.h"
#include "pipeline/steps.h"

namespace whorl::pipeline {
namespace {

constexpr int64_t kSaveSteps =
    25;  // a kill loses at most so many optimizer steps unless the step says otherwise

std::vector<LoraOptions> loras_of(JobContext& job) {
  std::vector<LoraOptions> made;
  std::set<std::string> names;
  for (const auto& item : job.items) {
    LoraOptions options;
    options.name = item.name;
    if (const auto* fields = object_or_null(item.local, "adapter")) apply_options(*fields, options);
    base::check_name(options.name, job.where() + ": adapter name");
    base::check_argument(names.insert(options.name).second, job.where(), ": two items call their adapter '",
                         options.name, "'; put what differs into the name, or leave it out");
    made.push_back(options);
  }
  return made;
}

TrainOptions options_of(JobContext& job) {
  TrainOptions options;
  options.save_steps = kSaveSteps;
  if (const auto* fields = object_or_null(job.with(), "options")) apply_options(*fields, options);
  options.checkpoint_dir = base::join(job.kept_folder(), "checkpoint");
  options.resume = true;
  return options;
}

base::Json number(double value) { return std::isfinite(value) ? base::Json(value) : base::Json(nullptr); }

// Without the clock, so that the same training gives the same bytes.
base::Json measured(const Progress& p) {
  return {{"step", p.step},
          {"epoch", p.epoch},
          {"event", p.event},
          {"loss", number(p.loss)},
          {"validation_loss", number(p.validation_loss)},
          {"learning_rate", p.learning_rate},
          {"grad_norm", number(p.grad_norm)},
          {"tokens", p.tokens},
          {"trained_tokens", p.trained_tokens}};
}

// Every step and validation.
std::string metrics_of(const TrainResult& result) {
  std::string lines;
  for (const auto& p : result.history) lines += measured(p).dump() + "\n";
  return lines;
}

Object outputs_of(JobContext& job, const TrainResult& result) {
  const auto& store = job.services.store;
  const auto folder = base::join(job.scratch(), "adapters-" + result.name);
  base::make_directories(store.fs(), folder, job.where());
  const auto adapter = base::join(folder, result.name), metrics = base::join(folder, "metrics.jsonl");
  result.adapter.save(adapter);
  base::write_file_durably(metrics, metrics_of(result));
  const auto finite = [](double value) { return std::isfinite(value) ? Value(value) : Value(); };
  Object made = {{"name", result.name},
                 {"digest", result.adapter.digest()},
                 {"loss", Value()},
                 {"validation_loss", finite(result.validation_loss)},
                 {"steps", int64_t{0}}};
  if (!result.history.empty()) {
    made["loss"] = finite(result.history.back().loss);
    made["steps"] = result.history.back().step;
  }
  made["adapter"] = to_value(store.take(adapter, job.where()));
  made["metrics"] = to_value(store.take(metrics, job.where()));
  return made;
}

base::Json details_of(const Progress& p) {
  base::Json made = measured(p);
  made["name"] = p.name;
  made["total_steps"] = p.total_steps;
  made["tokens_per_second"] = number(p.tokens_per_second);
  made["seconds"] = number(p.seconds);
  made["seconds_left"] = number(p.seconds_left);
  return made;
}

bool on_progress(JobContext& job, const std::vector<LoraOptions>& loras, const Progress& p) {
  JobProgress told;
  if (p.total_steps > 0) told.share = static_cast<double>(p.step) / static_cast<double>(p.total_steps);
  for (size_t i = 0; i < loras.size(); ++i)
    if (loras[i].name == p.name) told.item = static_cast<int64_t>(i);
  std::string message = base::concat(p.name, ": step ", p.step, "/", p.total_steps, ", loss ", p.loss);
  if (std::isfinite(p.validation_loss)) message += base::concat(", validation ", p.validation_loss);
  if (p.event != "step") message += " (" + p.event + ")";
  job.log(message);
  told.message = message;
  told.details = details_of(p).dump();
  job.progress(told);
  return !job.stopped();
}

}  // namespace

std::vector<Object> run_train(JobContext& job) {
  const auto train = rows_of(job, "train");
  std::optional<Dataset> valid;
  if (!text_or(job.with(), "valid", "").empty()) valid = rows_of(job, "valid");
  const auto loras = loras_of(job);
  Trainer trainer(base_of(job), loras, options_of(job));
  const auto results = trainer.fit(train, valid ? &*valid : nullptr, [&](const Progress& progress) {
    return on_progress(job, loras, progress);
  });
  job.check_stop();  // fit() returns early when it is stopped, with a checkpoint
  std::vector<Object> outputs;
  for (const auto& result : results) outputs.push_back(outputs_of(job, result));
  return outputs;
}

}  // namespace whorl::pipeline
