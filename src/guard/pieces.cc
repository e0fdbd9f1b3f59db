#include "guard/pieces.h"

#include <algorithm>

#include "text/unicode.h"

namespace whorl::guard {

namespace {

unsigned class_of(char32_t c) { return c < 0x80 ? byte_classes[c] : 0; }
bool is_ascii_letter(char32_t c) { return (class_of(c) & byte_letter) != 0; }

int hex_value(char32_t c) {
  if (c >= '0' && c <= '9') return static_cast<int>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<int>(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return static_cast<int>(c - 'A' + 10);
  return -1;
}

bool is_scalar(char32_t c) { return c <= 0x10ffff && !(c >= 0xd800 && c < 0xe000); }

}  // namespace

bool is_alnum(char32_t c) { return (class_of(c) & (byte_letter | byte_digit)) != 0; }

// Default_Ignorable_Code_Point, and the controls that no text needs.
bool is_invisible(char32_t c) {
  if (c < 0x80) return (byte_classes[c] & byte_control) != 0;
  if (c < 0x300) return c == 0xad || (c < 0xa0 && c != 0x85);
  return c == 0x34f || c == 0x61c || c == 0x115f || c == 0x1160 || c == 0x17b4 || c == 0x17b5 ||
         (c >= 0x180b && c <= 0x180f) || (c >= 0x200b && c <= 0x200f) || (c >= 0x202a && c <= 0x202e) ||
         (c >= 0x2060 && c <= 0x206f) || c == 0x3164 || (c >= 0xfe00 && c <= 0xfe0f) || c == 0xfeff ||
         c == 0xffa0 || (c >= 0xfff0 && c <= 0xfffb) || (c >= 0x1bca0 && c <= 0x1bca3) ||
         (c >= 0x1d173 && c <= 0x1d17a) || (c >= 0xe0000 && c <= 0xe0fff);
}

std::string to_string(const Pieces& pieces) {
  std::string out;
  for (const Piece& piece : pieces) text::append_utf8(piece.value, &out);
  return out;
}

void decode(std::string_view bytes, size_t offset, Pieces* out) {
  out->clear();
  out->reserve(bytes.size());
  for (size_t i = 0; i < bytes.size();) {
    const text::CodePoint point = text::code_point_at(bytes, i);
    const size_t size = std::max<size_t>(point.size, 1);
    out->push_back({point.value, offset + i, offset + i + size, point.size > 0});
    i += size;
  }
}

Pieces decode(std::string_view bytes, size_t offset) {
  Pieces out;
  decode(bytes, offset, &out);
  return out;
}

// ---- escapes --------------------------------------------------------------------------------------------
namespace {

// What an escape at `at` spells: as bytes (%XX, which may be a UTF-8 sequence over several) or a code point.
struct Escape {
  size_t size = 0;  // pieces; 0: none
  char32_t value = 0;
  bool is_byte = false;
};

char32_t piece_at(const Pieces& p, size_t i) { return i < p.size() ? p[i].value : 0; }

Escape hex_escape(const Pieces& p, size_t from, size_t digits, size_t before, bool is_byte) {
  char32_t value = 0;
  for (size_t i = 0; i < digits; ++i) {
    const int digit = hex_value(piece_at(p, from + i));
    if (digit < 0) return {};
    value = value << 4 | static_cast<char32_t>(digit);
  }
  return {before + digits, value, is_byte};
}

// &#65; &#x41; the semicolon may be missing, as in a browser.
Escape numeric_entity(const Pieces& p, size_t at) {
  const bool hex = (piece_at(p, at + 2) | 0x20) == 'x';
  const int base = hex ? 16 : 10;
  size_t i = at + (hex ? 3 : 2);
  const size_t first = i;
  char32_t value = 0;
  for (; i < first + 8; ++i) {
    const int digit = hex_value(piece_at(p, i));
    if (digit < 0 || digit >= base) break;
    value = value * static_cast<char32_t>(base) + static_cast<char32_t>(digit);
  }
  if (i == first || !is_scalar(value)) return {};
  if (piece_at(p, i) == ';') ++i;
  return {i - at, value, false};
}

Escape named_entity(const Pieces& p, size_t at) {
  struct Name {
    std::string_view name;
    char value;
  };
  static constexpr Name names[] = {
      {"lt", '<'},     {"gt", '>'},     {"amp", '&'},    {"quot", '"'},     {"apos", '\''},  {"nbsp", ' '},
      {"sol", '/'},    {"colon", ':'},  {"lpar", '('},   {"rpar", ')'},     {"num", '#'},    {"excl", '!'},
      {"equals", '='}, {"commat", '@'}, {"Tab", '\t'},   {"NewLine", '\n'}, {"period", '.'}, {"comma", ','},
      {"semi", ';'},   {"lbrace", '{'}, {"lcub", '{'},   {"rcub", '}'},     {"dollar", '$'}, {"percnt", '%'},
      {"bsol", '\\'},  {"grave", '`'},  {"lowbar", '_'}, {"hyphen", '-'}};
  for (const Name& known : names) {
    size_t i = 0;
    while (i < known.name.size() && piece_at(p, at + 1 + i) == static_cast<unsigned char>(known.name[i])) ++i;
    if (i == known.name.size() && piece_at(p, at + 1 + i) == ';')
      return {i + 2, static_cast<unsigned char>(known.value), false};
  }
  return {};
}

Escape escape_at(const Pieces& p, size_t at) {
  if (p[at].value == '%') return hex_escape(p, at + 1, 2, 1, true);
  if (p[at].value == '&') return piece_at(p, at + 1) == '#' ? numeric_entity(p, at) : named_entity(p, at);
  if (p[at].value != '\\') return {};
  const char32_t kind = piece_at(p, at + 1);
  if (kind == 'x') return hex_escape(p, at + 2, 2, 2, true);
  if (kind == 'u') return hex_escape(p, at + 2, 4, 2, false);
  if (kind == 'U') return hex_escape(p, at + 2, 8, 2, false);
  return {};
}

// Bytes that escapes spelt, as characters; each stands for the escapes it came from.
void add_bytes(const std::string& bytes, const Pieces& sources, Pieces* out) {
  for (const Piece& piece : decode(bytes, 0))
    out->push_back({piece.value, sources[piece.begin].begin, sources[piece.end - 1].end, false});
}

}  // namespace

bool unescape(Pieces* pieces) {
  const Pieces& in = *pieces;
  Pieces out, sources;
  std::string bytes;
  bool changed = false;
  const auto flush = [&] {
    add_bytes(bytes, sources, &out);
    bytes.clear();
    sources.clear();
  };
  for (size_t i = 0; i < in.size();) {
    const Escape escape = escape_at(in, i);
    if (escape.size == 0 || (!escape.is_byte && !is_scalar(escape.value))) {
      flush();
      out.push_back(in[i++]);
      continue;
    }
    const Piece whole{escape.value, in[i].begin, in[i + escape.size - 1].end, false};
    if (escape.is_byte) {
      bytes += static_cast<char>(escape.value);
      sources.push_back(whole);
    } else {
      flush();
      out.push_back(whole);
    }
    i += escape.size;
    changed = true;
  }
  flush();
  if (changed) *pieces = std::move(out);
  return changed;
}

// ---- NFKC and look-alikes -------------------------------------------------------------------------------
namespace {

// A character that composes with nothing before it and is not decomposed.
bool stands_alone(char32_t c) { return c < 0x80 || (text::char_flags(c) & text::char_inert) != 0; }

void compose_range(const Pieces& in, size_t begin, size_t end, Pieces* out) {
  std::string bytes;
  for (size_t i = begin; i < end; ++i) text::append_utf8(in[i].value, &bytes);
  const std::string made = text::nfkc(bytes);
  if (made == bytes) {
    out->insert(out->end(), in.begin() + static_cast<std::ptrdiff_t>(begin),
                in.begin() + static_cast<std::ptrdiff_t>(end));
    return;
  }
  for (const Piece& piece : decode(made, 0))
    out->push_back({piece.value, in[begin].begin, in[end - 1].end, false});
}

}  // namespace

void compose(Pieces* pieces) {
  const Pieces& in = *pieces;
  if (std::all_of(in.begin(), in.end(), [](const Piece& p) { return stands_alone(p.value); })) return;
  Pieces out;
  out.reserve(in.size());
  for (size_t i = 0; i < in.size();) {
    // A range ends before the next character that stands alone: nothing reaches over it.
    size_t end = i + 1;
    while (end < in.size() && !stands_alone(in[end].value) && end - i < 64) ++end;
    if (end == i + 1 && stands_alone(in[i].value)) {
      out.push_back(in[i]);
    } else {
      compose_range(in, i, end, &out);
    }
    i = end;
  }
  *pieces = std::move(out);
}

void fold(Pieces* pieces) {
  Pieces out;
  out.reserve(pieces->size());
  for (const Piece& piece : *pieces) {
    if (piece.value < 0x80) {
      out.push_back(piece);
      continue;
    }
    const uint8_t flags = text::char_flags(piece.value);
    if (flags & text::char_mark) continue;
    if (!(flags & text::char_looks)) {
      out.push_back(piece);
      continue;
    }
    for (const char c : text::look_alike(piece.value))
      out.push_back({static_cast<unsigned char>(c), piece.begin, piece.end, false});
  }
  *pieces = std::move(out);
}

// ---- spelt out and l33t ---------------------------------------------------------------------------------
namespace {

// How many letters, one joint between each two, stand alone from `i` on.
size_t spelt_out(const Pieces& p, size_t i) {
  if (i > 0 && is_alnum(p[i - 1].value)) return 0;
  const char32_t joint = piece_at(p, i + 1);
  if (!(class_of(joint) & byte_joint)) return 0;
  size_t letters = 0, at = i;
  while (is_alnum(piece_at(p, at)) && !is_alnum(piece_at(p, at + 1))) {
    ++letters;
    if (piece_at(p, at + 1) != joint) break;
    at += 2;
  }
  return letters;
}

char32_t unleet(char32_t c) {
  switch (c) {
    case '0':
      return 'o';
    case '1':
    case '!':
    case '|':
      return 'i';
    case '3':
      return 'e';
    case '4':
    case '@':
      return 'a';
    case '5':
    case '$':
      return 's';
    case '7':
      return 't';
    default:
      return c;
  }
}

}  // namespace

bool glue_joints(Pieces* pieces) {
  const Pieces& in = *pieces;
  Pieces out;
  bool changed = false;
  for (size_t i = 0; i < in.size();) {
    const size_t letters = is_alnum(in[i].value) ? spelt_out(in, i) : 0;
    // Two are a word if there is nothing else: "t.o".
    const bool pair = letters == 2 && i == 0 && in.size() == 3 && is_ascii_letter(in[0].value) &&
                      is_ascii_letter(in[2].value);
    if (letters < 3 && !pair) {
      out.push_back(in[i++]);
      continue;
    }
    for (size_t l = 0; l < letters; ++l) {
      Piece letter = in[i + 2 * l];
      letter.same = false;
      letter.glued = letter.loose = true;
      out.push_back(letter);
    }
    i += 2 * letters - 1;
    changed = true;
  }
  if (changed) *pieces = std::move(out);
  return changed;
}

bool loosen(Pieces* pieces) {
  Pieces& p = *pieces;
  const auto is_leet_digit = [](const Piece& x) {
    return (class_of(x.value) & (byte_leet | byte_digit)) == (byte_leet | byte_digit);
  };
  // A word needs a letter, unless it is short: "411", "70".
  const bool letters =
      std::any_of(p.begin(), p.end(), [](const Piece& x) { return is_ascii_letter(x.value); }) ||
      (p.size() >= 2 && p.size() <= 4 && std::all_of(p.begin(), p.end(), is_leet_digit));
  bool changed = false;
  for (size_t i = 0; i < p.size(); ++i) {
    const unsigned bits = class_of(p[i].value);
    if (!(bits & (byte_leet | byte_joint))) continue;
    const bool inner = i + 1 < p.size() && i > 0 && is_alnum(p[i + 1].value) && is_alnum(p[i - 1].value);
    char32_t value = p[i].value;
    if (letters && (bits & byte_leet) && ((bits & byte_digit) || is_alnum(piece_at(p, i + 1))))
      value = unleet(value);
    else if (letters && (bits & byte_joint) && inner)
      value = ' ';
    if (value == p[i].value) continue;
    p[i].value = value;
    p[i].same = false;
    p[i].loose = true;
    changed = true;
  }
  return changed;
}

// ---- a token --------------------------------------------------------------------------------------------
namespace {

// The byte that a tag character or a variation selector carries; 0: none that reads as text.
char32_t hidden_byte(char32_t c) {
  char32_t byte = 0;
  if (c >= 0xe0020 && c <= 0xe007e) byte = c - 0xe0000;
  if (c >= 0xe0100 && c <= 0xe01ef) byte = c - 0xe0100 + 16;
  if (c >= 0xfe00 && c <= 0xfe0f) byte = c - 0xfe00;
  return byte == '\n' || (byte >= 0x20 && byte < 0x7f) ? byte : 0;
}

// Those that text needs: joiners and variation selectors behind what is not ASCII (emoji, Indic, Persian).
bool is_needed(const Pieces& pieces, size_t i) {
  const char32_t c = pieces[i].value;
  if (c != 0x200c && c != 0x200d && c != 0xfe0e && c != 0xfe0f) return false;
  return i > 0 && pieces[i - 1].value >= 0x80 && !is_invisible(pieces[i - 1].value);
}

void remove_invisible(Pieces* pieces, TokenForms* forms) {
  Pieces out;
  out.reserve(pieces->size());
  for (size_t i = 0; i < pieces->size(); ++i) {
    const Piece& piece = (*pieces)[i];
    if (!is_invisible(piece.value)) {
      out.push_back(piece);
      continue;
    }
    if (!is_needed(*pieces, i)) forms->invisible.push_back(piece.begin);
    if (const char32_t byte = hidden_byte(piece.value))
      forms->hidden.push_back({byte, piece.begin, piece.end, false});
  }
  *pieces = std::move(out);
}

}  // namespace

TokenForms forms_of(std::string_view token, size_t offset, unsigned flags) {
  TokenForms out;
  out.plain = decode(token, offset);
  if (flags & (byte_high | byte_control)) {
    remove_invisible(&out.plain, &out);
    compose(&out.plain);
  }
  out.folded = out.plain;
  bool decoded = (flags & byte_high) != 0;  // full-width signs can spell an escape as well
  for (int level = 0; level < 2 && (flags & (byte_escape | byte_high)) && unescape(&out.folded); ++level) {
    decoded = true;
    remove_invisible(&out.folded, &out);
    compose(&out.folded);
  }
  if (decoded) fold(&out.folded);
  std::sort(out.invisible.begin(), out.invisible.end());
  std::stable_sort(out.hidden.begin(), out.hidden.end(),
                   [](const Piece& a, const Piece& b) { return a.begin < b.begin; });
  return out;
}

}  // namespace whorl::guard
