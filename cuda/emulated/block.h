#pragma once
// One block of threads, run on the host. Threads run one after another until each waits or ends; then those
// that may go on do. What a device would do with a fault is undefined; here it is an error.
#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <source_location>
#include <string>
#include <vector>

#include "cuda/emulated/fiber.h"

namespace whorl::cuda::emulated {

enum class Meeting : uint8_t { none, warp, block };

struct Extent {
  int blocks_x = 1, blocks_y = 1, threads = 32;
  int64_t shared_bytes = 0;
};

class Block {
 public:
  using Place = std::source_location;

  explicit Block(const Extent& extent);
  // Another grid of blocks of the same size.
  void resize(const Extent& extent) { extent_ = extent; }
  // All threads of block (x, y): `body` is what each runs. `backwards` lets the last thread go first.
  // std::runtime_error says what went wrong, in which thread, at which line.
  void run(int x, int y, bool backwards, const std::function<void()>& body);

  int x() const { return x_; }
  int y() const { return y_; }
  int threads() const { return extent_.threads; }
  int thread() const { return current_; }

  void meet(Meeting meeting, Place place);
  // All 32 threads of a warp come here; then given() is what thread `lane` of them gave, until they next do.
  using Words = std::array<uint32_t, 6>;
  void give(const Words& words, Place place);
  const Words& given(int lane) const;
  void check_lane(int lane) const;
  void check_carved(int64_t bytes) const;
  // The element at `offset`, which is the i-th of `size` in its piece of shared memory.
  void* touch(int64_t offset, int64_t i, int64_t size, size_t width, bool write);

 private:
  struct Thread {
    std::unique_ptr<Fiber> fiber;
    Meeting waits = Meeting::none;
    Place place;
    Words slots[2] = {};
    unsigned exchanges = 0;
  };
  // When an element was last written and read: the epoch of the block (meetings of all threads) and of the
  // warp of who did it.
  struct Touched {
    int block = -1, warp = -1;
    int thread = -1;    // -1: several
    int its_warp = -1;  // -1: several
  };
  struct Shadow {
    Touched write, read;
    bool written = false;
  };
  bool before(const Touched& other) const;
  bool release_warps();
  void release_block();
  [[noreturn]] void fail(const std::string& what) const;

  Extent extent_;
  std::vector<Thread> threads_;
  std::vector<unsigned char> shared_;
  std::vector<Shadow> shadow_;
  std::vector<int> warp_epochs_;
  int x_ = 0, y_ = 0, current_ = 0, epoch_ = 0;
  std::string error_;
};

}  // namespace whorl::cuda::emulated
