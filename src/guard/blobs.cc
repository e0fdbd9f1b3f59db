#include "guard/blobs.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "text/unicode.h"

namespace whorl::guard {

namespace {

constexpr size_t shortest = 16;

// base64 and its URL form in one table; -1: neither.
constexpr std::array<int8_t, 128> make_sextets() {
  std::array<int8_t, 128> out{};
  for (auto& value : out) value = -1;
  for (int i = 0; i < 26; ++i) {
    out[static_cast<size_t>('A' + i)] = static_cast<int8_t>(i);
    out[static_cast<size_t>('a' + i)] = static_cast<int8_t>(26 + i);
  }
  for (int i = 0; i < 10; ++i) out[static_cast<size_t>('0' + i)] = static_cast<int8_t>(52 + i);
  out['+'] = out['-'] = 62;
  out['/'] = out['_'] = 63;
  return out;
}
constexpr std::array<int8_t, 128> sextets = make_sextets();

int sextet(char32_t c) { return c < 128 ? sextets[c] : -1; }

int hex_digit(char32_t c) {
  if (c >= '0' && c <= '9') return static_cast<int>(c - '0');
  const char32_t lower = c | 0x20;
  return lower >= 'a' && lower <= 'f' ? static_cast<int>(lower - 'a' + 10) : -1;
}

// Good UTF-8 with hardly a control character: what is not text rarely looks so by chance.
bool reads_as_text(std::string_view bytes) {
  size_t strange = 0, count = 0;
  for (size_t i = 0; i < bytes.size(); ++count) {
    const text::CodePoint point = text::code_point_at(bytes, i);
    if (point.size == 0) return false;
    strange += point.value < 0x20 && !(text::char_flags(point.value) & text::char_space);
    i += point.size;
  }
  return count >= 6 && strange * 20 <= count;
}

std::string from_base64(const Pieces& p, size_t begin, size_t end) {
  std::string out;
  uint32_t bits = 0;
  int have = 0;
  for (size_t i = begin; i < end; ++i) {
    bits = bits << 6 | static_cast<uint32_t>(sextet(p[i].value));
    have += 6;
    if (have < 8) continue;
    have -= 8;
    out += static_cast<char>(bits >> have & 0xff);
  }
  return out;
}

std::string from_hex(const Pieces& p, size_t begin, size_t end) {
  std::string out;
  for (size_t i = begin; i + 1 < end; i += 2)
    out += static_cast<char>(hex_digit(p[i].value) << 4 | hex_digit(p[i + 1].value));
  return out;
}

void keep_if_text(const Pieces& p, size_t begin, size_t end, std::string decoded, std::vector<Blob>* out) {
  // The last character may be cut where a run does not end with its word.
  for (int cut = 0; cut < 4 && !decoded.empty(); ++cut, decoded.pop_back()) {
    if (!reads_as_text(decoded)) continue;
    while (end < p.size() && p[end].value == '=') ++end;
    out->push_back({p[begin].begin, p[end - 1].end, std::move(decoded)});
    return;
  }
}

template <class Digit>
size_t run_end(const Pieces& p, size_t begin, Digit digit) {
  size_t end = begin;
  while (end < p.size() && digit(p[end].value) >= 0) ++end;
  return end;
}

}  // namespace

std::vector<Blob> blobs_in(const Pieces& p) {
  std::vector<Blob> out;
  for (size_t i = 0; i < p.size();) {
    const size_t end = std::max(run_end(p, i, sextet), i + 1);
    // A word before it ("data/…") shifts the groups of four: every one of the four readings is tried.
    for (size_t shift = 0; end - i >= shortest && shift < 4; ++shift)
      keep_if_text(p, i + shift, end, from_base64(p, i + shift, end), &out);
    i = end;
  }
  for (size_t i = 0; i < p.size();) {
    if (p[i].value == '0' && i + 1 < p.size() && (p[i + 1].value | 0x20) == 'x') {
      i += 2;
      continue;
    }
    const size_t end = std::max(run_end(p, i, hex_digit), i + 1);
    for (size_t shift = 0; end - i >= shortest && shift < 2; ++shift)
      keep_if_text(p, i + shift, end, from_hex(p, i + shift, end), &out);
    i = end;
  }
  return out;
}

}  // namespace whorl::guard
