// Rows that norm and activation make beside FP8 weights, which they round in the same launch: the bits of the
// calls one by one, in float32 and bfloat16, with adapters and without, of few rows and of many, of odd ones;
// how many launches and how much memory that is.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "cuda/fp8_device.h"
#include "ops/harness.h"
#include "ops/staging_backend.h"

namespace whorl::ops {
namespace {

constexpr int64_t kOutputs = 24, kRank = 5;

struct Kind {
  std::string fp8;
  const char* few_rows;
};
void PrintTo(const Kind& kind, std::ostream* to) { *to << kind.fp8 << " " << kind.few_rows; }

// What rows are made of, and products of them: of FP8 twice, of whole numbers between them.
struct Made {
  Backend& backend;
  int64_t n, k;
  Tensor x, up, gain, none;
  std::vector<Weight> weights;
  Lora lora;

  // Rows of very different sizes; those behind the first five hold zeros, what underflows, what overflows as
  // a square, NaN and infinity.
  Made(Backend& its, int64_t rows, int64_t inputs) : backend(its), n(rows), k(inputs) {
    Random random(static_cast<uint64_t>(n * k));
    Matrix<double> numbers = random.matrix(n, k, 0.3);
    for (int64_t r = 0; r < n; ++r)
      for (int64_t i = 0; i < k; ++i) {
        double& one = numbers(r, i);
        one *= std::ldexp(1, static_cast<int>(r * 5 % 17 - 8));
        if (r == 5) one = 0;
        if (r == 6) one *= 0x1p-120;
        if (r == 7) one *= 0x1p60;
      }
    if (n > 8) numbers(8, k - 2) = std::numeric_limits<double>::quiet_NaN();
    if (n > 9) numbers(9, 3) = -std::numeric_limits<double>::infinity();
    x = to_tensor(numbers), up = to_tensor(random.matrix(n, k));
    gain = to_tensor(random.matrix(1, k)).reshape({k});
    const Tensor w = to_tensor(random.matrix(kOutputs, k, 0.3));
    for (const Quantize quantize : {Quantize::fp8, Quantize::int8, Quantize::fp8})
      weights.push_back(backend.pack_quantized(w, quantize));
    lora = backend.pack_lora(to_tensor(random.matrix(kRank, k, 0.3)),
                             to_tensor(random.matrix(kOutputs, kRank, 0.3)), 0.5f, DType::bfloat16);
  }

  // Of rows [begin, end): the rows, then each product's result, of which the last has an adapter where one is
  // wanted, over the second half. `together`: as one call, which makes and multiplies.
  std::vector<Tensor> results(bool norm, bool adapter, bool together, int64_t begin, int64_t end) const {
    const int64_t rows = end - begin;
    const auto zeros = [&](int64_t columns) { return Tensor::zeros(DType::float32, {rows, columns}); };
    std::vector<Tensor> out = {zeros(k)};
    std::vector<LinearJob> jobs;
    const LoraSegment segment{begin < n / 2 ? std::min(n / 2 - begin, rows) : 0, rows, lora.get()};
    const Tensor s = zeros(kRank), rstd = zeros(1);
    for (size_t i = 0; i < weights.size(); ++i) out.push_back(zeros(kOutputs));
    for (size_t i = 0; i < weights.size(); ++i) {
      const bool adapts = adapter && i == 2;
      jobs.push_back({*weights[i], none, {&segment, adapts ? 1u : 0u}, adapts ? s : none, out[i + 1]});
    }
    const Tensor a = x.rows(begin, end), b = up.rows(begin, end);
    if (norm)
      together ? backend.norm_linears(a, gain, 1e-5f, out[0], rstd, jobs)
               : backend.rms_norm(a, gain, 1e-5f, 1, out[0], rstd);
    else
      together ? backend.swiglu_linears(a, b, out[0], jobs) : backend.swiglu(a, b, out[0]);
    if (!together) backend.linears(out[0], jobs);
    return out;
  }
};

class Fp8MadeRows : public testing::TestWithParam<Kind> {
 protected:
  static std::shared_ptr<Backend> open() { return open_with_fp8(GetParam().fp8, GetParam().few_rows); }
};

// Numbers came out of those that went in, but for the rows of NaN and of infinity: two calls that leave bytes
// unwritten agree as well.
bool are_numbers(const Tensor& rows) {
  for (int64_t r = 0; r < rows.dim(0); ++r)
    for (int64_t i = 0; i < rows.dim(1) && r != 8 && r != 9; ++i)
      if (!std::isfinite(rows.data<float>()[r * rows.row_stride() + i])) return false;
  return true;
}

void same(Report& report, const std::vector<Tensor>& got, const std::vector<Tensor>& want) {
  for (size_t i = 0; i < got.size(); ++i)
    report.same_bits(i == 0 ? "the rows" : "product " + std::to_string(i), got[i], want[i]);
}

// Of columns that are no four, that are no sixteen, and more than a thread has at once.
TEST_P(Fp8MadeRows, HaveTheBitsOfCallsOneByOne) {
  const auto device = open();
  for (const DType activations : {DType::float32, DType::bfloat16}) {
    StagingBackend backend(device, activations);
    for (const auto& [n, k] : {std::pair<int64_t, int64_t>{1, 40}, {10, 1505}, {16, 304}, {70, 1100}}) {
      const Made made(backend, n, k);
      for (const bool norm : {true, false})
        for (const bool adapter : {true, false}) {
          Report report;
          report.enter(to_string({n, k, norm, adapter}));
          const std::vector<Tensor> got = made.results(norm, adapter, true, 0, n);
          same(report, got, made.results(norm, adapter, false, 0, n));
          for (const Tensor& one : got) report.expect(are_numbers(one), "numbers were lost");
          EXPECT_TRUE(report.ok()) << (activations == DType::bfloat16) << " " << report.text();
        }
    }
  }
}

// Alone and among others, of odd rows too, as long as the same kernels multiply them.
TEST_P(Fp8MadeRows, KnowNoNeighbours) {
  const auto device = open();
  const int64_t n = GetParam().few_rows == std::string("0") ? 70 : 16, k = 1505;
  for (const DType activations : {DType::float32, DType::bfloat16}) {
    StagingBackend backend(device, activations);
    const Made made(backend, n, k);
    for (const bool norm : {true, false}) {
      const std::vector<Tensor> all = made.results(norm, true, true, 0, n);
      for (const auto& [begin, end] : {std::pair<int64_t, int64_t>{0, 1}, {4, 11}, {9, 10}, {3, n}}) {
        std::vector<Tensor> theirs;
        for (const Tensor& one : all) theirs.push_back(one.rows(begin, end));
        Report report;
        same(report, made.results(norm, true, true, begin, end), theirs);
        EXPECT_TRUE(report.ok()) << begin << " " << end << " " << report.text();
      }
    }
  }
}

// On the device, without copies: one product of rows that are made, and one of rows that are there.
struct OnDevice {
  std::shared_ptr<Backend> backend;
  Tensor x, up, gain, made, rstd, y, none;
  Weight w;
  OnDevice(std::shared_ptr<Backend> its, int64_t n, int64_t k, Quantize quantize) : backend(std::move(its)) {
    const auto rows = [&](int64_t columns) { return backend->allocate(DType::float32, {n, columns}); };
    x = rows(k), up = rows(k), made = rows(k), rstd = rows(1), y = rows(32);
    gain = backend->allocate(DType::float32, {k});
    w = backend->pack_quantized(Tensor::zeros(DType::float32, {32, k}), quantize);
  }
  LinearJob job() const { return {*w, none, {}, none, y}; }
  void norm() const {
    const LinearJob its = job();
    backend->norm_linears(x, gain, 1e-5f, made, rstd, {&its, 1});
  }
  void swiglu() const {
    const LinearJob its = job();
    backend->swiglu_linears(x, up, made, {&its, 1});
  }
  void there() const {
    const LinearJob its = job();
    backend->linears(x, {&its, 1});
  }
};

// The launch that makes them takes the place of the one that rounds them, and no memory but its own.
TEST_P(Fp8MadeRows, TakeTheLaunchesAndMemoryOfRowsThatAreThere) {
  const auto device = open();
  for (const Quantize quantize : {Quantize::fp8, Quantize::int8})
    for (const int64_t n : {1, 16, 17, 100}) {
      const OnDevice its(device, n, 200, quantize);
      const auto all = [&](const auto& measure) {
        return std::vector<int64_t>{measure([&] { its.there(); }), measure([&] { its.norm(); }),
                                    measure([&] { its.swiglu(); })};
      };
      const std::vector<int64_t> launches = all(launches_of), taken = all(taken_by);
      EXPECT_EQ(launches, std::vector<int64_t>(3, launches[0])) << n;
      EXPECT_EQ(taken, std::vector<int64_t>(3, taken[0])) << n;
      PassShape pass;
      pass.rows = n, pass.linears = {its.w}, pass.head = its.w, pass.gradients = false;
      const int64_t foreseen = static_cast<int64_t>(device->working_bytes(pass)) - (2 << 20);
      EXPECT_LE(taken[0], foreseen) << n;
      // Codes that the library would want widened are foreseen, whoever multiplies.
      const bool widened = quantize == Quantize::fp8 && GetParam().fp8 == "refused";
      if (!widened || n > 16) {
        EXPECT_EQ(taken[0], foreseen) << n;
      }
    }
}

INSTANTIATE_TEST_SUITE_P(Devices, Fp8MadeRows,
                         testing::Values(Kind{"", "0"}, Kind{"scaled", "0"}, Kind{"scaled", "16"},
                                         Kind{"sums", "0"}, Kind{"refused", "0"}, Kind{"refused", "16"}),
                         [](const auto& its) {
                           return (its.param.fp8.empty() ? "no_library" : its.param.fp8) + "_" +
                                  its.param.few_rows;
                         });

}  // namespace
}  // namespace whorl::ops
