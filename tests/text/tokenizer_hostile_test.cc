// Broken and hostile tokenizer files and texts: an error that says what is wrong, never a crash or a hang.
#include <chrono>
#include <ctime>
#include <nlohmann/json.hpp>

#include "text/fixtures.h"

namespace whorl::text {
namespace {

using Json = nlohmann::ordered_json;

const Json& good() {
  static const Json json = Json::parse(small_tokenizer().to_json());
  return json;
}

// Refuses, with a message that contains `part`, what `change` makes of a good file.
template <class Change>
void expect_refused(const char* part, Change&& change) {
  Json bad = good();
  change(bad);
  const std::string message = refusal([&] { Tokenizer::from_json(bad.dump()); });
  EXPECT_NE(message.find(part), std::string::npos) << "wanted: " << part << "\ngot: " << message;
}

TEST(TokenizerHostile, TheUnchangedFileIsAccepted) { EXPECT_NO_THROW(Tokenizer::from_json(good().dump())); }

TEST(TokenizerHostile, Vocabulary) {
  expect_refused("gap", [](Json& j) { j["model"]["vocab"]["zzz"] = 100000; });
  expect_refused("same id", [](Json& j) { j["model"]["vocab"]["zzz"] = 5; });
  expect_refused("id", [](Json& j) { j["model"]["vocab"]["zzz"] = -1; });
  expect_refused("id", [](Json& j) { j["model"]["vocab"]["zzz"] = 4294967296; });
  expect_refused("id", [](Json& j) { j["model"]["vocab"]["zzz"] = 1.5; });
  expect_refused("id", [](Json& j) { j["model"]["vocab"]["zzz"] = "7"; });
  expect_refused("", [](Json& j) { j["model"]["vocab"] = Json::array(); });
  expect_refused("", [](Json& j) { j["model"].erase("vocab"); });
  expect_refused("model", [](Json& j) { j.erase("model"); });
  expect_refused("byte", [](Json& j) {
    const std::size_t next = j["model"]["vocab"].size();
    j["model"]["vocab"]["<0xZZ>"] = next;
  });
}

TEST(TokenizerHostile, MergesAndAddedTokens) {
  expect_refused("", [](Json& j) { j["model"]["merges"].push_back({"qqq", "zzz"}); });
  expect_refused("", [](Json& j) { j["model"]["merges"].push_back("one"); });
  expect_refused("", [](Json& j) { j["model"]["merges"] = 7; });
  expect_refused("added token", [](Json& j) { j["added_tokens"][0]["id"] = 9; });
  expect_refused("added token", [](Json& j) {
    Json token = j["added_tokens"][0];
    token["content"] = "<new>";
    token["id"] = 5000;
    j["added_tokens"].push_back(token);
  });
  expect_refused("empty", [](Json& j) { j["added_tokens"][0]["content"] = ""; });
  expect_refused("", [](Json& j) { j["added_tokens"][0].erase("content"); });
}

TEST(TokenizerHostile, Parts) {
  expect_refused("", [](Json& j) { j["version"] = "9.9"; });
  expect_refused("", [](Json& j) { j["normalizer"] = {{"type", "Unheard"}}; });
  expect_refused("", [](Json& j) {
    j["pre_tokenizer"] = {
        {"type", "Split"}, {"pattern", {{"Regex", "("}}}, {"behavior", "Isolated"}, {"invert", false}};
  });
  expect_refused("pattern", [](Json& j) {
    j["pre_tokenizer"] = {{"type", "Split"},
                          {"pattern", {{"Regex", std::string(9000, 'a')}}},
                          {"behavior", "Isolated"},
                          {"invert", false}};
  });
  expect_refused("nested", [](Json& j) {
    Json inner = {{"type", "Lowercase"}};
    for (int i = 0; i < 40; ++i) inner = {{"type", "Sequence"}, {"normalizers", {inner}}};
    j["normalizer"] = inner;
  });
  expect_refused("longer", [](Json& j) {
    Json list = Json::array();
    for (int i = 0; i < 4; ++i)
      list.push_back(
          {{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", std::string(64, 'a')}});
    j["normalizer"] = {{"type", "Sequence"}, {"normalizers", list}};
  });
  expect_refused("99999", [](Json& j) {
    j["post_processor"] = {
        {"type", "TemplateProcessing"},
        {"single",
         {{{"SpecialToken", {{"id", "<s>"}, {"type_id", 0}}}},
          {{"Sequence", {{"id", "A"}, {"type_id", 0}}}}}},
        {"pair", Json::array()},
        {"special_tokens", {{"<s>", {{"id", "<s>"}, {"ids", {99999}}, {"tokens", {"<s>"}}}}}}};
  });
}

TEST(TokenizerHostile, NotJson) {
  for (const std::string bad :
       {"", "{", "[]", "null", "7", "\"x\"", "{}", "{\"model\":{}}", "\xFF\xFE", "{} x"}) {
    EXPECT_THROW(Tokenizer::from_json(bad), std::invalid_argument) << bad;
  }
  EXPECT_THROW(Tokenizer::from_json(std::string(100000, '[')), std::invalid_argument);
  EXPECT_NE(refusal([] { Tokenizer::from_file("/nowhere/tokenizer.json"); }).find("/nowhere/tokenizer.json"),
            std::string::npos);
}

// Cut and bent at many places: accepted or refused, but always one of the two.
TEST(TokenizerHostile, CutAndFlipped) {
  const std::string json = good().dump();
  int accepted = 0;
  for (std::size_t at = 0; at < json.size(); at += 97) {
    EXPECT_THROW(Tokenizer::from_json(json.substr(0, at)), std::invalid_argument);
    std::string flipped = json;
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << (at % 7)));
    try {
      Tokenizer::from_json(flipped).encode("hello <s> 世界", true);
      ++accepted;
    } catch (const std::exception&) {
    }
  }
  EXPECT_GT(accepted, 0);
}

TEST(TokenizerHostile, PatternThatBacktracks) {
  Json json = good();
  json["pre_tokenizer"] = {{"type", "Split"},
                           {"pattern", {{"Regex", "(a*)*(a*)*(a*)*b"}}},
                           {"behavior", "Isolated"},
                           {"invert", false}};
  const Tokenizer tokenizer = Tokenizer::from_json(json.dump());
  const auto start = std::chrono::steady_clock::now();
  try {
    tokenizer.encode(std::string(40, 'a'), false);
  } catch (const std::exception& error) {
    EXPECT_NE(std::string(error.what()).find("[Tokenizer.encode]"), std::string::npos) << error.what();
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

TEST(TokenizerHostile, Texts) {
  const Tokenizer& tokenizer = small_tokenizer();
  EXPECT_NE(refusal([&] { tokenizer.encode("ab\xC3(", false); }).find("offset 2"), std::string::npos);
  for (const char* bad : {"\x80", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\xC0\xAF", "x\xE4\xB8"}) {
    EXPECT_THROW(tokenizer.encode(bad, false), std::invalid_argument);
    EXPECT_THROW(tokenizer.encode_segments(bad, {}), std::invalid_argument);
  }
  const std::string with_nul("a\0b", 3);
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(with_nul, false), false), with_nul);
  const std::vector<TokenId> strange = {-1, 2147483647, 999999};
  EXPECT_EQ(tokenizer.decode(strange, false), "");
  EXPECT_EQ(tokenizer.id_to_token(-1), std::nullopt);
  EXPECT_EQ(tokenizer.id_bytes(999999), "");
}

// A word of four million letters takes time in proportion, not in its square.
TEST(TokenizerHostile, OneVeryLongWord) {
  const Tokenizer& tokenizer = small_tokenizer();
  const auto seconds = [&](std::size_t size) {
    const std::clock_t start = std::clock();
    EXPECT_GT(tokenizer.encode(std::string(size, 'a'), false).size(), 0u);
    return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  };
  const double small = seconds(400'000);
  EXPECT_LT(seconds(4'000'000), 40 * small + 1);
}

}  // namespace
}  // namespace whorl::text
