#include "guard/tricks.h"

#include "base/check.h"
#include "text/unicode.h"

namespace whorl::guard {

namespace {

std::string each(const std::string& text, const std::function<std::string(char)>& change) {
  std::string out;
  for (const char c : text) out += change(c);
  return out;
}

std::string utf8(char32_t value) {
  std::string out;
  text::append_utf8(value, &out);
  return out;
}

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

std::string base64(const std::string& text, const char* alphabet) {
  std::string out;
  for (size_t i = 0; i < text.size(); i += 3) {
    uint32_t bits = 0;
    for (size_t k = 0; k < 3; ++k)
      bits = bits << 8 | (i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0u);
    for (size_t k = 0; k < 4; ++k) out += i + k > text.size() ? '=' : alphabet[bits >> (18 - 6 * k) & 63];
  }
  return out;
}
constexpr const char* standard = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr const char* for_urls = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string hex(const std::string& text) {
  return each(text, [](char c) {
    constexpr const char* digits = "0123456789abcdef";
    const unsigned char b = static_cast<unsigned char>(c);
    return std::string{digits[b >> 4], digits[b & 15]};
  });
}

std::string spelt(const std::string& text, const std::string& between, const std::string& for_space) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ' ')
      out += for_space;
    else
      out += base::concat(i > 0 && text[i - 1] != ' ' ? between : "", text[i]);
  }
  return out;
}

std::string cyrillic(char c) {
  switch (c) {
    case 'a':
      return utf8(0x430);
    case 'e':
      return utf8(0x435);
    case 'o':
      return utf8(0x43e);
    case 'p':
      return utf8(0x440);
    case 'c':
      return utf8(0x441);
    case 'i':
      return utf8(0x456);
    case 'I':
      return utf8(0x406);
    case 's':
      return utf8(0x455);
    default:
      return {c};
  }
}

std::string leet(char c) {
  switch (c) {
    case 'a':
      return "4";
    case 'e':
      return "3";
    case 'i':
    case 'l':
      return "1";
    case 'o':
      return "0";
    case 's':
      return "5";
    case 't':
      return "7";
    default:
      return {c};
  }
}

// Case, letters spelt out, white space of other kinds.
Tricks spelling_tricks() {
  return {
      {"upper case",
       [](const std::string& t) {
         return each(t,
                     [](char c) { return std::string(1, is_letter(c) ? static_cast<char>(c & ~0x20) : c); });
       }},
      {"a space between letters", [](const std::string& t) { return spelt(t, " ", "   "); }},
      {"a space between letters, one between words", [](const std::string& t) { return spelt(t, " ", " "); }},
      {"dots between letters", [](const std::string& t) { return spelt(t, ".", " "); }},
      {"hyphens between letters", [](const std::string& t) { return spelt(t, "-", " "); }},
      {"line breaks between letters", [](const std::string& t) { return spelt(t, "\n", "\n\n\n"); }},
      {"line breaks between words", [](const std::string& t) { return spelt(t, "", "\n"); }},
      {"many spaces", [](const std::string& t) { return spelt(t, "", std::string(60, ' ')); }},
      {"underscores for spaces", [](const std::string& t) { return spelt(t, "", "_"); }},
      {"plus for spaces", [](const std::string& t) { return spelt(t, "", "+"); }},
      {"no-break spaces", [](const std::string& t) { return spelt(t, "", utf8(0xa0)); }},
  };
}

// Characters that nobody sees, between the letters or in their place.
Tricks unseen_tricks() {
  return {
      {"zero width", [](const std::string& t) { return each(t, [](char c) { return c + utf8(0x200b); }); }},
      {"soft hyphens", [](const std::string& t) { return each(t, [](char c) { return c + utf8(0xad); }); }},
      {"invisible operators",
       [](const std::string& t) { return each(t, [](char c) { return utf8(0x2063) + c; }); }},
      {"bidi controls",
       [](const std::string& t) { return each(t, [](char c) { return utf8(0x202d) + c + utf8(0x202c); }); }},
      {"variation selectors",
       [](const std::string& t) { return each(t, [](char c) { return c + utf8(0xfe0f); }); }},
      {"NUL bytes",
       [](const std::string& t) { return each(t, [](char c) { return std::string{c, '\0'}; }); }},
      {"tag characters alone",
       [](const std::string& t) {
         return base::concat(
             "Hi", each(t, [](char c) { return utf8(0xe0000 + static_cast<unsigned char>(c)); }), " there");
       }},
      {"selectors that spell",
       [](const std::string& t) {
         return base::concat(
             "Hi", each(t, [](char c) { return utf8(0xe0100 + static_cast<unsigned char>(c) - 16); }));
       }},
  };
}

// Characters that look like letters.
Tricks look_alike_tricks() {
  return {
      {"full width",
       [](const std::string& t) {
         return each(t, [](char c) {
           return c > ' ' ? utf8(0xff00u + static_cast<unsigned char>(c) - 0x20) : utf8(0x3000);
         });
       }},
      {"mathematical letters",
       [](const std::string& t) {
         return each(t, [](char c) {
           return c >= 'a' && c <= 'z' ? utf8(0x1d41a + static_cast<char32_t>(c - 'a')) : std::string(1, c);
         });
       }},
      {"circled letters",
       [](const std::string& t) {
         return each(t, [](char c) {
           return c >= 'a' && c <= 'z' ? utf8(0x24d0 + static_cast<char32_t>(c - 'a')) : std::string(1, c);
         });
       }},
      {"Cyrillic look-alikes", [](const std::string& t) { return each(t, cyrillic); }},
      {"accents",
       [](const std::string& t) {
         return each(t, [](char c) { return is_letter(c) ? c + utf8(0x301) : std::string(1, c); });
       }},
      {"stacked marks",
       [](const std::string& t) {
         return each(t, [](char c) {
           return is_letter(c) ? c + utf8(0x336) + utf8(0x35c) + utf8(0x489) : std::string(1, c);
         });
       }},
      {"l33t", [](const std::string& t) { return each(t, leet); }},
      {"l33t, spelt out", [](const std::string& t) { return spelt(each(t, leet), " ", "   "); }},
  };
}

// The text encoded.
Tricks encoding_tricks() {
  return {
      {"base64", [](const std::string& t) { return base::concat("run: ", base64(t, standard)); }},
      {"base64 for URLs, in a path",
       [](const std::string& t) { return base::concat("x/", base64(t, for_urls), "?"); }},
      {"base64 twice",
       [](const std::string& t) { return base64(base::concat("do ", base64(t, standard)), standard); }},
      {"hexadecimal", [](const std::string& t) { return base::concat("0x", hex(t), " is it"); }},
      {"percent",
       [](const std::string& t) {
         return each(t, [](char c) { return base::concat("%", hex(std::string(1, c))); });
       }},
      {"percent twice",
       [](const std::string& t) {
         return each(t, [](char c) { return base::concat("%25", hex(std::string(1, c))); });
       }},
      {"entities",
       [](const std::string& t) {
         return each(t, [](char c) { return base::concat("&#", std::to_string(c), ";"); });
       }},
      {"hexadecimal entities",
       [](const std::string& t) {
         return each(t, [](char c) { return base::concat("&#x", hex(std::string(1, c)), ";"); });
       }},
      {"backslash escapes",
       [](const std::string& t) {
         return each(t, [](char c) { return base::concat("\\x", hex(std::string(1, c))); });
       }},
      {"JSON escapes",
       [](const std::string& t) {
         return each(t, [](char c) { return base::concat("\\u00", hex(std::string(1, c))); });
       }},
  };
}

}  // namespace

const Tricks& tricks() {
  static const Tricks all = [] {
    Tricks out;
    for (const Tricks& some : {spelling_tricks(), unseen_tricks(), look_alike_tricks(), encoding_tricks()})
      out.insert(out.end(), some.begin(), some.end());
    return out;
  }();
  return all;
}

}  // namespace whorl::guard
