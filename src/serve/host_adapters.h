#pragma once
// Adapters as the store gave them, in the host's memory: one that left AdapterCache comes back without the
// disk, its digests checked once. Between the device's memory and the store.
#include <functional>
#include <list>
#include <mutex>
#include <string>

#include "whorl/adapter.h"

namespace whorl::serve {

class HostAdapters {
 public:
  // `budget` in bytes of Adapter::memory_bytes; one larger than it is passed on and not kept.
  explicit HostAdapters(size_t budget) : budget_(budget) {}

  // The adapter of that digest; `load` is called, outside the lock, where it is not here. Throws what it
  // throws.
  Adapter get(const std::string& digest, const std::function<Adapter()>& load);

  int64_t size() const;
  size_t bytes() const;

 private:
  struct Entry {
    std::string digest;
    Adapter adapter;
  };
  void keep(const std::string& digest, const Adapter& adapter);

  size_t budget_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  // the latest used first; a few hundred at most
  size_t bytes_ = 0;
};

}  // namespace whorl::serve
