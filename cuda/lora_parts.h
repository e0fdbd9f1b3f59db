#pragma once
// The adapters' part of several products of the same rows: one list, one launch for all their s, one for all
// that is added. linear's, and with the matrices changed over its backward pass's.
#include <optional>
#include <vector>

#include "cuda/kernels/lora_expand.h"
#include "cuda/kernels/lora_shrink.h"
#include "cuda/lists.h"
#include "cuda/packed.h"
#include "cuda/planned.h"
#include "ops/checks.h"

namespace whorl::cuda {

void check_segments(const char* op, std::span<const ops::LoraSegment> segments, int64_t rows, int64_t inputs,
                    int64_t outputs);

// One product. `s` keeps D(x) down^T and may be empty; `y` is added to, empty where s alone is wanted.
struct LoraTarget {
  std::span<const ops::LoraSegment> segments;
  Tensor s, y;
};

class LoraParts {
 public:
  // At most kLoraJobs products of x. `backward`: ds = dy (scale b), dx += D(ds a), where x is dy.
  LoraParts(Runtime& runtime, Lists& lists, const Tensor& x, std::span<const LoraTarget> targets,
            bool backward);
  bool empty() const { return list_.empty(); }
  Planned<LoraShrink> shrinking() const;
  void expand() const;

  // Bytes that it takes for itself, at most.
  static size_t working_bytes(int64_t rows, int64_t rank, int64_t inputs);

 private:
  void add_pieces(const LoraTarget& target, int32_t job, bool backward);
  void place_sums(int64_t rows, std::span<const LoraTarget> targets);
  int64_t count() const { return static_cast<int64_t>(list_.size()); }
  int64_t blocks_y(int64_t chunks) const;

  Runtime& runtime_;
  std::vector<LoraPiece> list_;
  std::optional<Sent> sent_;
  std::optional<Scratch> memory_;  // of partial sums, or of s where nobody keeps it
  LoraShrink shrink_;
  int64_t rank_ = 0, outputs_ = 0;  // the largest
  int64_t sums_ = 0;                // of one chunk, all pieces
  bool backward_;
};

}  // namespace whorl::cuda
