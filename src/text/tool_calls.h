#pragma once
// Reads the tool calls back from what a model has written. Pure functions, no state.
#include <string>
#include <string_view>
#include <vector>

namespace whorl::text {

enum class ToolCallFormat {
  none,     // the template knows no tools: the text is all content
  hermes,   // <tool_call>{"name": …, "arguments": {…}}</tool_call>, as Qwen and Hermes write
  llama3,   // {"name": …, "parameters": {…}}, perhaps after <|python_tag|>, several joined by ';'
  mistral,  // [TOOL_CALLS][{"name": …, "arguments": {…}}]
  json      // a bare JSON object or list of {"name": …, "arguments": {…}}
};

struct ToolCall {
  std::string name;
  std::string arguments;  // a JSON object, as the model spelled it
  bool operator==(const ToolCall&) const = default;
};

struct ParsedToolCalls {
  std::string content;          // the text outside the calls, outer white space removed where there are calls
  std::vector<ToolCall> calls;  // in text order
  // What was wrong with a call that could not be read (its text then stays in `content`), else empty.
  std::string error;
};

ToolCallFormat detect_tool_call_format(std::string_view chat_template_source);
ParsedToolCalls parse_tool_calls(std::string_view text, ToolCallFormat format);
const char* to_string(ToolCallFormat format);

}  // namespace whorl::text
