#include <deque>

#include "cuda/backend.h"
#include "cuda/kernels/gemm.h"
#include "cuda/lora_gradients.h"
#include "cuda/lora_parts.h"
#include "cuda/rounded_rows.h"
#include "cuda/rows_made.h"
#include "cuda/views.h"
#include "target/launch.h"

namespace whorl::cuda {

namespace {
void check_gradients(std::span<const LoraSegment> segments, std::span<const LoraGradient> gradients) {
  if (gradients.empty()) return;
  ops::expect_count("linear_backward", "gradients, one per segment", gradients.size(),
                    static_cast<int64_t>(segments.size()));
  for (size_t i = 0; i < segments.size(); ++i) {
    if (!segments[i].lora) continue;
    const CudaLora& lora = as_cuda(*segments[i].lora);
    ops::expect_optional("linear_backward", "da", gradients[i].da, {lora.rank(), lora.inputs()});
    ops::expect_optional("linear_backward", "db", gradients[i].db, {lora.outputs(), lora.rank()});
  }
}

// da += ds^T D(x) over a segment's rows, beside a base in float32.
void down_gradient(Runtime& runtime, const Tensor& ds, const Tensor& x, const LoraSegment& segment,
                   const Tensor& da) {
  Gemm<AlongColumns<Dense<const float>>, DroppedColumns> gemm;
  gemm.a.storage = rows_of<const float>(ds);
  gemm.b = {either(x), segment.dropout_seed, segment.dropout, segment.first_row};
  gemm.c = either_out(da), gemm.m = da.dim(0), gemm.n = da.dim(1), gemm.k = ds.dim(0), gemm.accumulate = true;
  launch(runtime, {pieces(gemm.m, gemm.kTile), pieces(gemm.n, gemm.kTile), gemm.kShared}, gemm);
}
}  // namespace

// What is made of dy before its own sums: ds beside the rounding, the base's product, then the adapters'
// part.
void CudaBackend::input_gradient(const LoraTarget& to, const Tensor& dy, const CudaWeight& w,
                                 bool accumulate) {
  const auto alone = [&](const auto& its) { launch(*runtime_, its); };
  std::deque<LoraParts> parts;
  for (const bool rounds : {true, false}) {
    parts.emplace_back(*runtime_, lists_, dy.dim(0), dy.dim(1), std::span(&to, 1), true, rounds);
    if (parts.back().empty()) parts.pop_back();
  }
  {
    RoundedRows rounded(*runtime_, dy);
    bool rounds = !to.y.empty() && runtime_->has_library() && w.dtype() == DType::bfloat16 && !w.fp8();
    for (const LoraParts& one : parts) {
      RowsThere{dy}.with_source([&](const auto& rows) {
        const RoundedStore wanted = rounds ? rounded.take({.narrow = true}) : RoundedStore();
        if (wanted.wanted())
          one.shrinking(rows, [&](const auto& its) { launch_both(*runtime_, its, rounding(dy, wanted)); });
        else
          one.shrinking(rows, alone);
      });
      rounds = false;
    }
    if (!to.y.empty()) multiply_back(rounded, w, to.y, accumulate);
  }
  if (to.y.empty()) return;
  for (const LoraParts& one : parts) one.expand();
}

void CudaBackend::linear_backward(const Tensor& dy, const Tensor& x, const PackedWeight& w,
                                  std::span<const LoraSegment> segments, const Tensor& s,
                                  std::span<const LoraGradient> gradients, const Tensor& dx,
                                  bool accumulate) {
  const CudaWeight& weight = as_cuda(w);
  ops::expect_rows("linear_backward", "dy", dy);
  const int64_t n = dy.dim(0), k = weight.k, o = weight.o;
  ops::expect_rows("linear_backward", "dy", dy, {n, o});
  if (!dx.empty()) ops::expect_rows("linear_backward", "dx", dx, {n, k});
  for (const Tensor* rows : {&dy, &x, &dx}) expect_rounding("linear_backward", *rows, w, segments);
  check_segments("linear_backward", segments, n, k, o);
  check_gradients(segments, gradients);
  const int64_t rank = ops::largest_rank(segments);
  if (!gradients.empty() && rank > 0) {
    ops::expect_rows("linear_backward", "x", x, {n, k});
    ops::expect_low("linear_backward", s, n, rank, false);
  }
  if (n == 0) return;
  const Tensor ds = rank > 0 ? unset(DType::float32, {n, rank}) : Tensor();
  input_gradient({segments, ds, dx}, dy, weight, accumulate);
  if (rank == 0) return;
  add_lora_gradients(*runtime_, lists_, {dy, x, s, ds}, segments, gradients);
  for (size_t i = 0; i < gradients.size(); ++i) {
    const LoraSegment& segment = segments[i];
    const int64_t begin = segment.begin, end = segment.end;
    if (!segment.lora || begin == end || as_cuda(*segment.lora).rounds) continue;
    const CudaLora& lora = as_cuda(*segment.lora);
    const auto part = [&](const Tensor& t) { return t.rows(begin, end); };
    if (!gradients[i].db.empty())
      reduce_rows(part(dy), part(s).columns(0, lora.rank()), lora.scale, gradients[i].db);
    if (!gradients[i].da.empty())
      down_gradient(*runtime_, part(ds).columns(0, lora.rank()), part(x), segment, gradients[i].da);
  }
}

void CudaBackend::linear_backward_weight(const Tensor& dy, const Tensor& x, const Tensor& dw,
                                         const Tensor& dbias) {
  ops::expect_rows("linear_backward_weight", "dy", dy);
  ops::expect_rows("linear_backward_weight", "x", x);
  const int64_t n = dy.dim(0), o = dy.dim(1), k = x.dim(1);
  ops::expect_rows("linear_backward_weight", "x", x, {n, k});
  ops::expect_optional("linear_backward_weight", "dw", dw, {o, k});
  ops::expect_optional("linear_backward_weight", "dbias", dbias, {o});
  if (!dw.empty()) reduce_rows(dy, x, 1.0f, dw);
  if (!dbias.empty()) column_sums(dy, dbias);
}

}  // namespace whorl::cuda
