#pragma once
// What one thread asks of the runtime is written down and not queued, until somebody wants more than can be
// written down: then what there is goes first, and the rest is queued as it comes. Nothing is lost, nothing
// is done twice.
#include <vector>

#include "cuda/calls.h"
#include "cuda/workspace.h"

namespace whorl::cuda {

class Recording {
 public:
  // The calling thread's, until its end. What an error leaves behind is not done. `room` is written over.
  Recording(Runtime& runtime, Workspace& workspace, Calls room = {});
  ~Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;
  // The calling thread's on that runtime, or null.
  static Recording* of(const Runtime& runtime);

  bool open() const { return open_; }
  Calls& calls() { return calls_; }
  // All that was written down is queued now, and what follows when it comes. Its lists are sent first.
  void close();
  // No more is written down; lists are sent. Who asks does the calls.
  Calls finish();
  // Somebody wants what cannot be written down.
  void interrupt();
  // That will be so the next time, too, or the device has too little memory.
  bool hopeless() const { return hopeless_; }

  // Memory that an op borrows.
  void* borrow(size_t bytes);
  // Whether it has taken care of it.
  bool release(void* memory);
  // Where the device will find the bytes; null where the caller has to send them. `once`: see ListPlaces.
  const char* list(std::string_view bytes, bool once);

 private:
  Runtime& runtime_;
  Workspace& workspace_;
  Recording* const outer_;  // of the same thread, on another runtime
  Calls calls_;
  struct Borrowed {
    void* memory;
    size_t place;  // in the arena
  };
  std::vector<Borrowed> borrowed_;  // a handful at a time
  std::vector<void*> released_;     // what calls written down may still use
  bool open_ = true, hopeless_;
};

}  // namespace whorl::cuda
