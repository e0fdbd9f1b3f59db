#include "eval/items.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "text/messages_json.h"

namespace whorl {
namespace eval {
namespace {

using base::Json;

bool is_plain_key(const std::string& key) { return normalised_key(key) == key; }

// Adds every key that templates cannot name under the name that they can; a clash gets _1, _2, …
std::string with_normalised_keys(const std::string& text, const Json& object) {
  const auto& items = object.items();
  if (std::all_of(items.begin(), items.end(), [](const auto& item) { return is_plain_key(item.key()); }))
    return text;
  Json out = object;
  for (const auto& [key, value] : object.items()) {
    const std::string plain = normalised_key(key);
    if (plain == key) continue;
    std::string free = plain;
    for (int i = 1; out.contains(free); ++i) free = base::concat(plain, "_", i);
    out[free] = value;
  }
  return out.dump();
}

Item read_item(const std::string& text, const std::string& source) {
  const Json row = base::parse_json(text, "[EvaluateData] " + source);
  base::check_argument(row.is_object(), "[EvaluateData] ", source, ": expected an object, got ",
                       base::kind_of(row));
  return {with_normalised_keys(text, row), source, {}};
}

void add_lines(const std::string& text, const std::string& source, std::vector<Item>& items) {
  int64_t line = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string row = text.substr(begin, end - begin);
    ++line;
    if (row.find_first_not_of(" \t\r") != std::string::npos)
      items.push_back(read_item(row, base::concat(source, ":", line)));
    begin = end + 1;
  }
}

void add_array(const std::string& text, const std::string& source, std::vector<Item>& items) {
  const Json rows = base::parse_json(text, "[EvaluateData] " + source);
  base::check_argument(rows.is_array(), "[EvaluateData] ", source, ": expected a list of objects, got ",
                       base::kind_of(rows));
  for (size_t i = 0; i < rows.size(); ++i)
    items.push_back(read_item(rows[i].dump(), base::concat(source, "[", i, "]")));
}

// Items come with their whole contents in `id`, where that is more than `json`.
std::shared_ptr<const EvaluateData::Impl> sealed(EvaluateData::Impl impl) {
  base::Sha256 all;
  std::map<std::string, int64_t> seen;
  for (Item& item : impl.items) {
    const std::string contents = item.id.empty() ? item.json : item.id;
    all.update(contents).update("\n");
    item.id = base::sha256_hex(contents).substr(0, 16);
    if (const int64_t times = ++seen[item.id]; times > 1) item.id += base::concat("#", times);
  }
  impl.digest = impl.dataset ? impl.dataset->digest() : all.hex();
  return std::make_shared<const EvaluateData::Impl>(std::move(impl));
}

}  // namespace

std::string normalised_key(const std::string& key) {
  std::string out;
  for (const char c : key) {
    const bool upper = c >= 'A' && c <= 'Z', plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    out += upper ? static_cast<char>(c + 32) : plain ? c : '_';
  }
  return out;
}

std::string item_json(const Row& row) {
  std::string out;
  const auto add = [&out](const char* key, const std::string& json) {
    out += (out.empty() ? "\"" : ", \"") + std::string(key) + "\": " + json;
  };
  if (!row.messages.empty()) add("messages", text::messages_json(row.messages));
  if (!row.tools.empty()) add("tools", text::tools_json(row.tools));
  if (row.messages.empty() && row.text.empty()) {
    add("prompt", text::json_quoted(row.prompt));
    add("completion", text::json_quoted(row.completion));
  }
  if (!row.text.empty()) add("text", text::json_quoted(row.text));
  const size_t begin = row.extra.find('{'), end = row.extra.rfind('}');
  if (begin != std::string::npos && end != std::string::npos &&
      row.extra.find_first_not_of(" \t\r\n", begin + 1) != end)
    out += (out.empty() ? "" : ", ") + row.extra.substr(begin + 1, end - begin - 1);
  out = "{" + out + "}";
  return with_normalised_keys(out, base::parse_json(out, "[EvaluateData] " + row.source));
}

}  // namespace eval

EvaluateData::EvaluateData(const Dataset& data) {
  Impl impl;
  impl.dataset = data;
  for (int64_t i = 0; i < data.size(); ++i) {
    Row asked = data[i];
    const std::string whole = eval::item_json(asked);
    const auto answer = std::find_if(asked.messages.rbegin(), asked.messages.rend(),
                                     [](const Message& message) { return message.role == "assistant"; });
    // What a template makes of the messages must not hold the answer.
    if (answer != asked.messages.rend()) asked.messages.erase(answer.base() - 1, asked.messages.end());
    impl.items.push_back({eval::item_json(asked), asked.source, whole});
  }
  impl_ = eval::sealed(std::move(impl));
}

EvaluateData EvaluateData::load(const std::filesystem::path& path) {
  const std::string text = base::read_file(path.string()), name = path.filename().string();
  Impl impl;
  if (path.extension() == ".json")
    eval::add_array(text, name, impl.items);
  else
    eval::add_lines(text, name, impl.items);
  return EvaluateData(eval::sealed(std::move(impl)));
}

EvaluateData EvaluateData::from_jsonl(const std::string& text, const std::string& source) {
  Impl impl;
  eval::add_lines(text, source, impl.items);
  return EvaluateData(eval::sealed(std::move(impl)));
}

int64_t EvaluateData::size() const { return static_cast<int64_t>(impl_->items.size()); }
std::string EvaluateData::digest() const { return impl_->digest; }

}  // namespace whorl
