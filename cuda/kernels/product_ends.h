#pragma once
// What comes behind the sums of a product, for kernels that make products themselves: bias, residual, the
// adapters' part, and where the result goes.
#include "cuda/kernels/four_of.h"
#include "cuda/kernels/lora.h"

namespace whorl::cuda {

inline constexpr int kProductJobs = 4;  // products of one launch

// What belongs to one of several products of the same rows. `pieces` of it are its adapters', in ascending
// order of rows.
struct ProductEnd {
  Global<const float> bias;  // [O], may be null, like the residual
  Dense<const float> residual;
  EitherOut y;
  int64_t outputs = 0, first_block = 0;
  int32_t first_piece = 0, pieces = 0;

  WHORL_DEVICE float with_bias(int64_t row, int64_t output, float sum) const {
    if (bias) sum += bias[output];
    return residual.data ? sum + residual.at(row, output) : sum;
  }
  WHORL_DEVICE void store(int64_t row, int64_t output, float sum) const {
    y.put(row, output, with_bias(row, output, sum));
  }
};

// Products [N, O] of rows whose inputs come in groups of 32. One row has the bits of many: groups come in
// kChunks chunks that depend on the number of inputs alone, and sums of chunks are added in order, whoever
// walks them.
struct ProductCall {
  static constexpr int kChunks = 8;
  FourOf<ProductEnd> ends;
  static_assert(kProductJobs == 4);
  LoraCall adapters;         // whose s is there, whole or in chunks
  int64_t largest_rank = 0;  // of theirs
  int64_t count = 0;         // of products
  int64_t rows = 0, groups = 0;
  // Blocks of rows for each block of outputs, one beside the other: the second finds weights in a cache.
  int64_t row_blocks = 1;

  // Block (outputs, rows).
  WHORL_DEVICE void place(Grid& grid) const {
    const int all = static_cast<int>(row_blocks);
    grid.place(grid.block() / all, grid.block() % all);
  }
  WHORL_DEVICE int job_of(int64_t block) const {
    int mine = 0;
    while (mine + 1 < count && block >= ends[mine + 1].first_block) ++mine;
    return mine;
  }
  WHORL_DEVICE int64_t chunk_begin(int64_t chunk) const {
    const int64_t begin = chunk * ((groups + kChunks - 1) / kChunks);
    return begin < groups ? begin : groups;
  }
};

// The adapters' part of a tile of one product, with the bits of LoraTensorExpand: s, rounded, in shared
// memory, which all threads of a block fill; a warp has sixteen rows and eight outputs, adapter by adapter. A
// row of a product on tensor cores knows no other row.
template <int Outputs, int Rows>
class TileAdapters {
  static constexpr int kOutputs = Outputs, kRows = Rows, kTiles = (Rows + 15) / 16, kAcross = Outputs / 8;

 public:
  static constexpr int64_t shared_bytes(int64_t rank) {
    return rank == 0 ? 0
                     : shared_size(kRows * 4) + shared_size(kRows * kOutputs * 4) +
                           shared_size(16 * kTiles * pitch(rank) * 4);
  }
  WHORL_DEVICE TileAdapters(Grid& grid, const ProductCall& call, const ProductEnd& end, int64_t row0)
      : call_(call),
        end_(end),
        row0_(row0),
        there_(end.pieces > 0),
        pitch_(pitch(call.largest_rank)),
        pieces_(grid.shared<int32_t>(there_ ? kRows : 0)),
        sums_(grid.shared<float>(there_ ? kRows * kOutputs : 0)),
        low_(grid.shared<uint32_t>(there_ ? 16 * kTiles * pitch_ : 0)) {}

  // By all threads, before they meet for the first time.
  WHORL_DEVICE void find_pieces(Grid& grid) const {
    if (there_ && grid.thread() < kRows) pieces_[grid.thread()] = piece_of(row0_ + grid.thread());
  }
  // After that; they meet once more in it, and at its end.
  WHORL_DEVICE void multiply(Grid& grid, int64_t output0) const {
    if (!there_) return;
    collect(grid);
    grid.sync();
    for (int unit = grid.warp(); unit < kAcross * kTiles; unit += grid.threads() / 32)
      multiply_tile(grid, unit / kAcross * 16, unit % kAcross * 8, output0);
    grid.sync();
  }
  // `sum` and what is added to it.
  WHORL_DEVICE float on_top(int row, int output, float sum) const {
    return there_ && pieces_[row] >= 0 ? sum + sums_[row * kOutputs + output] : sum;
  }

 private:
  // Words of two ranks, from row to row: lanes of a read touch 32 banks.
  static constexpr int pitch(int64_t rank) { return static_cast<int>((rank + 15) / 16 * 8 + 4); }

  // -1: no adapter has this row.
  WHORL_DEVICE int32_t piece_of(int64_t row) const {
    int32_t low = 0, high = end_.pieces;  // the first one that ends behind the row is in between
    while (low < high) {
      const int32_t middle = (low + high) / 2;
      const LoraPiece& piece = call_.adapters.pieces[end_.first_piece + middle];
      if (piece.begin + piece.rows > row)
        high = middle;
      else
        low = middle + 1;
    }
    if (low == end_.pieces || row >= call_.rows) return -1;
    return call_.adapters.pieces[end_.first_piece + low].begin <= row ? end_.first_piece + low : -1;
  }

  // Zeros where a row has no adapter, or its adapter fewer ranks.
  WHORL_DEVICE void collect(Grid& grid) const {
    const int words = pitch_ - 4;
    for (int e = grid.thread(); e < 16 * kTiles * words; e += grid.threads()) {
      const int row = e / words, rank = e % words * 2;
      low_[row * pitch_ + e % words] = bfloat16_pair(whole(grid, row, rank), whole(grid, row, rank + 1));
    }
  }
  // Of several blocks the first one of a product keeps s where it has been added up here and somebody wants
  // it.
  WHORL_DEVICE float whole(Grid& grid, int row, int rank) const {
    if (row >= kRows || pieces_[row] < 0) return 0.0f;
    const LoraPiece piece = call_.adapters.pieces[pieces_[row]];
    if (rank >= piece.rank) return 0.0f;
    const auto& s = call_.adapters.jobs[piece.job].s;
    if (!call_.adapters.partial) return s.row(row0_ + row)[rank];
    const int64_t in_piece = (row0_ + row - piece.begin) * piece.rank + rank;
    const float sum = call_.adapters.add_chunks(piece.partial + in_piece, piece.rows * piece.rank);
    if (s.data && grid.block() == end_.first_block) s.row(row0_ + row)[rank] = sum;
    return sum;
  }

  // Rows from `first` on times outputs from `column` on, by a warp.
  WHORL_DEVICE void multiply_tile(Grid& grid, int first, int column, int64_t output0) const {
    const int last = first + 16 < kRows ? first + 16 : kRows;
    for (int row = first; row < last;) {
      const int32_t which = pieces_[row];
      if (which < 0) {
        ++row;
        continue;
      }
      const LoraPiece piece = call_.adapters.pieces[which];
      const int64_t end = piece.begin + piece.rows - row0_, next = end < last ? end : last;
      float sums[4] = {};
      add_ranks(grid, piece, first, output0 + column + grid.lane() / 4, sums);
      WHORL_UNROLL
      for (int i = 0; i < 4; ++i) {
        const int its = first + grid.lane() / 4 + i / 2 * 8;
        if (its >= row && its < next) sums_[its * kOutputs + column + grid.lane() % 4 * 2 + i % 2] = sums[i];
      }
      row = static_cast<int>(next);
    }
  }
  WHORL_DEVICE void add_ranks(Grid& grid, const LoraPiece& piece, int first, int64_t output,
                              float (&sums)[4]) const {
    const int pair = grid.lane() % 4;
    for (int rank0 = 0; rank0 < piece.rank; rank0 += 16) {
      const int at = (first + grid.lane() / 4) * pitch_ + rank0 / 2 + pair;
      const uint32_t a[4] = {low_[at], low_[at + 8 * pitch_], low_[at + 4], low_[at + 8 * pitch_ + 4]};
      const uint32_t b[2] = {ranks_of(piece, rank0 + 2 * pair, output),
                             ranks_of(piece, rank0 + 2 * pair + 8, output)};
      grid.sync_warp();  // lanes may have come here by different ways, and multiply together
      grid.mma(sums, a, b);
    }
  }
  // Two neighbouring ones.
  WHORL_DEVICE uint32_t ranks_of(const LoraPiece& piece, int rank, int64_t output) const {
    const auto up = piece.ups<uint16_t>();
    const auto one = [&](int its) {
      return its < piece.rank && output < end_.outputs ? up[its * end_.outputs + output] : uint16_t{0};
    };
    return side_by_side(one(rank), one(rank + 1));
  }

  const ProductCall& call_;
  const ProductEnd& end_;
  int64_t row0_;
  bool there_;
  int pitch_;
  Shared<int32_t> pieces_;
  Shared<float> sums_;
  Shared<uint32_t> low_;
};

}  // namespace whorl::cuda
