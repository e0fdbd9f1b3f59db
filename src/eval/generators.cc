#include "eval/generators.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/json.h"
#include "base/random.h"

namespace whorl::eval {
namespace {

using Wide = unsigned __int128;

// numpy's SeedSequence: hashes any number of seed words into a pool of four, and the pool into as many words
// as are asked for.
class SeedSequence {
 public:
  explicit SeedSequence(uint64_t seed) {
    uint32_t hash = 0x43b0d7e5;
    const uint32_t words[4] = {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32), 0, 0};
    for (size_t i = 0; i < 4; ++i) pool_[i] = scramble(words[i], hash, 0x931e8875);
    for (size_t from = 0; from < 4; ++from)
      for (size_t to = 0; to < 4; ++to)
        if (from != to) pool_[to] = mix(pool_[to], scramble(pool_[from], hash, 0x931e8875));
  }
  std::array<uint64_t, 4> state() const {
    uint32_t hash = 0x8b51f9dd;
    std::array<uint64_t, 4> out{};
    for (size_t i = 0; i < 8; ++i)
      out[i / 2] |= uint64_t{scramble(pool_[i % 4], hash, 0x58f38ded)} << (i % 2 * 32);
    return out;
  }

 private:
  static uint32_t scramble(uint32_t value, uint32_t& hash, uint32_t multiplier) {
    value ^= hash;
    hash *= multiplier;
    value *= hash;
    return value ^ value >> 16;
  }
  static uint32_t mix(uint32_t x, uint32_t y) {
    const uint32_t out = 0xca01f9ddu * x - 0x4973f715u * y;
    return out ^ out >> 16;
  }
  uint32_t pool_[4];
};

constexpr Wide kMultiplier = (Wide{0x2360ed051fc65da4ull} << 64) | 0x4385df649fccf645ull;

}  // namespace

Pcg64::Pcg64(uint64_t seed) {
  const auto words = SeedSequence(seed).state();
  increment_ = (((Wide{words[2]} << 64) | words[3]) << 1) | 1;
  state_ = increment_ + ((Wide{words[0]} << 64) | words[1]);
  state_ = state_ * kMultiplier + increment_;
}

uint64_t Pcg64::next64() {
  state_ = state_ * kMultiplier + increment_;
  const uint64_t folded = static_cast<uint64_t>(state_ >> 64) ^ static_cast<uint64_t>(state_);
  const auto turn = static_cast<unsigned>(state_ >> 122);
  return folded >> turn | folded << (-turn & 63);
}

uint32_t Pcg64::next32() {
  if (has_half_) {
    has_half_ = false;
    return half_;
  }
  const uint64_t both = next64();
  has_half_ = true;
  half_ = static_cast<uint32_t>(both >> 32);
  return static_cast<uint32_t>(both);
}

int64_t Pcg64::below(uint32_t n) {
  if (n == 1) return 0;  // nothing is drawn
  uint64_t product = uint64_t{next32()} * n;
  if (static_cast<uint32_t>(product) < n) {
    const uint32_t threshold = -n % n;
    while (static_cast<uint32_t>(product) < threshold) product = uint64_t{next32()} * n;
  }
  return static_cast<int64_t>(product >> 32);
}

bool Pcg64::next_bit() {
  if (bits_left_ == 0) {
    bits_ = next32();
    bits_left_ = 32;
  } else {
    bits_ >>= 1;
  }
  --bits_left_;
  return bits_ & 1;
}

PythonRandom::PythonRandom(uint64_t seed) {
  auto& s = state_;
  s[0] = 19650218u;
  for (uint32_t i = 1; i < 624; ++i) s[i] = 1812433253u * (s[i - 1] ^ s[i - 1] >> 30) + i;
  const std::vector<uint32_t> key =
      seed >> 32 ? std::vector<uint32_t>{static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)}
                 : std::vector<uint32_t>{static_cast<uint32_t>(seed)};
  size_t i = 1, j = 0;
  auto step = [&] {
    if (++i == 624) {
      s[0] = s[623];
      i = 1;
    }
  };
  for (int k = 0; k < 624; ++k) {
    s[i] = (s[i] ^ (s[i - 1] ^ s[i - 1] >> 30) * 1664525u) + key[j] + static_cast<uint32_t>(j);
    j = (j + 1) % key.size();
    step();
  }
  for (int k = 0; k < 623; ++k) {
    s[i] = (s[i] ^ (s[i - 1] ^ s[i - 1] >> 30) * 1566083941u) - static_cast<uint32_t>(i);
    step();
  }
  s[0] = 0x80000000u;
}

void PythonRandom::twist() {
  for (size_t k = 0; k < 624; ++k) {
    const uint32_t y = (state_[k] & 0x80000000u) | (state_[(k + 1) % 624] & 0x7fffffffu);
    state_[k] = state_[(k + 397) % 624] ^ y >> 1 ^ (y & 1 ? 0x9908b0dfu : 0);
  }
  at_ = 0;
}

uint32_t PythonRandom::next() {
  if (at_ == 624) twist();
  uint32_t y = state_[at_++];
  y ^= y >> 11;
  y ^= y << 7 & 0x9d2c5680u;
  y ^= y << 15 & 0xefc60000u;
  return y ^ y >> 18;
}

double PythonRandom::random() {
  const uint32_t high = next() >> 5, low = next() >> 6;
  return (high * 67108864.0 + low) / 9007199254740992.0;
}

int64_t PythonRandom::choice(int64_t n) {
  return static_cast<int64_t>(std::floor(random() * static_cast<double>(n)));
}

namespace {

class Counter final : public Resampler {
 public:
  Counter(uint64_t seed, int64_t rows) : seed_(seed), rows_(static_cast<uint64_t>(rows)) {}
  void draw(std::vector<int64_t>& out) override {
    const uint64_t key = base::derive(seed_, turn_++);
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<int64_t>(base::below(key, i, rows_));
  }

 private:
  uint64_t seed_, rows_, turn_ = 0;
};

class Numpy final : public Resampler {
 public:
  Numpy(uint64_t seed, int64_t rows) : random_(seed), rows_(static_cast<uint32_t>(rows)) {}
  void draw(std::vector<int64_t>& out) override {
    for (auto& row : out) row = random_.below(rows_);
  }

 private:
  Pcg64 random_;
  uint32_t rows_;
};

// A new generator for each chunk of 1,000 resamples (or of all, when they are fewer), seeded with its number.
class Python final : public Resampler {
 public:
  Python(int64_t rows, int64_t resamples)
      : rows_(rows), chunk_(std::min<int64_t>(1000, resamples)), random_(0) {}
  void draw(std::vector<int64_t>& out) override {
    if (turn_ % chunk_ == 0) random_ = PythonRandom(static_cast<uint64_t>(turn_ / chunk_));
    ++turn_;
    for (auto& row : out) row = random_.choice(rows_);
  }

 private:
  int64_t rows_, chunk_, turn_ = 0;
  PythonRandom random_;
};

}  // namespace

std::unique_ptr<Resampler> make_resampler(const std::string& generator, uint64_t seed, int64_t rows,
                                          int64_t resamples) {
  base::check_argument(rows >= 1, "[bootstrap] expected at least one row, got ", rows);
  base::check_argument(resamples >= 1, "[bootstrap] expected at least one resample, got ", resamples);
  if (generator == "counter") return std::make_unique<Counter>(seed, rows);
  if (generator == "pcg64") {
    base::check_argument(rows < int64_t{1} << 32, "[bootstrap] pcg64 draws from fewer than 2^32 rows, got ",
                         rows);
    return std::make_unique<Numpy>(seed, rows);
  }
  if (generator == "mt19937") {
    base::check_argument(
        resamples < 1000 || resamples % 1000 == 0,
        "[bootstrap] mt19937 draws in chunks of 1,000: expected fewer resamples or a multiple, got ",
        resamples);
    return std::make_unique<Python>(rows, resamples);
  }
  base::invalid("[bootstrap] expected generator to be 'counter', 'pcg64' or 'mt19937', got '", generator, "'",
                base::did_you_mean(generator, {"counter", "pcg64", "mt19937"}));
}

}  // namespace whorl::eval
