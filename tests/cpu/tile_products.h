#pragma once
// Products of odd shapes, called as the ops call them, and the order of additions that tiles promise.
#include <cmath>
#include <cstring>
#include <vector>

#include "base/random.h"
#include "cpu/features.h"
#include "cpu/isa.h"
#include "cpu/packed.h"
#include "ops/quantised_group.h"
#include "tensor/tensor.h"

namespace whorl::cpu {

const Kernels* amx_kernels();

struct ProductShape {
  int64_t rows, k, columns;
  bool bias = false, accumulate = false;
};

inline std::vector<float> random_numbers(int64_t n, uint64_t seed) {
  std::vector<float> out;
  const uint64_t key = base::derive(seed, 5);
  for (int64_t i = 0; i < n; ++i)
    out.push_back(static_cast<float>(base::below(key, static_cast<uint64_t>(i), 1 << 20)) / (1 << 19) - 1.0f);
  return out;
}

// Numbers of one product; c has a margin of 3 columns and one row that nobody may write.
struct Product {
  static constexpr int64_t kMargin = 3;
  ProductShape shape;
  std::vector<float> a, bias, before;
  Tensor weights;  // [columns, k]

  explicit Product(const ProductShape& s)
      : shape(s),
        a(random_numbers(s.rows * s.k, 1)),
        bias(random_numbers(s.columns, 2)),
        before(random_numbers((s.rows + 1) * stride(), 3)),
        weights(Tensor::zeros(DType::bfloat16, {s.columns, s.k})) {
    const auto w = random_numbers(s.columns * s.k, 4);
    for (int64_t i = 0; i < s.columns * s.k; ++i)
      weights.data<uint16_t>()[i] = float_to_bf16(w[static_cast<size_t>(i)]);
  }
  int64_t stride() const { return shape.columns + kMargin; }
  float w(int64_t column, int64_t k) const {
    return bf16_to_float(weights.data<uint16_t>()[column * shape.k + k]);
  }

  std::vector<float> run(const Kernels& kernels, base::ThreadPool& pool) const {
    Panels panels(DType::bfloat16, shape.k, shape.columns);
    panels.fill(pool, weights.raw(), 1, shape.k);
    std::vector<float> c = before, scratch(static_cast<size_t>(kernels.gemm_scratch) + 16);
    Gemm g{};
    g.a = a.data(), g.a_stride = shape.k, g.rows = shape.rows, g.k = shape.k;
    g.w = panels.data(), g.bf16 = true, g.panel_end = panels.panels(), g.columns = shape.columns;
    g.c = c.data(), g.c_stride = stride();
    if (shape.bias) g.init = bias.data();
    if (shape.accumulate) g.init = c.data(), g.init_stride = stride();
    g.scratch = scratch.data();
    kernels.gemm(g);
    return c;
  }

  std::vector<float> run_quantised(const Kernels& kernels, base::ThreadPool& pool,
                                   ops::Quantize quantize) const {
    const QuantPanels panels(pool, ops::rounded_rows(weights, quantize));
    std::vector<float> c = before, scratch(static_cast<size_t>(kernels.gemm_quantised_scratch(shape.k)) + 16);
    kernels.gemm_quantised({a.data(), shape.k, shape.rows, shape.k, panels.matrix(), 0,
                            (shape.columns + kPanel - 1) / kPanel, shape.columns, c.data(), stride(),
                            shape.bias ? bias.data() : nullptr, scratch.data(), false});
    return c;
  }

  // Thirty-two k at a time: even and odd ones apart by fused multiply-adds from zero, both added, that added
  // to the sum. No number here is small enough to be flushed.
  std::vector<float> specified() const {
    std::vector<float> c = before;
    for (int64_t r = 0; r < shape.rows; ++r)
      for (int64_t column = 0; column < shape.columns; ++column) {
        float& sum = c[static_cast<size_t>(r * stride() + column)];
        if (!shape.accumulate) sum = shape.bias ? bias[static_cast<size_t>(column)] : 0.0f;
        for (int64_t first = 0; first < shape.k; first += 32) {
          float part[2] = {};
          for (int64_t k = first; k < std::min(first + 32, shape.k); ++k) {
            const float x = bf16_to_float(float_to_bf16(a[static_cast<size_t>(r * shape.k + k)]));
            part[k % 2] = std::fma(x, w(column, k), part[k % 2]);
          }
          sum += part[0] + part[1];
        }
      }
    return c;
  }
};

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// Whole tiles, tails of rows, columns and k, odd k, more than one block of rows and of k.
inline std::vector<ProductShape> product_shapes() {
  return {{1, 1, 1},
          {1, 33, 17, true},
          {2, 64, 64},
          {5, 600, 83, true},
          {15, 31, 100},
          {16, 32, 16, true},
          {17, 67, 33},
          {31, 8, 48, false, true},
          {32, 64, 32},
          {33, 515, 40, true},
          {64, 96, 70, false, true},
          {195, 1030, 37},
          {1, 4200, 70, true}};
}

}  // namespace whorl::cpu
