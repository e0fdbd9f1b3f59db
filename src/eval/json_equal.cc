#include "eval/json_equal.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace whorl::eval {
namespace {

using base::Json;
using Same = bool (*)(const Json&, const Json&);

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

bool same_object(const Json& a, const Json& b, Same same) {
  if (a.size() != b.size()) return false;
  for (const auto& [key, value] : a.items()) {
    const auto found = b.find(key);
    if (found == b.end() || !same(value, *found)) return false;
  }
  return true;
}

// What is neither a number nor of different types.
bool same_rest(const Json& a, const Json& b, Same same) {
  if (a.type() != b.type()) return false;
  if (a.is_object()) return same_object(a, b, same);
  if (a.is_array()) return std::equal(a.begin(), a.end(), b.begin(), b.end(), same);
  return a == b;
}

}  // namespace

bool same_value(const Json& a, const Json& b) {
  if (a.is_number() && b.is_number()) return same_number(a, b);
  return same_rest(a, b, same_value);
}

bool same_in_python(const Json& a, const Json& b) {
  const bool a_counts = a.is_number() || a.is_boolean(), b_counts = b.is_number() || b.is_boolean();
  if (!a_counts || !b_counts) return same_rest(a, b, same_in_python);
  auto number = [](const Json& x) { return x.is_boolean() ? Json(x.get<bool>() ? 1 : 0) : x; };
  return same_number(number(a), number(b));
}

}  // namespace whorl::eval
