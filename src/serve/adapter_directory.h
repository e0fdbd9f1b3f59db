#pragma once
// From the name in a request to an adapter ready to compute: names given to the engine first, then the store.
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "serve/adapter_cache.h"
#include "serve/host_adapters.h"
#include "whorl/adapter_store.h"

namespace whorl::serve {

class AdapterDirectory {
 public:
  struct Found {
    std::shared_ptr<const model::DeviceAdapter> adapter;  // null = the base
    std::string name, digest;
  };

  AdapterDirectory(std::shared_ptr<const model::Transformer> transformer, const AdapterStore* store,
                   size_t cache_bytes, size_t host_cache_bytes);

  // "" is the base. The store is asked each time, so what it answers now is what the request gets.
  Found resolve(const std::string& name);
  void add(const std::string& name,
           const Adapter& adapter);  // packs it, so that what does not bind is refused here
  void remove(const std::string& name);
  std::vector<std::string> names() const;
  const AdapterCache& cache() const { return cache_; }
  const HostAdapters& host() const { return host_; }

 private:
  std::optional<Adapter> local(const std::string& name) const;
  void drop_unless_named(const std::string& digest);  // the lock is held

  std::optional<AdapterStore> store_;
  AdapterCache cache_;
  HostAdapters host_;
  mutable std::mutex mutex_;
  std::map<std::string, Adapter> local_;
};

}  // namespace whorl::serve
