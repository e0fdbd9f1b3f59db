// What a decode step of one more layer costs the host without graphs, and the way back through one linear:
// launches and copies to the device, as with NVIDIA's library (the emulation has a stand-in for it). Numbers
// that grow here are time on a GPU; as a graph the same launches are made at once (graphs_test.cc).
#include <gtest/gtest.h>

#include <array>
#include <filesystem>

#include "cuda/emulated_models.h"
#include "model/golden.h"
#include "model/training_pass.h"
#include "ops/device.h"
#include "ops/library_folders.h"

namespace whorl {
namespace {

using namespace testing;  // whorl::testing

struct Cost {
  int64_t launches = 0, uploads = 0;
  static Cost now() { return {counted("launches"), counted("uploads")}; }
  Cost operator-(const Cost& o) const { return {launches - o.launches, uploads - o.uploads}; }
  bool operator==(const Cost&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Cost& c) {
  return out << c.launches << " launches, " << c.uploads << " uploads";
}

Model model_of(int64_t layers, const std::string& quantize) {
  ModelConfig c;
  c.vocab_size = 64, c.hidden_size = 64, c.intermediate_size = 96, c.num_hidden_layers = layers;
  c.num_attention_heads = 4, c.num_key_value_heads = 2, c.max_position_embeddings = 128;
  c.torch_dtype = "bfloat16";
  return Model::create(c, 5, {}, {.device = "cuda_emulated", .quantize = quantize});
}

// Four streams that decode one token each; row i uses adapter i where there are so many.
struct Streams {
  static constexpr int64_t kCount = 4;
  Model model;
  const model::Transformer& t;
  model::KvCache cache;
  std::vector<model::DeviceAdapter> adapters;
  std::vector<int32_t> pages[kCount];
  int32_t position = 0;
  std::vector<ops::Draw> draws;  // of the first streams; all logits of the others
  model::StepLogits logits;

  Streams(int64_t layers, const std::string& quantize, int64_t count)
      : model(model_of(layers, quantize)),
        t(*model.impl()->transformer),
        cache(t.make_kv_cache(2 * kCount, 16)) {
    for (int64_t i = 0; i < count; ++i) adapters.push_back(adapter_of(t, 8 + 4 * i));
    for (int32_t i = 0; i < kCount; ++i) pages[i] = {2 * i, 2 * i + 1};
  }
  Cost step() {
    std::vector<ops::PagedSequence> sequences;
    std::vector<model::AdapterRows> rows;
    for (int64_t i = 0; i < kCount; ++i) {
      sequences.push_back({i, i + 1, position, pages[i]});
      if (static_cast<size_t>(i) < adapters.size())
        rows.push_back({i, i + 1, &adapters[static_cast<size_t>(i)]});
    }
    const std::vector<int32_t> ids = {3, 1, 4, 1}, positions(kCount, position++), wanted = {0, 1, 2, 3};
    const Cost before = Cost::now();
    logits = t.step_for({ids, positions, rows}, sequences, cache, wanted, {draws});
    return Cost::now() - before;
  }
  // After a few of them: what is sent once and kept counts for nothing.
  Cost steady() {
    for (int i = 0; i < 3; ++i) step();
    return step();
  }
};

class Launches : public ::testing::Test {
 protected:
  void SetUp() override {
    setenv("WHORL_EMULATED_PRODUCTS", "1", 1);
    setenv("WHORL_CUDA_GRAPHS", "off", 1);
    ops::add_library_folder(std::filesystem::path(WHORL_EMULATED_LIBRARY).parent_path().string());
  }
  void TearDown() override {
    for (const char* name : {"WHORL_EMULATED_PRODUCTS", "WHORL_CUDA_GRAPHS", "WHORL_CUDA_FEW_ROWS"})
      unsetenv(name);
  }
  static Cost of_a_layer(const std::string& quantize, int64_t adapters) {
    const Cost three = Streams(3, quantize, adapters).steady(), two = Streams(2, quantize, adapters).steady();
    return three - two;
  }
};

// Beside rounded weights what attention gives is rounded by a launch of its own.
TEST_F(Launches, OfADecodedLayer) {
  for (const char* quantize : {"none", "int8", "fp8"}) {
    const int64_t alone = std::string(quantize) == "none" ? 9 : 10;
    EXPECT_EQ(of_a_layer(quantize, 0), (Cost{alone, 0})) << quantize;
    EXPECT_EQ(of_a_layer(quantize, 1), (Cost{10, 0})) << quantize;
    EXPECT_EQ(of_a_layer(quantize, 3), (Cost{10, 0})) << quantize;
  }
}

// By NVIDIA's library, which knows nothing of adapters.
TEST_F(Launches, OfADecodedLayerOfTheLibrarys) {
  setenv("WHORL_CUDA_FEW_ROWS", "0", 1);
  EXPECT_EQ(of_a_layer("none", 0), (Cost{10, 0}));
  EXPECT_EQ(of_a_layer("none", 1), (Cost{15, 0}));
  EXPECT_EQ(of_a_layer("none", 3), (Cost{15, 0}));
}

TEST_F(Launches, OfAStep) {
  EXPECT_EQ(Streams(1, "none", 0).steady(), (Cost{13, 2}));
  EXPECT_EQ(Streams(1, "none", 3).steady(), (Cost{14, 2}));
  EXPECT_EQ(Streams(12, "none", 0).steady(), (Cost{13 + 11 * 9, 2}));
}

// Two weights of one shape: one product of the library's where both lie in memory as their results do, two
// elsewhere and beside a residual. Whole numbers are always one, and so are few rows in bfloat16.
TEST_F(Launches, OfTwoProductsOfOneShape) {
  setenv("WHORL_CUDA_FEW_ROWS", "2", 1);
  const auto backend = ops::make_backend("cuda_emulated");
  const Tensor x = backend->allocate(DType::float32, {3, 40}), none,
               y = backend->allocate(DType::float32, {9, 24}), low = y.rows(0, 3), high = y.rows(3, 6),
               residual = y.rows(6, 9);
  const auto cost = [&](const ops::PackedWeight& v, const ops::PackedWeight& w, bool swapped, bool adds) {
    const std::vector<ops::LinearJob> jobs = {
        {v, none, {}, none, swapped ? high : low, adds ? &residual : nullptr},
        {w, none, {}, none, swapped ? low : high}};
    const Cost before = Cost::now();
    backend->linears(x, jobs);
    return Cost::now() - before;
  };
  for (const DType dtype : {DType::bfloat16, DType::float32}) {
    const ops::Weight one = backend->pack(Tensor::zeros(dtype, {24, 40}), false),
                      two = backend->pack(Tensor::zeros(dtype, {24, 40}), false);
    const int64_t rounding = dtype == DType::bfloat16, alone = rounding + 2;
    // Only one of the two orders of weights is theirs in memory.
    const Cost as_made = cost(*one, *two, false, false), other = cost(*two, *one, false, false);
    EXPECT_EQ(as_made.launches + other.launches, 2 * alone - 1);
    EXPECT_EQ(cost(*one, *two, true, false).launches + cost(*two, *one, true, false).launches, 2 * alone - 1);
    EXPECT_EQ(cost(*one, *one, false, false).launches, alone - 1);
    EXPECT_EQ(cost(*one, *one, false, true).launches, alone);
  }
  const Tensor numbers = Tensor::zeros(DType::float32, {24, 40});
  const ops::Weight one = backend->pack_quantized(numbers, ops::Quantize::int8),
                    two = backend->pack_quantized(numbers, ops::Quantize::int8),
                    narrow = backend->pack_quantized(numbers, ops::Quantize::int4);
  EXPECT_EQ(cost(*one, *two, false, true).launches, 2);
  EXPECT_EQ(cost(*two, *one, true, false).launches, 2);
  EXPECT_EQ(cost(*one, *narrow, false, false).launches, 3);
}

TEST_F(Launches, OfProductsOfFewRows) {
  const auto backend = ops::make_backend("cuda_emulated");
  const Tensor x = backend->allocate(DType::float32, {16, 40}), none;
  std::vector<ops::Weight> weights;
  std::vector<Tensor> results;
  for (const int64_t outputs : {40, 8, 8}) {
    weights.push_back(backend->pack(Tensor::zeros(DType::bfloat16, {outputs, 40}), false));
    results.push_back(backend->allocate(DType::float32, {16, outputs}));
  }
  const std::vector<ops::LinearJob> jobs = {{*weights[0], none, {}, none, results[0]},
                                            {*weights[1], none, {}, none, results[1], &results[2]},
                                            {*weights[2], none, {}, none, results[2]}};
  const Cost before = Cost::now();
  backend->linears(x, jobs);
  EXPECT_EQ(Cost::now() - before, (Cost{2, 0}));  // the rounding, and all three
}

// A training pass over one sequence of so many rows: its losses alone, or its adapter's gradients too.
Cost of_training(int64_t layers, int64_t rows, bool gradients, const std::string& quantize = "none") {
  const Model model = model_of(layers, quantize);
  const model::Transformer& t = *model.impl()->transformer;
  const auto n = static_cast<size_t>(rows);
  const std::vector<int32_t> ids(n, 3), starts = {0, static_cast<int32_t>(rows)};
  std::vector<int32_t> positions, targets(n, 5);
  for (size_t i = 0; i < n; ++i) positions.push_back(static_cast<int32_t>(i));
  const std::vector<float> weights(n, 0.1f);
  const model::DeviceAdapter adapter = adapter_of(t, 8);
  const std::vector<model::AdapterRows> owners = {{0, rows, &adapter}};
  model::AdapterGradients sums;
  for (size_t i = 0; i < t.linear_names().size(); ++i) {
    const Shape shape = t.linear_shape(i);
    sums.push_back({t.backend().allocate(DType::float32, {8, shape[1]}),
                    t.backend().allocate(DType::float32, {shape[0], 8})});
  }
  const std::vector<const model::AdapterGradients*> all = {&sums};
  const Tensor losses = t.backend().allocate(DType::float32, {rows});
  model::TrainingPass pass(t, std::vector<int64_t>(t.linear_names().size(), 8), false);
  const model::TrainingBatch batch{ids, positions, targets, weights, starts, owners};
  const auto run = [&] {
    const Cost before = Cost::now();
    gradients ? pass.run(batch, all, nullptr, losses) : static_cast<void>(pass.evaluate(batch));
    return Cost::now() - before;
  };
  run();
  return run();
}

// Forward as a decoded layer, without pages: few rows are normed beside their adapters, and fewer have them
// added by their products; for many these are two launches more. 38 more where gradients of all seven linears
// are asked for.
TEST_F(Launches, OfATrainedLayer) {
  for (const auto& [rows, forward, both] : {std::array<int64_t, 3>{8, 10, 48}, {17, 15, 53}, {65, 17, 55}}) {
    EXPECT_EQ(of_training(4, rows, false) - of_training(3, rows, false), (Cost{forward, 1})) << rows;
    EXPECT_EQ(of_training(4, rows, true) - of_training(3, rows, true), (Cost{both, 3})) << rows;
  }
}

// Of FP8 on a device that has it with scales: as beside whole numbers few rows have one launch more, the
// rounding of what attention gives, where the shrink of o is one anyway. Of more every product is one.
TEST_F(Launches, OfATrainedLayerInFp8) {
  for (const auto& [rows, forward] : {std::array<int64_t, 2>{8, 10}, {17, 17}, {65, 19}})
    EXPECT_EQ(of_training(4, rows, false, "fp8") - of_training(3, rows, false, "fp8"), (Cost{forward, 1}))
        << rows;
}

// Tokens are drawn on the device, and nothing else of those rows leaves it; whole rows beside them do.
TEST_F(Launches, OfChoosing) {
  const auto with = [](std::vector<ops::Draw> draws) {
    Streams out(1, "none", 0);
    out.draws = std::move(draws);
    return out;
  };
  Streams all = with({}), greedy = with(std::vector<ops::Draw>(4)),
          mixed = with({{.uniform = .4, .temperature = 1}, {.top_k = 3, .temperature = 1}});
  all.steady();
  EXPECT_EQ(greedy.steady(), (Cost{15, 2}));
  EXPECT_TRUE(greedy.logits.all.empty());
  EXPECT_EQ(mixed.steady(), (Cost{24, 2}));
  ASSERT_EQ(mixed.logits.all.dim(0), 2);
  EXPECT_EQ(std::memcmp(mixed.logits.all.raw(), all.logits.all.rows(2, 4).raw(), mixed.logits.all.nbytes()),
            0);
  for (const Streams* streams : {&greedy, &mixed})
    for (size_t i = 0; i < streams->draws.size(); ++i) {
      const auto at = static_cast<int64_t>(i);
      const float* const row = all.logits.all.data<float>() + at * all.logits.all.row_stride();
      EXPECT_EQ(streams->logits.drawn.data<int32_t>()[at * streams->logits.drawn.row_stride()],
                ops::draw_row(all.t.backend(), {row, static_cast<size_t>(all.logits.all.dim(1))},
                              streams->draws[i]));
    }
}

// The way back through a linear with adapters of `rows` rows each, asked for all gradients.
struct WayBack {
  DType base;
  int64_t adapters, rows;
  bool shared = false;     // all add to the same gradients
  bool new_masks = false;  // of dropout, as every step draws them
};
Cost cost_of(const WayBack& way) {
  const auto backend = ops::make_backend("cuda_emulated");
  const int64_t n = way.adapters * way.rows, k = 40, o = 24, rank = 8;
  const auto on_device = [&](int64_t r, int64_t c) { return backend->allocate(DType::float32, {r, c}); };
  const Tensor dy = on_device(n, o), x = on_device(n, k), s = on_device(n, rank), dx = on_device(n, k);
  const ops::Weight w = backend->pack(Tensor::zeros(way.base, {o, k}), true);
  std::vector<ops::Lora> loras;
  std::vector<ops::LoraSegment> segments;
  std::vector<ops::LoraGradient> gradients;
  for (int64_t i = 0; i < way.adapters; ++i) {
    loras.push_back(backend->pack_lora(numbers({rank, k}, 1), numbers({o, rank}, 2), 0.5f, way.base));
    segments.push_back({i * way.rows, (i + 1) * way.rows, loras.back().get(), 0.1f, 7});
    gradients.push_back(way.shared && i > 0 ? gradients.front()
                                            : ops::LoraGradient{on_device(rank, k), on_device(o, rank)});
  }
  const auto back = [&] { backend->linear_backward(dy, x, *w, segments, s, gradients, dx, false); };
  back();
  for (ops::LoraSegment& segment : segments) segment.dropout_seed += way.new_masks;
  const Cost before = Cost::now();
  back();
  return Cost::now() - before;
}

// The rounding beside the adapters' first half, the product, their second half, and their gradients: one for
// all, or two where segments are long. Beside a base in float32 nothing is rounded and gradients are two for
// each adapter.
TEST_F(Launches, OfTheWayBackThroughALinear) {
  EXPECT_EQ(cost_of({DType::bfloat16, 1, 20}), (Cost{4, 0}));
  EXPECT_EQ(cost_of({DType::bfloat16, 3, 20}), (Cost{4, 0}));
  EXPECT_EQ(cost_of({DType::bfloat16, 1, 300}), (Cost{5, 0}));
  EXPECT_EQ(cost_of({DType::bfloat16, 3, 300}), (Cost{5, 0}));
  EXPECT_EQ(cost_of({DType::float32, 1, 20}), (Cost{5, 0}));
  EXPECT_EQ(cost_of({DType::float32, 3, 20}), (Cost{9, 0}));
  // += of one after another.
  EXPECT_EQ(cost_of({.base = DType::bfloat16, .adapters = 3, .rows = 20, .shared = true}), (Cost{6, 0}));
  // Pieces of adapters, and what gradients are of, know the masks.
  EXPECT_EQ(cost_of({.base = DType::bfloat16, .adapters = 3, .rows = 20, .new_masks = true}), (Cost{4, 2}));
}

}  // namespace
}  // namespace whorl
