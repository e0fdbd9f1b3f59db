#include "serve/adapter_directory.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/check.h"
#include "base/file.h"
#include "base/json.h"

namespace whorl::serve {

AdapterDirectory::AdapterDirectory(std::shared_ptr<const model::Transformer> transformer,
                                   const AdapterStore* store, size_t cache_bytes, size_t host_cache_bytes)
    : cache_(std::move(transformer), cache_bytes), host_(host_cache_bytes) {
  if (store) store_.emplace(*store);
}

std::optional<Adapter> AdapterDirectory::local(const std::string& name) const {
  std::lock_guard lock(mutex_);
  const auto found = local_.find(name);
  if (found == local_.end()) return {};
  return found->second;
}

AdapterDirectory::Found AdapterDirectory::resolve(const std::string& name) {
  if (name.empty()) return {};
  if (const auto adapter = local(name))
    return {cache_.get(adapter->digest(), [&] { return *adapter; }), name, adapter->digest()};
  base::check_argument(store_.has_value(), "[InferenceEngine.submit] unknown adapter '",
                       base::printable(name), "'", base::did_you_mean(name, names()));
  const AdapterVersion version = store_->resolve(name);
  auto load = [&] {
    return host_.get(version.digest, [&] { return store_->get(version.name, version.version); });
  };
  return {cache_.get(version.digest, load), version.name + "@" + std::to_string(version.version),
          version.digest};
}

void AdapterDirectory::add(const std::string& name, const Adapter& adapter) {
  base::check_name(name, "[InferenceEngine.add_adapter]");
  cache_.get(adapter.digest(), [&] { return adapter; });
  std::lock_guard lock(mutex_);
  const auto old = local_.find(name);
  const std::string before = old == local_.end() ? "" : old->second.digest();
  local_[name] = adapter;
  if (!before.empty()) drop_unless_named(before);
}

void AdapterDirectory::remove(const std::string& name) {
  std::lock_guard lock(mutex_);
  const auto found = local_.find(name);
  base::check_argument(found != local_.end(), "[InferenceEngine.remove_adapter] unknown adapter '",
                       base::printable(name), "'");
  const std::string digest = found->second.digest();
  local_.erase(found);
  drop_unless_named(digest);
}

void AdapterDirectory::drop_unless_named(const std::string& digest) {
  const bool named =
      std::any_of(local_.begin(), local_.end(), [&](const auto& e) { return e.second.digest() == digest; });
  if (!named) cache_.drop(digest);
}

std::vector<std::string> AdapterDirectory::names() const {
  std::set<std::string> out;
  if (store_)
    for (auto& name : store_->list()) out.insert(std::move(name));
  std::lock_guard lock(mutex_);
  for (const auto& [name, adapter] : local_) out.insert(name);
  return {out.begin(), out.end()};
}

}  // namespace whorl::serve
