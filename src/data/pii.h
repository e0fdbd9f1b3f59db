#pragma once
// Personal data in text, by hand-written scanners: each looks at a byte a bounded number of times, so no text
// can make them slow, and checks what can be checked (Luhn, mod 97, octets).
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace whorl::data {

enum class Entity : unsigned char { url, email, iban, credit_card, us_ssn, ip_address, phone };

// "EMAIL", "PHONE", "CREDIT_CARD", "IBAN", "IP_ADDRESS", "US_SSN", "URL"
const std::vector<std::string>& entity_names();
const char* name_of(Entity entity);

struct PiiSpan {
  size_t begin = 0, end = 0;
  Entity entity = Entity::url;
  bool operator==(const PiiSpan&) const = default;
};

// Scanners append what they find; spans of one scanner do not overlap.
void find_urls(std::string_view text, std::vector<PiiSpan>* out);
void find_emails(std::string_view text, std::vector<PiiSpan>* out);
void find_ibans(std::string_view text, std::vector<PiiSpan>* out);
void find_credit_cards(std::string_view text, std::vector<PiiSpan>* out);
void find_us_ssns(std::string_view text, std::vector<PiiSpan>* out);
void find_ip_addresses(std::string_view text, std::vector<PiiSpan>* out);
void find_phones(std::string_view text, std::vector<PiiSpan>* out);

// All of `entities`, in text order, without overlaps: spans that overlap become one, named after the longest
// of them (the earlier in the enumeration among equals), so that nothing that was found stays visible.
std::vector<PiiSpan> find_pii(std::string_view text, const std::vector<Entity>& entities);

// Character classes of ASCII, whatever the locale.
inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
inline bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
inline bool is_word(char c) {
  return is_digit(c) || is_letter(c) || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
inline char char_at(std::string_view text, size_t i) { return i < text.size() ? text[i] : '\0'; }
inline bool word_before(std::string_view text, size_t i) { return i > 0 && is_word(text[i - 1]); }

}  // namespace whorl::data
