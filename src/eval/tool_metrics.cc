// Tool calls are compared by what they mean: JSON values, not their spelling.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/json.h"
#include "eval/json_equal.h"
#include "whorl/evaluator.h"

namespace whorl {
namespace {

using base::Json;

struct Call {
  std::string name;
  Json arguments;  // discarded: what was got is not JSON and matches nothing
  bool readable = true;
};

Json parse_arguments(const std::string& text) {
  return text.empty() ? Json::object() : base::parse_json(text, "[Evaluator] arguments");
}

std::vector<Call> read_expected(const std::vector<ToolCall>& calls) {
  std::vector<Call> out;
  for (const auto& call : calls) out.push_back({call.name, parse_arguments(call.arguments)});
  return out;
}

std::vector<Call> read_got(const std::vector<ToolCall>& calls) {
  std::vector<Call> out;
  for (const auto& call : calls) {
    try {
      out.push_back({call.name, parse_arguments(call.arguments)});
    } catch (const std::invalid_argument&) {
      out.push_back({call.name, {}, false});
    }
  }
  return out;
}

// "The same" is an equivalence, so taking the first that fits finds a perfect matching if there is one.
template <class Item, class Same>
bool same_multiset(const std::vector<Item>& expected, std::vector<Item> got, const Same& same) {
  if (expected.size() != got.size()) return false;
  for (const auto& item : expected) {
    const auto found =
        std::find_if(got.begin(), got.end(), [&](const Item& other) { return same(item, other); });
    if (found == got.end()) return false;
    got.erase(found);
  }
  return true;
}

}  // namespace

double function_name_match(const std::vector<ToolCall>& expected, const std::vector<ToolCall>& got) {
  return same_multiset(expected, got, [](const ToolCall& a, const ToolCall& b) { return a.name == b.name; });
}

double function_name_and_args_match(const std::vector<ToolCall>& expected, const std::vector<ToolCall>& got) {
  return same_multiset(read_expected(expected), read_got(got), [](const Call& a, const Call& b) {
    return a.name == b.name && b.readable && eval::same_value(a.arguments, b.arguments);
  });
}

}  // namespace whorl
