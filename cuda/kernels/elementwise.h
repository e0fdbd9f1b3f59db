#pragma once
// One thread per element: block() is the row, block_y() a piece of 256 columns.
#include "cuda/kernels/matrix.h"

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

// columns: pairs of a row, all heads one after another.
struct Rope : EachElement {
  Dense<float> x;
  Dense<const float> table;
  Global<const int32_t> positions;
  int64_t half = 0;
  bool inverse = false;
  WHORL_DEVICE void operator()(Grid& grid) const {
    const int64_t pair = column(grid), i = pair % half;
    if (pair >= columns) return;
    const auto angles = table.row(positions[grid.block()]);
    const float cos = angles[i], sin = inverse ? -angles[half + i] : angles[half + i];
    const auto head = x.row(grid.block()) + pair / half * 2 * half;
    const float a = head[i], b = head[half + i];
    head[i] = fmaf(a, cos, -(b * sin));
    head[half + i] = fmaf(b, cos, a * sin);
  }
};

// 1 / (1 + exp(-x)) without an overflow that matters: exp(-x) = inf gives 0.
WHORL_DEVICE float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

struct Swiglu : EachElement {
  Dense<const float> gate, up;
  Dense<float> h;
  WHORL_DEVICE void operator()(Grid& grid) const {
    const int64_t i = grid.block(), c = column(grid);
    if (c >= columns) return;
    const float g = gate.at(i, c);
    h.row(i)[c] = g * sigmoid(g) * up.at(i, c);
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
