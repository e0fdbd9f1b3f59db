#include <algorithm>

#include "base/file.h"
#include "base/json.h"
#include "data/formats.h"
#include "data/utf8.h"

namespace whorl::data {

namespace {

bool blank(const std::string& text) { return text.find_first_not_of(" \t\r\n") == std::string::npos; }

bool is_trained(const Message& message) { return message.train.value_or(message.role == "assistant"); }

// A misspelt role is trained, or left out, without anybody noticing. Roles unlike the known ones pass: a
// template may have its own.
void check_role(const std::string& role, const std::string& field) {
  static const std::vector<std::string> known = {"system", "developer", "user",   "assistant",
                                                 "tool",   "function",  "ipython"};
  if (std::find(known.begin(), known.end(), role) != known.end()) return;
  if (role == "human" || role == "gpt" || role == "bot" || role == "model")
    bad_row(field, ".role: '", role, "' is not a role here; write '", role == "human" ? "user" : "assistant",
            "'");
  const std::string meant = base::nearest_name(role, known);
  if (!meant.empty())
    bad_row(field, ".role: unknown '", base::printable(role), "'; did you mean '", meant, "'?");
}

void check_calls(const Row& row, const Message& message, const std::string& field) {
  for (size_t i = 0; i < message.tool_calls.size(); ++i) {
    const ToolCall& call = message.tool_calls[i];
    const auto same = [&call](const Tool& tool) { return tool.name == call.name; };
    if (row.tools.empty() || std::any_of(row.tools.begin(), row.tools.end(), same)) continue;
    std::vector<std::string> names;
    for (const Tool& tool : row.tools) names.push_back(tool.name);
    bad_row(field, ".tool_calls[", i, "].name: '", base::printable(call.name),
            "' is not among the row's tools", base::did_you_mean(call.name, names));
  }
}

}  // namespace

void validate(const Row& row) {
  if (row.messages.empty()) {
    if (!row.text.empty() && !blank(row.text)) return;
    if (!row.completion.empty() && !blank(row.completion)) return;
    if (!row.prompt.empty()) bad_row("completion: empty, so there is nothing to train on");
    bad_row("the row is empty: expected messages, a completion or a text");
  }
  bool trained = false;
  for (size_t i = 0; i < row.messages.size(); ++i) {
    const Message& message = row.messages[i];
    const std::string field = base::concat("messages[", i, "]");
    check_role(message.role, field);
    check_calls(row, message, field);
    const bool empty =
        blank(message.content) && blank(message.reasoning_content) && message.tool_calls.empty();
    if (is_trained(message) && empty) bad_row(field, ".content: empty, so there is nothing to train on");
    trained = trained || is_trained(message);
  }
  if (!trained) bad_row("messages: no turn to train on (no assistant turn, or all with \"train\": false)");
}

namespace {

void check_utf8(const std::string& text, const std::string& field) {
  if (const size_t at = find_invalid_utf8(text); at != std::string::npos)
    bad_row(field, ": byte ", at, " is not UTF-8");
}

void check_message_strings(const Message& message, const std::string& field) {
  check_utf8(message.role, field + ".role");
  check_utf8(message.content, field + ".content");
  check_utf8(message.reasoning_content, field + ".reasoning_content");
  check_utf8(message.tool_call_id, field + ".tool_call_id");
  check_utf8(message.name, field + ".name");
  for (size_t i = 0; i < message.tool_calls.size(); ++i) {
    const std::string place = base::concat(field, ".tool_calls[", i, "]");
    if (message.role != "assistant") bad_row(place, ": only the assistant calls tools");
    if (message.tool_calls[i].name.empty()) bad_row(place, ".name: missing");
    check_utf8(message.tool_calls[i].name, place + ".name");
    check_utf8(message.tool_calls[i].id, place + ".id");
    object_text(Value::string(message.tool_calls[i].arguments), place + ".arguments");
  }
}

}  // namespace

void check_strings(const Row& row) {
  check_utf8(row.prompt, "prompt");
  check_utf8(row.completion, "completion");
  check_utf8(row.text, "text");
  for (size_t i = 0; i < row.messages.size(); ++i)
    check_message_strings(row.messages[i], base::concat("messages[", i, "]"));
  for (size_t i = 0; i < row.tools.size(); ++i) {
    const std::string field = base::concat("tools[", i, "]");
    if (row.tools[i].name.empty()) bad_row(field, ".name: missing");
    check_utf8(row.tools[i].name, field + ".name");
    check_utf8(row.tools[i].description, field + ".description");
    if (!row.tools[i].parameters.empty())
      object_text(Value::string(row.tools[i].parameters), field + ".parameters");
  }
  if (!row.extra.empty()) object_text(Value::string(row.extra), "extra");
}

}  // namespace whorl::data
