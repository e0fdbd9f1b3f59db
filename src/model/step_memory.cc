// What steps take beside weights and caches, before they do.
#include <algorithm>
#include <cstring>

#include "model/decoder.h"
#include "model/parallel.h"
#include "model/rope.h"

namespace whorl::model {

namespace {
size_t bytes_of(DType dtype, int64_t rows, int64_t columns) {
  return static_cast<size_t>(rows * columns) * size_of(dtype);
}
}  // namespace

size_t Decoder::buffer_bytes(int64_t rows) const {
  const int64_t q = own_.num_attention_heads * own_.head_dim, kv = own_.num_key_value_heads * own_.head_dim;
  const int64_t raw = has_head_norms(config_) ? q + kv : 0;
  const int64_t columns = 3 * config_.hidden_size + 2 * q + 2 * kv + raw + 2 * own_.intermediate_size;
  const DType dtype = backend_->activation_dtype();
  return bytes_of(dtype, rows, columns) +
         bytes_of(dtype, backend_->working_rows(rows), own_.intermediate_size);
}

// Buffers are those of the largest step; the table of angles grows beside the one before it, which is at most
// half as long; on a device logits and what is sent instead of them lie beside each other.
StepMemory Decoder::step_memory(const StepLimits& limits) const {
  ops::StepShape shape;
  shape.rows = limits.rows, shape.sequences = limits.sequences, shape.logits = limits.logits;
  shape.positions = limits.positions, shape.page_size = limits.page_size;
  shape.rank = limits.rank, shape.layers = config_.num_hidden_layers;
  shape.attention = attention_shape(own_, weights_.layers[0]);
  shape.linears.assign(weights_.layers[0].weights.begin(), weights_.layers[0].weights.end());
  shape.head = weights_.head;
  StepMemory out;
  const int64_t table = rope_positions(config_, limits.positions),
                logits = LogitsPool::most_rows(limits.logits);
  out.steps = backend_->step_bytes(shape) + buffer_bytes(buffer_rows(limits.rows)) +
              bytes_of(backend_->activation_dtype(), logits, config_.vocab_size);
  if (!backend_->on_host()) out.steps += bytes_of(DType::int32, logits, ops::Backend::kScoreWords);
  {
    const std::lock_guard lock(mutex_);
    if (rope_.empty() || rope_.dim(0) < table)
      out.steps += bytes_of(DType::float32, table + table / 2, config_.head_dim);
  }
  out.now = backend_->memory_now();
  return out;
}

StepMemory least_to_spare(std::span<const StepMemory> ranks) {
  StepMemory least;
  for (const StepMemory& one : ranks) {
    least.steps = std::max(least.steps, one.steps);
    if (!one.now) return {least.steps, std::nullopt, std::ssize(ranks)};
  }
  const auto spare = [](const StepMemory& m) {
    return m.now->free > m.steps ? m.now->free - m.steps : size_t{0};
  };
  least = *std::min_element(ranks.begin(), ranks.end(),
                            [&](const auto& a, const auto& b) { return spare(a) < spare(b); });
  least.ranks = std::ssize(ranks);
  return least;
}

namespace {
struct Told {
  uint64_t steps = 0, free = 0, paged = 0, expected = 0, known = 0;
};
}  // namespace

std::exception_ptr ParallelTransformer::measure(const StepLimits& limits, StepMemory& least) const {
  Told mine;
  const std::exception_ptr error = everyone(*all_, [&] {
    const StepMemory its = mine_->step_memory(limits);
    const ops::MemoryNow now = its.now.value_or(ops::MemoryNow{});
    mine = {its.steps, now.free, now.paged, now.expected, its.now.has_value()};
  });
  if (error) return error;
  std::vector<StepMemory> ranks;
  for (const std::string& theirs : all_->all_gather({reinterpret_cast<const char*>(&mine), sizeof mine})) {
    Told told;
    std::memcpy(&told, theirs.data(), std::min(sizeof told, theirs.size()));
    StepMemory& one = ranks.emplace_back();
    one.steps = told.steps;
    if (told.known) one.now = ops::MemoryNow{told.free, told.paged, told.expected};
  }
  least = least_to_spare(ranks);
  return nullptr;
}

StepMemory ParallelTransformer::step_memory(const StepLimits& limits) const {
  expect_leader();
  RankMessage message;
  message.kind = RankMessage::Kind::measure;
  message.limits = limits;
  StepMemory least;
  std::exception_ptr error;
  leader_->together(std::move(message), [&](ranks::Communicator&) { error = measure(limits, least); });
  if (error) std::rethrow_exception(error);
  return least;
}

}  // namespace whorl::model
