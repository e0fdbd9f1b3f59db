#pragma once
// Unicode for texts that nobody vouches for: strict UTF-8, NFKC, and the ASCII that a character looks like.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace whorl::text {

struct CodePoint {
  char32_t value = 0xfffd;
  size_t size = 0;  // bytes; 0: not UTF-8
};
// The code point at `at` < text.size(): no overlong forms, no surrogates, nothing above U+10FFFF.
CodePoint code_point_at(std::string_view text, size_t at);
// True where the bytes from `at` to the end are the beginning of a code point whose rest may still come.
bool is_cut_short(std::string_view text, size_t at);
void append_utf8(char32_t value, std::string* out);

enum CharFlag : uint8_t {
  char_inert = 1,  // NFKC leaves it as it is, marks behind it apart
  char_looks = 2,  // looks like ASCII, see look_alike
  char_space = 4,  // White_Space
  char_mark = 8,   // a combining mark
};
// Looked up in a table that grows as scripts are seen; any thread.
uint8_t char_flags(char32_t value);

// The ASCII that readers take `value` for: digits of other scripts, letters without accents, the prototypes
// of the confusables table (UTS 39). Empty where it looks like none.
std::string look_alike(char32_t value);

std::string nfkc(std::string_view utf8);

}  // namespace whorl::text
