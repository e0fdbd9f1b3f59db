// Products of FP8 on devices that have them with scales, their sums alone, or none: the harness on each, by
// which way they go, and the memory that is foreseen.
#include <gtest/gtest.h>

#include <algorithm>

#include "cuda/fp8_device.h"
#include "ops/harness.h"
#include "ops/staging_backend.h"

namespace whorl::ops {

namespace {
// What a device's library has of FP8 ("": no library at all), and how many launches a product takes: of
// multiples of 16; with a bias; of other outputs. Back: in passing, with its layout kept, accumulated too.
struct Kind {
  std::string fp8;
  int64_t plain, with_bias, odd, in_passing, kept, accumulated;
};
const Kind kKinds[] = {{"", 2, 2, 2, 2, 2, 2},
                       {"scaled", 2, 3, 5, 3, 2, 2},
                       {"sums", 3, 3, 5, 4, 3, 3},
                       {"refused", 5, 5, 5, 5, 5, 5}};

// Some rows, a weight, and the two products on the device.
struct Call {
  std::shared_ptr<Backend> backend;
  int64_t n, k, o;
  Tensor x, y, bias, none;
  Weight w;

  Call(std::shared_ptr<Backend> its, int64_t rows, int64_t inputs, int64_t outputs)
      : backend(std::move(its)), n(rows), k(inputs), o(outputs) {
    x = backend->allocate(DType::float32, {n, k}), y = backend->allocate(DType::float32, {n, o});
    bias = backend->allocate(DType::float32, {o});
    w = backend->pack_quantized(Tensor::zeros(DType::float32, {o, k}), Quantize::fp8);
  }
  void forward(bool with_bias) const { backend->linear(x, *w, with_bias ? bias : none, {}, none, y); }
  void backward(bool accumulate) const { backend->linear_backward(y, x, *w, {}, none, {}, x, accumulate); }
};

class Fp8 : public testing::TestWithParam<Kind> {
 protected:
  static std::shared_ptr<Backend> open(const char* few_rows = "0") {
    return open_with_fp8(GetParam().fp8, few_rows);
  }
};

TEST_P(Fp8, KeepsTheContract) {
  for (const std::string few : {"0", "16", "32"}) {
    StagingBackend backend(open(few.c_str()));
    for (const DType weights : {DType::float32, DType::bfloat16})
      for (const Check check : {check_fp8, check_fp8_rows_alone}) {
        if (few != "0" && check == check_fp8_rows_alone) continue;  // other kernels for other numbers of rows
        const Setting setting{.weights = weights, .adapters_round = true};
        Report report;
        check(backend, setting, report);
        EXPECT_TRUE(report.ok()) << few << report.text();
        EXPECT_GT(report.checks(), 10);
      }
  }
}

// Few rows have a kernel: a row alone has the bits that it has among others, whichever tile they take, and
// with adapters that the product adds itself.
TEST_P(Fp8, FewRowsKnowNoNeighbours) {
  StagingBackend backend(open("32"));
  Random random(8);
  const int64_t n = 30, k = 300, o = 72;
  const Tensor x = to_tensor(random.matrix(n, k)), none;
  const Weight w = backend.pack_quantized(to_tensor(random.matrix(o, k, 0.3)), Quantize::fp8);
  const Lora lora = backend.pack_lora(to_tensor(random.matrix(6, k, 0.3)),
                                      to_tensor(random.matrix(o, 6, 0.3)), 0.5f, w->dtype());
  const auto product = [&](int64_t begin, int64_t end, const PackedLora* adapter) {
    const Tensor y = Tensor::zeros(DType::float32, {end - begin, o}),
                 s = Tensor::zeros(DType::float32, {end - begin, 6});
    const LoraSegment all{0, end - begin, adapter};
    backend.linear(x.rows(begin, end), *w, none, {&all, 1}, s, y);
    return y;
  };
  Report report;
  for (const PackedLora* adapter :
       {static_cast<const PackedLora*>(nullptr), static_cast<const PackedLora*>(lora.get())}) {
    const Tensor all = product(0, n, adapter);
    for (const auto& [begin, end] : {std::pair<int64_t, int64_t>{0, 1}, {7, 15}, {9, 25}, {29, 30}})
      report.same_bits("y", product(begin, end, adapter), all.rows(begin, end));
  }
  EXPECT_TRUE(report.ok()) << report.text();
}

// What adapters add is what they add to a weight of zeros, of few rows and of many.
TEST_P(Fp8, AddsAdaptersToAnyNumberOfRows) {
  StagingBackend backend(open("16"));
  Random random(9);
  const int64_t k = 64, o = 48;
  const Tensor none;
  const Weight w = backend.pack_quantized(to_tensor(random.matrix(o, k, 0.3)), Quantize::fp8),
               zero = backend.pack_quantized(Tensor::zeros(DType::float32, {o, k}), Quantize::fp8);
  const Lora lora = backend.pack_lora(to_tensor(random.matrix(6, k, 0.3)),
                                      to_tensor(random.matrix(o, 6, 0.3)), 0.5f, w->dtype());
  for (const int64_t n : {int64_t{5}, int64_t{16}, int64_t{17}, int64_t{40}}) {
    const Tensor x = to_tensor(random.matrix(n, k));
    const auto product = [&](const PackedWeight& weight, const PackedLora* adapter) {
      const Tensor y = Tensor::zeros(DType::float32, {n, o}), s = Tensor::zeros(DType::float32, {n, 6});
      const LoraSegment all{0, n, adapter};
      backend.linear(x, weight, none, {&all, 1}, s, y);
      return y;
    };
    const Tensor with = product(*w, lora.get());
    const auto base = to_doubles(product(*w, nullptr)), added = to_doubles(product(*zero, lora.get()));
    std::vector<double> both(base);
    for (size_t i = 0; i < both.size(); ++i) both[i] += added[i];
    Report report;
    report.compare("y", with, both, 1e-6);
    report.expect(*std::max_element(added.begin(), added.end()) > 0.5, "adapters add something");
    EXPECT_TRUE(report.ok()) << n << report.text();
  }
}

// With it a call of up to four products of few rows is two launches: the rounding, then all of them.
TEST_P(Fp8, FewRowsAreOneLaunch) {
  if (GetParam().fp8.empty()) GTEST_SKIP() << "without a library every product is a kernel's here";
  const Call call(open("16"), 16, 64, 33);
  const std::vector<LinearJob> jobs(4, LinearJob{*call.w, call.none, {}, call.none, call.y});
  EXPECT_EQ(launches_of([&] { call.backend->linears(call.x, jobs); }), 2);
  const Call more(call.backend, 17, 64, 32);
  EXPECT_EQ(launches_of([&] { more.forward(false); }), GetParam().plain);
}

TEST_P(Fp8, TakesTheWayThatTheDeviceHas) {
  const Kind& kind = GetParam();
  const Call even(open(), 5, 64, 32), odd(even.backend, 5, 64, 33);
  EXPECT_EQ(launches_of([&] { even.forward(false); }), kind.plain);
  EXPECT_EQ(launches_of([&] { even.forward(true); }), kind.with_bias);
  EXPECT_EQ(launches_of([&] { odd.forward(false); }), kind.odd);
  EXPECT_EQ(launches_of([&] { even.backward(false); }), kind.in_passing);
  even.backend->prepare_backward(*even.w);
  EXPECT_EQ(launches_of([&] { even.backward(false); }), kind.kept);
  EXPECT_EQ(launches_of([&] { even.backward(true); }), kind.accumulated);
  const bool turns = kind.fp8 == "scaled" || kind.fp8 == "sums";
  EXPECT_EQ(even.backend->gradient_layout_bytes(*even.w), turns ? 64u * 32u : 0u);
}

// Rows are rounded once for all products that read them.
TEST_P(Fp8, RoundsRowsOnce) {
  const Call call(open(), 5, 64, 32);
  const Tensor second = call.backend->allocate(DType::float32, {5, 32});
  const std::vector<LinearJob> jobs = {{*call.w, call.none, {}, call.none, call.y},
                                       {*call.w, call.none, {}, call.none, second}};
  EXPECT_EQ(launches_of([&] { call.backend->linears(call.x, jobs); }), 2 * GetParam().plain - 1);
}

TEST_P(Fp8, WorkingMemoryIsForeseen) {
  constexpr int64_t kLists = 2 << 20;
  for (const auto& [n, k, o] :
       {std::array<int64_t, 3>{9, 64, 4096}, {9, 4096, 64}, {40, 256, 272}, {9, 65, 129}})
    for (const bool kept : {false, true}) {
      const Call call(open(), n, k, o);
      PassShape pass;
      pass.rows = n, pass.linears = {call.w}, pass.head = call.w, pass.kept_layouts = kept;
      if (kept) call.backend->prepare_backward(*call.w);
      const auto foreseen = [&](bool gradients) {
        pass.gradients = gradients;
        return static_cast<int64_t>(call.backend->working_bytes(pass)) - kLists;
      };
      const int64_t forward = taken_by([&] { call.forward(false); });
      EXPECT_EQ(forward, foreseen(false)) << n << " " << k << " " << o;
      const int64_t back =
          std::max(taken_by([&] { call.backward(false); }), taken_by([&] { call.backward(true); }));
      EXPECT_LE(back, foreseen(true)) << n << " " << k << " " << o;
    }
}

INSTANTIATE_TEST_SUITE_P(Devices, Fp8, testing::ValuesIn(kKinds), [](const auto& instance) {
  return instance.param.fp8.empty() ? "no_library" : instance.param.fp8;
});

}  // namespace
}  // namespace whorl::ops
