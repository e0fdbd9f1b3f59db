#pragma once
// One model that several ranks compute, each a thread with sockets and a backend of its own.
#include <cmath>
#include <map>

#include "base/random.h"
#include "model/assemble.h"
#include "ranks/harness.h"
#include "serve/engine_fixture.h"
#include "tensor/safetensors.h"

namespace whorl::testing {

// Heads and widths that two and three ranks can share, in whole numbers too.
inline ModelConfig shared_config(const std::string& type = "llama") {
  ModelConfig c;
  c.model_type = type;
  c.vocab_size = 97;
  c.hidden_size = 64;
  c.intermediate_size = 192;
  c.num_hidden_layers = 2;
  c.num_attention_heads = 12;
  c.num_key_value_heads = 6;
  c.head_dim = 16;
  c.max_position_embeddings = 256;
  c.initializer_range = 0.12;  // so that layers tell
  c.attention_bias = type == "llama" || type == "qwen2";
  return c;
}

// A checkpoint whose biases and norms say something too: new ones are 0 and 1.
inline void write_checkpoint(const std::filesystem::path& folder, const ModelConfig& config) {
  const Model made = Model::create(config, 3, {}, {.threads = 1});
  made.save(folder);
  auto tensors = model::host_tensors(*made.impl(), "auto", "[test]");
  uint64_t key = 0;
  for (auto& [name, x] : tensors) {
    if (x.shape().size() != 1) continue;
    ++key;
    x = model::convert(x, DType::float32);
    for (int64_t i = 0; i < x.numel(); ++i)
      x.data<float>()[i] += static_cast<float>(0.3 * base::normal(key, static_cast<uint64_t>(i)));
  }
  tensor::write_safetensors_model(folder.string(), tensors);
}

using Options = ModelOptions;
using OnModel = std::function<void(const Model&)>;
using Wrapped = std::function<std::shared_ptr<ranks::Communicator>(ranks::Communicator&)>;

struct Ranks {
  std::filesystem::path folder;
  Options options = {.threads = 1};
  Wrapped wrapped = {};   // what a rank computes over instead
  OnModel follower = {};  // what the others do instead of following

  // What each rank threw, by rank. `leader` computes on rank 0; the others follow until it returns.
  std::vector<std::string> run(int size, const OnModel& leader, double timeout = 20) const {
    return run_ranks(places(size, timeout), [&](ranks::Communicator& all) {
      Options mine = options;
      mine.tensor_parallel_size = size;
      const std::shared_ptr<ranks::Communicator> borrowed(std::shared_ptr<void>(), &all);
      const Model model = model::load(folder, mine, wrapped ? wrapped(all) : borrowed);
      if (all.rank() == 0) {
        const auto lead = model.impl()->transformer->lead();
        leader(model);
      } else if (follower) {
        follower(model);
      } else {
        model.follow();
      }
    });
  }
};

inline void expect_none(const std::vector<std::string>& errors) {
  for (const std::string& error : errors) EXPECT_EQ(error, "");
}

// The largest difference, as a share of the largest value.
inline double difference(const std::vector<float>& a, const std::vector<float>& b) {
  EXPECT_EQ(a.size(), b.size());
  double most = 0, size = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    most = std::max(most, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
    size = std::max(size, std::abs(static_cast<double>(b[i])));
  }
  return most / size;
}

inline std::vector<float> shared_logits(const Ranks& ranks, int size, const std::vector<int32_t>& ids,
                                        const Adapter* adapter = nullptr) {
  std::vector<float> out;
  expect_none(ranks.run(size, [&](const Model& model) { out = model.logits(ids, adapter); }));
  return out;
}

}  // namespace whorl::testing
