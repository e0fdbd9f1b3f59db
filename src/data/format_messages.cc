// Messages, tools and tool calls, as OpenAI and Hugging Face write them.
#include <algorithm>

#include "base/file.h"
#include "base/json.h"
#include "data/formats.h"

namespace whorl::data {

using base::concat;

void Notes::add(std::string line) {
  if (std::find(lines.begin(), lines.end(), line) == lines.end()) lines.push_back(std::move(line));
}

Value unwrap(const Value& value, const std::string& field) {
  if (!value.is(Value::Kind::string)) return value;
  Value inner;
  ParseProblem problem;
  if (!parse_whole(value.text, &inner, &problem))
    bad_row(field, ": JSON text, column ", problem.column, ": ", base::printable(problem.reason));
  return inner;
}

std::string object_text(const Value& value, const std::string& field) {
  const bool text = value.is(Value::Kind::string);
  if (text && value.text.find_first_not_of(" \t\r\n") == std::string::npos) return "{}";
  const Value object = unwrap(value, field);
  if (!object.is(Value::Kind::object)) bad_row(field, ": expected a JSON object, got ", kind_name(object));
  return text ? value.text : to_text(object);
}

namespace {

// An unknown key that is nearly a known one is a misspelling, and would lose what it holds; another is noted.
void unknown_key(const std::string& key, const std::vector<std::string>& near, const std::string& field,
                 Notes& notes, const std::string& where) {
  const std::string meant = base::nearest_name(key, near);
  if (!meant.empty())
    bad_row(field, ": unknown key '", base::printable(key), "'; did you mean '", meant, "'?");
  notes.add("key '" + base::printable(key) + "' of a " + where + " is not used");
}

std::string string_field(const Value& object, const char* key, const std::string& field) {
  const Value* value = object.find(key);
  if (!value) return "";
  if (!value->is(Value::Kind::string))
    bad_row(field, ".", key, ": expected a string, got ", kind_name(*value));
  return value->text;
}

// A string, or OpenAI's list of {"type": "text", "text": …} parts, joined.
std::string read_content(const Value& value, const std::string& field) {
  if (value.is(Value::Kind::string)) return value.text;
  if (!value.is(Value::Kind::list)) bad_row(field, ": expected a string, got ", kind_name(value));
  std::string out;
  for (size_t i = 0; i < value.items.size(); ++i) {
    const Value* type = value.items[i].find("type");
    const Value* text = value.items[i].find("text");
    if (!type || type->text != "text" || !text || !text->is(Value::Kind::string))
      bad_row(field, "[", i,
              "]: expected a part {\"type\": \"text\", \"text\": …}; other parts are not read");
    out += text->text;
  }
  return out;
}

std::optional<bool> read_train(const Value& message, const std::string& field) {
  const Value* train = message.find("train");
  const Value* weight = message.find("weight");
  if (train && !train->is(Value::Kind::boolean))
    bad_row(field, ".train: expected true or false, got ", kind_name(*train));
  if (weight && !(weight->is(Value::Kind::number) && (weight->text == "0" || weight->text == "1" ||
                                                      weight->text == "0.0" || weight->text == "1.0")))
    bad_row(field, ".weight: expected 0 or 1 (weights in between are not supported)");
  if (train && weight) bad_row(field, ".weight: 'train' is given as well; keep one of them");
  if (train) return train->flag;
  if (weight) return weight->text[0] == '1';
  return {};
}

void read_tool_calls(const Value& message, const std::string& field, Message* out, Notes& notes) {
  if (const Value* calls = message.find("tool_calls")) {
    const Value list = unwrap(*calls, field + ".tool_calls");
    if (!list.is(Value::Kind::list)) bad_row(field, ".tool_calls: expected a list, got ", kind_name(list));
    for (size_t i = 0; i < list.items.size(); ++i)
      out->tool_calls.push_back(read_tool_call(list.items[i], concat(field, ".tool_calls[", i, "]"), notes));
  }
  if (const Value* legacy = message.find("function_call"))  // OpenAI's older form
    out->tool_calls.push_back(read_tool_call(*legacy, field + ".function_call", notes));
  if (!out->tool_calls.empty() && out->role != "assistant")
    bad_row(field, ".tool_calls: only the assistant calls tools, and the role is '",
            base::printable(out->role), "'");
}

void check_message_keys(const Value& message, const std::string& field, Notes& notes) {
  static const std::vector<std::string> known = {"role",         "content", "tool_calls",
                                                 "tool_call_id", "name",    "reasoning_content",
                                                 "train",        "weight",  "function_call"};
  static const std::vector<std::string> near = {"content", "tool_calls", "tool_call_id", "reasoning_content",
                                                "train",   "weight",     "function_call"};
  for (size_t i = 0; i < message.keys.size(); ++i)
    if (std::find(known.begin(), known.end(), message.keys[i]) == known.end() &&
        !message.items[i].is(Value::Kind::null))
      unknown_key(message.keys[i], near, field, notes, "message");
}

Message read_message(const Value& message, const std::string& field, Notes& notes) {
  if (!message.is(Value::Kind::object)) bad_row(field, ": expected an object, got ", kind_name(message));
  check_message_keys(message, field, notes);
  Message out;
  out.role = string_field(message, "role", field);
  if (out.role.empty())
    bad_row(field, ".role: missing",
            message.find("from") ? "; it has 'from', so this is sharegpt's form" : "");
  out.reasoning_content = string_field(message, "reasoning_content", field);
  out.tool_call_id = string_field(message, "tool_call_id", field);
  out.name = string_field(message, "name", field);
  out.train = read_train(message, field);
  read_tool_calls(message, field, &out, notes);
  const Value* content = message.find("content");
  if (content) out.content = read_content(*content, field + ".content");
  if (!content && out.tool_calls.empty() && out.reasoning_content.empty())
    bad_row(field, ".content: missing");
  return out;
}

}  // namespace

ToolCall read_tool_call(const Value& call, const std::string& field, Notes& notes) {
  if (!call.is(Value::Kind::object)) bad_row(field, ": expected an object, got ", kind_name(call));
  const Value* function = call.find("function");
  const Value& body = function ? *function : call;
  if (!body.is(Value::Kind::object)) bad_row(field, ".function: expected an object, got ", kind_name(body));
  static const std::vector<std::string> known = {"name", "arguments", "id", "type", "function", "index"};
  static const std::vector<std::string> near = {"arguments", "function"};
  for (const Value* object : {&call, &body})
    for (const std::string& key : object->keys)
      if (std::find(known.begin(), known.end(), key) == known.end())
        unknown_key(key, near, field, notes, "tool call");
  ToolCall out;
  out.name = string_field(body, "name", field);
  if (out.name.empty()) bad_row(field, ".name: missing");
  out.id = string_field(call, "id", field);
  const Value* arguments = body.find("arguments");
  out.arguments = arguments ? object_text(*arguments, field + ".arguments") : "{}";
  return out;
}

std::vector<Message> read_messages(const Value& value, const std::string& field, Notes& notes) {
  const Value list = unwrap(value, field);
  if (!list.is(Value::Kind::list)) bad_row(field, ": expected a list, got ", kind_name(list));
  std::vector<Message> out;
  for (size_t i = 0; i < list.items.size(); ++i)
    out.push_back(read_message(list.items[i], concat(field, "[", i, "]"), notes));
  return out;
}

std::vector<Tool> read_tools(const Value& value, Notes& notes) {
  if (value.is(Value::Kind::string) && value.text.find_first_not_of(" \t\r\n") == std::string::npos)
    return {};
  const Value list = unwrap(value, "tools");
  if (!list.is(Value::Kind::list)) bad_row("tools: expected a list, got ", kind_name(list));
  static const std::vector<std::string> known = {"name", "description", "parameters"};
  std::vector<Tool> out;
  for (size_t i = 0; i < list.items.size(); ++i) {
    const std::string field = concat("tools[", i, "]");
    const Value tool = unwrap(list.items[i], field);
    const Value* function = tool.find("function");
    const Value& body = function ? *function : tool;
    if (!body.is(Value::Kind::object)) bad_row(field, ": expected an object, got ", kind_name(body));
    for (const std::string& key : body.keys)
      if (std::find(known.begin(), known.end(), key) == known.end() && key != "type")
        unknown_key(key, known, field, notes, "tool");
    Tool read{string_field(body, "name", field), string_field(body, "description", field), ""};
    if (read.name.empty()) bad_row(field, ".name: missing");
    if (const Value* parameters = body.find("parameters"))
      read.parameters = object_text(*parameters, field + ".parameters");
    out.push_back(std::move(read));
  }
  return out;
}

}  // namespace whorl::data
