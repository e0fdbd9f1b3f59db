// What a pod does: one attempt of one step, or the gathering of a step's items.
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/file.h"
#include "pipeline/kinds.h"
#include "pipeline/pipeline_impl.h"
#include "pipeline/plan.h"
#include "pipeline/run_folder.h"
#include "whorl/pipeline_manifests.h"

namespace whorl {

namespace p = pipeline;
using base::check_argument;
using base::Json;

namespace {

// As PipelineRunOptions has them: strings as they are, the rest as JSON.
std::map<std::string, std::string> parameter_texts(const std::string& text) {
  const std::string where = "[pipeline step] parameters";
  std::map<std::string, std::string> made;
  if (text.empty()) return made;
  const p::Value given = p::parse_value(text, where);
  if (const auto* object = given.object()) {
    for (const auto& [name, value] : *object) made[name] = p::plain_text(value);
    return made;
  }
  check_argument(given.list() != nullptr, where, ": expected an object or a list, got ", p::kind_of(given));
  for (const p::Value& entry : *given.list()) {
    const p::Value* name = entry.find("name");
    const p::Value* value = entry.find("value");
    const bool named = name != nullptr && name->text() != nullptr;
    check_argument(named && value != nullptr && value->text() != nullptr, where,
                   ": expected {\"name\", \"value\"}, both strings, got ", p::shown(entry));
    made[*name->text()] = *value->text();
  }
  return made;
}

// Argo's words for how a workflow stands.
std::string local_state(const std::string& word) {
  if (word == "Succeeded") return "succeeded";
  if (word == "Failed" || word == "Error") return "failed";
  return word;
}

// The pipeline as a pod sees it: bound parameters, items, and the records that other pods have left.
class PodView {
 public:
  PodView(const Pipeline& pipeline, const PodStep& pod)
      : pod_(pod),
        spec_(pipeline.impl().spec),
        folder_(*base::FileSystem::real(), pod.state.string(), pod.run_id) {
    pipeline.validate();
    p::Object given;
    for (const auto& [name, text] : parameter_texts(pod.parameters)) {
      const p::Parameter* parameter = spec_.parameter(name);
      const bool plain = parameter == nullptr || parameter->type == "string";
      given[name] = plain ? p::Value(text) : p::parse_value(text, "[pipeline step] parameter '" + name + "'");
    }
    parameters_ = p::bind_parameters(spec_, given, "pipeline step");
    for (const p::Step& step : spec_.steps) items_.push_back(p::items_of(step, parameters_));
  }

  const p::Spec& spec() const { return spec_; }

  size_t step_index() const {
    std::vector<std::string> names;
    for (const p::Step& step : spec_.steps) names.push_back(step.name);
    check_argument(spec_.find(pod_.step) != nullptr, "[pipeline step] no step '",
                   base::printable(pod_.step, 80), "'", base::did_you_mean(pod_.step, names));
    return spec_.index_of(pod_.step);
  }

  // Argo hands items over as texts: the first whose text this is.
  int64_t item_index() const {
    const size_t step = step_index();
    if (!spec_.steps[step].repeats()) return -1;
    for (size_t item = 0; item < items_[step].size(); ++item) {
      const p::Value& value = items_[step][item];
      if (p::plain_text(value) == pod_.item) return static_cast<int64_t>(item);
      if (value.text() == nullptr && Json::accept(pod_.item) &&
          p::parse_value(pod_.item, "[pipeline step] item") == value)
        return static_cast<int64_t>(item);
    }
    base::invalid("[pipeline step] step '", pod_.step, "': '", base::printable(pod_.item, 80),
                  "' is none of its ", items_[step].size(), " items");
  }

  // Null where no pod has left one.
  const p::StepRecord* record(size_t step, size_t item) {
    const auto [found, added] = records_.try_emplace({step, item});
    if (added) found->second = folder_.read_step(p::instance_name(spec_.steps[step], item));
    return found->second ? &*found->second : nullptr;
  }

  // No pod was started for it, so nobody else says so to the steps that come after.
  void mark_skipped(size_t step, size_t item) {
    const p::Step& of = spec_.steps[step];
    folder_.write_step({.name = p::instance_name(of, item),
                        .step = of.name,
                        .kind = of.kind,
                        .index = static_cast<int64_t>(item),
                        .item = items_[step][item],
                        .state = p::State::skipped,
                        .message = {},
                        .key = {},
                        .outputs = {}});
  }

  p::PlanView plan_view() {
    return {.spec = spec_,
            .parameters = parameters_,
            .items = items_,
            .outputs =
                [this](size_t step, size_t item) {
                  const p::StepRecord* found = record(step, item);
                  return found != nullptr && found->state == p::State::succeeded ? &found->outputs : nullptr;
                },
            .run_id = pod_.run_id,
            .run_state = local_state(pod_.run_state)};
  }

  const p::List& items(size_t step) const { return items_[step]; }

 private:
  const PodStep& pod_;
  const p::Spec& spec_;
  p::RunFolder folder_;
  p::ParameterValues parameters_;
  std::vector<p::List> items_;
  std::map<std::pair<size_t, size_t>, std::optional<p::StepRecord>> records_;
};

constexpr size_t kMostOutputBytes = 64 * 1024;  // the status of a workflow holds them all

void write_outputs(const PodStep& pod, const p::Object& outputs) {
  if (pod.output_folder.empty()) return;
  base::FileSystem& files = *base::FileSystem::real();
  for (const std::string& name : pod.outputs) {
    base::check_relative_name(name, "[pipeline step] output");
    const auto found = outputs.find(name);
    const std::string text = p::compact(found == outputs.end() ? p::Value() : found->second);
    check_argument(text.size() <= kMostOutputBytes, "[pipeline step] step '", pod.step, "': output '", name,
                   "' has ", text.size(), " bytes; what a condition looks at may have ", kMostOutputBytes);
    base::write_file_durably(files, base::join(pod.output_folder.string(), name), text, "pipeline step");
  }
}

}  // namespace

int pod_exit_status(const std::string& fault) {
  if (fault.empty() || fault == "none") return 0;
  if (fault == "infrastructure") return p::kTryAgainExit;
  if (fault == "rejected") return p::kRejectedExit;
  if (fault == "timeout") return 124;
  return fault == "cancelled" ? 143 : 1;
}

PodResult run_pod_step(const Pipeline& pipeline, const PodStep& pod) {
  const int64_t item = PodView(pipeline, pod).item_index();
  PipelineRunOptions options;
  options.folder = pod.state;
  options.run_id = pod.run_id;
  options.parameters = parameter_texts(pod.parameters);
  const PipelineStepResult done = pipeline.run_step(pod.step, item, options, local_state(pod.run_state));
  PodResult made{pod_exit_status(done.fault), done.state, done.fault, done.message, done.cached};
  if (done.state == "succeeded")
    write_outputs(pod, *p::parse_value(done.outputs, "[pipeline step]").object());
  return made;
}

PodResult gather_pod_step(const Pipeline& pipeline, const PodStep& pod) {
  PodView view(pipeline, pod);
  const size_t index = view.step_index();
  const p::Step& step = view.spec().steps[index];
  check_argument(step.repeats(), "[pipeline gather] step '", step.name, "' has no foreach");
  size_t succeeded = 0, counted = 0;
  p::Object outputs;
  for (const std::string& key : p::output_names(step)) outputs[key] = p::List();
  for (size_t item = 0; item < view.items(index).size(); ++item) {
    // A lost pod may have left nothing: whether an item was skipped is asked of its condition.
    if (!p::conditions_hold(view.plan_view(), step, view.items(index)[item])) {
      for (auto& [key, list] : outputs) list.get<p::List>()->push_back({});
      view.mark_skipped(index, item);
      continue;
    }
    ++counted;
    const p::StepRecord* record = view.record(index, item);
    const bool good = record != nullptr && record->state == p::State::succeeded;
    succeeded += good;
    for (auto& [key, list] : outputs) {
      p::List& values = *list.get<p::List>();
      const auto found = good ? record->outputs.find(key) : p::Object::const_iterator();
      if (good && found != record->outputs.end())
        values.push_back(found->second);
      else
        values.emplace_back();
    }
  }
  const std::string message = base::concat(succeeded, " of ", counted, " items succeeded, ",
                                           p::to_text(step.failure_policy), " must");
  if (!p::satisfied(step.failure_policy, succeeded, counted)) return {1, "failed", "code", message, false};
  write_outputs(pod, outputs);
  return {0, "succeeded", "", message, false};
}

}  // namespace whorl
