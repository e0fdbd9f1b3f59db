#include "text/unicode.h"

#include <array>
#include <atomic>
#include <memory>

#include "text/bridge.h"

namespace whorl::text {

namespace {

constexpr size_t page_size = 256, pages = 0x110000 / page_size;
using Page = std::array<uint8_t, page_size>;

bool continues(std::string_view text, size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80;
}

char32_t low_bits(std::string_view text, size_t at) { return static_cast<unsigned char>(text[at]) & 0x3f; }

// Bytes that a code point with this first byte takes; 0: none begins so.
size_t announced(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

// The second byte narrows what the first allows.
bool second_fits(unsigned char lead, unsigned char second) {
  if ((second & 0xc0) != 0x80) return false;
  if (lead == 0xe0) return second >= 0xa0;
  if (lead == 0xed) return second < 0xa0;
  if (lead == 0xf0) return second >= 0x90;
  if (lead == 0xf4) return second < 0x90;
  return true;
}

}  // namespace

CodePoint code_point_at(std::string_view text, size_t at) {
  const unsigned char lead = static_cast<unsigned char>(text[at]);
  const size_t size = announced(lead);
  if (size == 1) return {lead, 1};
  if (size == 0 || at + size > text.size() || !second_fits(lead, static_cast<unsigned char>(text[at + 1])))
    return {};
  char32_t value = lead & (0xff >> (size + 1));
  for (size_t i = 1; i < size; ++i) {
    if (!continues(text, at + i)) return {};
    value = value << 6 | low_bits(text, at + i);
  }
  return {value, size};
}

bool is_cut_short(std::string_view text, size_t at) {
  const size_t here = text.size() - at;
  const unsigned char lead = static_cast<unsigned char>(text[at]);
  if (here >= announced(lead)) return false;
  if (here > 1 && !second_fits(lead, static_cast<unsigned char>(text[at + 1]))) return false;
  return here < 3 || continues(text, at + 2);
}

void append_utf8(char32_t value, std::string* out) {
  const auto put = [out](char32_t byte) { *out += static_cast<char>(byte); };
  if (value < 0x80) return put(value);
  if (value < 0x800) {
    put(0xc0 | value >> 6);
  } else if (value < 0x10000) {
    put(0xe0 | value >> 12);
    put(0x80 | (value >> 6 & 0x3f));
  } else {
    put(0xf0 | value >> 18);
    put(0x80 | (value >> 12 & 0x3f));
    put(0x80 | (value >> 6 & 0x3f));
  }
  put(0x80 | (value & 0x3f));
}

// A page is filled when a character of it is first seen; whoever comes second drops their copy.
uint8_t char_flags(char32_t value) {
  static std::array<std::atomic<const Page*>, pages> table{};
  if (value >= 0x110000) return 0;
  std::atomic<const Page*>& slot = table[value / page_size];
  const Page* page = slot.load(std::memory_order_acquire);
  if (!page) {
    auto made = std::make_unique<Page>();
    whorl_unicode_flags(static_cast<uint32_t>(value / page_size * page_size), page_size, made->data());
    if (slot.compare_exchange_strong(page, made.get(), std::memory_order_acq_rel)) page = made.release();
  }
  return (*page)[value % page_size];
}

std::string look_alike(char32_t value) {
  whorl_bytes out{}, error{};
  check_call(whorl_unicode_look_alike(static_cast<uint32_t>(value), &out, &error), error, "look_alike");
  return take(out);
}

std::string nfkc(std::string_view utf8) {
  whorl_bytes out{}, error{};
  check_call(whorl_unicode_nfkc(utf8.data(), utf8.size(), &out, &error), error, "nfkc");
  return take(out);
}

}  // namespace whorl::text
