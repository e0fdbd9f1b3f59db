// What the ops of a pass hold beside their tensors: each gives back what it took, so the largest counts. An
// optimizer step, after it, takes no more than 8 bytes for each 16,384 parameters.
#include <algorithm>

#include "cuda/backend.h"
#include "cuda/fp8.h"
#include "cuda/library_attention.h"
#include "cuda/lora_gradients.h"
#include "cuda/lora_parts.h"
#include "cuda/views.h"

namespace whorl::cuda {

namespace {
// Rows in bfloat16 as the library takes them.
size_t narrow_bytes(int64_t rows, int64_t columns) {
  return static_cast<size_t>(rows * pieces(columns, 8) * 16);
}

size_t product(const Runtime& runtime, int64_t rows, const CudaWeight& w, DType y) {
  if (w.fp8()) return fp8_forward_bytes(runtime, rows, w, y);
  // Rounded rows: bfloat16 beside whole weights, codes and scales beside whole numbers.
  return w.whole() ? narrow_bytes(rows, w.k) : static_cast<size_t>(rows * w.groups() * (kGroup + 4));
}

// Rounded rows, widened weights and the adapters' parts are given back before their gradients.
size_t backward(const Runtime& runtime, const CudaWeight& w, int64_t rows, int64_t rank, int64_t segment_rows,
                bool turned) {
  const size_t widened = w.whole() ? 0 : narrow_bytes(w.o, w.k);
  const size_t product =
      w.fp8() ? fp8_backward_bytes(runtime, rows, w, turned) : narrow_bytes(rows, w.o) + widened;
  const size_t parts = LoraParts::working_bytes(rows, rank, w.o),
               gradients = lora_gradient_bytes(rows, segment_rows, rank, w.k + w.o);
  return static_cast<size_t>(rows * rank * 4) + std::max(product + parts, gradients);
}
}  // namespace

size_t CudaBackend::working_bytes(const ops::PassShape& pass) const {
  size_t most = static_cast<size_t>(pass.rows * pass.attention.heads) * 4;
  if (attention_by_ == AttentionBy::cudnn && pass.attention.precision == DType::bfloat16)
    most = std::max(most, library_attention_bytes(pass.rows, pass.attention));
  for (const Weight& linear : pass.linears) {
    const CudaWeight& w = as_cuda(static_cast<const PackedWeight&>(*linear));
    const size_t parts = LoraParts::working_bytes(pass.rows, pass.rank, w.k);
    most = std::max(most, product(*runtime_, pass.rows, w, pass.activation) + parts);
    if (!pass.gradients) continue;
    most = std::max(most, backward(*runtime_, w, pass.rows, pass.rank, pass.segment_rows, pass.kept_layouts));
  }
  const CudaWeight& head = as_cuda(static_cast<const PackedWeight&>(*pass.head));
  const int64_t at_once = std::min(loss_chunk_rows(head.o), pass.trained_rows);
  const size_t logits = static_cast<size_t>(at_once * (head.o + head.k)) * 4;
  const size_t ops = std::max(product(*runtime_, at_once, head, DType::float32),
                              pass.gradients ? backward(*runtime_, head, at_once, 0, 0, true) : 0);
  return std::max(most, logits + ops) + Lists::kMost;
}

}  // namespace whorl::cuda
