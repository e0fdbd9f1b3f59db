// Numbers that name a person or an account: cards, bank accounts, social security numbers.
#include <algorithm>
#include <array>

#include "data/pii.h"

namespace whorl::data {

namespace {

bool luhn(std::string_view digits) {
  int sum = 0;
  for (size_t i = 0; i < digits.size(); ++i) {
    int value = digits[digits.size() - 1 - i] - '0';
    if (i % 2 == 1) value = value * 2 > 9 ? value * 2 - 9 : value * 2;
    sum += value;
  }
  return sum % 10 == 0;
}

int leading(std::string_view digits, size_t count) {
  int out = 0;
  for (size_t i = 0; i < count; ++i) out = out * 10 + (digits[i] - '0');
  return out;
}

// The issuers' ranges and lengths: Visa, Mastercard (also 2221-2720), American Express, Discover, JCB,
// Diners, UnionPay, Maestro.
bool issued(std::string_view d) {
  const size_t n = d.size();
  const int two = leading(d, 2), three = leading(d, 3), four = leading(d, 4);
  if (d[0] == '4') return n == 13 || n == 16 || n == 19;
  if ((two >= 51 && two <= 55) || (four >= 2221 && four <= 2720)) return n == 16;
  if (two == 34 || two == 37) return n == 15;
  if (four == 6011 || two == 65 || (three >= 644 && three <= 649)) return n >= 16;
  if (four >= 3528 && four <= 3589) return n >= 16;
  if (four == 2131 || four == 1800) return n == 15;
  for (const int maestro : {5018, 5020, 5038, 5893, 6304, 6759, 6761, 6762, 6763})
    if (four == maestro) return true;
  if ((three >= 300 && three <= 305) || two == 36 || two == 38 || two == 39) return n >= 14;
  return two == 62 && n >= 16;
}

// The longest card number that begins at `begin`: digits with at most one separator, always the same one,
// between.
size_t card_end(std::string_view text, size_t begin) {
  std::array<char, 19> digits{};
  size_t count = 0, good = begin;
  char separator = 0;
  for (size_t i = begin; i < text.size() && count < digits.size();) {
    if (!is_digit(text[i])) break;
    digits[count++] = text[i++];
    const std::string_view number(digits.data(), count);
    if (count >= 12 && !is_word(char_at(text, i)) && issued(number) && luhn(number)) good = i;
    const char c = char_at(text, i);
    const bool separates = (c == ' ' || c == '-' || c == '.') && is_digit(char_at(text, i + 1));
    if (!separates) continue;
    if (separator && c != separator) break;
    separator = c;
    ++i;
  }
  return good;
}

}  // namespace

void find_credit_cards(std::string_view text, std::vector<PiiSpan>* out) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (!is_digit(text[i]) || word_before(text, i)) continue;
    const size_t end = card_end(text, i);
    if (end > i) {
      out->push_back({i, end, Entity::credit_card});
      i = end - 1;
    }
  }
}

namespace {

struct Country {
  char code[3];
  int length;
};

// The IBAN registry's countries and lengths.
constexpr Country countries[] = {
    {"AD", 24}, {"AE", 23}, {"AL", 28}, {"AT", 20}, {"AZ", 28}, {"BA", 20}, {"BE", 16}, {"BG", 22},
    {"BH", 22}, {"BI", 27}, {"BR", 29}, {"BY", 28}, {"CH", 21}, {"CR", 22}, {"CY", 28}, {"CZ", 24},
    {"DE", 22}, {"DJ", 27}, {"DK", 18}, {"DO", 28}, {"EE", 20}, {"EG", 29}, {"ES", 24}, {"FI", 18},
    {"FK", 18}, {"FO", 18}, {"FR", 27}, {"GB", 22}, {"GE", 22}, {"GI", 23}, {"GL", 18}, {"GR", 27},
    {"GT", 28}, {"HR", 21}, {"HU", 28}, {"IE", 22}, {"IL", 23}, {"IQ", 23}, {"IS", 26}, {"IT", 27},
    {"JO", 30}, {"KW", 30}, {"KZ", 20}, {"LB", 28}, {"LC", 32}, {"LI", 21}, {"LT", 20}, {"LU", 20},
    {"LV", 21}, {"LY", 25}, {"MC", 27}, {"MD", 24}, {"ME", 22}, {"MK", 19}, {"MN", 20}, {"MR", 27},
    {"MT", 31}, {"MU", 30}, {"NI", 28}, {"NL", 18}, {"NO", 15}, {"OM", 23}, {"PK", 24}, {"PL", 28},
    {"PS", 29}, {"PT", 25}, {"QA", 29}, {"RO", 24}, {"RS", 22}, {"RU", 33}, {"SA", 24}, {"SC", 31},
    {"SD", 18}, {"SE", 24}, {"SI", 19}, {"SK", 24}, {"SM", 27}, {"SO", 23}, {"ST", 25}, {"SV", 28},
    {"TL", 23}, {"TN", 24}, {"TR", 26}, {"UA", 29}, {"VA", 22}, {"VG", 24}, {"XK", 20}};

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }

int iban_length(char first, char second) {
  for (const Country& country : countries)
    if (country.code[0] == upper(first) && country.code[1] == upper(second)) return country.length;
  return 0;
}

bool mod97(std::string_view iban) {
  int rest = 0;
  for (size_t i = 0; i < iban.size(); ++i) {
    const char c = upper(iban[(i + 4) % iban.size()]);
    rest = is_digit(c) ? (rest * 10 + (c - '0')) % 97 : (rest * 100 + (c - 'A' + 10)) % 97;
  }
  return rest == 1;
}

size_t iban_end(std::string_view text, size_t begin) {
  const size_t length = static_cast<size_t>(iban_length(text[begin], char_at(text, begin + 1)));
  if (length == 0 || !is_digit(char_at(text, begin + 2)) || !is_digit(char_at(text, begin + 3))) return begin;
  std::array<char, 34> iban{};
  size_t count = 0, i = begin;
  while (i < text.size() && count < length) {
    const char c = text[i];
    if (is_digit(c) || is_letter(c))
      iban[count++] = c;
    else if (!((c == ' ' || c == '-') && count % 4 == 0 && count > 0 && text[i - 1] != c))
      break;
    ++i;
  }
  if (count < length || is_word(char_at(text, i))) return begin;
  return mod97({iban.data(), length}) ? i : begin;
}

}  // namespace

void find_ibans(std::string_view text, std::vector<PiiSpan>* out) {
  for (size_t i = 0; i + 15 <= text.size(); ++i) {
    if (!is_letter(text[i]) || !is_letter(text[i + 1]) || !is_digit(text[i + 2]) || word_before(text, i))
      continue;
    const size_t end = iban_end(text, i);
    if (end > i) {
      out->push_back({i, end, Entity::iban});
      i = end - 1;
    }
  }
}

// 123-45-6789 or 123 45 6789, without the numbers that were never given out.
void find_us_ssns(std::string_view text, std::vector<PiiSpan>* out) {
  for (size_t i = 0; i + 11 <= text.size(); ++i) {
    const char separator = text[i + 3];
    if ((separator != '-' && separator != ' ') || text[i + 6] != separator) continue;
    const auto digits = [&](size_t from, size_t count) {
      return std::all_of(text.begin() + static_cast<std::ptrdiff_t>(i + from),
                         text.begin() + static_cast<std::ptrdiff_t>(i + from + count), is_digit);
    };
    if (!digits(0, 3) || !digits(4, 2) || !digits(7, 4)) continue;
    const char before = i > 0 ? text[i - 1] : ' ', after = char_at(text, i + 11);
    const bool continued = is_word(before) || before == '-' || is_word(after) ||
                           (after == '-' && is_digit(char_at(text, i + 12)));
    const int area = leading(text.substr(i), 3), group = leading(text.substr(i + 4), 2),
              serial = leading(text.substr(i + 7), 4);
    if (continued || area == 0 || area == 666 || area >= 900 || group == 0 || serial == 0) continue;
    out->push_back({i, i + 11, Entity::us_ssn});
    i += 10;
  }
}

}  // namespace whorl::data
