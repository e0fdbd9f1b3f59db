#pragma once
// Digests. SHA-256 where somebody must be able to trust the answer; XXH3 where speed is all (buckets,
// sampling, MinHash).
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace whorl::base {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  Sha256& update(const void* data, size_t size);
  Sha256& update(std::string_view bytes) { return update(bytes.data(), bytes.size()); }
  // 64 lower-case hex digits. The object is spent afterwards.
  std::string hex();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

std::string sha256_hex(std::string_view bytes);
bool is_sha256_hex(std::string_view text);

uint64_t xxh3_64(std::string_view bytes, uint64_t seed = 0);
std::pair<uint64_t, uint64_t> xxh3_128(std::string_view bytes, uint64_t seed = 0);  // low, high

std::string to_hex(std::string_view bytes);

}  // namespace whorl::base
