// The tokenizers of BLEU and TER. Both descend from NIST's mteval-v13a.pl: a handful of substitutions, each
// over what the one before it left. All that they look for is ASCII, so they work on UTF-8 bytes.
#include <initializer_list>
#include <utility>

#include "base/unicode.h"
#include "eval/text_tokens.h"

namespace whorl::eval {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_stop(char c) { return c == '.' || c == ','; }

// ASCII punctuation and the space, except the apostrophe and , - .
bool stands_alone(char c) {
  return (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= ' ' && c <= '&') ||
         (c >= '(' && c <= '+') || (c >= ':' && c <= '@') || c == '/';
}

std::string around_punctuation(std::string_view text) {
  std::string out;
  out.reserve(text.size() * 2);
  for (const char c : text) {
    if (stands_alone(c)) {
      out += ' ';
      out += c;
      out += ' ';
    } else {
      out += c;
    }
  }
  return out;
}

// "x." becomes "x . " unless x is a digit. A pair that was taken is not looked at again.
std::string stops_after_text(std::string_view text) {
  std::string out;
  out.reserve(text.size() * 2);
  for (size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    if (is_digit(text[i]) || i + 1 == text.size() || !is_stop(text[i + 1])) continue;
    out += ' ';
    out += text[++i];
    out += ' ';
  }
  return out;
}

// ".x" becomes " . x" unless x is a digit.
std::string stops_before_text(std::string_view text) {
  std::string out;
  out.reserve(text.size() * 2);
  for (size_t i = 0; i < text.size(); ++i) {
    if (!is_stop(text[i]) || i + 1 == text.size() || is_digit(text[i + 1])) {
      out += text[i];
      continue;
    }
    out += ' ';
    out += text[i];
    out += ' ';
    out += text[++i];
  }
  return out;
}

std::string dashes_after_digits(std::string_view text) {
  std::string out;
  out.reserve(text.size() * 2);
  for (size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    if (!is_digit(text[i]) || i + 1 == text.size() || text[i + 1] != '-') continue;
    out += " - ";
    ++i;
  }
  return out;
}

std::string western(std::string_view text) {
  return dashes_after_digits(stops_before_text(stops_after_text(text)));
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  size_t at = text.find(from);
  if (at == std::string::npos) return;
  std::string out;
  size_t begin = 0;
  for (; at != std::string::npos; at = text.find(from, begin)) {
    out.append(text, begin, at - begin);
    out += to;
    begin = at + from.size();
  }
  out.append(text, begin);
  text = std::move(out);
}

void unescape(std::string& text) {
  if (text.find('&') == std::string::npos) return;
  for (const auto& [from, to] : {std::pair{"&quot;", "\""}, {"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}})
    replace_all(text, from, to);
}

bool in(char32_t c, char32_t first, char32_t last) { return c >= first && c <= last; }

// What the Tercom tokenizer calls Asian and full-width punctuation.
bool is_asian_punctuation(char32_t c) {
  return c == 0x3001 || c == 0x3002 || in(c, 0x3008, 0x3011) || in(c, 0x3014, 0x301F) ||
         in(c, 0xFF61, 0xFF65) || c == 0x30FB || c == 0xFF0E || c == 0xFF0C || c == 0xFF1F || c == 0xFF1A ||
         c == 0xFF1B || c == 0xFF01 || c == 0xFF02 || c == 0xFF08 || c == 0xFF09;
}

// Ideographs and their relatives; U+3F22 is the reference's own upper end.
bool is_ideograph(char32_t c) {
  return in(c, 0x4E00, 0x9FFF) || in(c, 0x3400, 0x4DBF) || in(c, 0x31C0, 0x31EF) || in(c, 0x2E80, 0x2EFF) ||
         in(c, 0x3300, 0x33FF) || in(c, 0xF900, 0xFAFF) || in(c, 0xFE30, 0xFE4F) || in(c, 0x3200, 0x3F22);
}

std::string split_asian(std::string_view text) {
  std::string out;
  for (const char32_t c : base::code_points(text)) {
    const bool alone = is_ideograph(c) || is_asian_punctuation(c);
    if (alone) out += ' ';
    base::append_utf8(c, out);
    if (alone) out += ' ';
  }
  return out;
}

std::string normalised(std::string text, bool asian) {
  replace_all(text, "\n-", "");
  replace_all(text, "\n", " ");
  unescape(text);
  text = around_punctuation(" " + text + " ");
  replace_all(text, "'s ", " 's ");
  text = western(text);
  return asian ? split_asian(text) : text;
}

std::string without_punctuation(std::string_view text, bool asian) {
  std::string out;
  for (const char32_t c : base::code_points(text)) {
    const bool dropped =
        c < 0x80 && std::string_view(".,?:;!\"()").find(static_cast<char>(c)) != std::string_view::npos;
    if (!dropped && !(asian && is_asian_punctuation(c))) base::append_utf8(c, out);
  }
  return out;
}

}  // namespace

std::string tokenize_13a(std::string_view line) {
  std::string text(line);
  replace_all(text, "<skipped>", "");
  replace_all(text, "-\n", "");
  replace_all(text, "\n", " ");
  unescape(text);
  return western(around_punctuation(" " + text + " "));
}

std::string tokenize_characters(std::string_view line) {
  std::string out;
  for (const char32_t c : base::code_points(line)) {
    base::append_utf8(c, out);
    out += ' ';
  }
  return out;
}

std::string tokenize_tercom(std::string_view line, const TerOptions& options) {
  std::string text = options.case_sensitive ? std::string(line) : base::lower(line);
  if (options.normalized) text = normalised(std::move(text), options.asian_support);
  if (options.no_punct) text = without_punctuation(text, options.asian_support);
  return text;
}

}  // namespace whorl::eval
