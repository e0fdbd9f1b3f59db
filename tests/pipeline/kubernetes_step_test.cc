// The same pipeline twice: run here, and carried out pod by pod as its manifest says, with real steps.
// Results, failures and cache keys must be the same.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/json.h"
#include "base/temporary_folder.h"
#include "pipeline/argo_simulator.h"
#include "whorl/pipeline_manifests.h"

namespace whorl::pipeline::testing {
namespace {

const char* kPipeline = R"({
  "name": "pods",
  "parameters": {"word": {"type": "string", "default": "it's }} $(HOME) \"q\""}, "rate": 1e-4, "most": 3},
  "steps": [
    {"name": "first", "kind": "command", "with": {"command": ["/bin/sh", "-c", "printf 7 > n.json; printf '%s' \"$0\" > t", "${parameters.word}"]},
     "outputs": {"n": {"path": "n.json", "type": "json"}, "t": {"path": "t"}, "text": {"path": "t", "type": "text"}}},
    {"name": "sweep", "kind": "command", "foreach": {"grid": {"a": [1, 2, 3], "b": ["x", "y y"]}}, "failure_policy": "any",
     "when": {"left": "${item.a}", "op": "<=", "right": 2},
     "with": {"command": ["/bin/sh", "-c", "test \"$1\" = 1 || exit 3; printf '\"%s %s\"' \"$1\" \"$0\" > o.json", "${item.b}", "${item.a}"]},
     "outputs": {"o": {"path": "o.json", "type": "json"}}},
    {"name": "pick", "kind": "command", "when": [{"left": "1 y y", "op": "in", "right": "${steps.sweep.outputs.o}"},
                                               {"left": "${steps.first.outputs.n}", "op": ">", "right": "${parameters.most}"}],
     "with": {"command": ["/bin/cat", "${inputs.text}"], "inputs": {"text": "${steps.first.outputs.t}"}},
     "outputs": {"all": "-"}},
    {"name": "never", "kind": "command", "when": {"left": "${parameters.word}", "op": "==", "right": "other"},
     "with": {"command": ["/bin/false"]}},
    {"name": "after", "kind": "command", "needs": ["never"], "with": {"command": ["/bin/false"]}},
    {"name": "list", "kind": "command", "foreach": ["1", 2, "it's"], "with": {"command": ["/bin/echo", "${item}"]}, "outputs": {"o": "-"}},
    {"name": "fails", "kind": "command", "needs": ["list"], "retry": {"limit": 2, "backoff": {"seconds": 0}},
     "with": {"command": ["/bin/sh", "-c", "exit 85"]}},
    {"name": "tell", "kind": "command", "with": {"command": ["/bin/echo", "${run.state}"]}, "outputs": {"o": "-"}}
  ],
  "on_exit": ["tell"]
})";

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string argument(const Json& container, const std::string& name) {
  const Json& all = container["args"];
  for (size_t i = 0; i + 1 < all.size(); ++i)
    if (all[i] == name) return all[i + 1];
  return "";
}

// A cluster whose pods are calls, on one volume.
class Cluster {
 public:
  Cluster(const Pipeline& pipeline, const std::filesystem::path& state) : pipeline_(pipeline), state_(state) {
    ArgoOptions options;
    options.image = "registry.example/whorl@sha256:" + std::string(64, '0');
    tmpl_ = Json::parse(to_argo(pipeline, options)[0].json);
  }

  Simulation run() {
    return simulate(tmpl_, Json::object(), [this](const PodStart& start) { return pod(start); });
  }
  int cached = 0, pods = 0;

 private:
  PodEnd pod(const PodStart& start) {
    const Json& container = start.template_json["container"];
    const auto outputs = state_ / ("outputs-" + std::to_string(++pods));
    std::filesystem::create_directories(outputs);
    PodStep told{.step = argument(container, "--step"), .run_id = "run-1"};
    told.item = start.item;
    told.parameters = parameters();
    told.state = state_;
    told.output_folder = outputs;
    told.run_state = start.run_state;
    for (const Json& parameter :
         start.template_json.value("outputs", Json::object()).value("parameters", Json::array()))
      told.outputs.push_back(parameter["name"]);
    const bool gathers = container["command"][2] == "gather";
    const PodResult done = gathers ? gather_pod_step(pipeline_, told) : run_pod_step(pipeline_, told);
    cached += done.cached;
    PodEnd end{done.exit_status, Json::object()};
    for (const auto& file : std::filesystem::directory_iterator(outputs))
      end.outputs[file.path().filename().string()] = read(file.path());
    return end;
  }

  // As {{workflow.parameters.json}} is.
  std::string parameters() const { return tmpl_["spec"]["arguments"]["parameters"].dump(); }

  const Pipeline& pipeline_;
  std::filesystem::path state_;
  Json tmpl_;
};

TEST(KubernetesStep, PodsDoWhatTheLocalRunDoes) {
  const base::TemporaryFolder folder;
  const auto pipeline = Pipeline::from_json(kPipeline);
  const auto local = pipeline.run({.folder = folder.path() + "/local", .parameters = {}, .run_id = {}});
  Cluster cluster(pipeline, folder.path() + "/cluster");
  const auto remote = cluster.run();
  EXPECT_EQ(local.state, "failed");
  EXPECT_EQ(remote.phase, "Failed");
  const std::map<std::string, std::string> words = {
      {"succeeded", "Succeeded"}, {"failed", "Failed"}, {"skipped", "Skipped"}, {"omitted", "Omitted"}};
  for (const auto& step : local.steps) {
    const auto name = step.index < 0 ? step.name : step.step + "-items(" + std::to_string(step.index) + ")";
    const auto& node = remote.nodes.at(name);
    EXPECT_EQ(node.phase, words.at(step.state)) << step.name << " " << step.message;
    EXPECT_EQ(node.attempts, step.state == "skipped" || step.state == "omitted" ? 0 : step.attempts)
        << step.name;
  }
  EXPECT_EQ(remote.nodes.at("sweep").phase, "Succeeded");
  EXPECT_EQ(remote.nodes.at("sweep").outputs["o"], R"(["1 x","1 y y",null,null,null,null])");
  EXPECT_EQ(local.output("pick", "all"), Json("it's }} $(HOME) \"q\"").dump());
  EXPECT_EQ(local.output("tell", "o"), "\"failed\"");
  // Pods on the laptop's folder find everything that may be cached: the keys are the same.
  Cluster again(pipeline, folder.path() + "/local");
  again.run();
  int cacheable = 0;
  for (const auto& step : local.steps) cacheable += step.state == "succeeded" && step.step != "tell";
  EXPECT_EQ(again.cached, cacheable);
}

TEST(KubernetesStep, ErrorsNameWhatIsWrong) {
  const base::TemporaryFolder folder;
  const auto pipeline = Pipeline::from_json(kPipeline);
  const auto message = [&](PodStep pod) -> std::string {
    pod.state = folder.path();
    try {
      run_pod_step(pipeline, pod);
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
    return "nothing";
  };
  EXPECT_NE(message({.step = "frist", .run_id = "r"}).find("did you mean 'first'"), std::string::npos);
  EXPECT_NE(message({.step = "list", .run_id = "r", .item = "3"}).find("none of its 3 items"),
            std::string::npos);
  EXPECT_NE(
      message({.step = "first", .run_id = "r", .parameters = "[{\"name\": \"rate\"}]"}).find("expected {"),
      std::string::npos);
  EXPECT_NE(message({.step = "after", .run_id = "r"}).find("has not succeeded"), std::string::npos);
}

TEST(KubernetesStep, ResourcesByParameterAreNumbersOrNothing) {
  Pipeline p("p");
  p.parameter({.name = "gpus", .type = "int", .default_value = "1"});
  p.parameter({.name = "cpus", .type = "float", .default_value = "0.5"});
  p.step({.name = "a",
          .kind = "command",
          .with = R"({"command": "x"})",
          .resources = {.memory_bytes = 1 << 20, .parameters = {{"gpus", "gpus"}, {"cpus", "cpus"}}}});
  ArgoOptions argo;
  argo.image = "registry/whorl@sha256:" + std::string(64, 'a');
  argo.gpu_semaphore = "gpus/h100";
  const auto made = base::parse_json(to_argo(p, argo).front().json, "t");
  const auto& leaf = made["spec"]["templates"][1];
  EXPECT_EQ(leaf["container"]["resources"]["limits"].dump(), R"({"memory":"1Mi"})");
  EXPECT_TRUE(leaf.contains("synchronization")) << "it may take a GPU";
  const auto patch = base::parse_json(leaf["podSpecPatch"].get<std::string>(), "t");
  EXPECT_EQ(patch["containers"][0]["name"], "main");
  const auto& limits = patch["containers"][0]["resources"]["limits"];
  // asInt and asFloat refuse what is no number, so a submitted text cannot close the string and add to the
  // pod.
  EXPECT_EQ(limits["nvidia.com/gpu"], "{{=asInt(workflow.parameters['gpus'])}}");
  EXPECT_EQ(limits["cpu"], "{{=asFloat(workflow.parameters['cpus'])}}");
  KubernetesOptions plain;
  plain.image = argo.image;
  plain.parameters = R"({"gpus": 4})";
  const auto job = base::parse_json(to_kubernetes(p, "a", plain).json, "t");
  const auto& main = job["spec"]["template"]["spec"]["containers"][0];
  EXPECT_EQ(main["resources"]["limits"]["nvidia.com/gpu"], "4");
  EXPECT_EQ(main["resources"]["limits"]["cpu"], "500m");
}

TEST(KubernetesStep, ExitStatusesSayWhoseFaultItWas) {
  EXPECT_EQ(pod_exit_status(""), 0);
  EXPECT_EQ(pod_exit_status("code"), 1);
  EXPECT_EQ(pod_exit_status("infrastructure"), 85);
  EXPECT_EQ(pod_exit_status("rejected"), 86);
  EXPECT_EQ(pod_exit_status("timeout"), 124);
  EXPECT_EQ(pod_exit_status("cancelled"), 143);
}

}  // namespace
}  // namespace whorl::pipeline::testing
