#pragma once
// The adapters' part of several products of the same rows: one list, one launch for all their s, one for all
// that is added. linear's, and with the matrices changed over its backward pass's.
#include <array>
#include <optional>
#include <type_traits>
#include <vector>

#include "cuda/kernels/lora_expand.h"
#include "cuda/kernels/lora_shrink.h"
#include "cuda/kernels/lora_tensor_expand.h"
#include "cuda/kernels/lora_tensor_shrink.h"
#include "cuda/kernels/product_ends.h"
#include "cuda/lists.h"
#include "cuda/packed.h"
#include "cuda/planned.h"
#include "ops/checks.h"

namespace whorl::cuda {

void check_segments(const char* op, std::span<const ops::LoraSegment> segments, int64_t rows, int64_t inputs,
                    int64_t outputs);

// Rows in bfloat16 stand beside weights and adapters that round their operands.
void expect_rounding(const char* op, const Tensor& rows, const ops::PackedWeight& w,
                     std::span<const ops::LoraSegment> segments);

// One product. `s` keeps D(x) down^T and may be empty; `y` is added to, empty where s alone is wanted. It
// refers to its tensors.
struct LoraTarget {
  std::span<const ops::LoraSegment> segments;
  const Tensor &s, &y;
};

class LoraParts {
  static constexpr int64_t kFewWarps = 4096;  // fewer leave a GPU idle

 public:
  // At most kLoraJobs products of the same rows [rows, inputs]; of their adapters those that round their
  // operands, on tensor cores, or those that do not. `backward`: ds = dy (scale b), dx += D(ds a), where the
  // rows are dy.
  LoraParts(Runtime& runtime, Lists& lists, int64_t rows, int64_t inputs, std::span<const LoraTarget> targets,
            bool backward, bool rounds);
  bool empty() const { return list_.empty(); }
  // body(a planned kernel): all their s, of rows that `x` reads (kernels/lora_rows.h). Adapters that do not
  // round stand beside rows of float32 alone.
  template <class Source, class Body>
  void shrinking(const Source& x, const Body& body) const {
    if (!rounds_) {
      if constexpr (std::is_same_v<typename Source::Stored, float>) body(planned<LoraShrink<Source>>(x));
    } else if (rank_ <= LoraTensorShrink<1>::kRanks || units() * chunks_of_blocks() < kFewWarps) {
      body(planned<LoraTensorShrink<1, Source>>(x));
    } else {
      body(planned<LoraTensorShrink<2, Source>>(x));
    }
  }
  void expand() const;
  // For whoever adds them where it makes the products: what belongs to target number `target`, and what it
  // needs of all. Instead of expand().
  void describe(size_t target, ProductEnd& end) const;
  void describe(ProductCall& call) const { call.adapters = call_, call.largest_rank = rank_; }
  int64_t rank() const { return rank_; }  // the largest
  bool rounds() const { return rounds_; }

  // Bytes that it takes for itself, at most.
  static size_t working_bytes(int64_t rows, int64_t rank, int64_t inputs);

 private:
  void add_pieces(const LoraTarget& target, int32_t job, bool backward);
  void place_sums(int64_t rows, std::span<const LoraTarget> targets);
  int64_t count() const { return static_cast<int64_t>(list_.size()); }
  // Warps on tensor cores where each walks all inputs, for as few ranks as it may.
  int64_t units() const { return count() * LoraTensorShrink<1>::groups(rank_); }
  bool few_blocks() const;
  int64_t chunks_of_blocks() const { return call_.partial ? call_.chunks : 1; }
  template <class Kernel, class Source>
  Planned<Kernel> planned(const Source& x) const {
    Kernel kernel;
    kernel.call = call_, kernel.x = x, kernel.drops = !backward_;
    const int64_t warps = Kernel::groups(rank_) * chunks_of_blocks();
    return {{count(), (warps + Kernel::kWarps - 1) / Kernel::kWarps, Kernel::kShared}, kernel};
  }

  Runtime& runtime_;
  std::vector<LoraPiece> list_;
  std::optional<Sent> sent_;
  std::optional<Scratch> memory_;  // of partial sums, or of s where nobody keeps it
  LoraCall call_;
  std::array<int32_t, kLoraJobs + 1> first_{};  // pieces of target i: [first_[i], first_[i + 1])
  int64_t rank_ = 0, outputs_ = 0;              // the largest
  int64_t sums_ = 0;                            // of one chunk, all pieces
  bool backward_, rounds_;
};

}  // namespace whorl::cuda
