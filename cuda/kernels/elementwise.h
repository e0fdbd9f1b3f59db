#pragma once
// One thread per element: block() is the row, block_y() a piece of 256 columns.
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
  WHORL_DEVICE void operator()(const Dense<float>& x, int64_t row, int64_t pair) const {
    const auto angles = table.row(positions[row]);
    const int64_t i = pair % half;
    const float cos = angles[i], sin = inverse ? -angles[half + i] : angles[half + i];
    const auto from = x.row(row) + column(pair);
    const float a = from[0], b = from[half];
    from[0] = fmaf(a, cos, -(b * sin));
    from[half] = fmaf(b, cos, a * sin);
  }
};

// Of two tensors with the same rows, or one; columns: pairs of both.
struct Rope : EachElement {
  Turn turn;
  Dense<float> x, second;
  int64_t first_pairs = 0;  // x's
  WHORL_DEVICE void operator()(Grid& grid) const {
    const int64_t pair = column(grid);
    if (pair >= columns) return;
    pair < first_pairs ? turn(x, grid.block(), pair) : turn(second, grid.block(), pair - first_pairs);
  }
};

// 1 / (1 + exp(-x)) without an overflow that matters: exp(-x) = inf gives 0.
WHORL_DEVICE float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

WHORL_DEVICE float swiglu(float gate, float up) { return gate * sigmoid(gate) * up; }

struct Swiglu : EachElement {
  Dense<const float> gate, up;
  Dense<float> h;
  RoundedStore rounded;  // h again
  WHORL_DEVICE void operator()(Grid& grid) const {
    const int64_t i = grid.block(), c = column(grid), group = c / 32;
    if (group * 32 >= columns) return;  // a whole warp
    const bool inside = c < columns;
    const float value = inside ? swiglu(gate.at(i, c), up.at(i, c)) : 0.0f;
    if (inside) h.row(i)[c] = value;
    rounded(grid, i, group, value, inside);
  }
};

struct SwigluBackward : EachElement {
  Dense<const float> dh;
  Dense<float> gate, up, h;  // h may be empty
  WHORL_DEVICE void operator()(Grid& grid) const {
    const int64_t i = grid.block(), c = column(grid);
    if (c >= columns) return;
    const float g = gate.at(i, c), u = up.at(i, c), d = dh.at(i, c), s = sigmoid(g), silu = g * s;
    gate.row(i)[c] = d * u * (s * (1.0f + g * (1.0f - s)));
    up.row(i)[c] = d * silu;
    if (h.data) h.row(i)[c] = silu * u;
  }
};

}  // namespace whorl::cuda
