#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/file.h"
#include "base/json.h"

namespace whorl::base {

const char* kind_of(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null:
      return "null";
    case Json::value_t::object:
      return "an object";
    case Json::value_t::array:
      return "a list";
    case Json::value_t::string:
      return "a string";
    case Json::value_t::boolean:
      return "true/false";
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
      return "an integer";
    case Json::value_t::number_float:
      return "a number";
    default:
      return "something else";
  }
}

namespace {

[[noreturn]] void wrong(std::string_view context, const char* key, const char* expected, const Json& got) {
  invalid(context, ": expected field '", key, "' to be ", expected, ", got ", kind_of(got));
}

const Json* find(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto it = object.find(key);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

int64_t as_int(const Json& value, const char* key, std::string_view context) {
  if (!value.is_number_integer()) wrong(context, key, "an integer", value);
  if (value.is_number_unsigned() && value.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
    invalid(context, ": field '", key, "' is too large: ", value.get<uint64_t>());
  return value.get<int64_t>();
}

double as_number(const Json& value, const char* key, std::string_view context) {
  if (!value.is_number()) wrong(context, key, "a number", value);
  return value.get<double>();
}

bool as_bool(const Json& value, const char* key, std::string_view context) {
  if (!value.is_boolean()) wrong(context, key, "true or false", value);
  return value.get<bool>();
}

std::string as_string(const Json& value, const char* key, std::string_view context) {
  if (!value.is_string()) wrong(context, key, "a string", value);
  return value.get<std::string>();
}

}  // namespace

bool has(const Json& object, const char* key) { return find(object, key) != nullptr; }

const Json& require(const Json& object, const char* key, std::string_view context) {
  if (!object.is_object())
    invalid(context, ": expected an object with field '", key, "', got ", kind_of(object));
  const auto it = object.find(key);
  if (it == object.end()) invalid(context, ": missing field '", key, "'");
  return *it;
}

const Json& require_object(const Json& object, const char* key, std::string_view context) {
  const Json& value = require(object, key, context);
  if (!value.is_object()) wrong(context, key, "an object", value);
  return value;
}

const Json& require_array(const Json& object, const char* key, std::string_view context) {
  const Json& value = require(object, key, context);
  if (!value.is_array()) wrong(context, key, "a list", value);
  return value;
}

int64_t require_int(const Json& object, const char* key, std::string_view context) {
  return as_int(require(object, key, context), key, context);
}
double require_number(const Json& object, const char* key, std::string_view context) {
  return as_number(require(object, key, context), key, context);
}
bool require_bool(const Json& object, const char* key, std::string_view context) {
  return as_bool(require(object, key, context), key, context);
}
std::string require_string(const Json& object, const char* key, std::string_view context) {
  return as_string(require(object, key, context), key, context);
}

std::vector<std::string> require_strings(const Json& object, const char* key, std::string_view context) {
  std::vector<std::string> out;
  for (const Json& item : require_array(object, key, context)) {
    if (!item.is_string())
      invalid(context, ": expected field '", key, "' to be a list of strings, it holds ", kind_of(item));
    out.push_back(item.get<std::string>());
  }
  return out;
}

int64_t int_or(const Json& object, const char* key, int64_t fallback, std::string_view context) {
  const Json* value = find(object, key);
  return value ? as_int(*value, key, context) : fallback;
}
double number_or(const Json& object, const char* key, double fallback, std::string_view context) {
  const Json* value = find(object, key);
  return value ? as_number(*value, key, context) : fallback;
}
bool bool_or(const Json& object, const char* key, bool fallback, std::string_view context) {
  const Json* value = find(object, key);
  return value ? as_bool(*value, key, context) : fallback;
}
std::string string_or(const Json& object, const char* key, const std::string& fallback,
                      std::string_view context) {
  const Json* value = find(object, key);
  return value ? as_string(*value, key, context) : fallback;
}

void check_known_keys(const Json& object, const std::vector<std::string>& known, std::string_view context) {
  if (!object.is_object()) invalid(context, ": expected an object, got ", kind_of(object));
  for (const auto& [key, value] : object.items())
    if (std::find(known.begin(), known.end(), key) == known.end())
      invalid(context, ": unknown key '", printable(key), "'", did_you_mean(key, known));
}

void check_known_keys(const Json& object, std::initializer_list<std::string_view> known,
                      std::string_view context) {
  check_known_keys(object, std::vector<std::string>(known.begin(), known.end()), context);
}

namespace {
// Levenshtein distance with one row of memory.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}
}  // namespace

// Close enough to be meant: a third of the name, and at least two letters, may differ. Long foreign names
// and long lists are not searched, so that a hostile key costs nothing.
std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates) {
  if (name.size() > 512 || candidates.size() > 20'000) return "";
  size_t best = std::max<size_t>(2, name.size() / 3) + 1;
  std::string nearest;
  for (const std::string& candidate : candidates) {
    const size_t gap =
        candidate.size() > name.size() ? candidate.size() - name.size() : name.size() - candidate.size();
    if (gap >= best) continue;
    const size_t distance = edit_distance(name, candidate);
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates) {
  const std::string nearest = nearest_name(name, candidates);
  return nearest.empty() ? "" : "; did you mean '" + nearest + "'?";
}

}  // namespace whorl::base
