// Weights laid out at their second use: when that is, on every instruction set, from several threads at once,
// and with rows that cannot be read. That the bits are those of weights laid out at once: ops/cases_late.cc,
// too.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

#include "cpu/backend.h"
#include "cpu/isa.h"
#include "ops/late_rows.h"

namespace whorl::cpu {
namespace {

using ops::LateKind;
using ops::LateSource;

std::shared_ptr<CpuBackend> backend_of(int threads, const std::string& isa = "") {
  return std::make_shared<CpuBackend>(std::make_shared<base::ThreadPool>(threads), kernels_for(isa));
}

Tensor rows_of_numbers(int64_t n, int64_t k) {
  ops::Random random(static_cast<uint64_t>(n));
  return ops::to_tensor(random.matrix(n, k));
}
Tensor product(CpuBackend& backend, const ops::PackedWeight& w, int64_t n) {
  const Tensor y = Tensor::zeros(DType::float32, {n, w.outputs()});
  backend.linear(rows_of_numbers(n, w.inputs()), w, Tensor(), {}, Tensor(), y);
  return y;
}
std::vector<float> values(const Tensor& t) { return {t.data<float>(), t.data<float>() + t.numel()}; }

// Whether any byte of what products read has been written yet.
bool touched(const ops::PackedWeight& w) {
  const CpuWeight& weight = as_cpu(w);
  const Tensor memory = weight.whole() ? weight.forward.memory() : weight.quantised.codes();
  const auto* bytes = static_cast<const uint8_t*>(memory.raw());
  return std::any_of(bytes, bytes + memory.nbytes(), [](uint8_t b) { return b != 0; });
}

class LateWeight : public testing::TestWithParam<LateKind> {
 protected:
  static constexpr int64_t kOutputs = 300, kInputs = 1501;
  LateSource source{GetParam(), DType::bfloat16, kOutputs, kInputs};
};

TEST_P(LateWeight, IsLaidOutByItsSecondProduct) {
  for (const int64_t rows : {1, 16, 48}) {
    const auto backend = backend_of(2);
    const int before = source.laid_out();
    const Weight late = source.later(*backend);
    const auto want = values(product(*backend, *source.at_once(*backend), rows));
    EXPECT_EQ(values(product(*backend, *late, rows)), want);
    EXPECT_FALSE(touched(*late)) << "of " << rows << " rows";
    EXPECT_EQ(source.laid_out(), before) << "of " << rows << " rows";
    EXPECT_EQ(values(product(*backend, *late, rows)), want);
    EXPECT_TRUE(touched(*late));
    EXPECT_EQ(source.laid_out(), before + 1);
  }
}

TEST_P(LateWeight, IsLaidOutAtOnceForManyRows) {
  const auto backend = backend_of(2);
  const Weight late = source.later(*backend);
  product(*backend, *late, 49);
  EXPECT_TRUE(touched(*late));
  EXPECT_EQ(source.laid_out(), 1);
}

// A tied head: the lookup before its product is no product.
TEST_P(LateWeight, IsLaidOutByItsSecondLookup) {
  const auto backend = backend_of(2);
  const Weight late = source.later(*backend);
  const Tensor y = Tensor::zeros(DType::float32, {2, kInputs});
  const std::vector<int32_t> ids = {1, 299};
  backend->embedding(ids, *late, y);
  product(*backend, *late, 3);
  EXPECT_FALSE(touched(*late));
  EXPECT_EQ(source.laid_out(), 0);
  backend->embedding(ids, *late, y);
  EXPECT_TRUE(touched(*late));
  EXPECT_EQ(source.laid_out(), 1);
}

// One thread has all panels, a few at a time: with adapters beside and behind the product.
TEST_P(LateWeight, IsReadInPartsWithAdapters) {
  auto isas = available_isas();
  const auto emulated = emulated_isas();
  isas.insert(isas.end(), emulated.begin(), emulated.end());
  for (const std::string& isa : isas)
    for (const DType dtype : {DType::float32, DType::bfloat16}) {
      const auto backend = backend_of(1, isa);
      LateSource rows(GetParam(), dtype, kOutputs, kInputs);
      ops::Random random(3);
      const Weight at_once = rows.at_once(*backend);
      const Lora lora =
          backend->pack_lora(ops::to_tensor(random.matrix(8, kInputs)),
                             ops::to_tensor(random.matrix(kOutputs, 8)), 0.5f, at_once->dtype());
      const Tensor bias = ops::to_tensor(random.matrix(1, kOutputs)).reshape({kOutputs});
      for (const int64_t n : {1, 2, 9, 33, 48}) {
        const Tensor x = rows_of_numbers(n, kInputs);
        const LoraSegment all = {0, n, lora.get()};
        const Weight late = rows.later(*backend);
        std::vector<std::vector<float>> y, s;
        for (const Weight& w : {at_once, late, late}) {
          const Tensor to = Tensor::zeros(DType::float32, {n, kOutputs}),
                       low = Tensor::zeros(DType::float32, {n, 8});
          backend->linear(x, *w, bias, {&all, 1}, low, to);
          y.push_back(values(to)), s.push_back(values(low));
        }
        for (const size_t time : {1, 2}) {
          EXPECT_EQ(y[time], y[0]) << isa << " " << name_of(dtype) << ", " << n << " rows, time " << time;
          EXPECT_EQ(s[time], s[0]) << isa << " " << name_of(dtype) << ", " << n << " rows, time " << time;
        }
      }
    }
}

// Going back through pieces of rows before anything else.
TEST_P(LateWeight, IsLaidOutForGradientsOfPieces) {
  const auto backend = backend_of(2);
  const int64_t n = 2 * 192;
  const Tensor dy = rows_of_numbers(n, kOutputs);
  const auto back = [&](const Weight& w) {
    const Tensor dx = Tensor::zeros(DType::float32, {n, kInputs});
    backend->by_rows(n, {&w, 1}, [&](const ops::RowPiece& piece) {
      backend->linear_backward(piece.of(dy), Tensor(), *w, {}, Tensor(), {}, piece.of(dx), false);
    });
    return values(dx);
  };
  EXPECT_EQ(back(source.later(*backend)), back(source.at_once(*backend)));
}

// Threads of others, which wait for the same pool, and bodies that run there.
TEST_P(LateWeight, IsUsedFromSeveralThreadsAtOnce) {
  const auto backend = backend_of(3);
  const Weight at_once = source.at_once(*backend);
  const auto want = values(product(*backend, *at_once, 7));
  const int64_t many = 3 * 192;
  const auto want_many = values(product(*backend, *at_once, many));
  const Tensor x = rows_of_numbers(many, kInputs);
  for (int round = 0; round < 12; ++round) {
    const int before = source.laid_out();
    Weight late = source.later(*backend);
    std::atomic<int> ready{0}, wrong{0};
    const auto start = [&] {
      ++ready;
      while (ready < 4) std::this_thread::yield();
    };
    const auto few = [&] {
      start();
      for (int time = 0; time < 3; ++time) wrong += values(product(*backend, *late, 7)) != want;
    };
    const auto pieces = [&] {
      start();
      const Tensor y = Tensor::zeros(DType::float32, {many, kOutputs});
      backend->by_rows(many, {}, [&](const ops::RowPiece& piece) {
        backend->linear(piece.of(x), *late, Tensor(), {}, Tensor(), piece.of(y));
      });
      wrong += values(y) != want_many;
    };
    const auto others = [&] {
      start();
      wrong += late->nbytes() != at_once->nbytes();
      backend->prepare_backward(*late);
    };
    std::thread a(few), b(few), c(pieces), d(others);
    for (std::thread* thread : {&a, &b, &c, &d}) thread->join();
    EXPECT_EQ(wrong.load(), 0);
    EXPECT_EQ(source.laid_out(), before + 1);
    late = nullptr;
    EXPECT_EQ(source.laid_out(), before + 1);
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, LateWeight, testing::ValuesIn(ops::kLateKinds), [](const auto& instance) {
  std::string name = instance.param.name;
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
});

// Memory that a late weight of another kind left: codes that read as NaN where an odd number of inputs makes
// no pair, and in lanes without a column.
TEST(LateRows, AreLaidOverWhatOthersLeft) {
  for (const std::string& isa : available_isas()) {
    const auto backend = backend_of(1, isa);
    const ops::QuantizedRows codes{ops::Quantize::int8, 512, 512, false,
                                   [](int64_t, const ops::QuantizedRow& to) {
                                     std::fill_n(to.codes, 512, uint8_t{0x7f});
                                     std::fill_n(to.scales, 16, uint16_t{0x7bff});
                                   }};
    const Weight left = backend->pack_quantized_later(codes, [] {});
    LateSource source(ops::kLateKinds[0], DType::bfloat16, 37, 45);
    const Weight late = source.later(*backend), at_once = source.at_once(*backend);
    product(*backend, *left, 1);
    EXPECT_EQ(values(product(*backend, *late, 2)), values(product(*backend, *at_once, 2))) << isa;
  }
}

TEST(LateRows, LeaveNoMemoryBehindWhenOneIsLaidOut) {
  const auto backend = backend_of(2);
  LateSource source(ops::kLateKinds[0], DType::float32, 200, 300);
  const Weight late = source.later(*backend);
  EXPECT_EQ(backend->passing_bytes(), 0u);
  product(*backend, *late, 3);
  EXPECT_GT(backend->passing_bytes(), 0u);
  EXPECT_LT(backend->passing_bytes(), 2u * 400 << 10);
  product(*backend, *late, 3);
  EXPECT_EQ(backend->passing_bytes(), 0u);
}

// A trainer attaches while another is at its pieces of rows: it waits for the pool, and they do not for it.
TEST(Attaching, NeverMakesThoseWhoComputeWait) {
  const auto backend = backend_of(2);
  const Weight w = backend->pack(rows_of_numbers(64, 96), false);
  const int64_t n = 2 * 192;
  const Tensor dy = rows_of_numbers(n, 64), dx = Tensor::zeros(DType::float32, {n, 96});
  std::atomic<bool> begun{false};
  std::thread other;
  std::once_flag once;
  backend->by_rows(n, {&w, 1}, [&](const ops::RowPiece& piece) {
    std::call_once(once, [&] {
      other = std::thread([&] {
        begun = true;
        backend->prepare_backward(*w);
      });
      while (!begun) std::this_thread::yield();
      std::this_thread::sleep_for(std::chrono::milliseconds(50));  // by now it waits
    });
    backend->linear_backward(piece.of(dy), Tensor(), *w, {}, Tensor(), {}, piece.of(dx), false);
  });
  other.join();
  EXPECT_FALSE(as_cpu(*w).kept().empty());
}

// Rows that cannot be read: whoever needs them is told, nobody waits for ever.
TEST(LateRows, ThatCannotBeReadAreAnErrorForAll) {
  const auto backend = backend_of(2);
  ops::QuantizedRows rows{ops::Quantize::int8, 100, 64, false, [](int64_t row, const ops::QuantizedRow&) {
                            if (row == 70) throw std::invalid_argument("row 70 is gone");
                          }};
  std::atomic<int> laid_out{0};
  Weight late = backend->pack_quantized_later(rows, [&] { ++laid_out; });
  for (int time = 0; time < 3; ++time) EXPECT_THROW(product(*backend, *late, 3), std::invalid_argument);
  const Tensor x = rows_of_numbers(400, 64), y = Tensor::zeros(DType::float32, {400, 100});
  EXPECT_THROW(backend->by_rows(400, {},
                                [&](const ops::RowPiece& piece) {
                                  backend->linear(piece.of(x), *late, Tensor(), {}, Tensor(), piece.of(y));
                                }),
               std::invalid_argument);
  EXPECT_THROW(backend->unpack(*late), std::invalid_argument);
  late = nullptr;
  EXPECT_EQ(laid_out.load(), 1);
}

}  // namespace
}  // namespace whorl::cpu
