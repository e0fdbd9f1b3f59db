// Rows as canonical JSON: for saving, for digests, and as what "equal rows" means.
#include <algorithm>

#include "base/file.h"
#include "base/hash.h"
#include "data/dataset_impl.h"
#include "data/value.h"

namespace whorl::data {

namespace {

void add_text(Value* object, const char* key, const std::string& text) {
  if (!text.empty()) object->add(key, Value::string(text));
}

Value call_value(const ToolCall& call) {
  Value function = Value::object();
  function.add("name", Value::string(call.name));
  function.add("arguments", Value::string(call.arguments));  // the exact text, as OpenAI's form has it
  Value out = Value::object();
  add_text(&out, "id", call.id);
  out.add("type", Value::string("function"));
  out.add("function", std::move(function));
  return out;
}

Value message_value(const Message& message) {
  Value out = Value::object();
  out.add("role", Value::string(message.role));
  out.add("content", Value::string(message.content));
  add_text(&out, "reasoning_content", message.reasoning_content);
  if (!message.tool_calls.empty()) {
    Value calls = Value::list();
    for (const ToolCall& call : message.tool_calls) calls.items.push_back(call_value(call));
    out.add("tool_calls", std::move(calls));
  }
  add_text(&out, "tool_call_id", message.tool_call_id);
  add_text(&out, "name", message.name);
  if (message.train) out.add("train", Value::boolean(*message.train));
  return out;
}

Value tool_value(const Tool& tool) {
  Value function = Value::object();
  function.add("name", Value::string(tool.name));
  add_text(&function, "description", tool.description);
  Value parameters;
  ParseProblem problem;
  if (!tool.parameters.empty()) {
    // An object where that spells the same text again, otherwise the text itself.
    const bool same =
        parse_whole(tool.parameters, &parameters, &problem) && to_text(parameters) == tool.parameters;
    function.add("parameters", same ? std::move(parameters) : Value::string(tool.parameters));
  }
  Value out = Value::object();
  out.add("type", Value::string("function"));
  out.add("function", std::move(function));
  return out;
}

Value row_value(const Row& row) {
  Value out = Value::object();
  switch (kind_of(row)) {
    case RowKind::messages: {
      Value messages = Value::list();
      for (const Message& message : row.messages) messages.items.push_back(message_value(message));
      out.add("messages", std::move(messages));
      break;
    }
    case RowKind::prompt_completion:
      out.add("prompt", Value::string(row.prompt));
      out.add("completion", Value::string(row.completion));
      break;
    case RowKind::text:
      out.add("text", Value::string(row.text));
  }
  if (!row.tools.empty()) {
    Value tools = Value::list();
    for (const Tool& tool : row.tools) tools.items.push_back(tool_value(tool));
    out.add("tools", std::move(tools));
  }
  Value extra;
  ParseProblem problem;
  const std::vector<std::string> own = out.keys;
  if (!row.extra.empty() && parse_whole(row.extra, &extra, &problem))
    for (size_t i = 0; i < extra.keys.size(); ++i) {
      const bool taken = std::find(own.begin(), own.end(), extra.keys[i]) != own.end();
      out.add(taken ? extra.keys[i] + "_" : extra.keys[i], std::move(extra.items[i]));
    }
  return out;
}

}  // namespace

std::string canonical_json(const Row& row) { return to_text(row_value(row)); }

}  // namespace whorl::data

namespace whorl {

std::string Dataset::digest() const {
  base::Sha256 hash;
  for (const auto& row : impl_->rows) hash.update(data::canonical_json(*row)).update("\n");
  return hash.hex();
}

void Dataset::save(const std::filesystem::path& jsonl) const {
  std::string text;
  for (const auto& row : impl_->rows) text += data::canonical_json(*row) + "\n";
  base::write_file_durably(*base::FileSystem::real(), jsonl.string(), text, "Dataset.save");
}

}  // namespace whorl
