#include "pipeline/json_reader.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/file.h"
#include "base/yaml.h"

namespace whorl::pipeline {

using base::Json;

JsonReader::JsonReader(const Json& json, const Places& places, std::string pointer, std::string label)
    : json_(json), places_(places), pointer_(std::move(pointer)), label_(std::move(label)) {
  if (!json.is_object())
    base::invalid(places.at(pointer_), ": ", label_, label_.empty() ? "" : ": ", "expected an object, got ",
                  base::kind_of(json));
}

std::string JsonReader::context(const char* key) const {
  return places_.at(base::pointer_to(pointer_, key)) + ": " + label_ + (label_.empty() ? "" : ": ") +
         "field '" + base::printable(key, 80) + "'";
}

void JsonReader::fail(const char* key, const std::string& what) const {
  base::invalid(context(key), ": ", what);
}

void JsonReader::expected(const char* key, const char* wanted, const Json& got) const {
  fail(key, std::string("expected ") + wanted + ", got " + base::kind_of(got));
}

void JsonReader::only(const std::vector<std::string>& known) const {
  for (const auto& [key, value] : json_.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    base::invalid(places_.at(base::pointer_to(pointer_, key)), ": ", label_, label_.empty() ? "" : ": ",
                  "unknown field '", base::printable(key, 80), "'", base::did_you_mean(key, known));
  }
}

const Json* JsonReader::find(const char* key) const {
  const auto found = json_.find(key);
  return found == json_.end() || found->is_null() ? nullptr : &*found;
}

std::string JsonReader::text(const char* key, const std::string& fallback) const {
  const Json* found = find(key);
  if (found == nullptr) return fallback;
  if (!found->is_string()) expected(key, "a string", *found);
  return found->get<std::string>();
}

std::string JsonReader::required_text(const char* key) const {
  if (find(key) == nullptr)
    base::invalid(places_.at(pointer_), ": ", label_, label_.empty() ? "" : ": ", "missing field '", key,
                  "'");
  return text(key);
}

int64_t JsonReader::integer(const char* key, int64_t fallback, int64_t least) const {
  const Json* found = find(key);
  if (found == nullptr) return fallback;
  if (!found->is_number_integer()) expected(key, "an integer", *found);
  const bool huge = found->is_number_unsigned() && found->get<uint64_t>() > static_cast<uint64_t>(INT64_MAX);
  if (huge || found->get<int64_t>() < least)
    fail(key, base::concat("expected an integer of at least ", least, ", got ", found->dump()));
  return found->get<int64_t>();
}

double JsonReader::number(const char* key, double fallback, double least) const {
  const Json* found = find(key);
  if (found == nullptr) return fallback;
  if (!found->is_number()) expected(key, "a number", *found);
  const double value = found->get<double>();
  if (!std::isfinite(value) || value < least)
    fail(key, base::concat("expected a number of at least ", least, ", got ", found->dump()));
  return value;
}

bool JsonReader::boolean(const char* key, bool fallback) const {
  const Json* found = find(key);
  if (found == nullptr) return fallback;
  if (!found->is_boolean()) expected(key, "true or false", *found);
  return found->get<bool>();
}

namespace {

// Kubernetes' suffixes; -1 = none of them.
double unit_of(const std::string& suffix) {
  static const std::map<std::string, double> kUnits = {
      {"", 1},         {"k", 1e3},           {"M", 1e6},
      {"G", 1e9},      {"T", 1e12},          {"Ki", 1024},
      {"Mi", 1 << 20}, {"Gi", 1073741824.0}, {"Ti", 1099511627776.0}};
  const auto found = kUnits.find(suffix);
  return found == kUnits.end() ? -1 : found->second;
}

}  // namespace

uint64_t JsonReader::bytes(const char* key) const {
  const Json* found = find(key);
  if (found == nullptr) return 0;
  if (found->is_number_integer()) return static_cast<uint64_t>(integer(key, 0, 0));
  if (!found->is_string()) expected(key, "bytes as an integer or as text like \"512Mi\"", *found);
  const auto text = found->get<std::string>();
  const size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  const double unit = unit_of(text.substr(digits));
  size_t used = 0;
  double count = -1;
  if (digits > 0 && digits < 16 && text[0] != '.') count = std::stod(text.substr(0, digits), &used);
  if (unit < 0 || count < 0 || used != digits || count * unit > 1e18)
    fail(key, "expected bytes as an integer or with one of k, M, G, T, Ki, Mi, Gi, Ti, got '" +
                  base::printable(text, 40) + "'");
  return static_cast<uint64_t>(count * unit);
}

std::vector<std::string> JsonReader::texts(const char* key) const {
  const Json* found = find(key);
  if (found == nullptr) return {};
  if (found->is_string()) return {found->get<std::string>()};
  if (!found->is_array()) expected(key, "a list of strings", *found);
  std::vector<std::string> made;
  for (const auto& item : *found) {
    if (!item.is_string())
      fail(key, std::string("expected a list of strings, it holds ") + base::kind_of(item));
    made.push_back(item.get<std::string>());
  }
  return made;
}

std::map<std::string, std::string> JsonReader::text_map(const char* key) const {
  std::map<std::string, std::string> made;
  const Json* found = find(key);
  if (found == nullptr) return made;
  if (!found->is_object()) expected(key, "an object of strings", *found);
  for (const auto& [name, item] : found->items()) {
    if (!item.is_string())
      fail(key,
           "expected an object of strings, '" + base::printable(name, 80) + "' is " + base::kind_of(item));
    made[name] = item.get<std::string>();
  }
  return made;
}

Value JsonReader::value(const char* key) const {
  const Json* found = find(key);
  return found == nullptr ? Value() : from_json(*found, context(key));
}

Object JsonReader::object(const char* key) const {
  const Json* found = find(key);
  if (found == nullptr) return {};
  if (!found->is_object()) expected(key, "an object", *found);
  return *from_json(*found, context(key)).object();
}

void JsonReader::each_member(
    const char* key,
    const std::function<void(const std::string&, const Json&, const std::string&)>& use) const {
  const Json* found = find(key);
  if (found == nullptr) return;
  if (!found->is_object()) expected(key, "an object", *found);
  const auto pointer = base::pointer_to(pointer_, key);
  for (const auto& [name, item] : found->items()) use(name, item, base::pointer_to(pointer, name));
}

void JsonReader::each_entry(const char* key,
                            const std::function<void(const Json&, const std::string&)>& use) const {
  const Json* found = find(key);
  if (found == nullptr) return;
  if (!found->is_array()) expected(key, "a list", *found);
  const auto pointer = base::pointer_to(pointer_, key);
  for (size_t i = 0; i < found->size(); ++i) use((*found)[i], base::pointer_to(pointer, i));
}

JsonReader JsonReader::nested(const char* key) const {
  return {*find(key), places_, base::pointer_to(pointer_, key),
          label_ + (label_.empty() ? "" : ": ") + "field '" + key + "'"};
}

}  // namespace whorl::pipeline
