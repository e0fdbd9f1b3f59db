#include "pipeline/argo_simulator.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace whorl::pipeline::testing {
namespace {

double seconds(const std::string& duration) {
  const bool milli = duration.size() > 2 && duration.substr(duration.size() - 2) == "ms";
  return std::stod(duration) / (milli ? 1000 : 1);
}

bool fulfilled_badly(const std::string& phase) { return phase == "Failed" || phase == "Error"; }

class Controller {
 public:
  Controller(const Json& tmpl, const Json& arguments, const Pods& pods) : spec_(tmpl["spec"]), pods_(pods) {
    for (const Json& made : spec_["templates"]) templates_[made["name"]] = made;
    for (const Json& parameter : spec_.value("arguments", Json::object()).value("parameters", Json::array()))
      if (parameter.contains("value")) parameters_[std::string(parameter["name"])] = parameter["value"];
    for (const auto& [name, value] : arguments.items()) parameters_[name] = value;
  }

  Simulation run() {
    workflow_ = {{"name", "run-1"}, {"parameters", parameters_}};
    made_.main_phase = dag(spec_["entrypoint"]);
    made_.phase = made_.main_phase;
    if (spec_.contains("onExit")) {
      workflow_["status"] = made_.main_phase;
      const std::string exit = dag(spec_["onExit"]);
      if (made_.main_phase == "Succeeded") made_.phase = exit;
    }
    return made_;
  }

 private:
  struct Task {
    Json json;
    std::set<std::string> parents;
  };

  std::string dag(const std::string& name) {
    const Json& made = templates_.at(name);
    tasks_.clear();
    inputs_ = Json::object();
    for (const Json& input : made.value("inputs", Json::object()).value("parameters", Json::array()))
      inputs_[std::string(input["name"])] = input["value"];
    for (const Json& task : made["dag"]["tasks"])
      tasks_.push_back({task, names_in(task.value("depends", ""))});
    std::set<std::string> done;
    while (done.size() < tasks_.size()) {
      const size_t before = done.size();
      for (const Task& task : tasks_) {
        const bool ready = std::all_of(task.parents.begin(), task.parents.end(),
                                       [&](const std::string& parent) { return done.count(parent) > 0; });
        if (ready && done.insert(task.json["name"]).second) visit(task);
      }
      if (done.size() == before) throw std::runtime_error("the DAG does not move");
    }
    return phase_of_dag();
  }

  // A name, or a name with a result, as the controller finds them in `depends`.
  static std::set<std::string> names_in(const std::string& depends) {
    std::set<std::string> names;
    for (size_t at = 0; at < depends.size();) {
      if (!std::isalnum(static_cast<unsigned char>(depends[at]))) {
        ++at;
        continue;
      }
      std::string word;
      while (at < depends.size() &&
             (std::isalnum(static_cast<unsigned char>(depends[at])) || depends[at] == '-'))
        word += depends[at++];
      names.insert(word);
      if (at < depends.size() && depends[at] == '.')
        while (at < depends.size() && depends[at] != ' ' && depends[at] != ')') ++at;
    }
    return names;
  }

  Json results_of(const std::string& task) {
    const Node& node = made_.nodes.at(task);
    bool any = false, all_failed = groups_.count(task) > 0 && !groups_[task].empty();
    for (const std::string& phase : groups_[task]) {
      any = any || phase == "Succeeded";
      all_failed = all_failed && phase == "Failed";
    }
    return {{"Succeeded", node.phase == "Succeeded"},
            {"Failed", node.phase == "Failed"},
            {"Errored", node.phase == "Error"},
            {"Skipped", node.phase == "Skipped"},
            {"Omitted", node.phase == "Omitted"},
            {"AnySucceeded", any},
            {"AllFailed", all_failed}};
  }

  void visit(const Task& task) {
    const std::string name = task.json["name"];
    if (task.json.contains("depends")) {
      Json results = Json::object();
      for (const std::string& parent : task.parents) results[parent] = results_of(parent);
      if (!depends_hold(expanded(task.json["depends"], task.parents), results)) {
        made_.nodes[name] = {"Omitted", 0, {}, {}};
        return;
      }
    }
    if (task.json.contains("withParam")) return visit_group(task.json);
    made_.nodes[name] = visit_one(task.json, scope(), siblings_of(task), "");
  }

  // A bare name means ".Succeeded || .Skipped || .Daemoned".
  static std::string expanded(const std::string& depends, const std::set<std::string>& names) {
    std::string made = depends;
    for (const std::string& name : names)
      for (size_t at = 0; (at = made.find(name, at)) != std::string::npos; at += name.size()) {
        const size_t end = at + name.size();
        const bool inside =
            (at > 0 && (std::isalnum(static_cast<unsigned char>(made[at - 1])) || made[at - 1] == '-')) ||
            (end < made.size() &&
             (made[end] == '.' || made[end] == '-' || std::isalnum(static_cast<unsigned char>(made[end]))));
        if (inside) continue;
        const std::string full = "(" + name + ".Succeeded || " + name + ".Skipped)";
        made.replace(at, name.size(), full);
        at += full.size() - name.size();
      }
    return made;
  }

  std::vector<std::string> siblings_of(const Task& task) {
    for (const std::string& parent : task.parents)
      if (groups_.count(parent) > 0 && !groups_[parent].empty()) return groups_[parent];
    return {};
  }

  Json scope() {
    Json tasks = Json::object();
    for (const auto& [name, node] : made_.nodes) tasks[name]["outputs"]["parameters"] = node.outputs;
    return {{"workflow", workflow_}, {"tasks", tasks}, {"inputs", {{"parameters", inputs_}}}};
  }

  void visit_group(const Json& task) {
    const std::string name = task["name"];
    const Json items = Json::parse(fill(task["withParam"], scope()));
    Node group{items.empty() ? "Skipped" : "Succeeded", 0, {}, {}};
    for (size_t i = 0; i < items.size(); ++i) {
      Json inner = scope();
      inner["item"] = item_scope(items[i]);
      const std::string text = items[i].is_string() ? items[i].get<std::string>() : items[i].dump();
      const Node node = visit_one(task, inner, {}, text);
      made_.nodes[name + "(" + std::to_string(i) + ")"] = node;
      groups_[name].push_back(node.phase);
      if (fulfilled_badly(node.phase)) group.phase = node.phase;
    }
    made_.nodes[name] = group;
  }

  // Texts, whatever they were; of an object its members.
  static Json item_scope(const Json& item) {
    const auto text = [](const Json& value) -> Json {
      return value.is_string() ? value : Json(value.dump());
    };
    if (!item.is_object()) return text(item);
    Json made = Json::object();
    for (const auto& [key, value] : item.items()) made[key] = text(value);
    return made;
  }

  Node visit_one(const Json& task, const Json& in_scope, const std::vector<std::string>& siblings,
                 const std::string& item) {
    const Json& tmpl = templates_.at(task["template"]);
    Node node;
    for (const Json& output : tmpl.value("outputs", Json::object()).value("parameters", Json::array()))
      node.outputs[std::string(output["name"])] = output["valueFrom"]["default"];
    if (task.contains("when")) {
      std::string when;
      try {
        when = fill(task["when"], in_scope);
      } catch (const std::exception&) {
        node.phase = "Error";
        return node;
      }
      if (when != "true") {
        node.phase = "Skipped";
        return node;
      }
    }
    attempts(tmpl, siblings, item, node);
    return node;
  }

  void attempts(const Json& tmpl, const std::vector<std::string>& siblings, const std::string& item,
                Node& node) {
    for (;;) {
      ++node.attempts;
      const PodEnd end =
          pods_({tmpl["name"], item, node.attempts, tmpl, siblings, workflow_.value("status", "")});
      node.phase = end.status == 0 ? "Succeeded" : end.status < 0 ? "Error" : "Failed";
      if (end.status == 0) {
        for (const auto& [name, text] : end.outputs.items())
          if (node.outputs.contains(name)) node.outputs[name] = text;
        return;
      }
      if (!tmpl.contains("retryStrategy") || !again(tmpl["retryStrategy"], node, end.status)) return;
      node.waits.push_back(wait(tmpl["retryStrategy"], node.attempts));
    }
  }

  static bool again(const Json& strategy, const Node& node, int status) {
    const std::string policy =
        strategy.value("retryPolicy", strategy.contains("expression") ? "Always" : "OnFailure");
    const bool failed = node.phase == "Failed";
    if (policy == "OnFailure" && !failed) return false;
    if (policy == "OnError" && failed) return false;
    if (strategy.contains("limit") && node.attempts > std::stoi(std::string(strategy["limit"]))) return false;
    if (!strategy.contains("expression")) return true;
    const Json scope = {
        {"lastRetry", {{"exitCode", std::to_string(status)}, {"status", node.phase}, {"message", ""}}}};
    return evaluate(strategy["expression"], scope).get<bool>();
  }

  static double wait(const Json& strategy, int attempts) {
    if (!strategy.contains("backoff")) return 0;
    const Json& backoff = strategy["backoff"];
    double made = seconds(backoff["duration"]);
    if (backoff.contains("factor")) made *= std::pow(std::stoi(std::string(backoff["factor"])), attempts - 1);
    return backoff.contains("cap") ? std::min(made, seconds(backoff["cap"])) : made;
  }

  // What a branch ends with: the last node that completed counts, an omitted or skipped one inherits, and
  // among several parents a failure wins. The DAG failed if a branch's last task did.
  std::string phase_of_dag() {
    std::map<std::string, std::string> branch;
    std::set<std::string> inner;
    std::string result = "Succeeded";
    for (const Task& task : tasks_) inner.insert(task.parents.begin(), task.parents.end());
    std::set<std::string> done;
    while (done.size() < tasks_.size())
      for (const Task& task : tasks_) {
        const std::string name = task.json["name"];
        const bool ready = std::all_of(task.parents.begin(), task.parents.end(),
                                       [&](const std::string& parent) { return done.count(parent) > 0; });
        if (!ready || !done.insert(name).second) continue;
        const std::string& phase = made_.nodes.at(name).phase;
        if (phase == "Succeeded" || fulfilled_badly(phase)) {
          branch[name] = phase;
        } else {
          branch[name] = "Succeeded";
          for (const std::string& parent : task.parents)
            if (fulfilled_badly(branch[parent])) branch[name] = branch[parent];
        }
      }
    for (const Task& task : tasks_) {
      const std::string name = task.json["name"];
      if (inner.count(name) == 0 && fulfilled_badly(branch[name])) result = branch[name];
    }
    return result;
  }

  const Json& spec_;
  const Pods& pods_;
  std::map<std::string, Json> templates_;
  Json parameters_ = Json::object(), inputs_, workflow_;
  std::vector<Task> tasks_;
  std::map<std::string, std::vector<std::string>> groups_;
  Simulation made_;
};

}  // namespace

Simulation simulate(const Json& tmpl, const Json& arguments, const Pods& pods) {
  return Controller(tmpl, arguments, pods).run();
}

}  // namespace whorl::pipeline::testing
