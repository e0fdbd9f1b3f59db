// Decode steps as graphs: the bits of steps whose kernels are queued one by one, whatever changes from step
// to step, and what a token then costs the host.
#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <thread>

#include "base/random.h"
#include "cuda/emulated_models.h"
#include "ops/device.h"
#include "ops/library_folders.h"
#include "train/harness.h"

namespace whorl {
namespace {

using namespace testing;  // whorl::testing

// What a step cost the host.
struct Cost {
  int64_t launches = 0, graphs = 0, captures = 0, updates = 0, made = 0, uploads = 0, waits = 0;
  static Cost now() {
    return {counted("launches"),       counted("graph_launches"), counted("captures"), counted("updates"),
            counted("instantiations"), counted("uploads"),        counted("waits")};
  }
  Cost operator-(const Cost& o) const {
    return {launches - o.launches, graphs - o.graphs,   captures - o.captures, updates - o.updates,
            made - o.made,         uploads - o.uploads, waits - o.waits};
  }
  bool operator==(const Cost&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Cost& c) {
  return out << c.launches << " launches, " << c.graphs << " graphs, " << c.captures << " captures, "
             << c.updates << " updates, " << c.made << " made, " << c.uploads << " uploads, " << c.waits
             << " waits";
}
// One copy of lists, one graph, one copy of logits.
constexpr Cost kSteady{.graphs = 1, .uploads = 1, .waits = 1};

Model model_of(const std::string& dtype, const std::string& quantize = "none", int64_t layers = 2) {
  ModelConfig c;
  c.vocab_size = 40, c.hidden_size = 32, c.intermediate_size = 48, c.num_hidden_layers = layers;
  c.num_attention_heads = 4, c.num_key_value_heads = 2, c.max_position_embeddings = 1024;
  c.initializer_range = 0.2, c.torch_dtype = dtype;
  return Model::create(c, 5, {}, {.device = "cuda_emulated", .quantize = quantize});
}

std::shared_ptr<model::DeviceAdapter> shared_adapter(const Model& model, int64_t rank, uint64_t seed) {
  return std::make_shared<model::DeviceAdapter>(adapter_of(*model.impl()->transformer, rank, seed));
}

// Streams over one cache, each with its pages, its context and maybe an adapter.
class Streams {
 public:
  static constexpr int32_t kPages = 20, kPageSize = 16;
  Streams(Model model, size_t count)
      : model_(std::move(model)),
        cache_(transformer().make_kv_cache(kPages * static_cast<int64_t>(count), kPageSize)),
        streams_(count) {
    for (size_t s = 0; s < count; ++s)
      for (int32_t p = 0; p < kPages; ++p) streams_[s].pages.push_back(static_cast<int32_t>(s) * kPages + p);
  }
  const Model& model() const { return model_; }
  void give(size_t stream, std::shared_ptr<model::DeviceAdapter> adapter) {
    streams_[stream].adapter = std::move(adapter);
  }
  // A prompt of so many tokens, all at once.
  void prefill(size_t stream, int32_t tokens) {
    Stream& s = streams_[stream];
    std::vector<int32_t> ids, positions;
    for (int32_t i = 0; i < tokens; ++i) ids.push_back((7 * i + 3) % 40), positions.push_back(s.past + i);
    const std::vector<ops::PagedSequence> sequences = {{0, tokens, s.past, s.pages}};
    transformer().step({ids, positions}, sequences, cache_, {});
    s.past += tokens;
  }
  // One token of each of these; logits are remembered, and the likeliest token is the next one.
  Cost step(const std::vector<size_t>& of) {
    std::vector<ops::PagedSequence> sequences;
    std::vector<model::AdapterRows> rows;
    std::vector<int32_t> ids, positions, wanted;
    for (const size_t index : of) {
      const Stream& s = streams_[index];
      const auto row = static_cast<int64_t>(ids.size());
      sequences.push_back({row, row + 1, s.past, s.pages});
      if (s.adapter) rows.push_back({row, row + 1, s.adapter.get()});
      wanted.push_back(static_cast<int32_t>(row)), ids.push_back(s.next), positions.push_back(s.past);
    }
    const Cost before = Cost::now();
    if (draw) {
      std::vector<ops::Draw> draws(of.size(), *draw);
      for (ops::Draw& d : draws) d.uniform = base::uniform(7, drawn_++);
      const Tensor ids_drawn =
          transformer().step_for({ids, positions, rows}, sequences, cache_, wanted, {draws}).drawn;
      const Cost cost = Cost::now() - before;
      for (size_t i = 0; i < of.size(); ++i)
        keep(streams_[of[i]], ids_drawn.data<int32_t>() + static_cast<int64_t>(i) * ids_drawn.row_stride());
      return cost;
    }
    const Tensor logits = transformer().step({ids, positions, rows}, sequences, cache_, wanted);
    const Cost cost = Cost::now() - before;
    for (size_t i = 0; i < of.size(); ++i) keep(streams_[of[i]], logits.data<float>() + i * 40);
    return cost;
  }
  const std::vector<float>& seen() const { return seen_; }
  std::optional<ops::Draw> draw;  // how tokens are drawn on the device; nothing: all logits are asked for

 private:
  struct Stream {
    std::vector<int32_t> pages;
    int32_t past = 0, next = 1;
    std::shared_ptr<model::DeviceAdapter> adapter;
  };
  const model::Transformer& transformer() const { return *model_.impl()->transformer; }
  void keep(Stream& s, const float* logits) {
    seen_.insert(seen_.end(), logits, logits + 40);
    s.next = static_cast<int32_t>(std::max_element(logits, logits + 40) - logits);
    ++s.past;
  }
  void keep(Stream& s, const int32_t* ids) {
    seen_.push_back(static_cast<float>(s.next = ids[0]));
    ++s.past;
  }
  Model model_;
  model::KvCache cache_;
  std::vector<Stream> streams_;
  std::vector<float> seen_;
  uint64_t drawn_ = 0;
};

class Graphs : public ::testing::Test {
 protected:
  void SetUp() override {
    setenv("WHORL_EMULATED_PRODUCTS", "1", 1);
    ops::add_library_folder(std::filesystem::path(WHORL_EMULATED_LIBRARY).parent_path().string());
  }
  void TearDown() override { unsetenv("WHORL_EMULATED_PRODUCTS"), unsetenv("WHORL_CUDA_GRAPHS"); }

  // The same steps with graphs and without; a graph was launched for more than half of them.
  static void expect_same_bits(const std::function<std::vector<float>(bool)>& logits) {
    setenv("WHORL_CUDA_GRAPHS", "off", 1);
    const int64_t none = counted("graph_launches") + counted("captures");
    const auto wanted = logits(false);
    EXPECT_EQ(counted("graph_launches") + counted("captures"), none);
    unsetenv("WHORL_CUDA_GRAPHS");
    EXPECT_EQ(logits(true), wanted);
  }
};

TEST_F(Graphs, OfOneToThreeStreamsHaveTheBitsOfSingleLaunches) {
  for (const auto& stored :
       {std::pair("bfloat16", "none"), {"float32", "none"}, {"bfloat16", "int8"}, {"bfloat16", "fp8"}})
    for (const size_t count : {size_t{1}, size_t{3}})
      for (const bool adapted : {false, true})
        expect_same_bits([&](bool graphs) {
          Streams s(model_of(stored.first, stored.second), count);
          std::vector<size_t> all;
          for (size_t i = 0; i < count; ++i) {
            all.push_back(i);
            if (adapted) s.give(i, shared_adapter(s.model(), 3 + 2 * static_cast<int64_t>(i), i));
          }
          int64_t launched = 0;
          for (int i = 0; i < 8; ++i) launched += s.step(all).graphs;
          EXPECT_EQ(launched, graphs ? 6 : 0) << stored.first << stored.second << count << adapted;
          return s.seen();
        });
}

// Over a page's end, and over the 128 keys after which attention is split and merged.
TEST_F(Graphs, FollowAContextThatGrows) {
  for (const char* dtype : {"bfloat16", "float32"})
    expect_same_bits([&](bool graphs) {
      Streams s(model_of(dtype), 2);
      s.prefill(0, 118), s.prefill(1, 9);
      int64_t launched = 0;
      for (int i = 0; i < 18; ++i) launched += s.step({0, 1}).graphs;
      EXPECT_EQ(launched, graphs ? 14 : 0);  // all but two, and two where kernels and room are others
      return s.seen();
    });
}

TEST_F(Graphs, FollowBatchesThatChange) {
  expect_same_bits([&](bool graphs) {
    Streams s(model_of("bfloat16"), 3);
    const std::vector<std::vector<size_t>> batches = {{0}, {0, 1}, {0, 1, 2}, {2, 0}, {1}, {2, 1, 0}};
    int64_t launched = 0;
    for (int i = 0; i < 5; ++i)
      for (const auto& batch : batches) launched += s.step(batch).graphs;
    EXPECT_EQ(launched,
              graphs ? 30 - 4 : 0);  // three sizes; the first knows no room, each is written down once
    return s.seen();
  });
}

// Adapters that come, go and take one another's memory.
TEST_F(Graphs, FollowAdaptersThatAreLoadedAndRemoved) {
  expect_same_bits([&](bool graphs) {
    Streams s(model_of("bfloat16"), 2);
    int64_t launched = 0;
    for (uint64_t i = 0; i < 24; ++i) {
      const size_t stream = i % 2;
      if (i % 3 == 0) s.give(stream, nullptr);
      if (i % 3 == 1) s.give(stream, shared_adapter(s.model(), 2 + static_cast<int64_t>(i % 5), i));
      launched += s.step({0, 1}).graphs;
    }
    EXPECT_GE(launched, graphs ? 12 : 0);
    return s.seen();
  });
}

TEST_F(Graphs, AreBroughtUpToDateForAnotherAdapter) {
  Streams s(model_of("bfloat16"), 1);
  s.give(0, shared_adapter(s.model(), 4, 1));
  for (int i = 0; i < 4; ++i) s.step({0});
  EXPECT_EQ(s.step({0}), kSteady);
  s.give(0, shared_adapter(s.model(), 4, 2));
  EXPECT_EQ(s.step({0}), kSteady);  // its pieces are a list
  s.give(0, shared_adapter(s.model(), 8, 2));
  Cost once = kSteady;
  once.captures = once.updates = 1;
  EXPECT_EQ(s.step({0}), once);  // of another rank: other blocks
  EXPECT_EQ(s.step({0}), kSteady);
}

// The steady state: no kernel is launched by the host, whatever the number of layers, streams and adapters.
TEST_F(Graphs, AreAllThatATokenCosts) {
  for (const char* quantize : {"none", "int8", "int4", "fp8"})
    for (const size_t adapters : {size_t{0}, size_t{1}, size_t{3}}) {
      Streams s(model_of("bfloat16", quantize), 3);
      for (size_t i = 0; i < adapters; ++i) s.give(i, shared_adapter(s.model(), 8, i));
      for (int i = 0; i < 3; ++i) s.step({0, 1, 2});
      for (int i = 0; i < 10; ++i) EXPECT_EQ(s.step({0, 1, 2}), kSteady) << quantize << adapters << i;
    }
}

// Tokens are drawn by the same graph, another number for each.
TEST_F(Graphs, DrawTokens) {
  expect_same_bits([&](bool graphs) {
    Streams s(model_of("bfloat16"), 2);
    int64_t steady = 0;
    const std::optional<ops::Draw> kinds[] = {std::nullopt, ops::Draw{}, ops::Draw{.temperature = 1},
                                              ops::Draw{.top_p = .9, .top_k = 20, .temperature = 1}};
    for (int i = 0; i < 32; ++i) {
      s.draw = kinds[i % 4];
      if (i > 15)
        steady += s.step({0, 1}) == kSteady;
      else
        s.step({0, 1});
    }
    EXPECT_EQ(steady, graphs ? 16 : 0);
    return s.seen();
  });
}

// Of many layers the first ones are a graph of their own, which runs while the others are written down.
TEST_F(Graphs, OfManyLayersAreTwo) {
  Cost twice = kSteady;
  twice.graphs = twice.uploads = 2;
  for (const int64_t layers : {11, 12})
    expect_same_bits([&](bool graphs) {
      Streams s(model_of("bfloat16", "none", layers), 2);
      s.give(1, shared_adapter(s.model(), 8, 3));
      for (int i = 0; i < 8; ++i) {
        const Cost cost = s.step({0, 1});
        if (!graphs || i < 4) continue;
        EXPECT_EQ(cost, layers < 12 ? kSteady : twice) << layers << " " << i;
      }
      return s.seen();
    });
}

// A token decoded after others has the logits that it has in a prompt.
TEST_F(Graphs, OfManyLayersComputeThemAll) {
  const Model model = model_of("bfloat16", "none", 12);
  Streams decoded(model, 1);
  std::vector<int32_t> ids = {1}, positions;
  for (int i = 0; i < 7; ++i) {
    decoded.step({0});
    const float* const last = decoded.seen().data() + decoded.seen().size() - 40;
    ids.push_back(static_cast<int32_t>(std::max_element(last, last + 40) - last));
  }
  ids.pop_back();
  for (size_t i = 0; i < ids.size(); ++i) positions.push_back(static_cast<int32_t>(i));
  const model::Transformer& t = *model.impl()->transformer;
  model::KvCache cache = t.make_kv_cache(1, 16);
  const std::vector<int32_t> pages = {0}, wanted = positions;
  const std::vector<ops::PagedSequence> sequences = {{0, std::ssize(ids), 0, pages}};
  const Tensor logits = t.step({ids, positions}, sequences, cache, wanted);
  const std::vector<float> whole(logits.data<float>(), logits.data<float>() + logits.numel());
  EXPECT_EQ(decoded.seen(), whole);
}

// What is penalised becomes more with every token, and what is allowed is another: a graph is brought up to
// date where a list has twice the room.
TEST_F(Graphs, DrawWithChangesThatGrow) {
  expect_same_bits([&](bool graphs) {
    Streams s(model_of("bfloat16"), 2);
    std::vector<ops::Penalty> penalties;
    std::vector<uint32_t> allowed(2);
    int64_t steady = 0;
    for (int32_t i = 0; i < 30; ++i) {
      penalties.push_back({i, 1 + i % 2});
      allowed = {static_cast<uint32_t>(base::random_bits(3, static_cast<uint64_t>(i))), 0xff};
      s.draw = ops::Draw{.temperature = 1, .repetition = 1.3, .presence = .2};
      s.draw->penalties = penalties, s.draw->allowed = allowed;
      steady += s.step({0, 1}) == kSteady;
    }
    EXPECT_GE(steady, graphs ? 20 : 0);
    return s.seen();
  });
}

// Prompts are no decode steps.
TEST_F(Graphs, AreNotMadeOfPrompts) {
  Streams s(model_of("bfloat16"), 1);
  const Cost before = Cost::now();
  for (int i = 0; i < 4; ++i) s.prefill(0, 5);
  EXPECT_EQ((Cost::now() - before).captures, 0);
}

TEST_F(Graphs, AreAskedForByNoOtherWord) {
  setenv("WHORL_CUDA_GRAPHS", "no", 1);
  try {
    ops::make_backend("cuda_emulated");
    FAIL();
  } catch (const std::exception& error) {
    EXPECT_NE(std::string(error.what()).find("WHORL_CUDA_GRAPHS to be 'off' or not set, got 'no'"),
              std::string::npos)
        << error.what();
  }
}

// Two that decode and one that trains, at once over one backend: each as if it were alone.
TEST_F(Graphs, OfThreadsThatShareABackendAreTheirOwn) {
  const Model model = model_of("bfloat16");
  const auto decoded = [&] {
    Streams s(model, 2);
    for (int i = 0; i < 60; ++i) s.step(i % 3 ? std::vector<size_t>{0, 1} : std::vector<size_t>{1});
    return s.seen();
  };
  TrainedOptions o{.rows = random_rows(12, 3, 12, 40)};
  o.train.max_steps = 6, o.train.batch_size = 1, o.train.max_length = 12;
  o.adapters = {{.name = "a", .rank = 4}};
  const auto trained = [&] { return fit(model, o).digest(0); };
  const auto alone = decoded();
  const std::string trained_alone = trained();
  std::vector<float> first, second;
  std::string digest;
  std::thread a([&] { first = decoded(); }), b([&] { second = decoded(); }), c([&] { digest = trained(); });
  a.join(), b.join(), c.join();
  EXPECT_EQ(first, alone);
  EXPECT_EQ(second, alone);
  EXPECT_EQ(digest, trained_alone);
}

}  // namespace
}  // namespace whorl
