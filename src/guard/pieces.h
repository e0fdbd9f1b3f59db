#pragma once
// The characters of a token, each with the original bytes it stands for, and what can be done to them.
#include <cstddef>
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
  byte_high = 2,     // not ASCII
  byte_escape = 4,   // % & and the backslash
  byte_leet = 8,     // 0 1 3 4 5 7 @ $ ! |
  byte_joint = 16,   // _ + . - / , * ~ | :
  byte_letter = 32,
  byte_digit = 64,
  byte_control = 128,
};
unsigned byte_class(unsigned char c);

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
