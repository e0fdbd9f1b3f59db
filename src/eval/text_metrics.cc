// Text against text. token_f1 follows SQuAD 2.0's evaluation script (Rajpurkar et al. 2018): lower case, drop
// ASCII punctuation, drop a / an / the, split at white space, in that order.
#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "eval/metrics.h"
#include "whorl/evaluator.h"

namespace whorl {
namespace {

using Text = std::u32string;

// Broken bytes stand for themselves: a metric must not fail on what a model wrote.
Text code_points(std::string_view bytes) {
  Text out;
  for (size_t i = 0; i < bytes.size();) {
    const auto lead = static_cast<unsigned char>(bytes[i]);
    const size_t length = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    char32_t c = length == 1 ? lead : lead & (0x7Fu >> length);
    for (size_t k = 1; k < length && i + k < bytes.size(); ++k)
      c = c << 6 | (static_cast<unsigned char>(bytes[i + k]) & 0x3Fu);
    out.push_back(c);
    i += length;
  }
  return out;
}

// Latin, Greek and Cyrillic capitals; other scripts with case are left as they are.
char32_t lower(char32_t c) {
  if ((c >= 'A' && c <= 'Z') || (c >= 0xC0 && c <= 0xDE && c != 0xD7)) return c + 32;
  if ((c >= 0x391 && c <= 0x3A9) || (c >= 0x410 && c <= 0x42F)) return c + 32;
  if (c >= 0x400 && c <= 0x40F) return c + 80;
  const bool even = (c >= 0x100 && c <= 0x137 && c != 0x130) || (c >= 0x14A && c <= 0x177);
  const bool odd = (c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E);
  return (even && c % 2 == 0) || (odd && c % 2 == 1) ? c + 1 : c;
}

bool is_space(char32_t c) {
  return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

bool is_ascii_punctuation(char32_t c) {
  return (c >= 33 && c <= 47) || (c >= 58 && c <= 64) || (c >= 91 && c <= 96) || (c >= 123 && c <= 126);
}

// A character of a word; symbols and punctuation beyond ASCII end one.
bool is_word(char32_t c) {
  if (c < 0x80) return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  if (c <= 0xBF)
    return c == 0xAA || c == 0xB5 || c == 0xBA || c == 0xB2 || c == 0xB3 || c == 0xB9 ||
           (c >= 0xBC && c <= 0xBE);
  return c != 0xD7 && c != 0xF7 && !(c >= 0x2000 && c <= 0x206F) && !(c >= 0x20A0 && c <= 0x20CF) &&
         !(c >= 0x2190 && c <= 0x2BFF) && !(c >= 0x3000 && c <= 0x3003) && !(c >= 0x3008 && c <= 0x3020) &&
         c < 0x1F000;
}

bool is_article(const Text& word) { return word == U"a" || word == U"an" || word == U"the"; }

std::vector<Text> normalised_tokens(const std::string& bytes) {
  Text text;
  for (const char32_t c : code_points(bytes))
    if (!is_ascii_punctuation(c)) text.push_back(lower(c));
  std::vector<Text> tokens(1);
  for (size_t i = 0; i < text.size();) {
    size_t end = i;
    while (end < text.size() && is_word(text[end])) ++end;
    if (end > i) {  // a whole word: an article becomes a space
      const Text word = text.substr(i, end - i);
      if (is_article(word))
        tokens.emplace_back();
      else
        tokens.back() += word;
      i = end;
    } else {
      if (is_space(text[i]))
        tokens.emplace_back();
      else
        tokens.back() += text[i];
      ++i;
    }
  }
  std::erase(tokens, Text());
  return tokens;
}

std::string_view trimmed(std::string_view text) {
  const char* space = " \t\n\r\f\v";
  const size_t begin = text.find_first_not_of(space);
  return begin == std::string_view::npos ? "" : text.substr(begin, text.find_last_not_of(space) - begin + 1);
}

}  // namespace

double exact_match(const std::string& expected, const std::string& got) {
  return trimmed(expected) == trimmed(got);
}

double token_f1(const std::string& expected, const std::string& got) {
  const auto gold = normalised_tokens(expected), said = normalised_tokens(got);
  if (gold.empty() || said.empty()) return gold.empty() && said.empty();
  std::map<Text, int64_t> left;
  for (const auto& token : gold) ++left[token];
  double same = 0;
  for (const auto& token : said)
    if (left[token]-- > 0) ++same;
  if (same == 0) return 0;
  const double precision = same / static_cast<double>(said.size()),
               recall = same / static_cast<double>(gold.size());
  return 2 * precision * recall / (precision + recall);
}

double eval::label_match(const std::string& expected, const std::string& got) {
  const Text a = code_points(trimmed(expected)), b = code_points(trimmed(got));
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char32_t x, char32_t y) { return lower(x) == lower(y); });
}

}  // namespace whorl
