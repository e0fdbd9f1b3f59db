#pragma once
// The characters of a token, each with the original bytes it stands for, and what can be done to them.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace whorl::guard {

struct Piece {
  char32_t value = 0;
  size_t begin = 0, end = 0;  // in the original text
  bool same = true;           // is spelt there as it is here
  bool glued = false;         // a letter of a word that was spelt out
  bool loose = false;         // read as what it probably means: l33t, joints, letters spelt out
};
using Pieces = std::vector<Piece>;

// Classes of ASCII bytes, as bits.
enum ByteClass : unsigned {
  byte_space = 1,
  byte_high = 2,    // not ASCII
  byte_escape = 4,  // % & and the backslash
  byte_leet = 8,    // 0 1 3 4 5 7 @ $ ! |
  byte_joint = 16,  // _ + . - / , * ~ | :
  byte_letter = 32,
  byte_digit = 64,
  byte_control = 128,
};

constexpr std::array<uint8_t, 256> make_byte_classes() {
  std::array<uint8_t, 256> out{};
  const auto mark = [&out](std::string_view bytes, unsigned bits) {
    for (const char c : bytes) out[static_cast<unsigned char>(c)] |= static_cast<uint8_t>(bits);
  };
  for (size_t c = 0; c < 256; ++c) {
    if (c >= 0x80) out[c] = byte_high;
    if (c < 0x20 || c == 0x7f) out[c] = byte_control;
    if (c >= 0x09 && c <= 0x0d) out[c] = byte_space;
  }
  mark(" ", byte_space);
  mark("%&\\", byte_escape);
  mark("013457@$!|", byte_leet);
  mark("_+.-/,*~|:", byte_joint);
  mark("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", byte_letter);
  mark("0123456789", byte_digit);
  return out;
}
inline constexpr std::array<uint8_t, 256> byte_classes = make_byte_classes();
constexpr unsigned byte_class(unsigned char c) { return byte_classes[c]; }

// What a token becomes in the views that follow it letter by letter.
struct TokenForms {
  Pieces plain, folded;
  std::vector<Piece> hidden;      // what tags and variation selectors in it spell
  std::vector<size_t> invisible;  // offsets of what nobody sees
};
// `flags`: the classes of its bytes. `offset`: of token[0] in the original text.
TokenForms forms_of(std::string_view token, size_t offset, unsigned flags);

// Bytes that are not UTF-8 become U+FFFD, each by itself.
void decode(std::string_view bytes, size_t offset, Pieces* out);
Pieces decode(std::string_view bytes, size_t offset);
// %41, &#65; &#x41; &lt; \x41 \u0041, once. Returns whether anything changed.
bool unescape(Pieces* pieces);
// NFKC; pieces that melt together stand for all their bytes.
void compose(Pieces* pieces);
// Look-alikes as ASCII, marks dropped.
void fold(Pieces* pieces);
// "i-g-n-o-r-e" as "ignore"; returns whether anything changed.
bool glue_joints(Pieces* pieces);
// l33t as letters, joints between letters as spaces.
bool loosen(Pieces* pieces);

bool is_invisible(char32_t c);
bool is_alnum(char32_t c);
std::string to_string(const Pieces& pieces);

}  // namespace whorl::guard
