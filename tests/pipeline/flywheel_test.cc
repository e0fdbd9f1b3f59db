// Curate, train, evaluate, gate, publish on the demo's small model: kinds over the front door, one pass for a
// sweep, the cache, and SIGKILL in the middle of training.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pipeline/run_helper.h"
#include "whorl/adapter_store.h"

namespace whorl {
namespace {

std::string base_folder() { return std::string(WHORL_SOURCE_DIR) + "/python/whorl/data/demo_base"; }

void write_rows(const Folder& folder) {
  std::string text;
  for (int i = 0; i < 24; ++i)
    text += R"({"messages": [{"role": "user", "content": "where is order )" + std::to_string(i) +
            R"("}, {"role": "assistant", "content": "order )" + std::to_string(i) + " is on its way\"}]}\n";
  text += text.substr(0, text.find('\n') + 1);  // one twice
  folder.write("rows.jsonl", text);
}

Pipeline flywheel(const Folder& folder, const std::string& foreach, int steps) {
  Pipeline p("tickets");
  p.folder(folder.path());
  p.parameter({.name = "base", .default_value = base_folder()});
  p.step({.name = "curate",
          .kind = "curate",
          .with = R"({"data": "rows.jsonl", "deduplicate": {"near": false}, "mask_pii": true,
                      "split": {"fraction": 0.75, "seed": 1}})"});
  p.step({.name = "train",
          .kind = "train",
          .with = R"({"base": "${parameters.base}", "train": "${steps.curate.outputs.train}",
                      "valid": "${steps.curate.outputs.valid}",
                      "adapter": {"name": "r${item.rank}", "rank": "${item.rank}", "learning_rate": 0.001},
                      "options": {"max_steps": )" +
                  std::to_string(steps) +
                  R"(, "batch_size": 2, "max_length": 64, "save_steps": 1, "seed": 3}})",
          .foreach = foreach});
  p.step({.name = "evaluate",
          .kind = "evaluate",
          .with = R"({"base": "${parameters.base}", "data": "${steps.curate.outputs.valid}",
                      "adapters": "${steps.train.outputs.adapter}", "metrics": ["perplexity"]})"});
  p.step({.name = "gate",
          .kind = "gate",
          .with = R"({"scores": "${steps.evaluate.outputs.scores}", "improvement": 0})"});
  p.step({.name = "publish",
          .kind = "publish",
          .needs = {"gate"},
          .with = R"({"adapter": "${steps.evaluate.outputs.best}", "name": "tickets", "store": "store"})"});
  return p;
}

constexpr const char* kTwo = R"({"grid": {"rank": [2, 4]}})";

// First: the children are forked before this process has any thread.
TEST(PipelineFlywheel, KilledTrainingGoesOnToTheSameBytes) {
  const Folder killed, whole;
  write_rows(killed);
  write_rows(whole);
  const auto p = flywheel(killed, kTwo, 12);
  int kills = 0;
  for (int round = 0; round < 4; ++round) {
    const pid_t child = ::fork();
    if (child == 0) {
      try {
        int seen = 0;
        p.run({.folder = killed / "runs"}, [&](const PipelineEvent& event) {
          if (event.state == "progress" && event.step == "train.1" && ++seen == 2 + 2 * round)
            ::kill(::getpid(), SIGKILL);
          return true;
        });
      } catch (...) {
        ::_exit(1);
      }
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    kills += WIFSIGNALED(status);
  }
  EXPECT_GE(kills, 2);
  const auto resumed = p.run({.folder = killed / "runs"});
  ASSERT_EQ(resumed.state, "succeeded") << resumed.to_json();
  const auto fresh = flywheel(whole, kTwo, 12).run({.folder = whole / "runs"});
  ASSERT_EQ(fresh.state, "succeeded") << fresh.to_json();
  EXPECT_EQ(resumed.output("train", "digest"), fresh.output("train", "digest"));
  EXPECT_EQ(resumed.output("train.0", "adapter").substr(0, 80),
            fresh.output("train.0", "adapter").substr(0, 80));
  EXPECT_EQ(lines_of(killed / ("runs/runs/" + resumed.run_id + "/logs/curate.log")), 1) << "curated once";
  EXPECT_EQ(AdapterStore(killed / "store").versions("tickets").size(), 1u);
}

TEST(PipelineFlywheel, ASweepIsOnePassAndEachItemGetsTheBitsThatItWouldGetAlone) {
  const Folder folder, alone;
  write_rows(folder);
  write_rows(alone);
  const auto swept = flywheel(folder, kTwo, 3).run({.folder = folder / "runs"});
  ASSERT_EQ(swept.state, "succeeded") << swept.to_json();
  const auto logs = folder / ("runs/runs/" + swept.run_id + "/logs");
  EXPECT_TRUE(std::filesystem::exists(logs / "train.0.log"));
  EXPECT_FALSE(std::filesystem::exists(logs / "train.1.log")) << "two passes instead of one";
  const auto single = flywheel(alone, R"([{"rank": 4}])", 3).run({.folder = alone / "runs"});
  ASSERT_EQ(single.state, "succeeded") << single.to_json();
  EXPECT_EQ(swept.output("train.1", "digest"), single.output("train.0", "digest"));
  EXPECT_NE(swept.output("train.0", "digest"), swept.output("train.1", "digest"));
}

TEST(PipelineFlywheel, TheSecondRunIsFreeAndPublishesNothingTwice) {
  const Folder folder;
  write_rows(folder);
  const auto p = flywheel(folder, kTwo, 3);
  const auto first = p.run({.folder = folder / "runs"});
  ASSERT_EQ(first.state, "succeeded") << first.to_json();
  const auto again = p.run({.folder = folder / "runs"});
  EXPECT_EQ(states(again),
            "curate=cached train.0=cached train.1=cached evaluate=cached gate=cached publish=succeeded");
  EXPECT_LT(again.seconds, first.seconds);
  EXPECT_EQ(again.output("publish", "reference"), "\"tickets@1\"");
  EXPECT_EQ(AdapterStore(folder / "store").versions("tickets").size(), 1u);
  // Other rows: everything behind them is done anew, and a new version comes of it.
  folder.write(
      "rows.jsonl",
      folder.read("rows.jsonl") +
          R"({"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]})"
          "\n");
  const auto changed = p.run({.folder = folder / "runs"});
  EXPECT_EQ(states(changed),
            "curate=succeeded train.0=succeeded train.1=succeeded evaluate=succeeded gate=succeeded "
            "publish=succeeded");
  EXPECT_EQ(changed.output("publish", "reference"), "\"tickets@2\"");
}

TEST(PipelineFlywheel, AGateThatRejectsStopsThePublishing) {
  const Folder folder;
  write_rows(folder);
  auto made = flywheel(folder, kTwo, 2).to_json();
  made.replace(made.find("\"improvement\": 0"), 16, "\"improvement\": 1e9");
  auto p = Pipeline::from_json(made);
  p.folder(folder.path());
  const auto result = p.run({.folder = folder / "runs"});
  EXPECT_EQ(result.state, "failed");
  EXPECT_EQ(step_of(result, "gate").fault, "rejected") << result.to_json();
  EXPECT_EQ(step_of(result, "publish").state, "omitted");
  EXPECT_FALSE(AdapterStore(folder / "store").contains("tickets"));
}

TEST(PipelineFlywheel, AnEvaluationOutOfTimeEndsAndGoesOnWithMore) {
  const Folder folder;
  write_rows(folder);
  const auto run = [&](const std::string& seconds) {
    Pipeline p("scored");
    p.folder(folder.path());
    p.step({.name = "evaluate",
            .kind = "evaluate",
            .with = R"({"base": ")" + base_folder() + R"(", "data": "rows.jsonl", "metrics": ["exact_match"],
                        "sampling": {"max_new_tokens": 8}, "max_seconds": )" +
                    seconds + "}"});
    return p.run({.folder = folder / "runs"});
  };
  const auto late = run("1e-6");
  EXPECT_EQ(late.state, "failed") << late.to_json();
  EXPECT_NE(step_of(late, "evaluate").message.find("not done within max_seconds"), std::string::npos)
      << late.to_json();
  EXPECT_EQ(run("1000").state, "succeeded");
}

TEST(PipelineFlywheel, TheReportShowsTheWholeLineage) {
  const Folder folder;
  write_rows(folder);
  const auto result = flywheel(folder, kTwo, 2).run({.folder = folder / "runs"});
  ASSERT_EQ(result.state, "succeeded") << result.to_json();
  write_pipeline_report(result.folder, folder / "report.html");
  const auto html = folder.read("report.html");
  const auto digest = result.output("curate", "digest");
  for (const std::string& part :
       {digest.substr(1, 64), std::string("tickets@1"), std::string("<svg"), std::string("Lineage"),
        std::string("train.1"), std::string("rows to train on")})
    EXPECT_NE(html.find(part), std::string::npos) << part;
  EXPECT_EQ(html.find("<script"), std::string::npos);
  EXPECT_EQ(html.find("http"), std::string::npos) << "nothing is fetched";
}

}  // namespace
}  // namespace whorl
