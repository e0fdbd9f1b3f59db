// The form of a pipeline: one JSON, canonical bytes, and messages that name step and field.
#include "pipeline/spec.h"

#include <gtest/gtest.h>

#include "pipeline/kinds.h"
#include "whorl/pipeline.h"

namespace whorl {
namespace {

const char* kFlywheel = R"({
  "name": "tickets",
  "parameters": {
    "base": {"type": "string", "default": "models/base", "description": "a model's folder"},
    "fraction": {"type": "float", "default": 1, "choices": [1, 0.5]},
    "ranks": [4, 8]
  },
  "steps": [
    {"name": "curate", "kind": "curate", "with": {"data": "rows.jsonl", "deduplicate": {"threshold": 0.7},
                                                  "split": {"fraction": 0.9}}},
    {"name": "train", "kind": "train", "foreach": {"grid": {"rank": [4, 8], "rate": [1e-3, 1e-4]}},
     "failure_policy": "any", "retry": {"limit": 2, "backoff": {"seconds": 5}},
     "with": {"base": "${parameters.base}", "train": "${steps.curate.outputs.train}",
              "valid": "${steps.curate.outputs.valid}",
              "adapter": {"rank": "${item.rank}", "learning_rate": "${item.rate}"}}},
    {"name": "evaluate", "kind": "evaluate",
     "with": {"base": "${parameters.base}", "data": "${steps.curate.outputs.valid}",
              "adapters": "${steps.train.outputs.adapter}", "metrics": "exact_match"}},
    {"name": "gate", "kind": "gate", "with": {"scores": "${steps.evaluate.outputs.scores}", "at_least": 0.5}},
    {"name": "publish", "kind": "publish", "needs": "gate",
     "with": {"adapter": "${steps.evaluate.outputs.best}", "name": "tickets", "store": "store"}},
    {"name": "report", "kind": "command", "with": {"command": ["echo", "${run.state}"]}}
  ],
  "on_exit": "report",
  "budget": {"memory_bytes": "2Gi"}
})";

TEST(PipelineSpec, CanonicalBytesAreTheSameHoweverItIsWritten) {
  const auto first = Pipeline::from_json(kFlywheel);
  first.validate();
  const auto again = Pipeline::from_json(first.to_json());
  EXPECT_EQ(first.to_json(), again.to_json());
  EXPECT_EQ(first.digest(), again.digest());
  EXPECT_NE(first.to_json().find("\"memory_bytes\": 2147483648"), std::string::npos);
  EXPECT_NE(first.to_json().find("\"on_exit\": ["), std::string::npos);
  auto other = first;
  other.step({.name = "more", .kind = "command", .with = R"({"command": "true"})"});
  EXPECT_NE(first.digest(), other.digest());
}

TEST(PipelineSpec, CppYamlAndJsonAreOneForm) {
  Pipeline built("p");
  built.parameter({.name = "n", .type = "int", .default_value = "3", .choices = {"3", "4"}});
  built.parameter({.name = "mode", .default_value = "fast"});
  built.step({.name = "a",
              .kind = "command",
              .with = R"({"command": ["echo", "${item}", "${parameters.mode}"]})",
              .foreach = "[1, 2]",
              .when = {{.left = "${parameters.n}", .op = ">", .right = "2"}},
              .retry = {.limit = 2, .policy = "any", .backoff_seconds = 5},
              .failure_policy = "at_least 1",
              .outputs = {{"out", {.path = "-"}}}});
  built.on_exit({"z"});
  built.step({.name = "z", .kind = "command", .with = R"({"command": ["echo", "${run.state}"]})"});
  const auto yaml = Pipeline::from_yaml(R"(
name: p
parameters:
  n: {type: int, default: 3, choices: [3, 4]}
  mode: fast
steps:
  - name: a
    kind: command
    foreach: [1, 2]
    when: {left: "${parameters.n}", op: ">", right: 2}
    retry: {limit: 2, policy: any, backoff: {seconds: 5}}
    failure_policy: at_least 1
    outputs: {out: "-"}
    with:
      command: [echo, "${item}", "${parameters.mode}"]
  - {name: z, kind: command, with: {command: [echo, "${run.state}"]}}
on_exit: z
)");
  EXPECT_EQ(built.to_json(), yaml.to_json());
  EXPECT_EQ(built.to_json(), Pipeline::from_json(yaml.to_json()).to_json());
  yaml.validate();
}

std::string problem_of(const std::string& yaml) {
  try {
    Pipeline::from_yaml(yaml, "p.yaml").validate();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "no problem";
}

std::string with_step(const std::string& step) {
  return "name: p\nparameters:\n  rank: 8\n  many: [1, 2]\nsteps:\n  - {name: first, kind: command, with: "
         "{command: x},"
         " outputs: {model: m, text: '-'}}\n  - " +
         step + "\n";
}

struct Wrong {
  const char* step;
  std::vector<const char*> says;
};

TEST(PipelineSpec, MessagesNameLineStepFieldAndTheNearestName) {
  const std::vector<Wrong> all = {
      {"{name: s, kind: trian}", {"p.yaml:7", "step 's'", "unknown kind 'trian'", "did you mean 'train'?"}},
      {"{name: s, knd: command}", {"p.yaml:7", "step 's'", "unknown field 'knd'", "did you mean 'kind'?"}},
      {"{name: s, kind: command, with: {comand: x}}", {"step 's'", "'comand'", "did you mean 'command'?"}},
      {"{name: s, kind: command}", {"step 's'", "missing argument 'command'"}},
      {"{name: s, kind: command, with: {command: x}, needs: frist}",
       {"step 's'", "'needs'", "no step 'frist'", "did you mean 'first'?"}},
      {"{name: s, kind: command, with: {command: '${steps.first.outputs.modell}'}}",
       {"step 's'", "no output 'modell'", "did you mean 'model'?"}},
      {"{name: s, kind: command, with: {command: '${parameters.rnak}'}}",
       {"no parameter 'rnak'", "did you mean 'rank'?"}},
      {"{name: s, kind: command, with: {command: '${parameter.rank}'}}",
       {"names none of parameters", "did you mean 'parameters'?"}},
      {"{name: s, kind: command, with: {command: '${item}'}}", {"the step has no foreach"}},
      {"{name: s, kind: command, foreach: {grid: {rank: [1]}}, with: {command: '${item.rnk}'}}",
       {"not every item has a 'rnk'", "did you mean 'rank'?"}},
      {"{name: s, kind: command, foreach: '${parameters.rank}', with: {command: x}}",
       {"'foreach'", "type int, expected list"}},
      {"{name: s, kind: command, with: {command: x}, retry: {limit: -1}}", {"'limit'", "at least 0"}},
      {"{name: s, kind: command, with: {command: x}, retry: {policy: infra}}", {"'retry.policy'"}},
      {"{name: s, kind: command, with: {command: x}, timeout_seconds: soon}",
       {"'timeout_seconds'", "expected a number, got a string"}},
      {"{name: s, kind: command, with: {command: x}, failure_policy: some}", {"'failure_policy'"}},
      {"{name: s, kind: command, with: {command: x}, failure_policy: any}", {"items of a foreach"}},
      {"{name: s, kind: command, foreach: [1], with: {command: x}, failure_policy: at_least 2}",
       {"at_least 2 of 1 items"}},
      {"{name: s, kind: command, with: {command: x}, when: {left: 1, op: '=', right: 1}}",
       {"unknown op '='"}},
      {"{name: s, kind: command, with: {command: x}, outputs: {m: ../x}}", {"output 'm'"}},
      {"{name: s, kind: train, outputs: {m: x}, with: {base: b, train: t}}", {"has outputs of its own"}},
      {"{name: s, kind: train, with: {base: b, train: t, adapter: {rnk: 8}}}",
       {"argument 'adapter'", "unknown field 'rnk'", "did you mean 'rank'?"}},
      {"{name: s, kind: train, with: {base: b, train: t, options: {epochs: many}}}",
       {"argument 'options'", "field 'epochs': expected a number, got a string"}},
      {"{name: s, kind: train, with: {base: '${parameters.rank}', train: t}}",
       {"argument 'base'", "parameter 'rank' is of type int"}},
      {"{name: s, kind: command, with: {command: x}, resources: {image: 'x:latest'}}",
       {"by digest", "x:latest"}},
      {"{name: s, kind: command, with: {command: '${run.state}'}}", {"exit steps only"}},
      {"{name: S_1, kind: command, with: {command: x}}", {"not a name"}},
      {"{name: first, kind: command, with: {command: x}}", {"taken by an earlier step"}},
      {"{name: s, kind: command, needs: t, with: {command: x}}\n  - {name: t, kind: command, needs: s, with: "
       "{command: "
       "x}}",
       {"circle", "s needs t needs s"}},
      {"{name: s, kind: command, with: {command: x}, resources: {memory_bytes: 2GB}}", {"Ki, Mi, Gi"}},
  };
  for (const auto& wrong : all) {
    const auto problem = problem_of(with_step(wrong.step));
    for (const char* part : wrong.says)
      EXPECT_NE(problem.find(part), std::string::npos) << wrong.step << "\n" << problem;
  }
}

TEST(PipelineSpec, ResourcesMayBeParameters) {
  Pipeline built("p");
  built.parameter({.name = "gpus", .type = "int", .default_value = "1"});
  built.parameter({.name = "cpus", .type = "float", .default_value = "0.5"});
  built.step({.name = "a",
              .kind = "command",
              .with = R"({"command": "x"})",
              .resources = {.memory_bytes = 5, .parameters = {{"gpus", "gpus"}, {"cpus", "cpus"}}}});
  built.validate();
  EXPECT_NE(built.to_json().find(R"("gpus": "${parameters.gpus}")"), std::string::npos) << built.to_json();
  EXPECT_EQ(Pipeline::from_json(built.to_json()).to_json(), built.to_json());
  const auto problem = problem_of(R"(name: p
parameters: {n: {type: int}, s: {type: string}, f: {type: float}}
steps:
  - {name: a, kind: command, with: {command: x}, resources: {gpus: "${parameters.f}", cpus: "${parameters.m}"}}
  - {name: b, kind: command, with: {command: x}, resources: {memory_bytes: "${parameters.s}", cpus: "${parameters.f}"}}
)");
  for (const char* part : {"p.yaml:4", "'resources.gpus': parameter 'f' is of type float, expected int",
                           "'resources.cpus': no parameter 'm'", "p.yaml:5",
                           "'resources.memory_bytes': parameter 's' is of type string, expected int"})
    EXPECT_NE(problem.find(part), std::string::npos) << part << "\n" << problem;
}

TEST(PipelineSpec, ExitStepsNeedExitStepsOnly) {
  const auto problem = problem_of(R"(name: p
steps:
  - {name: a, kind: command, with: {command: x}, needs: y}
  - {name: y, kind: command, with: {command: x}, needs: [z, a]}
  - {name: z, kind: command, with: {command: x}}
on_exit: [y, z]
)");
  EXPECT_NE(problem.find("'y' is an exit step and runs at the end"), std::string::npos) << problem;
  EXPECT_NE(problem.find("'a' is no exit step"), std::string::npos) << problem;
  EXPECT_EQ(problem.find("'z'"), std::string::npos) << problem;
}

TEST(PipelineSpec, AllProblemsAreNamedAtOnce) {
  const auto problem = problem_of(with_step("{name: s, kind: trian}\n  - {name: t, kind: command}"));
  EXPECT_NE(problem.find("p.yaml:7"), std::string::npos) << problem;
  EXPECT_NE(problem.find("p.yaml:8"), std::string::npos) << problem;
}

TEST(PipelineSpec, ParametersAreCheckedAgainstTypeAndChoices) {
  const auto p = Pipeline::from_json(R"({"name": "p", "parameters": {
    "n": {"type": "int", "choices": [1, 2]}, "f": {"type": "float", "default": 1}},
    "steps": [{"name": "a", "kind": "command", "with": {"command": "true"}}]})");
  const auto spec = pipeline::spec_from_json(p.to_json(), "t", "");
  const auto bound = pipeline::bind_parameters(spec, {{"n", 2}}, "t");
  EXPECT_EQ(pipeline::compact(bound), R"({"f":1.0,"n":2})");
  for (const auto& [given, says] :
       std::vector<std::pair<pipeline::Object, std::string>>{{{}, "has no default"},
                                                             {{{"n", 3}}, "one of 1, 2"},
                                                             {{{"n", "x"}}, "type int"},
                                                             {{{"m", 1}}, "no parameter 'm'"}}) {
    try {
      pipeline::bind_parameters(spec, given, "t");
      FAIL() << says;
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string(error.what()).find(says), std::string::npos) << error.what();
    }
  }
}

TEST(PipelineSpec, GridsHaveTheLastNameFastest) {
  const auto spec = pipeline::spec_from_json(kFlywheel, "t", "");
  const auto items = pipeline::items_of(*spec.find("train"), pipeline::bind_parameters(spec, {}, "t"));
  EXPECT_EQ(
      pipeline::compact(items),
      R"([{"rank":4,"rate":0.001},{"rank":4,"rate":0.0001},{"rank":8,"rate":0.001},{"rank":8,"rate":0.0001}])");
}

}  // namespace
}  // namespace whorl
