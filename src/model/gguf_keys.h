#pragma once
// The keys of a GGUF file, by name and kind.
#include <map>
#include <string>
#include <variant>

#include "base/check.h"
#include "tensor/gguf.h"

namespace whorl::model {

struct GgufKeys {
  const std::map<std::string, tensor::GgufValue>& metadata;
  std::string context;  // opens every message

  // Null where the file has no such key; std::invalid_argument where it is of another kind.
  template <class T>
  const T* find(const std::string& key) const {
    const auto found = metadata.find(key);
    if (found == metadata.end()) return nullptr;
    const auto* value = std::get_if<T>(&found->second);
    if (!value) base::invalid(context, ": key '", key, "' is not of the expected kind");
    return value;
  }
  template <class T>
  const T& need(const std::string& key) const {
    const T* value = find<T>(key);
    if (!value) base::invalid(context, ": expected the key '", key, "'");
    return *value;
  }
  template <class T>
  T get(const std::string& key, T fallback) const {
    const T* value = find<T>(key);
    return value ? *value : fallback;
  }
};

}  // namespace whorl::model
