// Token by token equals all at once, for text and for arbitrary ids.
#include "text/fixtures.h"

namespace whorl::text {
namespace {

bool is_utf8(std::string_view text) {
  try {
    small_tokenizer().encode(text, false);
    return true;
  } catch (const std::invalid_argument&) {
    return false;
  }
}

void expect_stream_equals_decode(const Tokenizer& tokenizer, const std::vector<TokenId>& ids, bool skip) {
  StreamDecoder decoder(tokenizer, skip);
  std::string joined;
  for (const TokenId id : ids) {
    const std::string part = decoder.push(id);
    EXPECT_TRUE(is_utf8(part));
    joined += part;
  }
  joined += decoder.finish();
  EXPECT_EQ(joined, tokenizer.decode(ids, skip));
}

void check(const Tokenizer& tokenizer) {
  const std::string text =
      "Hello 世界 😀👩‍👩‍👧 naïve\n\n  x <s></s> <0x0A> \xEF\xBF\xBD end";
  for (const bool skip : {false, true}) {
    expect_stream_equals_decode(tokenizer, tokenizer.encode(text, true), skip);
    std::uint64_t state = 7;
    for (int round = 0; round < 300; ++round) {
      std::vector<TokenId> ids;
      for (int i = 0; i < 40; ++i) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        // Half of them low ids, where the byte tokens are; some beyond the vocabulary.
        const std::uint64_t range = i % 2 ? tokenizer.vocab_size() + 5 : 300;
        ids.push_back(static_cast<TokenId>((state >> 33) % range));
      }
      expect_stream_equals_decode(tokenizer, ids, skip);
      if (testing::Test::HasFailure()) return;
    }
  }
}

TEST(StreamDecoder, ByteLevel) { check(small_tokenizer()); }

TEST(StreamDecoder, RealTokenizers) {
  WHORL_SKIP_WITHOUT_SHARED_DATA();
  for (const char* name : {"gpt2", "neox", "phi3"}) {
    SCOPED_TRACE(name);
    check(*shared_tokenizer(name));
  }
}

TEST(StreamDecoder, HoldsBackAnUnfinishedCharacter) {
  const Tokenizer& tokenizer = small_tokenizer();
  const auto ids = tokenizer.encode("🧿", false);
  ASSERT_GT(ids.size(), 1u);
  StreamDecoder decoder(tokenizer, false);
  for (std::size_t i = 0; i + 1 < ids.size(); ++i) EXPECT_EQ(decoder.push(ids[i]), "");
  EXPECT_EQ(decoder.push(ids.back()), "🧿");
  decoder.push(ids[0]);
  EXPECT_EQ(decoder.finish(), "\xEF\xBF\xBD");
  EXPECT_EQ(decoder.push(tokenizer.encode("a", false)[0]), "a");
}

// A planted fault: decoding each token by itself, the naive way, must be told apart.
TEST(StreamDecoder, NaiveDecodingWouldBeSeen) {
  const Tokenizer& tokenizer = small_tokenizer();
  const auto ids = tokenizer.encode("🧿", false);
  std::string naive;
  for (const TokenId id : ids) naive += tokenizer.decode({&id, 1}, false);
  EXPECT_NE(naive, tokenizer.decode(ids, false));
}

}  // namespace
}  // namespace whorl::text
