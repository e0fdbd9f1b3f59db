// Rows in bfloat16 where kinds meet: two products that share a launch of NVIDIA's library, of one kind and of
// two, and what is refused.
#include <gtest/gtest.h>

#include <filesystem>

#include "ops/device.h"
#include "ops/harness.h"
#include "ops/library_folders.h"

namespace whorl::ops {
namespace {

constexpr int64_t kRows = 20, kInputs = 24, kOutputs = 16;
constexpr DType kNarrow = DType::bfloat16, kWide = DType::float32;

struct Device {
  std::shared_ptr<Backend> backend;
  Device() {
    add_library_folder(std::filesystem::path(WHORL_EMULATED_LIBRARY).parent_path().string());
    setenv("WHORL_EMULATED_PRODUCTS", "1", 1);
    backend = make_backend("cuda_emulated");
    unsetenv("WHORL_EMULATED_PRODUCTS");
  }
  Tensor on_device(const Matrix<double>& m, DType dtype) const {
    const Tensor out = backend->allocate(dtype, {m.rows, m.columns});
    backend->upload(to_tensor(m), out);
    return out;
  }
  Tensor on_host(const Tensor& t) const {
    Tensor out = Tensor::zeros(kWide, t.shape());
    backend->download(t, out);
    return out;
  }
};

// Keys and values: weights, biases and outputs one behind the other, so that the library may make both.
struct Pair : Device {
  Tensor x, biases, none;
  std::vector<Weight> weights;
  explicit Pair(DType stored = kNarrow) {
    Random random(3);
    x = on_device(random.matrix(kRows, kInputs, 1, kNarrow), stored == kWide ? kWide : kNarrow);
    biases = on_device(random.matrix(1, 2 * kOutputs, 1, kNarrow), kWide).reshape({2 * kOutputs});
    for (int i = 0; i < 2; ++i)
      weights.push_back(
          backend->pack(to_tensor(random.matrix(kOutputs, kInputs, 0.3, kNarrow), stored), true));
  }
  Tensor bias(int64_t i) const { return biases.rows(i * kOutputs, (i + 1) * kOutputs); }
  // y of both from one buffer, or each of its kind from its own.
  std::vector<Tensor> outputs(DType first, DType second) const {
    if (first == second) {
      const Tensor both = backend->allocate(first, {2 * kRows, kOutputs});
      return {both.rows(0, kRows), both.rows(kRows, 2 * kRows)};
    }
    return {backend->allocate(first, {kRows, kOutputs}), backend->allocate(second, {kRows, kOutputs})};
  }
};

TEST(NarrowRows, OfTwoProductsAtOnceAreThoseOfEach) {
  const Pair pair;
  for (const auto& [first, second] : {std::pair(kNarrow, kNarrow), {kWide, kNarrow}, {kNarrow, kWide}}) {
    const auto y = pair.outputs(first, second), alone = pair.outputs(first, second);
    const Tensor b[] = {pair.bias(0), pair.bias(1)};
    const LinearJob jobs[] = {{*pair.weights[0], b[0], {}, pair.none, y[0]},
                              {*pair.weights[1], b[1], {}, pair.none, y[1]}};
    pair.backend->linears(pair.x, jobs);
    Report report;
    for (size_t i = 0; i < 2; ++i) {
      pair.backend->linear(pair.x, *pair.weights[i], b[i], {}, pair.none, alone[i]);
      report.same_bits("y", pair.on_host(y[i]), pair.on_host(alone[i]));
    }
    EXPECT_TRUE(report.ok()) << report.text();
  }
}

// A sum of several products keeps no less than one rounding each.
TEST(NarrowRows, AddUpInFloat32WhereTheSumIs) {
  const Pair pair;
  const Tensor dy = pair.outputs(kNarrow, kNarrow)[0], dx = pair.backend->allocate(kWide, {kRows, kInputs}),
               narrow = pair.backend->allocate(kNarrow, {kRows, kInputs});
  pair.backend->upload(to_tensor(Random(9).matrix(kRows, kOutputs, 1, kNarrow)), dy);
  for (const Tensor& to : {dx, narrow})
    for (size_t i = 0; i < 2; ++i)
      pair.backend->linear_backward(dy, pair.none, *pair.weights[i], {}, pair.none, {}, to, i > 0);
  const auto want = to_doubles(pair.on_host(dx));
  Report report;
  report.compare("dx in bfloat16", pair.on_host(narrow), want, 8e-3);
  EXPECT_TRUE(report.ok()) << report.text();
  EXPECT_NE(to_doubles(pair.on_host(narrow)), want);
}

// As they lie, where that is at multiples of sixteen bytes; few and many.
TEST(NarrowRows, MayBeASliceOfWiderOnes) {
  const Pair pair;
  for (const int64_t n : {int64_t{5}, kRows}) {
    const Tensor wide = pair.backend->allocate(kNarrow, {n, kInputs + 16}),
                 slice = wide.columns(8, 8 + kInputs), plain = pair.backend->allocate(kNarrow, {n, kInputs}),
                 y = pair.backend->allocate(kWide, {n, kOutputs}),
                 of_slice = pair.backend->allocate(kWide, {n, kOutputs});
    const Tensor numbers = to_tensor(Random(4).matrix(n, kInputs, 1, kNarrow));
    pair.backend->upload(numbers, slice), pair.backend->upload(numbers, plain);
    pair.backend->linear(plain, *pair.weights[0], {}, {}, {}, y);
    pair.backend->linear(slice, *pair.weights[0], {}, {}, {}, of_slice);
    Report report;
    report.same_bits("y", pair.on_host(of_slice), pair.on_host(y));
    EXPECT_TRUE(report.ok()) << report.text();
  }
}

std::string refusal(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

TEST(NarrowRows, AreRefusedWhereTheyCannotBe) {
  const Pair pair, exact(kWide);
  const auto y = pair.outputs(kNarrow, kWide);
  const auto says = [](const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  const std::string rounds = "expected rows in bfloat16 beside weights and adapters that are not float32";
  says(refusal([&] { pair.backend->linear(pair.x, *exact.weights[0], {}, {}, {}, y[1]); }), rounds);
  says(refusal([&] { exact.backend->linear(exact.x, *exact.weights[0], {}, {}, {}, y[0]); }), rounds);
  says(refusal(
           [&] { pair.backend->linear_backward(y[0], {}, *exact.weights[0], {}, {}, {}, exact.x, false); }),
       rounds);
  const LinearJob job{*pair.weights[0], pair.none, {}, pair.none, y[0], &y[1]};
  says(refusal([&] { pair.backend->linears(pair.x, {&job, 1}); }), "expected y float32 [20, 16]");
  const Tensor gate = pair.outputs(kNarrow, kNarrow)[0];
  says(refusal([&] { pair.backend->swiglu(gate, y[1], gate); }), "expected up bfloat16 [20, 16]");
  says(refusal([&] { pair.backend->add(gate, y[1]); }), "expected x to be a float32 matrix");
}

}  // namespace
}  // namespace whorl::ops
