#include "data/value.h"

#include "text/messages_json.h"

namespace whorl::data {

Value Value::boolean(bool value) {
  Value out;
  out.kind = Kind::boolean;
  out.flag = value;
  return out;
}

Value Value::number(std::string spelling) {
  Value out;
  out.kind = Kind::number;
  out.text = std::move(spelling);
  return out;
}

Value Value::string(std::string characters) {
  Value out;
  out.kind = Kind::string;
  out.text = std::move(characters);
  return out;
}

Value Value::list() {
  Value out;
  out.kind = Kind::list;
  return out;
}

Value Value::object() {
  Value out;
  out.kind = Kind::object;
  return out;
}

const Value* Value::find(std::string_view key) const {
  if (kind != Kind::object) return nullptr;
  for (size_t i = 0; i < keys.size(); ++i)
    if (keys[i] == key) return items[i].kind == Kind::null ? nullptr : &items[i];
  return nullptr;
}

void Value::add(std::string key, Value value) {
  keys.push_back(std::move(key));
  items.push_back(std::move(value));
}

const char* kind_name(const Value& value) {
  switch (value.kind) {
    case Value::Kind::null:
      return "null";
    case Value::Kind::boolean:
      return "true/false";
    case Value::Kind::number:
      return "a number";
    case Value::Kind::string:
      return "a string";
    case Value::Kind::list:
      return "a list";
    case Value::Kind::object:
      return "an object";
  }
  return "something else";
}

namespace {

void append(const Value& value, std::string& out) {
  switch (value.kind) {
    case Value::Kind::null:
      out += "null";
      break;
    case Value::Kind::boolean:
      out += value.flag ? "true" : "false";
      break;
    case Value::Kind::number:
      out += value.text;
      break;
    case Value::Kind::string:
      out += text::json_quoted(value.text);
      break;
    case Value::Kind::list:
    case Value::Kind::object: {
      const bool object = value.kind == Value::Kind::object;
      out += object ? '{' : '[';
      for (size_t i = 0; i < value.items.size(); ++i) {
        if (i) out += ", ";
        if (object) out += text::json_quoted(value.keys[i]) + ": ";
        append(value.items[i], out);
      }
      out += object ? '}' : ']';
    }
  }
}

}  // namespace

std::string to_text(const Value& value) {
  std::string out;
  append(value, out);
  return out;
}

}  // namespace whorl::data
