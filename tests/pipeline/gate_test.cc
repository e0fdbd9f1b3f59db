// gate: thresholds, gains, and the paired test that says whether the candidate beats the baseline row by row.
#include <nlohmann/json.hpp>

#include "pipeline/run_helper.h"

namespace whorl {
namespace {

using Json = nlohmann::json;

// What an evaluate step leaves: `good[i]` says whether row i was answered rightly.
Json result(const std::string& adapter, const std::vector<int>& good, const std::string& data = "d1") {
  Json rows = Json::array();
  double sum = 0;
  for (size_t i = 0; i < good.size(); ++i) {
    rows.push_back({{"id", "row" + std::to_string(i)}, {"scores", {{"exact_match", good[i]}}}});
    sum += good[i];
  }
  return {{"adapter", adapter},
          {"data_digest", data},
          {"scores", {{"exact_match", {{"value", sum / static_cast<double>(good.size())}}}}},
          {"rows", rows}};
}

std::string scores(const std::vector<Json>& results) {
  return Json({{"metrics", {"exact_match"}}, {"results", results}}).dump();
}

std::vector<int> first(int good, int all) {
  std::vector<int> made(static_cast<size_t>(all), 0);
  std::fill_n(made.begin(), good, 1);
  return made;
}

class Gate : public testing::Test {
 protected:
  PipelineResult run(const std::string& more) {
    Pipeline p("gated");
    p.folder(folder.path());
    p.step({.name = "gate", .kind = "gate", .with = R"({"scores": "scores.json")" + more + "}"});
    return p.run({.folder = folder / "runs"});
  }
  std::string told(const std::string& more) {
    const auto made = run(more);
    const auto& step = step_of(made, "gate");
    return made.state == "succeeded" ? "passed" : step.fault + ": " + step.message;
  }
  Folder folder;
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_F(Gate, ThePairedTestDecides) {
  // Ten rows better, none worse: 2 of 2^10 sign flips are as extreme.
  folder.write("scores.json", scores({result("", first(4, 20)), result("a", first(14, 20))}));
  const auto made = run(R"(, "max_p": 0.05)");
  ASSERT_EQ(made.state, "succeeded") << made.to_json();
  EXPECT_NEAR(std::stod(made.output("gate", "p")), 2. / 1024, 1e-12);
  EXPECT_EQ(made.output("gate", "wins"), "10");
  EXPECT_EQ(made.output("gate", "losses"), "0");
  EXPECT_EQ(made.output("gate", "ties"), "10");
  EXPECT_NEAR(std::stod(made.output("gate", "difference")), .5, 1e-12);
  EXPECT_TRUE(has(told(R"(, "max_p": 0.001)"), "rejected: a is rejected: p = 0.00195"));
  EXPECT_EQ(told(R"(, "max_p": 0.05, "improvement": 0.5)"), "passed");
  EXPECT_TRUE(has(told(R"(, "max_p": 0.05, "improvement": 0.6)"), "gains 0.5 over the base"));
}

TEST_F(Gate, AGainByChanceAndALossAreRejected) {
  folder.write("scores.json", scores({result("", first(4, 20)), result("a", first(6, 20))}));
  EXPECT_TRUE(has(told(R"(, "max_p": 0.05)"), "p = 0.5 (2 rows better, 0 worse)"));
  EXPECT_EQ(told(R"(, "improvement": 0.05)"), "passed") << "without the test the gain is enough";
  // The planted fault: significant, but in the wrong direction.
  folder.write("scores.json", scores({result("", first(14, 20)), result("a", first(4, 20))}));
  EXPECT_TRUE(has(told(R"(, "max_p": 0.05)"), "rejected"));
  EXPECT_EQ(run(R"(, "max_p": 0.05, "on_reject": "report")").output("gate", "passed"), "false");
}

TEST_F(Gate, TwoEvaluationsAreComparedRowByRow) {
  folder.write("scores.json", scores({result("a", first(14, 20))}));
  folder.write("base.json", scores({result("", first(4, 20))}));
  EXPECT_EQ(told(R"(, "baseline_scores": "base.json", "max_p": 0.05)"), "passed");
  EXPECT_TRUE(has(told(R"(, "max_p": 0.05)"), "no adapter '' was scored")) << "no base in it";
  folder.write("base.json", scores({result("", first(4, 20), "d2")}));
  EXPECT_TRUE(has(told(R"(, "baseline_scores": "base.json", "max_p": 0.05)"), "are of different rows"));
  folder.write("base.json", "[]");
  EXPECT_TRUE(has(told(R"(, "baseline_scores": "base.json", "max_p": 0.05)"),
                  "argument 'baseline_scores': not the scores of an evaluate step"));
}

TEST_F(Gate, WhatCouldNotBeScoredIsAnErrorAndNoPass) {
  auto nothing = result("a", first(14, 20));
  nothing["scores"]["exact_match"]["value"] = nullptr;
  folder.write("scores.json", scores({result("", first(4, 20)), nothing}));
  EXPECT_TRUE(has(told(R"(, "candidate": "a", "at_least": 0)"), "'exact_match' of 'a' could not be scored"));
  EXPECT_TRUE(has(told(R"(, "candidate": "b", "at_least": 0)"), "no adapter 'b' was scored"));
}

}  // namespace
}  // namespace whorl
