#include "serve/cache_size.h"

#include <algorithm>

#include "base/check.h"
#include "base/log.h"
#include "ops/device.h"
#include "serve/sequence.h"

namespace whorl::serve {

namespace {
constexpr int64_t kMostPages = int64_t{1} << 30;
constexpr size_t kUnknown = size_t{512} << 20;     // where nobody can tell what is free
constexpr size_t kLeastOnHost = size_t{64} << 20;  // other things may give way to it
// Of adapters that steps are foreseen for: one of a higher rank takes somewhat more.
constexpr int64_t kRank = 256;

// Every decoding sequence has one row, prompts share max_step_tokens, and likelihoods want logits of all.
model::StepLimits limits_of(const EngineOptions& options, int64_t positions) {
  model::StepLimits limits;
  limits.rows = limits.logits = options.max_batch_size + options.max_step_tokens;
  limits.sequences = options.max_batch_size;
  limits.positions = positions, limits.page_size = options.page_size;
  limits.rank = kRank;
  return limits;
}

// What a smaller cache elsewhere would change.
std::string held_by_others(const std::optional<ops::MemoryNow>& now) {
  if (!now || now->paged == 0) return "";
  return base::concat("; caches of inference engines in this process hold ", now->paged,
                      " and their steps will want ", now->expected,
                      ", and an engine made with a smaller kv_cache_bytes leaves more");
}

struct Sizing {
  const model::Transformer& transformer;
  const EngineOptions& options;
  int64_t context = transformer.config().max_position_embeddings;
  size_t page = std::max<size_t>(1, transformer.kv_bytes_per_page(options.page_size));
  int64_t useful = std::min(options.max_batch_size * pages_for(context, options.page_size), kMostPages);

  // Pages within so many bytes, and why no more.
  CacheSize within(size_t bytes, std::string reason, const model::StepMemory& memory) const {
    CacheSize out;
    const auto affordable = static_cast<int64_t>(bytes / page);
    out.pages = std::min(affordable, useful), out.page_bytes = page;
    out.reason = affordable < useful
                     ? std::move(reason)
                     : base::concat("all that ", options.max_batch_size, " sequences (max_batch_size) of ",
                                    context, " tokens can use");
    out.step_bytes = memory.steps, out.free_bytes = memory.now ? memory.now->free : 0;
    return out;
  }

  CacheSize given(size_t bytes) const {
    base::check_argument(bytes >= page, "[InferenceEngine] expected kv_cache_bytes of at least one page (",
                         page, "), got ", bytes);
    return within(bytes, "kv_cache_bytes", transformer.step_memory(limits_of(options, context)));
  }

  // Pages take room as they are filled, and whoever else needs memory finds the rest: ranks of one machine,
  // a trainer.
  CacheSize on_host(const model::StepMemory& memory) const {
    const size_t free = memory.now->free, spare = free > memory.steps ? free - memory.steps : 0;
    const size_t bytes = std::max(spare / 4 / static_cast<size_t>(memory.ranks), kLeastOnHost);
    std::string reason = base::concat("a quarter of what ", free, " available bytes leave beside ",
                                      memory.steps, " for steps");
    if (memory.ranks > 1) reason += base::concat(", shared by ", memory.ranks, " ranks");
    return within(std::max(bytes, page), std::move(reason), memory);
  }

  // A tenth is left to what nobody foresees: graphs, kernels that are loaded late, gaps between allocations.
  CacheSize on_device(const model::StepMemory& memory) const {
    const size_t free = memory.now->free, spare = free > memory.steps ? free - memory.steps : 0;
    const size_t adapters = std::min(options.adapter_cache_bytes, spare / 4);
    return within((spare - adapters) / 10 * 9,
                  base::concat("nine tenths of what ", free, " free bytes leave beside ", memory.steps,
                               " for steps and ", adapters, " for adapters"),
                  memory);
  }

  // What steps work in grows with the longest sequence, and that is no longer than the cache: where all of a
  // context does not fit, shorter sequences leave more room for the cache.
  CacheSize that_fits(const model::StepMemory& whole) const {
    CacheSize best;
    model::StepMemory memory = whole;
    for (int64_t positions = context;; positions = (positions + 1) / 2) {
      if (positions < context) memory = transformer.step_memory(limits_of(options, positions));
      CacheSize one = on_device(memory);
      const bool enough = one.pages >= std::min(useful, pages_for(positions, options.page_size));
      if (positions < context) one.pages = std::min(one.pages, pages_for(positions, options.page_size));
      if (one.pages > best.pages) best = std::move(one);
      if (enough || positions <= options.page_size) break;
    }
    if (best.pages == 0) refuse(memory);
    return best;
  }

  [[noreturn]] void refuse(const model::StepMemory& memory) const {
    throw ops::DeviceMemoryError(base::concat(
        "[InferenceEngine] ", transformer.backend().name(), " has too little memory: expected ",
        memory.steps + 2 * page, " free bytes (", memory.steps, " for steps with max_step_tokens ",
        options.max_step_tokens, " and max_batch_size ", options.max_batch_size, ", smaller ones need less; ",
        page, " for a page of the cache), got ", memory.now->free, held_by_others(memory.now)));
  }

  CacheSize chosen() const {
    if (options.kv_cache_bytes) return given(*options.kv_cache_bytes);
    const model::StepMemory memory = transformer.step_memory(limits_of(options, context));
    if (!memory.now)
      return within(std::max(kUnknown, page), "512 MiB, as nobody can tell what is free", memory);
    return transformer.backend().on_host() ? on_host(memory) : that_fits(memory);
  }
};
}  // namespace

CacheSize cache_size(const model::Transformer& transformer, const EngineOptions& options) {
  CacheSize out = Sizing{transformer, options}.chosen();
  base::log(base::LogLevel::info, "[InferenceEngine] the paged cache takes ", out.bytes(), " bytes for ",
            out.pages * options.page_size, " tokens: ", out.reason);
  return out;
}

model::KvCache make_cache(const model::Transformer& transformer, const CacheSize& size, int64_t page_size) {
  try {
    return transformer.make_kv_cache(size.pages, page_size);
  } catch (const ops::DeviceMemoryError&) {
    const auto now = transformer.backend().memory_now();
    throw ops::DeviceMemoryError(base::concat(
        "[InferenceEngine] ", transformer.backend().name(), " has too little memory: expected ", size.bytes(),
        " free bytes for the paged cache (", size.reason, "), got ", size.free_bytes, held_by_others(now)));
  }
}

}  // namespace whorl::serve
