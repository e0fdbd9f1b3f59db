#pragma once
// A JSON value that headers can hold: arguments, parameters, items and outputs of steps.
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.h"

namespace whorl::pipeline {

struct Value;
using List = std::vector<Value>;
using Object = std::map<std::string, Value>;  // sorted: the canonical order

struct Value {
  std::variant<std::nullptr_t, bool, int64_t, double, std::string, List, Object> data = nullptr;

  Value() = default;
  template <class T>
  Value(T value) : data(std::move(value)) {}            // NOLINT: a literal is a value
  Value(const char* text) : data(std::string(text)) {}  // NOLINT
  Value(int number) : data(int64_t{number}) {}          // NOLINT

  bool operator==(const Value& other) const = default;

  bool is_null() const { return std::holds_alternative<std::nullptr_t>(data); }
  bool is_number() const { return get<int64_t>() != nullptr || get<double>() != nullptr; }
  double number() const;  // of an int or a float

  template <class T>
  const T* get() const {
    return std::get_if<T>(&data);
  }
  template <class T>
  T* get() {
    return std::get_if<T>(&data);
  }
  const std::string* text() const { return get<std::string>(); }
  const List* list() const { return get<List>(); }
  const Object* object() const { return get<Object>(); }
  const Value* find(std::string_view key) const;  // in an object; null if it is none or lacks the key
};

// Integers beyond 64 bits with sign are std::invalid_argument: `context` opens the message.
Value from_json(const base::Json& json, std::string_view context);
base::Json to_json(const Value& value);  // NaN and infinities become null
Value parse_value(std::string_view text, std::string_view context);
// `text` as JSON, or itself where it is none.
Value parse_or_text(const std::string& text, std::string_view context);

std::string compact(const Value& value);     // one line, sorted keys: the same value, the same bytes
std::string shown(const Value& value);       // for messages: compact and cut
std::string plain_text(const Value& value);  // strings as they are, the rest compact
const char* kind_of(const Value& value);     // "a string", "a list", …

}  // namespace whorl::pipeline
