// Tricks against patterns, applied to every known-bad string: the verdict must not change. And the other
// side: text that means no harm is let through.
#include <functional>

#include "base/check.h"
#include "guard/support.h"
#include "text/unicode.h"

namespace whorl::guard {
namespace {

using Trick = std::function<std::string(const std::string&)>;

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

const std::vector<std::pair<const char*, Trick>>& tricks() {
  static const std::vector<std::pair<const char*, Trick>> all = {
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
  return all;
}

TEST(Bypass, EveryTrickOnEveryKnownBadString) {
  int missed = 0;
  for (const Bad& bad : known_bad()) {
    ASSERT_TRUE(fires(all_guard(), bad.text, bad.rail)) << bad.text;
    for (const auto& [name, trick] : tricks()) {
      const std::string changed = trick(bad.text);
      if (fires(all_guard(), changed, bad.rail)) continue;
      ++missed;
      ADD_FAILURE() << name << ": " << bad.text << " -> " << changed;
    }
  }
  EXPECT_EQ(missed, 0);
}

// The planted fault: without the normalised views nearly every trick works, and this test's checker sees it.
TEST(Bypass, WithoutTheViewsTheTricksWork) {
  PatternOptions options;
  options.normalise = false;
  options.deny = {{"codename", "(?i)project\\s+bluebird", false, Action::block, ""}};
  const TextGuard bare({make_pattern_rail(options, "[test]")});
  size_t seen = 0;
  for (const auto& [name, trick] : tricks()) seen += fires(bare, trick("this is project bluebird"), "regex");
  EXPECT_LE(seen, 4u) << "upper case, line breaks and many spaces are no tricks to a pattern";
}

TEST(Bypass, PersonalDataAndSecretsSurviveDisguise) {
  const auto finds = [](const std::string& text, const std::string& rule) {
    for (const Finding& f : all_guard().check(text).findings)
      if (f.rule == rule) return true;
    return false;
  };
  const std::string card = "4111 1111 1111 1111", key = "AKIAIOSFODNN7EXAMPLE";
  EXPECT_TRUE(finds(card, "CREDIT_CARD"));
  for (const char* name :
       {"zero width", "soft hyphens", "bidi controls", "full width", "base64", "hexadecimal", "percent",
        "entities", "tag characters alone", "a space between letters", "no-break spaces"})
    for (const auto& [known, trick] : tricks()) {
      if (std::string(known) != name) continue;
      EXPECT_TRUE(finds(trick(card), "CREDIT_CARD")) << name << ": " << trick(card);
      EXPECT_TRUE(finds(trick(key), "aws_access_key")) << name << ": " << trick(key);
    }
  EXPECT_TRUE(
      finds("\xd9\xa4\xd9\xa1\xd9\xa1\xd9\xa1 \xd9\xa1\xd9\xa1\xd9\xa1\xd9\xa1 1111 1111", "CREDIT_CARD"))
      << "Arabic digits";
}

TEST(Bypass, SpansAreThoseOfTheOriginal) {
  const auto span = [](const std::string& text) {
    for (const Finding& f : all_guard().check(text).findings)
      if (f.rail == "regex") return text.substr(f.begin, f.end - f.begin);
    return std::string();
  };
  EXPECT_EQ(span("see project bluebird now"), "project bluebird");
  EXPECT_EQ(span("see \xef\xbd\x90roject bl\xe2\x80\x8buebird now"),
            "\xef\xbd\x90roject bl\xe2\x80\x8buebird");
  EXPECT_EQ(span("see p r o j e c t b l u e b i r d now"), "p r o j e c t b l u e b i r d");
  EXPECT_EQ(span("see project%20bluebird now"), "project%20bluebird");
  EXPECT_EQ(span("see cHJvamVjdCBibHVlYmlyZA== now"), "cHJvamVjdCBibHVlYmlyZA==");
}

TEST(Good, InnocentTextPasses) {
  for (const char* text :
       {"How do I ignore a file in git?", "Please ignore my previous email, the invoice is correct.",
        "The instructions above were clear, thanks!", "Can you show me the way to the station?",
        "A union of workers may select a delegate.",
        "I want to select a table from the menu; drop me a line.",
        "He said \"or else\" and left. It's 5 o'clock or later.", "import duties and taxes on wine",
        "Room 12 is on the left, 3 doors down; the code is 4711.", "Vitamin A B C D and E",
        "U.S.A. vs. U.K., e.g. in the 1990s", "My password is not working, can you reset the password?",
        "token: please see the attached document", "Price: $1,299.99 (20% off) -> order no. 100-2234",
        "x = [1, 2, 3]; y = x[0] + 5", "100 200 300 400 500", "2024-01-15 12:30:45 INFO started in 3.2s",
        "https://example.com/a/b?c=d", "the system: a set of parts"}) {
    const Outcome outcome = all_guard().check(text);
    EXPECT_FALSE(outcome.blocked) << text << " " << describe(outcome.findings);
  }
}

}  // namespace
}  // namespace whorl::guard
