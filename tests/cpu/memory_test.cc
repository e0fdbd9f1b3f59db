// Memory of weights and activations: zero, nobody else's, in huge pages, the system's again when given back.
#include "cpu/memory.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

namespace whorl::cpu {
namespace {

struct Block {
  std::shared_ptr<void> memory;
  size_t bytes;
  uint8_t* data() const { return static_cast<uint8_t*>(memory.get()); }
};

// Whether all of `block` is zero; it is `mark` afterwards.
bool was_zero(const Block& block, uint8_t mark) {
  const bool zero = std::all_of(block.data(), block.data() + block.bytes, [](uint8_t x) { return x == 0; });
  std::memset(block.data(), mark, block.bytes);
  return zero;
}

// Sizes of all three kinds, more than a chunk of them, held for a while and given back in another order.
void take_and_give_back(uint64_t seed, std::vector<int>& faults) {
  const size_t sizes[] = {1,       100,     16383,   16384,   16385,    70000,
                          1 << 20, 3 << 20, 5000001, 9 << 20, 16 << 20, (16 << 20) + 1};
  std::vector<std::pair<Block, uint8_t>> held;
  for (uint64_t i = 0; i < 60; ++i) {
    const size_t bytes = sizes[(i * 7 + seed) % std::size(sizes)];
    const auto mark = static_cast<uint8_t>(1 + (i + seed * 60) % 255);
    held.push_back({{allocate_zeroed(bytes), bytes}, mark});
    const Block& block = held.back().first;
    if (reinterpret_cast<uintptr_t>(block.data()) % 64 != 0) faults.push_back(1);
    if (!was_zero(block, mark)) faults.push_back(2);
    if (held.size() < 9) continue;
    const auto out = held.begin() + static_cast<std::ptrdiff_t>((i * 5) % held.size());
    const auto& [leaving, mine] = *out;
    for (size_t at = 0; at < leaving.bytes; ++at)
      if (leaving.data()[at] != mine) {
        faults.push_back(3);
        break;
      }
    held.erase(out);
  }
}

TEST(Memory, IsZeroAndNobodyElses) {
  std::vector<int> faults[3];
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < 3; ++i) threads.emplace_back([&faults, i] { take_and_give_back(i, faults[i]); });
  for (auto& thread : threads) thread.join();
  for (const auto& found : faults)
    EXPECT_EQ(found, std::vector<int>()) << "1: not aligned, 2: not zero, 3: written by somebody else";
}

// Pages of [begin, end) that the system holds.
int64_t resident(const uint8_t* begin, size_t bytes) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t first = (reinterpret_cast<uintptr_t>(begin) + page - 1) / page * page;
  const size_t pages = (reinterpret_cast<uintptr_t>(begin) + bytes - first) / page;
  std::vector<unsigned char> held(pages);
  EXPECT_EQ(mincore(reinterpret_cast<void*>(first), pages * page, held.data()), 0);
  return std::count_if(held.begin(), held.end(), [](unsigned char x) { return x & 1; });
}

TEST(Memory, IsTheSystemsAgainWhileNeighboursStay) {
  constexpr size_t kBytes = (3 << 20) + 1000;  // no whole number of pages
  Block blocks[3];
  for (Block& block : blocks) block = {allocate_zeroed(kBytes), kBytes}, was_zero(block, 7);
  uint8_t* const middle = blocks[1].data();
  EXPECT_GT(resident(middle, blocks[1].bytes), 700);
  blocks[1].memory.reset();
  EXPECT_EQ(resident(middle, kBytes), 0);
  for (const Block* block : {&blocks[0], &blocks[2]})
    EXPECT_TRUE(std::all_of(block->data(), block->data() + block->bytes, [](uint8_t x) { return x == 7; }));
}

// The flags of the mapping that `address` lies in; "" where the system does not say.
std::string flags_of(const void* address) {
  std::ifstream maps("/proc/self/smaps");
  const auto wanted = reinterpret_cast<uintptr_t>(address);
  bool here = false;
  for (std::string line; std::getline(maps, line);) {
    uintptr_t begin = 0, end = 0;
    char dash = 0;
    std::istringstream words(line);
    if (words >> std::hex >> begin >> dash >> end && dash == '-') here = begin <= wanted && wanted < end;
    if (here && line.starts_with("VmFlags:")) return line + " ";
  }
  return "";
}

TEST(Memory, OfAMatrixThatFillsLessThanAHugePageLiesInOne) {
  if (access("/sys/kernel/mm/transparent_hugepage/enabled", F_OK) != 0)
    GTEST_SKIP() << "this system has no huge pages to ask for";
  std::vector<std::shared_ptr<void>> blocks;
  int64_t side_by_side = 0;
  for (int i = 0; i < 8; ++i) {
    blocks.push_back(allocate_zeroed(400000));
    EXPECT_NE(flags_of(blocks.back().get()).find(" hg "), std::string::npos);
    if (i > 0)
      side_by_side += static_cast<char*>(blocks[blocks.size() - 1].get()) -
                          static_cast<char*>(blocks[blocks.size() - 2].get()) ==
                      400000;
  }
  EXPECT_GE(side_by_side, 6) << "one pair may lie in two chunks";
}

}  // namespace
}  // namespace whorl::cpu
