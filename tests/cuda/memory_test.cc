// What working_bytes foresees for a call of adapters against what the device's memory grew to.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>

#include "cuda/counted.h"
#include "ops/backend.h"
#include "ops/device.h"
#include "ops/library_folders.h"

namespace whorl::ops {

namespace {
constexpr int64_t kLists = 2 << 20;  // which may be kept beside a pass

int64_t peak() { return counted("memory_peak"); }

// Three products of the same rows whose adapters have the same rank, and the way back through one of them.
struct Call {
  std::shared_ptr<Backend> backend = make_backend("cuda_emulated");
  int64_t n, k, o;
  Tensor x, y, s, da, db, none;
  Weight w;
  Lora lora;
  LoraSegment all;

  Call(int64_t rows, int64_t inputs, int64_t rank, DType dtype, int64_t outputs = 24)
      : n(rows), k(inputs), o(outputs) {
    const auto on_device = [&](int64_t r, int64_t c) { return backend->allocate(DType::float32, {r, c}); };
    x = on_device(n, k), y = on_device(n, o), s = on_device(n, rank);
    da = on_device(rank, k), db = on_device(o, rank);
    w = backend->pack(Tensor::zeros(dtype, {o, k}), true);
    lora = backend->pack_lora(Tensor::zeros(DType::float32, {rank, k}),
                              Tensor::zeros(DType::float32, {o, rank}), 1, dtype);
    all = {0, n, lora.get()};
  }
  PassShape shape(bool gradients) const {
    PassShape pass;
    pass.rows = n, pass.segment_rows = n, pass.rank = lora->rank(), pass.gradients = gradients;
    pass.linears = {w}, pass.head = w;
    return pass;
  }
  int64_t foreseen(bool gradients) const {
    return static_cast<int64_t>(backend->working_bytes(shape(gradients))) - kLists;
  }
  // The second time: lists are there.
  int64_t taken(const std::function<void()>& call) const {
    call(), peak();
    const int64_t before = peak();
    call();
    return peak() - before;
  }
  int64_t forward() const {
    const LinearJob job{*w, none, {&all, 1}, none, y};
    const std::vector<LinearJob> jobs = {job, job, job};
    return taken([&] { backend->linears(x, jobs); });
  }
  int64_t backward() const {
    return taken([&] { backend->linear_backward(y, x, *w, {&all, 1}, s, {}, x, false); });
  }
  int64_t gradients() const {
    const LoraGradient both{da, db};
    return taken([&] { backend->linear_backward(y, x, *w, {&all, 1}, s, {&both, 1}, none, false); });
  }
};

TEST(WorkingMemory, OfAdaptersIsForeseen) {
  add_library_folder(std::filesystem::path(WHORL_EMULATED_LIBRARY).parent_path().string());
  for (const bool library : {false, true}) {
    if (library) setenv("WHORL_EMULATED_PRODUCTS", "1", 1);
    for (const auto& [n, k, rank] : {std::array<int64_t, 3>{1, 4096, 16}, {8, 600, 3}, {9, 64, 8}}) {
      const Call call(n, k, rank, DType::bfloat16);
      const int64_t chunks = k == 4096 ? 16 : k == 600 ? 3 : 1, rounded = n * k * 2;
      EXPECT_EQ(call.foreseen(false), rounded + 3 * n * rank * chunks * 4) << k;
      EXPECT_EQ(call.forward(), call.foreseen(false) - (library ? 0 : rounded)) << k;
      EXPECT_LE(call.backward(), call.foreseen(true)) << k;
    }
  }
  unsetenv("WHORL_EMULATED_PRODUCTS");
}

// Rounded rows stay beside the adapters' sums until the base's product is made.
TEST(WorkingMemory, OfTheWayBackIsForeseen) {
  add_library_folder(std::filesystem::path(WHORL_EMULATED_LIBRARY).parent_path().string());
  setenv("WHORL_EMULATED_PRODUCTS", "1", 1);
  const Call call(8, 24, 16, DType::bfloat16, 4096);
  const int64_t low = 8 * 16 * 4;
  EXPECT_EQ(call.backward(), 8 * 4096 * 2 + low + 16 * low);
  EXPECT_LE(call.backward(), call.foreseen(true));
  unsetenv("WHORL_EMULATED_PRODUCTS");
}

// What was somebody else's is zero again, reserved memory too.
TEST(Memory, ComesZeroed) {
  add_library_folder(std::filesystem::path(WHORL_EMULATED_LIBRARY).parent_path().string());
  const auto backend = make_backend("cuda_emulated");
  const Tensor ones = Tensor::zeros(DType::float32, {64, 64}), got = Tensor::zeros(DType::float32, {64, 64});
  std::fill_n(ones.data<float>(), 64 * 64, 1.0f);
  for (const auto make : {&Backend::allocate, &Backend::reserve}) {
    {
      backend->upload(ones, ((*backend).*make)(DType::float32, {64, 64}));
    }
    backend->download(((*backend).*make)(DType::float32, {64, 64}), got);
    EXPECT_EQ(std::count(got.data<float>(), got.data<float>() + 64 * 64, 0.0f), 64 * 64);
  }
}

// So many blocks that each makes its sums whole.
TEST(WorkingMemory, OfManyRowsIsForeseen) {
  add_library_folder(std::filesystem::path(WHORL_EMULATED_LIBRARY).parent_path().string());
  const Call call(1376, 260, 1, DType::float32);
  EXPECT_EQ(call.forward(), 3 * 1376 * 4);
  EXPECT_LE(call.forward(), call.foreseen(false));
}

// Of so many rows that they are cut, and such ranks that nothing takes more: ds, and two chunks' sums.
TEST(WorkingMemory, OfAdapterGradientsIsForeseen) {
  add_library_folder(std::filesystem::path(WHORL_EMULATED_LIBRARY).parent_path().string());
  const Call call(257, 1000, 300, DType::bfloat16);
  EXPECT_EQ(call.gradients(), 257 * 300 * 4 + 2 * 300 * (1000 + 24) * 4);
  EXPECT_EQ(call.gradients(), call.foreseen(true));
  const Call few(256, 1000, 3, DType::bfloat16);
  EXPECT_EQ(few.gradients(), 256 * 3 * 4);
}

}  // namespace
}  // namespace whorl::ops
