// A product cut into tasks: every panel once, and threads that end together.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "cpu/linear_parts.h"

namespace whorl::cpu {
namespace {

void expect_every_panel_once(const Cut& cut) {
  ASSERT_EQ(cut.panel(0), 0);
  for (int64_t task = 0; task < cut.tasks(); ++task) {
    EXPECT_LE(cut.panel(task), cut.panel_end(task)) << "task " << task;
    if (task + 1 == cut.tasks()) break;
    EXPECT_EQ(cut.panel_end(task), cut.panel(task + 1)) << "task " << task;
  }
  EXPECT_EQ(cut.panel_end(cut.tasks() - 1), cut.panels);
}

TEST(Cut, ABlockOfRowsIsCutWhole) {
  for (const int64_t rows : {1, 16, 192})
    for (const int64_t columns : {1, 16, 896, 4864})
      for (const int threads : {1, 2, 8}) expect_every_panel_once(Cut(rows, 896, columns, threads));
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
