#include "data/pii_zones.h"

#include <algorithm>
#include <array>

#include "data/pii.h"

namespace whorl::data {

namespace {

constexpr size_t longest_token = 4096;  // bytes; a longer one is cut
constexpr size_t longest_zone = 256;    // of several tokens; the next one then begins before this one ends,
constexpr size_t overlap = 64;          // by more than the longest entity that is written with spaces

enum : unsigned char {
  plain_byte,
  digit_byte,
  space_byte,
  script_byte,
  at_byte,
  colon_byte,
  dot_byte,
  letter_byte
};

// Han, kana and Hangul (lead bytes E3 to ED) separate as white space does: nobody writes spaces there.
constexpr std::array<unsigned char, 256> make_kinds() {
  std::array<unsigned char, 256> out{};
  for (unsigned c = 0; c < 256; ++c) {
    if (c >= '0' && c <= '9') out[c] = digit_byte;
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) out[c] = letter_byte;
    if (c == ' ' || (c >= 0x09 && c <= 0x0d)) out[c] = space_byte;
    if (c >= 0xe3 && c <= 0xed) out[c] = script_byte;
  }
  out['@'] = at_byte;
  out[':'] = colon_byte;
  out['.'] = dot_byte;
  return out;
}
constexpr std::array<unsigned char, 256> kinds = make_kinds();

unsigned char kind_of(char c) { return kinds[static_cast<unsigned char>(c)]; }

struct Token {
  size_t begin = 0, end = 0;
  std::array<unsigned, 8> count{};  // bytes of each kind
  bool open = false;                // may still grow
  bool has(unsigned char kind) const { return count[kind] > 0; }
  size_t size() const { return end - begin; }
};

Token read_token(std::string_view text, size_t begin) {
  Token out;
  out.begin = begin;
  size_t i = begin;
  const size_t stop = std::min(text.size(), begin + longest_token);
  for (; i < stop; ++i) {
    const unsigned char kind = kind_of(text[i]);
    if (kind == space_byte || kind == script_byte) break;
    ++out.count[kind];
  }
  out.end = i;
  out.open = i == text.size() && i < begin + longest_token;
  return out;
}

// What stands between tokens; a script's characters are several bytes.
size_t skip_separators(std::string_view text, size_t i) {
  while (i < text.size()) {
    const unsigned char kind = kind_of(text[i]);
    if (kind == script_byte) {
      ++i;
      while (i < text.size() && (static_cast<unsigned char>(text[i]) & 0xc0) == 0x80) ++i;
    } else if (kind == space_byte) {
      ++i;
    } else {
      break;
    }
  }
  return i;
}

bool has_www(std::string_view token) {
  for (size_t i = 0; i + 4 <= token.size(); ++i)
    if ((token[i] | 0x20) == 'w' && (token[i + 1] | 0x20) == 'w' && (token[i + 2] | 0x20) == 'w' &&
        token[i + 3] == '.')
      return true;
  return false;
}

bool is_address(std::string_view text, const Token& t) {
  const std::string_view token = text.substr(t.begin, t.size());
  return (t.has(colon_byte) && token.find("://") != std::string_view::npos) ||
         (t.has(dot_byte) && has_www(token));
}

bool is_signs(std::string_view text, const Token& t) {
  const std::string_view token = text.substr(t.begin, t.size());
  return token.find_first_not_of("-/.()+") == std::string_view::npos;
}

// Starts a zone only together with what follows: "+ 49 …", "AB 12 34 56 C".
bool may_open(std::string_view text, const Token& t) {
  const bool two_letters = t.size() == 2 && t.count[letter_byte] == 2;
  return two_letters || is_signs(text, t);
}

struct Open {
  bool any = false, sure = false;  // sure: it has a digit or an address
  bool groups = false;             // a token of it begins as an IBAN does
  PiiZone zone;
};

bool ends_clause(std::string_view text, size_t end) {
  return std::string_view(",;!?").find(text[end - 1]) != std::string_view::npos;
}

bool joins(std::string_view text, const Open& open, const Token& t) {
  if (!open.any || t.begin != open.zone.end + 1 || text[open.zone.end] != ' ') return false;
  if (ends_clause(text, open.zone.end)) return false;
  if (t.has(digit_byte) || (open.sure && is_signs(text, t))) return true;
  const bool letters = t.count[letter_byte] == t.size();
  return open.sure && letters && (t.size() == 1 || (t.size() == 4 && open.groups));
}

bool opens_iban(std::string_view token) {
  return token.size() >= 4 && kind_of(token[0]) == letter_byte && kind_of(token[1]) == letter_byte &&
         kind_of(token[2]) == digit_byte && kind_of(token[3]) == digit_byte;
}

void take(std::string_view text, const Token& t, Open* open) {
  PiiZone& zone = open->zone;
  if (!open->any) {
    *open = Open{};
    open->any = true;
    zone.begin = t.begin;
  }
  open->groups = open->groups || opens_iban(text.substr(t.begin, t.size()));
  zone.end = t.end;
  zone.digits += t.count[digit_byte];
  zone.at = zone.at || t.has(at_byte);
  zone.address = zone.address || is_address(text, t);
  zone.colons = zone.colons || t.count[colon_byte] >= 2;
  zone.dots = zone.dots || t.count[dot_byte] >= 3;
  open->sure = zone.digits > 0 || zone.at || zone.address || zone.colons;
}

void close(Open* open, std::vector<PiiZone>* out) {
  if (open->any && open->sure) out->push_back(open->zone);
  *open = Open{};
}

// A zone that has grown too long ends here; where in it the next one begins.
size_t restart(std::string_view text, const PiiZone& zone, size_t next) {
  size_t at = zone.end > overlap ? std::max(zone.end - overlap, zone.begin + 1) : zone.begin + 1;
  for (; at < zone.end; ++at)
    if (text[at - 1] == ' ' && kind_of(text[at]) == digit_byte) return at;
  return next;
}

}  // namespace

namespace {

// Bytes at the end that begin a separator of several bytes.
size_t cut_short(std::string_view text) {
  for (size_t i = 1; i <= 2 && i <= text.size(); ++i)
    if (kind_of(text[text.size() - i]) == script_byte) return i;
  return 0;
}

}  // namespace

size_t find_zones(std::string_view text, size_t from, bool finished, std::vector<PiiZone>* out) {
  Open open;
  size_t i = from;
  while (true) {
    i = skip_separators(text, i);
    if (i >= text.size()) break;
    const Token t = read_token(text, i);
    if (t.open && !finished) {
      // It may grow, and join or not: with the zone before it, if one is still open there.
      const bool near = open.any && t.begin == open.zone.end + 1 && text[open.zone.end] == ' ' &&
                        !ends_clause(text, open.zone.end);
      if (near) return open.zone.begin;
      close(&open, out);
      return t.begin;
    }
    if (!joins(text, open, t)) close(&open, out);
    if (open.any && t.end - open.zone.begin > longest_zone) {
      i = restart(text, open.zone, t.begin);
      close(&open, out);
      continue;
    }
    const bool seed = t.has(digit_byte) || t.has(at_byte) || t.count[colon_byte] >= 2 || is_address(text, t);
    if (open.any || seed || may_open(text, t)) take(text, t, &open);
    i = t.end;
  }
  // One space behind an open zone may be followed by more of it.
  const bool waits = open.any && !finished && text.size() == open.zone.end + 1 && text.back() == ' ' &&
                     !ends_clause(text, open.zone.end);
  if (waits) return open.zone.begin;
  close(&open, out);
  return text.size() - (finished ? 0 : cut_short(text));
}

}  // namespace whorl::data
