// Who runs when: pages, places, chunks, order, forks. No engine, no model.
#include "serve/scheduler.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "base/random.h"

namespace whorl::serve {
namespace {

class TestSequence : public Sequence {
 public:
  TestSequence(int64_t prompt, int64_t output, int number = 0) : name(number) {
    tokens.resize(static_cast<size_t>(prompt), 7);
    prompt_tokens = prompt;
    max_cached = prompt + output - 1;
    first_logit = prompt - 1;
    last = prompt + output;
  }
  void take(int64_t, std::span<const float>, SamplerScratch&) override {
    tokens.push_back(8);
    finished = std::ssize(tokens) == last;
  }
  bool cancelled() const override { return cancel_me && *cancel_me; }
  void tell() override {}
  void complete() override {}
  void cancel() override {}
  void fail(std::exception_ptr) override {}

  int name;
  int64_t last;
  std::shared_ptr<bool> cancel_me;
};

std::unique_ptr<SequenceGroup> group_of(int64_t prompt, int64_t output, int64_t n = 1, int name = 0) {
  auto group = std::make_unique<SequenceGroup>();
  for (int64_t i = 0; i < n; ++i)
    group->sequences.push_back(std::make_unique<TestSequence>(prompt, output, name));
  return group;
}

// In a plan no two sequences write the same page, and no row stands twice.
void expect_sound(const StepPlan& plan, int64_t page_size) {
  std::set<int32_t> written;
  int64_t row = 0;
  for (const auto& sequence : plan.paged) {
    EXPECT_EQ(sequence.begin, row);
    row = sequence.end;
    for (int64_t p = sequence.past / page_size;
         p <= (sequence.past + sequence.end - sequence.begin - 1) / page_size; ++p)
      EXPECT_TRUE(written.insert(sequence.pages[static_cast<size_t>(p)]).second) << "page written twice";
  }
  EXPECT_EQ(row, std::ssize(plan.ids));
}

// One step with every sequence's answer taken; the sum of tokens fed.
int64_t run_step(Scheduler& scheduler, StepPlan* out = nullptr, int64_t page_size = 4) {
  StepPlan plan = scheduler.plan();
  expect_sound(plan, page_size);
  scheduler.advance(plan);
  SamplerScratch scratch;
  for (const auto& entry : plan.entries)
    for (int64_t p = entry.first_logit; p >= 0 && p < entry.sequence->past; ++p)
      entry.sequence->take(p, {}, scratch);
  scheduler.take_ended();
  const auto fed = std::ssize(plan.ids);
  if (out) *out = std::move(plan);
  return fed;
}

TEST(Scheduler, CutsAPromptIntoChunks) {
  Scheduler scheduler({.max_batch_size = 4, .max_step_tokens = 3, .page_size = 4}, 100);
  scheduler.add(group_of(7, 2));
  EXPECT_EQ(run_step(scheduler), 3);
  EXPECT_EQ(run_step(scheduler), 3);
  EXPECT_EQ(run_step(scheduler), 1);
  EXPECT_EQ(run_step(scheduler), 1);  // the second new token
  EXPECT_TRUE(scheduler.idle());
  EXPECT_EQ(scheduler.pages_used(), 0);
}

TEST(Scheduler, DecodingGoesOnBesideALongPrompt) {
  Scheduler scheduler({.max_batch_size = 4, .max_step_tokens = 5, .page_size = 4}, 100);
  scheduler.add(group_of(2, 30));
  run_step(scheduler);
  scheduler.add(group_of(20, 2));
  for (int step = 0; step < 4; ++step)
    EXPECT_EQ(run_step(scheduler), 6);  // 5 of the prompt and the stream's one
}

TEST(Scheduler, OldestPromptGetsTheBudgetFirst) {
  Scheduler scheduler({.max_batch_size = 4, .max_step_tokens = 4, .page_size = 4}, 100);
  scheduler.add(group_of(6, 2, 1, 1));
  scheduler.add(group_of(6, 2, 1, 2));
  StepPlan plan;
  run_step(scheduler, &plan);
  ASSERT_EQ(plan.entries.size(), 1u);
  run_step(scheduler, &plan);
  ASSERT_EQ(plan.entries.size(), 2u);
  EXPECT_EQ(plan.entries[0].tokens, 2);
  EXPECT_EQ(plan.entries[1].tokens, 2);
}

TEST(Scheduler, WaitsForPagesInOrderOfArrival) {
  Scheduler scheduler({.max_batch_size = 4, .max_step_tokens = 100, .page_size = 4}, 5);
  scheduler.add(group_of(9, 4));   // 12 cached = 3 pages
  scheduler.add(group_of(13, 4));  // 4 pages: has to wait
  scheduler.add(group_of(2, 2));   // 1 page would fit, but it came later
  run_step(scheduler);
  EXPECT_EQ(scheduler.running(), 1);
  EXPECT_EQ(scheduler.waiting(), 2);
  for (int i = 0; i < 4; ++i) run_step(scheduler);
  EXPECT_EQ(scheduler.waiting(), 0);
  EXPECT_EQ(scheduler.running(), 2);
}

TEST(Scheduler, NeverMoreThanMaxBatchSize) {
  Scheduler scheduler({.max_batch_size = 3, .max_step_tokens = 100, .page_size = 4}, 100);
  for (int i = 0; i < 5; ++i) scheduler.add(group_of(2, 3));
  run_step(scheduler);
  EXPECT_EQ(scheduler.running(), 3);
}

TEST(Scheduler, SamplesShareTheWholePagesOfTheirPrompt) {
  Scheduler scheduler({.max_batch_size = 8, .max_step_tokens = 100, .page_size = 4}, 100);
  scheduler.add(group_of(10, 3, 4));  // 12 cached = 3 pages, 2 of them whole prompt
  StepPlan plan;
  EXPECT_EQ(run_step(scheduler, &plan), 10);  // the first sample alone
  EXPECT_EQ(scheduler.pages_used(), 2 + 4);
  EXPECT_EQ(run_step(scheduler, &plan), 1 + 3 * 2);  // forks feed the two tokens behind the shared pages
  while (!scheduler.idle()) run_step(scheduler);
  EXPECT_EQ(scheduler.pages_used(), 0);
}

TEST(Scheduler, ForksOutliveTheSampleThatFilledThePages) {
  // One place: every sample runs alone, after the one before it has gone with its pages.
  Scheduler scheduler({.max_batch_size = 1, .max_step_tokens = 100, .page_size = 4}, 3);
  scheduler.add(group_of(10, 3, 3));
  int steps = 0;
  while (!scheduler.idle() && ++steps < 50) run_step(scheduler);
  EXPECT_TRUE(scheduler.idle());
  EXPECT_EQ(scheduler.pages_used(), 0);
}

TEST(Scheduler, CancelledLeaveAtOnceWhereverTheyAre) {
  Scheduler scheduler({.max_batch_size = 2, .max_step_tokens = 3, .page_size = 4}, 100);
  auto flag = std::make_shared<bool>(false);
  for (int i = 0; i < 4; ++i) {
    auto group = group_of(10, 5, 2);
    for (auto& s : group->sequences) static_cast<TestSequence&>(*s).cancel_me = flag;
    scheduler.add(std::move(group));
  }
  run_step(scheduler);
  *flag = true;
  EXPECT_EQ(scheduler.take_cancelled().size(), 8u);
  EXPECT_TRUE(scheduler.idle());
  EXPECT_EQ(scheduler.pages_used(), 0);
}

TEST(Scheduler, RandomWorkloadsEndWithAllPagesBack) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    auto roll = [&, i = uint64_t{0}](uint64_t n) mutable {
      return static_cast<int64_t>(base::below(seed, i++, n));
    };
    const int64_t page_size = 1 + roll(7);
    Scheduler scheduler(
        {.max_batch_size = 1 + roll(6), .max_step_tokens = 1 + roll(20), .page_size = page_size}, 60);
    std::vector<std::shared_ptr<bool>> flags;
    int64_t total = 0;
    for (int step = 0; step < 3000; ++step) {
      if (total < 40 && roll(3) == 0) {
        auto group = group_of(1 + roll(30), 1 + roll(25), 1 + roll(4));
        ASSERT_LE(pages_for(group->sequences[0]->max_cached, page_size), 60);
        flags.push_back(std::make_shared<bool>(false));
        for (auto& s : group->sequences) static_cast<TestSequence&>(*s).cancel_me = flags.back();
        scheduler.add(std::move(group));
        ++total;
      }
      if (!flags.empty() && roll(20) == 0) *flags[static_cast<size_t>(roll(flags.size()))] = true;
      scheduler.take_cancelled();
      const int64_t fed = run_step(scheduler, nullptr, page_size);
      ASSERT_TRUE(fed > 0 || scheduler.idle()) << "stuck, seed " << seed;
      if (total == 40 && scheduler.idle()) break;
    }
    EXPECT_TRUE(scheduler.idle()) << "seed " << seed;
    EXPECT_EQ(scheduler.pages_used(), 0) << "seed " << seed;
  }
}

TEST(Scheduler, OnlyPagesThatAreFullAreReadByOthers) {
  Scheduler scheduler({.max_batch_size = 4, .max_step_tokens = 6, .page_size = 4, .prefix_cache = true}, 100);
  auto first = group_of(20, 2);
  const auto flag = std::make_shared<bool>(false);
  static_cast<TestSequence&>(*first->sequences[0]).cancel_me = flag;
  scheduler.add(std::move(first));
  run_step(scheduler);  // six tokens of it
  scheduler.add(group_of(20, 2));
  StepPlan plan = scheduler.plan();
  EXPECT_EQ(scheduler.cached_tokens(), 4);
  *flag = true;
  scheduler.take_cancelled();
  while (!scheduler.idle()) run_step(scheduler);
  EXPECT_EQ(scheduler.pages_used(), 0);
  EXPECT_EQ(scheduler.pages_cached(), 5);
  scheduler.add(group_of(20, 2));
  EXPECT_EQ(run_step(scheduler), 4) << "the last token is fed, and its page with it";
}

TEST(PageAllocator, GivesEachPageOnceAndTakesItBack) {
  PageAllocator allocator(5);
  {
    auto a = allocator.acquire(3), b = allocator.acquire(2);
    std::set<int32_t> all(a.pages().begin(), a.pages().end());
    all.insert(b.pages().begin(), b.pages().end());
    EXPECT_EQ(all.size(), 5u);
    EXPECT_THROW(allocator.acquire(1), std::logic_error);
    PageLease moved = std::move(a);
    EXPECT_EQ(allocator.used(), 5);
  }
  EXPECT_EQ(allocator.used(), 0);
}

}  // namespace
}  // namespace whorl::serve
