#include "pipeline/value.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/file.h"

namespace whorl::pipeline {

using base::Json;

double Value::number() const {
  if (const auto* whole = get<int64_t>()) return static_cast<double>(*whole);
  return std::get<double>(data);
}

const Value* Value::find(std::string_view key) const {
  const auto* members = object();
  if (members == nullptr) return nullptr;
  const auto found = members->find(std::string(key));
  return found == members->end() ? nullptr : &found->second;
}

Value from_json(const Json& json, std::string_view context) {
  switch (json.type()) {
    case Json::value_t::null:
      return {};
    case Json::value_t::boolean:
      return json.get<bool>();
    case Json::value_t::number_integer:
      return json.get<int64_t>();
    case Json::value_t::number_unsigned:
      if (json.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
        base::invalid(context, ": number ", json.get<uint64_t>(), " is beyond 2^63 - 1");
      return json.get<int64_t>();
    case Json::value_t::number_float:
      return json.get<double>();
    case Json::value_t::string:
      return json.get<std::string>();
    case Json::value_t::array: {
      List made;
      for (const auto& item : json) made.push_back(from_json(item, context));
      return made;
    }
    default: {
      Object made;
      for (const auto& [key, item] : json.items()) made.emplace(key, from_json(item, context));
      return made;
    }
  }
}

Json to_json(const Value& value) {
  struct Make {
    Json operator()(std::nullptr_t) const { return nullptr; }
    Json operator()(bool v) const { return v; }
    Json operator()(int64_t v) const { return v; }
    Json operator()(double v) const { return std::isfinite(v) ? Json(v) : Json(nullptr); }
    Json operator()(const std::string& v) const { return v; }
    Json operator()(const List& v) const {
      Json made = Json::array();
      for (const auto& item : v) made.push_back(to_json(item));
      return made;
    }
    Json operator()(const Object& v) const {
      Json made = Json::object();
      for (const auto& [key, item] : v) made[key] = to_json(item);
      return made;
    }
  };
  return std::visit(Make{}, value.data);
}

Value parse_value(std::string_view text, std::string_view context) {
  return from_json(base::parse_json(text, context), context);
}

Value parse_or_text(const std::string& text, std::string_view context) {
  if (!Json::accept(text)) return text;
  return parse_value(text, context);
}

std::string compact(const Value& value) {
  return to_json(value).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string shown(const Value& value) {
  if (const auto* text = value.text()) return "'" + base::printable(*text, 80) + "'";
  return base::printable(compact(value), 80);
}

std::string plain_text(const Value& value) {
  const auto* text = value.text();
  return text != nullptr ? *text : compact(value);
}

const char* kind_of(const Value& value) {
  constexpr const char* kNames[] = {"null",     "true/false", "an integer", "a number",
                                    "a string", "a list",     "an object"};
  return kNames[value.data.index()];
}

}  // namespace whorl::pipeline
