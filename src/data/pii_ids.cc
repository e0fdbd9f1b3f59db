// National numbers and the like. A single check digit is right by chance one time in ten, so such numbers
// count for little until a word nearby speaks of them; what has a form of its own counts for more.
#include <algorithm>
#include <array>
#include <string>

#include "data/pii.h"
#include "data/pii_rules.h"

namespace whorl::data {

namespace {

constexpr double sure = 1.0, likely = 0.6, form_only = 0.3, weak = 0.1, hardly = 0.05;

int digit(char c) { return c - '0'; }

int weighted(std::string_view digits, std::initializer_list<int> weights) {
  int sum = 0;
  size_t i = 0;
  for (const int weight : weights) sum += weight * digit(digits[i++]);
  return sum;
}

bool all_the_same(std::string_view digits) {
  return std::all_of(digits.begin(), digits.end(), [&](char c) { return c == digits[0]; });
}

// ---- checksums ------------------------------------------------------------------------------------------
bool nhs(std::string_view d) {
  const int check = 11 - weighted(d, {10, 9, 8, 7, 6, 5, 4, 3, 2}) % 11;
  return check != 10 && check % 11 == digit(d[9]) && !all_the_same(d);
}

bool abn(std::string_view d) {
  return d[0] != '0' && (weighted(d, {10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19}) - 10) % 89 == 0;
}

bool acn(std::string_view d) { return (10 - weighted(d, {8, 7, 6, 5, 4, 3, 2, 1}) % 10) % 10 == digit(d[8]); }

bool tfn(std::string_view d) { return weighted(d, {1, 4, 3, 7, 5, 8, 6, 9, 10}) % 11 == 0; }

bool medicare(std::string_view d) {
  return d[0] >= '2' && d[0] <= '6' && weighted(d, {1, 3, 7, 9, 1, 3, 7, 9}) % 10 == digit(d[8]);
}

bool routing(std::string_view d) {
  const int two = digit(d[0]) * 10 + digit(d[1]);
  const bool district = two <= 12 || (two >= 21 && two <= 32) || (two >= 61 && two <= 72) || two == 80;
  return district && weighted(d, {3, 7, 1, 3, 7, 1, 3, 7, 1}) % 10 == 0;
}

bool pesel(std::string_view d) {
  const int month = (digit(d[2]) * 10 + digit(d[3])) % 20, day = digit(d[4]) * 10 + digit(d[5]);
  return month >= 1 && month <= 12 && day >= 1 && day <= 31 &&
         (10 - weighted(d, {1, 3, 7, 9, 1, 3, 7, 9, 1, 3}) % 10) % 10 == digit(d[10]);
}

bool luhn_number(std::string_view d) {
  int sum = 0;
  for (size_t i = 0; i < d.size(); ++i) {
    const int value = digit(d[d.size() - 1 - i]) * (i % 2 ? 2 : 1);
    sum += value > 9 ? value - 9 : value;
  }
  return sum % 10 == 0;
}

bool verhoeff(std::string_view d) {
  static constexpr char product[10][11] = {"0123456789", "1234067895", "2340178956", "3401289567",
                                           "4012395678", "5987604321", "6598710432", "7659821043",
                                           "8765932104", "9876543210"};
  static constexpr char turned[8][11] = {"0123456789", "1576283094", "5803796142", "8916043527",
                                         "9453126870", "4286573901", "2793806415", "7046913258"};
  int c = 0;
  for (size_t i = 0; i < d.size(); ++i) {
    const char p = turned[i % 8][digit(d[d.size() - 1 - i])];
    c = product[c][digit(p)] - '0';
  }
  return c == 0;
}

// ---- numbers --------------------------------------------------------------------------------------------
struct Number {
  std::array<char, 20> digits{};
  std::array<unsigned char, 20> groups{};
  size_t count = 0, group_count = 0;
  std::string_view text() const { return {digits.data(), count}; }
  bool grouped(std::initializer_list<int> sizes) const {
    return group_count == sizes.size() && std::equal(sizes.begin(), sizes.end(), groups.begin());
  }
  bool together() const { return group_count == 1; }
};

using Emit = PiiCandidates*;

void add(Emit out, Pii entity, size_t begin, size_t end, double score, bool validated) {
  out->push_back({entity, begin, end, score, validated});
}

void nine_digits(const Number& n, size_t b, size_t e, Emit out) {
  const std::string_view d = n.text();
  const bool threes = n.grouped({3, 3, 3});
  const int area = digit(d[0]) * 100 + digit(d[1]) * 10 + digit(d[2]),
            middle = digit(d[3]) * 10 + digit(d[4]);
  if (n.together() || n.grouped({3, 2, 4})) {
    const bool given = area != 0 && area != 666 && area < 900 && middle != 0 && d.substr(5) != "0000";
    if (given && n.together()) add(out, Pii::us_ssn, b, e, hardly, false);
    const bool itin = d[0] == '9' && ((middle >= 50 && middle <= 65) || (middle >= 70 && middle <= 88) ||
                                      (middle >= 90 && middle <= 92) || (middle >= 94 && middle <= 99));
    if (itin) add(out, Pii::us_itin, b, e, n.together() ? form_only : 0.5, false);
  }
  if (n.together()) add(out, Pii::us_passport, b, e, hardly, false);
  if ((n.together() || n.grouped({4, 4, 1})) && routing(d))
    add(out, Pii::aba_routing_number, b, e, form_only, true);
  if ((n.together() || threes) && acn(d)) add(out, Pii::au_acn, b, e, form_only, true);
  if ((n.together() || threes) && tfn(d)) add(out, Pii::au_tfn, b, e, form_only, true);
}

void judge_number(const Number& n, size_t b, size_t e, Emit out) {
  const std::string_view d = n.text();
  if (n.count == 9) nine_digits(n, b, e, out);
  if (n.count == 10) {
    if ((n.together() || n.grouped({3, 3, 4})) && nhs(d))
      add(out, Pii::uk_nhs, b, e, n.together() ? form_only : 0.35, true);
    if ((n.together() || n.grouped({4, 5, 1})) && medicare(d))
      add(out, Pii::au_medicare, b, e, form_only, true);
  }
  if (n.count == 11) {
    const bool abn_groups = n.grouped({2, 3, 3, 3});
    if ((n.together() || abn_groups) && abn(d))
      add(out, Pii::au_abn, b, e, abn_groups ? sure : form_only, true);
    if (n.together() && pesel(d)) add(out, Pii::pl_pesel, b, e, 0.35, true);
    if (n.together() && luhn_number(d)) add(out, Pii::it_vat_code, b, e, weak, true);
  }
  if (n.count == 12 && d[0] >= '2' && (n.together() || n.grouped({4, 4, 4})) && verhoeff(d))
    add(out, Pii::in_aadhaar, b, e, n.together() ? form_only : likely, true);
  if (n.together() && n.count >= 8 && n.count <= 17) add(out, Pii::us_bank_number, b, e, hardly, false);
}

}  // namespace

void find_number_ids(std::string_view zone, PiiCandidates* out) {
  for (size_t begin = 0; begin < zone.size(); ++begin) {
    if (!is_digit(zone[begin]) || word_before(zone, begin)) continue;
    // Behind a separator it may still be the beginning of a number: "No 1-234 567 890".
    Number n;
    char separator = 0;
    size_t i = begin;
    while (i < zone.size() && n.group_count < 6) {
      const size_t first = i;
      while (i < zone.size() && is_digit(zone[i]) && n.count < n.digits.size())
        n.digits[n.count++] = zone[i++];
      n.groups[n.group_count++] = static_cast<unsigned char>(i - first);
      const char after = char_at(zone, i);
      if (is_word(after)) break;
      judge_number(n, begin, i, out);
      if ((after != ' ' && after != '-') || (separator && after != separator) ||
          !is_digit(char_at(zone, i + 1)))
        break;
      separator = after;
      ++i;
    }
    while (begin + 1 < zone.size() && is_digit(zone[begin + 1])) ++begin;
  }
}

// ---- letters and digits ---------------------------------------------------------------------------------
namespace {

char upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }

// `form`: A a letter, 9 a digit, X either; anything else itself.
bool has_form(std::string_view code, std::string_view form) {
  if (code.size() != form.size()) return false;
  for (size_t i = 0; i < form.size(); ++i) {
    const bool fits = form[i] == 'A'   ? is_letter(code[i])
                      : form[i] == '9' ? is_digit(code[i])
                      : form[i] == 'X' ? is_letter(code[i]) || is_digit(code[i])
                                       : code[i] == form[i];
    if (!fits) return false;
  }
  return true;
}

int number_in(std::string_view code, size_t begin, size_t count) {
  int out = 0;
  for (size_t i = begin; i < begin + count; ++i) out = out * 10 + digit(code[i]);
  return out;
}

bool nric(std::string_view c) {
  const int sum = weighted(c.substr(1), {2, 7, 6, 5, 4, 3, 2});
  switch (c[0]) {
    case 'S':
      return "JZIHGFEDCBA"[sum % 11] == c[8];
    case 'T':
      return "JZIHGFEDCBA"[(sum + 4) % 11] == c[8];
    case 'F':
      return "XWUTRQPNMLK"[sum % 11] == c[8];
    case 'G':
      return "XWUTRQPNMLK"[(sum + 4) % 11] == c[8];
    case 'M':
      return "KLJNPQRTUWX"[10 - (sum + 3) % 11] == c[8];
    default:
      return false;
  }
}

constexpr char spanish[] = "TRWAGMYFPDXBNJZSQVHLCKE";

bool fiscal_code(std::string_view c) {
  static constexpr int odd_digit[] = {1, 0, 5, 7, 9, 13, 15, 17, 19, 21};
  static constexpr int odd_letter[] = {1,  0,  5, 7, 9, 13, 15, 17, 19, 21, 2,  4,  18,
                                       20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23};
  int sum = 0;
  for (size_t i = 0; i < 15; ++i) {
    const int value = is_digit(c[i]) ? digit(c[i]) : c[i] - 'A';
    sum += i % 2 ? value : is_digit(c[i]) ? odd_digit[value] : odd_letter[value];
  }
  return 'A' + sum % 26 == c[15];
}

bool dea(std::string_view c) {
  const int odd = digit(c[2]) + digit(c[4]) + digit(c[6]), even = digit(c[3]) + digit(c[5]) + digit(c[7]);
  return (odd + 2 * even) % 10 == digit(c[8]);
}

bool fits_letters(std::string_view letters, char c) { return letters.find(c) != std::string_view::npos; }

void judge_nine(std::string_view c, size_t b, size_t e, PiiCandidates* out) {
  if (has_form(c, "A9999999A") && nric(c)) add(out, Pii::sg_nric_fin, b, e, sure, true);
  if (has_form(c, "99999999A") && spanish[number_in(c, 0, 8) % 23] == c[8])
    add(out, Pii::es_nif, b, e, sure, true);
  if (has_form(c, "A9999999A") && fits_letters("XYZ", c[0])) {
    const int number = (c[0] - 'X') * 10'000'000 + number_in(c, 1, 7);
    if (spanish[number % 23] == c[8]) add(out, Pii::es_nie, b, e, sure, true);
  }
  if (has_form(c, "AA9999999") && fits_letters("ABCDEFGHJKLMPRSTUX", c[0]) && dea(c))
    add(out, Pii::medical_license, b, e, likely, true);
  if (has_form(c, "A99999999")) add(out, Pii::us_passport, b, e, weak, false);
  if (has_form(c, "AA999999A") && !fits_letters("DFIQUV", c[0]) && !fits_letters("DFIOQUV", c[1]) &&
      c[8] <= 'D')
    add(out, Pii::uk_nino, b, e, 0.5, false);
}

void judge_code(std::string_view c, size_t b, size_t e, PiiCandidates* out) {
  if (c.size() == 9) judge_nine(c, b, e, out);
  if (has_form(c, "AAAAA9999A") && fits_letters("ABCFGHJLPT", c[3])) add(out, Pii::in_pan, b, e, 0.85, false);
  if (has_form(c, "AAAAAA99A99A999A") && fiscal_code(c)) add(out, Pii::it_fiscal_code, b, e, sure, true);
  if (c.size() == 11 && (c[6] == '-' || c[6] == '+' || c[6] == 'A') && has_form(c.substr(0, 6), "999999") &&
      has_form(c.substr(7, 3), "999")) {
    const int number = number_in(c, 0, 6) * 1000 + number_in(c, 7, 3), day = number_in(c, 0, 2),
              month = number_in(c, 2, 2);
    if (day >= 1 && day <= 31 && month >= 1 && month <= 12 &&
        "0123456789ABCDEFHJKLMNPRSTUVWXY"[number % 31] == c[10])
      add(out, Pii::fi_personal_identity_code, b, e, sure, true);
  }
  const bool licence =
      c.size() >= 6 && c.size() <= 14 && is_letter(c[0]) && std::all_of(c.begin() + 1, c.end(), is_digit);
  if (licence) add(out, Pii::us_driver_license, b, e, weak, false);
}

// AB 12 34 56 C
void judge_spaced_nino(std::string_view zone, size_t b, PiiCandidates* out) {
  const std::string_view c = zone.substr(b, 13);
  if (c.size() < 13 || !has_form(c, "AA 99 99 99 A") || is_word(char_at(zone, b + 13))) return;
  const std::string packed = {upper(c[0]), upper(c[1]), c[3], c[4], c[6], c[7], c[9], c[10], upper(c[12])};
  PiiCandidates found;
  judge_nine(packed, b, b + 13, &found);
  for (const PiiCandidate& one : found)
    if (one.entity == Pii::uk_nino) out->push_back(one);
}

}  // namespace

void find_letter_ids(std::string_view zone, PiiCandidates* out) {
  std::array<char, 16> code{};
  for (size_t begin = 0; begin < zone.size(); ++begin) {
    if (!is_word(zone[begin]) || word_before(zone, begin)) continue;
    judge_spaced_nino(zone, begin, out);
    size_t end = begin;
    while (end < zone.size() && is_word(zone[end])) ++end;
    // The sign in the middle of a Finnish code.
    const bool finnish = end == begin + 6 && (char_at(zone, end) == '-' || char_at(zone, end) == '+');
    const size_t stop = finnish ? std::min(zone.size(), begin + 11) : end;
    if (stop - begin <= code.size() && !is_word(char_at(zone, stop))) {
      for (size_t i = begin; i < stop; ++i) code[i - begin] = upper(zone[i]);
      judge_code({code.data(), stop - begin}, begin, stop, out);
    }
    begin = end;
  }
}

// ---- telephones that somebody speaks of -----------------------------------------------------------------
void find_likely_phones(std::string_view zone, PiiCandidates* out) {
  for (size_t begin = 0; begin < zone.size(); ++begin) {
    const char c = zone[begin];
    const bool opens = is_digit(c) || ((c == '(' || c == '+') && is_digit(char_at(zone, begin + 1)));
    if (!opens || word_before(zone, begin)) continue;
    if (begin > 0 && std::string_view("+$#(.,:/-").find(zone[begin - 1]) != std::string_view::npos) continue;
    size_t digits = 0, end = begin, groups = 0, gap = 1, longest = 0, row = 0;
    for (size_t i = begin; i < zone.size() && digits <= 15; ++i) {
      if (is_digit(zone[i])) {
        if (gap > 0) ++groups, row = 0;
        gap = 0;
        ++digits;
        longest = std::max(longest, ++row);
        end = i + 1;
      } else if (std::string_view(" -.()/+").find(zone[i]) == std::string_view::npos || ++gap > 3) {
        break;
      }
    }
    const bool date = groups == 3 && longest <= 4 && digits <= 8 &&
                      zone.substr(begin, end - begin).find(' ') == std::string_view::npos;
    const bool whole = !is_word(char_at(zone, end));
    if (whole && digits >= 7 && digits <= 13 && !(date && digits == 8 && longest == 4) && groups <= 6)
      out->push_back({Pii::phone, begin, end, groups > 1 ? form_only : weak, false});
    begin = std::max(begin, end > begin ? end - 1 : begin);
  }
}

void find_mac_addresses(std::string_view zone, PiiCandidates* out) {
  const auto hex = [](char c) { return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'); };
  for (size_t i = 0; i + 17 <= zone.size(); ++i) {
    const char sign = zone[i + 2];
    if ((sign != ':' && sign != '-') || word_before(zone, i) || (i > 0 && zone[i - 1] == sign)) continue;
    bool good = true;
    for (size_t k = 0; k < 17 && good; ++k) good = k % 3 == 2 ? zone[i + k] == sign : hex(zone[i + k]);
    const char after = char_at(zone, i + 17);
    if (!good || is_word(after) || (after == sign && hex(char_at(zone, i + 18)))) continue;
    out->push_back({Pii::mac_address, i, i + 17, likely, false});
    i += 16;
  }
}

}  // namespace whorl::data
