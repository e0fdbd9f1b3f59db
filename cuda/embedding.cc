#include "cuda/kernels/embedding.h"

#include "cuda/backend.h"
#include "cuda/views.h"
#include "ops/checks.h"
#include "target/launch.h"

namespace whorl::cuda {

void CudaBackend::embedding(std::span<const int32_t> ids, const PackedWeight& table, const Tensor& y) {
  const CudaWeight& weight = as_cuda(table);
  ops::expect("embedding", "y", y, {static_cast<int64_t>(ids.size()), weight.k});
  ops::expect_below("embedding", "ids", ids, weight.o);
  const Uploaded<int32_t> places(*runtime_, ids);
  with_rows(weight, [&](auto rows) {
    Embedding<decltype(rows)> kernel;
    kernel.columns = weight.k, kernel.table = rows, kernel.ids = Global<const int32_t>(places.get());
    kernel.y = rows_of(y);
    launch(*runtime_, per_element(y.dim(0), weight.k), kernel);
  });
}

void CudaBackend::embedding_backward(std::span<const int32_t> ids, const Tensor& dy, const Tensor& dtable) {
  ops::expect_matrix("embedding_backward", "dtable", dtable);
  ops::expect("embedding_backward", "dy", dy, {static_cast<int64_t>(ids.size()), dtable.dim(1)});
  ops::expect_below("embedding_backward", "ids", ids, dtable.dim(0));
  const Uploaded<int32_t> places(*runtime_, ids);
  EmbeddingBackward kernel;
  kernel.dy = rows_of<const float>(dy), kernel.dtable = rows_of(dtable);
  kernel.ids = Global<const int32_t>(places.get()), kernel.rows = dy.dim(0), kernel.columns = dy.dim(1);
  launch(*runtime_, {pieces(kernel.columns, kernel.kThreads), 1, 0}, kernel);
}

}  // namespace whorl::cuda
