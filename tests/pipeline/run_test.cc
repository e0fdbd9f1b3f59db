// The local run: values and artifacts passed on, the cache, retries, time limits, cancelling, exit steps.
#include "pipeline/run.h"

#include <chrono>

#include "pipeline/run_helper.h"

namespace whorl {
namespace {

PipelineOutput text_output() { return {.path = "-"}; }

TEST(PipelineRun, ValuesAndArtifactsArePassedOn) {
  const Folder folder;
  folder.write("input.txt", "seven");
  Pipeline p("p");
  p.folder(folder.path());
  p.parameter({.name = "times", .type = "int", .default_value = "3"});
  p.step({.name = "make",
          .kind = "command",
          .with =
              R"({"command": ["/bin/sh", "-c", "cat \"$1\" > model.txt; printf %s $2", "sh", "${inputs.data}",
                      "${parameters.times}"], "inputs": {"data": "input.txt"}})",
          .outputs = {{"model", {.path = "model.txt"}}, {"times", {.path = "-", .type = "json"}}}});
  p.step({.name = "use",
          .kind = "command",
          .with = R"({"command": ["/bin/sh", "-c", "cat $0; echo $1", "${steps.make.outputs.model}",
                      "and ${steps.make.outputs.times}"]})",
          .outputs = {{"said", text_output()}}});
  const auto result = p.run({.folder = folder / "runs"});
  EXPECT_EQ(result.state, "succeeded") << result.to_json();
  EXPECT_EQ(result.output("make", "times"), "3");
  EXPECT_EQ(result.output("use", "said"), "\"sevenand 3\"");
  EXPECT_THROW(result.output("use", "sayd"), std::invalid_argument);
  EXPECT_NE(folder.read("runs/runs/" + result.run_id + "/logs/use.log").find("sevenand 3"),
            std::string::npos);
}

// What counts as the same work, and what does not.
class Cache : public testing::Test {
 protected:
  Folder folder;
  Pipeline pipeline(const std::string& script = "cat $0; date >> DONE", const std::string& more = "") const {
    Pipeline p("p");
    p.folder(folder.path());
    p.parameter({.name = "mode", .default_value = "fast"});
    std::string text = script;
    text.replace(text.find("DONE"), 4, (folder / "done").string());
    p.step({.name = "a",
            .kind = "command",
            .with = R"({"command": ["/bin/sh", "-c", ")" + text +
                    R"(", "${inputs.data}", "${parameters.mode}"],
                        "inputs": {"data": "input.txt"})" +
                    more + "}",
            .outputs = {{"out", text_output()}}});
    p.step({.name = "b",
            .kind = "command",
            .with = R"({"command": ["/bin/sh", "-c", "echo $0 | tee got; date >> )" +
                    (folder / "done-b").string() + R"(", "${steps.a.outputs.out}"]})",
            .outputs = {{"got", {.path = "got"}}}});
    return p;
  }
  PipelineResult run(const Pipeline& p, const std::map<std::string, std::string>& parameters = {}) {
    auto result = p.run({.folder = folder / "runs", .parameters = parameters});
    EXPECT_EQ(result.state, "succeeded") << result.to_json();
    return result;
  }
};

TEST_F(Cache, ASecondRunIsFree) {
  folder.write("input.txt", "one");
  EXPECT_EQ(states(run(pipeline())), "a=succeeded b=succeeded");
  const auto begun = std::chrono::steady_clock::now();
  const auto again = run(pipeline());
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begun;
  EXPECT_EQ(states(again), "a=cached b=cached");
  EXPECT_EQ(lines_of(folder / "done"), 1);
  EXPECT_EQ(again.output("a", "out"), "\"one\"");
  RecordProperty("seconds_of_a_cached_run", std::to_string(seconds.count()));
}

TEST_F(Cache, EverythingThatCanChangeTheResultIsPartOfTheKey) {
  folder.write("input.txt", "one");
  run(pipeline());
  int runs = 1;
  const auto expect_new = [&](const Pipeline& p, const std::map<std::string, std::string>& parameters,
                              const char* what) {
    run(p, parameters);
    EXPECT_EQ(lines_of(folder / "done"), ++runs) << what;
  };
  folder.write("input.txt", "two");
  expect_new(pipeline(), {}, "the content of an input");
  expect_new(pipeline("cat $0;  date >> DONE"), {}, "the command");
  expect_new(pipeline(), {{"mode", "slow"}}, "a parameter that it uses");
  expect_new(pipeline("cat $0; date >> DONE", R"(, "environment": {"X": "1"})"), {}, "the environment");
  // And what cannot, is not.
  std::filesystem::last_write_time(folder / "input.txt", std::filesystem::file_time_type::clock::now());
  run(pipeline());
  EXPECT_EQ(lines_of(folder / "done"), runs) << "a time stamp is no content";
  folder.write("input.txt", "one");
  run(pipeline());
  EXPECT_EQ(lines_of(folder / "done"), runs) << "content of before is known";
}

TEST_F(Cache, OfAProgramTheContentCounts) {
  folder.write("input.txt", "one");
  const auto script = [&](const std::string& says) {
    folder.write("tool.sh", "#!/bin/sh\necho " + says + "\n");
    std::filesystem::permissions(folder / "tool.sh", std::filesystem::perms::owner_all);
    Pipeline p("p");
    p.step({.name = "a",
            .kind = "command",
            .with = R"({"command": [")" + (folder / "tool.sh").string() + R"("]})",
            .outputs = {{"out", text_output()}}});
    return run(p).output("a", "out");
  };
  EXPECT_EQ(script("first"), "\"first\"");
  EXPECT_EQ(script("second"), "\"second\"");
}

TEST_F(Cache, ADamagedArtifactIsMadeAgain) {
  folder.write("input.txt", "one");
  const auto first = run(pipeline());
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder / "runs" / "objects"))
    if (entry.path().filename() == "got") std::ofstream(entry.path()) << "flipped";
  const auto again = run(pipeline());
  EXPECT_EQ(states(again), "a=cached b=succeeded");
  EXPECT_EQ(first.output("b", "got"), again.output("b", "got"));
  EXPECT_EQ(states(run(pipeline())), "a=cached b=cached");
}

TEST_F(Cache, MayBeSwitchedOff) {
  folder.write("input.txt", "one");
  run(pipeline());
  pipeline().run({.folder = folder / "runs", .cache = false});
  EXPECT_EQ(lines_of(folder / "done"), 2);
}

TEST(PipelineRun, RetriesTellInfrastructureFromCode) {
  const Folder folder;
  const auto counted = [&](const std::string& how, const std::string& policy) {
    const auto file = (folder / "count").string();
    std::filesystem::remove(file);
    Pipeline p("p");
    auto step = shell("a", "echo x >> " + file + "; [ $(wc -l < " + file + ") -ge 3 ] || " + how);
    step.retry = {.limit = 3, .policy = policy, .backoff_seconds = 0.001};
    p.step(step);
    const auto result = p.run({.folder = folder / "runs", .cache = false});
    return result.state + " " + step_of(result, "a").fault + " after " + std::to_string(lines_of(file));
  };
  EXPECT_EQ(counted("kill -9 $$", "infrastructure"), "succeeded  after 3");
  EXPECT_EQ(counted("exit 85", "infrastructure"), "succeeded  after 3");
  EXPECT_EQ(counted("exit 1", "infrastructure"), "failed code after 1");
  EXPECT_EQ(counted("kill -SEGV $$", "infrastructure"), "failed code after 1");
  EXPECT_EQ(counted("exit 1", "any"), "succeeded  after 3");
  EXPECT_EQ(counted("kill -9 $$", "never"), "failed infrastructure after 1");
  EXPECT_EQ(counted("exit 86", "any"), "failed rejected after 1");
}

TEST(PipelineRun, BackOffGrows) {
  const Folder folder;
  Pipeline p("p");
  auto step = shell("a", "exit 85");
  step.retry = {.limit = 4, .backoff_seconds = 10, .backoff_factor = 3, .backoff_max_seconds = 100};
  p.step(step);
  double clock = 1000;
  std::vector<double> slept;
  pipeline::RunHooks hooks{.now = [&] { return clock; },
                           .skip =
                               [&](double seconds) {
                                 slept.push_back(seconds);
                                 clock += seconds;
                               }};
  const PipelineRunOptions options{.folder = folder / "runs"};
  const PipelineCallback nobody;
  const auto result = pipeline::Run(p.impl(), options, nobody, hooks).go();
  EXPECT_EQ(result.state, "failed");
  EXPECT_EQ(slept, (std::vector<double>{10, 30, 90, 100}));
  EXPECT_EQ(step_of(result, "a").attempts, 5);
}

TEST(PipelineRun, TimeLimitsKillTheWholeGroup) {
  const Folder folder;
  Pipeline p("p");
  const auto mark = (folder / "mark").string();
  auto step = shell("a", "(sleep 3; echo late > " + mark + ") & sleep 60");
  step.timeout_seconds = 0.3;
  p.step(step);
  const auto begun = std::chrono::steady_clock::now();
  const auto result = p.run({.folder = folder / "runs"});
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(20));
  EXPECT_EQ(step_of(result, "a").fault, "timeout") << result.to_json();
  ::usleep(3'500'000);
  EXPECT_FALSE(std::filesystem::exists(mark)) << "a child of the child went on";
}

TEST(PipelineRun, CancellingStopsWhatRunsAndExitStepsStillRun) {
  const Folder folder;
  Pipeline p("p");
  p.step(shell("long", "sleep 60"));
  p.step(shell("after", "true", {"long"}));
  p.step(shell("cleanup", "echo ${run.state} > " + (folder / "state").string()));
  p.on_exit({"cleanup"});
  const auto result = p.run({.folder = folder / "runs"}, [](const PipelineEvent& event) {
    return !(event.step == "long" && event.state == "started");
  });
  EXPECT_EQ(result.state, "cancelled");
  EXPECT_EQ(states(result), "long=cancelled after=cancelled cleanup=succeeded");
  EXPECT_EQ(folder.read("state"), "cancelled\n");
}

TEST(PipelineRun, ParametersGiveResources) {
  const Folder folder;
  Pipeline p("p");
  p.parameter({.name = "gpus", .type = "int", .default_value = "2"});
  auto step = shell("a", "true");
  step.resources.parameters = {{"gpus", "gpus"}};
  p.step(step);
  const auto said = [&](const std::string& gpus) -> std::string {
    try {
      const PipelineRunOptions options{
          .folder = folder / "runs", .parameters = {{"gpus", gpus}}, .budget = {.gpus = 2}};
      return p.run(options).state;
    } catch (const std::invalid_argument& error) {
      return error.what();
    }
  };
  EXPECT_EQ(said("2"), "succeeded");
  EXPECT_EQ(said("3"), "[Pipeline.run] step 'a': field 'resources.gpus': 3 of a budget of 2");
  EXPECT_NE(said("-1").find("parameter 'gpus' expected 0 or more, got -1"), std::string::npos);
}

TEST(PipelineRun, WhoWatchesMayStopAStepThatSaysNothing) {
  const Folder folder;
  Pipeline p("p");
  p.step(shell("silent", "sleep 60"));
  int breaths = 0;
  const auto result = p.run({.folder = folder / "runs"}, [&](const PipelineEvent& event) {
    breaths += event.step.empty() && event.state == "progress";
    return breaths < 2;
  });
  EXPECT_EQ(states(result), "silent=cancelled");
  EXPECT_LT(result.seconds, 30);
}

TEST(PipelineRun, ExitStepsPassOnWhatTheyMade) {
  const Folder folder;
  Pipeline p("p");
  p.step(shell("bad", "exit 3"));
  auto count = shell("count", "echo 7");
  count.outputs = {{"number", {.path = "-", .type = "json"}}};
  p.step(shell("tell", "echo ${steps.count.outputs.number} ${run.state} > " + (folder / "told").string()));
  p.step(count);
  p.step(shell("last", "true", {"tell"}));
  p.on_exit({"tell", "count", "last"});
  const auto result = p.run({.folder = folder / "runs"});
  EXPECT_EQ(states(result), "bad=failed tell=succeeded count=succeeded last=succeeded");
  EXPECT_EQ(folder.read("told"), "7 failed\n");
  write_pipeline_report(result.folder, folder / "report.html");
  EXPECT_NE(folder.read("report.html").find("count"), std::string::npos);
}

TEST(PipelineRun, AnExceptionOfTheCallbackIsThrownWhenTheRunHasEnded) {
  const Folder folder;
  Pipeline p("p");
  p.step(shell("a", "sleep 60"));
  EXPECT_THROW(p.run({.folder = folder / "runs"},
                     [](const PipelineEvent& event) -> bool {
                       if (event.state == "started" && event.step == "a") throw std::out_of_range("mine");
                       return true;
                     }),
               std::out_of_range);
}

TEST(PipelineRun, ExitStepsSeeFailureAndConditionsSkip) {
  const Folder folder;
  Pipeline p("p");
  auto value = shell("value", "echo 0.7");
  value.outputs = {{"score", {.path = "-", .type = "json"}}};
  p.step(value);
  auto high = shell("high", "true");
  high.when = {{.left = "${steps.value.outputs.score}", .op = ">=", .right = "0.5"}};
  auto low = shell("low", "true");
  low.when = {{.left = "${steps.value.outputs.score}", .op = "<", .right = "0.5"}};
  p.step(high);
  p.step(low);
  p.step(shell("behind", "true", {"low"}));
  p.step(shell("bad", "exit 3"));
  p.step(shell("tell", "echo ${run.state} > " + (folder / "state").string()));
  p.on_exit({"tell"});
  const auto result = p.run({.folder = folder / "runs"});
  EXPECT_EQ(states(result),
            "value=succeeded high=succeeded low=skipped behind=omitted bad=failed tell=succeeded");
  EXPECT_EQ(folder.read("state"), "failed\n");
}

TEST(PipelineRun, ForeachGathersInOrderWithNullsForWhatFailed) {
  const Folder folder;
  Pipeline p("p");
  auto sweep = shell("sweep", "[ ${item.n} != 2 ] || exit 1; echo $((${item.n} * 10))");
  sweep.foreach = R"({"grid": {"n": [1, 2, 3]}})";
  sweep.failure_policy = "at_least 2";
  sweep.outputs = {{"ten", {.path = "-", .type = "json"}}};
  p.step(sweep);
  auto gather = shell("gather", "echo '${steps.sweep.outputs.ten}'");
  gather.outputs = {{"all", {.path = "-", .type = "json"}}};
  p.step(gather);
  const auto result = p.run({.folder = folder / "runs"});
  EXPECT_EQ(result.state, "succeeded") << result.to_json();
  EXPECT_EQ(result.output("gather", "all"), "[10,null,30]");
  EXPECT_EQ(result.output("sweep", "ten"), "[10,null,30]");
  EXPECT_EQ(result.output("sweep.2", "ten"), "30");
}

TEST(PipelineRun, TheBudgetIsKeptAndTheOrderOfStartIsThatOfThePipeline) {
  const Folder folder;
  Pipeline p("p");
  p.budget({.cpus = 2});
  auto sweep = shell("s", "sleep 0.05");
  sweep.foreach = "[1, 2, 3, 4, 5, 6]";
  p.step(sweep);
  int running = 0, most = 0;
  std::string order;
  p.run({.folder = folder / "runs"}, [&](const PipelineEvent& event) {
    if (event.step.empty()) return true;
    if (event.state == "started") order += event.step + " ";
    running += event.state == "started" ? 1 : event.state == "succeeded" ? -1 : 0;
    most = std::max(most, running);
    return true;
  });
  EXPECT_EQ(most, 2);
  EXPECT_EQ(order, "s.0 s.1 s.2 s.3 s.4 s.5 ");
  auto big = shell("big", "true");
  big.resources.cpus = 3;
  p.step(big);
  EXPECT_THROW(p.run({.folder = folder / "runs"}), std::invalid_argument);
}

TEST(PipelineRun, NoShellComesBetweenTheArgumentsAndTheProgram) {
  const Folder folder;
  Pipeline p("p");
  p.parameter(
      {.name = "text", .default_value = "$(touch /tmp/never); `x` \"quoted\" 'q' ; rm -rf $HOME\n${line"});
  p.step({.name = "a",
          .kind = "command",
          .with = R"({"command": ["printf", "%s", "${parameters.text}"]})",
          .outputs = {{"out", text_output()}}});
  const auto result = p.run({.folder = folder / "runs"});
  EXPECT_EQ(result.output("a", "out"), R"("$(touch /tmp/never); `x` \"quoted\" 'q' ; rm -rf $HOME\n${line")");
}

TEST(PipelineRun, FunctionsAndTheirFaults) {
  const Folder folder;
  Pipeline p("p");
  int calls = 0;
  p.function("score", [&](const PipelineContext& context) {
    ++calls;
    context.log("called with " + context.arguments());
    context.progress(0.5, "half");
    std::ofstream(context.folder() / "model") << "weights";
    if (calls == 1) throw std::runtime_error("the disk is gone");
    return std::string(R"({"value": 0.5})");
  });
  p.step({.name = "s",
          .kind = "python",
          .with = R"({"function": "score", "arguments": {"x": [1, 2]}})",
          .retry = {.limit = 1, .backoff_seconds = 0.001},
          .outputs = {{"value", {}}, {"model", {.path = "model"}}}});
  const auto first = p.run({.folder = folder / "runs"});
  EXPECT_EQ(first.state, "succeeded") << first.to_json();
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(first.output("s", "value"), "0.5");
  EXPECT_NE(folder.read("runs/runs/" + first.run_id + "/logs/s.log").find("called with {\"x\":[1,2]}"),
            std::string::npos);
  EXPECT_EQ(states(p.run({.folder = folder / "runs"})), "s=cached");
  p.function(
      "score", [](const PipelineContext&) -> std::string { throw std::invalid_argument("mine"); }, "2");
  const auto changed = p.run({.folder = folder / "runs"});
  EXPECT_EQ(step_of(changed, "s").fault, "code")
      << "another version is other code, and its own fault is final";
  EXPECT_EQ(step_of(changed, "s").attempts, 1);
}

TEST(PipelineRun, WhatIsMissingIsNamed) {
  const Folder folder;
  Pipeline p("p");
  p.function("scale", [](const PipelineContext&) { return std::string(); });
  p.step({.name = "s", .kind = "python", .with = R"({"function": "score"})"});
  try {
    p.run({.folder = folder / "runs"});
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("did you mean 'scale'?"), std::string::npos) << error.what();
  }
  Pipeline q("q");
  q.step(
      {.name = "s", .kind = "command", .with = R"({"command": ["true"], "inputs": {"x": "no-such-file"}})"});
  const auto result = q.run({.folder = folder / "runs"});
  EXPECT_EQ(result.state, "failed");
  EXPECT_NE(step_of(result, "s").message.find("no-such-file"), std::string::npos) << result.to_json();
}

}  // namespace
}  // namespace whorl
