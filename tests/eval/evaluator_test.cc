// Evaluations over a model whose answers the test has written down, one book of answers per adapter.
#include "whorl/evaluator.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "eval/oracle.h"
#include "serve/prompt.h"

namespace whorl {
namespace {

using testing::message_of;
using testing::Oracle;

std::string call(const std::string& name, const std::string& arguments) {
  return "<tool_call>\n{\"name\": \"" + name + "\", \"arguments\": " + arguments + "}\n</tool_call>";
}

class Evaluate : public ::testing::Test {
 protected:
  Evaluate() {
    oracle = std::make_shared<Oracle>(chat.model->config().vocab_size, 4096);
    auto impl = std::make_shared<Model::Impl>(*chat.model->impl());
    impl->transformer = oracle;
    model.emplace(impl);
    Row row;
    row.tools = {{"get_weather", "", R"({"type": "object"})"}, {"get_time", "", ""}};
    const std::vector<ToolCall> expected[] = {
        {{"get_weather", R"({"city": "Rome", "days": 1})"}},
        {{"get_weather", R"({"city": "Paris"})"}},
        {{"get_time", "{}"}},
        {{"get_weather", R"({"city": "a"})"}, {"get_time", R"({"z": 2})"}}};
    for (int i = 0; i < 4; ++i) {
      row.messages = {{"user", "question " + std::to_string(i)}, {"assistant", ""}};
      row.messages[1].tool_calls = expected[i];
      row.source = "rows.jsonl:" + std::to_string(i + 1);
      rows.push_back(row);
    }
  }
  void teach(const std::string& digest, const std::vector<std::string>& answers) {
    for (size_t i = 0; i < answers.size(); ++i) {
      GenerateRequest request;
      request.messages = {rows[i].messages[0]};
      request.tools = rows[i].tools;
      auto ids = chat.tokenizer().encode(answers[i], false);
      ids.push_back(chat.end);
      oracle->books[digest][serve::prompt_ids(*model->impl(), request)] = ids;
    }
  }

  testing::ChatModel chat;
  std::shared_ptr<Oracle> oracle;
  std::optional<Model> model;
  std::vector<Row> rows;
};

TEST_F(Evaluate, ToolCallsOfSeveralAdaptersInOneBatch) {
  InferenceEngine engine(*model);
  const Adapter good = testing::random_adapter(*model, 2, 1), half = testing::random_adapter(*model, 4, 2);
  engine.add_adapter("good", good);
  engine.add_adapter("half", half);
  teach("", {"no idea", "none", "hm", "well"});
  teach(good.digest(), {call("get_weather", R"({"days": 1.0, "city": "Rome"})"),
                        call("get_weather", R"({"city": "Paris"})"), call("get_time", "{}"),
                        call("get_time", R"({"z": 2})") + "\n" + call("get_weather", R"({"city": "a"})")});
  teach(half.digest(), {call("get_weather", R"({"city": "Rome", "days": 2})"), call("get_time", "{}"),
                        call("get_time", "{}"), call("get_weather", R"({"city": "a"})")});
  Evaluator evaluator(engine);
  const auto results = evaluator.run(Dataset::from_rows(rows), std::vector<std::string>{"", "half", "good"});
  ASSERT_EQ(results.size(), 3u);
  auto value = [&](size_t i, const char* metric) { return results[i].scores.at(metric).value; };
  EXPECT_EQ(value(0, "function_name_accuracy"), 0);
  EXPECT_EQ(value(1, "function_name_accuracy"), .5);
  EXPECT_EQ(value(1, "function_name_and_args_accuracy"), .25);
  EXPECT_EQ(value(2, "function_name_accuracy"), 1);
  EXPECT_EQ(value(2, "function_name_and_args_accuracy"), 1);
  const Score half_score = results[1].scores.at("function_name_accuracy");
  EXPECT_EQ(half_score.n, 4);
  EXPECT_NEAR(half_score.stderr_, std::sqrt(1. / 3 / 4), 1e-12);
  EXPECT_EQ(results[2].adapter, "good");
  EXPECT_EQ(results[0].adapter, "");
  EXPECT_EQ(results[1].rows[0].scores.at("function_name_accuracy"), 1);
  EXPECT_EQ(results[1].rows[0].scores.at("function_name_and_args_accuracy"), 0);
  EXPECT_EQ(results[0].rows[0].got, "no idea");
  EXPECT_FALSE(results[1].rows[0].source.empty());
  const auto json = nlohmann::json::parse(results[2].rows[3].got);
  EXPECT_EQ(json[0]["name"], "get_time");

  // One adapter at a time gives the same rows.
  const auto alone = evaluator.run(Dataset::from_rows(rows), "half");
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(alone.rows[i].got, results[1].rows[i].got);

  // The planted fault: an evaluation that mixes up adapters gives other scores.
  const auto swapped = evaluator.run(Dataset::from_rows(rows), "good");
  EXPECT_NE(swapped.scores.at("function_name_accuracy").value, half_score.value);
}

TEST_F(Evaluate, ABrokenCallScoresZeroAndIsReported) {
  InferenceEngine engine(*model);
  teach("", {"<tool_call>\n{\"name\": \"get_weather\", \"argu\n</tool_call>"});
  const auto result = Evaluator(engine).run(Dataset::from_rows({rows[0]}));
  EXPECT_EQ(result.scores.at("function_name_accuracy").value, 0);
  EXPECT_FALSE(result.rows[0].error.empty());
  EXPECT_NE(result.to_json().find("\"error\""), std::string::npos);
}

TEST_F(Evaluate, TextMetricsOnPromptAndCompletion) {
  InferenceEngine engine(*model);
  Row row;
  row.prompt = "the weather in Paris is";
  row.completion = " good, the best";
  row.source = "x:1";
  oracle->books[""][chat.tokenizer().encode(row.prompt, true)] = [&] {
    auto ids = chat.tokenizer().encode(" Good the best", false);
    ids.push_back(chat.end);
    return ids;
  }();
  EvaluateOptions options;
  options.metrics = {"exact_match", "accuracy", "f1"};
  const auto result = Evaluator(engine).run(Dataset::from_rows({row}), "", options);
  EXPECT_EQ(result.scores.at("exact_match").value, 0);
  EXPECT_EQ(result.scores.at("accuracy").value, 0);
  EXPECT_EQ(result.scores.at("f1").value, 1);  // case, comma and article do not count
  EXPECT_EQ(result.rows[0].got, " Good the best");
}

TEST_F(Evaluate, PerplexityIsOfTheTrainedTokens) {
  InferenceEngine engine(*model);
  Row text;
  text.text = "the weather in Paris is good";
  text.source = "t:1";
  Row longer;
  longer.text = "weather weather weather in Rome, and in Paris too";
  longer.source = "t:2";
  const Dataset data = Dataset::from_rows({text, longer});
  EvaluateOptions options;
  options.metrics = {"perplexity"};
  const auto result = Evaluator(engine).run(data, "", options);
  double sum = 0, count = 0;
  for (int64_t i = 0; i < 2; ++i) {
    const auto encoded = data.encode(*model, i);
    const auto scored =
        engine.log_likelihood({{"", {encoded.ids[0]}, {encoded.ids.begin() + 1, encoded.ids.end()}}}).at(0);
    for (size_t t = 1; t < encoded.ids.size(); ++t) {
      if (!encoded.trained[t]) continue;
      sum -= scored.token_logprobs[t - 1];
      ++count;
    }
  }
  EXPECT_NEAR(result.scores.at("perplexity").value, std::exp(sum / count), 1e-9);
  EXPECT_GT(result.scores.at("perplexity").stderr_, 0);
  EXPECT_EQ(result.scores.at("perplexity").n, 2);
  EXPECT_EQ(result.rows.size(), 2u);
}

TEST_F(Evaluate, PerplexityOfAConversationCountsTheAnswerAlone) {
  InferenceEngine engine(*model);
  const Dataset data = Dataset::from_rows({[&] {
    Row row;
    row.messages = {{"user", "hello there"}, {"assistant", "good weather"}};
    row.source = "c:1";
    return row;
  }()});
  const auto encoded = data.encode(*model, 0);
  const auto first = std::find(encoded.trained.begin(), encoded.trained.end(), 1) - encoded.trained.begin();
  const auto scored = engine
                          .log_likelihood({{"",
                                            {encoded.ids.begin(), encoded.ids.begin() + first},
                                            {encoded.ids.begin() + first, encoded.ids.end()}}})
                          .at(0);
  double sum = 0, count = 0;
  for (size_t t = 0; t < scored.token_logprobs.size(); ++t)
    if (encoded.trained[static_cast<size_t>(first) + t]) sum -= scored.token_logprobs[t], ++count;
  EvaluateOptions options;
  options.metrics = {"perplexity"};
  EXPECT_NEAR(Evaluator(engine).run(data, "", options).scores.at("perplexity").value, std::exp(sum / count),
              1e-9);
  EXPECT_LT(count, static_cast<double>(encoded.ids.size() - 5));  // the question and the headers do not count
}

TEST_F(Evaluate, JsonHoldsTheScoresAndTheRows) {
  InferenceEngine engine(*model);
  teach("", {call("get_weather", R"({"city": "Rome", "days": 1})"), "x", "", ""});
  const auto json = nlohmann::json::parse(Evaluator(engine).run(Dataset::from_rows(rows)).to_json());
  EXPECT_EQ(json["scores"]["function_name_accuracy"]["value"], .25);
  EXPECT_EQ(json["scores"]["function_name_accuracy"]["n"], 4);
  EXPECT_TRUE(json["scores"]["function_name_accuracy"].contains("stderr"));
  EXPECT_EQ(json["rows"].size(), 4u);
  EXPECT_EQ(json["rows"][0]["scores"]["function_name_and_args_accuracy"], 1);
}

TEST_F(Evaluate, LimitAndWhatIsRefused) {
  InferenceEngine engine(*model);
  Evaluator evaluator(engine);
  EvaluateOptions options;
  options.limit = 2;
  options.sampling.max_new_tokens = 3;
  const Dataset data = Dataset::from_rows(rows);
  EXPECT_EQ(evaluator.run(data, "", options).rows.size(), 2u);
  auto said = [&](const Dataset& set, auto change) {
    EvaluateOptions bad;
    change(bad);
    return message_of<std::invalid_argument>([&] { evaluator.run(set, "", bad); });
  };
  EXPECT_NE(said(data, [](auto& o) { o.metrics = {"perplexty"}; }).find("perplexity"), std::string::npos);
  EXPECT_NE(said(data, [](auto& o) { o.limit = -1; }).find("limit"), std::string::npos);
  EXPECT_NE(said(data, [](auto& o) { o.sampling.n = 2; }).find("sampling.n"), std::string::npos);
  Row text;
  text.text = "plain";
  text.source = "t:9";
  EXPECT_NE(said(Dataset::from_rows({text}), [](auto&) {}).find("perplexity only"), std::string::npos);
  EXPECT_NE(said(Dataset::from_rows({}), [](auto&) {}).find("row"), std::string::npos);
}

}  // namespace
}  // namespace whorl
