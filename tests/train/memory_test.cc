// The predicted memory against what the process really takes.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "train/harness.h"
#include "train/train_plan.h"

namespace whorl {
namespace {

using namespace testing;  // whorl::testing

double status_bytes(const std::string& field) {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);)
    if (line.rfind(field + ":", 0) == 0) return std::stod(line.substr(field.size() + 1)) * 1024;
  return 0;
}

// In a process of its own, so that what other tests took and gave back does not count.
TEST(Memory, ThePlanForeseesThePeak) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "a sanitizer's own memory would be measured";
#endif
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  if (::fork() == 0) {
    ModelConfig c;
    c.vocab_size = 512;
    c.hidden_size = 256;
    c.intermediate_size = 768;
    c.num_hidden_layers = 6;
    c.num_attention_heads = 8;
    c.num_key_value_heads = 4;
    const Model base = Model::create(c, 1, {}, {.threads = 1});
    TrainedOptions o{.rows = random_rows(40, 1, 200, 512)};
    o.train.max_steps = 2;
    o.train.batch_size = 4;
    o.train.max_length = 512;
    o.adapters.resize(2);
    o.adapters[1].name = "b";
    const double before = status_bytes("VmRSS");
    const double predicted = static_cast<double>(
        train::make_plan(*base.impl()->transformer, prepare(base, o).learners, rows_of(o.rows), o.train)
            .memory_bytes);
    fit(base, o);
    const double ratio = (status_bytes("VmHWM") - before) / predicted;
    [[maybe_unused]] const auto written = ::write(pipe_ends[1], &ratio, sizeof ratio);
    ::_exit(0);
  }
  double ratio = 0;
  ASSERT_EQ(::read(pipe_ends[0], &ratio, sizeof ratio), static_cast<ssize_t>(sizeof ratio));
  ::wait(nullptr);
  RecordProperty("measured_over_predicted", std::to_string(ratio));
  EXPECT_GT(ratio, 0.75);
  EXPECT_LT(ratio, 1.25);
}

}  // namespace
}  // namespace whorl
