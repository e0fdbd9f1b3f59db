// What an engine foresees of its memory against what the device's grows to, and how its cache follows what is
// free.
#include <algorithm>
#include <future>
#include <numeric>

#include "cuda/device_room.h"
#include "ops/device.h"
#include "ops/library_folders.h"
#include "serve/engine_fixture.h"

namespace whorl {
namespace {

using testing::Free, testing::Variable, testing::held, testing::peak;
using testing::message_of;

struct Case {
  std::string name, dtype = "float32", quantize = "none";
  bool library = false, adapters = false, graphs = true;
  int64_t vocabulary = 3000, context = 1024;
};
void PrintTo(const Case& t, std::ostream* to) { *to << t.name; }

Model model_of(const Case& t) {
  ops::add_library_folder(std::filesystem::path(WHORL_EMULATED_LIBRARY).parent_path().string());
  ModelConfig c;
  c.vocab_size = t.vocabulary, c.hidden_size = 64, c.intermediate_size = 352, c.num_hidden_layers = 2;
  c.num_attention_heads = 4, c.num_key_value_heads = 2, c.max_position_embeddings = t.context;
  c.initializer_range = 0.2, c.torch_dtype = t.dtype;
  return Model::create(c, 5, {}, {.device = "cuda_emulated", .quantize = t.quantize});
}

GenerateRequest request_of(uint64_t seed, int64_t length, int64_t answer, int64_t vocabulary = 3000) {
  GenerateRequest out;
  out.prompt_ids = testing::random_ids(seed, length, vocabulary);
  out.sampling.max_new_tokens = answer, out.sampling.ignore_eos = true;
  return out;
}

// Twelve sequences, one as long as the model's context, chosen from all logits and from the largest; and a
// likelihood of more tokens than a step has.
constexpr EngineOptions kOptions{.max_batch_size = 12, .max_step_tokens = 116};
void work(InferenceEngine& engine, bool adapters) {
  if (adapters)
    for (const int64_t rank : {4, 8, 16})
      engine.add_adapter("r" + std::to_string(rank), testing::random_adapter(engine.model(), rank, 7));
  const auto adapter = [&](size_t i) {
    return adapters ? "r" + std::to_string(4 << (i % 3)) : std::string();
  };
  const ModelConfig& config = engine.model().config();
  std::vector<GenerateRequest> requests;
  for (size_t i = 0; i < 12; ++i) {
    requests.push_back(
        request_of(i, i == 0 ? config.max_position_embeddings - 24 : 30, 20, config.vocab_size));
    requests[i].adapter = adapter(i);
  }
  engine.generate(requests);
  requests.resize(3);
  requests[1].sampling.temperature = 1, requests[1].sampling.top_k = 0;
  engine.generate(requests);
  // Logits that are kept, then those of all rows of a step, beside sequences that decode.
  const auto likelihood = [&](int64_t tokens) {
    engine.log_likelihood({{adapter(1), testing::random_ids(1, 10, config.vocab_size),
                            testing::random_ids(2, tokens, config.vocab_size)}});
  };
  likelihood(60);
  requests.resize(11, request_of(9, 30, 20, config.vocab_size));
  auto others = std::async(std::launch::async, [&] { engine.generate(requests); });
  likelihood(200);
  others.get();
}

class StepMemory : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (GetParam().library) setenv("WHORL_EMULATED_PRODUCTS", "1", 1);
    if (!GetParam().graphs) setenv("WHORL_CUDA_GRAPHS", "off", 1);
  }
  void TearDown() override { unsetenv("WHORL_EMULATED_PRODUCTS"), unsetenv("WHORL_CUDA_GRAPHS"); }
};

// Two MiB of what is foreseen are lists that may be kept, of which this work fills little.
TEST_P(StepMemory, IsForeseen) {
  constexpr size_t kLists = 2 << 20;
  const Model model = model_of(GetParam());
  const size_t before = held();
  InferenceEngine engine(model, kOptions);
  EXPECT_EQ(peak() - before, engine.stats().kv_cache_bytes);
  work(engine, GetParam().adapters);
  const EngineStats stats = engine.stats();
  const size_t grown = peak() - before - stats.kv_cache_bytes - stats.adapter_bytes;
  std::printf("%-24s foreseen %8zu, taken %8zu\n", GetParam().name.c_str(), stats.step_bytes - kLists, grown);
  EXPECT_LE(grown, stats.step_bytes);
  EXPECT_LE(grown, stats.step_bytes - kLists + (300 << 10));
  EXPECT_GE(grown * 3, 2 * (stats.step_bytes - kLists));
}

INSTANTIATE_TEST_SUITE_P(
    Engines, StepMemory,
    ::testing::Values(Case{"float32", "float32", "none", true}, Case{"bfloat16", "bfloat16", "none", true},
                      Case{"int8", "bfloat16", "int8", true}, Case{"int4", "bfloat16", "int4", true},
                      Case{"adapters", "bfloat16", "none", true, true},
                      Case{"adapters, fp8", "bfloat16", "fp8", true, true},
                      Case{"adapters, int4", "bfloat16", "int4", true, true},
                      Case{"without a library", "bfloat16", "none", false, false},
                      Case{"without graphs", "bfloat16", "none", true, false, false},
                      Case{"long contexts", "bfloat16", "none", true, false, true, 50, 2048},
                      Case{"kept logits", "bfloat16", "none", true, false, true, 14000, 256}),
    [](const auto& its) {
      std::string name = its.param.name;
      std::erase_if(name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); });
      return name;
    });

// The table of angles, which grows beside the one before it.
TEST(StepBytes, AreThoseOfALongTable) {
  const Variable graphs("WHORL_CUDA_GRAPHS", "off");  // no workspace, in which a table would be hidden
  ops::add_library_folder(std::filesystem::path(WHORL_EMULATED_LIBRARY).parent_path().string());
  ModelConfig c;
  c.vocab_size = 40, c.hidden_size = 64, c.intermediate_size = 32, c.num_hidden_layers = 1;
  c.num_attention_heads = 1, c.num_key_value_heads = 1, c.max_position_embeddings = 16384;
  const Model model = Model::create(c, 5, {}, {.device = "cuda_emulated"});
  const model::Transformer& t = *model.impl()->transformer;
  const size_t foreseen =
      t.step_memory({.rows = 1, .sequences = 1, .logits = 1, .positions = 16384, .page_size = 64}).steps -
      (2 << 20);
  model::KvCache cache = t.make_kv_cache(256, 64);
  std::vector<int32_t> pages(256);
  std::iota(pages.begin(), pages.end(), 0);
  const size_t before = held();
  for (const int32_t position : {8191, 16383}) {
    const std::vector<int32_t> ids = {3}, positions = {position}, rows = {0};
    const std::vector<ops::PagedSequence> sequences = {{0, 1, position, pages}};
    t.step({ids, positions}, sequences, cache, rows);
  }
  const size_t taken = peak() - before;
  std::printf("%-24s foreseen %8zu, taken %8zu\n", "a long table", foreseen, taken);
  EXPECT_LE(taken, foreseen + (300 << 10));
  EXPECT_GE(taken * 3, 2 * foreseen);
}

// ---- what the backend holds ------------------------------------------------------------------------------

// Steps of products alone: every row of another adapter, every layer's lists others than those before.
struct Products {
  static constexpr int64_t kRows = 12, kInputs = 4096, kOutputs = 32, kRank = 8, kLayers = 16;
  std::shared_ptr<ops::Backend> backend = ops::make_backend("cuda_emulated");
  ops::Weight w;
  Tensor x = backend->allocate(DType::float32, {kRows, kInputs}),
         y = backend->allocate(DType::float32, {kRows, kOutputs}), none;
  std::vector<ops::Lora> loras;

  explicit Products(ops::Quantize quantize = ops::Quantize::none) {
    const Tensor zeros = Tensor::zeros(DType::bfloat16, {kOutputs, kInputs});
    w = quantize == ops::Quantize::none ? backend->pack(zeros, false)
                                        : backend->pack_quantized(zeros, quantize);
    for (int i = 0; i < 2 * kLayers; ++i)
      loras.push_back(backend->pack_lora(Tensor::zeros(DType::float32, {kRank, kInputs}),
                                         Tensor::zeros(DType::float32, {kOutputs, kRank}), 1,
                                         DType::bfloat16));
  }
  void linears(size_t products, int64_t turn) const {
    std::vector<ops::LoraSegment> segments;
    for (int64_t row = 0; row < kRows; ++row)
      segments.push_back({row, row + 1, loras[static_cast<size_t>((row + turn) % (2 * kLayers))].get()});
    const ops::LinearJob job{*w, none, segments, none, y};
    backend->linears(x, std::vector<ops::LinearJob>(products, job));
  }
  void layers() const {
    for (int64_t layer = 0; layer < kLayers; ++layer)
      linears(3, 2 * layer), linears(1, 2 * layer), linears(2, 2 * layer + 1), linears(1, 2 * layer + 1);
  }
  size_t foreseen() const {
    ops::StepShape shape;
    shape.rows = shape.sequences = kRows, shape.positions = 1, shape.rank = kRank, shape.layers = kLayers;
    shape.attention = {4, 2, 16, 1.0f};
    shape.linears = {w}, shape.head = w;
    return backend->step_bytes(shape) - (2 << 20);
  }
};

// A workspace with its lists, and beside it what a step borrows that is no decode step.
TEST(StepBytes, AreThoseOfAWorkspaceAndOfAnotherStep) {
  ops::add_library_folder(std::filesystem::path(WHORL_EMULATED_LIBRARY).parent_path().string());
  const Variable library("WHORL_EMULATED_PRODUCTS", "1");
  const Products steps;
  const size_t before = held();
  for (int times = 0; times < 3; ++times) steps.backend->repeated(1, [&] { steps.layers(); });
  steps.linears(3, 0);
  // The first step found no room in the workspace: its lists are kept elsewhere, 64 bytes for a piece of one.
  const size_t taken = peak() - before - Products::kLayers * 7 * Products::kRows * 64;
  EXPECT_LE(taken, steps.foreseen());
  EXPECT_GE(taken, steps.foreseen() - 16384);
}

// Where nothing is repeated there is no workspace.
TEST(StepBytes, AreThoseOfOneStepWithoutGraphs) {
  ops::add_library_folder(std::filesystem::path(WHORL_EMULATED_LIBRARY).parent_path().string());
  const Variable library("WHORL_EMULATED_PRODUCTS", "1"), graphs("WHORL_CUDA_GRAPHS", "off");
  for (const auto quantize : {ops::Quantize::none, ops::Quantize::int8, ops::Quantize::fp8}) {
    const Products steps(quantize);
    const size_t before = held();
    steps.linears(3, 0);
    const size_t taken = peak() - before;
    EXPECT_LE(taken, steps.foreseen() + 4096) << static_cast<int>(quantize);
    EXPECT_GE(taken, steps.foreseen() - 4096) << static_cast<int>(quantize);
  }
}

// ---- how the cache follows ------------------------------------------------------------------------------

const Case kCase{"bfloat16", "bfloat16", "none", true};
Case of_context(int64_t tokens) {
  Case out = kCase;
  out.context = tokens;
  return out;
}

TEST(CacheOnADevice, FollowsWhatIsFreeAndWorksInIt) {
  const Variable library("WHORL_EMULATED_PRODUCTS", "1");
  size_t last = 0;
  for (const size_t mebi : {8, 9, 10}) {
    const Model model = model_of(kCase);
    const size_t free = mebi << 20;
    const Free room(free);
    InferenceEngine engine(model, kOptions);
    const EngineStats stats = engine.stats();
    EXPECT_EQ(stats.free_bytes, free);
    EXPECT_LE(stats.kv_cache_bytes + stats.step_bytes, free);
    // Nine tenths of what is left, a quarter of which is the adapters'; but for a part of a page.
    const size_t left = (free - stats.step_bytes) / 4 * 3 / 10 * 9;
    if (stats.kv_cache_reason.find("nine tenths") != std::string::npos) {
      EXPECT_NEAR(static_cast<double>(stats.kv_cache_bytes), static_cast<double>(left), 8192);
    }
    EXPECT_GT(stats.kv_cache_bytes, last);
    last = stats.kv_cache_bytes;
    EXPECT_EQ(stats.kv_cache_tokens, stats.pages_total * 16);
    if (stats.kv_cache_tokens > 1100) work(engine, false);  // no DeviceMemoryError
  }
}

TEST(CacheOnADevice, IsNoLargerThanCanBeUsed) {
  const Model model = model_of(of_context(64));
  InferenceEngine engine(model, kOptions);
  EXPECT_EQ(engine.stats().pages_total, 12 * 4);
  EXPECT_NE(engine.stats().kv_cache_reason.find("12 sequences"), std::string::npos);
}

// What a long context would work in is not kept free for sequences that cannot be so long.
TEST(CacheOnADevice, LetsShortSequencesRunWhereLongOnesDoNotFit) {
  const Variable library("WHORL_EMULATED_PRODUCTS", "1");
  const Model model = model_of(of_context(1 << 17));
  const Free room(9 << 20);  // the table of angles alone would take twelve
  InferenceEngine engine(model, kOptions);
  const EngineStats stats = engine.stats();
  EXPECT_GE(stats.kv_cache_tokens, 1024);
  EXPECT_LE(stats.kv_cache_bytes + stats.step_bytes, size_t{9} << 20);
  engine.generate(request_of(1, stats.kv_cache_tokens - 20, 20));
  EXPECT_THROW(engine.generate(request_of(1, stats.kv_cache_tokens, 20)), std::invalid_argument);
}

// With as much as the error says it works, with a little less than it needs it does not.
TEST(CacheOnADevice, SaysWhatIsNeededAndWhatIsFree) {
  const Model model = model_of(kCase);
  size_t needed = 0;
  {
    const Free room(1000);
    const std::string said =
        message_of<ops::DeviceMemoryError>([&] { const InferenceEngine engine(model, kOptions); });
    EXPECT_NE(said.find("[InferenceEngine] cuda_emulated has too little memory: expected "),
              std::string::npos)
        << said;
    EXPECT_NE(said.find("got 1000"), std::string::npos) << said;
    EXPECT_NE(said.find("max_step_tokens 116"), std::string::npos) << said;
    EXPECT_EQ(said.find("kv_cache_bytes"), std::string::npos) << said;  // nobody holds a cache
    needed = std::stoull(said.substr(said.find("expected ") + 9));
  }
  {
    const Free room(needed - 20000);
    EXPECT_THROW(InferenceEngine(model, kOptions), ops::DeviceMemoryError);
  }
  const Free room(needed);
  EXPECT_GE(InferenceEngine(model, kOptions).stats().pages_total, 1);
}

TEST(CacheOnADevice, OfAGivenSizeThatDoesNotFitSaysSo) {
  const Model model = model_of(kCase);
  const Free room(100000);
  EngineOptions options = kOptions;
  options.kv_cache_bytes = 400000;
  const std::string said =
      message_of<ops::DeviceMemoryError>([&] { const InferenceEngine engine(model, options); });
  EXPECT_NE(said.find("for the paged cache (kv_cache_bytes), got 100000"), std::string::npos) << said;
  EXPECT_EQ(held() + 100000, std::stoull(std::getenv("WHORL_EMULATED_MEMORY")));  // nothing stays behind
}

// An engine takes what it finds; who comes second is told whose it is, and how to have more.
TEST(CacheOnADevice, OfAnotherEngineIsNamed) {
  const Model model = model_of(kCase);
  const auto second = [&](std::optional<size_t> first_cache) {
    const Free room(29 << 19);  // for what two engines' steps need
    EngineOptions options = kOptions;
    options.kv_cache_bytes = first_cache;
    const InferenceEngine first(model, options);
    const std::string said =
        message_of<ops::DeviceMemoryError>([&] { const InferenceEngine engine(model, kOptions); });
    if (!said.empty()) {
      EXPECT_NE(said.find("in this process hold " + std::to_string(first.stats().kv_cache_bytes)),
                std::string::npos)
          << said;
    }
    return said;
  };
  EXPECT_NE(second(std::nullopt).find("smaller kv_cache_bytes"), std::string::npos);
  EXPECT_EQ(second(200000), "");
}

// Whatever else finds too little is told as well, as long as a cache is there.
TEST(CacheOnADevice, IsNamedWhereOthersFindTooLittle) {
  const Model model = model_of(kCase);
  ops::Backend& backend = model.impl()->transformer->backend();
  const Free room(12 << 20);
  const auto said = [&] {
    return message_of<ops::DeviceMemoryError>(
        [&] { backend.allocate(DType::float32, {int64_t{12} << 18, 1}); });
  };
  EXPECT_EQ(said(), "");
  {
    const InferenceEngine engine(model, kOptions);
    const EngineStats stats = engine.stats();
    EXPECT_EQ(backend.memory_now()->paged, stats.kv_cache_bytes);
    EXPECT_EQ(backend.memory_now()->expected, stats.step_bytes);
    EXPECT_EQ(backend.memory_now()->free, stats.free_bytes - stats.kv_cache_bytes - stats.step_bytes);
    EXPECT_NE(said().find("smaller kv_cache_bytes"), std::string::npos) << said();
  }
  EXPECT_EQ(backend.memory_now()->paged, 0u);
  EXPECT_EQ(backend.memory_now()->expected, 0u);
}

}  // namespace
}  // namespace whorl
