#pragma once
// Strict JSON: duplicate keys, a byte order mark, bad UTF-8, NaN, trailing text and nesting beyond the cap
// are errors that name line and column. Include <nlohmann/json.hpp> only in the .cc that looks inside.
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace whorl::base {

using Json = nlohmann::ordered_json;  // keeps the order of keys

struct JsonLimits {
  size_t max_depth = 64;               // raise only for text you wrote yourself
  size_t max_bytes = size_t{1} << 30;  // tokenizers are some ten megabytes
};

// `context` opens every message: "[Model.load] config.json". Throws std::invalid_argument.
Json parse_json(std::string_view text, std::string_view context, const JsonLimits& limits = {});
// Reads and parses; the context of errors is "[context] path".
Json read_json(const std::string& path, std::string_view operation, const JsonLimits& limits = {});

// Sorted keys, indent 2, newline at the end, "\u" only where JSON demands it: the same value gives the same
// bytes.
std::string to_sorted_json(const Json& value);

// Typed fields. Missing or of another type: "[context] expected field 'r' to be an integer, got a string".
// The `_or` forms take a missing field or null as `fallback`.
const Json& require(const Json& object, const char* key, std::string_view context);
const Json& require_object(const Json& object, const char* key, std::string_view context);
const Json& require_array(const Json& object, const char* key, std::string_view context);
int64_t require_int(const Json& object, const char* key, std::string_view context);
double require_number(const Json& object, const char* key, std::string_view context);
bool require_bool(const Json& object, const char* key, std::string_view context);
std::string require_string(const Json& object, const char* key, std::string_view context);
std::vector<std::string> require_strings(const Json& object, const char* key, std::string_view context);

int64_t int_or(const Json& object, const char* key, int64_t fallback, std::string_view context);
double number_or(const Json& object, const char* key, double fallback, std::string_view context);
bool bool_or(const Json& object, const char* key, bool fallback, std::string_view context);
std::string string_or(const Json& object, const char* key, const std::string& fallback,
                      std::string_view context);

// Null counts as absent everywhere.
bool has(const Json& object, const char* key);
// "an object", "a list", "a string", "an integer", "a number", "true/false", "null"
const char* kind_of(const Json& value);

// Every key of `object` must be known; the error names the nearest one that is.
void check_known_keys(const Json& object, std::initializer_list<std::string_view> known,
                      std::string_view context);
void check_known_keys(const Json& object, const std::vector<std::string>& known, std::string_view context);

// The candidate with the smallest edit distance, or "" when none is close enough to be meant.
std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates);
// "; did you mean 'x'?" or "".
std::string did_you_mean(std::string_view name, const std::vector<std::string>& candidates);

}  // namespace whorl::base
