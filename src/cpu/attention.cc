#include <algorithm>

#include "cpu/backend.h"
#include "cpu/checks.h"
#include "cpu/key_pages.h"
#include "ops/attention_checks.h"

namespace whorl::cpu {

// Rows [begin, end) of the batch, all of one sequence, from its position `first` on.
struct AttentionWork {
  int64_t begin, end, first, kv_head;
  KeySource keys;
};

namespace {
constexpr int64_t kWorthSharing = 1 << 16;  // products that are worth waking threads for

// Cuts [begin, end) into tiles, those of one head behind one another: its keys and values stay in the
// second-level cache. Long tiles first would not change a bit, only the balance.
void cut(std::vector<AttentionWork>& out, int64_t begin, int64_t end, int64_t past, const AttentionShape& s,
         KeySource keys) {
  const int64_t group = s.heads / s.kv_heads, tile = std::max<int64_t>(1, kTileQueries / group);
  for (int64_t g = 0; g < s.kv_heads; ++g)
    for (int64_t row = begin; row < end; row += tile) {
      AttentionWork work{row, std::min(row + tile, end), past + row - begin, g, keys};
      work.keys.k += g * s.head_size / (keys.pairs ? 2 : 1) * (keys.turned ? keys.page_size : 1);
      work.keys.v += g * s.head_size;
      out.push_back(work);
    }
}
}  // namespace

void CpuBackend::run_attention(std::span<const AttentionWork> work, const AttentionShape& s, const Tensor& q,
                               const Tensor& out, const Tensor& lse) {
  const int64_t group = s.heads / s.kv_heads;
  const auto one = [&](int64_t i) {
    const AttentionWork& w = work[static_cast<size_t>(i)];
    const int64_t column = w.kv_head * group * s.head_size;
    AttentionTile t{};
    t.q = q.data<float>() + w.begin * q.row_stride() + column, t.q_stride = q.row_stride();
    t.out = out.data<float>() + w.begin * out.row_stride() + column, t.out_stride = out.row_stride();
    if (!lse.empty())
      t.lse = lse.data<float>() + w.begin * lse.row_stride() + w.kv_head * group,
      t.lse_stride = lse.row_stride();
    t.rows = w.end - w.begin, t.first = w.first, t.group = group, t.head_size = s.head_size;
    t.scale = s.scale, t.window = s.window, t.keys = w.keys;
    const Lease scratch(scratch_,
                        static_cast<size_t>(kernels_.attention_scratch(t.rows * group, s.head_size)));
    t.scratch = scratch.get();
    (s.precision == DType::bfloat16 ? kernels_.attention_pairs : kernels_.attention)(t);
  };
  int64_t products = 0;
  for (const AttentionWork& w : work)
    products += (w.end - w.begin) * (w.end - w.begin + w.first) * s.head_size * group;
  const int64_t tasks = static_cast<int64_t>(work.size());
  parallel(tasks, products > kWorthSharing ? 1 : tasks, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) one(i);
  });
}

void CpuBackend::attention(const Tensor& q, const Tensor& k, const Tensor& v, Ragged rows,
                           const AttentionShape& s, const Tensor& out, const Tensor& lse) {
  ops::expect_attention_shape("attention", s);
  ops::expect_attention("attention", q, k, v, s, out);
  expect_optional("attention", "lse", lse, {q.dim(0), s.heads});
  base::check_argument(k.row_stride() == v.row_stride(),
                       "[attention] expected k and v with one row stride, got ", k.row_stride(), " and ",
                       v.row_stride());
  ops::expect_starts("attention", rows, q.dim(0));
  std::vector<AttentionWork> work;
  for (size_t i = 0; i + 1 < rows.starts.size(); ++i) {
    const int64_t begin = rows.starts[i], offset = begin * k.row_stride();
    cut(work, begin, rows.starts[i + 1], 0, s,
        {k.data<float>() + offset, v.data<float>() + offset, k.row_stride(), nullptr, 0, false, false});
  }
  run_attention(work, s, q, out, lse);
}

void CpuBackend::attention_backward(const Tensor& dout, const Tensor& q, const Tensor& k, const Tensor& v,
                                    const Tensor& out, const Tensor& lse, Ragged rows,
                                    const AttentionShape& s, const Tensor& dq, const Tensor& dk,
                                    const Tensor& dv) {
  const char* op = "attention_backward";
  ops::expect_attention_shape(op, s);
  ops::expect_attention(op, q, k, v, s, out);
  expect(op, "dout", dout, q.shape()), expect(op, "dq", dq, q.shape());
  expect(op, "dk", dk, k.shape()), expect(op, "dv", dv, k.shape());
  expect(op, "lse", lse, {q.dim(0), s.heads});
  ops::expect_starts(op, rows, q.dim(0));
  const int64_t group = s.heads / s.kv_heads;
  const int64_t sequences = static_cast<int64_t>(rows.starts.size()) - 1;
  pool_->run(sequences * s.kv_heads, [&](int64_t task) {
    const int64_t g = task % s.kv_heads;
    const int64_t begin = rows.starts[static_cast<size_t>(task / s.kv_heads)];
    const int64_t end = rows.starts[static_cast<size_t>(task / s.kv_heads) + 1];
    if (begin == end) return;
    const auto at = [&](const Tensor& t, int64_t column) {
      return t.data<float>() + begin * t.row_stride() + column;
    };
    const int64_t first = g * group * s.head_size, kv = g * s.head_size;
    const Lease scratch(scratch_, static_cast<size_t>(kernels_.attention_gradient_scratch(s.head_size)));
    AttentionGradient a{};
    a.dout = at(dout, first), a.q = at(q, first), a.out = at(out, first), a.dq = at(dq, first);
    a.k = at(k, kv), a.v = at(v, kv), a.dk = at(dk, kv), a.dv = at(dv, kv), a.lse = at(lse, g * group);
    a.dout_stride = dout.row_stride(), a.q_stride = q.row_stride(), a.k_stride = k.row_stride();
    a.v_stride = v.row_stride(), a.out_stride = out.row_stride(), a.lse_stride = lse.row_stride();
    a.dq_stride = dq.row_stride(), a.dk_stride = dk.row_stride(), a.dv_stride = dv.row_stride();
    a.rows = end - begin, a.group = group, a.head_size = s.head_size, a.scale = s.scale, a.window = s.window;
    a.scratch = scratch.get();
    (s.precision == DType::bfloat16 ? kernels_.attention_gradient_pairs : kernels_.attention_gradient)(a);
  });
}

DType CpuBackend::cache_dtype(const AttentionShape& shape, int64_t page_size) const {
  const bool pairs = shape.precision == DType::bfloat16 && kernels_.cache_bytes == 2 &&
                     turns_keys(page_size) && shape.head_size % 2 == 0;
  return pairs ? DType::bfloat16 : DType::float32;
}

void CpuBackend::attention_paged(const Tensor& q, const Tensor& k, const Tensor& v,
                                 std::span<const PagedSequence> sequences, const AttentionShape& s,
                                 const PagedCache& cache, const Tensor& out) {
  const char* op = "attention_paged";
  ops::expect_attention_shape(op, s);
  ops::expect_attention(op, q, k, v, s, out);
  ops::expect_cache(op, cache, k.dim(1), cache_dtype(s, cache.page_size));
  ops::expect_sequences(op, sequences, q.dim(0), cache);
  const KeyPages pages(cache);
  std::vector<AttentionWork> work;
  for (const PagedSequence& p : sequences) cut(work, p.begin, p.end, p.past, s, pages.source(p));
  parallel(static_cast<int64_t>(sequences.size()), 4, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) pages.write(sequences[static_cast<size_t>(i)], k, v);
  });
  run_attention(work, s, q, out, Tensor());
}

}  // namespace whorl::cpu
