#pragma once
// One thread per element, block() is the row, block_y() a piece of 256 columns; or per four (rounded.h).
#include "cuda/kernels/rounded.h"

namespace whorl::cuda {

struct EachElement {
  static constexpr int kThreads = 256;
  int64_t columns = 0;
  WHORL_DEVICE int64_t column(const Grid& grid) const {
    return static_cast<int64_t>(grid.block_y()) * kThreads + grid.thread();
  }
};

// to = from, converted.
template <class From, class To>
struct Copy : EachElement {
  From from;
  Dense<To> to;
  WHORL_DEVICE void operator()(Grid& grid) const {
    const int64_t i = grid.block(), c = column(grid);
    if (c < columns) store(to.row(i)[c], from.at(i, c));
  }
};

struct Add : EachElement {
  Dense<const float> x;
  Dense<float> y;
  WHORL_DEVICE void operator()(Grid& grid) const {
    const int64_t i = grid.block(), c = column(grid);
    if (c < columns) y.row(i)[c] += x.at(i, c);
  }
};

// Pairs (i, i + half) of a row's heads, one head after another, turned by the angle of the row's position.
struct Turn {
  Dense<const float> table;
  Global<const int32_t> positions;
  int64_t half = 0;
  bool inverse = false;
  // Column of the first of the two.
  WHORL_DEVICE int64_t column(int64_t pair) const { return pair / half * 2 * half + pair % half; }
  WHORL_DEVICE void operator()(const EitherOut& x, int64_t row, int64_t pair) const {
    const auto angles = table.row(positions[row]);
    const int64_t i = pair % half, first = column(pair), second = first + half;
    const float cos = angles[i], sin = inverse ? -angles[half + i] : angles[half + i];
    const float a = x.at(row, first), b = x.at(row, second);
    x.put(row, first, fmaf(a, cos, -(b * sin)));
    x.put(row, second, fmaf(b, cos, a * sin));
  }
  // Four neighbouring pairs, where in_fours(): the same bits.
  WHORL_DEVICE bool in_fours() const { return half % 4 == 0 && cuda::in_fours(table.data, table.stride); }
  WHORL_DEVICE void four(const EitherOut& x, int64_t row, int64_t pair) const {
    const int64_t i = pair % half, first = column(pair), second = first + half,
                  at = positions[row] * table.stride + i;
    const Fours<true> angles(table.data);
    const Four cos = angles(at, 4), sines = angles(at + half, 4), a = four_of<true>(x, row, first, 4),
               b = four_of<true>(x, row, second, 4);
    Four low, high;
    for (int j = 0; j < 4; ++j) {
      const float sin = inverse ? -sines.x[j] : sines.x[j];
      low.x[j] = fmaf(a.x[j], cos.x[j], -(b.x[j] * sin));
      high.x[j] = fmaf(b.x[j], cos.x[j], a.x[j] * sin);
    }
    put_four<true>(x, row, first, 4, low), put_four<true>(x, row, second, 4, high);
  }
};

// Of two tensors with the same rows, or one; columns: pairs of both.
struct Rope : EachFour {
  Turn turn;
  EitherOut x, second;
  int64_t first_pairs = 0;  // x's
  WHORL_DEVICE void operator()(Grid& grid) const {
    const int64_t pair = column(grid);
    const bool together = turn.in_fours() && cuda::in_fours(x) && (!second.there() || cuda::in_fours(second));
    if (together && pair < columns) return one<true>(grid.block(), pair);
    for (int j = 0; j < 4; ++j)
      if (pair + j < columns) one<false>(grid.block(), pair + j);
  }

 private:
  // Four pairs, or one. They are of one head, so of one tensor.
  template <bool Together>
  WHORL_DEVICE void one(int64_t row, int64_t pair) const {
    const bool mine = pair < first_pairs;
    const EitherOut& of = mine ? x : second;
    const int64_t its = mine ? pair : pair - first_pairs;
    if constexpr (Together)
      turn.four(of, row, its);
    else
      turn(of, row, its);
  }
};

// 1 / (1 + exp(-x)) without an overflow that matters: exp(-x) = inf gives 0.
WHORL_DEVICE float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

WHORL_DEVICE float swiglu(float gate, float up) { return gate * sigmoid(gate) * up; }

struct Swiglu : EachFour {
  EitherRows gate, up;
  EitherOut h;
  RoundedStore rounded;  // h again
  WHORL_DEVICE void operator()(Grid& grid) const {
    const bool together = columns % 4 == 0 && in_fours(gate) && in_fours(up) && in_fours(h);
    together ? run<true>(grid) : run<false>(grid);
  }

 private:
  template <bool Together>
  WHORL_DEVICE void run(Grid& grid) const {
    const int64_t row = grid.block(), c = column(grid);
    const auto make = [&](int64_t at, int64_t left) {
      const Four g = four_of<Together>(gate, row, at, left), u = four_of<Together>(up, row, at, left);
      Four value;
      for (int j = 0; j < 4; ++j) value.x[j] = swiglu(g.x[j], u.x[j]);  // of zeros zero
      return put_four<Together>(h, row, at, left, value);
    };
    const auto again = [&](int64_t at, int64_t left) { return four_of<Together>(h, row, at, left); };
    if (rounded.fp8.wanted()) return whole_row(grid, rounded, make, again);
    if (warp_is_past(grid)) return;
    rounded(grid, row, c, columns, c < columns ? make(c, columns - c) : Four{});
  }
};

struct SwigluBackward : EachFour {
  EitherRows dh;
  EitherOut gate, up, h;  // h may be empty
  WHORL_DEVICE void operator()(Grid& grid) const {
    if (column(grid) >= columns) return;
    const bool together =
        columns % 4 == 0 && in_fours(dh) && in_fours(gate) && in_fours(up) && (!h.there() || in_fours(h));
    together ? run<true>(grid) : run<false>(grid);
  }

 private:
  template <bool Together>
  WHORL_DEVICE void run(Grid& grid) const {
    const int64_t row = grid.block(), c = column(grid), left = columns - c;
    const Four gates = four_of<Together>(gate, row, c, left), ups = four_of<Together>(up, row, c, left),
               outer = four_of<Together>(dh, row, c, left);
    Four dgate, dup, again;
    for (int j = 0; j < 4; ++j) {
      const float g = gates.x[j], u = ups.x[j], d = outer.x[j], s = sigmoid(g), silu = g * s;
      dgate.x[j] = d * u * (s * (1.0f + g * (1.0f - s)));
      dup.x[j] = d * silu, again.x[j] = silu * u;
    }
    put_four<Together>(gate, row, c, left, dgate);
    put_four<Together>(up, row, c, left, dup);
    if (h.there()) put_four<Together>(h, row, c, left, again);
  }
};

}  // namespace whorl::cuda
