// `latest` is a row of numbered files that only grows: whoever creates the next number has moved it. A reader
// takes the highest. No lock, no file that is ever written twice.
#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/json.h"
#include "store/sealed.h"
#include "store/store_impl.h"

namespace whorl::store {

namespace {
constexpr size_t max_history = 64;
constexpr uint64_t max_pointer_bytes = 1u << 16;

std::string to_sealed(const Pointer& pointer) {
  const base::Json json = {{"generation", pointer.generation},
                           {"version", pointer.version},
                           {"history", pointer.history},
                           {"by_publish", pointer.by_publish}};
  return seal(base::to_sorted_json(json));
}
}  // namespace

Pointer parse_pointer(const std::string& bytes, int64_t generation, const std::string& context) {
  const std::string text = unseal(bytes, context);
  Pointer out;
  try {
    const base::Json json = base::parse_json(text, context);
    out.generation = base::require_int(json, "generation", context);
    out.version = base::require_int(json, "version", context);
    out.by_publish = base::require_bool(json, "by_publish", context);
    for (const base::Json& version : base::require_array(json, "history", context))
      out.history.push_back(version.get<int64_t>());
  } catch (const std::invalid_argument& error) {
    base::failed(error.what());
  }
  if (out.generation != generation) base::failed(context, ": belongs to generation ", out.generation);
  return out;
}

Pointer read_pointer(const Impl& store, const std::string& name, const std::string& operation) {
  // Old generations are collected; one that vanishes under us means that there is a newer one.
  for (int attempt = 0;; ++attempt) {
    const std::vector<int64_t> generations = numbers_in(store, store.pointers(name));
    if (generations.empty()) return {};
    const std::string path = base::join(store.pointers(name), std::to_string(generations.back()));
    try {
      return parse_pointer(base::read_file(*store.fs, path, max_pointer_bytes, operation), generations.back(),
                           "[" + operation + "] " + path);
    } catch (const base::FileError& error) {
      if (error.code() != ENOENT || attempt == 100) throw;
    }
  }
}

Pointer move_pointer(const Impl& store, const std::string& name, const std::string& operation,
                     const std::function<bool(Pointer&)>& next) {
  for (;;) {
    Pointer pointer = read_pointer(store, name, operation);
    const int64_t before = pointer.version;
    const size_t depth = pointer.history.size();
    if (!next(pointer)) return pointer;
    const bool stepped_back = pointer.history.size() < depth;
    if (!stepped_back && before != 0 && pointer.version != 0 && before != pointer.version)
      pointer.history.push_back(before);
    if (pointer.history.size() > max_history) pointer.history.erase(pointer.history.begin());
    ++pointer.generation;
    const std::string path = base::join(store.pointers(name), std::to_string(pointer.generation));
    if (create_durably(store, path, to_sealed(pointer), operation)) return pointer;
  }
}

}  // namespace whorl::store
