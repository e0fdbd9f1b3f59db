#pragma once
// Several processes that compute one thing together. Each is a rank, 0 .. size - 1; all make the same calls
// in the same order.
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ranks/environment.h"
#include "tensor/tensor.h"

namespace whorl::ranks {

// Calls are collective: they return when all ranks have made them. Not for several threads at once.
// Errors: std::runtime_error that names the rank at fault ("rank 2 of 4 closed the connection ..."), on every
// rank; no call can be made after it.
class Communicator {
 public:
  virtual ~Communicator() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;

  // x: float32, contiguous, host memory. It becomes ((x0 + x1) + x2) + ..., the same bits on all ranks.
  virtual void all_reduce_sum(const Tensor& x) = 0;
  // What every rank gave, by rank; together at most 64 MB.
  virtual std::vector<std::string> all_gather(std::string_view mine) = 0;
  // Rank 0's bytes, to all. `size` is the same everywhere.
  virtual void broadcast(void* data, size_t size) = 0;
  void barrier() { all_gather({}); }
  // A call whose work is done elsewhere, as a device's own sum: returns when `done` says so, which is asked
  // again and again. What it throws is this rank's error, unless a rank that is lost explains it. Another
  // call has to follow before a rank leaves: one that is gone meanwhile counts as lost.
  virtual void watch(std::string_view what, const std::function<bool()>& done) = 0;

  // Tells the others that this rank gives up, so that they do too. Nothing where an error did that before.
  virtual void fail(std::string_view why) noexcept = 0;
};

// Meets the other ranks over TCP: rank 0 listens at the place's address, the others connect. Returns when
// this rank's connections stand; null for a run of one rank, which needs none. `context` opens messages.
std::unique_ptr<Communicator> join(const Place& place, const std::string& context);

}  // namespace whorl::ranks
