// Tricks against patterns, applied to every known-bad string: the verdict must not change. And the other
// side: text that means no harm is let through.
#include "guard/support.h"
#include "guard/tricks.h"

namespace whorl::guard {
namespace {

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
