#pragma once
// Text as Python's str sees it (Unicode 14): what metrics with a Python reference must agree with.
#include <string>
#include <string_view>
#include <vector>

namespace whorl::base {

bool is_ascii(std::string_view text);

// Code points; broken bytes become U+FFFD as with errors="replace".
std::u32string code_points(std::string_view utf8);
void append_utf8(char32_t value, std::string& out);
std::string to_utf8(std::u32string_view text);

// str.isspace() of one character, which is also regex \s: Unicode white space and U+001C to U+001F.
bool is_python_space(char32_t value);
// Regex \w: letters and numbers of all scripts, and '_'.
bool is_word_character(char32_t value);
// Regex \d.
bool is_decimal_digit(char32_t value);

// str.lower(), with the two rules that look beyond one character: U+0130 becomes two, and a capital sigma at
// the end of a word becomes the final one.
std::u32string lower(std::u32string_view text);
std::string lower(std::string_view utf8);

// str.split(): pieces between runs of white space. They point into `utf8`.
std::vector<std::string_view> split_whitespace(std::string_view utf8);
// str.strip() and str.rstrip().
std::string_view strip(std::string_view utf8);
std::string_view rstrip(std::string_view utf8);

}  // namespace whorl::base
