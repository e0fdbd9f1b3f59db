#include "cuda/lora_parts.h"

#include <algorithm>

#include "cuda/views.h"
#include "target/launch.h"

namespace whorl::cuda {

namespace {
constexpr int64_t kFewBlocks = 512;  // fewer leave a GPU idle: then chunks run in blocks of their own
// Numbers of s that so few blocks make; on tensor cores a warp makes four times as many.
constexpr int64_t kMostPartial = kFewBlocks * LoraShrink<>::kWarps * LoraShrink<>::kRanks * kPieceRows;
}  // namespace

void check_segments(const char* op, std::span<const ops::LoraSegment> segments, int64_t rows, int64_t inputs,
                    int64_t outputs) {
  ops::expect_segments(op, segments, rows);
  for (const auto& s : segments) {
    if (!s.lora) continue;
    const CudaLora& lora = as_cuda(*s.lora);
    ops::expect_adapter(op, lora.inputs(), lora.outputs(), inputs, outputs);
  }
}

void expect_rounding(const char* op, const Tensor& rows, const ops::PackedWeight& w,
                     std::span<const ops::LoraSegment> segments) {
  if (rows.dtype() != DType::bfloat16) return;
  bool rounds = w.dtype() == DType::bfloat16;
  for (const auto& s : segments) rounds = rounds && (!s.lora || as_cuda(*s.lora).rounds);
  base::check_argument(rounds, "[", op,
                       "] expected rows in bfloat16 beside weights and adapters that are not float32, got a "
                       "float32 one");
}

LoraParts::LoraParts(Runtime& runtime, Lists& lists, int64_t rows, int64_t inputs,
                     std::span<const LoraTarget> targets, bool backward, bool rounds)
    : runtime_(runtime), backward_(backward), rounds_(rounds) {
  LoraCall& call = call_;
  call.inputs = inputs;
  call.chunk = LoraCall::chunk_size(call.inputs), call.chunks = LoraCall::chunk_count(call.inputs);
  size_t most = 0;
  for (const LoraTarget& target : targets) most += target.segments.size();
  list_.reserve(most);
  for (size_t i = 0; i < targets.size(); ++i) {
    add_pieces(targets[i], static_cast<int32_t>(i), backward);
    first_[i + 1] = static_cast<int32_t>(list_.size());
  }
  if (list_.empty()) return;
  sent_ = Sent::of(lists, list_);
  call.pieces = Global<const LoraPiece>(sent_->at<LoraPiece>());
  place_sums(rows, targets);
}

void LoraParts::add_pieces(const LoraTarget& target, int32_t job, bool backward) {
  for (const auto& s : target.segments) {
    if (!s.lora || as_cuda(*s.lora).rounds != rounds_) continue;
    const CudaLora& lora = as_cuda(*s.lora);
    const void *a = lora.a.raw(), *bt = lora.bt.raw();
    const int64_t most = rounds_ ? kTensorRows : kPieceRows;
    for (int64_t row = s.begin; row < s.end; row += most) {
      LoraPiece piece;
      piece.down = backward ? bt : a, piece.up = backward ? a : bt;
      piece.seed = s.dropout_seed, piece.dropout = s.dropout, piece.mask_row = s.first_row + row - s.begin;
      piece.begin = row, piece.rows = static_cast<int32_t>(std::min(most, s.end - row));
      piece.rank = static_cast<int32_t>(lora.rank()), piece.job = job;
      piece.partial = sums_ * call_.chunks;
      sums_ += static_cast<int64_t>(piece.rows) * piece.rank;
      list_.push_back(piece);
    }
    if (s.begin < s.end) rank_ = std::max(rank_, lora.rank());
  }
  if (!target.y.empty()) outputs_ = std::max(outputs_, target.y.dim(1));
}

// Whether few blocks would do all chunks.
bool LoraParts::few_blocks() const {
  if (rounds_) return units() * LoraTensorShrink<1>::kRanks * kTensorRows < kMostPartial;
  return count() * pieces(LoraShrink<>::groups(rank_), LoraShrink<>::kWarps) < kFewBlocks;
}

// Chunks in blocks of their own where few blocks would do all of them: whoever adds s up to y then adds the
// chunks' sums first. Else, and where s is all that is wanted, s is made whole.
void LoraParts::place_sums(int64_t rows, std::span<const LoraTarget> targets) {
  LoraCall& call = call_;
  int64_t unkept = 0;
  for (size_t i = 0; i < targets.size(); ++i) {
    const LoraTarget& target = targets[i];
    call.jobs[i] = {rows_of(target.s), either_out(target.y), target.y.empty() ? 0 : target.y.dim(1)};
    if (target.s.empty()) unkept += rows * ops::largest_rank(target.segments);
  }
  if (call.chunks > 1 && outputs_ > 0 && few_blocks()) {
    memory_.emplace(runtime_, static_cast<size_t>(sums_ * call.chunks) * 4);
    call.partial = Global<float>(memory_->get<float>());
    return;
  }
  if (unkept == 0) return;
  memory_.emplace(runtime_, static_cast<size_t>(unkept) * 4);
  Global<float> next(memory_->get<float>());
  for (size_t i = 0; i < targets.size(); ++i) {
    if (!targets[i].s.empty()) continue;
    const int64_t rank = ops::largest_rank(targets[i].segments);
    call.jobs[i].s = {next, rank};
    next = next + rows * rank;
  }
}

void LoraParts::describe(size_t target, ProductEnd& end) const {
  end.first_piece = first_[target], end.pieces = first_[target + 1] - first_[target];
}

void LoraParts::expand() const {
  const auto run = [&](auto kernel) {
    kernel.call = call_, kernel.largest_rank = rank_, kernel.drops = backward_;
    launch(runtime_, {count(), pieces(outputs_, kernel.kTile), kernel.shared_bytes(rank_)}, kernel);
  };
  static_assert(LoraExpand<4>::kTile == LoraTensorExpand<4>::kTile);
  const bool few = count() * pieces(outputs_, LoraExpand<4>::kTile) < kFewBlocks;
  if (rounds_)
    few ? run(LoraTensorExpand<1>()) : run(LoraTensorExpand<4>());
  else
    few ? run(LoraExpand<1>()) : run(LoraExpand<4>());
}

// Of at most three products that share their rows. Partial sums are those of few blocks.
size_t LoraParts::working_bytes(int64_t rows, int64_t rank, int64_t inputs) {
  const int64_t sums = 3 * rows * rank, chunks = LoraCall::chunk_count(inputs);
  return static_cast<size_t>(std::max(sums, std::min(sums, kMostPartial) * (chunks > 1 ? chunks : 1))) * 4;
}

}  // namespace whorl::cuda
