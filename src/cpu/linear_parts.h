#pragma once
// What linear and its backward pass share: cutting a product into tasks, walking segments, dropout.
#include <algorithm>
#include <optional>

#include "cpu/checks.h"
#include "cpu/packed.h"
#include "ops/dropout.h"

namespace whorl::cpu {

using ops::largest_rank;

inline constexpr int64_t kWorthATask = 1 << 16;  // products of two numbers
inline constexpr int64_t kRowsThatPack = 8;      // a task of so many packs them first

// A product [rows, 16 * panels] cut into blocks of rows and groups of panels.
struct Cut {
  int64_t rows, panels, row_blocks, panel_groups;

  // Of a forward product. Of many rows with whole numbers for weights every task rounds its own anew: fewer.
  Cut(int64_t n, const CpuWeight& w, int threads)
      : Cut(n, w.inputs(), w.outputs(), threads,
            w.whole()         ? tasks_for(n)
            : n <= kQuantRows ? kTasks
                              : 3) {
    if (n > 1 && !w.whole()) step = 1;
  }
  Cut(int64_t n, int64_t k, int64_t columns, int threads) : Cut(n, k, columns, threads, tasks_for(n)) {}
  Cut(int64_t n, int64_t k, int64_t columns, int threads, int64_t tasks_of_a_thread)
      : rows(n), panels((columns + kPanel - 1) / kPanel), row_blocks(blocks_of(n, threads)) {
    // Few rows: memory bound, so many small groups for balance. Many: a group repeats the packing of a. A
    // product of a few microseconds stays on the thread that asked for it.
    const int64_t p = panels, least = n <= 16 ? 8 : 32;
    const int64_t worth = n * columns * k / kWorthATask / row_blocks;
    const int64_t wanted =
        threads == 1 ? 1 : std::max<int64_t>(1, std::min(worth, tasks_of_a_thread * threads / row_blocks));
    panel_groups = std::clamp<int64_t>((p + least - 1) / least, 1, wanted);
    // One block of rows: as many groups for each thread, all but as long.
    if (row_blocks == 1 && panel_groups > threads) panel_groups -= panel_groups % threads;
    if (n >= kRowsThatPack) step = 2;
  }
  int64_t tasks() const { return row_blocks * panel_groups; }
  int64_t row(int64_t task) const { return rows * (task / panel_groups) / row_blocks; }
  int64_t row_end(int64_t task) const { return rows * (task / panel_groups + 1) / row_blocks; }
  int64_t panel(int64_t task) const { return edge(task % panel_groups); }
  int64_t panel_end(int64_t task) const { return edge(task % panel_groups + 1); }

  // Blocks that n rows are cut into: as many for each thread, as the last of eleven would be made while
  // another thread waits.
  static int64_t blocks_of(int64_t n, int threads) {
    const int64_t blocks = (n + kRows - 1) / kRows;
    return blocks > threads ? (blocks + threads - 1) / threads * threads : blocks;
  }
  static constexpr int64_t kRows = 192;  // of a block, at most

 private:
  int64_t edge(int64_t group) const {
    if (group == panel_groups) return panels;
    return panels * group / panel_groups / step * step;
  }
  static constexpr int64_t kTasks = 8;
  // Fewer rows wait for memory; a block of more would be packed anew by every task.
  static int64_t tasks_for(int64_t n) { return n >= kRowsThatPack && n <= kRows ? 2 : kTasks; }
  int64_t step = 4;  // panels, the widest of a kernel for so many rows
};

// Whether n rows are made ready once for all products that share them, see rounded_once.h: packed for those
// with pairs of bfloat16, rounded for those with whole numbers.
inline bool packed_once(const Kernels& kernels, int64_t n) {
  return n >= kRowsThatPack && n <= kQuantRows && kernels.packs_apart == 2;
}
inline bool ready_once(const Kernels& kernels, const CpuWeight& w, int64_t n) {
  return w.whole() ? w.dtype() == DType::bfloat16 && packed_once(kernels, n) : n <= kQuantRows;
}
// Words from a packed number to the next: whole lines of the cache.
inline int64_t packed_step(int64_t n) { return (n + 15) / 16 * 16; }
inline int64_t packed_floats(int64_t n, int64_t k) { return packed_step(n) * ((k + 1) / 2); }

// Rows few enough that a thread has a part of all panels as its own (CpuBackend::project_in_stretches): each
// stretch of more would make them ready anew.
inline bool in_stretches(const Kernels& kernels, std::span<const ops::LinearJob> jobs, int64_t n) {
  return n < kRowsThatPack || std::all_of(jobs.begin(), jobs.end(), [&](const auto& job) {
           return ready_once(kernels, as_cpu(job.w), n);
         });
}

// Panels that a kernel takes at once of n rows: stretches of them end at multiples.
inline int64_t panels_at_once(const CpuWeight& w, const Kernels& kernels, int64_t n) {
  if (n == 1) return w.whole() ? kernels.row_panels : kernels.quant_panels;
  return w.whole() ? 4 : 1;
}

// Pieces that n rows are taken through several ops in: as many for each thread, of about as many rows as a
// product packs at once; one where that leaves threads without a piece, or too few rows for fast products.
// With many threads sums over rows, which are made piece by piece, would become what all wait for.
inline constexpr int kMostPieceThreads = 8;
inline int64_t pieces_of_rows(int64_t n, int threads) {
  constexpr int64_t kFewestRows = Cut::kRows / 2;
  const int64_t blocks = Cut::blocks_of(n, threads);
  return blocks < threads || threads > kMostPieceThreads || n < blocks * kFewestRows ? 1 : blocks;
}

// Rows of logits that exist at once: the head is read once per chunk and direction, so a chunk should be
// long; its logits should stay small.
inline int64_t loss_chunk_rows(int64_t vocabulary) {
  constexpr int64_t kLogits = 16 << 20;  // floats, 64 MB
  return std::clamp<int64_t>(kLogits / vocabulary, 48, 384);
}

// How the transpose of weights without a layout for gradients is made in passing: a few panels at a time.
struct Turned {
  bool pairs;  // bfloat16 side by side, else float32
  int64_t panel_floats, all_panels, panels;
  Turned(const CpuWeight& w, const Kernels& kernels)
      : pairs(w.dtype() == DType::bfloat16 && kernels.bfloat16_group == 2),
        panel_floats((pairs ? (w.outputs() + 1) / 2 : w.outputs()) * kPanel),
        all_panels((w.inputs() + kPanel - 1) / kPanel),
        panels(std::clamp<int64_t>(kFloats / panel_floats, 1, all_panels)) {}
  static constexpr int64_t kFloats = 4 << 20;  // 16 MB
};

// Rows that a task takes through an adapter's first product. A few rows of one adapter are cut further: else
// one thread would do them while the others wait, but not below `fewest` (Kernels::fewest_rows). `all`: rows
// of all products that are made together.
inline constexpr int64_t kSegmentRows = 48;
inline int64_t rows_down_at_once(int64_t all, int threads, int64_t fewest) {
  // Each piece reads all of the adapter: of a step's few rows as many pieces as threads.
  const int64_t wanted = (all <= kSegmentRows ? 1 : 2) * static_cast<int64_t>(threads);
  return std::clamp((all + wanted - 1) / wanted, fewest, kSegmentRows);
}

inline Gemm product(const float* a, int64_t a_stride, int64_t rows, const Panels& w, float* c,
                    int64_t c_stride) {
  Gemm g{};
  g.a = a, g.a_stride = a_stride, g.rows = rows, g.k = w.k();
  g.w = w.data(), g.bf16 = w.bf16();
  g.panel_begin = 0, g.panel_end = w.panels(), g.columns = w.columns();
  g.c = c, g.c_stride = c_stride;
  return g;
}

// Whether adapters' first products (`first`: with A, or with B going back) are made beside the base's, from
// rows packed once: each task then has all panels of its rows.
inline bool goes_beside(const Kernels& kernels, const Cut& cut, bool bf16,
                        std::span<const ops::LoraSegment> segments, Panels CpuLora::*first) {
  bool any = false;
  for (const auto& s : segments) {
    if (!s.lora) continue;
    if (s.dropout > 0 || (as_cpu(*s.lora).*first).bf16() != bf16) return false;
    any = true;
  }
  return any && kernels.products_at_once == 2 && cut.panel_groups == 1;
}

// The segment with an adapter that has all rows [begin, end); null where there is none.
inline const ops::LoraSegment* segment_of_all(std::span<const ops::LoraSegment> segments, int64_t begin,
                                              int64_t end) {
  for (const auto& s : segments)
    if (s.lora && s.begin <= begin && end <= s.end) return &s;
  return nullptr;
}

// An adapter's second product of rows [begin, ...) of one segment, as what comes behind the base's
// (Gemm::behind): low, [rows][stride] of the whole batch, times `second` from panel `first` on. Nothing where
// that cannot be.
inline std::optional<Gemm> product_behind(const Kernels& kernels, const ops::LoraSegment* segment, bool bf16,
                                          Panels CpuLora::*second, const float* low, int64_t stride,
                                          int64_t first = 0) {
  if (!segment) return std::nullopt;
  const Panels& w = as_cpu(*segment->lora).*second;
  if (w.bf16() != bf16 || kernels.most_behind < 2 || w.k() > kernels.most_behind) return std::nullopt;
  Gemm g = product(low, stride, 0, w, nullptr, 0);
  g.w = static_cast<const float*>(g.w) + first * kPanel * (bf16 ? (w.k() + 1) / 2 : w.k());
  return g;
}

inline void check_segments(const char* op, std::span<const ops::LoraSegment> segments, int64_t rows,
                           int64_t inputs, int64_t outputs) {
  ops::expect_segments(op, segments, rows);
  for (const auto& s : segments) {
    if (!s.lora) continue;
    const CpuLora& lora = as_cpu(*s.lora);
    ops::expect_adapter(op, lora.a.k(), lora.b.columns(), inputs, outputs);
  }
}

// to = D(x) for one row (counted from the segment's begin) of n columns; `from` may be `to`.
inline void drop_row(const ops::LoraSegment& s, int64_t row, const float* from, int64_t n, float* to) {
  const ops::DropoutRow mask(s.dropout_seed, s.first_row + row, s.dropout);
  const float factor = 1.0f / (1.0f - s.dropout);
  int64_t i = 0;
  for (; i + 1 < n; i += 2) {
    const uint64_t bits = mask.draw(i / 2);
    to[i] = mask.keeps_even(bits) ? from[i] * factor : 0.0f;
    to[i + 1] = mask.keeps_odd(bits) ? from[i + 1] * factor : 0.0f;
  }
  if (i < n) to[i] = mask.keeps(i) ? from[i] * factor : 0.0f;
}

// body(segment, first, last) for the rows of [begin, end) that have an adapter.
template <class Body>
void for_segments(std::span<const ops::LoraSegment> segments, int64_t begin, int64_t end, const Body& body) {
  for (const auto& segment : segments) {
    const int64_t first = std::max(begin, segment.begin), last = std::min(end, segment.end);
    if (segment.lora && first < last) body(segment, first, last);
  }
}

// to += D(from), columns [column, column + n) of one row counted from the segment's begin.
inline void add_dropped(const ops::LoraSegment& s, int64_t row, const float* from, int64_t column, int64_t n,
                        float* to) {
  const ops::DropoutRow mask(s.dropout_seed, s.first_row + row, s.dropout);
  const float factor = 1.0f / (1.0f - s.dropout);
  for (int64_t i = 0; i < n; ++i)
    if (mask.keeps(column + i)) to[i] += from[i] * factor;
}

// A piece of a segment: rows [begin, end) of the batch.
struct SegmentPiece {
  const ops::LoraSegment* segment;
  size_t index;
  int64_t begin, end;
};

// Pieces of at most `rows` rows; those of one segment differ by one row at most.
inline std::vector<SegmentPiece> cut_segments(std::span<const ops::LoraSegment> segments, int64_t rows) {
  std::vector<SegmentPiece> pieces;
  for (size_t i = 0; i < segments.size(); ++i) {
    const ops::LoraSegment& s = segments[i];
    const int64_t n = s.end - s.begin, count = s.lora ? (n + rows - 1) / rows : 0;
    for (int64_t piece = 0; piece < count; ++piece)
      pieces.push_back({&s, i, s.begin + n * piece / count, s.begin + n * (piece + 1) / count});
  }
  return pieces;
}

}  // namespace whorl::cpu
