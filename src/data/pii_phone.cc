// Telephone numbers. Without a plan of every country's numbers three written forms are told from other
// digits: international (+ or 00), North American (three, three, four), and national ones that begin with 0.
#include <algorithm>
#include <array>

#include "data/pii.h"

namespace whorl::data {

namespace {

// A run of digits as people write numbers, with its groups.
struct Written {
  std::array<char, 20> digits{};
  std::array<size_t, 20> groups{};  // digits per group
  size_t count = 0, group_count = 0;
  size_t end = 0;  // in the text, after the last digit
  bool plus = false, bracket = false, dots_only = true, separated = false, slash = false;
  bool too_long = false;
  size_t extension = 0;  // end of "x123" directly behind, or 0
};

bool separates(char c) { return c == ' ' || c == '-' || c == '.' || c == '/' || c == '(' || c == ')'; }

// "x123": up to six digits of an extension.
bool read_extension(std::string_view text, size_t at, Written* out) {
  size_t end = at + 1;
  while (end < text.size() && is_digit(text[end])) ++end;
  if ((text[at] | 0x20) != 'x' || end == at + 1 || end > at + 7 || is_word(char_at(text, end))) return false;
  out->extension = end;
  return true;
}

// Between digits at most three separators may stand, as in ") - ".
Written read_written(std::string_view text, size_t at) {
  Written out;
  if (char_at(text, at) == '+') out.plus = true, ++at;
  if (char_at(text, at) == '(') out.bracket = true, ++at;
  bool fresh = true;
  size_t gap = 0;
  for (size_t i = at; i < text.size(); ++i) {
    const char c = text[i];
    if (is_digit(c)) {
      if (out.count == out.digits.size()) return out.too_long = true, out;
      if (gap > 0) out.separated = true, fresh = true;
      if (fresh) ++out.group_count;
      fresh = false;
      gap = 0;
      out.digits[out.count++] = c;
      ++out.groups[out.group_count - 1];
      out.end = i + 1;
    } else if (separates(c) && ++gap <= 3 && !(c == '.' && gap > 1)) {
      if (c == '(') out.bracket = true;
      if (c == '/') out.slash = true;
      if (c != '.') out.dots_only = false;
    } else {
      if (is_word(c) && gap == 0 && !read_extension(text, i, &out)) out.too_long = true;  // "12ab"
      break;
    }
  }
  return out;
}

bool north_american(const Written& w, size_t from) {
  if (w.count - from != 10) return false;
  return w.digits[from] >= '2' && w.digits[from + 3] >= '2';
}

// 3-3-4, perhaps behind a 1.
bool north_american_groups(const Written& w) {
  const size_t first = w.groups[0] == 1 && w.digits[0] == '1' ? 1 : 0;
  return w.group_count - first == 3 && w.groups[first] == 3 && w.groups[first + 1] == 3 &&
         w.groups[first + 2] == 4 && north_american(w, first);
}

// 01-02-2024 and 01.02.2024 are dates.
bool is_date(const Written& w) {
  return w.group_count == 3 && w.groups[0] <= 2 && w.groups[1] <= 2 && (w.groups[2] == 4 || w.groups[2] == 2);
}

// A word that announces a number, directly before it.
bool announced(std::string_view text, size_t at) {
  static constexpr std::string_view words[] = {"phone",  "tel",     "telephone", "call",
                                               "mobile", "cell",    "fax",       "whatsapp",
                                               "dial",   "telefon", "number",    "handy"};
  size_t end = at;
  while (end > 0 && at - end < 4 && std::string_view(" :.#(+").find(text[end - 1]) != std::string_view::npos)
    --end;
  size_t begin = end;
  while (begin > 0 && end - begin < 12 && is_letter(text[begin - 1])) --begin;
  const std::string_view word = text.substr(begin, end - begin);
  return std::any_of(std::begin(words), std::end(words), [word](std::string_view known) {
    return word.size() == known.size() && std::equal(word.begin(), word.end(), known.begin(),
                                                     [](char x, char y) { return (x | 0x20) == y; });
  });
}

bool is_phone(std::string_view text, size_t at, const Written& w) {
  if (w.too_long || w.count < 7 || w.count > 15) return false;
  if (w.plus) return w.count >= 8 && w.digits[0] != '0';
  if (w.digits[0] == '0' && w.digits[1] == '0') return w.count >= 10 && w.digits[2] != '0' && w.separated;
  if (w.separated && !is_date(w) && north_american_groups(w)) return true;
  const bool national = w.digits[0] == '0' && w.count >= 9 && w.count <= 12 && w.groups[0] >= 2;
  if (national && w.separated && !w.dots_only && !is_date(w) && w.group_count <= 6) return true;
  // 01.84.17.61.18, as the French write it.
  if (national && w.count == 10 && w.group_count == 5 &&
      std::count(w.groups.begin(), w.groups.begin() + 5, 2u) == 5)
    return true;
  if (!announced(text, at) || is_date(w)) return false;
  return national || (w.count >= 10 && w.count <= 11 && north_american(w, w.count - 10));
}

// The digits after a number may belong to something else: "555-123-4567 2024". Shorter readings, by whole
// groups.
size_t phone_end(std::string_view text, size_t at) {
  Written w = read_written(text, at);
  if (w.count == 0) return at;
  if (is_phone(text, at, w)) return std::max(w.end, w.extension);
  while (w.group_count > 1) {
    const size_t cut = w.groups[--w.group_count];
    w.count -= cut;
    w.groups[w.group_count] = 0;
    w.end -= cut;
    while (w.end > at && !is_digit(text[w.end - 1])) --w.end;
    w.too_long = false;
    if (is_phone(text, at, w)) return w.end;
  }
  return at;
}

}  // namespace

void find_phones(std::string_view text, std::vector<PiiSpan>* out) {
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool opens = is_digit(c) || ((c == '+' || c == '(') &&
                                       (is_digit(char_at(text, i + 1)) || char_at(text, i + 1) == '('));
    if (!opens) continue;
    const char before = i > 0 ? text[i - 1] : ' ';
    const char second = i > 1 ? text[i - 2] : ' ';
    const bool inside =
        is_word(before) || before == '+' || before == '$' ||
        ((before == '-' || before == '.' || before == '/' || before == ',') && is_digit(second));
    const size_t end = inside ? i : phone_end(text, i);
    if (end > i) {
      out->push_back({i, end, Entity::phone});
      i = end - 1;
    } else if (is_digit(c)) {
      while (i + 1 < text.size() && is_digit(text[i + 1])) ++i;
    }
  }
}

}  // namespace whorl::data
