// Attention that NVIDIA's cuDNN is asked for, of bfloat16 rows, over the emulation's stand-in: it computes
// from what it is told alone (emulated/attention.cc), so rows, steps, lists, masks and logarithms are the
// promise here. The reference sees none of these: it is loops over sequences in double precision.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "base/random.h"
#include "cuda/counted.h"
#include "ops/backend.h"
#include "ops/device.h"
#include "ops/library_folders.h"

namespace whorl::ops {
namespace {

// [rows, columns] of numbers that bfloat16 holds.
struct Grid {
  int64_t rows, columns;
  std::vector<float> at;
  Grid(int64_t r, int64_t c, float value = 0) : rows(r), columns(c), at(static_cast<size_t>(r * c), value) {}
  Grid(int64_t r, int64_t c, uint64_t seed, bool) : Grid(r, c) {
    for (size_t i = 0; i < at.size(); ++i)
      at[i] = bf16_to_float(
          float_to_bf16(static_cast<float>(base::below(base::derive(seed, 3), i, 4001)) / 1000.0f - 2.0f));
  }
  float& operator()(int64_t i, int64_t j) { return at[static_cast<size_t>(i * columns + j)]; }
  double operator()(int64_t i, int64_t j) const {
    return static_cast<double>(at[static_cast<size_t>(i * columns + j)]);
  }
};

struct Case {
  std::string name;
  std::vector<int32_t> starts;
  AttentionShape shape;
  int64_t rows() const { return starts.back(); }
};
Case make(std::string name, std::vector<int32_t> starts, int64_t heads, int64_t kv_heads, int64_t head_size,
          int64_t window) {
  return {std::move(name),
          std::move(starts),
          {heads, kv_heads, head_size, static_cast<float>(0.7 / std::sqrt(static_cast<double>(head_size))),
           window, DType::bfloat16}};
}
std::vector<Case> cases() {
  return {make("one sequence", {0, 9}, 1, 1, 8, 0),
          make("groups of two", {0, 1, 4, 21, 37}, 4, 2, 16, 0),
          make("groups of three, a window", {0, 13, 20, 40}, 6, 2, 24, 5),
          make("one key head, itself alone", {0, 7, 12}, 4, 1, 8, 1),
          make("a window beyond every sequence", {0, 6, 11}, 2, 2, 8, 11),
          make("a window as long as the longest", {0, 6, 17}, 2, 1, 8, 11),
          make("a window one short of it", {0, 6, 17}, 2, 1, 8, 10),
          make("sequences without rows", {0, 0, 5, 5, 5, 19, 19}, 2, 1, 40, 0),
          make("a head of 128", {0, 11, 30}, 2, 1, 128, 0),
          make("longer than the least size", {0, 140, 150}, 1, 1, 8, 0),
          make("seventeen sequences", {0, 1, 3, 4, 6, 7, 9, 10, 12, 13, 15, 16, 18, 19, 21, 22, 24, 25}, 1, 1,
               8, 0)};
}

struct Inputs {
  Grid q, k, v, dout;
  Inputs(const Case& c, uint64_t seed)
      : q(c.rows(), c.shape.heads * c.shape.head_size, seed, true),
        k(c.rows(), c.shape.kv_heads * c.shape.head_size, seed + 1, true),
        v(k.rows, k.columns, seed + 2, true),
        dout(q.rows, q.columns, seed + 3, true) {}
};
struct Answer {
  Grid out, lse, dq, dk, dv;
  explicit Answer(const Case& c)
      : out(c.rows(), c.shape.heads * c.shape.head_size),
        lse(c.rows(), c.shape.heads),
        dq(out),
        dk(c.rows(), c.shape.kv_heads * c.shape.head_size),
        dv(dk) {}
};

// A query of one head: rows [first, i] of its sequence are its keys.
void refer_to_query(const AttentionShape& s, const Inputs& in, int64_t i, int64_t first, int64_t head,
                    Answer& a, std::vector<double>& dk, std::vector<double>& dv) {
  const int64_t d = s.head_size, own = head * d, keys = head / (s.heads / s.kv_heads) * d;
  const auto dot = [&](const Grid& x, int64_t xi, int64_t xj, const Grid& y, int64_t yi, int64_t yj) {
    double sum = 0;
    for (int64_t c = 0; c < d; ++c) sum += x(xi, xj + c) * y(yi, yj + c);
    return sum;
  };
  const Inputs& x = in;
  const double scale = static_cast<double>(s.scale);
  double sum = 0, dsum = 0;
  std::vector<double> weight, dweight;
  for (int64_t key = first; key <= i; ++key) {
    weight.push_back(std::exp(scale * dot(x.q, i, own, x.k, key, keys)));
    dweight.push_back(dot(x.dout, i, own, x.v, key, keys));
    sum += weight.back();
  }
  for (size_t n = 0; n < weight.size(); ++n) dsum += (weight[n] /= sum) * dweight[n];
  a.lse(i, head) = static_cast<float>(std::log(sum));
  for (int64_t c = 0; c < d; ++c) {
    double out = 0, dq = 0;
    for (size_t n = 0; n < weight.size(); ++n) {
      const int64_t key = first + static_cast<int64_t>(n);
      const auto place = static_cast<size_t>(key * s.kv_heads * d + keys + c);
      const double dscore = scale * weight[n] * (dweight[n] - dsum);
      out += weight[n] * x.v(key, keys + c), dq += dscore * x.k(key, keys + c);
      dk[place] += dscore * x.q(i, own + c), dv[place] += weight[n] * x.dout(i, own + c);
    }
    a.out(i, own + c) = static_cast<float>(out), a.dq(i, own + c) = static_cast<float>(dq);
  }
}

Answer reference(const Case& c, const Inputs& in) {
  Answer a(c);
  std::vector<double> dk(a.dk.at.size(), 0.0), dv = dk;
  for (size_t s = 0; s + 1 < c.starts.size(); ++s)
    for (int64_t i = c.starts[s]; i < c.starts[s + 1]; ++i)
      for (int64_t head = 0; head < c.shape.heads; ++head) {
        const int64_t begin = c.starts[s], window = c.shape.window;
        const int64_t first = window > 0 ? std::max<int64_t>(begin, i - window + 1) : begin;
        refer_to_query(c.shape, in, i, first, head, a, dk, dv);
      }
  std::copy(dk.begin(), dk.end(), a.dk.at.begin()), std::copy(dv.begin(), dv.end(), a.dv.at.begin());
  return a;
}

constexpr float kSentinel = 77;

// Columns [before, before + columns) of a wider matrix on the device, whose other numbers are sentinels.
struct Slice {
  Backend* backend;
  Tensor whole, part;
  int64_t before;
  Slice(Backend& b, const Grid& values, int64_t its_before, int64_t behind, DType dtype)
      : backend(&b), before(its_before) {
    Grid wide(values.rows, before + values.columns + behind, kSentinel);
    for (int64_t i = 0; i < values.rows; ++i)
      for (int64_t j = 0; j < values.columns; ++j) wide(i, before + j) = static_cast<float>(values(i, j));
    whole = b.allocate(dtype, {wide.rows, wide.columns});
    b.upload(Tensor::view(DType::float32, {wide.rows, wide.columns}, wide.at.data(), nullptr), whole);
    part = whole.columns(before, before + values.columns);
  }
  // What it holds now; whatever lies beside it has stayed.
  Grid read() const {
    Grid wide(whole.dim(0), whole.dim(1)), out(part.dim(0), part.dim(1));
    backend->download(whole, Tensor::view(DType::float32, whole.shape(), wide.at.data(), nullptr));
    for (int64_t i = 0; i < wide.rows; ++i)
      for (int64_t j = 0; j < wide.columns; ++j) {
        if (j >= before && j < before + out.columns)
          out(i, j - before) = wide(i, j);
        else
          EXPECT_EQ(wide(i, j), kSentinel) << i << ", " << j;
      }
    return out;
  }
};

// Every matrix with another step.
struct OnDevice {
  Slice q, k, v, dout, out, lse, dq, dk, dv;
  OnDevice(Backend& b, const Case& c, const Inputs& in, DType dtype)
      : q(b, in.q, 8, 0, dtype),
        k(b, in.k, 0, 16, dtype),
        v(b, in.v, 24, 8, dtype),
        dout(b, in.dout, 0, 32, dtype),
        out(b, Answer(c).out, 16, 24, dtype),
        lse(b, Answer(c).lse, 0, 0, DType::float32),
        dq(b, Answer(c).dq, 0, 64, dtype),
        dk(b, Answer(c).dk, 48, 0, dtype),
        dv(b, Answer(c).dv, 8, 80, dtype) {}
  void forward(Backend& b, const Case& c) const {
    b.attention(q.part, k.part, v.part, {c.starts}, c.shape, out.part, lse.part);
  }
  void backward(Backend& b, const Case& c) const {
    b.attention_backward(dout.part, q.part, k.part, v.part, out.part, lse.part, {c.starts}, c.shape, dq.part,
                         dk.part, dv.part);
  }
};

void expect_near(const std::string& what, const Grid& got, const Grid& want, double limit) {
  double largest = 0, worst = 0;
  for (size_t i = 0; i < want.at.size(); ++i) {
    largest = std::max(largest, std::fabs(static_cast<double>(want.at[i])));
    const double off = std::fabs(static_cast<double>(got.at[i]) - static_cast<double>(want.at[i]));
    worst = std::isfinite(off) ? std::max(worst, off) : INFINITY;
  }
  EXPECT_LE(worst, limit * std::max(largest, 0.1)) << what;
}

class LibraryAttention : public testing::Test {
 protected:
  void SetUp() override {
    add_library_folder(std::filesystem::path(WHORL_EMULATED_LIBRARY).parent_path().string());
    setenv("WHORL_CUDA_ATTENTION", "cudnn", 1), setenv("WHORL_EMULATED_CUDNN", "present", 1);
    backend = make_backend("cuda_emulated");
  }
  void TearDown() override { unsetenv("WHORL_CUDA_ATTENTION"), unsetenv("WHORL_EMULATED_CUDNN"); }
  std::shared_ptr<Backend> backend;
};

TEST_F(LibraryAttention, IsTheReferencesBothWays) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    const Inputs in(c, 5);
    const Answer want = reference(c, in);
    const OnDevice at(*backend, c, in, DType::bfloat16);
    const int64_t before = counted("launches");
    at.forward(*backend, c);
    EXPECT_EQ(counted("launches") - before, 1);
    at.backward(*backend, c);
    EXPECT_EQ(counted("launches") - before, 2);
    expect_near("out", at.out.read(), want.out, 5e-3), expect_near("lse", at.lse.read(), want.lse, 1e-6);
    // dq, dk and dv go through `out`, which was rounded.
    expect_near("dq", at.dq.read(), want.dq, 1e-2), expect_near("dk", at.dk.read(), want.dk, 1e-2);
    expect_near("dv", at.dv.read(), want.dv, 5e-3);
    for (const Slice* read : {&at.q, &at.k, &at.v, &at.dout}) read->read();
  }
}

TEST_F(LibraryAttention, LeavesLogarithmsWhereNobodyWantsThem) {
  const Case c = make("", {0, 5, 12}, 2, 1, 8, 0);
  const Inputs in(c, 6);
  const OnDevice at(*backend, c, in, DType::bfloat16);
  backend->attention(at.q.part, at.k.part, at.v.part, {c.starts}, c.shape, at.out.part, Tensor());
  expect_near("out", at.out.read(), reference(c, in).out, 5e-3);
}

// Layers have the same lists, and they are sent once.
TEST_F(LibraryAttention, SendsItsListsOnce) {
  const Case c = make("", {0, 5, 12, 30}, 2, 1, 8, 0);
  const OnDevice at(*backend, c, Inputs(c, 7), DType::bfloat16);
  at.forward(*backend, c), at.backward(*backend, c);
  const int64_t before = counted("uploads");
  at.forward(*backend, c), at.backward(*backend, c);
  EXPECT_EQ(counted("uploads"), before);
}

// Sizes of batches are many, those of graphs few. A window that no sequence reaches is none.
TEST_F(LibraryAttention, SharesGraphs) {
  const int64_t before = counted("attention_graphs");
  for (int32_t longest = 129; longest <= 190; longest += 4) {
    const Case c = make("", {0, 3, longest + 3, longest + 8}, 1, 1, 8, longest % 3 ? 0 : longest);
    const OnDevice at(*backend, c, Inputs(c, 8), DType::bfloat16);
    at.forward(*backend, c);
  }
  EXPECT_LE(counted("attention_graphs") - before, 2);  // rows beyond 192 are others
}

TEST_F(LibraryAttention, TakesNoMoreMemoryThanForeseen) {
  for (const Case& c : cases()) {
    const OnDevice at(*backend, c, Inputs(c, 9), DType::bfloat16);
    PassShape pass;
    pass.rows = c.rows(), pass.attention = c.shape;
    pass.head = backend->pack(Tensor::zeros(DType::bfloat16, {8, 8}), true);
    const int64_t lists = 2 << 20, foreseen = static_cast<int64_t>(backend->working_bytes(pass)) - lists;
    at.forward(*backend, c), at.backward(*backend, c);  // lists are there from now on
    counted("memory_peak");
    const int64_t held = counted("memory_peak");
    at.forward(*backend, c), at.backward(*backend, c);
    const int64_t taken = counted("memory_peak") - held;
    EXPECT_GT(taken, c.rows() * c.shape.heads * c.shape.head_size * 12) << c.name;
    EXPECT_LE(taken, foreseen) << c.name;
  }
}

// Float32 rows are not for it: the kernels here answer, with the bits they have without it.
TEST_F(LibraryAttention, LeavesFloat32ToTheKernelsHere) {
  const Case c = make("", {0, 5, 12, 30}, 2, 1, 24, 7);
  const Inputs in(c, 10);
  const OnDevice with(*backend, c, in, DType::float32);
  with.forward(*backend, c), with.backward(*backend, c);
  setenv("WHORL_CUDA_ATTENTION", "bfloat16", 1);
  const auto own = make_backend("cuda_emulated");
  const OnDevice without(*own, c, in, DType::float32);
  without.forward(*own, c), without.backward(*own, c);
  EXPECT_EQ(with.out.read().at, without.out.read().at);
  EXPECT_EQ(with.dq.read().at, without.dq.read().at);
  EXPECT_EQ(with.dk.read().at, without.dk.read().at);
  EXPECT_EQ(with.dv.read().at, without.dv.read().at);
  expect_near("out", with.out.read(), reference(c, in).out, 6e-3);
}

// Whoever is asked then, it is not the library.
TEST_F(LibraryAttention, IsNotAskedForWhatItCannotRead) {
  const auto asked = [&](Backend& b, const Case& c, int64_t before, int64_t behind, int64_t lse_row = 0) {
    const int64_t d = c.shape.head_size;
    const Grid wide(c.rows(), c.shape.heads * d), narrow(c.rows(), c.shape.kv_heads * d);
    const Slice q(b, wide, before, behind, DType::bfloat16), k(b, narrow, 0, 0, DType::bfloat16),
        v(b, narrow, 0, 0, DType::bfloat16), out(b, wide, 0, 0, DType::bfloat16);
    const Tensor lse = b.allocate(DType::float32, {lse_row + c.rows(), c.shape.heads});
    const int64_t calls = counted("attention_calls");
    try {
      b.attention(q.part, k.part, v.part, {c.starts}, c.shape, out.part,
                  lse.rows(lse_row, lse_row + c.rows()));
    } catch (const std::exception& error) {
      EXPECT_EQ(std::string(error.what()).find("[emulated]"), std::string::npos) << error.what();
    }
    return counted("attention_calls") > calls;
  };
  const Case readable = make("", {0, 4}, 2, 1, 8, 0), odd = make("", {0, 4}, 4, 2, 12, 0);
  Case whole = readable;
  whole.shape.precision = DType::float32;
  EXPECT_TRUE(asked(*backend, readable, 8, 8));
  EXPECT_FALSE(asked(*backend, readable, 4, 4));     // not at multiples of 16 bytes
  EXPECT_FALSE(asked(*backend, readable, 0, 4));     // nor its second row
  EXPECT_FALSE(asked(*backend, readable, 0, 0, 1));  // nor its logarithms
  EXPECT_FALSE(asked(*backend, odd, 0, 0));
  EXPECT_FALSE(asked(*backend, whole, 0, 0));
  setenv("WHORL_CUDA_ATTENTION", "bfloat16", 1);
  EXPECT_FALSE(asked(*make_backend("cuda_emulated"), readable, 0, 0));
  unsetenv("WHORL_CUDA_ATTENTION");
  EXPECT_FALSE(asked(*make_backend("cuda_emulated"), readable, 0, 0));  // until GPUs have compared them
}

// A library without an answer leaves it to the kernels here, which read such rows or say what they expect.
TEST_F(LibraryAttention, MayHaveNoAnswer) {
  setenv("WHORL_EMULATED_CUDNN", "refuses", 1);
  const Case c = make("", {0, 5, 12, 30}, 2, 1, 24, 7);
  const Inputs in(c, 12);
  const OnDevice at(*backend, c, in, DType::bfloat16);
  const int64_t calls = counted("attention_calls");
  at.forward(*backend, c);
  expect_near("out", at.out.read(), reference(c, in).out, 1e-2);
  at.backward(*backend, c);
  expect_near("dq", at.dq.read(), reference(c, in).dq, 2e-2);
  EXPECT_EQ(counted("attention_calls") - calls, 2);
}

TEST_F(LibraryAttention, ChecksItsOperands) {
  const Case c = make("", {0, 4}, 2, 1, 8, 0);
  const OnDevice at(*backend, c, Inputs(c, 11), DType::bfloat16);
  const auto said = [&](const std::function<void()>& call) {
    try {
      call();
    } catch (const std::exception& error) {
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  EXPECT_EQ(said([&] {
              backend->attention(at.q.part, at.q.part, at.v.part, {c.starts}, c.shape, at.out.part, Tensor());
            }),
            "[attention] expected k bfloat16 [4, 8], got bfloat16 [4, 16]");
  EXPECT_EQ(said([&] {
              backend->attention_backward(at.dout.part, at.q.part, at.k.part, at.v.part, at.out.part,
                                          Tensor(), {c.starts}, c.shape, at.dq.part, at.dk.part, at.dv.part);
            }),
            "[attention_backward] expected lse [4, 2], got an empty tensor");
  const std::vector<int32_t> short_ones = {0, 3};
  EXPECT_EQ(said([&] {
              backend->attention(at.q.part, at.k.part, at.v.part, {short_ones}, c.shape, at.out.part,
                                 Tensor());
            }),
            "[attention] expected ascending starts from 0 to 4, got 2 of them ending at 3");
}

// What is not for the library stays on tensor cores: pages, and all where nothing is asked for.
TEST_F(LibraryAttention, LeavesPagesAsTheyAre) {
  const AttentionShape shape = make("", {0, 4}, 2, 1, 8, 0).shape;
  EXPECT_EQ(backend->cache_dtype(shape, 16), DType::bfloat16);
  setenv("WHORL_CUDA_ATTENTION", "float32", 1);
  EXPECT_EQ(make_backend("cuda_emulated")->cache_dtype(shape, 16), DType::float32);
  unsetenv("WHORL_CUDA_ATTENTION");
  EXPECT_EQ(make_backend("cuda_emulated")->cache_dtype(shape, 16), DType::bfloat16);
}

TEST_F(LibraryAttention, IsMissedWhereItIsAskedForAndNotThere) {
  unsetenv("WHORL_EMULATED_CUDNN");
  const auto said = [&](const char* word) {
    setenv("WHORL_CUDA_ATTENTION", word, 1);
    try {
      make_backend("cuda_emulated");
    } catch (const std::exception& error) {
      return std::string(error.what());
    }
    return std::string("nothing");
  };
  EXPECT_NE(said("cudnn").find("NVIDIA's cuDNN is not there"), std::string::npos) << said("cudnn");
  EXPECT_EQ(said("bfloat16"), "nothing");
  EXPECT_EQ(said("float32"), "nothing");
  EXPECT_NE(said("flash").find("to be 'cudnn', 'bfloat16' or 'float32' or not set, got 'flash'"),
            std::string::npos);
}

}  // namespace
}  // namespace whorl::ops
