#pragma once
// Who runs in the next step, and with how many tokens. Requests are admitted first come, first served:
//  - a place (max_batch_size) and all pages that the sequence can ever need (prompt + max_new_tokens) are
//    taken at admission. A running sequence is then never preempted or recomputed, its speed does not
//    depend on luck, and a request that fits the whole cache is sure to run. The price is pages that an
//    early end leaves unused; small pages and honest max_new_tokens keep it low.
//  - pages of prompts that came before stay in the cache as long as nobody needs them, and are not computed
//    again (prefix_cache.h).
//  - every decoding sequence gets its one token each step; prompts share max_step_tokens, oldest first, so a
//    long prompt never holds up the streams of others. Guesses of decoding sequences get what is left of
//    max_step_tokens, as long as a step has no more rows of logits than a model keeps memory for.
#include <deque>
#include <memory>
#include <vector>

#include "serve/sequence.h"

namespace whorl::serve {

struct SchedulerOptions {
  int64_t max_batch_size = 64;
  int64_t max_step_tokens = 512;
  int64_t page_size = 16;
  bool prefix_cache = false;
};

// One step's work in the terms of Transformer::step. Rows of one adapter stand together.
struct StepPlan {
  struct Entry {
    Sequence* sequence = nullptr;
    int64_t tokens = 0;       // fed now
    int64_t guesses = 0;      // the last of these
    int64_t first_logit = 0;  // position of its first logits, -1 = none wanted
    int64_t logits = 0;       // rows of them
  };
  std::vector<Entry> entries;
  std::vector<int32_t> ids, positions, logit_rows;
  std::vector<ops::PagedSequence> paged;
  std::vector<model::AdapterRows> adapters;
};

class Scheduler {
 public:
  Scheduler(const SchedulerOptions& options, int64_t pages);

  void add(std::unique_ptr<SequenceGroup> group);
  // Cancelled sequences, waiting or running, with their places and pages given back.
  std::vector<std::unique_ptr<Sequence>> take_cancelled();
  StepPlan plan();                     // admits what fits; empty when there is nothing to do
  void advance(const StepPlan& plan);  // the step was computed; guesses count for nothing yet
  void keep(const StepPlan& plan);     // guesses that were right count: their pages may be full
  // Finished and failed sequences, with their places and pages given back.
  std::vector<std::unique_ptr<Sequence>> take_ended();
  std::vector<std::unique_ptr<Sequence>> take_all();

  bool idle() const { return running_.empty() && waiting_.empty(); }
  int64_t running() const { return static_cast<int64_t>(running_.size()); }
  int64_t waiting() const { return static_cast<int64_t>(waiting_.size()); }  // requests
  int64_t pages_used() const { return pages_.used() - cache_.unused(); }
  int64_t pages_cached() const { return cache_.unused(); }  // kept, though no sequence reads them
  int64_t cached_tokens() const {
    return cached_tokens_;
  }  // of prompts, read and not computed, since the start

 private:
  void admit();
  void feed_guesses(StepPlan& plan, int64_t budget) const;
  bool try_admit(SequenceGroup& group, Sequence& next);
  bool fork(Sequence& next, std::shared_ptr<SharedPrefix> prefix);
  void keep_filled(Sequence& sequence);
  template <class Predicate>
  std::vector<std::unique_ptr<Sequence>> remove_running(Predicate gone);

  SchedulerOptions options_;
  PageAllocator pages_;
  PrefixCache cache_;
  int64_t cached_tokens_ = 0;
  std::deque<std::unique_ptr<SequenceGroup>> waiting_;
  std::vector<std::unique_ptr<Sequence>> running_;  // in order of admission
};

}  // namespace whorl::serve
