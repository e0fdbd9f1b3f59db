#pragma once
// Adapters in the backend's layout, by the digest of their content: two names of one adapter share its bytes,
// and a name that changes its content can never be served stale.
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "model/transformer.h"
#include "whorl/adapter.h"

namespace whorl::serve {

class AdapterCache {
 public:
  AdapterCache(std::shared_ptr<const model::Transformer> transformer, size_t budget);

  // The packed adapter; `load` is called, outside the lock and once for all who ask at the same time, when it
  // is not there. Throws what `load` throws, and std::invalid_argument when the adapter does not bind whole
  // or is larger than the budget; nothing is kept then, and the next call tries again.
  std::shared_ptr<const model::DeviceAdapter> get(const std::string& digest,
                                                  const std::function<Adapter()>& load);
  // Forgets it; the bytes go with the last request that uses it.
  void drop(const std::string& digest);

  int64_t size() const;
  size_t bytes() const;

 private:
  struct Entry {
    std::shared_ptr<const model::DeviceAdapter> adapter;
    uint64_t used = 0;  // when it was last asked for
  };
  std::shared_ptr<const model::DeviceAdapter> prepare(const Adapter& adapter) const;
  void make_room(size_t needed);

  std::shared_ptr<const model::Transformer> transformer_;
  size_t budget_;
  mutable std::mutex mutex_;
  std::condition_variable loaded_;
  std::map<std::string, Entry> entries_;
  std::set<std::string> loading_;
  size_t bytes_ = 0;
  uint64_t clock_ = 0;
};

}  // namespace whorl::serve
