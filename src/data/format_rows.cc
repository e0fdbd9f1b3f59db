// The five row formats.
#include <algorithm>
#include <set>

#include "base/file.h"
#include "base/json.h"
#include "data/formats.h"

namespace whorl::data {

using base::concat;

namespace {

using Used = std::set<std::string>;

const Value& need(const Value& row, const char* key) {
  const Value* value = row.find(key);
  if (!value) bad_row("missing field '", key, "'", base::did_you_mean(key, row.keys));
  return *value;
}

std::string need_string(const Value& row, const char* key) {
  const Value& value = need(row, key);
  if (!value.is(Value::Kind::string))
    bad_row("expected field '", key, "' to be a string, got ", kind_name(value));
  return value.text;
}

std::string optional_string(const Value& row, const char* key) {
  return row.find(key) ? need_string(row, key) : "";
}

void take_tools(const Value& row, Row* out, Used* used, Notes& notes) {
  if (const Value* tools = row.find("tools")) out->tools = read_tools(*tools, notes);
  used->insert("tools");
}

Used messages_row(const Value& row, Row* out, Notes& notes) {
  const Value list = unwrap(need(row, "messages"), "messages");
  if (!list.is(Value::Kind::list)) bad_row("expected field 'messages' to be a list, got ", kind_name(list));
  out->messages = read_messages(list, "messages", notes);
  Used used = {"messages"};
  take_tools(row, out, &used, notes);
  return used;
}

Used prompt_completion_row(const Value& row, Row* out, Notes& notes) {
  const Value& prompt = need(row, "prompt");
  const Value& completion = need(row, "completion");
  Used used = {"prompt", "completion"};
  if (!prompt.is(Value::Kind::list) && !completion.is(Value::Kind::list)) {
    out->prompt = need_string(row, "prompt");
    out->completion = need_string(row, "completion");
    return used;
  }
  if (prompt.kind != completion.kind)
    bad_row("completion: expected the kind of 'prompt' (two strings or two lists of messages)");
  out->messages = read_messages(prompt, "prompt", notes);
  // The assistant turns of a prompt are context: the loss falls on the completion only.
  for (Message& message : out->messages)
    if (message.role == "assistant" && !message.train) message.train = false;
  for (Message& message : read_messages(completion, "completion", notes))
    out->messages.push_back(std::move(message));
  take_tools(row, out, &used, notes);
  return used;
}

std::string stanford_prompt(const std::string& instruction, const std::string& input) {
  const std::string task = "Below is an instruction that describes a task";
  const std::string tail =
      "Write a response that appropriately completes the request.\n\n### Instruction:\n" + instruction;
  if (input.empty()) return task + ". " + tail + "\n\n### Response:";
  return task + ", paired with an input that provides further context. " + tail + "\n\n### Input:\n" + input +
         "\n\n### Response:";
}

void read_history(const Value& value, std::vector<Message>* out) {
  const Value list = unwrap(value, "history");
  if (!list.is(Value::Kind::list))
    bad_row("expected field 'history' to be a list of [question, answer], got ", kind_name(list));
  for (size_t i = 0; i < list.items.size(); ++i) {
    const Value& pair = list.items[i];
    const bool two = pair.is(Value::Kind::list) && pair.items.size() == 2 &&
                     pair.items[0].is(Value::Kind::string) && pair.items[1].is(Value::Kind::string);
    if (!two) bad_row("history[", i, "]: expected [question, answer], two strings");
    out->push_back({.role = "user", .content = pair.items[0].text});
    out->push_back({.role = "assistant", .content = pair.items[1].text});
  }
}

Used alpaca_row(const Value& row, const LoadOptions& options, Row* out) {
  const std::string instruction = need_string(row, "instruction"), input = optional_string(row, "input"),
                    output = need_string(row, "output"), system = optional_string(row, "system");
  const Value* history = row.find("history");
  Used used = {"instruction", "input", "output", "system", "history"};
  if (options.alpaca_prompt == "stanford") {
    if (!system.empty())
      bad_row("system: the Stanford prompt has no place for it; use alpaca_prompt = \"template\"");
    if (history && !unwrap(*history, "history").items.empty())
      bad_row("history: the Stanford prompt has no place for it; use alpaca_prompt = \"template\"");
    out->prompt = stanford_prompt(instruction, input);
    out->completion = output;
    return used;
  }
  if (!system.empty()) out->messages.push_back({.role = "system", .content = system});
  if (history) read_history(*history, &out->messages);
  out->messages.push_back(
      {.role = "user", .content = input.empty() ? instruction : instruction + "\n" + input});
  out->messages.push_back({.role = "assistant", .content = output});
  return used;
}

Message sharegpt_turn(const Value& turn, const std::string& field, Notes& notes) {
  if (!turn.is(Value::Kind::object)) bad_row(field, ": expected an object, got ", kind_name(turn));
  const Value* from = turn.find("from");
  const Value* value = turn.find("value");
  if (!from || !from->is(Value::Kind::string))
    bad_row(field, ".from: missing",
            turn.find("role") ? "; it has 'role', so read it with columns {\"messages\": \"conversations\"}"
                              : "");
  if (!value || !value->is(Value::Kind::string))
    bad_row(field, ".value: expected a string", base::did_you_mean("value", turn.keys));
  for (const std::string& key : turn.keys)
    if (key != "from" && key != "value")
      notes.add("key '" + base::printable(key) + "' of a turn is not used");
  static const std::map<std::string, std::string> roles = {
      {"human", "user"},    {"user", "user"},        {"gpt", "assistant"}, {"assistant", "assistant"},
      {"system", "system"}, {"observation", "tool"}, {"tool", "tool"},     {"function_call", "assistant"}};
  const auto role = roles.find(from->text);
  if (role == roles.end())
    bad_row(field, ".from: unknown '", base::printable(from->text),
            "'; known are human, gpt, system, function_call, observation");
  Message out{.role = role->second};
  if (from->text != "function_call") {
    out.content = value->text;
    return out;
  }
  const Value call = unwrap(*value, field + ".value");
  if (!call.is(Value::Kind::list)) {
    out.tool_calls.push_back(read_tool_call(call, field + ".value", notes));
    return out;
  }
  for (size_t i = 0; i < call.items.size(); ++i)
    out.tool_calls.push_back(read_tool_call(call.items[i], concat(field, ".value[", i, "]"), notes));
  return out;
}

Used sharegpt_row(const Value& row, Row* out, Notes& notes) {
  const Value turns = unwrap(need(row, "conversations"), "conversations");
  if (!turns.is(Value::Kind::list))
    bad_row("expected field 'conversations' to be a list, got ", kind_name(turns));
  for (size_t i = 0; i < turns.items.size(); ++i)
    out->messages.push_back(sharegpt_turn(turns.items[i], concat("conversations[", i, "]"), notes));
  Used used = {"conversations"};
  const std::string system = optional_string(row, "system");
  const bool has_system = !out->messages.empty() && out->messages[0].role == "system";
  if (!has_system) {  // a leading system turn beats the column, which then stays in `extra`
    used.insert("system");
    if (!system.empty())
      out->messages.insert(out->messages.begin(), Message{.role = "system", .content = system});
  }
  take_tools(row, out, &used, notes);
  return used;
}

std::string rest(const Value& row, const Used& used) {
  Value extra = Value::object();
  for (size_t i = 0; i < row.keys.size(); ++i)
    if (!used.contains(row.keys[i])) extra.add(row.keys[i], row.items[i]);
  return extra.keys.empty() ? "" : to_text(extra);
}

}  // namespace

Row to_row(const Value& row, const std::string& format, const LoadOptions& options, Notes& notes) {
  Row out;
  Used used;
  if (format == "messages")
    used = messages_row(row, &out, notes);
  else if (format == "prompt_completion")
    used = prompt_completion_row(row, &out, notes);
  else if (format == "alpaca")
    used = alpaca_row(row, options, &out);
  else if (format == "sharegpt")
    used = sharegpt_row(row, &out, notes);
  else
    out.text = need_string(row, "text"), used = {"text"};
  out.extra = rest(row, used);
  validate(out);
  return out;
}

namespace {

// RFC 6901: "/instances/0/output", with ~1 for '/' and ~0 for '~'.
const Value* follow(const Value& row, const std::string& pointer) {
  const Value* here = &row;
  size_t start = 1;
  while (here && start <= pointer.size()) {
    const size_t end = std::min(pointer.find('/', start), pointer.size());
    std::string part = pointer.substr(start, end - start);
    for (size_t i = 0; (i = part.find('~', i)) != std::string::npos; ++i)
      if (i + 1 < part.size() && (part[i + 1] == '0' || part[i + 1] == '1'))
        part.replace(i, 2, part[i + 1] == '1' ? "/" : "~");
    if (here->is(Value::Kind::list)) {
      const bool number =
          !part.empty() && part.size() < 10 && part.find_first_not_of("0123456789") == std::string::npos;
      const size_t index = number ? std::stoul(part) : here->items.size();
      here = index < here->items.size() ? &here->items[index] : nullptr;
    } else {
      here = here->find(part);
    }
    start = end + 1;
  }
  return here;
}

}  // namespace

Value apply_columns(Value row, const std::map<std::string, std::string>& columns) {
  if (columns.empty()) return row;
  Value out = Value::object();
  Used taken;
  for (const auto& [field, column] : columns) {
    const bool pointer = !column.empty() && column[0] == '/';
    const Value* value = pointer ? follow(row, column) : row.find(column);
    if (pointer ? false : std::find(row.keys.begin(), row.keys.end(), column) == row.keys.end())
      bad_row("no column '", base::printable(column), "', which options.columns gives for '", field, "'",
              base::did_you_mean(column, row.keys));
    if (value) out.add(field, *value);
    if (!pointer) taken.insert(column);
  }
  for (size_t i = 0; i < row.keys.size(); ++i) {
    if (taken.contains(row.keys[i])) continue;
    if (columns.contains(row.keys[i]) && columns.at(row.keys[i])[0] != '/')
      bad_row("column '", row.keys[i], "' is there already, and options.columns gives another one that name");
    if (!columns.contains(row.keys[i])) out.add(row.keys[i], std::move(row.items[i]));
  }
  return out;
}

}  // namespace whorl::data
