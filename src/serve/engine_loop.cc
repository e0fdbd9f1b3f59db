#include "serve/engine_loop.h"

#include <algorithm>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "base/check.h"
#include "base/thread_pool.h"

namespace whorl::serve {

using base::check_argument;

void check_options(const EngineOptions& options) {
  const char* where = "[InferenceEngine] expected ";
  check_argument(options.max_batch_size >= 1 && options.max_batch_size <= 4096, where,
                 "max_batch_size in [1, 4096], got ", options.max_batch_size);
  check_argument(options.max_step_tokens >= 1 && options.max_step_tokens <= (1 << 20), where,
                 "max_step_tokens in [1, 1048576], got ", options.max_step_tokens);
  check_argument(options.page_size >= 1 && options.page_size <= 4096, where, "page_size in [1, 4096], got ",
                 options.page_size);
  check_argument(options.max_queue >= 1, where, "max_queue of at least 1, got ", options.max_queue);
}

EngineLoop::EngineLoop(std::shared_ptr<const model::Transformer> transformer, const EngineOptions& options)
    : transformer_(std::move(transformer)),
      options_((check_options(options), options)),
      size_(cache_size(*transformer_, options)),
      cache_(make_cache(*transformer_, size_, options.page_size)),
      expected_(transformer_->backend().expect_bytes(size_.step_bytes)),
      scheduler_({options.max_batch_size, options.max_step_tokens, options.page_size, options.prefix_cache},
                 size_.pages),
      scratch_(static_cast<size_t>(std::clamp(transformer_->backend().threads(), 1, 64))) {
  for (SamplerScratch& one : scratch_) one.backend = &transformer_->backend();
  stats_.pages_total = size_.pages;
  stats_.kv_cache_bytes = size_.bytes(), stats_.kv_cache_tokens = size_.pages * options_.page_size;
  stats_.kv_cache_reason = size_.reason;
  stats_.step_bytes = size_.step_bytes, stats_.free_bytes = size_.free_bytes;
  thread_ = std::thread([this] { run(); });
}

EngineLoop::~EngineLoop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  room_.notify_all();
  thread_.join();
}

void EngineLoop::check_fits(const Sequence& sequence) const {
  const int64_t needed = pages_for(sequence.max_cached, options_.page_size);
  check_argument(needed <= size_.pages,
                 "[InferenceEngine.submit] expected prompt and max_new_tokens to fit the KV cache: ",
                 sequence.max_cached, " tokens need ", needed, " pages of ", options_.page_size,
                 ", kv_cache_bytes gives ", size_.pages, " (", size_.reason, ")");
}

void EngineLoop::enqueue(std::vector<std::unique_ptr<SequenceGroup>> groups, bool wait_for_room) {
  std::unique_lock lock(mutex_);
  for (auto& group : groups) {
    auto room = [&] { return stopping_ || stats_.waiting < options_.max_queue; };
    if (!room() && !wait_for_room)
      base::failed("[InferenceEngine.submit] the queue is full: ", stats_.waiting,
                   " requests wait; expected fewer than max_queue = ", options_.max_queue);
    room_.wait(lock, room);
    if (stopping_) base::failed("[InferenceEngine.submit] the engine is shutting down");
    ++stats_.waiting;
    ++stats_.requests;
    inbox_.push_back(std::move(group));
    wake_.notify_one();
  }
}

EngineStats EngineLoop::stats() const {
  std::lock_guard lock(mutex_);
  return stats_;
}

void EngineLoop::run() {
  while (take_in()) step();
  auto left = scheduler_.take_all();
  done_.cancelled += std::ssize(left);
  publish();
  for (auto& sequence : left) sequence->cancel();
}

bool EngineLoop::take_in() {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [&] { return stopping_ || !inbox_.empty() || !scheduler_.idle(); });
  for (auto& group : inbox_) scheduler_.add(std::move(group));
  inbox_.clear();
  return !stopping_;
}

void EngineLoop::step() {
  auto gone = scheduler_.take_cancelled();
  const StepPlan plan = scheduler_.plan();
  publish();  // who was admitted waits no longer, and the next may queue
  if (!plan.entries.empty()) compute(plan);
  auto ended = scheduler_.take_ended();
  auto late = scheduler_.take_cancelled();  // by a callback of this very step
  std::move(late.begin(), late.end(), std::back_inserter(gone));
  done_.cancelled += std::ssize(gone);
  // The books are right before anybody hears that a request is over.
  publish();
  for (auto& sequence : gone) sequence->cancel();
  for (auto& sequence : ended) {
    if (sequence->error)
      sequence->fail(sequence->error);
    else
      sequence->complete();
  }
}

void EngineLoop::compute(const StepPlan& plan) {
  try {
    const model::Batch batch{plan.ids, plan.positions, plan.adapters};
    const LogitRows rows(plan, transformer_->gives_less_than_rows());
    const model::StepLogits logits =
        transformer_->step_for(batch, plan.paged, cache_, rows.rows, rows.wanted());
    const GivenLogits given(rows, logits, transformer_->config().vocab_size);
    ++done_.steps;
    count_prompt(plan);
    scheduler_.advance(plan);
    give_logits(plan, rows, given);
    scheduler_.keep(plan);
  } catch (...) {
    for (const auto& entry : plan.entries) entry.sequence->error = std::current_exception();
  }
}

void EngineLoop::count_prompt(const StepPlan& plan) {
  for (const auto& entry : plan.entries)
    if (!entry.sequence->decoding()) done_.prompt_tokens += entry.tokens;
}

// Sequences choose their tokens side by side; a few rows of a small vocabulary are not worth waking threads
// for.
void EngineLoop::give_logits(const StepPlan& plan, const LogitRows& rows, const GivenLogits& logits) {
  const int64_t threads =
      logits.numbers() < 65536 ? 1 : std::min(std::ssize(scratch_), std::ssize(plan.entries));
  auto give = [&](int64_t thread) {
    for (auto i = thread; i < std::ssize(plan.entries); i += threads)
      give_entry(plan.entries[static_cast<size_t>(i)], logits, rows.places[static_cast<size_t>(i)],
                 scratch_[static_cast<size_t>(thread)]);
  };
  if (threads == 1)
    give(0);
  else
    base::ThreadPool::shared()->run(threads, give);
  tell(plan);
}

namespace {
void give_row(Sequence& sequence, int64_t position, const GivenLogits& logits, const LogitRows::Place& place,
              SamplerScratch& scratch) {
  if (logits.whole(place.form))
    sequence.take(position, logits.row(place.row), scratch);
  else if (place.form == LogitRows::Form::drawn)
    sequence.take_drawn(position, logits.drawn(place.row));
  else
    sequence.take_score(position, logits.score(place.row));
}
}  // namespace

void EngineLoop::give_entry(const StepPlan::Entry& entry, const GivenLogits& logits, LogitRows::Place place,
                            SamplerScratch& scratch) const {
  Sequence& sequence = *entry.sequence;
  if (entry.first_logit < 0 || sequence.error) return;
  const int64_t known = sequence.past, end = entry.first_logit + entry.logits;
  try {
    for (int64_t position = entry.first_logit; position < end && !sequence.finished;
         ++position, ++place.row) {
      give_row(sequence, position, logits, place, scratch);
      if (position + 1 < known || position + 1 == end) continue;
      // The next row was computed from a guess: it counts if that is what was said.
      if (sequence.tokens.back() != sequence.guesses[static_cast<size_t>(position + 1 - known)]) break;
      ++sequence.past;
    }
    const int64_t right = sequence.past - known;
    sequence.guessed_tokens += entry.guesses, sequence.accepted_tokens += right;
    sequence.settle(entry.guesses, right);
  } catch (...) {
    sequence.error = std::current_exception();
  }
}

void EngineLoop::tell(const StepPlan& plan) {
  for (const auto& entry : plan.entries) {
    Sequence& sequence = *entry.sequence;
    done_.generated_tokens += std::exchange(sequence.appended, 0);
    done_.guessed_tokens += std::exchange(sequence.guessed_tokens, 0);
    done_.accepted_tokens += std::exchange(sequence.accepted_tokens, 0);
    if (entry.first_logit < 0 || sequence.error || sequence.cancelled()) continue;
    try {
      sequence.tell();
    } catch (...) {
      sequence.error = std::current_exception();
    }
  }
}

void EngineLoop::publish() {
  {
    std::lock_guard lock(mutex_);
    stats_.steps = done_.steps;
    stats_.prompt_tokens = done_.prompt_tokens;
    stats_.generated_tokens = done_.generated_tokens;
    stats_.guessed_tokens = done_.guessed_tokens;
    stats_.accepted_tokens = done_.accepted_tokens;
    stats_.cancelled = done_.cancelled;
    stats_.running = scheduler_.running();
    stats_.waiting = scheduler_.waiting() + static_cast<int64_t>(inbox_.size());
    stats_.pages_used = scheduler_.pages_used();
    stats_.pages_cached = scheduler_.pages_cached();
    stats_.cached_tokens = scheduler_.cached_tokens();
  }
  room_.notify_all();
}

}  // namespace whorl::serve
