#pragma once
// How large the paged cache of an engine is: what was asked for, or what follows from the memory that is
// free.
#include <string>

#include "model/transformer.h"
#include "whorl/inference_engine.h"

namespace whorl::serve {

struct CacheSize {
  int64_t pages = 0;
  size_t page_bytes = 0;
  std::string reason;                     // what decided
  size_t step_bytes = 0, free_bytes = 0;  // EngineStats'
  size_t bytes() const { return static_cast<size_t>(pages) * page_bytes; }
};

// No more than max_batch_size sequences of full length could use. std::invalid_argument where kv_cache_bytes
// is less than a page; ops::DeviceMemoryError where a device has too little for any engine with these
// options.
CacheSize cache_size(const model::Transformer& transformer, const EngineOptions& options);

// ops::DeviceMemoryError says what was needed and what was free.
model::KvCache make_cache(const model::Transformer& transformer, const CacheSize& size, int64_t page_size);

}  // namespace whorl::serve
