#pragma once
// The random numbers of numpy and of Python, so that what they resample can be resampled here.
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace whorl::eval {

// numpy.random.default_rng(seed): PCG64 (O'Neill 2014, XSL-RR) seeded through SeedSequence.
class Pcg64 {
 public:
  explicit Pcg64(uint64_t seed);
  uint64_t next64();
  uint32_t next32();          // halves of a 64-bit number, the low one first
  int64_t below(uint32_t n);  // integers(n) and choice(n): Lemire's rejection on 32 bits; n >= 1
  // integers(2, size=…, dtype=bool): bits of a 32-bit number, lowest first. Every call of numpy begins a new
  // number: start_bits().
  void start_bits() { bits_left_ = 0; }
  bool next_bit();

 private:
  unsigned __int128 state_ = 0, increment_ = 0;
  bool has_half_ = false;
  uint32_t half_ = 0, bits_ = 0;
  int bits_left_ = 0;
};

// Python's random.Random(seed): MT19937 (Matsumoto and Nishimura 1998).
class PythonRandom {
 public:
  explicit PythonRandom(uint64_t seed);
  double random();            // 53 bits in [0, 1)
  int64_t choice(int64_t n);  // as choices() draws: floor(random() * n)

 private:
  uint32_t next();
  void twist();
  std::array<uint32_t, 624> state_{};
  size_t at_ = 624;
};

// Rows drawn with replacement, one list after the other.
class Resampler {
 public:
  virtual ~Resampler() = default;
  virtual void draw(std::vector<int64_t>& rows) = 0;  // fills all of `rows`
};
// "counter", "pcg64" or "mt19937". `resamples` matters to mt19937, which is seeded anew per chunk.
std::unique_ptr<Resampler> make_resampler(const std::string& generator, uint64_t seed, int64_t rows,
                                          int64_t resamples);

}  // namespace whorl::eval
