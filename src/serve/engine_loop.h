#pragma once
// The engine's one thread: takes requests in, computes steps while there is work, sleeps otherwise.
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "serve/cache_size.h"
#include "serve/logit_rows.h"
#include "serve/scheduler.h"
#include "whorl/inference_engine.h"

namespace whorl::serve {

// What the loop needs of EngineOptions, checked: every error names its field.
void check_options(const EngineOptions& options);
class EngineLoop {
 public:
  EngineLoop(std::shared_ptr<const model::Transformer> transformer, const EngineOptions& options);
  ~EngineLoop();  // cancels what is left

  // A sequence that could never get its pages is an invalid_argument. With a full queue: waits for room, or
  // std::runtime_error. Groups that fit enter the queue together.
  void check_fits(const Sequence& sequence) const;
  void enqueue(std::vector<std::unique_ptr<SequenceGroup>> groups, bool wait_for_room);

  EngineStats stats() const;
  std::thread::id thread_id() const { return thread_.get_id(); }
  int64_t pages_total() const { return size_.pages; }

 private:
  void run();
  bool take_in();  // false = stop
  void step();
  void compute(const StepPlan& plan);
  void count_prompt(const StepPlan& plan);
  void give_logits(const StepPlan& plan, const LogitRows& rows, const GivenLogits& logits);
  void give_entry(const StepPlan::Entry& entry, const GivenLogits& logits, LogitRows::Place place,
                  SamplerScratch& scratch) const;
  void tell(const StepPlan& plan);
  void publish();

  std::shared_ptr<const model::Transformer> transformer_;
  EngineOptions options_;
  CacheSize size_;
  model::KvCache cache_;
  std::shared_ptr<const void> expected_;  // what steps will work in, for those who come later
  Scheduler scheduler_;
  std::vector<SamplerScratch> scratch_;  // one for each thread that samples
  EngineStats done_;                     // the engine thread's own counts; publish() shows them

  mutable std::mutex mutex_;
  std::condition_variable wake_, room_;
  std::deque<std::unique_ptr<SequenceGroup>> inbox_;
  EngineStats stats_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace whorl::serve
