#pragma once
// A digest of numbers that many threads make together.
#include <functional>
#include <string>

#include "base/thread_pool.h"
#include "tensor/tensor.h"

namespace whorl::model {

// SHA-256, 64 hex digits, over the values of a float32 or bfloat16 tensor in row-major order, not over how
// they are stored: a checkpoint widened to float32 has the digest that it had in bfloat16. Cut into blocks of
// fixed size, so that the number of threads cannot change it.
std::string value_digest(base::ThreadPool& pool, const Tensor& x);
// The same over numbers that need not all exist at once: fill(begin, end, to) writes some of the `n` as
// float32.
// Numbers [begin, end), float32 or bfloat16.
using BlockOfValues = std::function<Tensor(int64_t begin, int64_t end)>;
std::string value_digest(base::ThreadPool& pool, int64_t n, const BlockOfValues& block);

using FillValues = std::function<void(int64_t begin, int64_t end, float* to)>;
std::string value_digest(base::ThreadPool& pool, int64_t n, const FillValues& fill);

}  // namespace whorl::model
