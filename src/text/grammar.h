#pragma once
// Constrained output: which tokens may come next so that the text obeys a JSON Schema, a regular expression
// or a grammar. A Grammar is compiled once and shared; each sequence has its own GrammarMatcher.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace whorl::text {

// The vocabulary as grammars need it, built once per tokenizer (it takes tens of milliseconds for a large
// one) and shared. `eos_ids` end a sequence; the first is the one a finished grammar asks for.
class GrammarVocabulary {
 public:
  GrammarVocabulary(const Tokenizer& tokenizer, std::vector<TokenId> eos_ids);
  std::size_t vocab_size() const;

 private:
  friend class Grammar;
  struct Body;
  std::shared_ptr<const Body> body_;
};

struct GrammarLimits {
  std::size_t max_source_bytes = 1u << 20;   // longer schemas and patterns are refused before compiling
  std::size_t max_initial_fuel = 1'000'000;  // work to compile; a hostile schema ends with an error
  std::size_t max_step_fuel = 200'000;       // work per token
  std::size_t max_items = 50'000;            // parser items per token
};

class GrammarMatcher;

class Grammar {
 public:
  // std::invalid_argument if the source is wrong, unsupported, or costs more than the limits allow.
  static Grammar json_schema(const GrammarVocabulary& vocabulary, std::string_view schema_json,
                             const GrammarLimits& limits = {});
  static Grammar regex(const GrammarVocabulary& vocabulary, std::string_view pattern,
                       const GrammarLimits& limits = {});
  static Grammar lark(const GrammarVocabulary& vocabulary, std::string_view source,
                      const GrammarLimits& limits = {});

  GrammarMatcher matcher() const;

 private:
  friend class GrammarMatcher;
  struct Body;
  explicit Grammar(std::shared_ptr<const Body> body) : body_(std::move(body)) {}
  std::shared_ptr<const Body> body_;
};

// One sequence under a grammar. Not thread-safe; copying gives an independent matcher in the same state.
class GrammarMatcher {
 public:
  GrammarMatcher(const GrammarMatcher&);
  GrammarMatcher& operator=(const GrammarMatcher&);
  GrammarMatcher(GrammarMatcher&&) noexcept;
  GrammarMatcher& operator=(GrammarMatcher&&) noexcept;
  ~GrammarMatcher();

  // Bit `id % 32` of `mask[id / 32]` is set if `id` may come next; every other bit is cleared, also those
  // beyond the tokenizer's vocabulary. `mask` must hold at least vocab_size bits. End-of-sequence ids are
  // allowed exactly where the text may end. std::runtime_error if the step costs more than the limits.
  void fill_mask(std::span<std::uint32_t> mask);
  // False, and nothing changes, if the token may not come next.
  bool accept(TokenId id);
  // The text so far is complete; more may still be allowed.
  bool is_accepting();
  // Nothing but end-of-sequence may follow, or it was accepted.
  bool is_stopped() const;
  void reset();

 private:
  friend class Grammar;
  struct State;
  explicit GrammarMatcher(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace whorl::text
