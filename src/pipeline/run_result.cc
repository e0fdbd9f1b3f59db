// What a run came to, as structs and as JSON; and one step by itself.
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/json.h"
#include "pipeline/kinds.h"
#include "pipeline/run.h"

namespace whorl {
namespace pipeline {

namespace {

// Artifacts with the path where they lie.
Value with_paths(const Value& value, const RunStore& store) {
  if (const auto artifact = artifact_of(value)) {
    Object made = *value.object();
    made["path"] = store.path_of(*artifact);
    return made;
  }
  if (const auto* list = value.list()) {
    List made;
    for (const auto& entry : *list) made.push_back(with_paths(entry, store));
    return made;
  }
  if (const auto* object = value.object()) {
    Object made;
    for (const auto& [key, member] : *object) made.emplace(key, with_paths(member, store));
    return made;
  }
  return value;
}

}  // namespace

PipelineStepResult Run::step_result(const StepRecord& r) const {
  PipelineStepResult made{
      .name = r.name, .step = r.step, .index = r.index, .kind = r.kind, .state = name_of(r.state)};
  if (r.index >= 0) made.item = compact(r.item);
  if (r.fault != Fault::none && r.state != State::succeeded) made.fault = name_of(r.fault);
  made.message = r.message;
  made.attempts = r.attempts;
  made.started = r.started;
  made.seconds = r.seconds;
  made.cached = r.cached;
  made.outputs = compact(with_paths(r.outputs, store_));
  made.key = r.key;
  const auto log = folder_->log_path(r.name);
  if (base::exists(store_.fs(), log)) made.log = log;
  return made;
}

PipelineResult Run::result() const {
  PipelineResult made{.run_id = run_.run_id,
                      .pipeline = spec_.name,
                      .digest = run_.digest,
                      .state = run_.state,
                      .seconds = run_.seconds,
                      .folder = folder_->path(),
                      .steps = {}};
  for (const auto& [id, record] : records_) made.steps.push_back(step_result(record));
  return made;
}

}  // namespace pipeline

PipelineResult Pipeline::run(const PipelineRunOptions& options, const PipelineCallback& callback) const {
  return pipeline::Run(*impl_, options, callback).go();
}

std::string PipelineResult::to_json() const {
  base::Json made = {{"run_id", run_id},
                     {"pipeline", pipeline},
                     {"digest", digest},
                     {"state", state},
                     {"seconds", seconds},
                     {"folder", folder.string()},
                     {"steps", base::Json::array()}};
  for (const auto& s : steps)
    made["steps"].push_back(
        {{"name", s.name},
         {"step", s.step},
         {"index", s.index},
         {"kind", s.kind},
         {"item", s.item.empty() ? base::Json(nullptr) : base::parse_json(s.item, "[PipelineResult]")},
         {"state", s.state},
         {"fault", s.fault},
         {"message", s.message},
         {"attempts", s.attempts},
         {"started", s.started},
         {"seconds", s.seconds},
         {"cached", s.cached},
         {"outputs", base::parse_json(s.outputs, "[PipelineResult]")},
         {"key", s.key},
         {"log", s.log.string()}});
  return made.dump(2, ' ', false, base::Json::error_handler_t::replace) + "\n";
}

std::string PipelineResult::output(const std::string& step, const std::string& key) const {
  base::Json list = base::Json::array();
  std::vector<std::string> steps_known, keys_known;
  for (const auto& s : steps) {
    steps_known.push_back(s.name);
    if (s.name != step && s.step != step) continue;
    const auto outputs = base::parse_json(s.outputs, "[PipelineResult.output]");
    for (const auto& [name, unused] : outputs.items()) keys_known.push_back(name);
    const auto found = outputs.find(key);
    if (found != outputs.end() && (s.name == step || s.index < 0)) return found->dump();
    list.push_back(found == outputs.end() ? base::Json(nullptr) : *found);
  }
  base::check_argument(!list.empty(), "[PipelineResult.output] no step '", base::printable(step, 80), "'",
                       base::did_you_mean(step, steps_known));
  base::check_argument(std::find(keys_known.begin(), keys_known.end(), key) != keys_known.end(),
                       "[PipelineResult.output] step '", step, "' has no output '", base::printable(key, 80),
                       "'", base::did_you_mean(key, keys_known));
  return list.dump();
}

}  // namespace whorl
