#include "data/utf8.h"

#include <algorithm>
#include <iterator>

namespace whorl::data {

namespace {

bool continues(std::string_view text, size_t position) {
  return position < text.size() && (static_cast<unsigned char>(text[position]) & 0xc0) == 0x80;
}

char32_t bits(std::string_view text, size_t position) {
  return static_cast<unsigned char>(text[position]) & 0x3f;
}

// Code points first, first + step, … last become lower case by adding `delta`.
struct CaseRange {
  char32_t first, last;
  int32_t delta;
  uint32_t step;
};

constexpr CaseRange case_ranges[] = {
#include "base/lower_case.inc"
};

}  // namespace

CodePoint code_point_at(std::string_view text, size_t position) {
  const unsigned char lead = static_cast<unsigned char>(text[position]);
  if (lead < 0x80) return {lead, 1};
  if (lead >= 0xc2 && lead < 0xe0 && continues(text, position + 1))
    return {(char32_t{lead} & 0x1f) << 6 | bits(text, position + 1), 2};
  if (lead >= 0xe0 && lead < 0xf0 && continues(text, position + 1) && continues(text, position + 2)) {
    const char32_t value =
        (char32_t{lead} & 0x0f) << 12 | bits(text, position + 1) << 6 | bits(text, position + 2);
    if (value < 0x800 || (value >= 0xd800 && value < 0xe000)) return {};
    return {value, 3};
  }
  if (lead >= 0xf0 && lead < 0xf5 && continues(text, position + 1) && continues(text, position + 2) &&
      continues(text, position + 3)) {
    const char32_t value = (char32_t{lead} & 0x07) << 18 | bits(text, position + 1) << 12 |
                           bits(text, position + 2) << 6 | bits(text, position + 3);
    if (value < 0x10000 || value > 0x10ffff) return {};
    return {value, 4};
  }
  return {};
}

size_t find_invalid_utf8(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    if (static_cast<unsigned char>(text[i]) < 0x80) {
      ++i;
      continue;
    }
    const CodePoint point = code_point_at(text, i);
    if (point.size == 0) return i;
    i += point.size;
  }
  return std::string_view::npos;
}

void append_utf8(char32_t value, std::string& out) {
  if (value < 0x80) {
    out += static_cast<char>(value);
  } else if (value < 0x800) {
    out += static_cast<char>(0xc0 | value >> 6);
    out += static_cast<char>(0x80 | (value & 0x3f));
  } else if (value < 0x10000) {
    out += static_cast<char>(0xe0 | value >> 12);
    out += static_cast<char>(0x80 | (value >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (value & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | value >> 18);
    out += static_cast<char>(0x80 | (value >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (value >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (value & 0x3f));
  }
}

bool is_space(char32_t value) {
  return (value >= 0x09 && value <= 0x0d) || value == 0x20 || value == 0x85 || value == 0xa0 ||
         value == 0x1680 || (value >= 0x2000 && value <= 0x200a) || value == 0x2028 || value == 0x2029 ||
         value == 0x202f || value == 0x205f || value == 0x3000;
}

char32_t to_lower(char32_t value) {
  if (value < 0x80) return value >= 'A' && value <= 'Z' ? value + 32 : value;
  const auto range = std::upper_bound(std::begin(case_ranges), std::end(case_ranges), value,
                                      [](char32_t v, const CaseRange& r) { return v < r.first; });
  if (range == std::begin(case_ranges)) return value;
  const CaseRange& found = *std::prev(range);
  if (value > found.last || (value - found.first) % found.step != 0) return value;
  return static_cast<char32_t>(static_cast<int64_t>(value) + found.delta);
}

}  // namespace whorl::data
