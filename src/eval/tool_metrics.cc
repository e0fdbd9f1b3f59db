// Tool calls are compared by what they mean: JSON values, not their spelling.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/json.h"
#include "whorl/evaluator.h"

namespace whorl {
namespace {

using base::Json;

// 1 equals 1.0 and 1e0; integers that a double cannot hold are compared as integers.
bool same_number(const Json& a, const Json& b) {
  if (a.is_number_float() && b.is_number_float()) return a.get<double>() == b.get<double>();
  if (!a.is_number_float() && !b.is_number_float()) {
    const bool negative =
        a.is_number_unsigned() != b.is_number_unsigned() && (a.get<int64_t>() < 0 || b.get<int64_t>() < 0);
    return !negative && a.get<uint64_t>() == b.get<uint64_t>();
  }
  const Json& real = a.is_number_float() ? a : b;
  const Json& whole = a.is_number_float() ? b : a;
  const double x = real.get<double>();
  if (whole.is_number_unsigned())
    return x >= 0 && x < 0x1p64 && static_cast<double>(static_cast<uint64_t>(x)) == x &&
           static_cast<uint64_t>(x) == whole.get<uint64_t>();
  return x >= -0x1p63 && x < 0x1p63 && static_cast<double>(static_cast<int64_t>(x)) == x &&
         static_cast<int64_t>(x) == whole.get<int64_t>();
}

bool same_value(const Json& a, const Json& b);

bool same_object(const Json& a, const Json& b) {
  if (a.size() != b.size()) return false;
  for (const auto& [key, value] : a.items()) {
    const auto found = b.find(key);
    if (found == b.end() || !same_value(value, *found)) return false;
  }
  return true;
}

bool same_value(const Json& a, const Json& b) {
  if (a.is_number() && b.is_number()) return same_number(a, b);
  if (a.type() != b.type()) return false;
  if (a.is_object()) return same_object(a, b);
  if (a.is_array()) return std::equal(a.begin(), a.end(), b.begin(), b.end(), same_value);
  return a == b;
}

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
    return a.name == b.name && b.readable && same_value(a.arguments, b.arguments);
  });
}

}  // namespace whorl
