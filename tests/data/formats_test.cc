// The five formats, their detection, and what is refused in them.
#include "support.h"

namespace whorl {
namespace {

using test::contains;
using test::refusal;

Row one(const std::string& line, const LoadOptions& options = {}) {
  return Dataset::from_jsonl(line, "d", options)[0];
}
std::string said(const std::string& line, const LoadOptions& options = {}) {
  return refusal([&] { one(line, options); });
}

TEST(Detect, NamesFormatAndReason) {
  const std::pair<std::string, std::string> cases[] = {
      {R"({"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]})",
       "messages"},
      {R"({"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]})", "sharegpt"},
      {R"({"instruction": "q", "output": "a"})", "alpaca"},
      {R"({"prompt": "q", "completion": "a", "text": "t"})", "prompt_completion"},
      {R"({"text": "t", "meta": {"url": "u"}})", "text"}};
  for (const auto& [line, format] : cases) {
    const Dataset data = Dataset::from_jsonl(line);
    EXPECT_EQ(data.format(), format);
    EXPECT_TRUE(contains(data.format_reason(), "the first 1 row has ")) << data.format_reason();
  }
  EXPECT_EQ(Dataset::from_jsonl(cases[3].first, "d", {.format = "text"}).format_reason(),
            "given by the caller");
}

TEST(Detect, RefusesPreferencesUnknownAndMixed) {
  EXPECT_TRUE(contains(said(R"({"prompt": "p", "chosen": "a", "rejected": "b"})"), "preference pair"));
  EXPECT_TRUE(contains(said(R"({"prompt": "p", "completion": "a", "label": true})"), "unpaired preference"));
  EXPECT_EQ(
      one(R"({"prompt": "p", "completion": "a", "label": true})", {.format = "prompt_completion"}).extra,
      R"({"label": true})");
  const std::string unknown = said(R"({"question": "q", "answer": "a"})");
  EXPECT_TRUE(contains(unknown, "'question', 'answer'") && contains(unknown, "LoadOptions::columns"))
      << unknown;
  const std::string mixed = R"({"text": "t"})"
                            "\n"
                            R"({"prompt": "p", "completion": "c"})";
  EXPECT_TRUE(contains(said(mixed), "d:2: mixed formats: the row has 'prompt' and 'completion'"))
      << said(mixed);
  std::string late;
  for (int i = 0; i < 300; ++i) late += "{\"text\": \"t\"}\n";
  EXPECT_TRUE(contains(said(late + R"({"prompt": "p", "chosen": "a", "rejected": "b"})"),
                       "d:301: the row is a preference pair"));
}

TEST(Messages, ReadsToolsCallsAndReasoning) {
  const Row row = one(
      R"({"messages": [{"role": "system", "content": "s"}, )"
      R"({"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, )"
      R"({"role": "assistant", "content": null, "reasoning_content": "hm", "tool_calls": [{"id": "c1", "type": "function", )"
      R"("function": {"name": "f", "arguments": {"z": 1.0, "a": 1e3}}}]}, )"
      R"({"role": "tool", "tool_call_id": "c1", "name": "f", "content": "ok"}, )"
      R"({"role": "assistant", "content": "done", "train": false}], )"
      R"("tools": [{"type": "function", "function": {"name": "f", "description": "d", )"
      R"("parameters": {"type": "object", "b": 2, "a": 1.50}}}], "id": 7})");
  ASSERT_EQ(row.messages.size(), 5u);
  EXPECT_EQ(row.messages[1].content, "ab");
  EXPECT_EQ(row.messages[2].reasoning_content, "hm");
  ASSERT_EQ(row.messages[2].tool_calls.size(), 1u);
  EXPECT_EQ(row.messages[2].tool_calls[0].arguments, R"({"z": 1.0, "a": 1e3})");
  EXPECT_EQ(row.messages[2].tool_calls[0].id, "c1");
  EXPECT_EQ(row.messages[3].name, "f");
  EXPECT_EQ(row.messages[4].train, std::optional<bool>(false));
  ASSERT_EQ(row.tools.size(), 1u);
  EXPECT_EQ(row.tools[0].parameters, R"({"type": "object", "b": 2, "a": 1.50})");
  EXPECT_EQ(row.extra, R"({"id": 7})");
}

std::string turn(const std::string& assistant) {
  return R"({"messages": [{"role": "user", "content": "q"}, )" + assistant +
         R"(], "tools": [{"name": "lookup"}]})";
}

TEST(Messages, KeepsArgumentsTextAsGiven) {
  const Row row = one(turn(
      R"({"role": "assistant", "tool_calls": [{"name": "lookup", "arguments": "{\"n\":1.0,  \"s\":\"\\u00e9\"}"}]})"));
  EXPECT_EQ(row.messages[1].tool_calls[0].arguments, "{\"n\":1.0,  \"s\":\"\\u00e9\"}");
}

TEST(Messages, RefusesByField) {
  const std::pair<std::string, std::string> cases[] = {
      {R"({"role": "assistant", "contnet": "x"})",
       "messages[1]: unknown key 'contnet'; did you mean 'content'?"},
      {R"({"role": "asistant", "content": "x"})",
       "messages[1].role: unknown 'asistant'; did you mean 'assistant'?"},
      {R"({"role": "gpt", "content": "x"})", "messages[1].role: 'gpt' is not a role here; write 'assistant'"},
      {R"({"content": "x"})", "messages[1].role: missing"},
      {R"({"from": "gpt", "value": "x"})", "sharegpt's form"},
      {R"({"role": "assistant", "content": 5})", "messages[1].content: expected a string, got a number"},
      {R"({"role": "assistant", "content": "  "})", "messages[1].content: empty"},
      {R"({"role": "assistant"})", "messages[1].content: missing"},
      {R"({"role": "tool", "content": "x"})", "no turn to train on"},
      {R"({"role": "assistant", "content": "x", "train": false})", "no turn to train on"},
      {R"({"role": "assistant", "content": "x", "train": 1})", "messages[1].train: expected true or false"},
      {R"({"role": "assistant", "content": "x", "weight": 0.5})", "messages[1].weight"},
      {R"({"role": "assistant", "content": [{"type": "image_url"}]})", "messages[1].content[0]"},
      {R"({"role": "assistant", "tool_calls": [{"name": "lokup", "arguments": {}}]})",
       "messages[1].tool_calls[0].name: 'lokup' is not among the row's tools; did you mean 'lookup'?"},
      {R"({"role": "assistant", "tool_calls": [{"name": "lookup", "arguments": "{bad"}]})",
       "messages[1].tool_calls[0].arguments: JSON text, column 2"},
      {R"({"role": "assistant", "tool_calls": [{"name": "lookup", "arguments": [1]}]})",
       "expected a JSON object, got a list"},
      {R"({"role": "assistant", "tool_calls": [{"name": "lookup", "argumnets": {}}]})",
       "did you mean 'arguments'?"},
      {R"({"role": "assistant", "tool_calls": [{"arguments": {}}]})",
       "messages[1].tool_calls[0].name: missing"},
      {R"({"role": "user", "content": "x", "tool_calls": [{"name": "lookup"}]})",
       "only the assistant calls tools"},
      {R"(7)", "messages[1]: expected an object, got a number"}};
  for (const auto& [message, part] : cases)
    EXPECT_TRUE(contains(said(turn(message)), part)) << message << "\n" << said(turn(message));
}

TEST(Messages, NotesForeignKeysAndTakesWeights) {
  const Dataset data = Dataset::from_jsonl(
      turn(R"({"role": "assistant", "content": "x", "timestamp": 5, "refusal": null, "weight": 1})"));
  EXPECT_EQ(data[0].messages[1].train, std::optional<bool>(true));
  ASSERT_EQ(data.changes().size(), 1u);
  EXPECT_EQ(data.changes()[0].reason, "key 'timestamp' of a message is not used");
}

TEST(PromptCompletion, StringsAndMessageLists) {
  const Row plain = one(R"({"prompt": "p", "completion": " c", "id": 1})");
  EXPECT_EQ(plain.prompt + plain.completion, "p c");
  const Row chat = one(
      R"({"prompt": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "old"}, {"role": "user", "content": "r"}], "completion": [{"role": "assistant", "content": "new"}]})");
  ASSERT_EQ(chat.messages.size(), 4u);
  EXPECT_EQ(chat.messages[1].train, std::optional<bool>(false));
  EXPECT_FALSE(chat.messages[3].train.has_value());
  EXPECT_TRUE(contains(said(R"({"prompt": "p", "completion": [{"role": "assistant", "content": "a"}]})"),
                       "completion: expected the kind of 'prompt'"));
  EXPECT_TRUE(contains(said(R"({"prompt": "p", "completion": ""})"), "completion: empty"));
}

TEST(Alpaca, TemplateAndStanford) {
  const std::string line =
      R"({"instruction": "Add.", "input": "1 2", "output": "3", "system": "S", "history": [["q", "a"]]})";
  const Row row = one(line);
  ASSERT_EQ(row.messages.size(), 5u);
  EXPECT_EQ(row.messages[0].role, "system");
  EXPECT_EQ(row.messages[2].content, "a");
  EXPECT_EQ(row.messages[3].content, "Add.\n1 2");
  EXPECT_EQ(row.messages[4].content, "3");
  EXPECT_TRUE(contains(said(line, {.alpaca_prompt = "stanford"}), "system: the Stanford prompt"));
  const Row stanford =
      one(R"({"instruction": "Add.", "input": "1 2", "output": "3"})", {.alpaca_prompt = "stanford"});
  EXPECT_EQ(stanford.prompt,
            "Below is an instruction that describes a task, paired with an input that provides further "
            "context. Write a response "
            "that appropriately completes the request.\n\n### Instruction:\nAdd.\n\n### Input:\n1 2\n\n### "
            "Response:");
  EXPECT_EQ(
      one(R"({"instruction": "Add.", "input": "", "output": "3"})", {.alpaca_prompt = "stanford"}).prompt,
      "Below is an instruction that describes a task. Write a response that appropriately completes the "
      "request.\n\n"
      "### Instruction:\nAdd.\n\n### Response:");
  EXPECT_TRUE(contains(said(R"({"instruction": "i", "output": "o", "history": [["q"]]})"), "history[0]"));
}

TEST(ShareGpt, CallsObservationsToolsAndSystem) {
  const Row row = one(
      R"({"conversations": [{"from": "human", "value": "q"}, {"from": "function_call", "value": "{\"name\": \"f\", \"arguments\": {\"x\": 1.0}}"}, {"from": "observation", "value": "{}"}, {"from": "gpt", "value": "a"}], "system": "S", "tools": "[{\"name\": \"f\", \"description\": \"d\", \"parameters\": {}}]"})");
  ASSERT_EQ(row.messages.size(), 5u);
  EXPECT_EQ(row.messages[0].content, "S");
  EXPECT_EQ(row.messages[2].role, "assistant");
  EXPECT_EQ(row.messages[2].tool_calls[0].arguments, R"({"x": 1.0})");
  EXPECT_EQ(row.messages[3].role, "tool");
  EXPECT_EQ(row.tools[0].parameters, "{}");
  const Row led = one(
      R"({"conversations": [{"from": "system", "value": "T"}, {"from": "gpt", "value": "a"}], "system": "S"})");
  EXPECT_EQ(led.messages[0].content, "T");
  EXPECT_EQ(led.extra, R"({"system": "S"})");
  EXPECT_TRUE(contains(said(R"({"conversations": [{"from": "robot", "value": "a"}]})"),
                       "conversations[0].from: unknown 'robot'"));
  EXPECT_TRUE(contains(said(R"J({"conversations": [{"from": "function_call", "value": "f(x)"}]})J"),
                       "conversations[0].value: JSON text"));
  EXPECT_TRUE(contains(said(R"({"conversations": [{"role": "user", "content": "a"}]})"),
                       "columns {\"messages\": \"conversations\"}"));
}

TEST(Columns, PointersReachInside) {
  const std::string line =
      R"({"instruction": "i", "instances": [{"input": "x", "output": "y"}], "a/b": "z"})";
  const Row row =
      one(line, {.columns = {{"output", "/instances/0/output"}, {"input", "/instances/0/input"}}});
  EXPECT_EQ(row.messages[0].content, "i\nx");
  EXPECT_EQ(row.messages[1].content, "y");
  EXPECT_TRUE(contains(row.extra, "instances"));
  EXPECT_EQ(one(line,
                {
                    .columns = {{"text", "/a~1b"}},
                })
                .text.empty(),
            false);
  EXPECT_TRUE(contains(said(line, {.format = "alpaca", .columns = {{"output", "/instances/1/output"}}}),
                       "missing field 'output'"));
}

TEST(FromRows, ChecksWhatTheFormatsCheck) {
  EXPECT_REFUSED(Dataset::from_rows({{.prompt = "p", .completion = "\xff"}}),
                 "row 1: completion: byte 0 is not UTF-8");
  EXPECT_REFUSED(
      Dataset::from_rows(
          {{.messages = {{.role = "assistant", .content = "", .tool_calls = {{"f", "nonsense"}}}}}}),
      "tool_calls[0].arguments");
  EXPECT_REFUSED(Dataset::from_rows({{.text = "t"}, {.source = "mine:4"}}), "mine:4: the row is empty");
  EXPECT_REFUSED(Dataset::from_rows({{.text = "t", .extra = "[1]"}}), "extra: expected a JSON object");
}

}  // namespace
}  // namespace whorl
