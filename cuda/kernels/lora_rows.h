#pragma once
// Rows that LoraShrink reads, four neighbours at a time: as they lie in memory, or made from what they come
// of by whoever reads them, with the bits of the kernel that writes them and in the same launch.
#include "cuda/kernels/elementwise.h"
#include "cuda/kernels/lora.h"
#include "cuda/kernels/rms_norm.h"

namespace whorl::cuda {

// Each has of<Together>(grid, piece), asked for by all threads of a block: what reads four neighbours of a
// piece's row, `left` of which are there.
template <class T = float>
struct PlainRows {
  using Stored = T;
  static constexpr int64_t kShared = 0;
  Dense<const T> x;
  WHORL_DEVICE bool in_fours() const { return cuda::in_fours(x.data, x.stride); }

  template <bool Together>
  struct Piece {
    Fours<Together, T> from;
    int64_t begin, stride;
    WHORL_DEVICE Four operator()(int64_t row, int64_t k, int64_t left) const {
      return widened(from((begin + row) * stride + k, left));
    }
  };
  template <bool Together>
  WHORL_DEVICE Piece<Together> of(Grid&, const LoraPiece& piece) const {
    return {Fours<Together, T>(x.data), piece.begin, x.stride};
  }
};

// silu(gate) * up, as its own row is kept.
template <class T = float>
struct SwigluRows {
  using Stored = T;
  static constexpr int64_t kShared = 0;
  PlainRows<T> gate, up;
  WHORL_DEVICE bool in_fours() const { return gate.in_fours() && up.in_fours(); }

  template <bool Together>
  struct Piece {
    typename PlainRows<T>::template Piece<Together> gate, up;
    WHORL_DEVICE Four operator()(int64_t row, int64_t k, int64_t left) const {
      const Four g = gate(row, k, left), u = up(row, k, left);
      Four out;
      for (int j = 0; j < 4; ++j) out.x[j] = kept_as<T>(swiglu(g.x[j], u.x[j]));
      return out;
    }
  };
  template <bool Together>
  WHORL_DEVICE Piece<Together> of(Grid& grid, const LoraPiece& piece) const {
    return {gate.template of<Together>(grid, piece), up.template of<Together>(grid, piece)};
  }
};

// The norm of one group: every block finds its rows' scales again, so rows should be few.
template <class T = float>
struct NormedRows {
  using Stored = T;  // of the normed row; what it is made of is float32
  static constexpr int kWarps = 8;
  static constexpr int64_t kShared = shared_size(kWarps * 4) + shared_size(kTensorRows * 4);
  PlainRows<> x;
  Global<const float> gain;
  int64_t size = 0;
  float epsilon = 0;
  WHORL_DEVICE bool in_fours() const { return x.in_fours() && cuda::in_fours(gain, 0); }

  template <bool Together>
  struct Piece {
    PlainRows<>::Piece<Together> x;
    Fours<Together> gain;
    Shared<float> scales;
    WHORL_DEVICE Four operator()(int64_t row, int64_t k, int64_t left) const {
      const Four value = x(row, k, left), gains = gain(k, left);
      const float scale = scales[row];
      Four out;
      for (int j = 0; j < 4; ++j) out.x[j] = kept_as<T>(normed(value.x[j], scale, gains.x[j]));
      return out;
    }
  };
  template <bool Together>
  WHORL_DEVICE Piece<Together> of(Grid& grid, const LoraPiece& piece) const {
    const auto sums = grid.shared<float>(kWarps), scales = grid.shared<float>(kTensorRows);
    const EitherRows rows{x.x.data, {}, x.x.stride};
    for (int i = 0; i < piece.rows; ++i) {
      const float scale = rms_scale<kWarps>(grid, rows, piece.begin + i, 0, size, epsilon, sums);
      if (grid.thread() == 0) scales[i] = scale;
      grid.sync();
    }
    return {x.of<Together>(grid, piece), Fours<Together>(gain), scales};
  }
};

}  // namespace whorl::cuda
