// Constrained output: what the mask allows is what obeys the grammar, and nothing hostile compiles for ever.
#include "text/grammar.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <regex>

#include "text/fixtures.h"

namespace whorl::text {
namespace {

TokenId eos() { return small_tokenizer().token_to_id("</s>").value(); }

const GrammarVocabulary& vocabulary() {
  static const GrammarVocabulary shared(small_tokenizer(), {eos()});
  return shared;
}

std::vector<TokenId> allowed(GrammarMatcher& matcher) {
  std::vector<std::uint32_t> mask(vocabulary().vocab_size() / 32 + 3, 0xFFFFFFFFu);
  matcher.fill_mask(mask);
  std::vector<TokenId> out;
  for (std::size_t id = 0; id < mask.size() * 32; ++id)
    if (mask[id / 32] >> (id % 32) & 1) out.push_back(static_cast<TokenId>(id));
  return out;
}

// A random walk along the mask until end-of-sequence; the text, or nothing if it did not end in time.
std::optional<std::string> random_text(const Grammar& grammar, std::uint64_t seed) {
  GrammarMatcher matcher = grammar.matcher();
  std::vector<TokenId> ids;
  for (int step = 0; step < 400; ++step) {
    const auto choices = allowed(matcher);
    EXPECT_FALSE(choices.empty());
    if (choices.empty()) return std::nullopt;
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    TokenId id = choices[(seed >> 33) % choices.size()];
    if (step > 40 && matcher.is_accepting()) id = eos();
    EXPECT_TRUE(matcher.accept(id));
    if (id == eos()) {
      EXPECT_TRUE(matcher.is_stopped());
      return small_tokenizer().decode(ids, false);
    }
    ids.push_back(id);
  }
  return std::nullopt;
}

TEST(Grammar, RegexTextsMatch) {
  const Grammar grammar = Grammar::regex(vocabulary(), "[a-c]{2,5}(-[0-9]{1,3})?");
  const std::regex check("[a-c]{2,5}(-[0-9]{1,3})?");
  int ended = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const auto text = random_text(grammar, seed);
    if (!text) continue;
    ++ended;
    EXPECT_TRUE(std::regex_match(*text, check)) << *text;
  }
  EXPECT_GT(ended, 150);
}

TEST(Grammar, SchemaTextsObey) {
  const Grammar grammar = Grammar::json_schema(vocabulary(), R"({"type":"object","additionalProperties":false,
    "required":["name","n"],"properties":{"name":{"enum":["add","get"]},"n":{"type":"integer","minimum":0,"maximum":99},
    "flag":{"type":"boolean"}}})");
  int ended = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const auto text = random_text(grammar, seed);
    if (!text) continue;
    ++ended;
    const auto json = nlohmann::json::parse(*text, nullptr, false);
    ASSERT_TRUE(json.is_object()) << *text;
    EXPECT_TRUE(json["name"] == "add" || json["name"] == "get") << *text;
    EXPECT_TRUE(json["n"].is_number_integer() && json["n"] >= 0 && json["n"] <= 99) << *text;
    // A planted fault: a text that breaks the schema must be refused somewhere.
    GrammarMatcher matcher = grammar.matcher();
    bool all = true;
    for (const TokenId id : small_tokenizer().encode(R"({"name":"rm","n":1})", false))
      all = all && matcher.accept(id);
    EXPECT_FALSE(all);
  }
  EXPECT_GT(ended, 30);
}

TEST(Grammar, AcceptAgreesWithTheMask) {
  const Grammar grammar = Grammar::regex(vocabulary(), "(the|quick|fox)+ 1?");
  GrammarMatcher matcher = grammar.matcher();
  for (int step = 0; step < 6; ++step) {
    const auto choices = allowed(matcher);
    std::vector<TokenId> accepted;
    for (std::size_t id = 0; id < vocabulary().vocab_size(); ++id) {
      GrammarMatcher copy = matcher;
      if (copy.accept(static_cast<TokenId>(id))) accepted.push_back(static_cast<TokenId>(id));
    }
    EXPECT_EQ(accepted, choices);
    if (choices.empty() || choices.front() == eos()) break;
    ASSERT_TRUE(matcher.accept(choices.front()));
  }
}

TEST(Grammar, EndOfSequenceExactlyWhereTheTextMayEnd) {
  GrammarMatcher matcher = Grammar::regex(vocabulary(), "ab?").matcher();
  const TokenId a = small_tokenizer().token_to_id("a").value(),
                b = small_tokenizer().token_to_id("b").value();
  EXPECT_FALSE(matcher.is_accepting());
  EXPECT_FALSE(matcher.accept(eos()));
  EXPECT_FALSE(matcher.accept(b));
  EXPECT_TRUE(matcher.accept(a));
  EXPECT_TRUE(matcher.is_accepting());
  EXPECT_FALSE(matcher.is_stopped());
  EXPECT_EQ(allowed(matcher), (std::vector<TokenId>{eos(), b}));
  GrammarMatcher copy = matcher;
  EXPECT_TRUE(copy.accept(b));
  EXPECT_EQ(allowed(copy), std::vector<TokenId>{eos()});
  EXPECT_TRUE(matcher.accept(eos()));
  EXPECT_TRUE(matcher.is_stopped());
  EXPECT_EQ(allowed(matcher), std::vector<TokenId>{eos()});
  EXPECT_FALSE(matcher.accept(b));
  matcher.reset();
  EXPECT_FALSE(matcher.is_accepting());
  EXPECT_TRUE(matcher.accept(a));
  EXPECT_FALSE(matcher.accept(-1));
  EXPECT_FALSE(matcher.accept(1 << 20));
}

TEST(Grammar, SpecialTokensAreNotText) {
  GrammarMatcher matcher = Grammar::regex(vocabulary(), "(.|\\n)*").matcher();
  for (const TokenId id : allowed(matcher))
    EXPECT_TRUE(id == eos() || !small_tokenizer().is_special(id)) << id;
}

TEST(Grammar, LarkForToolCalls) {
  const Grammar grammar = Grammar::lark(vocabulary(), R"x(start: "call " name "(" /[0-9]+/ ")"
name: "get" | "name"
)x");
  GrammarMatcher matcher = grammar.matcher();
  for (const TokenId id : small_tokenizer().encode("call get(42)", false)) EXPECT_TRUE(matcher.accept(id));
  EXPECT_TRUE(matcher.is_accepting());
}

TEST(Grammar, HostileSourcesEndWithAnError) {
  std::string nested = "{\"type\":\"array\",\"items\":", parentheses, deep;
  for (int i = 0; i < 5000; ++i) {
    deep += nested;
    parentheses += '(';
  }
  std::string alternatives = "(";
  for (int i = 0; i < 30000; ++i) alternatives += "[a-z]{0,1000}x|";
  const auto start = std::chrono::steady_clock::now();
  for (const std::string& schema :
       {std::string("{"), std::string("[]"), std::string("{\"type\":\"frob\"}"),
        std::string("{\"$ref\":\"http://example.com/x\"}"), std::string("{\"$ref\":\"#/$defs/missing\"}"),
        std::string("{\"type\":\"string\",\"pattern\":\"(\"}"), deep, std::string(2 << 20, ' ')}) {
    SCOPED_TRACE(schema.substr(0, 80));
    EXPECT_THROW(Grammar::json_schema(vocabulary(), schema), std::invalid_argument);
  }
  for (const std::string& pattern :
       {std::string("("), std::string("[z-a]"), std::string("a{5,2}"), parentheses}) {
    SCOPED_TRACE(pattern.substr(0, 80));
    EXPECT_THROW(Grammar::regex(vocabulary(), pattern), std::invalid_argument);
  }
  EXPECT_THROW(Grammar::lark(vocabulary(), "start: missing"), std::invalid_argument);
  // Legal, but far too large to expand: refused, or stepped through within the limits.
  for (const std::string& pattern :
       {std::string("((([a-z]{1,1000}){1,1000}){1,1000}){1,1000}"), alternatives + "y)",
        std::string("(a|b)*a(a|b){2000}"), std::string("(.*a.*b){500}|(.*b.*a){500}")}) {
    SCOPED_TRACE(pattern.substr(0, 80));
    try {
      random_text(Grammar::regex(vocabulary(), pattern), 1);
    } catch (const std::exception&) {
    }
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
}

TEST(Grammar, RefusesBadArguments) {
  EXPECT_THROW(GrammarVocabulary(small_tokenizer(), {}), std::invalid_argument);
  EXPECT_THROW(GrammarVocabulary(small_tokenizer(), {1 << 20}), std::invalid_argument);
  GrammarMatcher matcher = Grammar::regex(vocabulary(), "a").matcher();
  std::vector<std::uint32_t> small(2);
  EXPECT_THROW(matcher.fill_mask(small), std::invalid_argument);
}

}  // namespace
}  // namespace whorl::text
