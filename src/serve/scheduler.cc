#include "serve/scheduler.h"

#include <algorithm>
#include <utility>

namespace whorl::serve {
namespace {

void release(Sequence& sequence) {
  sequence.page_table.clear();
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
  for (int64_t position = sequence.past; position < sequence.past + entry.tokens; ++position) {
    if (position >= sequence.first_logit) {
      if (entry.first_logit < 0) entry.first_logit = position;
      plan.logit_rows.push_back(static_cast<int32_t>(plan.ids.size()));
    }
    plan.ids.push_back(sequence.tokens[static_cast<size_t>(position)]);
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

Scheduler::Scheduler(const SchedulerOptions& options, int64_t pages) : options_(options), pages_(pages) {}

void Scheduler::add(std::unique_ptr<SequenceGroup> group) { waiting_.push_back(std::move(group)); }

bool Scheduler::try_admit(SequenceGroup& group, std::unique_ptr<Sequence>& next) {
  const int64_t total = pages_for(next->max_cached, options_.page_size);
  auto prefix = group.prefix.lock();
  const bool siblings = group.sequences.size() > 1;
  // The last token of a prompt is always fed by each sample itself: its logits are wanted.
  const int64_t shared = siblings ? (next->prompt_tokens - 1) / options_.page_size : 0;
  const int64_t needed = prefix ? total - shared : total;
  if (needed > pages_.available()) return false;
  const bool leads = shared > 0 && !prefix;
  if (leads) {
    prefix = std::make_shared<SharedPrefix>();
    prefix->pages = pages_.acquire(shared);
    prefix->tokens = shared * options_.page_size;
    group.prefix = prefix;
  }
  if (prefix) next->page_table = prefix->pages.pages();
  next->past = prefix && !leads ? prefix->tokens : 0;
  next->prefix = std::move(prefix);
  next->pages = pages_.acquire(total - shared);
  next->page_table.insert(next->page_table.end(), next->pages.pages().begin(), next->pages.pages().end());
  return true;
}

void Scheduler::admit() {
  while (!waiting_.empty() && running() < options_.max_batch_size) {
    SequenceGroup& group = *waiting_.front();
    auto& next = group.sequences[group.admitted];
    if (!try_admit(group, next)) return;
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
    if (tokens > 0) plan.entries.push_back({sequence.get(), tokens, -1});
  }
  group_by_adapter(plan.entries);
  for (auto& entry : plan.entries) add_rows(plan, entry);
  return plan;
}

void Scheduler::advance(const StepPlan& plan) {
  for (const auto& entry : plan.entries) {
    Sequence& sequence = *entry.sequence;
    sequence.past += entry.tokens;
    if (sequence.prefix && sequence.past >= sequence.prefix->tokens) sequence.prefix->filled = true;
  }
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
