#pragma once
// Runs the training loop over rows that are already tokens, so that its tests need no tokenizer.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "adapter/adapter_impl.h"
#include "base/random.h"
#include "model/golden.h"
#include "model/model_impl.h"
#include "train/adapter_learner.h"
#include "train/identity.h"
#include "train/loop.h"
#include "train/memory_plan.h"
#include "train/options.h"
#include "train/weight_learner.h"

namespace whorl::testing {

inline train::TrainRows rows_of(const std::vector<EncodedRow>& rows,
                                const train::RowPolicy& policy = {256, "error", "error"}) {
  return train::collect_rows(
      static_cast<int64_t>(rows.size()), [&](int64_t i) { return rows[static_cast<size_t>(i)]; },
      [](int64_t i) { return "row " + std::to_string(i); }, policy, "[test]");
}

inline std::vector<EncodedRow> golden_rows() {
  std::vector<EncodedRow> out;
  const nlohmann::json index = golden_index();
  for (const auto& row : index["rows"])
    out.push_back({row["ids"].get<std::vector<int32_t>>(), row["trained"].get<std::vector<uint8_t>>()});
  return out;
}

// One pass over a batch; gives its losses.
inline Tensor run_pass(model::TrainingPass& pass, const model::Transformer& transformer,
                       const train::Batch& batch, const model::WeightGradients* all = nullptr) {
  const auto rows = static_cast<int64_t>(batch.view().ids.size());
  const Tensor losses = transformer.backend().allocate(DType::float32, {rows});
  pass.run(batch.view(), batch.gradients(), all, losses);
  return losses;
}

// Seeded rows of all lengths, about half of the tokens trained.
inline std::vector<EncodedRow> random_rows(int64_t count, uint64_t seed, int64_t longest = 40,
                                           int64_t vocabulary = 128) {
  std::vector<EncodedRow> out;
  for (int64_t r = 0; r < count; ++r) {
    const uint64_t key = base::derive(seed, static_cast<uint64_t>(r));
    EncodedRow row;
    const auto n = static_cast<int64_t>(4 + base::below(key, 0, static_cast<uint64_t>(longest - 4)));
    for (int64_t i = 0; i < n; ++i) {
      const auto at = static_cast<uint64_t>(i);
      row.ids.push_back(
          static_cast<int32_t>(base::below(base::derive(key, 1), at, static_cast<uint64_t>(vocabulary))));
      row.trained.push_back(base::below(base::derive(key, 2), at, 2) == 0 || i + 1 == n);
    }
    out.push_back(std::move(row));
  }
  return out;
}

// One run; what is left of it stays to be looked at.
struct Trained {
  Model base;
  std::vector<std::unique_ptr<train::Learner>> learners;

  const train::AdapterLearner& adapter(size_t i) const {
    return static_cast<const train::AdapterLearner&>(*learners[i]);
  }
  std::string digest(size_t i, bool best = false) const { return adapter(i).result(best).digest(); }
  std::vector<double> losses(size_t i, const std::string& event = "step") const {
    std::vector<double> out;
    for (const Progress& p : learners[i]->state.history)
      if (p.event == event) out.push_back(event == "validation" ? p.validation_loss : p.loss);
    return out;
  }
};

struct TrainedOptions {
  TrainOptions train = {};
  std::vector<LoraOptions> adapters = {{}};
  std::vector<EncodedRow> rows = {}, valid = {};
  ProgressCallback callback = {};
  const adapter::LoraAdapter* start = nullptr;  // instead of fresh adapters
  ranks::Communicator* ranks = nullptr;
};

inline Trained prepare(const Model& base, const TrainedOptions& o) {
  Trained run{base, {}};
  for (const LoraOptions& adapter : o.adapters) {
    const uint64_t seed = adapter.seed ? adapter.seed : o.train.seed;
    run.learners.push_back(std::make_unique<train::AdapterLearner>(
        *base.impl()->transformer, o.start ? *o.start : train::initial_adapter(base, adapter, seed), adapter,
        seed));
  }
  return run;
}

inline void go(const Model& base, const TrainedOptions& o, const model::Transformer& transformer,
               std::vector<std::unique_ptr<train::Learner>>& learners) {
  train::check_options(o.train, "[test]");
  const train::RowPolicy policy{std::max<int64_t>(256, o.train.max_length), "error", "error"};
  const train::TrainRows rows = rows_of(o.rows, policy);
  train::TrainRows valid;
  if (!o.valid.empty()) valid = rows_of(o.valid, policy);
  const train::TrainRows* valid_rows = o.valid.empty() ? nullptr : &valid;
  base::Json adapters = base::Json::array();
  for (const LoraOptions& a : o.adapters) adapters.push_back(train::to_json(a));
  train::Loop loop(
      {transformer, o.train, rows, valid_rows, train::run_identity(base, o.train, adapters, rows, valid_rows),
       o.callback, "[test]", o.ranks},
      learners);
  loop.run();
}

inline Trained fit(const Model& base, const TrainedOptions& o) {
  Trained run = prepare(base, o);
  go(base, o, *base.impl()->transformer, run.learners);
  return run;
}

// All weights.
inline Trained fit_all(const Model& base, const TrainedOptions& o, double learning_rate,
                       double weight_decay) {
  Trained run{base, {}};
  run.learners.push_back(std::make_unique<train::WeightLearner>(base, learning_rate, weight_decay));
  go(base, o, static_cast<const train::WeightLearner&>(*run.learners[0]).transformer(), run.learners);
  return run;
}

inline Model toy_model(const std::string& type = "llama", const std::string& dtype = "float32",
                       uint64_t seed = 3) {
  ModelConfig c;
  c.model_type = type;
  c.vocab_size = 128;
  c.hidden_size = 32;
  c.intermediate_size = 48;
  c.num_hidden_layers = 2;
  c.num_attention_heads = 4;
  c.num_key_value_heads = 2;
  c.max_position_embeddings = 256;
  c.torch_dtype = dtype;
  return Model::create(c, seed);
}

inline std::vector<float> parameters_of(const Trained& run, size_t i) {
  return values_of(
      train::to_host(run.base.impl()->transformer->backend(), run.learners[i]->parameters.values));
}

// One adapter's second step is not finite: the other one beside it stays as the first step left it, too.
inline void expect_nothing_kept(const Model& base) {
  TrainedOptions o{.rows = random_rows(12, 3, 12)};
  o.train.max_steps = 1;
  o.train.batch_size = 2;
  o.train.max_length = 16;
  o.train.lr_scheduler = "constant";
  o.train.warmup_steps = 0;
  o.adapters = {{.name = "tame"}, {.name = "wild", .learning_rate = 1e30}};
  const Trained one_step = fit(base, o);
  o.train.max_steps = 4;
  Trained run = prepare(base, o);
  try {
    go(base, o, *base.impl()->transformer, run.learners);
    ADD_FAILURE() << "expected an error";
  } catch (const std::runtime_error& e) {
    const std::string text = e.what();
    EXPECT_NE(text.find("step 2, 'wild': the loss is not finite"), std::string::npos) << text;
  }
  for (size_t i = 0; i < 2; ++i) EXPECT_EQ(parameters_of(run, i), parameters_of(one_step, i)) << i;
}

inline double relative(double a, double b) { return std::abs(a - b) / std::max(1e-12, std::abs(b)); }

// Largest difference, against the largest value of the reference.
inline double relative_error(const std::vector<float>& a, const std::vector<float>& reference) {
  double largest = 0;
  for (const float x : reference) largest = std::max(largest, static_cast<double>(std::abs(x)));
  return max_error(a, reference) / largest;
}

}  // namespace whorl::testing
