#pragma once
// JSON rows that keep the order of keys and the spelling of numbers: a re-spelt number changes tokens.
// Every reader (JSONL, JSON, CSV, Arrow) makes Values, so that one code path knows the formats.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace whorl::data {

struct Value {
  enum class Kind : uint8_t { null, boolean, number, string, list, object };

  Kind kind = Kind::null;
  bool flag = false;                   // boolean
  std::string text = {};               // string: the characters; number: its spelling
  std::vector<std::string> keys = {};  // object: keys[i] belongs to items[i]
  std::vector<Value> items = {};       // list, object

  static Value null() { return {}; }
  static Value boolean(bool value);
  static Value number(std::string spelling);
  static Value string(std::string characters);
  static Value list();
  static Value object();

  bool is(Kind other) const { return kind == other; }
  // The value under `key`; nullptr where there is none or it is null (null counts as absent).
  const Value* find(std::string_view key) const;
  void add(std::string key, Value value);
};

// "an object", "a list", "a string", "a number", "true/false", "null"
const char* kind_name(const Value& value);

// Where and why a text is not JSON. `line` counts from 1 at the start of the text.
struct ParseProblem {
  size_t offset = 0;
  size_t line = 1;
  size_t column = 1;
  std::string reason;
};

constexpr size_t max_json_depth = 64;

// Reads one value at `*position` and moves it behind. Strict: UTF-8, no lone surrogates, no duplicate keys,
// no nesting beyond `max_json_depth`. False: `problem` says why, `value` is unspecified.
bool parse_value(std::string_view text, size_t* position, Value* value, ParseProblem* problem);
// The same, and nothing but white space may stand around it.
bool parse_whole(std::string_view text, Value* value, ParseProblem* problem);

// As Python's json.dumps writes it with ensure_ascii=False: ", " and ": ", numbers as they were spelt.
std::string to_text(const Value& value);

}  // namespace whorl::data
