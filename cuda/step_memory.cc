// What steps over a paged cache make the backend hold. Of one at a time: what its ops borrow, each giving it
// back, so that the largest counts. Kept from step to step: lists, and the workspace of decode steps, which
// has a place for all that one of them borrows.
#include <algorithm>
#include <bit>

#include "cuda/backend.h"
#include "cuda/draw.h"
#include "cuda/fp8.h"
#include "cuda/kernels/attention.h"
#include "cuda/lora_parts.h"
#include "cuda/tensor_attention.h"
#include "cuda/views.h"

namespace whorl::cuda {

namespace {
constexpr size_t kPlace = 256;  // of a workspace: places begin at its multiples
constexpr size_t kPieces = 6;   // that one op borrows at a time, at most: each rounded up

size_t up(size_t bytes) { return (bytes + kPlace - 1) / kPlace * kPlace; }
size_t place(size_t bytes) { return std::bit_ceil(std::max(up(bytes), kPlace)); }

// One step of so many rows. A decode step: as many as there are sequences.
struct Step {
  const ops::StepShape& shape;
  int64_t rows, longest, logits;  // longest: of one sequence
  bool library, tensor;
  const Runtime& runtime;

  int64_t group() const { return shape.attention.heads / std::max<int64_t>(1, shape.attention.kv_heads); }

  // Rows rounded for the products with one weight.
  size_t rounded(const CudaWeight& w, int64_t n) const {
    if (w.fp8()) return fp8_forward_bytes(runtime, n, w, DType::float32);
    const int64_t groups = pieces(w.k, kGroup);
    if (!w.whole()) return static_cast<size_t>(n * groups * (kGroup + 4));
    return library && w.dtype() == DType::bfloat16 ? static_cast<size_t>(n * pieces(w.k, 8) * 16) : 0;
  }

  int64_t blocks() const {
    const int64_t queries = tensor ? kTensorQueries : Attention<1>::kQueries;
    return pieces(rows * group(), queries) + shape.sequences;
  }
  // Spans split over blocks: where those would be few, and no more than is allowed.
  size_t states() const {
    const AttentionShape& a = shape.attention;
    const int64_t spans = pieces(shape.positions, kSpan), kv = std::max<int64_t>(1, a.kv_heads);
    if (spans <= 1) return 0;
    const int64_t most = std::min(blocks(), (kFewBlocks - 1) / kv);
    const int64_t kept = tensor ? std::min(kTensorQueries, longest * group()) : Attention<1>::kQueries;
    return static_cast<size_t>(std::min(most * kv * kept * spans * (2 + a.head_size), kMostStates)) * 4;
  }
  // Pages, places, positions and pieces of all sequences.
  size_t attention_lists() const {
    const auto pages = shape.sequences * pieces(shape.positions, shape.page_size);
    return static_cast<size_t>((pages + 2 * rows) * 4) +
           static_cast<size_t>(blocks()) * sizeof(AttentionPiece) + 64;
  }
  // Every row of another adapter.
  size_t adapter_list(int64_t products) const {
    return shape.rank > 0 ? static_cast<size_t>(rows * products) * sizeof(LoraPiece) : 0;
  }

  // The most that one op borrows.
  size_t borrowed() const {
    size_t most = static_cast<size_t>(rows) * 4, widest = 0;  // ids
    for (const Weight& linear : shape.linears) {
      const CudaWeight& w = as_cuda(static_cast<const PackedWeight&>(*linear));
      const size_t parts = shape.rank > 0 ? LoraParts::working_bytes(rows, shape.rank, w.k) : 0;
      most = std::max(most, rounded(w, rows) + parts + adapter_list(3));
      if (w.k == shape.attention.heads * shape.attention.head_size)
        widest = std::max(widest, rounded(w, rows));  // of attention's output
    }
    most = std::max(most, widest + states() + attention_lists());
    const CudaWeight& head = as_cuda(static_cast<const PackedWeight&>(*shape.head));
    return std::max({most, rounded(head, logits), draw_bytes(logits, head.o)});
  }

  // Lists of a step that is written down: ids, attention's, and in every layer those of its adapters
  // (queries, keys and values; attention's output; gate and up; down), and how tokens are drawn.
  size_t lists() const {
    size_t layer = 0;
    for (const int64_t products : {3, 1, 2, 1})
      if (shape.rank > 0) layer += place(adapter_list(products));
    const int64_t vocabulary = as_cuda(static_cast<const PackedWeight&>(*shape.head)).o;
    return place(static_cast<size_t>(rows) * 4) + place(attention_lists()) +
           place(draw_list_bytes(logits, vocabulary, shape.positions)) +
           static_cast<size_t>(shape.layers) * layer;
  }
};
}  // namespace

size_t CudaBackend::step_bytes(const ops::StepShape& shape) const {
  const bool library = runtime_->has_library(), tensor = on_tensor_cores(shape.attention);
  const int64_t decoding = std::min(shape.rows, shape.sequences);
  const Step largest{shape, shape.rows, shape.rows, shape.logits, library, tensor, *runtime_},
      decode{shape, decoding, 1, std::min(decoding, shape.logits), library, tensor, *runtime_};
  size_t bytes = largest.borrowed() + Lists::kMost;
  if (!graphs_) return bytes;
  const size_t places = decode.borrowed() + kPieces * kPlace;
  return bytes + up(places + places / 4) + decode.lists();
}

}  // namespace whorl::cuda
