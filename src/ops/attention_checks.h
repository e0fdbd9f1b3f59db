#pragma once
// What every backend checks of attention's arguments.
#include <algorithm>

#include "ops/checks.h"

namespace whorl::ops {

inline void expect_attention_shape(const char* op, const AttentionShape& s) {
  base::check_argument(
      s.heads > 0 && s.kv_heads > 0 && s.heads % s.kv_heads == 0 && s.head_size > 0 && s.window >= 0, "[", op,
      "] expected heads to be a multiple of kv_heads and positive sizes, got heads ", s.heads, ", kv_heads ",
      s.kv_heads, ", head_size ", s.head_size, ", window ", s.window);
}

inline void expect_attention(const char* op, const Tensor& q, const Tensor& k, const Tensor& v,
                             const AttentionShape& s, const Tensor& out, bool takes_bfloat16 = false) {
  takes_bfloat16 ? expect_rows(op, "q", q) : expect_matrix(op, "q", q);
  const int64_t n = q.dim(0);
  expect(op, "q", q, {n, s.heads * s.head_size}, q.dtype());
  expect(op, "k", k, {n, s.kv_heads * s.head_size}, q.dtype());
  expect(op, "v", v, {n, s.kv_heads * s.head_size}, q.dtype());
  expect_like(op, "out", out, q);
}

inline void expect_starts(const char* op, Ragged rows, int64_t n) {
  const auto s = rows.starts;
  base::check_argument(!s.empty() && s.front() == 0 && s.back() == n && std::is_sorted(s.begin(), s.end()),
                       "[", op, "] expected ascending starts from 0 to ", n, ", got ", s.size(),
                       " of them ending at ", s.empty() ? 0 : s.back());
}

inline void expect_cache(const char* op, const PagedCache& cache, int64_t width, DType dtype) {
  base::check_argument(cache.page_size > 0 && !cache.keys.empty() && cache.keys.shape().size() == 3, "[", op,
                       "] expected a cache [pages, page_size, G * D] and page_size > 0");
  expect(op, "cache.keys", cache.keys, {cache.keys.dim(0), cache.page_size, width}, dtype);
  expect(op, "cache.values", cache.values, cache.keys.shape(), dtype);
}

inline void expect_sequences(const char* op, std::span<const PagedSequence> sequences, int64_t n,
                             const PagedCache& cache) {
  int64_t previous_end = 0;
  for (const PagedSequence& p : sequences) {
    base::check_argument(p.begin >= previous_end && p.end >= p.begin && p.end <= n && p.past >= 0, "[", op,
                         "] expected ascending sequences within ", n, " rows, got [", p.begin, ", ", p.end,
                         ") after ", p.past, " positions");
    previous_end = p.end;
    const int64_t needed = (p.past + p.end - p.begin + cache.page_size - 1) / cache.page_size;
    base::check_argument(static_cast<int64_t>(p.pages.size()) >= needed, "[", op, "] expected ", needed,
                         " pages for ", p.past + p.end - p.begin, " positions, got ", p.pages.size());
    const auto pages = p.pages.first(static_cast<size_t>(needed));
    const auto outside = [all = static_cast<uint64_t>(cache.keys.dim(0))](int32_t page) {
      return static_cast<uint64_t>(page) >= all;  // a negative one is large
    };
    bool inside = true;
    for (const int32_t page : pages) inside &= !outside(page);
    if (inside) continue;
    base::check_argument(false, "[", op, "] expected page ids in [0, ", cache.keys.dim(0), "), got ",
                         *std::find_if(pages.begin(), pages.end(), outside));
  }
}

}  // namespace whorl::ops
