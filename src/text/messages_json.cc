#include "text/messages_json.h"

#include <nlohmann/json.hpp>

namespace whorl::text {

namespace {

// The text itself where it is an object, so that key order and the spelling of numbers reach the template.
std::string object_or_string(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && text[first] == '{' && nlohmann::json::accept(text)) return text;
  return json_quoted(text);
}

std::string tool_call_json(const ToolCall& call) {
  std::string out = "{";
  if (!call.id.empty()) out += "\"id\": " + json_quoted(call.id) + ", ";
  out += "\"type\": \"function\", \"function\": {\"name\": " + json_quoted(call.name) + ", \"arguments\": ";
  return out + (call.arguments.empty() ? "{}" : object_or_string(call.arguments)) + "}}";
}

std::string message_json(const Message& message) {
  std::string out =
      "{\"role\": " + json_quoted(message.role) + ", \"content\": " + json_quoted(message.content);
  const auto add = [&out](const char* key, const std::string& value) {
    if (!value.empty()) out += ", \"" + std::string(key) + "\": " + json_quoted(value);
  };
  add("reasoning_content", message.reasoning_content);
  if (!message.tool_calls.empty()) {
    out += ", \"tool_calls\": [";
    for (size_t i = 0; i < message.tool_calls.size(); ++i)
      out += (i ? ", " : "") + tool_call_json(message.tool_calls[i]);
    out += "]";
  }
  add("tool_call_id", message.tool_call_id);
  add("name", message.name);
  return out + "}";
}

}  // namespace

std::string json_quoted(std::string_view text) {
  static const char hex[] = "0123456789abcdef";
  std::string out = "\"";
  out.reserve(text.size() + 2);
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20) {
          out += "\\u00";
          out += hex[static_cast<unsigned char>(c) >> 4];
          out += hex[c & 15];
        } else {
          out += c;
        }
    }
  }
  return out + "\"";
}

std::string messages_json(const std::vector<Message>& messages) {
  std::string out = "[";
  for (size_t i = 0; i < messages.size(); ++i) out += (i ? ", " : "") + message_json(messages[i]);
  return out + "]";
}

std::string tools_json(const std::vector<Tool>& tools) {
  if (tools.empty()) return "";
  std::string out = "[";
  for (size_t i = 0; i < tools.size(); ++i) {
    out += i ? ", " : "";
    out += "{\"type\": \"function\", \"function\": {\"name\": " + json_quoted(tools[i].name);
    if (!tools[i].description.empty()) out += ", \"description\": " + json_quoted(tools[i].description);
    if (!tools[i].parameters.empty()) out += ", \"parameters\": " + object_or_string(tools[i].parameters);
    out += "}}";
  }
  return out + "]";
}

}  // namespace whorl::text
