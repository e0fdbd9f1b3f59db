// Products of few rows by kernels of cuda/ (WHORL_CUDA_FEW_ROWS) that add bias, residual and adapters
// themselves: against the reference, against the separate launches, and the bits of rows alone.
#include <gtest/gtest.h>

#include <filesystem>

#include "ops/device.h"
#include "ops/harness.h"
#include "ops/library_folders.h"
#include "ops/reference/linear.h"
#include "ops/staging_backend.h"

namespace whorl::ops {

namespace {
using Part = reference::LoraPart<double>;

// With the emulation's stand-in for NVIDIA's library, whose place the kernels take up to `few_rows`.
StagingBackend backend_of(const char* few_rows) {
  add_library_folder(std::filesystem::path(WHORL_EMULATED_LIBRARY).parent_path().string());
  setenv("WHORL_EMULATED_PRODUCTS", "1", 1);
  setenv("WHORL_CUDA_FEW_ROWS", few_rows, 1);
  auto device = make_backend("cuda_emulated");
  unsetenv("WHORL_EMULATED_PRODUCTS"), unsetenv("WHORL_CUDA_FEW_ROWS");
  return StagingBackend(std::move(device));
}

// One product of some rows, whose adapters leave a row in the middle free.
struct Product {
  Matrix<double> weight, bias, residual;
  std::vector<Part> parts;
  std::vector<DType> bases = {};  // what its adapters were packed beside, bfloat16 where nothing is said
  Quantize quantize;
  int64_t rank = 0;  // the largest

  Product(Random& random, int64_t n, int64_t k, int64_t o, std::vector<int64_t> ranks, Quantize rounding)
      : weight(random.matrix(o, k, 0.3, DType::bfloat16)), quantize(rounding) {
    if (o % 2) bias = random.matrix(1, o);
    if (o % 3) residual = random.matrix(n, o, 4);
    const auto count = static_cast<int64_t>(ranks.size());
    for (int64_t i = 0; i < count; ++i) {
      Part p;
      p.begin = n * i / count, p.end = n * (i + 1) / count;
      if (i == 1) ++p.begin;
      if (p.begin >= p.end) continue;
      p.a = random.matrix(ranks[static_cast<size_t>(i)], k, 0.3), p.scale = 0.7;
      p.b = random.matrix(o, p.a.rows, p.a.rows > 32 ? 0.05 : 0.2);
      rank = std::max(rank, p.a.rows);
      parts.push_back(std::move(p));
    }
  }
};

// All of them at once, by one backend: y and s of each.
struct Results {
  std::vector<Guarded> y, s;

  Results(Backend& backend, const std::vector<Product>& products, const Tensor& x, int64_t first) {
    const int64_t n = x.dim(0);
    std::vector<Weight> weights;
    std::vector<Lora> loras;
    std::vector<std::vector<LoraSegment>> segments(products.size());
    std::vector<Tensor> biases, residuals, results, lows;
    for (size_t i = 0; i < products.size(); ++i) {
      const Product& p = products[i];
      weights.push_back(p.quantize == Quantize::none
                            ? backend.pack(to_tensor(p.weight, DType::bfloat16), false)
                            : backend.pack_quantized(to_tensor(p.weight), p.quantize));
      for (size_t j = 0; j < p.parts.size(); ++j) {
        const Part& part = p.parts[j];
        const int64_t begin = std::max<int64_t>(part.begin - first, 0), end = std::min(part.end - first, n);
        if (begin >= end) continue;
        loras.push_back(backend.pack_lora(to_tensor(part.a), to_tensor(part.b),
                                          static_cast<float>(part.scale),
                                          p.bases.empty() ? DType::bfloat16 : p.bases[j]));
        segments[i].push_back({begin, end, loras.back().get()});
      }
      biases.push_back(p.bias.empty() ? Tensor() : to_tensor(p.bias).reshape({p.weight.rows}));
      residuals.push_back(p.residual.empty() ? Tensor() : to_slice(p.residual).rows(first, first + n));
      y.emplace_back(Shape{n, p.weight.rows}), s.emplace_back(Shape{n, p.rank + 1}, 0.0);
    }
    for (size_t i = 0; i < products.size(); ++i)
      results.push_back(y[i].tensor()), lows.push_back(i % 2 ? s[i].tensor() : Tensor());
    std::vector<LinearJob> jobs;
    for (size_t i = 0; i < products.size(); ++i)
      jobs.push_back({*weights[i], biases[i], segments[i], lows[i], results[i],
                      residuals[i].empty() ? nullptr : &residuals[i]});
    backend.linears(x, jobs);
  }
};

struct Case {
  int64_t n, k;
  std::vector<std::pair<int64_t, std::vector<int64_t>>> products;  // outputs, and ranks of their adapters
};
// Rows of one tile and of the next, groups and chunks that are not full, products without adapters beside
// those with some, and in the end what the kernels leave to others: an odd number of inputs, a large rank.
std::vector<Case> cases() {
  return {{1, 8, {{1, {3}}, {17, {}}}},
          {1, 1000, {{33, {16}}, {64, {8}}, {15, {4}}}},
          {7, 264, {{16, {}}, {50, {1, 2, 3}}}},
          {8, 40, {{31, {64}}}},
          {9, 520, {{5, {}}, {20, {5, 16}}, {16, {}}, {18, {1, 9, 9}}}},
          {16, 72, {{48, {16, 1, 2, 3, 4, 5, 6, 7}}}},
          {17, 256, {{19, {2, 4}}, {6, {4, 2}}}},
          {32, 96, {{34, {12, 3, 7}}}},
          {33, 96, {{9, {3, 4}}}},
          {5, 70, {{9, {3, 4}}, {21, {}}}},
          {4, 64, {{9, {65}}, {10, {2}}}},
          {32, 64, {{9, {250}}}},
          {3, 64, {{9, {2}}, {10, {2}}, {11, {2}}, {12, {2}}, {13, {}}}},
          {3, 64, {{9, {2}}, {10, {2}}, {11, {2}}, {12, {2}}, {13, {2}}}}};
}

std::string name_of(const Case& c, Quantize quantize) {
  return to_string({c.n, c.k}) + ", " + std::to_string(c.products.size()) + " products, kind " +
         std::to_string(static_cast<int>(quantize));
}
std::vector<Product> products_of(const Case& c, Random& random, Quantize quantize) {
  std::vector<Product> out;
  for (const auto& [o, ranks] : c.products) out.emplace_back(random, c.n, c.k, o, ranks, quantize);
  return out;
}

// With weights that are numbers of float32: what is rounded is less than kRounded.
TEST(FewRows, AreTheReferences) {
  StagingBackend few = backend_of("32");
  for (const Case& c : cases()) {
    Random random(static_cast<uint64_t>(c.n + c.k));
    const auto products = products_of(c, random, Quantize::none);
    const auto x = random.matrix(c.n, c.k, 1, DType::bfloat16);
    const Results run(few, products, to_slice(x), 0);
    Report report;
    report.enter(name_of(c, Quantize::none));
    for (size_t i = 0; i < products.size(); ++i) {
      const Product& p = products[i];
      Matrix<double> want = reference::linear(x, p.weight, p.bias, p.parts);
      for (size_t j = 0; j < p.residual.data.size(); ++j) want.data[j] += p.residual.data[j];
      const std::string which = " of product " + std::to_string(i);
      report.compare("y" + which, run.y[i].tensor(), want.data,
                     p.parts.empty() ? tolerance(DType::bfloat16).forward : kRounded.forward);
      run.y[i].check(report, "y" + which), run.s[i].check(report, "s" + which);
    }
    EXPECT_TRUE(report.ok()) << report.text();
  }
}

// Adapters in launches of their own have the same bits, s and y of whole numbers; of bfloat16 the library's
// products have others.
TEST(FewRows, AreWhatSeparateLaunchesGive) {
  StagingBackend few = backend_of("32"), apart = backend_of("0");
  for (const Case& c : cases())
    for (const Quantize quantize : {Quantize::none, Quantize::int8, Quantize::int4}) {
      Random random(static_cast<uint64_t>(c.n + c.k));
      const auto products = products_of(c, random, quantize);
      const auto x = random.matrix(c.n, c.k);
      const Results one(few, products, to_tensor(x), 0), other(apart, products, to_tensor(x), 0);
      Report report;
      report.enter(name_of(c, quantize));
      for (size_t i = 0; i < products.size(); ++i) {
        report.same_bits("s", one.s[i].tensor(), other.s[i].tensor());
        if (quantize == Quantize::none)
          report.compare("y", one.y[i].tensor(), to_doubles(other.y[i].tensor()), kRounded.forward);
        else
          report.same_bits("y", one.y[i].tensor(), other.y[i].tensor());
      }
      EXPECT_TRUE(report.ok()) << report.text();
    }
}

// Whole numbers, whose products are the same ones with and without adapters: what these add is B's and s's.
TEST(FewRows, OfWholeNumbersAddTheirAdapters) {
  StagingBackend few = backend_of("16");
  for (const int64_t n : {1, 11, 40, 64, 70})
    for (const Quantize quantize : {Quantize::int8, Quantize::int4}) {
      Random random(static_cast<uint64_t>(n));
      const auto x = random.matrix(n, 70, 1, DType::bfloat16);
      std::vector<Product> with;
      for (const int64_t o : {37, 18})
        with.emplace_back(random, n, 70, o, std::vector<int64_t>{5, 8, 2}, quantize);
      std::vector<Product> without = with;
      for (Product& p : without) p.parts.clear();
      const Results its(few, with, to_tensor(x), 0), base(few, without, to_tensor(x), 0);
      Report report;
      report.enter(std::to_string(n) + " rows, kind " + std::to_string(static_cast<int>(quantize)));
      for (size_t i = 0; i < with.size(); ++i) {
        const Matrix<double> nothing(with[i].weight.rows, 70);
        Matrix<double> want = reference::linear(x, nothing, {}, with[i].parts);
        const auto plain = to_doubles(base.y[i].tensor());
        for (size_t j = 0; j < plain.size(); ++j) want.data[j] += plain[j];
        report.compare("y", its.y[i].tensor(), want.data, kRounded.forward);
      }
      EXPECT_TRUE(report.ok()) << report.text();
    }
}

TEST(FewRows, HaveTheBitsOfEachAlone) {
  StagingBackend few = backend_of("32");
  for (const Case& c : cases()) {
    if (c.n > 32 || c.k % 8) continue;
    for (const Quantize quantize : {Quantize::none, Quantize::int8, Quantize::int4}) {
      Random random(static_cast<uint64_t>(c.n + c.k));
      const auto products = products_of(c, random, quantize);
      const Tensor x = to_tensor(random.matrix(c.n, c.k));
      const Results all(few, products, x, 0);
      Report report;
      for (int64_t row = 0; row < c.n; row += 3) {
        report.enter(name_of(c, quantize) + ", row " + std::to_string(row));
        const Results alone(few, products, x.rows(row, row + 1), row);
        for (size_t i = 0; i < products.size(); ++i) {
          report.same_bits("y", alone.y[i].tensor(), all.y[i].tensor().rows(row, row + 1));
        }
      }
      EXPECT_TRUE(report.ok()) << report.text();
    }
  }
}

// Adapters that do not round their operands, alone and beside others, and weights of several kinds in one
// call.
TEST(FewRows, KeepKindsApart) {
  StagingBackend few = backend_of("32"), apart = backend_of("0");
  using Kinds = std::vector<Quantize>;
  for (const Kinds& kinds : {Kinds{Quantize::none, Quantize::none}, Kinds{Quantize::int8, Quantize::none},
                             Kinds{Quantize::int8, Quantize::int4, Quantize::int4, Quantize::none}})
    for (const auto& bases : {std::vector<DType>{DType::float32, DType::float32},
                              std::vector<DType>{DType::bfloat16, DType::float32},
                              std::vector<DType>{DType::bfloat16, DType::bfloat16}}) {
      Random random(6);
      std::vector<Product> products;
      for (size_t i = 0; i < kinds.size(); ++i) {
        const auto o = 20 + 7 * static_cast<int64_t>(i);
        products.emplace_back(random, 9, 64, o, std::vector<int64_t>{3 + o, 9}, kinds[i]);
        products.back().bases = bases;
      }
      const auto x = random.matrix(9, 64, 1, DType::bfloat16);
      const Results one(few, products, to_tensor(x), 0), other(apart, products, to_tensor(x), 0);
      Report report;
      report.enter(std::to_string(kinds.size()) + " kinds");
      for (size_t i = 0; i < products.size(); ++i) {
        report.same_bits("s", one.s[i].tensor(), other.s[i].tensor());
        report.compare("y", one.y[i].tensor(), to_doubles(other.y[i].tensor()), kRounded.forward);
        if (kinds[i] != Quantize::none) report.same_bits("y", one.y[i].tensor(), other.y[i].tensor());
      }
      EXPECT_TRUE(report.ok()) << report.text();
    }
}

TEST(FewRows, AreANumberUpToThirtyTwo) {
  for (const char* given : {"33", "-1", "", "many", "8x"}) {
    try {
      backend_of(given);
      ADD_FAILURE() << given;
    } catch (const std::exception& error) {
      EXPECT_NE(std::string(error.what())
                    .find(std::string("WHORL_CUDA_FEW_ROWS to be 0 to 32 or not set, got '") + given + "'"),
                std::string::npos)
          << error.what();
    }
    unsetenv("WHORL_EMULATED_PRODUCTS"), unsetenv("WHORL_CUDA_FEW_ROWS");
  }
}

}  // namespace
}  // namespace whorl::ops
