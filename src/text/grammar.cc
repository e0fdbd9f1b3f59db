#include "text/grammar.h"

#include "text/bridge.h"
#include "text/tokenizer_body.h"

namespace whorl::text {

struct GrammarVocabulary::Body {
  Body(whorl_vocabulary* vocabulary, std::size_t vocab_size) : handle(vocabulary), size(vocab_size) {}
  ~Body() { whorl_vocabulary_free(handle); }
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;
  whorl_vocabulary* handle;
  std::size_t size;
};

GrammarVocabulary::GrammarVocabulary(const Tokenizer& tokenizer, std::vector<TokenId> eos_ids) {
  std::vector<std::uint32_t> eos(eos_ids.begin(), eos_ids.end());
  whorl_vocabulary* handle = nullptr;
  whorl_bytes error{};
  check_call(whorl_vocabulary_new(tokenizer.body().handle, eos.data(), eos.size(), &handle, &error), error,
             "GrammarVocabulary");
  body_ = std::make_shared<const Body>(handle, tokenizer.vocab_size());
}

std::size_t GrammarVocabulary::vocab_size() const { return body_->size; }

// A sequence at its start, never moved from it; matchers are copies.
struct Grammar::Body {
  explicit Body(whorl_sequence* start) : handle(start) {}
  ~Body() { whorl_sequence_free(handle); }
  Body(const Body&) = delete;
  Body& operator=(const Body&) = delete;

  static Grammar compile(const GrammarVocabulary& vocabulary, std::string_view kind, std::string_view source,
                         const GrammarLimits& limits) {
    whorl_sequence* handle = nullptr;
    whorl_bytes error{};
    check_call(whorl_grammar_compile(vocabulary.body_->handle, kind.data(), kind.size(), source.data(),
                                     source.size(), limits.max_source_bytes, limits.max_initial_fuel,
                                     limits.max_step_fuel, limits.max_items, &handle, &error),
               error, base::concat("Grammar.", kind));
    return Grammar(std::make_shared<const Body>(handle));
  }

  whorl_sequence* handle;
};

Grammar Grammar::json_schema(const GrammarVocabulary& vocabulary, std::string_view schema_json,
                             const GrammarLimits& limits) {
  return Body::compile(vocabulary, "json_schema", schema_json, limits);
}
Grammar Grammar::regex(const GrammarVocabulary& vocabulary, std::string_view pattern,
                       const GrammarLimits& limits) {
  return Body::compile(vocabulary, "regex", pattern, limits);
}
Grammar Grammar::lark(const GrammarVocabulary& vocabulary, std::string_view source,
                      const GrammarLimits& limits) {
  return Body::compile(vocabulary, "lark", source, limits);
}

struct GrammarMatcher::State {
  State(whorl_sequence* sequence, std::shared_ptr<const Grammar::Body> from)
      : handle(sequence), start(std::move(from)) {}
  ~State() { whorl_sequence_free(handle); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  static std::unique_ptr<State> copy(const whorl_sequence* of, std::shared_ptr<const Grammar::Body> start) {
    whorl_sequence* handle = nullptr;
    whorl_bytes error{};
    check_call(whorl_sequence_clone(of, &handle, &error), error, "GrammarMatcher");
    return std::make_unique<State>(handle, std::move(start));
  }

  whorl_sequence* handle;
  std::shared_ptr<const Grammar::Body> start;
};

GrammarMatcher Grammar::matcher() const {
  return GrammarMatcher(GrammarMatcher::State::copy(body_->handle, body_));
}

GrammarMatcher::GrammarMatcher(std::unique_ptr<State> state) : state_(std::move(state)) {}
GrammarMatcher::GrammarMatcher(const GrammarMatcher& other)
    : state_(State::copy(other.state_->handle, other.state_->start)) {}
GrammarMatcher& GrammarMatcher::operator=(const GrammarMatcher& other) {
  if (this != &other) state_ = State::copy(other.state_->handle, other.state_->start);
  return *this;
}
GrammarMatcher::GrammarMatcher(GrammarMatcher&&) noexcept = default;
GrammarMatcher& GrammarMatcher::operator=(GrammarMatcher&&) noexcept = default;
GrammarMatcher::~GrammarMatcher() = default;

void GrammarMatcher::fill_mask(std::span<std::uint32_t> mask) {
  whorl_bytes error{};
  check_call(whorl_sequence_fill_mask(state_->handle, mask.data(), mask.size(), &error), error,
             "GrammarMatcher.fill_mask");
}

bool GrammarMatcher::accept(TokenId id) {
  bool accepted = false;
  whorl_bytes error{};
  check_call(whorl_sequence_accept(state_->handle, static_cast<std::uint32_t>(id), &accepted, &error), error,
             "GrammarMatcher.accept");
  return accepted;
}

bool GrammarMatcher::is_accepting() {
  bool accepting = false;
  whorl_bytes error{};
  check_call(whorl_sequence_is_accepting(state_->handle, &accepting, &error), error,
             "GrammarMatcher.is_accepting");
  return accepting;
}

bool GrammarMatcher::is_stopped() const { return whorl_sequence_is_stopped(state_->handle); }

void GrammarMatcher::reset() { state_ = State::copy(state_->start->handle, state_->start); }

}  // namespace whorl::text
