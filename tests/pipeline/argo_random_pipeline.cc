#include "pipeline/argo_random_pipeline.h"

namespace whorl::pipeline::testing {
namespace {

const char* kOddText = "it's {{odd}} \"text\" \\ $(HOME)";

Json retry(Dice& dice) {
  return {{"limit", dice.below(4)},
          {"policy", dice.of<std::string>({"infrastructure", "any", "never"})},
          {"backoff",
           {{"seconds", dice.of<double>({0, 0.5, 1, 10})},
            {"factor", 1 + dice.below(3)},
            {"max_seconds", dice.of<double>({1.5, 15, 300})}}}};
}

Json sweep(Dice& dice) {
  switch (dice.below(5)) {
    case 0:
      return Json::array({1, 2, 3});
    case 1:
      return Json::array({"a", "b b", "it's"});
    case 2:
      return {{"grid", {{"rank", {4, 8}}, {"rate", {1e-4, 1e-3}}}}};
    case 3:
      return Json::array();
    default:
      return "${parameters.list}";
  }
}

const std::vector<std::string> kOrders = {"==", "!=", "<", "<=", ">", ">="};

Json condition_on_item(Dice& dice, const Json& foreach) {
  if (foreach.is_object()) return {{"left", "${item.rank}"}, {"op", dice.of(kOrders)}, {"right", 4}};
  if (foreach.is_array() && !foreach.empty() && foreach[0].is_number())
    return {{"left", "${item}"}, {"op", dice.of(kOrders)}, {"right", 2}};
  return {{"left", "${parameters.flag}"}, {"op", "=="}, {"right", dice.one_in(2)}};
}

Json condition_on_step(Dice& dice, const Json& other) {
  const std::string outputs = "${steps." + std::string(other["name"]) + ".outputs.";
  if (other.contains("foreach"))
    return {{"left", dice.below(4)}, {"op", "in"}, {"right", outputs + "number}"}};
  if (dice.one_in(3))
    return {{"left", outputs + "text}"}, {"op", dice.of<std::string>({"==", "!="})}, {"right", kOddText}};
  return {{"left", outputs + "number}"}, {"op", dice.of(kOrders)}, {"right", dice.below(4)}};
}

Json condition(Dice& dice, const Json& steps, const Json& step) {
  if (step.contains("foreach") && dice.one_in(2)) return condition_on_item(dice, step["foreach"]);
  if (!steps.empty() && dice.one_in(2)) return condition_on_step(dice, steps[dice.below(steps.size())]);
  if (dice.one_in(2))
    return {{"left", "${parameters.mode}"}, {"op", "in"}, {"right", {"fast", "slow", kOddText}}};
  return {{"left", "${parameters.count}"}, {"op", dice.of(kOrders)}, {"right", 2.5}};
}

Json step(Dice& dice, const Json& steps, size_t index) {
  Json made = {{"name", "step-" + std::to_string(index)},
               {"kind", "command"},
               {"with", {{"command", Json::array({"true"})}}},
               {"outputs",
                {{"number", {{"path", "number.json"}, {"type", "json"}}},
                 {"text", {{"path", "text"}, {"type", "text"}}}}},
               {"retry", retry(dice)}};
  for (const Json& earlier : steps)
    if (dice.one_in(3)) made["needs"].push_back(earlier["name"]);
  if (dice.one_in(3)) {
    made["foreach"] = sweep(dice);
    const bool empty = made["foreach"] == Json::array();
    made["failure_policy"] = dice.of<std::string>({"all", "any", empty ? "all" : "at_least 2"});
  }
  while (dice.one_in(3)) made["when"].push_back(condition(dice, steps, made));
  return made;
}

}  // namespace

Json random_pipeline(uint64_t seed) {
  Dice dice(seed);
  Json steps = Json::array();
  const size_t count = 1 + dice.below(7);
  for (size_t i = 0; i < count; ++i) steps.push_back(step(dice, steps, i));
  Json made = {{"name", "random"},
               {"parameters",
                {{"mode", {{"type", "string"}, {"default", dice.of<std::string>({"fast", "no", "1e-4"})}}},
                 {"count", {{"type", "int"}, {"default", dice.below(5)}}},
                 {"flag", {{"type", "bool"}, {"default", dice.one_in(2)}}},
                 {"list", {{"type", "list"}, {"default", Json::array({"x", 7, true})}}}}}};
  for (const char* name : {"notify", "clean"}) {
    if (!dice.one_in(3)) continue;
    Json exit = step(dice, Json::array(), 0);
    exit["name"] = name;
    exit.erase("when");
    if (dice.one_in(2))
      exit["when"] = {
          {"left", "${run.state}"}, {"op", "=="}, {"right", dice.of<std::string>({"failed", "succeeded"})}};
    if (std::string(name) == "clean" && made.contains("on_exit") && dice.one_in(2)) {
      exit["needs"] = {"notify"};
      if (dice.one_in(2)) exit["when"] = condition_on_step(dice, steps.back());
    }
    steps.push_back(exit);
    made["on_exit"].push_back(name);
  }
  made["steps"] = steps;
  return made;
}

}  // namespace whorl::pipeline::testing
