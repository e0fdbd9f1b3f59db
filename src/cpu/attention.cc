#include <algorithm>
#include <cstring>

#include "cpu/backend.h"
#include "cpu/checks.h"

namespace whorl::cpu {

// Rows [begin, end) of the batch, all of one sequence, from its position `first` on.
struct AttentionWork {
  int64_t begin, end, first, kv_head;
  KeySource keys;
};

namespace {
constexpr int64_t kWorthSharing = 1 << 16;  // products that are worth waking threads for

void check_shape(const char* op, const AttentionShape& s) {
  base::check_argument(
      s.heads > 0 && s.kv_heads > 0 && s.heads % s.kv_heads == 0 && s.head_size > 0 && s.window >= 0, "[", op,
      "] expected heads to be a multiple of kv_heads and positive sizes, got heads ", s.heads, ", kv_heads ",
      s.kv_heads, ", head_size ", s.head_size, ", window ", s.window);
}

void check_starts(const char* op, Ragged rows, int64_t n) {
  const auto s = rows.starts;
  base::check_argument(!s.empty() && s.front() == 0 && s.back() == n && std::is_sorted(s.begin(), s.end()),
                       "[", op, "] expected ascending starts from 0 to ", n, ", got ", s.size(),
                       " of them ending at ", s.empty() ? 0 : s.back());
}

// Cuts [begin, end) into tiles; long tiles first would not change a bit, only the balance.
void cut(std::vector<AttentionWork>& out, int64_t begin, int64_t end, int64_t past, const AttentionShape& s,
         KeySource keys) {
  const int64_t group = s.heads / s.kv_heads, tile = std::max<int64_t>(1, kTileQueries / group);
  for (int64_t row = begin; row < end; row += tile)
    for (int64_t g = 0; g < s.kv_heads; ++g) {
      AttentionWork work{row, std::min(row + tile, end), past + row - begin, g, keys};
      work.keys.k += g * s.head_size * (keys.turned ? keys.page_size : 1), work.keys.v += g * s.head_size;
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
  check_shape("attention", s);
  expect_matrix("attention", "q", q);
  const int64_t n = q.dim(0);
  expect("attention", "q", q, {n, s.heads * s.head_size});
  expect("attention", "k", k, {n, s.kv_heads * s.head_size});
  expect("attention", "v", v, {n, s.kv_heads * s.head_size});
  expect("attention", "out", out, q.shape());
  expect_optional("attention", "lse", lse, {n, s.heads});
  base::check_argument(k.row_stride() == v.row_stride(),
                       "[attention] expected k and v with one row stride, got ", k.row_stride(), " and ",
                       v.row_stride());
  check_starts("attention", rows, n);
  std::vector<AttentionWork> work;
  for (size_t i = 0; i + 1 < rows.starts.size(); ++i) {
    const int64_t begin = rows.starts[i], offset = begin * k.row_stride();
    cut(work, begin, rows.starts[i + 1], 0, s,
        {k.data<float>() + offset, v.data<float>() + offset, k.row_stride(), nullptr, 0, false});
  }
  run_attention(work, s, q, out, lse);
}

void CpuBackend::attention_backward(const Tensor& dout, const Tensor& q, const Tensor& k, const Tensor& v,
                                    const Tensor& out, const Tensor& lse, Ragged rows,
                                    const AttentionShape& s, const Tensor& dq, const Tensor& dk,
                                    const Tensor& dv) {
  const char* op = "attention_backward";
  check_shape(op, s);
  expect_matrix(op, "q", q);
  const int64_t n = q.dim(0), group = s.heads / s.kv_heads;
  const Shape wide{n, s.heads * s.head_size}, narrow{n, s.kv_heads * s.head_size};
  expect(op, "dout", dout, wide), expect(op, "q", q, wide), expect(op, "out", out, wide),
      expect(op, "dq", dq, wide);
  expect(op, "k", k, narrow), expect(op, "v", v, narrow), expect(op, "dk", dk, narrow),
      expect(op, "dv", dv, narrow);
  expect(op, "lse", lse, {n, s.heads});
  check_starts(op, rows, n);
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

namespace {
void check_sequence(const PagedSequence& p, int64_t previous_end, int64_t n, const PagedCache& cache) {
  base::check_argument(p.begin >= previous_end && p.end >= p.begin && p.end <= n && p.past >= 0,
                       "[attention_paged] expected ascending sequences within ", n, " rows, got [", p.begin,
                       ", ", p.end, ") after ", p.past, " positions");
  const int64_t needed = (p.past + p.end - p.begin + cache.page_size - 1) / cache.page_size;
  base::check_argument(static_cast<int64_t>(p.pages.size()) >= needed, "[attention_paged] expected ", needed,
                       " pages for ", p.past + p.end - p.begin, " positions, got ", p.pages.size());
  for (int64_t i = 0; i < needed; ++i)
    base::check_argument(
        p.pages[static_cast<size_t>(i)] >= 0 && p.pages[static_cast<size_t>(i)] < cache.keys.dim(0),
        "[attention_paged] expected page ids in [0, ", cache.keys.dim(0), "), got ",
        p.pages[static_cast<size_t>(i)]);
}

void write_pages(const PagedSequence& p, const Tensor& rows, const Tensor& cache, int64_t page_size,
                 bool turned) {
  const int64_t width = rows.dim(1);
  for (int64_t i = p.begin; i < p.end; ++i) {
    const int64_t position = p.past + i - p.begin, page = p.pages[static_cast<size_t>(position / page_size)];
    const float* const row = rows.data<float>() + i * rows.row_stride();
    float* const to = cache.data<float>() + page * page_size * width;
    if (turned)
      for (int64_t c = 0; c < width; ++c) to[c * page_size + position % page_size] = row[c];
    else
      std::memcpy(to + position % page_size * width, row, static_cast<size_t>(width) * sizeof(float));
  }
}
}  // namespace

void CpuBackend::attention_paged(const Tensor& q, const Tensor& k, const Tensor& v,
                                 std::span<const PagedSequence> sequences, const AttentionShape& s,
                                 const PagedCache& cache, const Tensor& out) {
  const char* op = "attention_paged";
  check_shape(op, s);
  expect_matrix(op, "q", q);
  const int64_t n = q.dim(0), width = s.kv_heads * s.head_size;
  expect(op, "q", q, {n, s.heads * s.head_size});
  expect(op, "k", k, {n, width}), expect(op, "v", v, {n, width}), expect(op, "out", out, q.shape());
  base::check_argument(cache.page_size > 0 && !cache.keys.empty() && cache.keys.shape().size() == 3,
                       "[attention_paged] expected a cache [pages, page_size, G * D] and page_size > 0");
  expect(op, "cache.keys", cache.keys, {cache.keys.dim(0), cache.page_size, width});
  expect(op, "cache.values", cache.values, cache.keys.shape());
  int64_t end = 0;
  const bool turned = turns_keys(cache.page_size);
  std::vector<AttentionWork> work;
  for (const PagedSequence& p : sequences) {
    check_sequence(p, end, n, cache);
    end = p.end;
    cut(work, p.begin, p.end, p.past, s,
        {cache.keys.data<float>(), cache.values.data<float>(), width, p.pages.data(), cache.page_size,
         turned});
  }
  parallel(static_cast<int64_t>(sequences.size()), 4, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      write_pages(sequences[static_cast<size_t>(i)], k, cache.keys, cache.page_size, turned);
      write_pages(sequences[static_cast<size_t>(i)], v, cache.values, cache.page_size, false);
    }
  });
  run_attention(work, s, q, out, Tensor());
}

}  // namespace whorl::cpu
