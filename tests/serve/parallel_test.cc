// A model whose matrices are shared out over ranks gives the logits and answers of one process, up to the
// order of additions; the same bits every time; and each rank holds its share alone.
#include <gtest/gtest.h>

#include "model/gguf_file.h"
#include "serve/parallel_harness.h"
#include "whorl/trainer.h"

namespace whorl {
namespace {

using namespace testing;  // whorl::testing

constexpr double kFloat32 = 2e-5;   // float32 sums in another order
constexpr double kBfloat16 = 2e-2;  // operands are rounded to bfloat16 after another order of additions

// A number that changes in its last bit may be rounded to the next whole number: few do.
constexpr double kRounded = 5e-3;

double rms_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double off = 0, size = 0;
  for (size_t i = 0; i < b.size(); ++i) {
    const auto d = static_cast<double>(a.at(i)) - static_cast<double>(b[i]), v = static_cast<double>(b[i]);
    off += d * d, size += v * v;
  }
  return std::sqrt(off / size);
}

class Parallel : public ::testing::Test {
 protected:
  TemporaryFolder folder;
  const std::vector<int32_t> ids = random_ids(7, 40, 97);

  std::filesystem::path checkpoint(const std::string& type = "llama", bool tied = false) {
    const auto path = folder.path / (type + (tied ? "_tied" : ""));
    ModelConfig config = shared_config(type);
    config.tie_word_embeddings = tied;
    if (!std::filesystem::exists(path)) write_checkpoint(path, config);
    return path;
  }
};

TEST_F(Parallel, LogitsAreThoseOfOneProcess) {
  for (const char* type : {"llama", "qwen2", "qwen3", "mistral"}) {
    const Ranks ranks{checkpoint(type)};
    const auto alone = Model::load(ranks.folder, {.threads = 1}).logits(ids);
    for (const int size : {2, 3}) {
      const double off = difference(shared_logits(ranks, size, ids), alone);
      EXPECT_LE(off, kFloat32) << type << ", " << size;
      EXPECT_GT(off, 0) << "nothing was added in another order: " << type << ", " << size;
    }
  }
}

TEST_F(Parallel, InBfloat16AndWithATiedHeadToo) {
  Ranks ranks{checkpoint("llama", true)};
  EXPECT_LE(difference(shared_logits(ranks, 2, ids), Model::load(ranks.folder, {.threads = 1}).logits(ids)),
            kFloat32);
  ranks.options.dtype = "bfloat16";
  const auto alone = Model::load(ranks.folder, {.threads = 1, .dtype = "bfloat16"}).logits(ids);
  for (const int size : {2, 3}) EXPECT_LE(difference(shared_logits(ranks, size, ids), alone), kBfloat16);
}

TEST_F(Parallel, GiveTheSameBitsEveryTime) {
  const Ranks ranks{checkpoint()};
  EXPECT_EQ(shared_logits(ranks, 3, ids), shared_logits(ranks, 3, ids));
}

TEST_F(Parallel, AnAdapterIsCutWithItsLinears) {
  const Ranks ranks{checkpoint()};
  const Model whole = Model::load(ranks.folder, {.threads = 1});
  const Adapter adapter = random_adapter(whole, 5, 11);
  const auto alone = whole.logits(ids, &adapter);
  EXPECT_GT(difference(alone, whole.logits(ids)), 0.1) << "the adapter says nothing";
  for (const int size : {2, 3})
    EXPECT_LE(difference(shared_logits(ranks, size, ids, &adapter), alone), kFloat32);
}

TEST_F(Parallel, WholeNumbersAreCutBetweenGroups) {
  Ranks ranks{checkpoint("qwen3")};
  for (const char* quantize : {"int8", "int4"}) {
    ranks.options.quantize = quantize;
    const Model whole = Model::load(ranks.folder, {.threads = 1, .quantize = quantize});
    const Adapter adapter = random_adapter(whole, 5, 11);
    for (const Adapter* with : {static_cast<const Adapter*>(nullptr), &adapter}) {
      const auto alone = whole.logits(ids, with);
      // Beside such a base x A is rounded to bfloat16, and here each rank rounds its part of it.
      for (const int size : {2, 3})
        EXPECT_LE(rms_difference(shared_logits(ranks, size, ids, with), alone), with ? 3e-2 : kRounded)
            << quantize << size;
    }
  }
}

// Rows of the file that rotary positions need in another order, and columns of codes with scales and minima.
TEST_F(Parallel, CodesOfAFileAreCutAsTheyAre) {
  using tensor::GgufType;
  const std::vector<int32_t> some = {1, 5, 9, 2, 7, 3, 11, 4, 30, 12};
  for (const GgufType type : {GgufType::q8_0, GgufType::q4_1, GgufType::q4_k, GgufType::q6_k}) {
    const auto path = folder.path / "model.gguf";
    GgufFile file;
    file.heads = 4, file.kv_heads = 2;
    file.write(path, std::vector<GgufType>(8, type));
    const Model whole = Model::load(path, {.threads = 1});
    EXPECT_NE(whole.quantize(), "none");
    std::string digest;
    std::vector<float> logits;
    expect_none(Ranks{path}.run(2, [&](const Model& model) {
      EXPECT_EQ(model.quantize(), whole.quantize());
      logits = model.logits(some), digest = model.digest();
    }));
    EXPECT_LE(difference(logits, whole.logits(some)), 5e-3);
    EXPECT_EQ(digest, whole.digest());
  }
}

TEST_F(Parallel, ARankHoldsItsShare) {
  const Ranks ranks{checkpoint()};
  const Model whole = Model::load(ranks.folder, {.threads = 1});
  const ModelConfig& c = whole.config();
  const auto everywhere = static_cast<size_t>(2 * c.vocab_size * c.hidden_size) * sizeof(float);
  for (const int size : {2, 3}) {
    std::mutex mutex;
    size_t most = 0, pages = 0;
    const auto note = [&](const Model& model) {
      const std::lock_guard lock(mutex);
      most = std::max(most, model.memory_bytes());
      pages = std::max(pages, model.impl()->transformer->kv_bytes_per_page(16));
    };
    Ranks noting = ranks;
    noting.follower = [&](const Model& model) { note(model), model.follow(); };
    expect_none(noting.run(size, note));
    const auto n = static_cast<size_t>(size), layers = whole.memory_bytes() - everywhere;
    EXPECT_GE(most, everywhere + layers / n);
    EXPECT_LE(most, everywhere + layers / n + layers / 50) << "norms and biases are whole, nothing else";
    EXPECT_EQ(pages * n, whole.impl()->transformer->kv_bytes_per_page(16));
  }
}

TEST_F(Parallel, DigestsAndAdaptersAreThoseOfTheWholeModel) {
  for (const char* quantize : {"auto", "int8"}) {
    Ranks ranks{checkpoint("qwen2")};
    ranks.options.quantize = quantize;
    const Model whole = Model::load(ranks.folder, {.threads = 1, .quantize = quantize});
    expect_none(ranks.run(2, [&](const Model& model) {
      EXPECT_EQ(model.digest(), whole.digest());
      EXPECT_EQ(model.impl()->read_digest->get(), whole.impl()->read_digest->get());
      EXPECT_EQ(model.parameter_count(), whole.parameter_count());
    }));
  }
}

TEST_F(Parallel, KeptWeightsAreOfOneRank) {
  Ranks ranks{checkpoint()};
  ranks.options.weights_cache = folder.path / "cache";
  const auto first = shared_logits(ranks, 2, ids), second = shared_logits(ranks, 2, ids);
  EXPECT_EQ(first, second);
  const auto files = std::filesystem::directory_iterator(folder.path / "cache");
  EXPECT_EQ(std::distance(begin(files), end(files)), 2);
  const auto alone = Model::load(ranks.folder, {.threads = 1, .weights_cache = ranks.options.weights_cache});
  EXPECT_LE(difference(first, alone.logits(ids)), kFloat32);
}

TEST_F(Parallel, WhatNeedsAllOfTheModelIsRefused) {
  expect_none(Ranks{checkpoint()}.run(2, [&](const Model& model) {
    const auto refused = [&](const auto& call) {
      EXPECT_CONTAINS(message_of<std::invalid_argument>(call), "a share of the model is here (rank 0 of 2)");
    };
    refused([&] { model.save(folder.path / "saved"); });
    refused([&] { model.save_merged(folder.path / "saved", random_adapter(model, 2, 1)); });
    refused([&] { Trainer(model, {LoraOptions{.name = "a"}}); });
    EXPECT_CONTAINS(message_of<std::invalid_argument>([&] { model.follow(); }), "rank 0 leads");
  }));
  const Model whole = Model::load(checkpoint(), {.threads = 1});
  EXPECT_CONTAINS(message_of<std::invalid_argument>([&] { whole.follow(); }), "nobody leads");
}

TEST_F(Parallel, WhatCannotBeCutIsRefusedBeforeAnybodyIsWaitedFor) {
  auto path = checkpoint();
  const auto refusal = [&](Options options) {
    return message_of<std::invalid_argument>([&] { Model::load(path, options); });
  };
  EXPECT_CONTAINS(refusal({.tensor_parallel_size = 5}),
                  "tensor_parallel_size 5 cannot share this model: num_attention_heads 12 is no multiple");
  EXPECT_CONTAINS(refusal({.tensor_parallel_size = 4}), "num_key_value_heads 6 is no multiple");
  EXPECT_CONTAINS(refusal({.tensor_parallel_size = 0}), "tensor_parallel_size of at least 1, got 0");
  ModelConfig narrow = shared_config();
  narrow.head_dim = 8;
  path = folder.path / "narrow";
  write_checkpoint(path, narrow);
  EXPECT_CONTAINS(refusal({.quantize = "int8", .tensor_parallel_size = 2}),
                  "32 inputs share a scale, and each rank would have 48 of o_proj");
}

TEST_F(Parallel, AnotherModelIsNamed) {
  const auto one = checkpoint(), other = folder.path / "other";
  ModelConfig config = shared_config();
  config.rope_theta = 5000;
  write_checkpoint(other, config);
  const auto errors = run_ranks(places(2), [&](ranks::Communicator& all) {
    const std::shared_ptr<ranks::Communicator> borrowed(std::shared_ptr<void>(), &all);
    model::load(all.rank() == 0 ? one : other, {.threads = 1, .tensor_parallel_size = 2}, borrowed);
  });
  for (const std::string& error : errors)
    EXPECT_CONTAINS(error, "rank 1 of 2 has another model than rank 0: they differ in config");
}

}  // namespace
}  // namespace whorl
