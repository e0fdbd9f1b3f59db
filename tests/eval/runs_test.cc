// Runs that leave a folder: answers kept as they come, kills survived, a page that shows what was said.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <thread>

#include "base/file.h"
#include "base/random.h"
#include "eval/answer_cache.h"
#include "eval/oracle.h"
#include "eval/report_html.h"
#include "whorl/evaluator.h"

namespace whorl {
namespace {

namespace fs = std::filesystem;
using testing::message_of;
using testing::TemporaryFolder;

constexpr int kRows = 60;

EvaluateData rows() {
  std::string out;
  for (int i = 0; i < kRows; ++i) out += "{\"q\": \"row " + std::to_string(i) + "\", \"a\": \"good\"}\n";
  return EvaluateData::from_jsonl(out, "rows.jsonl");
}

EvaluateOptions options_for(const fs::path& out, const std::string& metrics = R"(["exact_match", "bleu"])") {
  EvaluateOptions options;
  options.task = EvaluateTask::from_json(
      R"({"template": {"messages": [{"role": "user", "content": "{{ item.q }}"}]}, "metrics": )" + metrics +
      "}")[0];
  for (auto& metric : options.task->metrics) metric.references = {"{{ item.a }}"};
  options.out = out;
  options.parallelism = 4;
  options.sampling.max_new_tokens = 6;
  return options;
}

std::string bytes(const fs::path& path) { return base::read_file(path.string()); }

int64_t lines(const fs::path& path) {
  if (!fs::exists(path)) return 0;
  const std::string text = bytes(path);
  return std::count(text.begin(), text.end(), '\n');
}

void evaluate(const fs::path& out) {
  testing::OracleModel made;
  for (int i = 0; i < kRows; i += 3) made.teach("row " + std::to_string(i), "good");
  made.oracle->before_step = [](auto&&...) { std::this_thread::sleep_for(std::chrono::milliseconds(1)); };
  InferenceEngine engine(*made.model);
  Evaluator(engine).run(rows(), "", options_for(out));
}

// Runs in a process of its own, which dies as soon as the file holds `enough` answers; true: it ended before.
bool evaluate_and_kill(const fs::path& out, int64_t enough) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    try {
      evaluate(out);
    } catch (...) {
      ::_exit(1);
    }
    ::_exit(0);
  }
  int status = 0;
  while (::waitpid(pid, &status, WNOHANG) == 0) {
    if (lines(out / "answers.jsonl") >= enough) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, &status, 0);
      break;
    }
    std::this_thread::sleep_for(std::chrono::microseconds(300));
  }
  if (WIFEXITED(status)) {
    EXPECT_EQ(WEXITSTATUS(status), 0);
  }
  return WIFEXITED(status);
}

// First in this file: a fork must find no threads.
TEST(Kill, AKilledRunGoesOnToTheSameResult) {
  TemporaryFolder folder;
  ASSERT_TRUE(evaluate_and_kill(folder.path / "whole", kRows + 1));
  const std::string whole = bytes(folder.path / "whole" / "results.json"),
                    all_rows = bytes(folder.path / "whole" / "rows.jsonl");
  EXPECT_EQ(lines(folder.path / "whole" / "answers.jsonl"), kRows);
  int kills = 0;
  for (uint64_t trial = 0; trial < 6; ++trial) {
    const fs::path out = folder.path / std::to_string(trial);
    int64_t enough = 1;
    bool ended = false;
    for (int step = 0; step < 40 && !ended; ++step) {
      enough += 1 + static_cast<int64_t>(base::below(trial, static_cast<uint64_t>(step), kRows / 3));
      ended = evaluate_and_kill(out, enough);
      kills += ended ? 0 : 1;
    }
    ASSERT_TRUE(ended || evaluate_and_kill(out, kRows * 2));
    EXPECT_EQ(bytes(out / "results.json"), whole) << trial;
    EXPECT_EQ(bytes(out / "rows.jsonl"), all_rows) << trial;
    EXPECT_EQ(lines(out / "answers.jsonl"), kRows) << "something was asked twice, or not at all";
  }
  EXPECT_GE(kills, 6);
}

struct Folder : ::testing::Test {
  std::vector<EvaluateResult> run(const EvaluateOptions& options) {
    InferenceEngine engine(*made.model);
    return Evaluator(engine).run(rows(), std::vector<std::string>{""}, options);
  }
  Folder() {
    for (int i = 0; i < kRows; i += 3) made.teach("row " + std::to_string(i), "good");
  }
  testing::OracleModel made;
  TemporaryFolder folder;
};

TEST_F(Folder, HoldsWhatWasRun) {
  const auto out = folder.path / "out";
  const auto result = run(options_for(out)).at(0);
  const auto manifest = nlohmann::json::parse(bytes(out / "manifest.json"));
  EXPECT_EQ(manifest["whorl"], version());
  EXPECT_EQ(manifest["model_digest"], "oracle");
  EXPECT_EQ(manifest["data_digest"], result.data_digest);
  EXPECT_EQ(manifest["task"]["metrics"].size(), 2u);
  const auto summary = nlohmann::json::parse(bytes(out / "results.json"));
  EXPECT_EQ(summary["results"][0]["scores"]["exact_match"]["value"], result.scores.at("exact_match").value);
  EXPECT_EQ(lines(out / "rows.jsonl"), kRows);
  EXPECT_EQ(lines(out / "answers.jsonl"), kRows);
}

TEST_F(Folder, OtherMetricsAskNothingAgain) {
  const auto out = folder.path / "out";
  const auto first = run(options_for(out)).at(0);
  const auto steps = made.oracle->steps.load();
  const auto second = run(options_for(out, R"(["f1", "exact_match"])")).at(0);
  EXPECT_LE(made.oracle->steps.load() - steps, 2);
  EXPECT_EQ(second.scores.at("exact_match").value, first.scores.at("exact_match").value);
  auto longer = options_for(out);
  longer.sampling.max_new_tokens = 7;  // another request
  run(longer);
  EXPECT_EQ(lines(out / "answers.jsonl"), 2 * kRows);
}

std::vector<std::string> keys_of(const fs::path& path) {
  std::vector<std::string> out;
  std::istringstream text(bytes(path));
  for (std::string line; std::getline(text, line);) out.push_back(nlohmann::json::parse(line)["key"]);
  return out;
}

// Every question four times, side by side, so that the same ones are in flight together; two contestants that
// are one and the same; and a judge that sees them all.
TEST_F(Folder, OneKeyIsAskedOnceByAllWhoAskIt) {
  std::string text;
  for (int i = 0; i < 40; ++i)
    text +=
        "{\"q\": \"row " + std::to_string(i / 4) + "\", \"a\": \"good\", \"n\": " + std::to_string(i) + "}\n";
  const auto data = EvaluateData::from_jsonl(text);
  for (const int64_t parallelism : {1, 4, 256}) {
    const auto out = folder.path / std::to_string(parallelism);
    auto options =
        options_for(out, R"(["exact_match", {"type": "llm-judge", "judge": {"options": ["no", "yes"]}}])");
    options.parallelism = parallelism;
    InferenceEngine engine(*made.model);
    const auto results = Evaluator(engine).run(data, std::vector<std::string>{"", ""}, options);
    const auto keys = keys_of(out / "answers.jsonl");
    const std::set<std::string> distinct(keys.begin(), keys.end());
    EXPECT_EQ(keys.size(), distinct.size())
        << "something was asked twice with " << parallelism << " in flight";
    // 10 answers; per row, whose fence is its own, one verdict and the likelihoods of two options.
    EXPECT_EQ(keys.size(), 10u + 40u + 80u);
    for (const auto& result : results)
      for (size_t i = 0; i < result.rows.size(); ++i) {
        EXPECT_EQ(result.rows[i].got, results[0].rows[i / 4 * 4].got) << i;
        EXPECT_EQ(result.rows[i].scores.at("exact_match"), i / 4 % 3 == 0 ? 1 : 0) << i;
      }
    EXPECT_EQ(bytes(out / "results.json"), bytes(folder.path / "1" / "results.json"));
  }
}

TEST_F(Folder, WhatTheEngineRefusesIsTheErrorOfAllWhoAskIt) {
  std::string long_question;
  for (int i = 0; i < 6000; ++i) long_question += "word ";
  const std::string bad = "{\"q\": \"" + long_question + "\", \"a\": \"x\"}\n";
  InferenceEngine engine(*made.model);
  const auto result =
      Evaluator(engine).run(EvaluateData::from_jsonl("{\"q\": \"row 0\", \"a\": \"good\"}\n" + bad + bad), "",
                            options_for(folder.path / "out"));
  EXPECT_EQ(result.scores.at("exact_match").errored, 2);
  EXPECT_EQ(result.rows[1].error, result.rows[2].error);
  EXPECT_FALSE(result.rows[1].error.empty());
  EXPECT_EQ(lines(folder.path / "out" / "answers.jsonl"), 1);
}

// Time runs out in every kind of asking; what was answered is kept, and the end is that of an unhurried run.
TEST_F(Folder, ARunEndsInTimeAndGoesOn) {
  std::vector<Row> talk(kRows);
  for (size_t i = 0; i < kRows; ++i) {
    const std::string row = "row " + std::to_string(i);
    talk[i].messages = {{"user", row}, {"assistant", "good weather in " + row}};
    talk[i].source = "t:" + std::to_string(i);
  }
  const EvaluateData conversations = Dataset::from_rows(talk);
  const auto judged = options_for("", R"([{"type": "llm-judge", "judge": {"options": ["no", "yes"]}}])");
  for (const bool likelihoods : {false, true}) {
    const EvaluateData data = likelihoods ? conversations : rows();
    EvaluateOptions options = likelihoods ? EvaluateOptions{.metrics = {"perplexity"}} : judged;
    InferenceEngine engine(*made.model);
    made.oracle->before_step = nullptr;
    options.out = folder.path / (likelihoods ? "whole l" : "whole g");
    Evaluator(engine).run(data, "", options);
    const std::string whole = bytes(options.out / "results.json");
    made.oracle->before_step = [](auto&&...) { std::this_thread::sleep_for(std::chrono::milliseconds(5)); };
    options.out = folder.path / (likelihoods ? "cut l" : "cut g");
    options.max_seconds = likelihoods ? .02 : .15;
    int cuts = 0;
    for (; cuts < 200; ++cuts) {
      const int64_t before = lines(options.out / "answers.jsonl");
      const std::string said =
          message_of<std::runtime_error>([&] { Evaluator(engine).run(data, "", options); });
      if (said.empty()) break;
      EXPECT_NE(said.find("max_seconds"), std::string::npos) << said;
      EXPECT_GT(lines(options.out / "answers.jsonl"), before) << "nothing was kept";
    }
    EXPECT_GE(cuts, 1) << (likelihoods ? "log-likelihoods" : "answers");
    EXPECT_EQ(bytes(options.out / "results.json"), whole);
  }
}

TEST_F(Folder, OtherDataIsRefused) {
  const auto out = folder.path / "out";
  run(options_for(out));
  InferenceEngine engine(*made.model);
  const auto other = EvaluateData::from_jsonl("{\"q\": \"x\", \"a\": \"y\"}");
  EXPECT_NE(message_of<std::invalid_argument>([&] {
              Evaluator(engine).run(other, "", options_for(out));
            }).find("data_digest"),
            std::string::npos);
}

TEST(Cache, ATornLineIsTakenOffAndAChangedOneRefused) {
  TemporaryFolder folder;
  const std::string path = (folder.path / "answers.jsonl").string();
  auto& real = *base::FileSystem::real();
  {
    eval::AnswerCache cache(real, path);
    cache.put("a", {{"text", "one \xff"}});
    cache.put("b", {{"text", "two"}, {"x", 0.1}});
    EXPECT_THROW(eval::AnswerCache(real, path), std::runtime_error);  // one writer at a time
  }
  const std::string whole = bytes(path);
  for (size_t cut = 0; cut < whole.size(); ++cut) {
    std::ofstream(path, std::ios::trunc | std::ios::binary) << whole.substr(0, cut);
    eval::AnswerCache cache(real, path);
    cache.put("c", {{"text", "three"}});
    EXPECT_TRUE(cache.find("c"));
    EXPECT_LE(cache.size(), 3u);
  }
  {  // what follows a torn line is whole again
    eval::AnswerCache cache(real, path);
    EXPECT_EQ((*cache.find("c"))["text"], "three");
  }
  int refused = 0, tried = 0;
  for (size_t at = 0; at + 1 < whole.size(); at += 3) {
    std::string flipped = whole;
    flipped[at] = static_cast<char>(flipped[at] ^ 1);
    if (flipped[at] == '\n') continue;
    std::ofstream(path, std::ios::trunc | std::ios::binary) << flipped;
    ++tried;
    try {
      eval::AnswerCache cache(real, path);
      EXPECT_TRUE(!cache.find("a") || (*cache.find("a"))["text"] == "one \uFFFD");
      EXPECT_TRUE(!cache.find("b") || (*cache.find("b"))["text"] == "two");
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string(error.what()).find("answers.jsonl:"), std::string::npos);
      ++refused;
    }
  }
  EXPECT_GT(refused, tried / 2);
}

// No element, attribute or address but those that the page itself writes.
void expect_harmless(const std::string& page) {
  for (const char* bad : {"<script", "<img", "<link", "http://", "https://", "@import", "url("})
    EXPECT_EQ(page.find(bad), std::string::npos) << bad;
}

TEST(Report, EscapesEverythingAndLoadsNothing) {
  const std::string attack = "</title></style><script>alert(1)</script><img src=x onerror=alert(1)>'\"&\x01";
  EvaluateResult result;
  result.adapter = attack;
  result.task = attack;
  result.adapter_digest = attack;
  result.scores[attack] = {.value = .5, .stderr_ = .1, .ci_low = .3, .ci_high = .7, .n = 2, .method = attack};
  result.rows = {{.source = attack,
                  .prompt = attack,
                  .expected = attack,
                  .got = attack,
                  .scores = {{attack, 1}},
                  .outcomes = {{attack, attack}},
                  .error = attack},
                 {.source = "b", .got = "x", .scores = {{attack, 0}}}};
  Comparison comparison{.metric = attack, .a = attack, .b = attack, .paired = {}};
  comparison.paired.method = attack;
  const std::string page = report_html({result, result}, {comparison}, attack);
  expect_harmless(page);
  EXPECT_NE(page.find("&lt;script&gt;alert(1)"), std::string::npos);
  EXPECT_NE(page.find("default-src 'none'"), std::string::npos);
  // The planted fault: the same checker on a page that forgot one escape.
  EXPECT_NE((page + attack).find("<script"), std::string::npos);
}

TEST(Report, ShowsScoresComparisonsAndRows) {
  testing::OracleModel made;
  InferenceEngine engine(*made.model);
  const Adapter tuned = testing::random_adapter(*made.model, 2, 1);
  engine.add_adapter("tuned", tuned);
  for (int i = 0; i < kRows; ++i) {
    made.teach("row " + std::to_string(i), i % 4 ? "bad" : "good");
    made.teach("row " + std::to_string(i), i % 5 ? "good" : "bad", tuned.digest());
  }
  TemporaryFolder folder;
  Evaluator(engine).run(rows(), std::vector<std::string>{"", "tuned"}, options_for(folder.path / "out"));
  const std::string page = bytes(folder.path / "out" / "report.html");
  expect_harmless(page);
  for (const char* part : {"exact_match", "tuned", "Compared row by row", "The results differ", "row 1",
                           "95 % interval", "prefers-color-scheme", "@media print", "viewport"})
    EXPECT_NE(page.find(part), std::string::npos) << part;
  EXPECT_LT(page.size(), 400u << 10);
  if (const char* keep = std::getenv("WHORL_KEEP_REPORT")) std::ofstream(keep) << page;
}

}  // namespace
}  // namespace whorl
