// Tool calls are read back as they were written, and what is not a call stays content.
#include "text/tool_calls.h"

#include "text/fixtures.h"

namespace whorl::text {
namespace {

using Format = ToolCallFormat;

TEST(ToolCalls, FormatsOfTheTemplates) {
  const auto format = [](const char* name) { return detect_tool_call_format(template_source(name, false)); };
  EXPECT_EQ(format("qwen2.jinja"), Format::hermes);
  EXPECT_EQ(format("qwen3.jinja"), Format::hermes);
  EXPECT_EQ(format("llama3.jinja"), Format::llama3);
  EXPECT_EQ(format("mistral.jinja"), Format::mistral);
  EXPECT_EQ(format("chatml.jinja"), Format::none);
  EXPECT_EQ(format("phi3.jinja"), Format::none);
  EXPECT_EQ(detect_tool_call_format("{{ message.tool_calls | tojson }}"), Format::json);
}

TEST(ToolCalls, Hermes) {
  const auto parsed = parse_tool_calls(
      "Let me see.\n<tool_call>\n{\"name\": \"add\", \"arguments\": {\"b\": 1.50, \"a\": "
      "\"</tool_call>\"}}\n</tool_call>\n"
      "<tool_call>{\"name\": \"now\"}</tool_call>",
      Format::hermes);
  EXPECT_EQ(parsed.error, "");
  EXPECT_EQ(parsed.content, "Let me see.");
  EXPECT_EQ(parsed.calls,
            (std::vector<ToolCall>{{"add", R"({"b": 1.50, "a": "</tool_call>"})"}, {"now", "{}"}}));
  EXPECT_EQ(parse_tool_calls("<tool_call>{\"name\":\"f\",\"arguments\":{}}", Format::hermes).calls.size(),
            1u);
}

TEST(ToolCalls, Llama3) {
  const auto one = parse_tool_calls(R"({"name": "f", "parameters": {"x": [1, {"y": "}"}]}})", Format::llama3);
  EXPECT_EQ(one.calls, (std::vector<ToolCall>{{"f", R"({"x": [1, {"y": "}"}]})"}}));
  EXPECT_EQ(one.content, "");
  const auto two = parse_tool_calls(
      R"(ok <|python_tag|>{"name": "f", "parameters": {}}; {"name": "g", "parameters": {"a": 1}})",
      Format::llama3);
  EXPECT_EQ(two.calls.size(), 2u);
  EXPECT_EQ(two.content, "ok");
  EXPECT_EQ(parse_tool_calls("{\"answer\": 42}", Format::llama3).content, "{\"answer\": 42}");
}

TEST(ToolCalls, MistralAndJson) {
  const auto parsed = parse_tool_calls(
      R"([TOOL_CALLS] [{"name": "f", "arguments": {"a": 1}, "id": "abcdefghi"}, {"name": "g", "arguments": "{\"b\": 2}"}])",
      Format::mistral);
  EXPECT_EQ(parsed.calls, (std::vector<ToolCall>{{"f", R"({"a": 1})"}, {"g", R"({"b": 2})"}}));
  EXPECT_EQ(
      parse_tool_calls(R"([{"type":"function","function":{"name":"f","arguments":{"a":1}}}])", Format::json)
          .calls,
      (std::vector<ToolCall>{{"f", R"({"a":1})"}}));
}

TEST(ToolCalls, MalformedCallsAreReportedAndKept) {
  for (const char* body : {"{\"name\": \"f\", \"arguments\": {", "not json", "{\"arguments\": {}}",
                           "{\"name\": 7}", "{\"name\": \"f\", \"arguments\": 7}", "[1]", "",
                           "{\"name\": \"\"}", "{\"name\": \"f\", \"arguments\": \"no json\"}"}) {
    SCOPED_TRACE(body);
    const std::string text = std::string("a <tool_call>") + body + "</tool_call> b";
    const auto hermes = parse_tool_calls(text, Format::hermes);
    EXPECT_NE(hermes.error, "");
    EXPECT_TRUE(hermes.calls.empty());
    EXPECT_EQ(hermes.content, text);
    const std::string tagged = std::string("[TOOL_CALLS]") + body;
    const auto mistral = parse_tool_calls(tagged, Format::mistral);
    EXPECT_NE(mistral.error, "");
    EXPECT_EQ(mistral.content, tagged);
  }
  EXPECT_NE(parse_tool_calls(R"({"name": "f", "parameters": {}} and more)", Format::llama3).error, "");
  EXPECT_EQ(parse_tool_calls("plain", Format::none).content, "plain");
}

// Every cut of a good answer: never a crash, and never half an argument taken for a whole one.
TEST(ToolCalls, EveryPrefix) {
  const std::string whole =
      "hi <tool_call>{\"name\": \"f\", \"arguments\": {\"a\": \"x\\\"}\", \"b\": [1, 2]}}</tool_call>";
  const ToolCall expected{"f", R"({"a": "x\"}", "b": [1, 2]})"};
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    for (const Format format : {Format::hermes, Format::llama3, Format::mistral, Format::json}) {
      for (const ToolCall& call : parse_tool_calls(whole.substr(0, size), format).calls)
        EXPECT_EQ(call, expected);
    }
  }
  EXPECT_FALSE(parse_tool_calls(std::string(200000, '['), Format::json).calls.size());
  EXPECT_FALSE(parse_tool_calls("[TOOL_CALLS]" + std::string(200000, '{'), Format::mistral).calls.size());
}

}  // namespace
}  // namespace whorl::text
