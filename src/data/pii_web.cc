// URLs, e-mail addresses, IP addresses.
#include <algorithm>

#include "data/pii.h"

namespace whorl::data {

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool starts_with(std::string_view text, size_t at, std::string_view lower_prefix) {
  if (at + lower_prefix.size() > text.size()) return false;
  for (size_t i = 0; i < lower_prefix.size(); ++i)
    if (lower(text[at + i]) != lower_prefix[i]) return false;
  return true;
}

bool ends_url(char c) {
  return static_cast<unsigned char>(c) <= 0x20 || c == '"' || c == '<' || c == '>' || c == '`' || c == '\\' ||
         c == '|' || c == '^' || c == '{' || c == '}';
}

// Full stops and brackets at the end belong to the sentence, unless the bracket was opened in the URL.
size_t trimmed_end(std::string_view text, size_t begin, size_t end) {
  int64_t round = 0, square = 0;
  for (size_t i = begin; i < end; ++i) {
    round += (text[i] == '(') - (text[i] == ')');
    square += (text[i] == '[') - (text[i] == ']');
  }
  while (end > begin) {
    const char c = text[end - 1];
    const bool open = (c == ')' && round >= 0) || (c == ']' && square >= 0);
    if (open || std::string_view(".,;:!?'*_)]").find(c) == std::string_view::npos) break;
    round += c == ')';
    square += c == ']';
    --end;
  }
  return end;
}

}  // namespace

void find_urls(std::string_view text, std::vector<PiiSpan>* out) {
  static constexpr std::string_view openings[] = {"https://", "http://", "ftp://", "ftps://", "www."};
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = lower(text[i]);
    if ((c != 'h' && c != 'f' && c != 'w') || word_before(text, i)) continue;
    for (const std::string_view opening : openings) {
      if (!starts_with(text, i, opening) ||
          !(is_word(char_at(text, i + opening.size())) || char_at(text, i + opening.size()) == '['))
        continue;
      size_t end = i + opening.size();
      while (end < text.size() && !ends_url(text[end])) ++end;
      end = trimmed_end(text, i, end);
      const bool bare = opening == "www.";  // needs a dot more: "www.example.com", not "www.hello"
      if (bare && text.substr(i + 4, end - i - 4).find('.') == std::string_view::npos) break;
      out->push_back({i, end, Entity::url});
      i = end - 1;
      break;
    }
  }
}

namespace {

bool is_local(char c) {
  return is_digit(c) || is_letter(c) || std::string_view("._%+-").find(c) != std::string_view::npos;
}

// Labels of letters, digits and inner hyphens, at least two, the last of two letters or more. Returns the
// end.
size_t domain_end(std::string_view text, size_t at) {
  size_t good = at, label = at, labels = 0;
  for (size_t i = at;; ++i) {
    const char c = char_at(text, i);
    if (i < text.size() && (is_digit(c) || is_letter(c) || c == '-' || static_cast<unsigned char>(c) >= 0x80))
      continue;
    if (i == label || text[label] == '-' || text[i - 1] == '-' || i - label > 63) break;
    ++labels;
    const std::string_view name = text.substr(label, i - label);
    const bool top = name.size() >= 2 &&
                     std::none_of(name.begin(), name.end(), [](char l) { return is_digit(l) || l == '-'; });
    if (labels >= 2 && (top || starts_with(name, 0, "xn--"))) good = i;
    if (c != '.' || i >= text.size()) break;
    label = i + 1;
  }
  return good;
}

}  // namespace

void find_emails(std::string_view text, std::vector<PiiSpan>* out) {
  size_t floor = 0;  // what an earlier address took
  for (size_t at = text.find('@'); at != std::string_view::npos; at = text.find('@', at + 1)) {
    size_t begin = at;
    while (begin > floor && at - begin < 64 && is_local(text[begin - 1])) --begin;
    while (begin < at && (text[begin] == '.' || text[begin] == '-')) ++begin;
    if (begin == at || text[at - 1] == '.') continue;
    if (text.substr(begin, at - begin).find("..") != std::string_view::npos) continue;
    const size_t end = domain_end(text, at + 1);
    if (end == at + 1) continue;
    out->push_back({begin, end, Entity::email});
    floor = end;
  }
}

namespace {

// Four octets without leading zeros. Returns the end, or `at`.
size_t ipv4_end(std::string_view text, size_t at) {
  size_t i = at;
  for (int octet = 0; octet < 4; ++octet) {
    if (octet > 0 && char_at(text, i++) != '.') return at;
    const size_t start = i;
    int value = 0;
    while (i < text.size() && i - start < 4 && is_digit(text[i])) value = value * 10 + (text[i++] - '0');
    if (i == start || i - start > 3 || value > 255 || (i - start > 1 && text[start] == '0')) return at;
  }
  return i;
}

bool is_hex(char c) { return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f'); }

// Eight groups of hexadecimal digits, or fewer around one "::"; the last two may be an IPv4 address.
bool is_ipv6(std::string_view address) {
  int groups = 0, digits = 0;
  bool gap = false;
  size_t i = 0;
  if (address.substr(0, 2) == "::") gap = true, i = 2;
  while (i < address.size()) {
    if (const size_t end = ipv4_end(address, i); end == address.size() && end > i)
      return groups + 2 + gap <= 8 && (gap || groups == 6);
    const size_t start = i;
    for (; i < address.size() && is_hex(address[i]); ++i) digits += is_digit(address[i]);
    if (i == start || i - start > 4) return false;
    ++groups;
    if (i == address.size()) break;
    if (address[i++] != ':') return false;
    if (i < address.size() && address[i] == ':') {
      if (gap) return false;
      gap = true;
      ++i;
    } else if (i == address.size()) {
      return false;
    }
  }
  // "a::b" is more often a name in a program than an address.
  return groups + gap <= 8 && (gap ? groups >= 1 && digits > 0 : groups == 8);
}

}  // namespace

void find_ip_addresses(std::string_view text, std::vector<PiiSpan>* out) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (!(is_hex(text[i]) || text[i] == ':')) continue;
    const bool inside = word_before(text, i) || (i > 0 && (text[i - 1] == '.' || text[i - 1] == ':'));
    size_t end = i;
    while (end < text.size() && (is_hex(text[end]) || text[end] == ':' || text[end] == '.')) ++end;
    const size_t run = end;
    while (end > i &&
           (text[end - 1] == '.' || (text[end - 1] == ':' && (end < i + 2 || text[end - 2] != ':'))))
      --end;
    const std::string_view candidate = text.substr(i, end - i);
    const bool ends = !candidate.empty() && (run == text.size() || !is_word(text[run]));
    const bool v4 = ends && !inside && candidate.find(':') == std::string_view::npos &&
                    ipv4_end(candidate, 0) == candidate.size();
    const bool v6 = ends && !inside && candidate.size() >= 3 && candidate.size() <= 45 &&
                    candidate.find(':') != std::string_view::npos;
    if (v4 || (v6 && is_ipv6(candidate))) {
      out->push_back({i, end, Entity::ip_address});
    } else if (ends && !inside) {  // 10.0.0.1:8080
      const size_t colon = candidate.find(':');
      if (colon != std::string_view::npos && colon > 0 && ipv4_end(candidate, 0) == colon)
        out->push_back({i, i + colon, Entity::ip_address});
    }
    i = run > i ? run - 1 : i;
  }
}

}  // namespace whorl::data
