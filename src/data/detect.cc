#include <algorithm>

#include "data/formats.h"

namespace whorl::data {

const std::vector<std::string>& format_names() {
  static const std::vector<std::string> names = {"messages", "prompt_completion", "alpaca", "sharegpt",
                                                 "text"};
  return names;
}

namespace {

bool is_list(const Value* value) {
  if (!value) return false;
  if (value->is(Value::Kind::list)) return true;
  const size_t first =
      value->is(Value::Kind::string) ? value->text.find_first_not_of(" \t\r\n") : std::string::npos;
  return first != std::string::npos && value->text[first] == '[';  // JSON text in a CSV cell
}

std::string key_names(const Value& row) {
  std::string out;
  for (size_t i = 0; i < std::min<size_t>(row.keys.size(), 12); ++i)
    out += (i ? ", '" : "'") + row.keys[i] + "'";
  return row.keys.empty() ? "none" : row.keys.size() > 12 ? out + ", …" : out;
}

}  // namespace

Detected detect(const Value& row) {
  const auto has = [&row](const char* key) { return row.find(key) != nullptr; };
  if (has("chosen") && has("rejected"))
    return {"",
            "a preference pair ('chosen' and 'rejected'); Dataset reads rows for supervised training, and "
            "one answer "
            "of a pair must not be learnt by accident"};
  if (has("kto_tag") ||
      (has("prompt") && has("completion") && has("label") && row.find("label")->is(Value::Kind::boolean)))
    return {"",
            "unpaired preference data (a true/false label per answer); Dataset reads rows for supervised "
            "training. "
            "Set format to \"prompt_completion\" to train on every completion all the same"};
  if (is_list(row.find("messages"))) return {"messages", "a list 'messages' of {role, content}"};
  if (is_list(row.find("conversations"))) return {"sharegpt", "a list 'conversations' of {from, value}"};
  if (has("prompt") && has("completion")) return {"prompt_completion", "'prompt' and 'completion'"};
  if (has("instruction") && has("output")) return {"alpaca", "'instruction' and 'output'"};
  if (has("text")) return {"text", "'text'"};
  return {"", "none of the known formats; it has the columns " + key_names(row) +
                  ". Name the right ones with LoadOptions::columns, for example {\"prompt\": \"question\", "
                  "\"completion\": \"answer\"}"};
}

}  // namespace whorl::data
