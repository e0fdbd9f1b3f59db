#include "model/value_hash.h"

#include <algorithm>
#include <vector>

#include "base/check.h"
#include "base/hash.h"

namespace whorl::model {

namespace {

// Rounds to bfloat16; false as soon as that would lose something.
bool narrow(const float* x, int64_t n, std::vector<uint16_t>& to) {
  to.resize(static_cast<size_t>(n));
  uint32_t lost = 0;
  for (int64_t i = 0; i < n; ++i) {
    uint32_t bits;
    __builtin_memcpy(&bits, x + i, sizeof bits);
    lost |= bits & 0xffffu;
    to[static_cast<size_t>(i)] = static_cast<uint16_t>(bits >> 16);
  }
  return lost == 0;
}

// Blocks that fit in bfloat16 are hashed as such: half the bytes, and the same digest whatever holds them.
std::string block_digest(const Tensor& block) {
  base::Sha256 hash;
  if (block.dtype() == DType::bfloat16) return hash.update("b").update(block.raw(), block.nbytes()).hex();
  thread_local std::vector<uint16_t> small;
  if (narrow(block.data<float>(), block.numel(), small))
    return hash.update("b").update(small.data(), small.size() * sizeof small[0]).hex();
  return hash.update("f").update(block.raw(), block.nbytes()).hex();
}

constexpr int64_t kBlock = 1 << 18;

// block(begin, end) gives a digest.
template <class Block>
std::string digest_of_blocks(base::ThreadPool& pool, int64_t n, const Block& block) {
  std::vector<std::string> parts(static_cast<size_t>((n + kBlock - 1) / kBlock));
  pool.run(static_cast<int64_t>(parts.size()), [&](int64_t i) {
    parts[static_cast<size_t>(i)] = block(i * kBlock, std::min(n, (i + 1) * kBlock));
  });
  base::Sha256 hash;
  for (const std::string& part : parts) hash.update(part);
  return hash.hex();
}

}  // namespace

std::string value_digest(base::ThreadPool& pool, const Tensor& x) {
  base::check_argument(x.dtype() == DType::float32 || x.dtype() == DType::bfloat16,
                       "[value_digest] expected float32 or bfloat16, got ", name_of(x.dtype()));
  const Tensor flat = x.reshape({x.numel()});
  return digest_of_blocks(pool, x.numel(),
                          [&](int64_t begin, int64_t end) { return block_digest(flat.rows(begin, end)); });
}

std::string value_digest(base::ThreadPool& pool, int64_t n, const BlockOfValues& block) {
  return digest_of_blocks(pool, n,
                          [&](int64_t begin, int64_t end) { return block_digest(block(begin, end)); });
}

std::string value_digest(base::ThreadPool& pool, int64_t n, const FillValues& fill) {
  return value_digest(pool, n, BlockOfValues([&](int64_t begin, int64_t end) {
                        Tensor block = Tensor::zeros(DType::float32, {end - begin});
                        fill(begin, end, block.data<float>());
                        return block;
                      }));
}

}  // namespace whorl::model
