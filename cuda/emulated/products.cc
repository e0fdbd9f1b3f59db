#include "cuda/emulated/products.h"

#include <cmath>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "base/check.h"
#include "cuda/emulated/device_memory.h"
#include "tensor/float8.h"
#include "tensor/tensor.h"

namespace whorl::cuda::emulated {

namespace {
// A matrix as it is stored, [rows, columns] before it is transposed.
struct Operand {
  const char* bytes;
  int64_t step;
  size_t size;  // of a number: FP8, bfloat16 or float32

  Operand(const void* device, int64_t rows, int64_t columns, int64_t its_step, size_t its_size)
      : bytes(static_cast<const char*>(real(device))), step(its_step), size(its_size) {
    uintptr_t begin = 0, end = 0;
    const auto numbers = static_cast<size_t>((rows - 1) * step + columns);
    find_allocation(reinterpret_cast<uintptr_t>(device), numbers * size, begin, end);
  }
  float at(int64_t i, int64_t j) const {
    const int64_t place = i * step + j;
    if (size == 1) return e4m3_to_float(reinterpret_cast<const uint8_t*>(bytes)[place]);
    return size == 2 ? bf16_to_float(reinterpret_cast<const uint16_t*>(bytes)[place])
                     : reinterpret_cast<const float*>(bytes)[place];
  }
};
size_t size_of_number(const Runtime::Product& p) { return p.fp8 ? 1 : p.bfloat16 ? 2 : 4; }

// What NVIDIA's library asks of FP8.
void expect_fp8(const Runtime::Product& p) {
  const auto fits = [](int64_t x) { return x % Runtime::Product::kFp8 == 0; };
  const auto begins = [&](const void* x) {
    return fits(static_cast<int64_t>(reinterpret_cast<uintptr_t>(x)));
  };
  if (!p.b_transposed || p.a_transposed || p.bfloat16 || p.bias || p.count != 1 || !fits(p.n) || !fits(p.k) ||
      !fits(p.a_step) || !fits(p.b_step) || !begins(p.a) || !begins(p.b) || !begins(p.c) ||
      !p.a_scales != !p.b_scales)
    base::failed(
        "[emulated] expected one product of FP8, a as it is, b transposed, without bias, both scales or "
        "none, n, k, steps and beginnings multiples of 16; got n ",
        p.n, ", k ", p.k, ", steps ", p.a_step, " and ", p.b_step);
}
}  // namespace

bool products_are_asked_for() { return std::getenv("WHORL_EMULATED_PRODUCTS") != nullptr; }

Fp8 fp8_asked_for() {
  const char* const given = std::getenv("WHORL_EMULATED_FP8");
  const std::string_view kind = given ? given : "";
  return kind == "refused" ? Fp8::refused : kind == "sums" ? Fp8::sums : Fp8::scaled;
}

namespace {
void multiply_one(const Runtime::Product& p) {
  if (p.m == 0 || p.n == 0 || p.k == 0) return;
  const size_t size = size_of_number(p), result = p.c_bfloat16 ? 2 : 4;
  const Operand a(p.a, p.a_transposed ? p.k : p.m, p.a_transposed ? p.m : p.k, p.a_step, size),
      b(p.b, p.b_transposed ? p.n : p.k, p.b_transposed ? p.k : p.n, p.b_step, size);
  const Operand c(p.c, p.m, p.n, p.c_step, result);
  std::optional<Operand> bias, residual, rows, columns;
  if (p.bias) bias.emplace(p.bias, 1, p.n, p.n, result);
  if (p.residual) residual.emplace(p.residual, p.m, p.n, p.residual_step, 4);
  if (p.a_scales) rows.emplace(p.a_scales, 1, p.m, p.m, 4), columns.emplace(p.b_scales, 1, p.n, p.n, 4);
  for (int64_t i = 0; i < p.m; ++i)
    for (int64_t j = 0; j < p.n; ++j) {
      float sum = bias ? bias->at(0, j) : 0.0f;
      for (int64_t r = 0; r < p.k; ++r)
        sum = std::fmaf(p.a_transposed ? a.at(r, i) : a.at(i, r), p.b_transposed ? b.at(j, r) : b.at(r, j),
                        sum);
      if (rows) sum = sum * rows->at(0, i) * columns->at(0, j);
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
      (p.residual && (p.count > 1 || p.accumulate || p.c_bfloat16)) ||
      (p.c_bfloat16 && !p.bfloat16 && !p.fp8))
    base::failed(
        "[emulated] expected steps of several products that are not negative, a residual beside one "
        "float32 product alone that overwrites, and results in bfloat16 of such operands");
  if (p.fp8) expect_fp8(p);
  Runtime::Product one = p;
  for (int64_t i = 0; i < p.count; ++i) {
    multiply_one(one);
    one.b = static_cast<const char*>(one.b) + p.b_apart * static_cast<int64_t>(size_of_number(p));
    one.c = static_cast<char*>(one.c) + p.c_apart * (p.c_bfloat16 ? 2 : 4);
    if (one.bias) one.bias = static_cast<const char*>(one.bias) + p.bias_apart * (p.c_bfloat16 ? 2 : 4);
  }
}

}  // namespace whorl::cuda::emulated
