#include "cuda/emulated/products.h"

#include <cmath>
#include <cstdlib>
#include <optional>

#include "base/check.h"
#include "cuda/emulated/device_memory.h"
#include "tensor/tensor.h"

namespace whorl::cuda::emulated {

namespace {
// A matrix as it is stored, [rows, columns] before it is transposed.
struct Operand {
  const char* bytes;
  int64_t step;
  bool bfloat16;

  Operand(const void* device, int64_t rows, int64_t columns, int64_t its_step, bool its_bfloat16)
      : bytes(static_cast<const char*>(real(device))), step(its_step), bfloat16(its_bfloat16) {
    uintptr_t begin = 0, end = 0;
    const auto numbers = static_cast<size_t>((rows - 1) * step + columns);
    find_allocation(reinterpret_cast<uintptr_t>(device), numbers * (bfloat16 ? 2 : 4), begin, end);
  }
  float at(int64_t i, int64_t j) const {
    const int64_t place = i * step + j;
    return bfloat16 ? bf16_to_float(reinterpret_cast<const uint16_t*>(bytes)[place])
                    : reinterpret_cast<const float*>(bytes)[place];
  }
};
}  // namespace

bool products_are_asked_for() { return std::getenv("WHORL_EMULATED_PRODUCTS") != nullptr; }

namespace {
void multiply_one(const Runtime::Product& p) {
  if (p.m == 0 || p.n == 0 || p.k == 0) return;
  const Operand a(p.a, p.a_transposed ? p.k : p.m, p.a_transposed ? p.m : p.k, p.a_step, p.bfloat16),
      b(p.b, p.b_transposed ? p.n : p.k, p.b_transposed ? p.k : p.n, p.b_step, p.bfloat16);
  const Operand c(p.c, p.m, p.n, p.c_step, p.c_bfloat16);
  std::optional<Operand> bias;
  if (p.bias) bias.emplace(p.bias, 1, p.n, p.n, p.c_bfloat16);
  std::optional<Operand> residual;
  if (p.residual) residual.emplace(p.residual, p.m, p.n, p.residual_step, false);
  for (int64_t i = 0; i < p.m; ++i)
    for (int64_t j = 0; j < p.n; ++j) {
      float sum = bias ? bias->at(0, j) : 0.0f;
      for (int64_t r = 0; r < p.k; ++r)
        sum = std::fmaf(p.a_transposed ? a.at(r, i) : a.at(i, r), p.b_transposed ? b.at(j, r) : b.at(r, j),
                        sum);
      if (residual) sum += residual->at(i, j);
      if (p.accumulate) sum += c.at(i, j);
      if (p.c_bfloat16)
        static_cast<uint16_t*>(real(p.c))[i * p.c_step + j] = float_to_bf16(sum);
      else
        static_cast<float*>(real(p.c))[i * p.c_step + j] = sum;
    }
}
}  // namespace

void multiply(const Runtime::Product& p) {
  if (p.b_apart < 0 || p.c_apart < 0 || p.bias_apart < 0 ||
      (p.residual && (p.count > 1 || p.accumulate || p.c_bfloat16)) || (p.c_bfloat16 && !p.bfloat16))
    base::failed(
        "[emulated] expected steps of several products that are not negative, a residual beside one "
        "float32 product alone that overwrites, and results in bfloat16 of such operands");
  Runtime::Product one = p;
  for (int64_t i = 0; i < p.count; ++i) {
    multiply_one(one);
    one.b = static_cast<const char*>(one.b) + p.b_apart * (p.bfloat16 ? 2 : 4);
    one.c = static_cast<char*>(one.c) + p.c_apart * (p.c_bfloat16 ? 2 : 4);
    if (one.bias) one.bias = static_cast<const char*>(one.bias) + p.bias_apart * (p.c_bfloat16 ? 2 : 4);
  }
}

}  // namespace whorl::cuda::emulated
