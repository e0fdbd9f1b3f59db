// A product cut into tasks: every panel once, and threads that end together.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "cpu/linear_parts.h"

namespace whorl::cpu {
namespace {

struct Case {
  int64_t k, columns;
  int threads;
  int64_t at_once;
};
void PrintTo(const Case& t, std::ostream* to) {
  *to << t.k << " to " << t.columns << ", " << t.threads << " threads, " << t.at_once << " at once";
}

void expect_every_panel_once(const Cut& cut, int64_t at_once) {
  ASSERT_EQ(cut.panel(0), 0);
  for (int64_t task = 0; task < cut.tasks(); ++task) {
    EXPECT_LE(cut.panel(task), cut.panel_end(task)) << "task " << task;
    if (task + 1 == cut.tasks()) break;
    EXPECT_EQ(cut.panel_end(task), cut.panel(task + 1)) << "task " << task;
    EXPECT_EQ(cut.panel_end(task) % at_once, 0) << "task " << task;
  }
  EXPECT_EQ(cut.panel_end(cut.tasks() - 1), cut.panels);
}

class OneRow : public testing::TestWithParam<Case> {
 protected:
  const Case& t = GetParam();
  const Cut cut = Cut::tapered(t.k, t.columns, t.threads, t.at_once);
};

TEST_P(OneRow, EveryPanelIsInOneTask) { expect_every_panel_once(cut, t.at_once); }

// Whoever is free takes the next task, as the pool does.
TEST_P(OneRow, ThreadsEndTogether) {
  if (t.threads == 1) return;
  std::vector<int64_t> busy(static_cast<size_t>(t.threads));
  for (int64_t task = 0; task < cut.tasks(); ++task)
    *std::min_element(busy.begin(), busy.end()) += cut.panel_end(task) - cut.panel(task);
  const int64_t fair = (cut.panels + t.threads - 1) / t.threads, least = (1 << 16) / (kPanel * t.k) + 1;
  const int64_t most = cut.tasks() == 1 ? least * t.threads : fair + 2 * least + t.at_once;
  EXPECT_LE(*std::max_element(busy.begin(), busy.end()), most);
}

// Short enough that a slow thread is not waited for, long enough to be worth it.
TEST_P(OneRow, LastTasksAreShort) {
  if (cut.tasks() == 1) return;
  const int64_t least = std::max<int64_t>(1, (1 << 16) / (kPanel * t.k));
  for (int64_t task = cut.tasks() - t.threads; task < cut.tasks(); ++task) {
    EXPECT_LE(cut.panel_end(task) - cut.panel(task), 2 * least + t.at_once) << "task " << task;
    EXPECT_GE(cut.panel_end(task) - cut.panel(task), least - t.at_once) << "task " << task;
  }
}

// Half of the panels is read in one stretch a thread.
TEST_P(OneRow, AThreadBeginsWithALongTask) {
  if (cut.tasks() == 1) return;  // too short to share
  for (int64_t task = 0; task < t.threads; ++task)
    EXPECT_GE(cut.panel_end(task) - cut.panel(task) + t.at_once, cut.panels / 2 / t.threads);
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const int64_t k : {32, 896, 4864})
    for (const int64_t columns : {1, 16, 17, 128, 896, 4864, 151936})
      for (const int threads : {1, 2, 3, 8})
        for (const int64_t at_once : {1, 4}) all.push_back({k, columns, threads, at_once});
  return all;
}
INSTANTIATE_TEST_SUITE_P(Products, OneRow, testing::ValuesIn(cases()));

TEST(Cut, ABlockOfRowsIsCutWhole) {
  for (const int64_t rows : {1, 16, 192})
    for (const int64_t columns : {1, 16, 896, 4864})
      for (const int threads : {1, 2, 8}) expect_every_panel_once(Cut(rows, 896, columns, threads), 1);
}

// Rows enough to keep a thread busy: threads that take the next task when they are free end together.
TEST(Cut, ThreadsOfABlockOfRowsEndTogether) {
  for (const int64_t rows : {8, 16, 48, 192})
    for (const int64_t columns : {896, 1152, 4864, 151936})
      for (const int threads : {2, 3, 8}) {
        const Cut cut(rows, 896, columns, threads);
        std::vector<int64_t> busy(static_cast<size_t>(threads), 0);
        for (int64_t task = 0; task < cut.tasks(); ++task)
          *std::min_element(busy.begin(), busy.end()) += cut.panel_end(task) - cut.panel(task);
        const int64_t even = (cut.panels + threads - 1) / threads;
        if (cut.tasks() >= threads) {
          EXPECT_LE(*std::max_element(busy.begin(), busy.end()), even + 4)
              << rows << " rows, " << columns << " columns, " << threads << " threads";
        }
      }
}

// Many rows: no thread waits for another's last block, and no row is left out.
TEST(ManyRows, AreAsManyBlocksForEveryThread) {
  for (const int threads : {1, 2, 3, 16})
    for (const int64_t rows : {1, 192, 193, 577, 2048, 4096, 10000}) {
      const Cut cut(rows, 512, 64, threads);
      if (rows > 192 * threads) {
        EXPECT_EQ(cut.row_blocks % threads, 0) << rows << " on " << threads;
      }
      for (int64_t block = 0; block < cut.row_blocks; ++block) {
        const int64_t task = block * cut.panel_groups;
        EXPECT_EQ(cut.row(task), block == 0 ? 0 : cut.row_end(task - 1));
        EXPECT_LE(cut.row_end(task) - cut.row(task), Cut::kRows);
      }
      EXPECT_EQ(cut.row_end(cut.tasks() - 1), rows);
    }
}

}  // namespace
}  // namespace whorl::cpu
