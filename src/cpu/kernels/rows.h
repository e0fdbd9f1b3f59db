#pragma once
// Kernels over one row of numbers: norms, rotation, activation, softmax, optimizer.
#include <cstdint>

#include "cpu/kernels.h"

namespace whorl::cpu::WHORL_ISA {

static float rms_norm(int64_t n, const float* x, const float* gain, float epsilon, float* y) {
  Vec squares = zero();
  for_vectors(n, [&](int64_t i, int64_t lanes) {
    const Vec v = load_lanes(x + i, lanes);
    squares = fma(v, v, squares);
  });
  const float rstd = 1.0f / __builtin_sqrtf(reduce_add(squares) / static_cast<float>(n) + epsilon);
  const Vec factor = broadcast(rstd);
  for_vectors(n, [&](int64_t i, int64_t lanes) {
    store_lanes(y + i, mul(mul(load_lanes(x + i, lanes), factor), load_lanes(gain + i, lanes)), lanes);
  });
  return rstd;
}

// dx = rstd * (dy gain) - x * rstd^3 / n * sum(dy gain x)
static void rms_norm_gradient(int64_t n, const float* dy, const float* x, const float* gain, float rstd,
                              float* dx, bool accumulate) {
  Vec dot = zero();
  for_vectors(n, [&](int64_t i, int64_t lanes) {
    dot = fma(mul(load_lanes(dy + i, lanes), load_lanes(gain + i, lanes)), load_lanes(x + i, lanes), dot);
  });
  const Vec along = broadcast(-reduce_add(dot) * rstd * rstd * rstd / static_cast<float>(n));
  const Vec factor = broadcast(rstd);
  for_vectors(n, [&](int64_t i, int64_t lanes) {
    const Vec direct = mul(mul(load_lanes(dy + i, lanes), load_lanes(gain + i, lanes)), factor);
    Vec d = fma(load_lanes(x + i, lanes), along, direct);
    if (accumulate) d = add(load_lanes(dx + i, lanes), d);
    store_lanes(dx + i, d, lanes);
  });
}

static void rms_norm_gain(int64_t n, const float* dy, const float* x, float rstd, float* dgain) {
  const Vec factor = broadcast(rstd);
  for_vectors(n, [&](int64_t i, int64_t lanes) {
    const Vec normal = mul(load_lanes(x + i, lanes), factor);
    store_lanes(dgain + i, fma(load_lanes(dy + i, lanes), normal, load_lanes(dgain + i, lanes)), lanes);
  });
}

static void add_row(int64_t n, const float* x, float* y) {
  for_vectors(n, [&](int64_t i, int64_t lanes) {
    store_lanes(y + i, add(load_lanes(y + i, lanes), load_lanes(x + i, lanes)), lanes);
  });
}

static void rotate(int64_t half, float* x, const float* table, bool inverse) {
  const Vec direction = broadcast(inverse ? -1.0f : 1.0f);
  for_vectors(half, [&](int64_t i, int64_t lanes) {
    const Vec cos = load_lanes(table + i, lanes), sin = mul(direction, load_lanes(table + half + i, lanes));
    const Vec a = load_lanes(x + i, lanes), b = load_lanes(x + half + i, lanes);
    store_lanes(x + i, sub(mul(a, cos), mul(b, sin)), lanes);
    store_lanes(x + half + i, add(mul(b, cos), mul(a, sin)), lanes);
  });
}

static inline Vec sigmoid(Vec x) {
  const Vec one = broadcast(1.0f);
  return div(one, add(one, exp(sub(zero(), x))));
}

static void swiglu(int64_t n, const float* gate, const float* up, float* h) {
  for_vectors(n, [&](int64_t i, int64_t lanes) {
    const Vec g = load_lanes(gate + i, lanes);
    store_lanes(h + i, mul(mul(g, sigmoid(g)), load_lanes(up + i, lanes)), lanes);
  });
}

// silu'(g) = sigmoid(g) * (1 + g * (1 - sigmoid(g)))
static void swiglu_gradient(int64_t n, const float* dh, float* gate, float* up, float* h) {
  const Vec one = broadcast(1.0f);
  for_vectors(n, [&](int64_t i, int64_t lanes) {
    const Vec g = load_lanes(gate + i, lanes), u = load_lanes(up + i, lanes), d = load_lanes(dh + i, lanes);
    const Vec s = sigmoid(g), silu = mul(g, s);
    const Vec slope = mul(s, fma(g, sub(one, s), one));
    if (h) store_lanes(h + i, mul(silu, u), lanes);
    store_lanes(gate + i, mul(mul(d, u), slope), lanes);
    store_lanes(up + i, mul(d, silu), lanes);
  });
}

static float row_max(int64_t n, const float* x) {
  Vec most = broadcast(x[0]);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) most = max(most, load(x + i));
  float result = reduce_max(most);
  for (; i < n; ++i) result = x[i] > result ? x[i] : result;
  return result;
}

// Blocks of 1,024 in float, their sum in double: a vocabulary is too long for one float accumulator.
static double row_sum_exp(int64_t n, const float* x, float max) {
  const Vec shift = broadcast(max);
  double total = 0;
  int64_t i = 0;
  while (i + kLanes <= n) {
    Vec sum = zero();
    for (int j = 0; j < 64 && i + kLanes <= n; ++j, i += kLanes) sum = add(sum, exp(sub(load(x + i), shift)));
    total += static_cast<double>(reduce_add(sum));
  }
  if (i < n) {
    float rest[kLanes];
    store(rest, exp(sub(load_partial(x + i, n - i), shift)));
    for (int64_t j = 0; j < n - i; ++j) total += static_cast<double>(rest[j]);
  }
  return total;
}

static void row_weights(int64_t n, const float* x, float max, float factor, float* w) {
  const Vec shift = broadcast(max), f = broadcast(factor);
  for_vectors(n, [&](int64_t i, int64_t lanes) {
    store_lanes(w + i, exp(mul(f, sub(load_lanes(x + i, lanes), shift))), lanes);
  });
}

static void row_softmax(int64_t n, float* x, float lse, float factor) {
  const Vec shift = broadcast(lse), f = broadcast(factor);
  for_vectors(n, [&](int64_t i, int64_t lanes) {
    store_lanes(x + i, mul(f, exp(sub(load_lanes(x + i, lanes), shift))), lanes);
  });
}

static double sum_squares(int64_t n, const float* x) {
  double total = 0;
  for (int64_t begin = 0; begin < n; begin += 256) {
    const int64_t size = n - begin < 256 ? n - begin : 256;
    Vec sum = zero();
    for_vectors(size, [&](int64_t i, int64_t lanes) {
      const Vec v = load_lanes(x + begin + i, lanes);
      sum = fma(v, v, sum);
    });
    total += static_cast<double>(reduce_add(sum));
  }
  return total;
}

static void adamw(int64_t n, float* parameter, const float* gradient, float* m, float* v,
                  const AdamWStep& step) {
  const Vec one_minus1 = broadcast(step.one_minus_beta1), one_minus2 = broadcast(step.one_minus_beta2);
  const Vec beta1 = broadcast(step.beta1), beta2 = broadcast(step.beta2), epsilon = broadcast(step.epsilon);
  const Vec rate = broadcast(-step.rate), keep = broadcast(step.keep);
  const Vec correction2 = broadcast(step.correction2), scale = broadcast(step.gradient_scale);
  for_vectors(n, [&](int64_t i, int64_t lanes) {
    const Vec g = mul(scale, load_lanes(gradient + i, lanes));
    const Vec m1 = fma(beta1, load_lanes(m + i, lanes), mul(one_minus1, g));
    const Vec v1 = fma(beta2, load_lanes(v + i, lanes), mul(one_minus2, mul(g, g)));
    const Vec direction = div(m1, add(div(sqrt(v1), correction2), epsilon));
    store_lanes(m + i, m1, lanes);
    store_lanes(v + i, v1, lanes);
    store_lanes(parameter + i, fma(rate, direction, mul(keep, load_lanes(parameter + i, lanes))), lanes);
  });
}

}  // namespace whorl::cpu::WHORL_ISA
