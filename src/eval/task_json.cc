#include "eval/task_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/file.h"

namespace whorl {
namespace eval {
namespace {

using base::concat;
using base::Json;

// A string as it stands, anything else as its JSON text.
std::string text_or_json(const Json& object, const char* key) {
  if (!base::has(object, key)) return "";
  const Json& value = object[key];
  return value.is_string() ? value.get<std::string>() : value.dump();
}

std::vector<std::string> strings(const Json& object, const char* key, const std::string& context) {
  if (!base::has(object, key)) return {};
  if (object[key].is_string()) return {object[key].get<std::string>()};
  return base::require_strings(object, key, context);
}

JudgeCanary canary_from(const Json& json, const std::string& context) {
  base::check_known_keys(json, {"answer", "verdict", "question", "reference", "criteria"}, context);
  return {.answer = base::require_string(json, "answer", context),
          .verdict = base::require_string(json, "verdict", context),
          .question = base::string_or(json, "question", "", context),
          .reference = base::string_or(json, "reference", "", context),
          .criteria = base::string_or(json, "criteria", "", context)};
}

JudgeOptions judge_from(const Json& json, const std::string& context) {
  base::check_known_keys(json,
                         {"adapter", "criteria", "options", "values", "may_refuse", "expectation", "system",
                          "seed", "label", "canaries"},
                         context);
  JudgeOptions out;
  out.adapter = base::string_or(json, "adapter", "", context);
  out.criteria = base::string_or(json, "criteria", "", context);
  if (base::has(json, "options")) out.options = base::require_strings(json, "options", context);
  if (base::has(json, "values"))
    for (const Json& value : base::require_array(json, "values", context)) {
      base::check_argument(value.is_number(), context, ": expected field 'values' to be a list of numbers");
      out.values.push_back(value.get<double>());
    }
  out.may_refuse = base::bool_or(json, "may_refuse", out.may_refuse, context);
  out.expectation = base::bool_or(json, "expectation", out.expectation, context);
  out.system = base::string_or(json, "system", "", context);
  out.seed = static_cast<uint64_t>(base::int_or(json, "seed", 0, context));
  out.label = base::string_or(json, "label", "", context);
  if (base::has(json, "canaries"))
    for (const Json& canary : base::require_array(json, "canaries", context))
      out.canaries.push_back(canary_from(canary, concat(context, ": canaries[", out.canaries.size(), "]")));
  return out;
}

Json judge_json(const JudgeOptions& judge) {
  Json out = {{"adapter", judge.adapter},       {"criteria", judge.criteria},
              {"options", judge.options},       {"values", judge.values},
              {"may_refuse", judge.may_refuse}, {"expectation", judge.expectation},
              {"system", judge.system},         {"seed", judge.seed}};
  if (!judge.label.empty()) out["label"] = judge.label;
  for (const auto& canary : judge.canaries)
    out["canaries"].push_back({{"answer", canary.answer},
                               {"verdict", canary.verdict},
                               {"question", canary.question},
                               {"reference", canary.reference},
                               {"criteria", canary.criteria}});
  return out;
}

const std::vector<std::string> kMetricKeys = {
    "type",   "name", "candidate", "references", "ground_truth", "check", "tool_calls_ground_truth",
    "params", "judge"};

// NeMo keeps a metric's settings in "params"; beside "type" they are taken as well.
MetricOptions metric_from(const Json& json, const std::string& name, const std::string& context) {
  base::check_known_keys(json, kMetricKeys, context);
  MetricOptions out;
  out.name = base::string_or(json, "name", name, context);
  out.type = base::require_string(json, "type", context);
  Json rest = Json::object();
  Json known = json;
  if (base::has(json, "params"))
    for (const auto& [key, value] : base::require_object(json, "params", context).items()) {
      const bool ours = key != "type" && key != "name" && key != "params" &&
                        std::find(kMetricKeys.begin(), kMetricKeys.end(), key) != kMetricKeys.end();
      (ours ? known[key] : rest[key]) = value;
    }
  out.candidate = base::string_or(known, "candidate", "", context);
  out.references = strings(known, "references", context);
  for (auto& more : strings(known, "ground_truth", context)) out.references.push_back(std::move(more));
  out.check = strings(known, "check", context);
  out.tool_calls_ground_truth = text_or_json(known, "tool_calls_ground_truth");
  if (base::has(known, "judge"))
    out.judge = judge_from(base::require_object(known, "judge", context), context + ": judge");
  if (!rest.empty()) out.params = rest.dump();
  return out;
}

Json metric_json(const MetricOptions& metric) {
  Json out = {{"type", metric.type}};
  if (!metric.name.empty()) out["name"] = metric.name;
  if (!metric.candidate.empty()) out["candidate"] = metric.candidate;
  if (!metric.references.empty()) out["references"] = metric.references;
  if (!metric.check.empty()) out["check"] = metric.check;
  if (!metric.tool_calls_ground_truth.empty())
    out["tool_calls_ground_truth"] = metric.tool_calls_ground_truth;
  if (!metric.params.empty()) out["params"] = base::parse_json(metric.params, "[EvaluateTask] params");
  if (plain_type(metric.type).starts_with("llm_judge")) out["judge"] = judge_json(metric.judge);
  return out;
}

SamplingOptions sampling_from(const Json& json, const std::string& context) {
  SamplingOptions out;
  base::check_known_keys(json,
                         {"max_new_tokens", "max_tokens", "temperature", "top_k", "top_p", "min_p",
                          "repetition_penalty", "presence_penalty", "frequency_penalty", "seed", "stop"},
                         context);
  out.max_new_tokens = base::int_or(json, "max_tokens", out.max_new_tokens, context);
  out.max_new_tokens = base::int_or(json, "max_new_tokens", out.max_new_tokens, context);
  out.temperature = base::number_or(json, "temperature", out.temperature, context);
  out.top_k = base::int_or(json, "top_k", out.top_k, context);
  out.top_p = base::number_or(json, "top_p", out.top_p, context);
  out.min_p = base::number_or(json, "min_p", out.min_p, context);
  out.repetition_penalty = base::number_or(json, "repetition_penalty", out.repetition_penalty, context);
  out.presence_penalty = base::number_or(json, "presence_penalty", out.presence_penalty, context);
  out.frequency_penalty = base::number_or(json, "frequency_penalty", out.frequency_penalty, context);
  out.seed = static_cast<uint64_t>(base::int_or(json, "seed", 0, context));
  out.stop = strings(json, "stop", context);
  return out;
}

std::string kind_of_task(const std::string& given, const std::string& context) {
  if (given == "chat-completion" || given == "chat_completion") return "chat";
  const std::vector<std::string> known = {"chat", "completion", "data"};
  base::check_argument(std::find(known.begin(), known.end(), given) != known.end(), context,
                       ": unknown type '", base::printable(given), "'", base::did_you_mean(given, known));
  return given;
}

// A path, or NeMo's {"files_url": "file://…", "limit": 10}.
void take_dataset(const Json& json, EvaluateTask& out, const std::string& context) {
  if (json.is_string()) {
    out.data = json.get<std::string>();
    return;
  }
  base::check_known_keys(json, {"files_url", "limit", "split", "format"}, context);
  out.data = base::string_or(json, "files_url", "", context);
  out.limit = base::int_or(json, "limit", out.limit, context);
}

// NeMo's names for what all tasks of a configuration share. Retries and time-outs are a network's: there is
// none here, so they are read and have no effect.
void take_shared(const Json& params, EvaluateTask& task, const std::string& context) {
  base::check_known_keys(params,
                         {"parallelism", "limit_samples", "limit", "max_tokens", "max_new_tokens",
                          "temperature", "top_p", "stop", "max_retries", "request_timeout", "extra"},
                         context);
  Json sampling = Json::object();
  for (const char* key : {"max_tokens", "max_new_tokens", "temperature", "top_p", "stop"})
    if (base::has(params, key)) sampling[key] = params[key];
  if (!sampling.empty() && !task.sampling) task.sampling = sampling_from(sampling, context);
  if (task.limit == 0)
    task.limit = base::int_or(params, "limit_samples", base::int_or(params, "limit", 0, context), context);
  if (task.parallelism == 0) task.parallelism = base::int_or(params, "parallelism", 0, context);
}

void take_metrics(const Json& metrics, EvaluateTask& task, const std::string& context) {
  base::check_argument(metrics.is_structured(), context,
                       ": expected field 'metrics' to be an object of metrics or a list, got ",
                       base::kind_of(metrics));
  for (const auto& [key, value] : metrics.items()) {
    const std::string name = metrics.is_object() ? key : "", where = concat(context, ": metrics.", key);
    task.metrics.push_back(value.is_string() ? MetricOptions{.type = value.get<std::string>(), .name = name}
                                             : metric_from(value, name, where));
  }
}

}  // namespace

std::string plain_type(const std::string& type) {
  std::string out;
  for (const char c : type)
    out += c == '-' || c == ' ' ? '_' : c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

Json sampling_json(const SamplingOptions& s) {
  return {{"max_new_tokens", s.max_new_tokens},
          {"temperature", s.temperature},
          {"top_k", s.top_k},
          {"top_p", s.top_p},
          {"min_p", s.min_p},
          {"repetition_penalty", s.repetition_penalty},
          {"presence_penalty", s.presence_penalty},
          {"frequency_penalty", s.frequency_penalty},
          {"seed", s.seed},
          {"stop", s.stop}};
}

EvaluateTask task_from(const Json& json, const std::string& name, const std::string& context) {
  base::check_known_keys(json,
                         {"name", "type", "template", "params", "metrics", "sampling", "limit", "parallelism",
                          "dataset", "data"},
                         context);
  EvaluateTask out;
  out.name = base::string_or(json, "name", name, context);
  out.type = kind_of_task(base::string_or(json, "type", "chat", context), context);
  out.prompt_template = text_or_json(json, "template");
  out.limit = base::int_or(json, "limit", 0, context);
  out.parallelism = base::int_or(json, "parallelism", 0, context);
  if (base::has(json, "params")) {
    Json params = base::require_object(json, "params", context);
    if (base::has(params, "template")) out.prompt_template = text_or_json(params, "template");
    params.erase("template");
    take_shared(params, out, context + ": params");
  }
  if (base::has(json, "sampling")) out.sampling = sampling_from(json["sampling"], context + ": sampling");
  for (const char* key : {"dataset", "data"})
    if (base::has(json, key)) take_dataset(json[key], out, concat(context, ": ", key));
  take_metrics(base::require(json, "metrics", context), out, context);
  return out;
}

Json task_json(const EvaluateTask& task) {
  Json out = {{"name", task.name}, {"type", task.type}};
  if (!task.prompt_template.empty()) {
    const Json parsed = Json::parse(task.prompt_template, nullptr, false);
    out["template"] = parsed.is_object() ? parsed : Json(task.prompt_template);
  }
  if (task.sampling) out["sampling"] = sampling_json(*task.sampling);
  if (task.limit > 0) out["limit"] = task.limit;
  if (task.parallelism > 0) out["parallelism"] = task.parallelism;
  if (!task.data.empty()) out["data"] = task.data;
  out["metrics"] = Json::array();
  for (const auto& metric : task.metrics) out["metrics"].push_back(metric_json(metric));
  return out;
}

}  // namespace eval

std::vector<EvaluateTask> EvaluateTask::from_json(const std::string& json, const std::string& source) {
  const std::string context = "[EvaluateTask] " + source;
  const base::Json found = base::parse_json(json, context);
  base::check_argument(found.is_object(), context, ": expected an object, got ", base::kind_of(found));
  if (!base::has(found, "tasks")) return {eval::task_from(found, "default", context)};
  base::check_known_keys(found, {"type", "name", "namespace", "description", "params", "tasks"}, context);
  const std::string type = base::string_or(found, "type", "custom", context);
  base::check_argument(type == "custom", context, ": expected type \"custom\", got '", base::printable(type),
                       "'; only custom tasks are read from a file");
  std::vector<EvaluateTask> out;
  for (const auto& [name, task] : base::require_object(found, "tasks", context).items()) {
    out.push_back(eval::task_from(task, name, context + ": tasks." + name));
    if (base::has(found, "params"))
      eval::take_shared(base::require_object(found, "params", context), out.back(), context + ": params");
  }
  base::check_argument(!out.empty(), context, ": expected at least one task, got none");
  return out;
}

std::string EvaluateTask::to_json() const { return eval::task_json(*this).dump(2); }

}  // namespace whorl
