#include "base/unicode.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace whorl::base {
namespace {

struct Range {
  char32_t first, last;
};
#include "base/unicode_tables.inc"

// Code points first, first + step, … last become lower case by adding `delta`.
struct CaseRange {
  char32_t first, last;
  int32_t delta;
  uint32_t step;
};
constexpr CaseRange kLower[] = {
#include "base/lower_case.inc"
};

template <size_t N>
bool holds(const Range (&table)[N], char32_t value) {
  const auto* found = std::upper_bound(std::begin(table), std::end(table), value,
                                       [](char32_t v, const Range& range) { return v < range.first; });
  return found != std::begin(table) && value <= std::prev(found)->last;
}

bool is_cased(char32_t c) {
  if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return holds(kCased, c);
}

bool is_case_ignored(char32_t c) {
  if (c < 0x80) return c == '\'' || c == '.' || c == ':' || c == '^' || c == '`';
  return holds(kCaseIgnored, c);
}

char32_t simple_lower(char32_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 32 : c;
  const auto* found = std::upper_bound(std::begin(kLower), std::end(kLower), c,
                                       [](char32_t v, const CaseRange& range) { return v < range.first; });
  if (found == std::begin(kLower)) return c;
  const CaseRange& range = *std::prev(found);
  if (c > range.last || (c - range.first) % range.step != 0) return c;
  return static_cast<char32_t>(static_cast<int64_t>(c) + range.delta);
}

// A letter before it and none after it, not counting what case ignores.
bool ends_word(std::u32string_view text, size_t at) {
  size_t before = at;
  while (before > 0 && is_case_ignored(text[before - 1])) --before;
  if (before == 0 || !is_cased(text[before - 1])) return false;
  size_t after = at + 1;
  while (after < text.size() && is_case_ignored(text[after])) ++after;
  return after == text.size() || !is_cased(text[after]);
}

// How many bytes the lead announces, and which second bytes it allows (no overlong forms, no surrogates).
struct Lead {
  size_t length;
  unsigned char low, high;
};
Lead lead_of(unsigned char c) {
  if (c >= 0xC2 && c <= 0xDF) return {2, 0x80, 0xBF};
  if (c == 0xE0) return {3, 0xA0, 0xBF};
  if (c == 0xED) return {3, 0x80, 0x9F};
  if (c >= 0xE1 && c <= 0xEF) return {3, 0x80, 0xBF};
  if (c == 0xF0) return {4, 0x90, 0xBF};
  if (c >= 0xF1 && c <= 0xF3) return {4, 0x80, 0xBF};
  if (c == 0xF4) return {4, 0x80, 0x8F};
  return {1, 0, 0};
}

// The code point at `at`, which moves past it; a broken start is one U+FFFD.
char32_t next(std::string_view text, size_t& at) {
  const auto first = static_cast<unsigned char>(text[at++]);
  if (first < 0x80) return first;
  const Lead lead = lead_of(first);
  if (lead.length == 1) return 0xFFFD;
  char32_t value = first & (0x7Fu >> lead.length);
  for (size_t k = 1; k < lead.length; ++k) {
    if (at == text.size()) return 0xFFFD;
    const auto c = static_cast<unsigned char>(text[at]);
    if (k == 1 ? c < lead.low || c > lead.high : (c & 0xC0) != 0x80) return 0xFFFD;
    value = value << 6 | (c & 0x3Fu);
    ++at;
  }
  return value;
}

// Bytes of the white space at `at`, or 0.
size_t space_at(std::string_view text, size_t at) {
  const auto c = static_cast<unsigned char>(text[at]);
  if (c < 0x80) return is_python_space(c) ? 1 : 0;
  if (c != 0xC2 && c != 0xE1 && c != 0xE2 && c != 0xE3) return 0;
  size_t end = at;
  return is_python_space(next(text, end)) ? end - at : 0;
}

// Bytes of the white space that ends just before `end`, or 0.
size_t space_before(std::string_view text, size_t end) {
  for (size_t length = 1; length <= 3 && length <= end; ++length)
    if (space_at(text.substr(0, end), end - length) == length) return length;
  return 0;
}

}  // namespace

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::u32string code_points(std::string_view utf8) {
  std::u32string out;
  out.reserve(utf8.size());
  for (size_t i = 0; i < utf8.size();) out.push_back(next(utf8, i));
  return out;
}

void append_utf8(char32_t c, std::string& out) {
  if (c < 0x80) {
    out += static_cast<char>(c);
    return;
  }
  const int tail = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  const unsigned lead = tail == 1 ? 0xC0 : tail == 2 ? 0xE0 : 0xF0;
  out += static_cast<char>(lead | c >> (6 * tail));
  for (int k = tail - 1; k >= 0; --k) out += static_cast<char>(0x80 | (c >> (6 * k) & 0x3F));
}

std::string to_utf8(std::u32string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char32_t c : text) append_utf8(c, out);
  return out;
}

bool is_python_space(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x1F);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_word_character(char32_t c) {
  if (c < 0x80) return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  return holds(kWord, c);
}

bool is_decimal_digit(char32_t c) { return c < 0x80 ? c >= '0' && c <= '9' : holds(kDigit, c); }

std::u32string lower(std::u32string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == 0x3A3) {
      out += ends_word(text, i) ? char32_t{0x3C2} : char32_t{0x3C3};
    } else if (text[i] == 0x130) {
      out += U"i\u0307";
    } else {
      out += simple_lower(text[i]);
    }
  }
  return out;
}

std::string lower(std::string_view utf8) {
  if (!is_ascii(utf8)) return to_utf8(lower(code_points(utf8)));
  std::string out(utf8);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return out;
}

std::vector<std::string_view> split_whitespace(std::string_view text) {
  std::vector<std::string_view> out;
  size_t begin = 0;
  for (size_t i = 0; i <= text.size();) {
    const size_t space = i < text.size() ? space_at(text, i) : 1;
    if (space == 0) {
      ++i;
      continue;
    }
    if (i > begin) out.push_back(text.substr(begin, i - begin));
    i += space;
    begin = i;
  }
  return out;
}

std::string_view rstrip(std::string_view text) {
  while (const size_t space = space_before(text, text.size())) text.remove_suffix(space);
  return text;
}

std::string_view strip(std::string_view text) {
  while (!text.empty()) {
    const size_t space = space_at(text, 0);
    if (space == 0) break;
    text.remove_prefix(space);
  }
  return rstrip(text);
}

}  // namespace whorl::base
