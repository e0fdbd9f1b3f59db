#include "cuda/recording.h"

#include <algorithm>
#include <utility>

namespace whorl::cuda {

namespace {
thread_local Recording* current = nullptr;
}

Recording::Recording(Runtime& runtime, Workspace& workspace, Calls room)
    : runtime_(runtime), workspace_(workspace), outer_(current), calls_(std::move(room)) {
  calls_.clear();
  hopeless_ = !workspace_.begin();
  current = this;
}

Recording::~Recording() {
  open_ = false;
  current = outer_;
  for (void* const memory : released_) runtime_.release(memory);
}

Recording* Recording::of(const Runtime& runtime) {
  Recording* one = current;
  while (one && &one->runtime_ != &runtime) one = one->outer_;
  return one;
}

Calls Recording::finish() {
  open_ = false;
  workspace_.lists.send();
  return std::exchange(calls_, {});
}

void Recording::close() {
  if (open_) finish().perform(runtime_);
}

void Recording::interrupt() {
  hopeless_ = hopeless_ || open_;
  close();
}

// A piece without a place of its own is asked for from CUDA, as without a recording.
void* Recording::borrow(size_t bytes) {
  const size_t place = workspace_.arena.take(bytes);
  char* const memory = workspace_.arena.at(place);
  if (!memory) close();
  void* const given = memory ? memory : runtime_.allocate(bytes);
  borrowed_.push_back({given, place});
  return given;
}

bool Recording::release(void* memory) {
  const auto found = std::find_if(borrowed_.begin(), borrowed_.end(),
                                  [memory](const Borrowed& b) { return b.memory == memory; });
  if (found != borrowed_.end()) {
    const bool in_arena = workspace_.arena.at(found->place) == memory;
    workspace_.arena.give_back(found->place);
    borrowed_.erase(found);
    if (in_arena) return true;
  }
  if (!open_) return false;
  released_.push_back(memory);
  return true;
}

const char* Recording::list(std::string_view bytes, bool once) {
  const char* const place = workspace_.lists.put(bytes, once);
  if (!place) close();
  return open_ ? place : nullptr;
}

}  // namespace whorl::cuda
