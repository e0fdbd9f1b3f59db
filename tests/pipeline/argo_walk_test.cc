// The same outcomes on both sides: the manifest, carried out as Argo's controller would, and the walk that
// the local run follows. The same instances run, as often, after the same waits, and everything ends alike.
#include <gtest/gtest.h>

#include <set>

#include "pipeline/argo_random_pipeline.h"
#include "pipeline/argo_simulator.h"
#include "pipeline/expressions.h"
#include "pipeline/pipeline_impl.h"
#include "pipeline/walk.h"
#include "whorl/pipeline_manifests.h"

namespace whorl::pipeline::testing {
namespace {

// What a pod does, from step, item and attempt alone.
struct Script {
  uint64_t seed;
  int status(size_t step, size_t item, int64_t attempt) const {
    static const std::vector<int> kEnds = {0, 0, 0, 0, 1, 2, 84, 85, 86, 129, 137, 139, 143, -1};
    const uint64_t at = (step * 1000 + item) * 100 + static_cast<uint64_t>(attempt);
    return kEnds[base::below(base::derive(seed, 1), at, kEnds.size())];
  }
  Value number(size_t step, size_t item) const {
    return static_cast<int64_t>(base::below(base::derive(seed, 2), step * 1000 + item, 4));
  }
  Value text(size_t step, size_t item) const {
    const bool odd = base::below(base::derive(seed, 3), step * 1000 + item, 2) == 0;
    return odd ? "it's {{odd}} \"text\" \\ $(HOME)" : "plain";
  }
  Value output(const std::string& key, size_t step, size_t item) const {
    return key == "number" ? number(step, item) : text(step, item);
  }
};

struct Ended {
  std::string state;  // "succeeded", "failed", "not run"
  int64_t attempts = 0;
  std::vector<double> waits;
  bool operator==(const Ended&) const = default;
};
struct Outcome {
  std::map<std::string, Ended> instances;
  std::map<std::string, std::string> steps;
  std::string run;
  bool operator==(const Outcome&) const = default;
};

// Skipped and omitted are one here: neither ran, neither fails the run, and nothing that needs it runs.
std::string plain_state(const std::string& state) {
  if (state == "Succeeded" || state == "succeeded") return "succeeded";
  if (state == "Failed" || state == "Error" || state == "failed") return "failed";
  return "not run";
}

class Local {
 public:
  Local(const Spec& spec, const Script& script)
      : spec_(spec), script_(script), parameters_(bind_parameters(spec, {}, "test")) {
    std::vector<size_t> counts;
    for (const Step& step : spec.steps) {
      items_.push_back(items_of(step, parameters_));
      counts.push_back(items_.back().size());
    }
    walk_.emplace(spec, counts);
  }

  Outcome run() {
    double now = 0;
    while (!walk_->done()) {
      const auto ready = walk_->ready(now);
      if (ready.empty()) {
        now = *walk_->wake_at();
        continue;
      }
      go(ready[0], now);
    }
    return outcome();
  }

 private:
  void go(InstanceId id, double now) {
    if (walk_->state(id) == State::waiting && !wanted(id)) return walk_->skipped(id);
    walk_->started(id);
    const int status = script_.status(id.step, id.item, walk_->attempts(id));
    if (status == 0) return walk_->succeeded(id);
    walk_->failed(id, fault_of_exit(status), now);
    if (walk_->state(id) == State::backing_off)
      waits_[id].push_back(backoff_before(spec_.steps[id.step].retry, walk_->attempts(id)));
  }

  bool wanted(InstanceId id) {
    const auto resolve = [&](const Reference& reference) { return value_of(reference, id); };
    for (const Condition& condition : spec_.steps[id.step].when)
      if (!holds(substitute(condition.left, resolve), condition.op, substitute(condition.right, resolve)))
        return false;
    return true;
  }

  Value value_of(const Reference& reference, InstanceId id) {
    if (reference.root == Reference::Root::parameters) return parameters_.at(reference.name);
    if (reference.root == Reference::Root::item) return item_value(items_[id.step][id.item], reference);
    if (reference.root == Reference::Root::run) return name_of(walk_->main_state());
    const size_t step = spec_.index_of(reference.name);
    if (!spec_.steps[step].repeats()) return script_.output(reference.key, step, 0);
    List all;
    for (size_t item = 0; item < items_[step].size(); ++item)
      all.push_back(walk_->state({step, item}) == State::succeeded ? script_.output(reference.key, step, item)
                                                                   : Value());
    return all;
  }

  Outcome outcome() {
    Outcome made;
    for (size_t step = 0; step < spec_.steps.size(); ++step) {
      made.steps[spec_.steps[step].name] = plain_state(name_of(walk_->state(step)));
      for (size_t item = 0; item < items_[step].size(); ++item)
        made.instances[spec_.steps[step].name + "#" + std::to_string(item)] = {
            plain_state(name_of(walk_->state(InstanceId{step, item}))), walk_->attempts({step, item}),
            waits_[{step, item}]};
    }
    made.run = plain_state(name_of(walk_->run_state()));
    return made;
  }

  const Spec& spec_;
  const Script& script_;
  ParameterValues parameters_;
  std::vector<List> items_;
  std::optional<Walk> walk_;
  std::map<InstanceId, std::vector<double>> waits_;
};

class Cluster {
 public:
  Cluster(const Spec& spec, const Script& script) : spec_(spec), script_(script) {
    const auto parameters = bind_parameters(spec, {}, "test");
    for (const Step& step : spec.steps) items_.push_back(items_of(step, parameters));
  }

  Outcome run(const Json& tmpl) {
    const auto made = simulate(tmpl, Json::object(), [&](const PodStart& start) { return pod(start); });
    Outcome outcome;
    for (size_t step = 0; step < spec_.steps.size(); ++step) {
      const std::string& name = spec_.steps[step].name;
      const auto node = made.nodes.find(name);
      outcome.steps[name] = node == made.nodes.end() ? "not run" : plain_state(node->second.phase);
      for (size_t item = 0; item < items_[step].size(); ++item) {
        const auto found = made.nodes.find(
            spec_.steps[step].repeats() ? name + "-items(" + std::to_string(item) + ")" : name);
        Ended& ended = outcome.instances[name + "#" + std::to_string(item)];
        ended = found == made.nodes.end()
                    ? Ended{"not run", 0, {}}
                    : Ended{plain_state(found->second.phase), found->second.attempts, found->second.waits};
      }
    }
    outcome.run = plain_state(made.phase);
    return outcome;
  }

 private:
  PodEnd pod(const PodStart& start) {
    const std::string verb = start.template_json["container"]["command"][2];
    const auto& arguments = start.template_json["container"]["args"];
    const auto named = std::find(arguments.begin(), arguments.end(), "--step");
    const size_t step = spec_.index_of(std::string(*(named + 1)));
    if (verb == "gather") return gather(step, start.siblings);
    size_t item = 0;
    while (spec_.steps[step].repeats() && plain_text(items_[step].at(item)) != start.item) ++item;
    PodEnd end{script_.status(step, item, start.attempt), Json::object()};
    for (const char* key : {"number", "text"}) end.outputs[key] = compact(script_.output(key, step, item));
    return end;
  }

  // What `whorl pipeline gather` decides, from the results that the items left.
  PodEnd gather(size_t step, const std::vector<std::string>& phases) {
    size_t succeeded = 0, counted = 0;
    List numbers, texts;
    for (size_t item = 0; item < phases.size(); ++item) {
      const bool good = phases[item] == "Succeeded";
      succeeded += good;
      counted += phases[item] != "Skipped";
      numbers.push_back(good ? script_.number(step, item) : Value());
      texts.push_back(good ? script_.text(step, item) : Value());
    }
    const bool enough = satisfied(spec_.steps[step].failure_policy, succeeded, counted);
    return {enough ? 0 : 1, {{"number", compact(numbers)}, {"text", compact(texts)}}};
  }

  const Spec& spec_;
  const Script& script_;
  std::vector<List> items_;
};

Json template_of(const Pipeline& pipeline) {
  ArgoOptions options;
  options.image = "registry.example/whorl:1";
  options.allow_tags = true;
  return Json::parse(to_argo(pipeline, options)[0].json);
}

std::string shown(const Outcome& outcome) {
  std::string text = "run " + outcome.run;
  for (const auto& [name, state] : outcome.steps) text += "\n  " + name + " " + state;
  for (const auto& [name, ended] : outcome.instances)
    text += "\n  " + name + " " + ended.state + " x" + std::to_string(ended.attempts);
  return text;
}

using Change = std::function<void(Json&)>;

// How many of the scripted runs end differently; without a report it stops at the first.
int differences(int pipelines, int scripts, const Change& change, bool report) {
  int found = 0;
  for (int p = 0; p < pipelines; ++p) {
    const Json json = random_pipeline(static_cast<uint64_t>(p));
    const auto pipeline = Pipeline::from_json(json.dump());
    Json tmpl = template_of(pipeline);
    change(tmpl);
    for (int s = 0; s < scripts; ++s) {
      const Script script{static_cast<uint64_t>(p * 1000 + s)};
      const Outcome local = Local(pipeline.impl().spec, script).run();
      const Outcome cluster = Cluster(pipeline.impl().spec, script).run(tmpl);
      if (local == cluster) continue;
      ++found;
      if (report)
        ADD_FAILURE() << "pipeline " << p << ", script " << s << "\nlocal " << shown(local) << "\nArgo "
                      << shown(cluster) << "\n"
                      << json.dump(1);
      if (!report || found > 2) return found;
    }
  }
  return found;
}

TEST(ArgoWalk, TheManifestAndTheLocalRunEndAlike) {
  EXPECT_EQ(differences(150, 20, [](Json&) {}, true), 0);
}

void each_template(Json& tmpl, const std::function<void(Json&)>& change) {
  for (Json& made : tmpl["spec"]["templates"]) change(made);
}
void each_task(Json& tmpl, const std::function<void(Json&)>& change) {
  each_template(tmpl, [&](Json& made) {
    if (made.contains("dag"))
      for (Json& task : made["dag"]["tasks"]) change(task);
  });
}
void replace_in(Json& text, const std::string& from, const std::string& to) {
  std::string made = text;
  for (size_t at = 0; (at = made.find(from, at)) != std::string::npos; at += to.size())
    made.replace(at, from.size(), to);
  text = made;
}

// Each fault that the emitter could have is one that this test sees.
TEST(ArgoWalk, PlantedFaultsAreSeen) {
  const std::vector<std::pair<const char*, Change>> faults = {
      {"one attempt too many",
       [](Json& tmpl) {
         each_template(tmpl, [](Json& made) {
           if (made.contains("retryStrategy"))
             made["retryStrategy"]["limit"] =
                 std::to_string(std::stoi(std::string(made["retryStrategy"]["limit"])) + 1);
         });
       }},
      {"every failure is tried again",
       [](Json& tmpl) {
         each_template(tmpl, [](Json& made) {
           if (made.contains("retryStrategy")) made["retryStrategy"].erase("expression");
         });
       }},
      {"lost pods are not tried again",
       [](Json& tmpl) {
         each_template(tmpl, [](Json& made) {
           if (made.contains("retryStrategy")) made["retryStrategy"]["retryPolicy"] = "OnFailure";
         });
       }},
      {"one exit status forgotten",
       [](Json& tmpl) {
         each_template(tmpl, [](Json& made) {
           if (made.contains("retryStrategy")) replace_in(made["retryStrategy"]["expression"], ", '143'", "");
         });
       }},
      {"the back-off does not grow",
       [](Json& tmpl) {
         each_template(tmpl, [](Json& made) {
           if (made.contains("retryStrategy") && made["retryStrategy"].contains("backoff"))
             made["retryStrategy"]["backoff"].erase("factor");
         });
       }},
      {"skipped needs count as met",
       [](Json& tmpl) {
         each_task(tmpl, [](Json& task) {
           if (task.contains("depends") && std::string(task["depends"]).find("||") == std::string::npos)
             replace_in(task["depends"], ".Succeeded", "");
         });
       }},
      {"nothing is gathered after a failed item",
       [](Json& tmpl) {
         each_task(tmpl, [](Json& task) {
           if (task.contains("depends")) replace_in(task["depends"], ".Failed", ".Succeeded");
         });
       }},
      {"conditions are forgotten",
       [](Json& tmpl) { each_task(tmpl, [](Json& task) { task.erase("when"); }); }},
      {"exit steps do not wait for each other",
       [](Json& tmpl) {
         each_task(tmpl, [](Json& task) {
           if (std::string(task.value("depends", "")) == "notify.Succeeded") task.erase("depends");
         });
       }},
      {"no exit handler", [](Json& tmpl) { tmpl["spec"].erase("onExit"); }},
  };
  for (const auto& [name, change] : faults) EXPECT_GT(differences(60, 8, change, false), 0) << name;
}

}  // namespace
}  // namespace whorl::pipeline::testing
