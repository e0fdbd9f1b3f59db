#include "cuda/emulated/block.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace whorl::cuda::emulated {

namespace {
constexpr int kWarp = 32;

std::string line_of(const std::source_location& place) {
  const std::string file = place.file_name();
  return file.substr(file.rfind('/') + 1) + ":" + std::to_string(place.line());
}
bool same(const std::source_location& a, const std::source_location& b) {
  return a.line() == b.line() && a.column() == b.column() && std::string(a.file_name()) == b.file_name();
}
}  // namespace

Block::Block(const Extent& extent)
    : extent_(extent),
      threads_(static_cast<size_t>(extent.threads)),
      shared_(static_cast<size_t>(extent.shared_bytes)),
      shadow_(static_cast<size_t>(extent.shared_bytes)),
      warp_epochs_(static_cast<size_t>(extent.threads / kWarp)) {
  base::check_argument(extent.threads > 0 && extent.threads % kWarp == 0 && extent.threads <= 1024,
                       "[emulation] expected whole warps, at most 1024 threads, got ", extent.threads);
  base::check_argument(extent.shared_bytes <= 48 << 10,
                       "[emulation] expected at most 48 KiB of shared memory, got ", extent.shared_bytes);
  for (Thread& thread : threads_) thread.fiber = std::make_unique<Fiber>();
}

void Block::run(int x, int y, bool backwards, const std::function<void()>& body) {
  x_ = x, y_ = y;
  std::fill(shadow_.begin(), shadow_.end(), Shadow());
  std::fill(shared_.begin(), shared_.end(), static_cast<unsigned char>(0xff));
  const std::function<void()> guarded = [&] {
    try {
      body();
    } catch (const std::exception& error) {
      if (error_.empty()) error_ = error.what();
    }
  };
  for (Thread& thread : threads_) thread.waits = Meeting::none, thread.exchanges = 0;
  bool first = true;
  for (;;) {
    const int n = threads();
    for (int i = 0; i < n && error_.empty(); ++i) {
      current_ = backwards ? n - 1 - i : i;
      Thread& thread = threads_[static_cast<size_t>(current_)];
      if (first)
        thread.fiber->start(guarded);
      else if (!thread.fiber->done() && thread.waits == Meeting::none)
        thread.fiber->resume();
    }
    first = false;
    if (!error_.empty()) break;
    if (std::all_of(threads_.begin(), threads_.end(), [](const Thread& t) { return t.fiber->done(); }))
      return;
    if (!release_warps()) release_block();
    if (!error_.empty()) break;
  }
  // Threads that wait are given up with their stacks.
  for (Thread& thread : threads_)
    if (!thread.fiber->done()) thread.fiber = std::make_unique<Fiber>();
  const std::string error = std::exchange(error_, {});
  base::failed("[emulation] block (", x_, ", ", y_, "): ", error);
}

// Every warp whose threads all wait for each other at one place goes on.
bool Block::release_warps() {
  bool any = false;
  for (int first = 0; first < threads() && error_.empty(); first += kWarp) {
    const auto begin = threads_.begin() + first, end = begin + kWarp;
    const auto waits = [](const Thread& t) { return t.waits == Meeting::warp; };
    if (std::none_of(begin, end, waits)) continue;
    const auto apart = std::find_if(begin, end, [&](const Thread& t) {
      return !waits(t) || !same(t.place, std::find_if(begin, end, waits)->place);
    });
    if (apart != end) {
      error_ = "the threads of a warp do not meet: thread " + std::to_string(apart - threads_.begin()) +
               (apart->fiber->done() ? " has ended" : " waits at " + line_of(apart->place)) + ", others at " +
               line_of(std::find_if(begin, end, waits)->place);
      return true;
    }
    for (auto t = begin; t != end; ++t) t->waits = Meeting::none;
    ++warp_epochs_[static_cast<size_t>(first / kWarp)];
    any = true;
  }
  return any;
}

void Block::release_block() {
  const Thread* const first =
      &*std::find_if(threads_.begin(), threads_.end(), [](const Thread& t) { return !t.fiber->done(); });
  for (size_t i = 0; i < threads_.size(); ++i) {
    const Thread& t = threads_[i];
    if (!t.fiber->done() && same(t.place, first->place)) continue;
    error_ = "the threads of a block do not meet: thread " + std::to_string(i) +
             (t.fiber->done() ? " has ended" : " waits at " + line_of(t.place)) + ", others at " +
             line_of(first->place);
    return;
  }
  for (Thread& t : threads_) t.waits = Meeting::none;
  ++epoch_;
  for (int& epoch : warp_epochs_) ++epoch;
}

void Block::meet(Meeting meeting, Place place) {
  Thread& thread = threads_[static_cast<size_t>(current_)];
  thread.waits = meeting, thread.place = place;
  thread.fiber->pause();
}

// Two slots in turn: a quick thread may give its next words before a slow one has taken the last.
void Block::give(const Words& words, Place place) {
  Thread& thread = threads_[static_cast<size_t>(current_)];
  thread.slots[thread.exchanges++ % 2] = words;
  meet(Meeting::warp, place);
}

const Block::Words& Block::given(int lane) const {
  const int first = current_ / kWarp * kWarp;
  const unsigned slot = (threads_[static_cast<size_t>(current_)].exchanges - 1) % 2;
  return threads_[static_cast<size_t>(first + lane)].slots[slot];
}

void Block::check_lane(int lane) const {
  if (lane < 0 || lane >= kWarp) fail("a shuffle from lane " + std::to_string(lane));
}

void Block::check_carved(int64_t bytes) const {
  if (bytes > extent_.shared_bytes)
    fail("asks for " + std::to_string(bytes) + " bytes of shared memory, launched with " +
         std::to_string(extent_.shared_bytes));
}

// Whether what happened to an element is over for the thread that runs: it was the thread's own, or they have
// met since.
bool Block::before(const Touched& other) const {
  const int warp = current_ / kWarp;
  return other.block < epoch_ || other.thread == current_ ||
         (other.its_warp == warp && other.warp < warp_epochs_[static_cast<size_t>(warp)]);
}

void* Block::touch(int64_t offset, int64_t i, int64_t size, size_t width, bool write) {
  if (i < 0 || i >= size || offset + static_cast<int64_t>(width) > extent_.shared_bytes)
    fail("element " + std::to_string(i) + " of shared memory of " + std::to_string(size));
  Shadow& shadow = shadow_[static_cast<size_t>(offset)];
  const std::string_view what = write ? "written" : "read";
  if (!write && !shadow.written)
    fail("shared memory is read before it was written, element " + std::to_string(i));
  if (shadow.written && !before(shadow.write))
    fail("element " + std::to_string(i) + " of shared memory is " + std::string(what) + " while thread " +
         std::to_string(shadow.write.thread) + " writes it: a sync is missing");
  const int warp = current_ / kWarp;
  const Touched now{epoch_, warp_epochs_[static_cast<size_t>(warp)], current_, warp};
  if (write) {
    if (shadow.read.block >= 0 && !before(shadow.read))
      fail("element " + std::to_string(i) +
           " of shared memory is written while another thread reads it: a sync "
           "is missing");
    shadow.write = now, shadow.written = true;
  } else if (before(shadow.read)) {
    shadow.read = now;
  } else {
    if (shadow.read.thread != current_) shadow.read.thread = -1;
    if (shadow.read.its_warp != warp) shadow.read.its_warp = -1;
    shadow.read.warp = now.warp;
  }
  return shared_.data() + offset;
}

void Block::fail(const std::string& what) const { base::failed("thread ", current_, ": ", what); }

}  // namespace whorl::cuda::emulated
