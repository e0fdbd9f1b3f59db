// Tasks: their templates, their metrics, and what becomes of rows that cannot be asked or scored.
#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "eval/items.h"
#include "eval/oracle.h"
#include "eval/templates.h"
#include "whorl/evaluator.h"

namespace whorl {
namespace {

using testing::message_of;

EvaluateData rows(const std::string& jsonl) { return EvaluateData::from_jsonl(jsonl, "rows.jsonl"); }

EvaluateTask task_of(const std::string& json) { return EvaluateTask::from_json(json, "t.json").at(0); }

std::string refused(const std::string& json) {
  return message_of<std::invalid_argument>([&] { EvaluateTask::from_json(json, "t.json"); });
}

class Tasks : public ::testing::Test {
 protected:
  EvaluateResult run(const std::string& task, const std::string& jsonl,
                     const std::string& on_error = "wrong") {
    InferenceEngine engine(*made.model);
    EvaluateOptions options;
    options.task = task_of(task);
    options.on_error = on_error;
    options.sampling.max_new_tokens = 24;
    return Evaluator(engine).run(rows(jsonl), "", options);
  }
  std::string error(const std::string& task, const std::string& jsonl) {
    return message_of<std::invalid_argument>([&] { run(task, jsonl); });
  }
  testing::OracleModel made;
};

constexpr const char* kQuestion = R"({"messages": [{"role": "user", "content": "Q: {{ item.q }}"}]})";

std::string chat_task(const std::string& metrics) {
  return std::string(R"({"type": "chat", "template": )") + kQuestion + R"(, "metrics": )" + metrics + "}";
}

TEST(Items, KeysAreSpeltAsTemplatesCan) {
  EXPECT_EQ(eval::normalised_key("Right Answer-1"), "right_answer_1");
  const auto data = rows("{\"Right Answer\": 1.50, \"right_answer\": 2}\n\n{\"a\": 1e2}");
  EXPECT_EQ(data.size(), 2);
  const auto first = nlohmann::json::parse(data.impl()->items[0].json);
  EXPECT_EQ(first["right_answer"], 2);
  EXPECT_EQ(first["right_answer_1"], 1.5);
  EXPECT_EQ(data.impl()->items[1].json, "{\"a\": 1e2}");  // spelt as the file has it
  EXPECT_EQ(data.impl()->items[1].source, "rows.jsonl:3");
}

TEST(Items, RowsAreKnownByTheirContents) {
  const auto data = rows("{\"a\": 1}\n{\"a\": 2}\n{\"a\": 1}");
  const auto& items = data.impl()->items;
  EXPECT_EQ(items[2].id, items[0].id + "#2");
  EXPECT_NE(items[0].id, items[1].id);
  EXPECT_EQ(rows("{\"a\": 2}").impl()->items[0].id, items[1].id);
}

TEST(Items, BadRowsNameFileAndLine) {
  EXPECT_NE(message_of<std::invalid_argument>([] { rows("{\"a\": 1}\n{\"a\": }"); }).find("rows.jsonl:2"),
            std::string::npos);
  EXPECT_NE(message_of<std::invalid_argument>([] { rows("[1]"); }).find("expected an object, got a list"),
            std::string::npos);
}

TEST(Items, MessagesForTemplatesDoNotHoldTheAnswer) {
  Row row;
  row.messages = {{"user", "u"}, {"assistant", "the answer"}};
  row.extra = R"({"Topic": "x"})";
  const EvaluateData data = Dataset::from_rows({row});
  EXPECT_EQ(data.impl()->items[0].json.find("the answer"), std::string::npos);
  EXPECT_NE(data.impl()->items[0].json.find("\"topic\""), std::string::npos);
  row.messages[1].content = "another answer";  // and yet it is another row
  EXPECT_NE(EvaluateData(Dataset::from_rows({row})).impl()->items[0].id, data.impl()->items[0].id);
}

TEST(TaskJson, NemosConfiguration) {
  const auto tasks = EvaluateTask::from_json(R"({
    "type": "custom", "params": {"parallelism": 4, "limit_samples": 7, "max_tokens": 32, "stop": ["X"]},
    "tasks": {"qa": {"type": "chat-completion",
      "dataset": {"files_url": "rows.jsonl", "limit": 3},
      "params": {"template": {"messages": [{"role": "user", "content": "{{item.q}}"}]}},
      "metrics": {"bleu": {"type": "bleu", "params": {"references": ["{{item.a}}"],
                            "candidate": "{{sample.output_text}}", "lowercase": true}},
                  "ok": {"type": "string-check", "params": {"check": ["{{item.a}}", "equals", "x"]}}}}}})");
  ASSERT_EQ(tasks.size(), 1u);
  const auto& task = tasks[0];
  EXPECT_EQ(task.name, "qa");
  EXPECT_EQ(task.type, "chat");
  EXPECT_EQ(task.limit, 3);
  EXPECT_EQ(task.parallelism, 4);
  EXPECT_EQ(task.sampling->max_new_tokens, 32);
  EXPECT_EQ(task.sampling->stop, std::vector<std::string>{"X"});
  EXPECT_EQ(task.data, "rows.jsonl");
  ASSERT_EQ(task.metrics.size(), 2u);
  EXPECT_EQ(task.metrics[0].references, std::vector<std::string>{"{{item.a}}"});
  EXPECT_EQ(task.metrics[0].params, R"({"lowercase":true})");
  EXPECT_EQ(task.metrics[1].check[1], "equals");
  // To JSON and back is the same task.
  EXPECT_EQ(task_of(task.to_json()).to_json(), task.to_json());
}

TEST(TaskJson, MisspeltKeysNameTheNearest) {
  EXPECT_NE(refused(R"({"metric": []})").find("'metrics'"), std::string::npos);
  EXPECT_NE(refused(R"({"metrics": [{"type": "bleu", "refrences": []}]})").find("did you mean 'references'"),
            std::string::npos);
  EXPECT_NE(refused(R"({"type": "chatt", "metrics": []})").find("did you mean 'chat'"), std::string::npos);
  EXPECT_NE(refused(R"({"params": {"temprature": 0}, "metrics": []})").find("did you mean 'temperature'"),
            std::string::npos);
  EXPECT_NE(
      refused(R"({"tasks": {"a": {"metrics": [{"judge": {}, "type": 3}]}}})").find("tasks.a: metrics.0"),
      std::string::npos);
  EXPECT_NE(refused("[1").find("[EvaluateTask] t.json"), std::string::npos);
}

TEST(TemplateLimits, HostileOnesEndSoon) {
  const auto start = std::chrono::steady_clock::now();
  for (const char* hostile :
       {"{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        "{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(60) %}"
        "{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"}) {
    eval::Templates templates("t");
    templates.compile(hostile, "f");
    EXPECT_THROW(templates.render(hostile, "{}"), eval::TemplateError) << hostile;
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

TEST(TemplateLimits, WhatIsNotThereIsNoEmptyText) {
  eval::Templates templates("t");
  templates.compile("{{ item.qestion }}", "f");
  EXPECT_THROW(templates.render("{{ item.qestion }}", R"({"item": {"question": 1}})"), eval::TemplateError);
  templates.compile("{{ item.x | default('none') }}", "f");
  EXPECT_EQ(templates.render("{{ item.x | default('none') }}", R"({"item": {}})"), "none");
  EXPECT_EQ(templates.render("plain } text\n", "{}"), "plain } text\n");
  EXPECT_NE(message_of<std::invalid_argument>([&] {
              templates.compile("{{ a", "template.messages[0]");
            }).find("template.messages[0]"),
            std::string::npos);
}

TEST_F(Tasks, ChatWithTemplatesAndSeveralMetrics) {
  made.teach("Q: a", "good");
  made.teach("Q: b", "the bad");
  const auto result = run(chat_task(R"({"em": {"type": "exact_match", "references": ["{{ item.a }}"]},
      "check": {"type": "string-check", "check": ["{{ sample.output_text }}", "contains", "{{ item.a }}"]},
      "rouge": {"type": "rouge", "references": ["{{ item.a }}"], "params": {"types": ["rouge1"]}},
      "bleu": {"type": "bleu", "references": ["{{ item.a }}"]}})"),
                          "{\"q\": \"a\", \"a\": \"good\"}\n{\"q\": \"b\", \"a\": \"bad\"}");
  EXPECT_EQ(result.scores.at("em").value, .5);
  EXPECT_EQ(result.scores.at("check").value, 1);
  EXPECT_NEAR(result.scores.at("rouge.rouge1").value, (1 + 2. / 3) / 2, 1e-12);
  EXPECT_EQ(result.rows[1].got, "the bad");
  EXPECT_EQ(result.rows[1].prompt, "Q: b");
  EXPECT_EQ(result.rows[1].expected, "bad");
  EXPECT_EQ(result.rows[0].counts.count("bleu"), 1u);
  EXPECT_NE(result.scores.at("bleu").method.find("tok:13a"), std::string::npos);
}

TEST_F(Tasks, DataTasksAskNoModel) {
  const auto before = made.oracle->steps.load();
  const auto result = run(R"({"type": "data", "metrics": [
      {"type": "exact_match", "references": ["{{ gold }}"], "candidate": "{{ item.output }}"},
      {"type": "number-check", "check": ["{{ output }}", "absolute difference", "{{ gold }}"],
       "params": {"epsilon": 0.5}}]})",
                          "{\"gold\": \"4\", \"output\": \"4\"}\n{\"gold\": \"4\", \"output\": \"4.4\"}\n"
                          "{\"gold\": \"4\", \"output\": \"four\"}");
  EXPECT_LE(made.oracle->steps.load() - before, 2);  // the look-up of the adapter
  EXPECT_NEAR(result.scores.at("exact_match").value, 1. / 3, 1e-12);
  const Score& number = result.scores.at("number-check");
  EXPECT_NEAR(number.value, 2. / 3, 1e-12);  // no number counts as wrong, and is told
  EXPECT_EQ(number.n, 3);
  EXPECT_EQ(number.unparsable, 1);
  EXPECT_EQ(result.rows[2].outcomes.at("number-check"), "unparsable");
}

constexpr const char* kThree =
    "{\"q\": \"a\", \"a\": \"good\"}\n{\"q\": \"b\"}\n{\"q\": \"c\", \"a\": \"good\"}";

TEST_F(Tasks, ARowThatErredIsCountedApart) {
  made.teach("Q: a", "good");
  made.teach("Q: c", "good");
  const std::string task = chat_task(R"([{"type": "exact_match", "references": ["{{ item.a }}"]}])");
  const auto wrong = run(task, kThree);
  const Score& counted = wrong.scores.at("exact_match");
  EXPECT_NEAR(counted.value, 2. / 3, 1e-12);
  EXPECT_EQ(counted.n, 3);
  EXPECT_EQ(counted.errored, 1);
  EXPECT_EQ(wrong.rows[1].outcomes.at("exact_match"), "errored");
  EXPECT_NE(wrong.rows[1].error.find("undefined"), std::string::npos) << wrong.rows[1].error;
  EXPECT_NE(wrong.to_json().find("\"errored\": 1"), std::string::npos);
  const auto excluded = run(task, kThree, "exclude");
  EXPECT_EQ(excluded.scores.at("exact_match").value, 1);
  EXPECT_EQ(excluded.scores.at("exact_match").n, 2);
  EXPECT_EQ(excluded.scores.at("exact_match").errored, 1);
  // The planted fault: an error that silently became 0 would make the two runs one.
  EXPECT_NE(counted.value, excluded.scores.at("exact_match").value);
}

TEST_F(Tasks, APromptThatIsTooLongIsThatRowsError) {
  made.teach("Q: a", "good");
  const std::string endless(9000, 'x');
  const auto result = run(chat_task(R"([{"type": "exact_match", "references": ["good"]}])"),
                          "{\"q\": \"a\"}\n{\"q\": \"" + endless + "\"}");
  EXPECT_EQ(result.scores.at("exact_match").value, .5);
  EXPECT_EQ(result.scores.at("exact_match").errored, 1);
  EXPECT_NE(result.rows[1].error.find("context"), std::string::npos);
}

TEST_F(Tasks, ATaskThatFailsEverywhereIsAnError) {
  std::string many;
  for (int i = 0; i < 30; ++i) many += "{\"q\": " + std::to_string(i) + "}\n";
  const std::string template_fault =
      R"({"template": {"messages": [{"role": "user", "content": "{{ item.qq }}"}]}, "metrics": ["f1"]})";
  EXPECT_NE(error(template_fault, many).find("none of the first 10 rows"), std::string::npos);
  EXPECT_NE(error(chat_task(R"([{"type": "f1", "references": ["{{ item.gold }}"]}])"), many)
                .find("no row could be scored"),
            std::string::npos);
  EXPECT_NE(error(chat_task(R"(["f1"])"), many).find("references"), std::string::npos);
}

TEST_F(Tasks, BadTasksAreToldBeforeAnythingIsAsked) {
  const char* row = "{\"q\": \"a\"}";
  EXPECT_NE(error(chat_task(R"(["blue"])"), row).find("did you mean 'bleu'"), std::string::npos);
  EXPECT_NE(error(chat_task(R"([{"type": "string-check", "check": ["a", "is", "b"]}])"), row).find("is"),
            std::string::npos);
  EXPECT_NE(error(chat_task(R"([{"type": "string-check", "check": ["a"]}])"), row).find("got 1 parts"),
            std::string::npos);
  EXPECT_NE(error(chat_task(R"([{"type": "bleu", "params": {"tokenise": "13a"}}])"), row)
                .find("did you mean 'tokenize'"),
            std::string::npos);
  EXPECT_NE(error(chat_task(R"(["f1", "f1"])"), row).find("asked for twice"), std::string::npos);
  EXPECT_NE(error(R"({"template": {"message": []}, "metrics": ["f1"]})", row).find("did you mean 'messages'"),
            std::string::npos);
  EXPECT_NE(error(R"({"type": "data", "template": "x", "metrics": ["f1"]})", row).find("takes no template"),
            std::string::npos);
  EXPECT_NE(error(chat_task(R"(["perplexity"])"), row).find("Dataset"), std::string::npos);
}

TEST_F(Tasks, ToolsAndMessagesFromTemplates) {
  GenerateRequest asked;
  asked.messages = {{"user", "weather in Rome"}};
  asked.tools = {{"get_weather", "", R"({"type": "object"})"}};
  made.teach(asked,
             "<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rome\"}}\n</tool_call>");
  const auto result = run(
      R"({"template": {"messages": "{{ item.messages | tojson }}", "tools": "{{ item.tools | tojson }}"},
      "metrics": [{"type": "tool-calling", "tool_calls_ground_truth": "{{ item.tool_calls | tojson }}"}]})",
      R"({"messages": [{"role": "user", "content": "weather in Rome"}],)"
      R"("tools": [{"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}],)"
      R"("tool_calls": [{"function": {"name": "get_weather", "arguments": {"city": "Rome"}}}]})");
  EXPECT_EQ(result.scores.at("tool-calling.function_name_accuracy").value, 1);
  EXPECT_EQ(result.scores.at("tool-calling.function_name_and_args_accuracy").value, 1);
}

TEST_F(Tasks, ComparedRowByRow) {
  InferenceEngine engine(*made.model);
  const Adapter tuned = testing::random_adapter(*made.model, 2, 1);
  engine.add_adapter("tuned", tuned);
  std::string jsonl;
  for (int i = 0; i < 12; ++i) {
    const std::string q = "row " + std::to_string(i);
    jsonl += R"({"q": ")" + q + "\"}\n";
    made.teach("Q: " + q, i < 2 ? "good" : "bad");
    made.teach("Q: " + q, i < 11 ? "good" : "bad", tuned.digest());
  }
  EvaluateOptions options;
  options.task = task_of(chat_task(R"([{"type": "exact_match", "references": ["good"]}])"));
  const auto both = Evaluator(engine).run(rows(jsonl), std::vector<std::string>{"", "tuned"}, options);
  const Comparison found = compare(both[0], both[1], "exact_match");
  EXPECT_EQ(found.paired.wins, 9);
  EXPECT_EQ(found.paired.losses, 0);
  EXPECT_NEAR(*found.paired.mcnemar_p, 2 / 512., 1e-12);
  EXPECT_EQ(found.b, "tuned");
  // The other order of rows is the same comparison: they are paired by what they are.
  auto turned = both[1];
  std::reverse(turned.rows.begin(), turned.rows.end());
  EXPECT_EQ(compare(both[0], turned, "exact_match").paired.wins, 9);
  EXPECT_NE(message_of<std::invalid_argument>([&] {
              compare(both[0], both[1], "exact_mach");
            }).find("did you mean 'exact_match'"),
            std::string::npos);
}

}  // namespace
}  // namespace whorl
