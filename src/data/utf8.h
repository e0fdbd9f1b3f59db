#pragma once
// UTF-8, strictly: no overlong forms, no surrogates, nothing above U+10FFFF.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace whorl::data {

// The code point at `position` and how many bytes it takes; size 0 where the bytes are not UTF-8.
struct CodePoint {
  char32_t value = 0;
  size_t size = 0;
};
CodePoint code_point_at(std::string_view text, size_t position);

// Offset of the first byte that is not UTF-8, or npos.
size_t find_invalid_utf8(std::string_view text);

void append_utf8(char32_t value, std::string& out);

// Unicode White_Space.
bool is_space(char32_t value);
// Simple lower case of Unicode 14 (one code point to one; U+0130 becomes "i"); others stay.
char32_t to_lower(char32_t value);

}  // namespace whorl::data
