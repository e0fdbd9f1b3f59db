// Byte-level BPE training: deterministic, complete, and readable again.
#include <thread>

#include "text/fixtures.h"

namespace whorl::text {
namespace {

std::vector<std::string> corpus() {
  std::vector<std::string> texts;
  for (int i = 0; i < 500; ++i) {
    texts.push_back("lorem ipsum dolor " + std::to_string(i * i) + " sit amet, consectetur; naïve 世界\n");
  }
  return texts;
}

TEST(TokenizerTrain, SameTextsSameTokenizer) {
  const TrainBpeOptions options{.vocab_size = 400, .special_tokens = {"<s>", "</s>"}};
  const std::string first = Tokenizer::train_bpe(corpus(), options).to_json();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Tokenizer::train_bpe(corpus(), options).to_json(), first);
  // A planted fault: another text must give another tokenizer, or the comparison says nothing.
  auto other = corpus();
  for (int i = 0; i < 50; ++i) other.push_back("zyzzyva zyzzyva");
  EXPECT_NE(Tokenizer::train_bpe(other, options).to_json(), first);
}

TEST(TokenizerTrain, EveryTextComesBack) {
  const Tokenizer tokenizer = Tokenizer::train_bpe(corpus(), {.vocab_size = 300, .special_tokens = {"<s>"}});
  EXPECT_LE(tokenizer.vocab_size(), 300u);
  EXPECT_EQ(tokenizer.token_to_id("<s>"), 0);
  for (const std::string text : {"", " a  b ", "unseen: 😀 \x01 Жёлтый", "1234567890", "line\r\n\ttab"}) {
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text, false), false), text);
  }
  EXPECT_EQ(tokenizer.encode("2024", false).size(), 4u);
}

TEST(TokenizerTrain, JsonGivesTheSameTokenizer) {
  const Tokenizer& tokenizer = small_tokenizer();
  const Tokenizer again = Tokenizer::from_json(tokenizer.to_json());
  EXPECT_EQ(again.to_json(), tokenizer.to_json());
  EXPECT_EQ(again.vocab_size(), tokenizer.vocab_size());
  EXPECT_EQ(again.special_tokens(), (std::vector<std::string>{"<s>", "</s>", "<|im_start|>", "<|im_end|>"}));
  const std::string text = "the quick <|im_start|> 世界 42";
  EXPECT_EQ(again.encode(text, true), tokenizer.encode(text, true));
}

TEST(TokenizerTrain, RefusesBadOptionsAndTexts) {
  const auto train = [](const TrainBpeOptions& options) { return Tokenizer::train_bpe(corpus(), options); };
  EXPECT_NE(refusal([&] { train({.vocab_size = 256, .special_tokens = {"<s>"}}); }).find("257"),
            std::string::npos);
  EXPECT_THROW(train({.special_tokens = {"<s>", "<s>"}}), std::invalid_argument);
  EXPECT_THROW(train({.special_tokens = {""}}), std::invalid_argument);
  const std::vector<std::string> bad = {"fine", "bad \xFF byte"};
  EXPECT_THROW(Tokenizer::train_bpe(bad, {}), std::invalid_argument);
  const auto throwing = []() -> std::optional<std::string> { throw std::domain_error("mine"); };
  EXPECT_THROW(Tokenizer::train_bpe(throwing, {}), std::domain_error);
}

TEST(TokenizerTrain, ManyThreadsMayEncode) {
  const Tokenizer& tokenizer = small_tokenizer();
  const std::string text = "the quick brown fox 世界 <|im_end|> jumps";
  const auto expected = tokenizer.encode(text, true);
  std::vector<std::thread> threads;
  std::vector<int> wrong(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        wrong[t] += tokenizer.encode(text, true) != expected;
        wrong[t] += tokenizer.decode(expected, false) != text;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4));
}

}  // namespace
}  // namespace whorl::text
