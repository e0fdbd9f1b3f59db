#pragma once
// What counts as the same text. Two normal forms, both on code points:
//   exact: Unicode White_Space runs become one space, ends trimmed, simple lower case. Nothing else: accents,
//          punctuation and composed or decomposed spelling stay different.
//   words: as above, and ASCII punctuation, U+2010–U+205E and U+3001–U+303F separate words too. A character
//   of a
//          script that writes without spaces (Han, kana, Thai, Lao, Khmer, Myanmar) is a word by itself.
#include <string>
#include <string_view>

namespace whorl::data {

std::string exact_form(std::string_view text);
// Words with one space between them.
std::string words_form(std::string_view text);

}  // namespace whorl::data
