#pragma once
// Work that comes again (ops::Backend::repeated): written down first, and sent as one graph once it was asked
// for twice. What may change from time to time: every argument. A graph is launched as it is where all calls
// are the same as those it was made of, byte by byte, so that nothing it points to can be stale; it is
// brought up to date where arguments differ, and where calls do they are queued one by one and captured next
// time.
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <vector>

#include "cuda/recording.h"
#include "cuda/runtime.h"

namespace whorl::cuda {

// Unless WHORL_CUDA_GRAPHS is off. std::invalid_argument where it is anything else.
bool graphs_wanted();

class Repeats {
 public:
  explicit Repeats(std::shared_ptr<Runtime> runtime) : runtime_(std::move(runtime)) {}

  // From any thread; several at once have a workspace each, and those with the same key do not see each
  // other.
  void run(uint64_t key, const std::function<void()>& body);

  static constexpr size_t kKept = 32;  // keys, those used last

 private:
  struct Entry {
    uint64_t key = 0;
    Calls calls, spare;                  // of the last time; memory for the next
    std::unique_ptr<Graph> graph;        // of these
    bool hopeless = false;               // cannot be written down or captured
    std::shared_ptr<Workspace> working;  // where they were written down
  };
  using Entries = std::list<Entry>;
  Entries take(uint64_t key);  // one; nobody else has it meanwhile
  void give_back(Entries one);
  void record(Entry& entry, const std::function<void()>& body);
  void send(Entry& entry, Calls calls);

  std::shared_ptr<Runtime> runtime_;
  std::mutex mutex_;
  Entries entries_;  // those used last come first
  std::vector<std::shared_ptr<Workspace>> free_;
};

}  // namespace whorl::cuda
