#pragma once
// Guesses of what a sequence will say next, from what it has said or was told: where its last few tokens have
// stood before, it may go on as it did then (prompt lookup decoding, Saxena 2023). The model reads guesses
// together with the last token and says itself what follows each, so they change how many steps an answer
// takes and nothing else of it.
#include <cstdint>
#include <span>
#include <vector>

namespace whorl::serve {

class PromptLookup {
 public:
  // At most so many tokens at a time; 0 = none, ever.
  explicit PromptLookup(int64_t most) : most_(most), limit_(most < kFirst ? most : kFirst) {}

  // What followed the longest of the places that end as `tokens` does (of two alike the later one), and on
  // from there as long as wanted; empty where no two last tokens have stood before.
  void guess(std::span<const int32_t> tokens, std::vector<int32_t>& out) const;
  // How many of the last guesses were right: few of them are made while few are.
  void learn(int64_t guessed, int64_t right);

 private:
  static constexpr int64_t kFirst = 4;
  static constexpr int64_t kShortest = 2, kLongest = 4;  // tokens that are found again
  int64_t most_, limit_;
};

}  // namespace whorl::serve
