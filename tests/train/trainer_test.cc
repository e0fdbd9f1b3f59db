// The public face: text in, adapters out.
#include "whorl/trainer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "model/golden.h"
#include "text/tokenizer.h"
#include "train/harness.h"

namespace whorl {
namespace {

using namespace testing;  // whorl::testing

constexpr const char* kTemplate =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

// A tokenizer of its own, a chat template, and a small model that speaks them.
class WithText : public ::testing::Test {
 protected:
  TemporaryFolder folder;
  Model base = make_base();

  Model make_base() {
    const std::string files = folder.path() + "/tokenizer";
    std::filesystem::create_directories(files);
    const std::vector<std::string> texts = {"the lamp in the hall is on", "turn the lamp off",
                                            "is the hall dark?", "yes, the lamp is off"};
    const auto tokenizer = text::Tokenizer::train_bpe(
        texts, {.vocab_size = 300, .special_tokens = {"<|end|>", "<|im_start|>", "<|im_end|>"}});
    std::ofstream(files + "/tokenizer.json") << tokenizer.to_json();
    std::ofstream(files + "/tokenizer_config.json") << "{\"eos_token\": \"<|im_end|>\"}";
    std::ofstream(files + "/chat_template.jinja") << kTemplate;
    ModelConfig c;
    c.hidden_size = 32;
    c.intermediate_size = 64;
    c.num_hidden_layers = 2;
    c.num_attention_heads = 4;
    c.max_position_embeddings = 128;
    return Model::create(c, 1, files);
  }

  static Dataset data(int64_t rows) {
    std::vector<Row> out;
    for (int64_t i = 0; i < rows; ++i) {
      const std::string state = i % 2 ? "on" : "off";
      Row row;
      row.messages = {{.role = "user", .content = "turn the lamp " + state},
                      {.role = "assistant", .content = "the lamp is " + state}};
      row.source = "row " + std::to_string(i);
      out.push_back(row);
    }
    return Dataset::from_rows(out);
  }

  static TrainOptions options() {
    TrainOptions o;
    o.epochs = 4;
    o.batch_size = 2;
    o.max_length = 64;
    o.eval_steps = 2;
    return o;
  }
};

TEST_F(WithText, TakesVocabularyAndEndFromTheTokenizer) {
  EXPECT_EQ(base.config().vocab_size, static_cast<int64_t>(base.impl()->tokenizer->vocab_size()));
  EXPECT_EQ(base.config().eos_token_ids, (std::vector<int64_t>{2}));
  EXPECT_EQ(base.decode(base.encode("the lamp is off")), "the lamp is off");
  EXPECT_EQ(base.apply_chat_template({{.role = "user", .content = "hello"}}),
            "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n");
}

TEST_F(WithText, SavingKeepsTheText) {
  base.save(folder.path() + "/saved");
  std::filesystem::remove_all(folder.path() + "/tokenizer");
  const Model again = Model::load(folder.path() + "/saved");
  again.save(folder.path() + "/twice");  // from memory: nothing of the first folder is read again
  const Model third = Model::load(folder.path() + "/twice");
  EXPECT_EQ(third.digest(), base.digest());
  EXPECT_EQ(third.config().eos_token_ids, base.config().eos_token_ids);
  EXPECT_EQ(third.encode("is the hall dark?"), base.encode("is the hall dark?"));
  EXPECT_EQ(third.apply_chat_template({{.role = "user", .content = "x"}}),
            base.apply_chat_template({{.role = "user", .content = "x"}}));
}

TEST_F(WithText, PlansFitsEvaluates) {
  const Dataset train = data(24), valid = data(6);
  LoraOptions small{.name = "small"}, large{.name = "large"};
  small.rank = 2;
  large.rank = 8;
  large.learning_rate = small.learning_rate = 5e-3;
  Trainer trainer(base, {small, large}, options());
  EXPECT_THROW(trainer.evaluate(valid), std::invalid_argument);

  const TrainPlan plan = trainer.plan(train);
  EXPECT_EQ(plan.rows, 24);
  EXPECT_GT(plan.trained_tokens, 0);
  EXPECT_LT(plan.trained_tokens, plan.tokens);
  EXPECT_GT(plan.packing_fill, 0.5);
  EXPECT_LE(plan.packing_fill, 1.0);
  EXPECT_EQ(nlohmann::json::parse(plan.to_json())["steps"], plan.steps);

  std::vector<Progress> seen;
  const auto results =
      trainer.fit(train, &valid, [&seen](const Progress& p) { return seen.push_back(p), true; });
  ASSERT_EQ(results.size(), 2u);
  int64_t parameters = 0;
  for (size_t i = 0; i < 2; ++i) {
    const TrainResult& r = results[i];
    EXPECT_EQ(r.name, i ? "large" : "small");
    EXPECT_EQ(r.adapter.rank(), i ? 8 : 2);
    parameters += r.adapter.parameter_count();
    EXPECT_EQ(r.history.back().event, "end");
    EXPECT_EQ(r.history.back().step, plan.steps);
    EXPECT_EQ(r.history.back().trained_tokens, 4 * plan.trained_tokens);
    EXPECT_LT(r.validation_loss, r.history.front().loss);
    EXPECT_NEAR(trainer.evaluate(valid)[i], r.validation_loss, 1e-9);
    EXPECT_NE(base.logits({5, 6, 7}, &r.adapter), base.logits({5, 6, 7}));
    EXPECT_EQ(r.adapter.metadata().at("base_model_digest"), base.digest());
  }
  EXPECT_EQ(parameters, plan.trainable_parameters);
  EXPECT_EQ(seen.size(), results[0].history.size() + results[1].history.size());
  const auto again = trainer.fit(train, &valid);
  EXPECT_EQ(again[0].adapter.digest(), results[0].adapter.digest());
}

TEST_F(WithText, WhatNeedsValidationSaysSo) {
  TrainOptions o = options();
  o.keep_best = true;
  EXPECT_THROW(Trainer(base, {{}}, o).fit(data(4)), std::invalid_argument);
  o.keep_best = false;
  o.early_stopping_patience = 1;
  EXPECT_THROW(Trainer(base, {{}}, o).fit(data(4)), std::invalid_argument);
}

TEST_F(WithText, AnAdapterOfAnotherBaseIsRefused) {
  const auto result = Trainer(base, {{}}, options()).fit(data(4));
  ModelConfig c = base.config();
  const Model other = Model::create(c, 2, folder.path() + "/tokenizer");
  EXPECT_THROW(other.logits({5, 6, 7}, &result[0].adapter), std::invalid_argument);
}

TEST_F(WithText, AllWeightsGiveANewModel) {
  FullTrainOptions o;
  static_cast<TrainOptions&>(o) = options();
  o.epochs = 12;
  o.learning_rate = 5e-3;
  const Dataset valid = data(6);
  const std::string before = base.digest();
  const FullTrainResult result = train_all_weights(base, data(24), &valid, o);
  EXPECT_EQ(base.digest(), before);
  EXPECT_NE(result.model.digest(), before);
  EXPECT_LT(result.validation_loss, 0.5 * result.history.front().loss);
  EXPECT_TRUE(result.model.has_chat_template());
  result.model.save(folder.path() + "/trained", "bfloat16");
  const Model half = Model::load(folder.path() + "/trained");
  EXPECT_EQ(half.config().torch_dtype, "bfloat16");
  const auto ids = half.encode("turn the lamp on");
  EXPECT_LT(max_error(half.logits(ids), result.model.logits(ids)), 0.3);
}

}  // namespace
}  // namespace whorl
