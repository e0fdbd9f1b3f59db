#include "base/yaml_scalar.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

namespace whorl::base {
namespace {

bool one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool is_null(std::string_view text) { return one_of(text, {"", "~", "null", "Null", "NULL"}); }
bool is_true(std::string_view text) { return one_of(text, {"true", "True", "TRUE"}); }
bool is_false(std::string_view text) { return one_of(text, {"false", "False", "FALSE"}); }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view without_sign(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  return text;
}

size_t digits(std::string_view text) {
  return static_cast<size_t>(std::find_if_not(text.begin(), text.end(), is_digit) - text.begin());
}

bool is_decimal(std::string_view text) {
  text = without_sign(text);
  return !text.empty() && digits(text) == text.size();
}

// Octal (0o17) and hexadecimal (0x1f) carry no sign; 0 = neither.
int base_of(std::string_view text) {
  if (text.size() < 3 || text[0] != '0') return 0;
  const bool octal = text[1] == 'o', hex = text[1] == 'x';
  const auto allowed = octal ? std::string_view("01234567") : std::string_view("0123456789abcdefABCDEF");
  const bool fits = text.substr(2).find_first_not_of(allowed) == std::string_view::npos;
  return !fits ? 0 : octal ? 8 : hex ? 16 : 0;
}

bool is_special_float(std::string_view text) {
  return one_of(text, {".nan", ".NaN", ".NAN"}) || one_of(without_sign(text), {".inf", ".Inf", ".INF"});
}

// [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?
bool is_float(std::string_view text) {
  text = without_sign(text);
  const size_t whole = digits(text);
  text.remove_prefix(whole);
  size_t fraction = 0;
  if (!text.empty() && text[0] == '.') {
    text.remove_prefix(1);
    fraction = digits(text);
    text.remove_prefix(fraction);
  }
  if (whole + fraction == 0) return false;
  if (text.empty()) return true;
  if (text[0] != 'e' && text[0] != 'E') return false;
  return is_decimal(text.substr(1));
}

template <class Integer>
std::optional<Json> parsed(std::string_view text, int base) {
  Integer value{};
  const auto done = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (done.ec != std::errc() || done.ptr != text.data() + text.size()) return {};
  return Json(value);
}

std::optional<Json> integer(std::string_view text) {
  if (const int base = base_of(text)) return parsed<uint64_t>(text.substr(2), base);
  if (text[0] == '+') text.remove_prefix(1);
  if (auto fits = parsed<int64_t>(text, 10)) return fits;
  return parsed<uint64_t>(text, 10);
}

std::optional<Json> number(std::string_view text) {
  if (text[0] == '+') text.remove_prefix(1);
  double value = 0;
  const auto done = std::from_chars(text.data(), text.data() + text.size(), value);
  if (done.ec != std::errc() || !std::isfinite(value)) return {};
  return Json(value);
}

bool is_integer(std::string_view text) { return is_decimal(text) || base_of(text) != 0; }

}  // namespace

std::optional<Json> plain_scalar(std::string_view text) {
  if (is_null(text)) return Json(nullptr);
  if (is_true(text) || is_false(text)) return Json(is_true(text));
  if (is_integer(text)) return integer(text);
  if (is_special_float(text)) return {};
  if (is_float(text)) return number(text);
  return Json(std::string(text));
}

std::optional<Json> tagged_scalar(std::string_view text, std::string_view tag) {
  if (tag == "str") return Json(std::string(text));
  if (tag == "null" && is_null(text)) return Json(nullptr);
  if (tag == "bool" && (is_true(text) || is_false(text))) return Json(is_true(text));
  if (tag == "int" && is_integer(text)) return integer(text);
  if (tag == "float" && (is_float(text) || is_decimal(text))) return number(text);
  return {};
}

}  // namespace whorl::base
