#include "serve/scheduler.h"

#include <algorithm>
#include <utility>

namespace whorl::serve {
namespace {

void append(std::vector<int32_t>& table, const std::vector<int32_t>& pages) {
  table.insert(table.end(), pages.begin(), pages.end());
}

void release(Sequence& sequence) {
  sequence.page_table.clear();
  sequence.found = PrefixCache::Chain();
  sequence.pages = PageLease();
  sequence.prefix.reset();
}

// Entries of one adapter next to each other, in the order in which the adapters first appear.
void group_by_adapter(std::vector<StepPlan::Entry>& entries) {
  std::vector<const model::DeviceAdapter*> order;
  for (const auto& entry : entries) {
    const auto* adapter = entry.sequence->adapter.get();
    if (std::find(order.begin(), order.end(), adapter) == order.end()) order.push_back(adapter);
  }
  auto place = [&](const StepPlan::Entry& entry) {
    return std::find(order.begin(), order.end(), entry.sequence->adapter.get()) - order.begin();
  };
  std::stable_sort(entries.begin(), entries.end(),
                   [&](const auto& a, const auto& b) { return place(a) < place(b); });
}

void add_rows(StepPlan& plan, StepPlan::Entry& entry) {
  const Sequence& sequence = *entry.sequence;
  const auto begin = static_cast<int64_t>(plan.ids.size());
  entry.first_logit = -1;
  const int64_t known = std::ssize(sequence.tokens);
  for (int64_t position = sequence.past; position < sequence.past + entry.tokens; ++position) {
    if (position >= sequence.first_logit) {
      if (entry.first_logit < 0) entry.first_logit = position;
      ++entry.logits;
      plan.logit_rows.push_back(static_cast<int32_t>(plan.ids.size()));
    }
    plan.ids.push_back(position < known ? sequence.tokens[static_cast<size_t>(position)]
                                        : sequence.guesses[static_cast<size_t>(position - known)]);
    plan.positions.push_back(static_cast<int32_t>(position));
  }
  const auto end = static_cast<int64_t>(plan.ids.size());
  plan.paged.push_back({begin, end, sequence.past, sequence.page_table});
  const auto* adapter = sequence.adapter.get();
  if (!adapter) return;
  if (!plan.adapters.empty() && plan.adapters.back().adapter == adapter && plan.adapters.back().end == begin)
    plan.adapters.back().end = end;
  else
    plan.adapters.push_back({.begin = begin, .end = end, .adapter = adapter});
}

}  // namespace

Scheduler::Scheduler(const SchedulerOptions& options, int64_t pages)
    : options_(options), pages_(pages), cache_(pages_, options.page_size, options.prefix_cache) {}

void Scheduler::add(std::unique_ptr<SequenceGroup> group) { waiting_.push_back(std::move(group)); }

// A sample of a prompt whose whole pages a sibling fills or has filled.
bool Scheduler::fork(Sequence& next, std::shared_ptr<SharedPrefix> prefix) {
  const int64_t own = pages_for(next.max_cached, options_.page_size) - std::ssize(prefix->table);
  if (own > cache_.available()) return false;
  next.pages = cache_.acquire(own);
  next.page_table = prefix->table;
  append(next.page_table, next.pages.pages());
  next.past = next.cached_tokens = prefix->tokens;
  cached_tokens_ += next.cached_tokens;
  next.prefix = std::move(prefix);
  return true;
}

bool Scheduler::try_admit(SequenceGroup& group, Sequence& next) {
  if (auto prefix = group.prefix.lock()) return fork(next, std::move(prefix));
  const int64_t size = options_.page_size, total = pages_for(next.max_cached, size);
  // Where logits are wanted a token is fed, as is the last one of a prompt by each sample itself.
  const int64_t readable = std::min(next.first_logit, next.prompt_tokens - 1);
  auto found = cache_.find(next.adapter ? next.adapter->digest : "",
                           std::span(next.tokens).first(static_cast<size_t>(readable)));
  if (total - found.size() > cache_.available()) return false;
  next.past = next.cached_tokens = found.size() * size;
  cached_tokens_ += next.cached_tokens;
  next.page_table = found.table();
  next.found = std::move(found);
  const int64_t shared = group.sequences.size() > 1 ? readable / size : 0;
  if (shared > 0) {
    auto prefix = std::make_shared<SharedPrefix>();
    prefix->pages = cache_.acquire(shared - next.found.size());
    append(next.page_table, prefix->pages.pages());
    prefix->found = std::move(next.found);
    prefix->table = next.page_table;
    prefix->tokens = shared * size;
    prefix->filled = next.past == prefix->tokens;
    group.prefix = prefix;
    next.prefix = std::move(prefix);
  }
  next.pages = cache_.acquire(total - std::ssize(next.page_table));
  append(next.page_table, next.pages.pages());
  return true;
}

void Scheduler::admit() {
  while (!waiting_.empty() && running() < options_.max_batch_size) {
    SequenceGroup& group = *waiting_.front();
    auto& next = group.sequences[group.admitted];
    if (!try_admit(group, *next)) return;
    running_.push_back(std::move(next));
    if (++group.admitted == group.sequences.size()) waiting_.pop_front();
  }
}

StepPlan Scheduler::plan() {
  admit();
  StepPlan plan;
  int64_t budget = options_.max_step_tokens;
  for (const auto& sequence : running_) {
    int64_t tokens = sequence->ready();
    if (!sequence->decoding()) {
      tokens = std::min(tokens, budget);
      budget -= tokens;
    }
    if (tokens > 0) plan.entries.push_back({.sequence = sequence.get(), .tokens = tokens, .first_logit = -1});
  }
  feed_guesses(plan, budget);
  group_by_adapter(plan.entries);
  for (auto& entry : plan.entries) add_rows(plan, entry);
  return plan;
}

// Only where all that is known is fed, and within the pages that a sequence has.
void Scheduler::feed_guesses(StepPlan& plan, int64_t budget) const {
  constexpr int64_t kLogitRows = 64;
  budget = std::min(budget, kLogitRows - std::ssize(plan.entries));
  for (auto& entry : plan.entries) {
    const Sequence& sequence = *entry.sequence;
    const int64_t known = std::ssize(sequence.tokens);
    if (!sequence.decoding() || sequence.past + entry.tokens != known) continue;
    entry.guesses = std::min({std::ssize(sequence.guesses), sequence.max_cached - known, budget});
    entry.guesses = std::max<int64_t>(entry.guesses, 0);
    entry.tokens += entry.guesses, budget -= entry.guesses;
  }
}

// Whole pages become the cache's as soon as they are full; of samples of one prompt only those that they
// share.
void Scheduler::keep_filled(Sequence& sequence) {
  SharedPrefix* const prefix = sequence.prefix.get();
  PrefixCache::Chain& chain = prefix ? prefix->found : sequence.found;
  const int64_t size = options_.page_size,
                known = prefix ? std::min(prefix->tokens, sequence.past) : sequence.past;
  while (chain.size() < known / size) {
    const auto at = static_cast<size_t>(chain.size());
    const std::span tokens =
        std::span(sequence.tokens).subspan(at * static_cast<size_t>(size), static_cast<size_t>(size));
    cache_.extend(chain, tokens, sequence.page_table[at], prefix ? prefix->pages : sequence.pages);
  }
}

void Scheduler::advance(const StepPlan& plan) {
  for (const auto& entry : plan.entries) {
    Sequence& sequence = *entry.sequence;
    sequence.past += entry.tokens - entry.guesses;
    if (sequence.prefix && sequence.past >= sequence.prefix->tokens) sequence.prefix->filled = true;
    if (cache_.on()) keep_filled(sequence);
  }
}

void Scheduler::keep(const StepPlan& plan) {
  if (!cache_.on()) return;
  for (const auto& entry : plan.entries)
    if (entry.guesses > 0) keep_filled(*entry.sequence);
}

template <class Predicate>
std::vector<std::unique_ptr<Sequence>> Scheduler::remove_running(Predicate gone) {
  std::vector<std::unique_ptr<Sequence>> out;
  for (auto& sequence : running_) {
    if (!gone(*sequence)) continue;
    release(*sequence);
    out.push_back(std::move(sequence));
  }
  std::erase(running_, nullptr);
  return out;
}

std::vector<std::unique_ptr<Sequence>> Scheduler::take_ended() {
  return remove_running([](const Sequence& s) { return s.finished || s.error; });
}

std::vector<std::unique_ptr<Sequence>> Scheduler::take_cancelled() {
  auto out = remove_running([](const Sequence& s) { return s.cancelled(); });
  for (auto& group : waiting_) {
    auto& sequences = group->sequences;
    if (!sequences[group->admitted]->cancelled()) continue;
    for (size_t i = group->admitted; i < sequences.size(); ++i) out.push_back(std::move(sequences[i]));
    group.reset();
  }
  std::erase(waiting_, nullptr);
  return out;
}

std::vector<std::unique_ptr<Sequence>> Scheduler::take_all() {
  auto out = remove_running([](const Sequence&) { return true; });
  for (auto& group : waiting_)
    for (auto& sequence : group->sequences)
      if (sequence) out.push_back(std::move(sequence));
  waiting_.clear();
  return out;
}

}  // namespace whorl::serve
