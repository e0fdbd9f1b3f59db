#pragma once
// One row of tokens on its way through the engine: what the scheduler must know of it, and what it does
// with the logits it asked for. Generations and likelihoods are both sequences.
#include <cstdint>
#include <exception>
#include <memory>
#include <span>
#include <stdexcept>
#include <vector>

#include "model/transformer.h"
#include "serve/prefix_cache.h"
#include "serve/sampler.h"

namespace whorl::serve {

// The whole pages of a prompt that n samples of it read together: found in the cache, and behind them filled
// by the first sample, while the others wait; the last one to go gives them back.
struct SharedPrefix {
  PrefixCache::Chain found;
  PageLease pages;
  std::vector<int32_t> table;
  int64_t tokens = 0;
  bool filled = false;
};

class Sequence {
 public:
  virtual ~Sequence() = default;

  // ---- said once, before it is queued
  std::vector<int32_t> tokens;  // known so far; a generation appends
  int64_t prompt_tokens = 0;    // of these, the ones that count against max_step_tokens
  int64_t max_cached = 0;       // positions that may ever be cached: pages for them are reserved at admission
  int64_t first_logit = 0;      // logits are wanted at this position and all after it
  std::shared_ptr<const model::DeviceAdapter> adapter;  // null = the base

  // ---- kept by the scheduler
  int64_t past = 0;           // positions in the cache
  int64_t cached_tokens = 0;  // of its prompt's, the ones that it did not compute itself
  PrefixCache::Chain found;
  PageLease pages;
  std::shared_ptr<SharedPrefix> prefix;
  std::vector<int32_t> page_table;  // those found or the prefix's, then its own

  // ---- its part
  // Logits after `tokens[position]`, positions ascending. Sets `finished` when it wants no more. Several
  // sequences take at the same time on different threads, so it touches nothing but its own.
  virtual void take(int64_t position, std::span<const float> logits, SamplerScratch& scratch) = 0;
  // Whether a device may draw the tokens of so many rows at once. Then next_draw() is asked how, `ahead`
  // positions after the next one, before the step, from any one thread, and what it points to stays until
  // take_drawn() is called in place of take(), with what came (ops/draw.h).
  virtual bool may_be_drawn([[maybe_unused]] int64_t rows) const { return false; }
  virtual ops::Draw next_draw([[maybe_unused]] int64_t ahead) {
    throw std::logic_error("[Sequence] wants all logits");
  }
  virtual bool draws_take_long() const { return false; }  // next_draw() is worth a thread
  virtual void take_drawn([[maybe_unused]] int64_t position, [[maybe_unused]] int32_t drawn) {
    throw std::logic_error("[Sequence] wants all logits");
  }
  // Whether all it wants of logits is how likely the known token that follows is; then take_score() may be
  // called in place of take().
  virtual bool scores_known_tokens() const { return false; }
  virtual void take_score([[maybe_unused]] int64_t position, const Score&) {
    throw std::logic_error("[Sequence] wants all logits");
  }
  // The rest is called on the engine's thread.
  virtual void tell() = 0;  // after a step in which it took: streams what is new
  virtual bool cancelled() const = 0;
  // Exactly one of these is the last call; pages and place are free by then.
  virtual void complete() = 0;
  virtual void cancel() = 0;
  virtual void fail(std::exception_ptr cause) = 0;

  // Guesses of what follows `tokens`. The scheduler feeds as many as there is room for; the engine takes them
  // for known while what take() appended is what was guessed. Then settle() says how many that were, and may
  // guess anew.
  std::vector<int32_t> guesses;
  virtual void settle([[maybe_unused]] int64_t guessed, [[maybe_unused]] int64_t right) {}

  int64_t appended = 0;                             // tokens since the engine last counted
  int64_t guessed_tokens = 0, accepted_tokens = 0;  // likewise
  bool finished = false;
  std::exception_ptr error;  // thrown by take(); ends this sequence alone

  int64_t ready() const {  // tokens that could be fed now
    if (prefix && !prefix->filled && past == prefix->tokens) return 0;
    return std::min(static_cast<int64_t>(tokens.size()), max_cached) - past;
  }
  bool decoding() const { return past >= prompt_tokens; }
};

// The sequences of one request, in the order they are to be admitted. Samples of one prompt share its pages.
struct SequenceGroup {
  std::vector<std::unique_ptr<Sequence>> sequences;
  size_t admitted = 0;
  std::weak_ptr<SharedPrefix> prefix;
};

}  // namespace whorl::serve
