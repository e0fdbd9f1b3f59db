#pragma once
// A device, kernels of a few lines, and what was counted: for tests of what is written down and captured.
#include <gtest/gtest.h>

#include "cuda/emulated/graph.h"
#include "cuda/lists.h"
#include "cuda/repeats.h"
#include "target/launch.h"

extern "C" int64_t whorl_emulated_waits();
extern "C" int64_t whorl_emulated_uploads();

namespace whorl::cuda::testing {

inline constexpr int kSize = 32;
inline constexpr int64_t kBytes = kSize * 4;

// to = from + list + x. Seven bytes of it are nobody's.
struct AddList {
  static constexpr int kThreads = kSize;
  Global<const int> from, list;
  Global<int> to;
  bool nothing = false;
  int x = 0;
  void operator()(Grid& grid) const { to[grid.thread()] = from[grid.thread()] + list[grid.thread()] + x; }
};
struct Double {
  static constexpr int kThreads = kSize;
  Global<int> to;
  void operator()(Grid& grid) const { to[grid.thread()] = 2 * to[grid.thread()]; }
};

// What was counted since it was made.
struct Since {
  emulated::Counts before = emulated::counts();
  int64_t uploads_before = whorl_emulated_uploads(), waits_before = whorl_emulated_waits();
  int64_t uploads() const { return whorl_emulated_uploads() - uploads_before; }
  int64_t waits() const { return whorl_emulated_waits() - waits_before; }
  int64_t of(int64_t emulated::Counts::*what) const { return emulated::counts().*what - before.*what; }
  int64_t launches() const { return of(&emulated::Counts::launches); }
  int64_t graphs() const { return of(&emulated::Counts::graph_launches); }
  int64_t captures() const { return of(&emulated::Counts::captures); }
  int64_t updates() const { return of(&emulated::Counts::updates); }
  int64_t made() const { return of(&emulated::Counts::instantiations); }
};

struct Device {
  std::shared_ptr<Runtime> runtime = Runtime::open(0, "");
  Repeats repeats{runtime};
  Lists lists{runtime};
  Scratch in{*runtime, kBytes}, out{*runtime, kBytes};

  Device() {
    runtime->zero(in.get<void>(), {1, kBytes, kBytes});
    runtime->zero(out.get<void>(), {1, kBytes, kBytes});
  }
  void add(const int* from, const std::vector<int>& list, int* to, int x = 0) {
    AddList kernel;
    const Sent sent = Sent::of(lists, list);
    kernel.from = Global<const int>(from), kernel.list = Global<const int>(sent.at<int>());
    kernel.to = Global<int>(to), kernel.x = x;
    launch(*runtime, {1, 1, 0}, kernel);
  }
  // out = in + 2 * first + x through borrowed memory: two launches, one list and one copy.
  void body(int first, int x = 0) {
    const std::vector<int> list(kSize, first);
    const Scratch borrowed(*runtime, kBytes);
    add(in.get<int>(), list, borrowed.get<int>());
    add(borrowed.get<int>(), list, borrowed.get<int>(), x);
    runtime->copy(out.get<void>(), kBytes, borrowed.get<void>(), {1, kBytes, kBytes});
  }
  void twice_body(int first) {
    body(first);
    launch(*runtime, {1, 1, 0}, Double{Global<int>(out.get<int>())});
  }
  int result() {
    int got[kSize];
    runtime->to_host(got, kBytes, out.get<void>(), {1, kBytes, kBytes});
    for (const int x : got) EXPECT_EQ(x, got[0]);
    return got[0];
  }
  int repeated(uint64_t key, int first, int x = 0) {
    repeats.run(key, [&] { body(first, x); });
    return result();
  }
};

}  // namespace whorl::cuda::testing
