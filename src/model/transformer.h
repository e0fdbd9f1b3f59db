#pragma once
// The transformer, written once over ops::Backend. It does no arithmetic of its own.
// Letters as in ops/backend.h.
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "adapter/lora.h"
#include "ops/backend.h"
#include "whorl/model.h"

namespace whorl::model {

// The adaptable linears of one layer, in the order of their index: layer * kLinearsPerLayer + kind.
enum LinearKind : int { kQuery, kKey, kValue, kOutput, kGate, kUp, kDown, kLinearsPerLayer };

// An adapter in the backend's layout, bound whole to one model. Immutable while an engine uses it; a
// trainer repacks its own after each step.
struct DeviceAdapter {
  std::vector<ops::Lora> linears;  // by linear index; null where the adapter has no pair
  int64_t max_rank = 0;
  size_t nbytes = 0;
  std::string digest;
  // Its number on the other ranks, which let go of it with the last of these; null = there are none.
  std::shared_ptr<const uint64_t> on_ranks = {};
};

// Rows [begin, end) of a batch use this adapter. Ascending, not overlapping; rows in none use the base.
struct AdapterRows {
  int64_t begin = 0, end = 0;
  const DeviceAdapter* adapter = nullptr;
  float dropout = 0;          // training only
  uint64_t dropout_seed = 0;  // each linear derives its own stream from it
  int64_t first_row = 0;      // where these rows begin among those that dropout is drawn for
};

struct Batch {
  std::span<const int32_t> ids;        // N
  std::span<const int32_t> positions;  // N, within each sequence
  std::span<const AdapterRows> adapters = {};
};

// Keys and values of all layers for `pages` pages. Whoever makes it owns it; a Transformer keeps none.
struct KvCache {
  std::vector<ops::PagedCache> layers;
  int64_t pages = 0, page_size = 0;
  std::shared_ptr<const uint64_t> on_ranks = {};  // as that of a DeviceAdapter
};

// What is wanted of the rows of logits that a step is asked for, in their order: of the first ones a token is
// drawn, of the next ones the likelihood of a known token, and all others are wanted whole.
struct LogitsWanted {
  std::span<const ops::Draw> draws = {};
  std::span<const int32_t> targets = {};
  int64_t few() const { return static_cast<int64_t>(draws.size() + targets.size()); }
};

// What came of them, on the host. A transformer may give all rows whole, whatever was wanted; then `drawn`
// and `scores` are empty.
struct StepLogits {
  Tensor all;          // [rows that are whole, V] float32
  Tensor drawn = {};   // [draws, 1] int32, see ops::Backend::draw
  Tensor scores = {};  // [targets, 5] int32, see ops::Backend::score
};

// The largest of the steps that somebody will ask for.
struct StepLimits {
  int64_t rows = 0, sequences = 0, logits = 0;  // rows of logits among them
  int64_t positions = 0, page_size = 1;         // of the longest sequence
  int64_t rank = 0;                             // of the largest adapter
};

// What they take, and what there is: of the rank that has least to spare where several share a model.
struct StepMemory {
  size_t steps = 0;                   // bytes beside weights, caches and adapters
  std::optional<ops::MemoryNow> now;  // nothing: nobody can tell
  int64_t ranks = 1;
};

// That of the rank which has least left of what is free beside its steps.
StepMemory least_to_spare(std::span<const StepMemory> ranks);

struct DecoderWeights;  // model/weights.h

class Transformer {
 public:
  virtual ~Transformer() = default;

  virtual const ModelConfig& config() const = 0;
  virtual ops::Backend& backend() const = 0;
  virtual const std::vector<std::string>& linear_names() const = 0;  // by linear index
  virtual Shape linear_shape(size_t index) const = 0;                // [O, K]

  // Packs an adapter for this model's backend; throws with the binding report when it does not bind whole.
  virtual std::shared_ptr<DeviceAdapter> prepare(const adapter::LoraAdapter& lora) const = 0;

  // ---- inference: const, safe from several threads --------------------------------------------------
  virtual size_t kv_bytes_per_page(int64_t page_size) const = 0;
  virtual KvCache make_kv_cache(int64_t pages, int64_t page_size) const = 0;
  // Before anything of it is taken. From any thread, as make_kv_cache().
  virtual StepMemory step_memory([[maybe_unused]] const StepLimits& limits) const { return {}; }
  // One step over the paged cache. Returns logits [logit_rows, V], float32 on the host, for the listed rows
  // of the batch, in their order. The same bits for a sequence however it was cut into steps and whatever
  // shares them.
  virtual Tensor step(const Batch& batch, std::span<const ops::PagedSequence> sequences, KvCache& cache,
                      std::span<const int32_t> logit_rows) const = 0;

  // The same where less than a row of logits may be enough: a device whose memory the host cannot read sends
  // what is wanted of each row alone. Whether it is one such; if not, nobody needs to say what he wants.
  virtual bool gives_less_than_rows() const { return false; }
  virtual StepLogits step_for(const Batch& batch, std::span<const ops::PagedSequence> sequences,
                              KvCache& cache, std::span<const int32_t> logit_rows,
                              [[maybe_unused]] const LogitsWanted& wanted) const {
    return {step(batch, sequences, cache, logit_rows)};
  }

  // ---- several ranks (model/parallel.h) -------------------------------------------------------------
  // As long as somebody holds this, the other ranks that have a share of the model follow. Null: there are
  // none. Throws on a rank that follows itself.
  virtual std::shared_ptr<const void> lead() const { return nullptr; }

  // ---- training (model/training_pass.h) -------------------------------------------------------------
  virtual const DecoderWeights& weights() const = 0;
  // [at least `positions`, D] cos and sin; grows on demand.
  virtual Tensor rope(int64_t positions) const = 0;
  // Gives the head, and with `layers` all linears, the layout that gradients read; from any thread.
  virtual void prepare_backward(bool layers) const = 0;
};

}  // namespace whorl::model
