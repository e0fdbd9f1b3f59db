// Addresses of Bitcoin (base58check, bech32) and Ethereum.
#include <array>
#include <string>

#include "base/hash.h"
#include "data/pii.h"
#include "data/pii_rules.h"

namespace whorl::data {

namespace {

constexpr std::string_view base58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
constexpr std::string_view bech32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";

std::string from_hex(const std::string& hex) {
  std::string out;
  const auto value = [](char c) { return is_digit(c) ? c - '0' : c - 'a' + 10; };
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(value(hex[i]) << 4 | value(hex[i + 1]));
  return out;
}

// 25 bytes, the last four of which are the beginning of a double SHA-256 of the others.
bool base58_check(std::string_view address) {
  std::array<unsigned char, 25> bytes{};
  for (const char c : address) {
    const size_t value = base58.find(c);
    if (value == std::string_view::npos) return false;
    unsigned carry = static_cast<unsigned>(value);
    for (size_t i = bytes.size(); i-- > 0;) {
      carry += 58u * bytes[i];
      bytes[i] = static_cast<unsigned char>(carry & 0xff);
      carry >>= 8;
    }
    if (carry) return false;
  }
  const std::string_view body(reinterpret_cast<const char*>(bytes.data()), 21);
  const std::string digest = from_hex(base::sha256_hex(from_hex(base::sha256_hex(body))));
  return digest.substr(0, 4) == std::string(reinterpret_cast<const char*>(bytes.data()) + 21, 4);
}

uint32_t step(uint32_t sum, uint32_t value) {
  static constexpr uint32_t generators[] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
  const uint32_t top = sum >> 25;
  sum = (sum & 0x1ffffff) << 5 ^ value;
  for (unsigned i = 0; i < 5; ++i)
    if (top >> i & 1) sum ^= generators[i];
  return sum;
}

// "bc1…": one case, checksum of bech32 or bech32m.
bool bech32_check(std::string_view address) {
  uint32_t sum = 1;
  bool upper = false, lower = false;
  std::string small(address);
  for (char& c : small) {
    upper = upper || (c >= 'A' && c <= 'Z');
    lower = lower || (c >= 'a' && c <= 'z');
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  if ((upper && lower) || small.substr(0, 3) != "bc1") return false;
  for (const char c : {'b', 'c'}) sum = step(sum, static_cast<uint32_t>(c) >> 5);
  sum = step(sum, 0);
  for (const char c : {'b', 'c'}) sum = step(sum, static_cast<uint32_t>(c) & 31);
  for (const char c : std::string_view(small).substr(3)) {
    const size_t value = bech32.find(c);
    if (value == std::string_view::npos) return false;
    sum = step(sum, static_cast<uint32_t>(value));
  }
  return sum == 1 || sum == 0x2bc830a3;
}

bool ethereum(std::string_view address) {
  if (address.size() != 42 || address[0] != '0' || address[1] != 'x') return false;
  for (const char c : address.substr(2))
    if (!is_digit(c) && !((c | 0x20) >= 'a' && (c | 0x20) <= 'f')) return false;
  return true;
}

}  // namespace

void find_crypto(std::string_view zone, PiiCandidates* out) {
  for (size_t begin = 0; begin < zone.size(); ++begin) {
    if (!is_word(zone[begin]) || word_before(zone, begin)) continue;
    size_t end = begin;
    while (end < zone.size() && is_word(zone[end])) ++end;
    const std::string_view word = zone.substr(begin, end - begin);
    const char first = word[0];
    const bool check =
        ((first == '1' || first == '3') && word.size() >= 26 && word.size() <= 35 && base58_check(word)) ||
        ((first | 0x20) == 'b' && word.size() >= 14 && word.size() <= 74 && bech32_check(word));
    if (check) out->push_back({Pii::crypto, begin, end, 1.0, true});
    if (ethereum(word)) out->push_back({Pii::crypto, begin, end, 0.6, false});
    begin = end;
  }
}

}  // namespace whorl::data
