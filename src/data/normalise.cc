#include "data/normalise.h"

#include <array>

#include "data/utf8.h"

namespace whorl::data {

namespace {

constexpr bool ascii_punctuation(unsigned char c) {
  return (c > 0x20 && c < '0') || (c > '9' && c < 'A') || (c > 'Z' && c < 'a') || (c > 'z' && c < 0x7f);
}

// Per ASCII byte: what it becomes, 0 = a separator. One table look-up a byte is what makes this fast.
constexpr std::array<char, 128> table(bool punctuation) {
  std::array<char, 128> out{};
  for (unsigned char c = 0; c < 128; ++c) {
    const bool space = c == ' ' || (c >= 0x09 && c <= 0x0d);
    out[c] = static_cast<char>(space || (punctuation && ascii_punctuation(c)) ? 0
                               : c >= 'A' && c <= 'Z'                         ? c + 32
                                                                              : c);
  }
  out[0] = punctuation ? 0 : 1;  // NUL must not look like a separator in the exact form
  return out;
}

constexpr auto exact_table = table(false), words_table = table(true);

bool punctuation(char32_t c) {
  return (c >= 0x2010 && c <= 0x205e) || (c >= 0x3001 && c <= 0x303f) || c == 0xa1 || c == 0xbf ||
         c == 0xab || c == 0xbb;
}

bool word_by_itself(char32_t c) {
  return (c >= 0x0e00 && c <= 0x0eff) || (c >= 0x1000 && c <= 0x109f) || (c >= 0x1780 && c <= 0x17ff) ||
         (c >= 0x3040 && c <= 0x30ff) || (c >= 0x3400 && c <= 0x4dbf) || (c >= 0x4e00 && c <= 0x9fff) ||
         (c >= 0xf900 && c <= 0xfaff) || (c >= 0x20000 && c <= 0x3ffff);
}

template <bool words>
std::string form(std::string_view text) {
  constexpr const auto& ascii = words ? words_table : exact_table;
  std::string out;
  out.resize(text.size() * 2 + 2);  // a lone character may gain a space; lower case never gains more
  char* at = out.data();
  bool gap = false;  // a separator is due before the next character
  for (size_t i = 0; i < text.size();) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      ++i;
      const char mapped = ascii[c];
      if (mapped == 0) {
        gap = true;
        continue;
      }
      if (gap && at != out.data()) *at++ = ' ';
      gap = false;
      *at++ = mapped;
      continue;
    }
    const CodePoint point = code_point_at(text, i);
    i += point.size ? point.size : 1;
    if (is_space(point.value) || (words && punctuation(point.value))) {
      gap = true;
      continue;
    }
    const bool alone = words && word_by_itself(point.value);
    if ((gap || alone) && at != out.data() && at[-1] != ' ') *at++ = ' ';
    std::string lower;
    append_utf8(to_lower(point.value), lower);
    for (const char b : lower) *at++ = b;
    gap = alone;
  }
  out.resize(static_cast<size_t>(at - out.data()));
  return out;
}

}  // namespace

std::string exact_form(std::string_view text) { return form<false>(text); }
std::string words_form(std::string_view text) { return form<true>(text); }

}  // namespace whorl::data
